package policy_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"waybill.example/waybill/components/internal/policy"
)

func TestADocumentReadsAsAWSWritesIt(t *testing.T) {
	text, err := policy.Of(policy.Statement{
		Sid:       "Pull",
		Principal: &policy.Principal{AWS: policy.Set{"arn:aws:iam::111122223333:root"}},
		Action:    policy.Set{"ecr:BatchGetImage", "ecr:BatchCheckLayerAvailability"},
		Condition: policy.Condition{"ArnEquals": {"aws:PrincipalArn": {"arn:aws:iam::111122223333:role/a&b"}}},
	}).Render(policy.Repository)
	require.NoError(t, err)
	assert.Equal(t, `{"Version":"2012-10-17","Statement":[{"Sid":"Pull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},`+
		`"Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage"],`+
		`"Condition":{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/a&b"}}}]}`, text,
		"no Resource where none is given, and no character written as six")
}

// Two documents that mean the same are the same text: otherwise every preview
// would show a change.
func TestTheOrderOfValuesDoesNotChangeTheText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,3}:[A-Z][a-z]{0,4}`), 1, 8).Draw(t, "values")
		shuffled := rapid.Permutation(values).Draw(t, "shuffled")
		one, err := policy.Of(statement(values)).Render(policy.Managed)
		require.NoError(t, err)
		two, err := policy.Of(statement(append(shuffled, shuffled[0]))).Render(policy.Managed)
		require.NoError(t, err)
		require.Equal(t, one, two)
		require.True(t, json.Valid([]byte(one)))
		for _, value := range values {
			require.Contains(t, one, `"`+value+`"`)
		}
	})
}

func statement(actions []string) policy.Statement {
	return policy.Statement{
		Action: actions, Resource: policy.Set{"*"},
		Condition: policy.Condition{"StringEquals": {"aws:b": actions, "aws:a": actions}, "ArnLike": {"aws:c": actions}},
	}
}

func TestRenderingLeavesTheCallersOrder(t *testing.T) {
	actions := []string{"b:B", "a:A"}
	before := slices.Clone(actions)
	_, err := policy.Of(statement(actions)).Render(policy.Managed)
	require.NoError(t, err)
	assert.Equal(t, before, actions)
}

func TestADocumentThatIsTooLongIsRefused(t *testing.T) {
	frame, err := policy.Of(policy.Statement{Action: policy.Set{""}}).Render(policy.Trust)
	require.NoError(t, err)
	room := policy.Trust.Max - len(frame)
	for extra, want := range map[int]string{0: "", 1: "has 2049 characters: want a trust policy of at most 2048"} {
		// Characters count, not bytes.
		_, err := policy.Of(policy.Statement{Action: policy.Set{strings.Repeat("é", room+extra)}}).Render(policy.Trust)
		if want == "" {
			assert.NoError(t, err)
		} else {
			assert.EqualError(t, err, want)
		}
	}
}

func TestAGivenDocumentIsCompactedAndKeepsItsOrder(t *testing.T) {
	text, err := policy.Compact("{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [ {\"Resource\": \"*\", \"Effect\": \"Allow\"} ]\n}", policy.Managed)
	require.NoError(t, err)
	assert.Equal(t, `{"Version":"2012-10-17","Statement":[{"Resource":"*","Effect":"Allow"}]}`, text)

	long := `{"Statement":"` + strings.Repeat("a", policy.Managed.Max) + `"}`
	_, err = policy.Compact(long, policy.Managed)
	assert.ErrorContains(t, err, "want a managed policy of at most 6144")
	// White space is not counted.
	_, err = policy.Compact(`{"Statement":`+strings.Repeat(" ", policy.Managed.Max)+`[]}`, policy.Managed)
	assert.NoError(t, err)

	for _, text := range []string{"", "statement", "[]", "{}", `{"Statement":[]`, `"Statement"`} {
		_, err := policy.Compact(text, policy.Managed)
		assert.EqualError(t, err, "is no policy: want a JSON object with a Statement", text)
	}
}
