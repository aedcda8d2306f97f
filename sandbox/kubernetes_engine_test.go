package sandbox_test

import (
	"context"
	"maps"
	"strings"
	"testing"

	pulumikubernetes "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// typed adds to an object's inputs what the SDK takes from its type.
func typed(token string, inputs pulumi.Map) pulumi.Map {
	parts := strings.Split(token, ":")
	whole := pulumi.Map{"apiVersion": text(strings.TrimPrefix(parts[1], "core/")), "kind": text(parts[2])}
	maps.Copy(whole, inputs)
	return whole
}

// oneObject registers an object by its inputs, which no SDK has checked.
func oneObject(kubeContext, token string, inputs pulumi.Map) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		provider, err := pulumikubernetes.NewProvider(ctx, "kubernetes", &pulumikubernetes.ProviderArgs{Context: pulumi.String(kubeContext)})
		if err != nil {
			return err
		}
		return ctx.RegisterResource(token, "object", typed(token, inputs), &pulumi.CustomResourceState{}, pulumi.Provider(provider))
	}
}

func TestAFieldThatKubernetesDoesNotHaveIsRefused(t *testing.T) {
	s := newProject(t, "dev").start(oneObject("example-cluster", "kubernetes:core/v1:ConfigMap", pulumi.Map{
		"metadata": pulumi.Map{"name": text("settings"), "namespace": text("default")}, "datum": pulumi.Map{"key": text("value")},
	}))
	_, err := open(t, s).Preview(context.Background())
	require.ErrorContains(t, err, ".datum: field not declared in schema")
	_, err = open(t, s).Up(context.Background())
	require.ErrorContains(t, err, ".datum: field not declared in schema")
}

func TestAContextThatIsNotThereIsToldByAPreview(t *testing.T) {
	s := newProject(t, "dev").start(oneObject("other", "kubernetes:core/v1:ConfigMap", pulumi.Map{
		"metadata": pulumi.Map{"name": text("settings"), "namespace": text("default")},
	}))
	_, err := open(t, s).Preview(context.Background())
	require.ErrorContains(t, err, `context "other" does not exist`)
	list, err := client(t, s).CoreV1().ConfigMaps("default").List(context.Background(), metav1.ListOptions{})
	require.NoError(t, err)
	for _, found := range list.Items {
		assert.NotEqual(t, "settings", found.Name)
	}
}
