package recovery

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/internal/steps"
)

// programTypes are the types of every resource in the root module's goldens.
func programTypes(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "tests", "testdata", "*.golden"))
	require.NoError(t, err)
	types := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, token := range regexp.MustCompile(`\b(?:azure-native|gcp|aws|kubernetes):[a-zA-Z0-9./-]+:[A-Za-z]+`).FindAllString(string(text), -1) {
			types[token] = true
		}
	}
	all := make([]string, 0, len(types))
	for token := range types {
		all = append(all, token)
	}
	slices.Sort(all)
	return all
}

// stack is a stack in a backend, with clouds in which some IDs exist.
type stack struct {
	t         *testing.T
	state     inputs
	locked    bool
	exist     []string
	refreshed []string
	fails     error
}

func (s *stack) Repair(context.Context) ([]string, error) { return nil, nil }

func (s *stack) Cancel(context.Context) error { s.locked = false; return nil }

func (s *stack) Export(context.Context) ([]byte, error) {
	require.False(s.t, s.locked)
	return json.Marshal(inputs{"version": 3, "features": []any{"later"}, "deployment": s.state})
}

func (s *stack) Import(_ context.Context, text []byte) error {
	var document struct {
		Version    int
		Features   []string
		Deployment inputs
	}
	require.NoError(s.t, json.Unmarshal(text, &document))
	require.Equal(s.t, []any{3, []string{"later"}}, []any{document.Version, document.Features})
	s.state = document.Deployment
	return nil
}

// Refresh drops what does not exist, and gives the rest outputs.
func (s *stack) Refresh(_ context.Context, urns []string, _ func(steps.Resource)) (*steps.Result, error) {
	s.refreshed = urns
	if s.fails != nil {
		return nil, s.fails
	}
	s.state["resources"] = slices.DeleteFunc(s.resources(), func(r any) bool {
		resource := r.(inputs)
		if id, isCustom := resource["id"].(string); isCustom && slices.Contains(urns, resource["urn"].(string)) {
			if strings.HasPrefix(resource["type"].(string), "azure-native:") {
				require.NotContains(s.t, resource, "outputs")
			} else if asked, found := resource["inputs"]; found {
				require.Equal(s.t, asked, resource["outputs"], "the refresh starts from what was asked for")
			}
			resource["outputs"] = inputs{"read": true}
			return !slices.Contains(s.exist, id)
		}
		return false
	})
	return &steps.Result{}, nil
}

func (s *stack) resources() []any {
	all, _ := s.state["resources"].([]any)
	return all
}

// ids are name=ID of the resources in the state, with a mark for those that are
// to be deleted.
func (s *stack) ids() []string {
	var all []string
	for _, r := range s.resources() {
		resource := r.(inputs)
		urn, id, mark := resource["urn"].(string), "", ""
		if text, isCustom := resource["id"].(string); isCustom {
			id = "=" + text
		}
		if resource["delete"] == true {
			mark = " (deleted)"
		}
		all = append(all, urn[strings.LastIndex(urn, "::")+2:]+id+mark)
	}
	return all
}

func urn(token, name string) string { return "urn:pulumi:acme::waybill::" + token + "::" + name }

func resource(token, name string, more inputs) inputs {
	r := inputs{"urn": urn(token, name), "custom": true, "type": token, "extra": "kept"}
	for key, value := range more {
		r[key] = value
	}
	return r
}

func pending(was string, r inputs) inputs { return inputs{"type": was, "resource": r} }

const (
	logs        = "aws:cloudwatch/logGroup:LogGroup"
	association = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
)

func group(name string) inputs {
	return resource(logs, name, inputs{"inputs": inputs{"name": "/" + name}})
}

