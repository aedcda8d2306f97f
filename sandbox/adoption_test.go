package sandbox_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// uids are the UIDs of what must stay the same objects.
func uids(t *testing.T, c kubernetes.Interface, product string) []string {
	t.Helper()
	ctx := context.Background()
	namespace, err := c.CoreV1().Namespaces().Get(ctx, product, metav1.GetOptions{})
	require.NoError(t, err)
	pullSecret, err := c.CoreV1().Secrets(product).Get(ctx, "ar-pull-secret", metav1.GetOptions{})
	require.NoError(t, err)
	deployment, err := c.AppsV1().Deployments(product).Get(ctx, product, metav1.GetOptions{})
	require.NoError(t, err)
	service, err := c.CoreV1().Services(product).Get(ctx, product, metav1.GetOptions{})
	require.NoError(t, err)
	return []string{string(namespace.UID), string(pullSecret.UID), string(deployment.UID), string(service.UID)}
}

// What a customer and its vendor made by hand after the guide is taken over in
// one update, and none of it is replaced.
func TestExampleAGuideMadeCustomerIsAdopted(t *testing.T) {
	t.Parallel()
	p := newProject(t, "virtucon")
	s := p.start(nil)
	before := uids(t, client(t, s), "bifrost")
	identity := s.Azure.Identities()[0]

	preview, err := open(t, s).Preview(context.Background())
	require.NoError(t, err)
	var planned []string
	for _, resource := range preview.Resources {
		assert.NotEqual(t, "replace", resource.Operation, resource.Name)
		assert.NotEqual(t, "delete", resource.Operation, resource.Name)
		if resource.Imported {
			planned = append(planned, resource.Name)
		}
	}
	slices.Sort(planned)
	taken := []string{
		"azure-bifrost-federated-credential", "azure-identity", "gcp-account", "gcp-pool", "gcp-provider", "gcp-reader", "gcp-repository",
		"pull-namespace", "pull-secret", "workload-deployment", "workload-service",
	}
	assert.Equal(t, taken, planned)

	result := up(t, s)
	for _, change := range changes(result) {
		assert.False(t, strings.HasPrefix(change, "replace ") || strings.HasPrefix(change, "delete "), change)
	}
	assert.Equal(t, before, uids(t, client(t, s), "bifrost"), "the same objects")
	adopted := s.Azure.Identities()
	require.Len(t, adopted, 1)
	assert.Equal(t, identity.PrincipalID, adopted[0].PrincipalID, "the same principal")
	require.Len(t, adopted[0].Credentials, 1)
	assert.Equal(t, "system:serviceaccount:bifrost:bifrost-refresher", adopted[0].Credentials[0].Subject, "changed in place: the refresher, and not the product")
	for _, hop := range walk(t, s, result.Outputs) {
		assert.True(t, hop.OK, "%s: %s", hop.Name, hop.Detail)
	}

	t.Run("without the entries there is nothing to do", func(t *testing.T) {
		p.set("adopt", nil)
		preview, err := open(t, s).Preview(context.Background())
		require.NoError(t, err)
		assert.Equal(t, []string{"update kubernetes"}, changes(preview), "the provider takes no fields over any more")
		assert.Equal(t, changes(preview), changes(up(t, s)))
		assert.Empty(t, changes(up(t, s)))
	})
}

