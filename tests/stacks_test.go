// Package tests holds what is tested across packages: whole stacks against
// their goldens, the contract that every component keeps, and the README.
package tests_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/stacks"
	"waybill.example/waybill/tests/recorder"
	"waybill.example/waybill/tests/stackfile"
)

// examples is the program for the example stacks, with the one document that
// comes with them: who tries them out adds others. Where there are no examples,
// there is none.
func examples(t *testing.T) pulumi.RunFunc {
	t.Helper()
	const request = "examples/oscorp.accessRequest.json"
	root := t.TempDir()
	text, err := os.ReadFile(filepath.Join("..", request))
	if errors.Is(err, fs.ErrNotExist) {
		return stacks.In(root)
	}
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(root, filepath.Dir(request)), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, request), text, 0o600))
	return stacks.In(root)
}

var update = flag.Bool("update", false, "write the goldens anew")

const issuer = "https://westeurope.oic.prod-aks.azure.com/3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10/0b6f3c1d-7e58-4b0a-8f25-91c4d6e7a812/"

// newRecorder answers every look-up of the example stacks.
func newRecorder(config map[string]string, secrets []string) *recorder.Recorder {
	return &recorder.Recorder{
		Config: config, Secrets: secrets,
		Functions: map[string]func(resource.PropertyMap) (resource.PropertyMap, error){
			"azure-native:containerservice:getManagedCluster": cluster(issuer),
			"azure-native:managedidentity:getUserAssignedIdentity": func(args resource.PropertyMap) (resource.PropertyMap, error) {
				return resource.PropertyMap{
					"name":        args["resourceName"],
					"tenantId":    resource.NewProperty(recorder.GUID("tenant")),
					"clientId":    resource.NewProperty(recorder.GUID("existing client")),
					"principalId": resource.NewProperty(recorder.GUID("existing principal")),
				}, nil
			},
			"gcp:organizations/getProject:getProject": func(resource.PropertyMap) (resource.PropertyMap, error) {
				return resource.NewPropertyMapFromMap(map[string]any{"number": recorder.ProjectNumber}), nil
			},
			"aws:eks/getCluster:getCluster": func(resource.PropertyMap) (resource.PropertyMap, error) {
				return resource.NewPropertyMapFromMap(map[string]any{"identities": []any{
					map[string]any{"oidcs": []any{map[string]any{"issuer": "https://oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF"}}},
				}}), nil
			},
			// The provider of a cluster of EKS came with it; of others there is none.
			"aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider": func(args resource.PropertyMap) (resource.PropertyMap, error) {
				if !strings.Contains(args["arn"].StringValue(), "eks.") {
					return nil, errors.New("NoSuchEntity")
				}
				return resource.NewPropertyMapFromMap(map[string]any{"arn": args["arn"].StringValue(), "clientIdLists": []any{"sts.amazonaws.com"}}), nil
			},
		},
		Reads: map[string]func(string) (resource.PropertyMap, error){
			"kubernetes:core/v1:Namespace": namespace(map[string]any{"pod-security.kubernetes.io/enforce": "restricted"}),
			"pulumi:pulumi:StackReference": stackOutputs(nil),
		},
	}
}

// stackOutputs answers references to stacks by name, with no output of any other.
func stackOutputs(stacks map[string]map[string]any) func(string) (resource.PropertyMap, error) {
	return func(name string) (resource.PropertyMap, error) {
		outputs := stacks[name]
		if outputs == nil {
			outputs = map[string]any{}
		}
		return resource.NewPropertyMapFromMap(map[string]any{"name": name, "outputs": outputs, "secretOutputNames": []any{}}), nil
	}
}

func cluster(issuer string) func(resource.PropertyMap) (resource.PropertyMap, error) {
	return func(resource.PropertyMap) (resource.PropertyMap, error) {
		return resource.NewPropertyMapFromMap(map[string]any{
			"oidcIssuerProfile": map[string]any{"enabled": issuer != "", "issuerURL": issuer},
		}), nil
	}
}

func namespace(labels map[string]any) func(string) (resource.PropertyMap, error) {
	return func(id string) (resource.PropertyMap, error) {
		return resource.NewPropertyMapFromMap(map[string]any{
			"metadata": map[string]any{"name": id, "labels": labels},
		}), nil
	}
}

// loadStack reads an example and lets edit change its object.
func loadStack(t testing.TB, name string, edits ...func(customer map[string]any)) (map[string]string, []string) {
	t.Helper()
	values, secrets := stackfile.Load(t, "..", name)
	var customer map[string]any
	require.NoError(t, json.Unmarshal([]byte(values["waybill:customer"]), &customer))
	for _, edit := range edits {
		edit(customer)
	}
	text, err := json.Marshal(customer)
	require.NoError(t, err)
	values["waybill:customer"] = string(text)
	return values, secrets
}

func TestStacksRegisterWhatTheirGoldensSay(t *testing.T) {
	for _, name := range stackfile.Names(t, "..") {
		t.Run(name, func(t *testing.T) {
			values, secrets := loadStack(t, name)
			r := newRecorder(values, secrets)
			require.NoError(t, r.Run(examples(t)))
			compare(t, filepath.Join("testdata", name+".golden"), render(r))
		})
	}
}

