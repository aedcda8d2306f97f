package figures

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func perfect() *Report {
	return &Report{
		Refusals: Refusals{90, 90}, Accepted: Accepted{3, 3}, Faults: Faults{20, 20},
		Interruptions: Interruptions{6, 6}, Fuzz: Fuzz{3000, 0}, Pulls: Pulls{154, 0},
	}
}

func TestTheDocumentHasTheFormOfTheContract(t *testing.T) {
	text, err := json.Marshal(perfect())
	require.NoError(t, err)
	assert.JSONEq(t, `{
		"refusals": {"cases": 90, "atRightHop": 90}, "accepted": {"cases": 3, "ok": 3}, "faults": {"cases": 20, "survived": 20},
		"interruptions": {"cases": 6, "converged": 6}, "fuzz": {"inputs": 3000, "failures": 0}, "pulls": {"tried": 154, "failed": 0}}`, string(text))
}

func TestOneFailureOrAFigureWithoutCasesIsNotPerfect(t *testing.T) {
	assert.True(t, perfect().Perfect())
	assert.False(t, (&Report{}).Perfect())
	for name, spoil := range map[string]func(*Report){
		"refusals":           func(r *Report) { r.Refusals.AtRightHop-- },
		"accepted":           func(r *Report) { r.Accepted.OK-- },
		"faults":             func(r *Report) { r.Faults.Survived-- },
		"interruptions":      func(r *Report) { r.Interruptions.Converged-- },
		"fuzz":               func(r *Report) { r.Fuzz.Failures++ },
		"pulls":              func(r *Report) { r.Pulls.Failed++ },
		"no pull was tried":  func(r *Report) { r.Pulls = Pulls{} },
		"no walk was walked": func(r *Report) { r.Accepted = Accepted{} },
	} {
		report := perfect()
		spoil(report)
		assert.False(t, report.Perfect(), name)
	}
}

func TestEachLineSaysHowManyOfHowManyAndOfWhat(t *testing.T) {
	report := perfect()
	report.Pulls.Failed = 4
	var out bytes.Buffer
	require.NoError(t, report.Write(&out))
	assert.Equal(t, `✓ refusals          90 of 90     walks with one thing changed, refused at the hop that must refuse them
✓ accepted           3 of 3      walks with nothing changed that end with a pulled image
✓ faults            20 of 20     walks that end with a pulled image though a host failed once on the way
✓ interruptions      6 of 6      updates stopped midway that the next one finished, with nothing left to change
✓ fuzz            3000 of 3000   random configurations that were refused, or registered only what their clouds take
✗ pulls            150 of 154    pulls that succeeded while refreshes ran back to back
`, out.String())
}
