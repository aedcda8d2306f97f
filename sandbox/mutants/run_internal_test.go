package mutants

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/rehearsal"
)

func TestWhoRefusedIsReadFromTheDocument(t *testing.T) {
	refusal := func(name, hop string) rehearsal.Refusal {
		return rehearsal.Refusal{Case: name, Hop: hop, Error: "words"}
	}
	healthy := &document{OK: true, Refusals: []rehearsal.Refusal{refusal("a push", "registry"), refusal("a key", "entra")}}
	for _, test := range []struct {
		name         string
		got          document
		place, words string
	}{
		{"nobody", *healthy, "", ""},
		{"the engine", document{Errors: []string{"pool:", "Error 400"}}, "engine", "pool: Error 400"},
		{"the hop that a failed deployment came to", document{
			Errors: []string{"Job failed"}, Hops: []rehearsal.Hop{{Name: "entra", OK: true}, {Name: "sts", Detail: "invalid_grant"}},
		}, "hop sts", "invalid_grant"},
		{"a case that nobody refused", document{Refusals: []rehearsal.Refusal{refusal("a push", "")}}, "case", "a push: nobody refused it"},
		{"a case that another hop refused", document{
			Refusals: []rehearsal.Refusal{refusal("a push", "registry"), refusal("a key", "sts")},
		}, "case", "a key: sts refused it: words"},
		{"a case in other words", document{Refusals: healthy.Refusals}, "case", "one is refused in other words"},
	} {
		place, words := test.got.notice(healthy)
		assert.Equal(t, []string{test.place, test.words}, []string{place, words}, test.name)
	}
}

func TestOnlyWhatTheSandboxRefusesOrHasAReasonIsFine(t *testing.T) {
	result := func(place, reason, problem string) Result {
		return Result{Mutant: Mutant{Name: "a-b", Notice: "engine", Reason: reason}, Place: place, Error: problem, ComponentTests: "notice"}
	}
	fine := &Report{Mutants: []Result{result("engine", "", ""), result("", "changes nothing", "")}}
	fine.count()
	assert.True(t, fine.OK)
	bad := &Report{Mutants: []Result{result("", "", ""), result("engine", "changes nothing", "does not compile")}}
	bad.count()
	assert.False(t, bad.OK)
	assert.Equal(t, map[string]int{refused: 0, excused: 0, survived: 1, failed: 1}, bad.Counts)
	var text bytes.Buffer
	require.NoError(t, bad.Write(&text))
	assert.Contains(t, text.String(), "a-b     notice           -        ✗ SURVIVED: want it refused by engine\n")
}

func TestNothingBeginsOnceSomethingHasFailed(t *testing.T) {
	r := &runner{Options: Options{Jobs: 2}}
	var begun atomic.Int32
	broken := errors.New("broken")
	assert.ErrorIs(t, r.each(100, func(int) error { begun.Add(1); return broken }), broken)
	assert.Less(t, begun.Load(), int32(100))
	begun.Store(0)
	assert.NoError(t, r.each(100, func(int) error { begun.Add(1); return nil }))
	assert.EqualValues(t, 100, begun.Load())
}

// The mutant's own tool takes the place of a link, and what make built stays.
func TestAWorkshopLeavesWhatMakeBuilt(t *testing.T) {
	w := workshop{root: t.TempDir(), dir: t.TempDir()}
	built := filepath.Join(w.root, ".build", "bin", "sandbox")
	require.NoError(t, os.MkdirAll(filepath.Dir(built), 0o750))
	require.NoError(t, os.WriteFile(built, []byte("built"), 0o600))
	require.NoError(t, w.open())
	tool := w.path("tools", "bin", "sandbox")
	text, err := os.ReadFile(tool)
	require.NoError(t, err)
	assert.Equal(t, "built", string(text))

	require.NoError(t, os.WriteFile(filepath.Join(w.root, "main.go"), []byte("package main"), 0o600))
	err = w.build(t.Context(), Mutant{Name: "a-b", File: "main.go", Old: "main", New: "other"})
	require.ErrorContains(t, err, "go build")
	assert.NoFileExists(t, tool)
	assert.FileExists(t, built)
	changed, err := os.ReadFile(w.path("changed.go"))
	require.NoError(t, err)
	assert.Equal(t, "package other", string(changed))
}