func TestWhatWasInFlightIsSettled(t *testing.T) {
	const providerToken = "pulumi:providers:aws"
	const identity = "/subscriptions/S/resourceGroups/G/providers/Microsoft.ManagedIdentity/userAssignedIdentities/pull"
	s := &stack{t: t, locked: true, exist: []string{"/there", "/changed", "arn:aws:iam::111122223333:policy/pull", identity}, state: inputs{
		"resources": []any{
			resource(providerToken, "aws", inputs{"id": "1", "outputs": inputs{"x": 1}, "inputs": inputs{"region": "us-east-1", "allowedAccountIds": `["111122223333"]`}}),
			resource("pulumi:providers:azure-native", "azure", inputs{"id": "2", "inputs": inputs{"subscriptionId": "S"}}),
			resource(logs, "changed", inputs{"id": "/changed", "inputs": inputs{"x": 1}, "outputs": inputs{"x": 1.0}}),
			resource(logs, "deleted", inputs{"id": "/deleted", "outputs": inputs{"x": 1}}),
			resource(logs, "other", inputs{"id": "/other", "outputs": inputs{"x": 1}}),
		},
		"pending_operations": []any{
			pending("creating", group("there")),
			pending("creating", group("absent")),
			pending("creating", resource("aws:iam/policy:Policy", "policy", inputs{"inputs": inputs{"name": "pull"}, "provider": urn(providerToken, "aws") + "::1"})),
			pending("creating", resource("azure-native:managedidentity:UserAssignedIdentity", "identity", inputs{
				"inputs": inputs{"resourceGroupName": "G", "resourceName": "pull"}, "provider": urn("pulumi:providers:azure-native", "azure") + "::2",
			})),
			pending("creating", resource("waybill:aws:Service", "service", inputs{"custom": false})),
			pending("creating", resource(providerToken, "customer", nil)),
			pending("creating", resource("aws:ecs/taskDefinition:TaskDefinition", "task", nil)),
			pending("updating", resource(logs, "changed", inputs{"id": "/changed"})),
			pending("deleting", resource(logs, "deleted", inputs{"id": "/deleted"})),
			pending("deleting", resource(logs, "gone", inputs{"id": "/gone"})),
		},
	}}
	var steps []string
	require.NoError(t, Settle(t.Context(), s, nil, func(step string) { steps = append(steps, step) }))
	assert.False(t, s.locked)
	assert.Equal(t, []string{"aws=1", "azure=2", "changed=/changed", "other=/other", "there=/there", "policy=arn:aws:iam::111122223333:policy/pull", "identity=" + identity}, s.ids())
	assert.NotContains(t, s.state, "pending_operations")
	for _, r := range s.resources() {
		assert.Equal(t, "kept", r.(inputs)["extra"])
	}
	assert.NotContains(t, s.refreshed, urn(logs, "other"))
	assert.Equal(t, []string{
		"took the lock away", "settled 10 pending operations in the state", "looking in the clouds for 6 resources",
		logs + " there: was creating; exists, and is in the state as /there",
		logs + " absent: was creating; does not exist as /absent",
		"aws:iam/policy:Policy policy: was creating; exists, and is in the state as arn:aws:iam::111122223333:policy/pull",
		"azure-native:managedidentity:UserAssignedIdentity identity: was creating; exists, and is in the state as " + identity,
		"waybill:aws:Service service: was creating; exists in no cloud; the next update makes it again",
		providerToken + " customer: was creating; exists in no cloud; the next update makes it again",
		"aws:ecs/taskDefinition:TaskDefinition task: was creating; " + renewed["aws:ecs/taskDefinition:TaskDefinition"],
		logs + " changed: was updating; exists, and is in the state as /changed",
		logs + " deleted: was deleting; does not exist as /deleted",
		logs + " gone: was deleting; is in the state no more as /gone",
	}, steps)
}

