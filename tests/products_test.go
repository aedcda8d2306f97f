package tests_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/tests/recorder"
	"waybill.example/waybill/tests/stackfile"
)

// Two products of one customer are two stacks, side by side in the same accounts,
// cluster and namespaces: no two of their objects are called the same, and what is the
// vendor's begins with the customer's slug.
func TestTwoProductsOfACustomerDoNotCollide(t *testing.T) {
	for _, name := range stackfile.Names(t, "..") {
		if name == "virtucon" { // named by hand
			continue
		}
		t.Run(name, func(t *testing.T) {
			values, secrets := loadStack(t, name)
			_, err := runStack(t, name, nil)
			require.NoError(t, err)
			first := newRecorder(values, secrets)
			require.NoError(t, first.Run(examples(t)))
			var slug string
			values, secrets = loadStack(t, name, func(customer map[string]any) {
				slug = customer["slug"].(string)
				set("product.name", "other-"+customer["product"].(map[string]any)["name"].(string))(customer)
				// A namespace that was named by hand is somebody else's, or gets another name.
				environments, _ := customer["environments"].(map[string]any)
				for _, environment := range environments {
					namespace, _ := environment.(map[string]any)["namespace"].(map[string]any)
					if name, named := namespace["name"].(string); named && namespace["existing"] != true {
						namespace["name"] = "other-" + name
					}
				}
			})
			second := newRecorder(values, secrets)
			require.NoError(t, second.Run(examples(t)))
			taken := objects(first)
			assert.NotEmpty(t, taken)
			for object := range objects(second) {
				assert.False(t, taken[object], object)
				if strings.HasPrefix(object, "gcp:artifactregistry/repository:") || strings.HasPrefix(object, "aws:ecr/repository:") {
					assert.Regexp(t, "= "+slug+"(--|/)", object)
				}
			}
		})
	}
}

// objects are what a stack makes under names that its cloud or its cluster compares.
func objects(r *recorder.Recorder) map[string]bool {
	all := map[string]bool{}
	for _, registration := range r.All() {
		if registration.Read || strings.HasPrefix(registration.Type, "pulumi:") || strings.HasPrefix(registration.Type, "waybill:") {
			continue
		}
		for _, key := range []string{
			"repositoryId", "accountId", "workloadIdentityPoolId", "federatedIdentityCredentialResourceName", "resourceName", "name", "family",
			"metadata.name",
		} {
			if value := registration.Text(key); value != "" {
				all[registration.Type+" "+key+" = "+strings.TrimLeft(registration.Text("metadata.namespace")+" "+value, " ")] = true
				break
			}
		}
	}
	return all
}

// The engine that Pulumi.yaml wants is the one that the program is built for.
func TestTheRequiredEngineIsTheSDKs(t *testing.T) {
	project, err := os.ReadFile(filepath.Join("..", "Pulumi.yaml"))
	require.NoError(t, err)
	required := regexp.MustCompile(`requiredPulumiVersion: ">=([0-9.]+)"`).FindSubmatch(project)
	require.NotNil(t, required)
	module, err := os.ReadFile(filepath.Join("..", "go.mod"))
	require.NoError(t, err)
	assert.Contains(t, string(module), "github.com/pulumi/pulumi/sdk/v3 v"+string(required[1])+"\n")
}
