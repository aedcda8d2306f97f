//go:build differential

package differential

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"waybill.example/waybill/sandbox/aws/iam/policy"
)

// figures count what was compared.
type figures struct {
	compared, allowed, explicit, implicit int
}

func TestBothEvaluatorsDecideAlike(t *testing.T) {
	other := startSimulator(t)
	count := figures{}
	rapid.Check(t, func(t *rapid.T) {
		s := drawScenario(t)
		ours := evaluate(t, s)
		theirs := simulate(t, other, s)
		count.compared++
		switch ours {
		case "Allowed":
			count.allowed++
		case "ExplicitlyDenied":
			count.explicit++
		default:
			count.implicit++
		}
		if ours == theirs {
			return
		}
		text, err := json.MarshalIndent(s, "", "  ")
		require.NoError(t, err)
		t.Fatalf("here %s, there %s:\n%s", ours, theirs, text)
	})
	t.Logf("compared %d: %d allowed, %d explicitly and %d implicitly denied",
		count.compared, count.allowed, count.explicit, count.implicit)
	require.Positive(t, count.allowed)
	require.Positive(t, count.explicit)
	require.Positive(t, count.implicit)
}

func attach(t *rapid.T, kind policy.Kind, document object) policy.Attached {
	text, err := json.Marshal(document)
	require.NoError(t, err)
	parsed, err := policy.Parse(kind, "aws", string(text))
	require.NoError(t, err, "%s", text)
	return policy.Attached{Document: parsed}
}

func evaluate(t *rapid.T, s scenario) string {
	caller := policy.Caller{Kind: policy.RoleSession, Account: customer, ARN: s.Caller, RoleARN: roleARN, UniqueID: "AROAEXAMPLEEXAMPLE123"}
	if s.Caller == userARN {
		caller = policy.Caller{Kind: policy.User, Account: customer, ARN: s.Caller, UniqueID: "AIDAEXAMPLEEXAMPLE123"}
	}
	request := policy.Request{Caller: caller, Action: s.Action, Resource: s.Resource, Account: s.Account, Context: policy.Context{}}
	for key, values := range s.Context {
		request.Context.Set(key, values...)
	}
	var policies policy.Policies
	for _, document := range s.Identity {
		policies.Identity = append(policies.Identity, attach(t, policy.Identity, document))
	}
	if s.Boundary != nil {
		boundary := attach(t, policy.Identity, s.Boundary)
		policies.Boundary = &boundary
	}
	if s.Policy != nil {
		kind := policy.Repository
		if s.Action == "sts:AssumeRole" {
			kind = policy.Trust
		}
		resource := attach(t, kind, s.Policy)
		policies.Resource = &resource
	}
	switch decision := policy.Evaluate(request, policies); {
	case decision.Allowed:
		return "Allowed"
	case decision.Explicit:
		return "ExplicitlyDenied"
	}
	return "ImplicitlyDenied"
}

func simulate(t *rapid.T, other *simulator, s scenario) string {
	context := object{}
	for key, values := range s.Context {
		context[key] = values[0]
	}
	named := func(documents ...object) []object {
		all := []object{}
		for i, document := range documents {
			if document != nil {
				all = append(all, object{"name": "policy" + string(rune('a'+i)), "policy": document})
			}
		}
		return all
	}
	question := object{
		"request": object{
			"principal": s.Caller, "action": s.Action,
			"resource":         object{"resource": s.Resource, "accountId": s.Account},
			"contextVariables": context,
		},
		"identityPolicies":        named(s.Identity...),
		"serviceControlPolicies":  []any{},
		"resourceControlPolicies": []any{},
	}
	if s.Boundary != nil {
		question["permissionBoundaryPolicies"] = named(s.Boundary)
	}
	if s.Policy != nil {
		question["resourcePolicy"] = s.Policy
	}
	got, err := other.ask(question)
	require.NoError(t, err)
	require.Empty(t, string(got.Errors), "%s", slices.Sorted(maps.Keys(question)))
	require.Empty(t, got.Ignored, "condition keys that the other side does not know")
	return strings.TrimSpace(got.Result)
}