func TestAnIDThatTheCloudChoseIsAskedFor(t *testing.T) {
	fresh := func() *stack {
		return &stack{t: t, locked: true, exist: []string{"a-1"}, state: inputs{"pending_operations": []any{
			pending("creating", resource(association, "role-association", inputs{"inputs": inputs{"clusterName": "apps", "namespace": "ns", "serviceAccount": "sa"}})),
			pending("creating", resource("random:index/randomId:RandomId", "id", nil)),
		}}}
	}
	s := fresh()
	err := Settle(t.Context(), s, map[string]string{"typo": "x"}, func(string) {})
	require.EqualError(t, err, strings.Join([]string{
		association + " role-association was being created, and its ID cannot be derived: look with `aws eks list-pod-identity-associations --cluster-name apps --namespace ns --service-account sa`;" +
			" if it exists, run this again with --id role-association=ASSOCIATION-ID, and if it does not, with --id role-association=",
		"random:index/randomId:RandomId id was being created, and its ID cannot be derived: look for it in its cloud (no rule tells the ID of a random:index/randomId:RandomId);" +
			" if it exists, run this again with --id id=ID, and if it does not, with --id id=",
		"--id typo: no resource of this name was being created",
	}, "\n"))
	assert.Len(t, s.state["pending_operations"], 2, "the state is as it was")

	s = fresh()
	var steps []string
	require.NoError(t, Settle(t.Context(), s, map[string]string{"role-association": "a-1", "id": Absent}, func(step string) { steps = append(steps, step) }))
	assert.Equal(t, []string{"role-association=a-1"}, s.ids())
	assert.Contains(t, steps, "random:index/randomId:RandomId id: was creating; does not exist, the operator says")
}

// A replacement is made before or after the old resource is deleted.
func TestAReplacementThatWasBeingMadeTakesTheOldOnesPlace(t *testing.T) {
	s := &stack{t: t, exist: []string{"/a", "/b"}, state: inputs{
		"resources": []any{
			resource(logs, "a", inputs{"id": "/old-a", "outputs": inputs{"x": 1}}),
			resource(logs, "b", inputs{"id": "/old-b", "outputs": inputs{"x": 1}, "pendingReplacement": true}),
		},
		"pending_operations": []any{pending("creating", group("a")), pending("creating", group("b"))},
	}}
	s.exist = append(s.exist, "/old-a")
	require.NoError(t, Settle(t.Context(), s, nil, func(string) {}))
	assert.Equal(t, []string{"a=/old-a (deleted)", "a=/a", "b=/b"}, s.ids())
}

// The pending operations are gone from the state by then: what they left is
// found by its outputs, which no cloud gave.
func TestARefreshThatFailsIsMadeUpForByTheNextRecovery(t *testing.T) {
	s := &stack{t: t, exist: []string{"/there"}, fails: errors.New("no credentials"), state: inputs{
		"pending_operations": []any{pending("creating", group("there")), pending("creating", group("absent"))},
	}}
	err := Settle(t.Context(), s, nil, func(string) {})
	require.EqualError(t, err, "the refresh: no credentials: run `fleet recover STACK` again before any update")
	require.ErrorIs(t, err, s.fails)
	assert.Equal(t, []string{"there=/there", "absent=/absent"}, s.ids())
	s.fails = nil
	var steps []string
	require.NoError(t, Settle(t.Context(), s, nil, func(step string) { steps = append(steps, step) }))
	assert.Equal(t, []string{"there=/there"}, s.ids())
	assert.Contains(t, steps, "settled 2 pending operations in the state")
}

func TestAStackThatNobodyKilledIsLeftAsItIs(t *testing.T) {
	s := &stack{t: t, locked: true, state: inputs{"resources": []any{resource(logs, "a", inputs{"id": "/a", "outputs": inputs{"x": 1}})}}}
	var steps []string
	require.NoError(t, Settle(t.Context(), s, nil, func(step string) { steps = append(steps, step) }))
	assert.Empty(t, s.refreshed)
	assert.Equal(t, []string{"took the lock away", "nothing was in flight"}, steps)
}