// A preview registers the same as an update: a resource that appears only once
// a value is known would be missing from every pull request's check.
func TestPreviewsRegisterTheSameAsUpdates(t *testing.T) {
	for _, name := range stackfile.Names(t, "..") {
		t.Run(name, func(t *testing.T) {
			values, secrets := loadStack(t, name)
			preview, up := newRecorder(values, secrets), newRecorder(values, secrets)
			preview.Preview = true
			require.NoError(t, preview.Run(examples(t)))
			require.NoError(t, up.Run(examples(t)))
			assert.Equal(t, identities(up), identities(preview))
		})
	}
}

func identities(r *recorder.Recorder) []string {
	var all []string
	for _, registration := range r.All() {
		all = append(all, fmt.Sprintf("%s %s < %s @ %s", registration.Type, registration.Name, registration.Parent, registration.Provider))
	}
	return all
}

// render writes a stack's registrations: types, names, parents, providers and
// options, which a customer's resources depend on, and the names in the cloud.
func render(r *recorder.Recorder) string {
	var out strings.Builder
	for _, registration := range r.All() {
		fmt.Fprintf(&out, "%s %s\n", registration.Type, registration.Name)
		fmt.Fprintf(&out, "  parent %s", registration.Parent)
		if registration.Provider != "" {
			fmt.Fprintf(&out, ", provider %s", registration.Provider)
		}
		out.WriteString("\n")
		for _, line := range options(registration) {
			fmt.Fprintf(&out, "  %s\n", line)
		}
		for _, path := range []string{
			"resourceName", "federatedIdentityCredentialResourceName", "repositoryId", "accountId",
			"workloadIdentityPoolId", "workloadIdentityPoolProviderId", "role", "metadata.name", "name", "family",
		} {
			if value := registration.Text(path); value != "" {
				fmt.Fprintf(&out, "  %s = %s\n", path, value)
			}
		}
	}
	return out.String()
}

func options(registration recorder.Registration) []string {
	if registration.Read {
		return []string{"read, not registered"}
	}
	rpc := registration.RPC
	var lines []string
	if rpc.GetProtect() {
		lines = append(lines, "protected")
	}
	if rpc.GetRetainOnDelete() {
		lines = append(lines, "kept in the cloud")
	}
	if rpc.GetDeleteBeforeReplace() {
		lines = append(lines, "deleted before replaced")
	}
	if ignored := rpc.GetIgnoreChanges(); len(ignored) > 0 {
		lines = append(lines, "ignores changes of "+strings.Join(ignored, ", "))
	}
	if rpc.GetReplacementTrigger() != nil {
		lines = append(lines, "replaced when its trigger changes")
	}
	if hooks := rpc.GetHooks().GetOnError(); len(hooks) > 0 {
		lines = append(lines, "on error "+strings.Join(hooks, ", "))
	}
	if timeouts := rpc.GetCustomTimeouts(); timeouts.GetCreate() != "" {
		lines = append(lines, "waits "+timeouts.GetCreate())
	}
	return lines
}

func compare(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "no golden: run `go test ./tests -update` and read what it writes")
	if gone, come := difference(string(want), got); gone+come != "" {
		t.Errorf("%s differs.\nGone, each a DELETION in a customer's account:\n%s\nNew:\n%s\n"+
			"If that is meant, run `go test ./tests -update` and say so in the commit.", path, gone, come)
	}
}

// difference gives the resources that only one of two goldens has, or has
// otherwise.
func difference(want, got string) (gone, come string) {
	return strings.Join(without(blocks(want), blocks(got)), ""), strings.Join(without(blocks(got), blocks(want)), "")
}

// blocks are a golden's resources, each with its indented lines.
func blocks(golden string) []string {
	var all []string
	for line := range strings.Lines(golden) {
		if len(all) == 0 || !strings.HasPrefix(line, " ") {
			all = append(all, line)
			continue
		}
		all[len(all)-1] += line
	}
	return all
}

func without(all, others []string) []string {
	return slices.DeleteFunc(all, func(block string) bool { return slices.Contains(others, block) })
}

// beyondProviders are the registrations that are no explicit provider's.
func beyondProviders(r *recorder.Recorder) []string {
	var beyond []string
	for _, registration := range r.All() {
		if !strings.HasPrefix(registration.Type, "pulumi:providers:") && !registration.Read {
			beyond = append(beyond, registration.Type+" "+registration.Name)
		}
	}
	return beyond
}

func set(path string, value any) func(map[string]any) {
	return func(customer map[string]any) {
		keys := strings.Split(path, ".")
		object := customer
		for _, key := range keys[:len(keys)-1] {
			inner, ok := object[key].(map[string]any)
			if !ok {
				inner = map[string]any{}
				object[key] = inner
			}
			object = inner
		}
		if value == nil {
			delete(object, keys[len(keys)-1])
			return
		}
		object[keys[len(keys)-1]] = value
	}
}