// What would have to be replaced is not taken over by accident.
func TestExampleWhatWouldBeReplacedIsNotAdopted(t *testing.T) {
	t.Parallel()
	p := newProject(t, "virtucon")
	s := p.start(nil)
	file := filepath.Join(p.root, "Pulumi.virtucon.yaml")
	right, err := os.ReadFile(file)
	require.NoError(t, err)
	before := uids(t, client(t, s), "bifrost")
	for _, c := range []struct {
		name   string
		change func(customer map[string]any)
		want   string
	}{
		{"a name that is none", func(customer map[string]any) { customer["adopt"].(map[string]any)["gcp-pools"] = "x" }, "adopt.gcp-pools: is no resource of this stack"},
		{"another resource", func(customer map[string]any) {
			customer["adopt"].(map[string]any)["azure-identity"] = strings.Replace(customer["adopt"].(map[string]any)["azure-identity"].(string), "bifrost-pull", "nobodys", 1)
		}, "azure-identity"},
		{"another selector", func(customer map[string]any) { delete(customer, "workload") }, "workload-deployment"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(file, right, 0o600))
			p.change(c.change)
			_, err := open(t, s).Preview(context.Background())
			if err == nil { // the engine warns in a preview, and refuses in an update
				_, err = open(t, s).Up(context.Background())
			}
			require.ErrorContains(t, err, c.want)
			assert.Equal(t, before, uids(t, client(t, s), "bifrost"))
		})
	}
}

// importIDs reads what the engine's state holds, and forgets it: by their names in the
// stack, the import IDs of all that clouds and cluster have under names that follow from
// the stack file. What Pulumi chose a name for is made anew.
func (p *project) importIDs() map[string]any {
	p.t.Helper()
	backend := filepath.Join(p.root, ".sandbox", p.stack, "backend")
	files, err := filepath.Glob(filepath.Join(backend, ".pulumi", "stacks", "*", "*.json"))
	require.NoError(p.t, err)
	require.Len(p.t, files, 1)
	text, err := os.ReadFile(files[0])
	require.NoError(p.t, err)
	var state struct {
		Checkpoint struct {
			Latest struct {
				Resources []struct {
					URN, ID  string
					Custom   bool
					External bool
					Inputs   map[string]any
				}
			}
		}
	}
	require.NoError(p.t, json.Unmarshal(text, &state))
	require.NoError(p.t, os.RemoveAll(backend))
	ids := map[string]any{}
	for _, r := range state.Checkpoint.Latest.Resources {
		name := r.URN[strings.LastIndex(r.URN, "::")+2:]
		if metadata, object := r.Inputs["metadata"].(map[string]any); object && metadata["annotations"] != nil {
			annotations, _ := metadata["annotations"].(map[string]any)
			if annotations["pulumi.com/autonamed"] == "true" {
				continue
			}
		}
		// A patch of an object is none of its own.
		if !r.Custom || r.External || strings.Contains(r.URN, "::pulumi:providers:") || strings.HasSuffix(r.URN[:len(r.URN)-len("::"+name)], "Patch") {
			continue
		}
		// The IDs of bindings and of attachments are not those that import them.
		switch in := func(key string) string { text, _ := r.Inputs[key].(string); return text }; {
		case in("member") != "":
			ids[name] = strings.TrimSuffix(r.ID, "/"+in("role")+"/"+in("member")) + " " + in("role") + " " + in("member")
		case in("policyArn") != "":
			ids[name] = in("role") + "/" + in("policyArn")
		default:
			ids[name] = r.ID
		}
	}
	return ids
}

// Whoever followed a guide has everything that the stack would make and no state of an
// engine's, as has whoever lost the state: adopt takes it over, and nothing is replaced.
func TestExampleWhatAGuideMadeIsTakenOver(t *testing.T) {
	for stack, product := range map[string]string{"dev": "hello", "initech": "bifrost"} {
		t.Run(stack, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, stack)
			s := p.start(nil)
			first, before := up(t, s), uids(t, client(t, s), product)
			p.set("adopt", p.importIDs())
			taken := up(t, s)
			for _, change := range changes(taken) {
				assert.NotRegexp(t, "^(replace|delete) ", change)
			}
			assert.Equal(t, first.Outputs, taken.Outputs, "identities, grant and service are those of before")
			assert.Equal(t, before, uids(t, client(t, s), product))
			assert.Empty(t, broken(t, s, taken.Outputs))
			p.set("adopt", nil)
			assert.Equal(t, []string{"update kubernetes"}, changes(up(t, s)), "the provider takes no fields over any more")
		})
	}
}
