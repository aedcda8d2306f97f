package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"

	"waybill.example/waybill/sandbox"
	"waybill.example/waybill/sandbox/rehearsal"
)

// customer is somebody with kubectl, whose stack is never updated by an engine.
type customer struct {
	*project
	client  dynamic.Interface
	outputs string
}

func newCustomer(p *project, s *sandbox.Sandbox, outputs map[string]any) *customer {
	p.t.Helper()
	c := &customer{project: p, outputs: filepath.Join(p.t.TempDir(), "outputs.json")}
	var err error
	c.client, err = dynamic.NewForConfig(s.Clusters[0].RESTConfig())
	require.NoError(p.t, err)
	text, err := json.Marshal(outputs)
	require.NoError(p.t, err)
	require.NoError(p.t, os.WriteFile(c.outputs, text, 0o600))
	return c
}

// manifests are the objects that the program prints.
func (c *customer) manifests(options ...string) []*unstructured.Unstructured {
	c.t.Helper()
	program, err := filepath.Abs(filepath.Join("..", ".build", "bin", "waybill"))
	require.NoError(c.t, err)
	command := exec.Command(program, append([]string{"manifests", c.stack, "--outputs", c.outputs}, options...)...)
	command.Dir = c.root
	var complaints bytes.Buffer
	command.Stderr = &complaints
	text, err := command.Output()
	require.NoError(c.t, err, complaints.String())
	var all []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(c.t, err)
		all = append(all, object)
	}
}

func (c *customer) resource(object *unstructured.Unstructured) dynamic.ResourceInterface {
	resource, _ := meta.UnsafeGuessKindToResource(object.GroupVersionKind())
	if namespace := object.GetNamespace(); namespace != "" {
		return c.client.Resource(resource).Namespace(namespace)
	}
	return c.client.Resource(resource)
}

// apply is `kubectl apply --server-side`.
func (c *customer) apply(object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	text, err := json.Marshal(object.Object)
	require.NoError(c.t, err)
	return c.resource(object).Patch(context.Background(), object.GetName(), "application/apply-patch+yaml", text,
		metav1.PatchOptions{FieldManager: "customer", FieldValidation: metav1.FieldValidationStrict})
}

// applyAll applies objects, and gives their generations, by kind and name.
func (c *customer) applyAll(objects []*unstructured.Unstructured) map[string]string {
	c.t.Helper()
	versions := map[string]string{}
	for _, object := range objects {
		applied, err := c.apply(object)
		require.NoError(c.t, err, object.GetName())
		versions[object.GetKind()+" "+object.GetName()] = applied.GetResourceVersion()
	}
	return versions
}

// madeKinds are the kinds of objects that waybill makes in a namespace.
var madeKinds = []schema.GroupVersionResource{
	{Version: "v1", Resource: "configmaps"}, {Version: "v1", Resource: "secrets"}, {Version: "v1", Resource: "serviceaccounts"},
	{Version: "v1", Resource: "services"}, {Group: "apps", Version: "v1", Resource: "deployments"},
	{Group: "batch", Version: "v1", Resource: "cronjobs"}, {Group: "batch", Version: "v1", Resource: "jobs"},
	{Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"}, {Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"}, {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"},
}

// randomly is the end of a name that Pulumi chose, or that follows from contents.
var randomly = regexp.MustCompile(`-[0-9a-f]{8}\b`)

// made are waybill's objects in a namespace, and the namespace, as JSON by kind and
// name: without what the API server and controllers add, what the refresher writes, and
// the annotations of Pulumi's.
func (c *customer) made(namespace string) map[string]string {
	c.t.Helper()
	all := map[string]string{}
	add := func(object *unstructured.Unstructured) {
		for _, path := range [][]string{
			{"status"}, {"metadata", "uid"}, {"metadata", "resourceVersion"}, {"metadata", "generation"}, {"metadata", "creationTimestamp"},
			{"metadata", "managedFields"}, {"spec", "clusterIP"}, {"spec", "clusterIPs"}, {"spec", "finalizers"},
		} {
			unstructured.RemoveNestedField(object.Object, path...)
		}
		annotations := object.GetAnnotations()
		for key := range annotations {
			if strings.HasPrefix(key, "pulumi.com/") || key == "deployment.kubernetes.io/revision" || object.GetKind() == "Secret" {
				delete(annotations, key)
			}
		}
		if object.SetAnnotations(annotations); len(annotations) == 0 {
			object.SetAnnotations(nil)
		}
		switch object.GetKind() {
		case "Secret":
			unstructured.RemoveNestedField(object.Object, "data", ".dockerconfigjson")
		case "Job": // its controller's labels have its UID and its name
			unstructured.RemoveNestedField(object.Object, "spec", "selector")
			labels, _, err := unstructured.NestedStringMap(object.Object, "spec", "template", "metadata", "labels")
			require.NoError(c.t, err)
			for key := range labels {
				if strings.Contains(key, "controller-uid") || strings.Contains(key, "job-name") {
					unstructured.RemoveNestedField(object.Object, "spec", "template", "metadata", "labels", key)
					unstructured.RemoveNestedField(object.Object, "metadata", "labels", key)
				}
			}
		}
		text, err := json.MarshalIndent(object.Object, "", " ")
		require.NoError(c.t, err)
		all[object.GetKind()+" "+randomly.ReplaceAllString(object.GetName(), "-HASH")] = randomly.ReplaceAllString(string(text), "-HASH")
	}
	for _, kind := range madeKinds {
		list, err := c.client.Resource(kind).Namespace(namespace).List(context.Background(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/part-of=waybill"})
		require.NoError(c.t, err)
		for _, object := range list.Items {
			if len(object.GetOwnerReferences()) == 0 {
				add(&object)
			}
		}
	}
	object, err := c.client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).Get(context.Background(), namespace, metav1.GetOptions{})
	require.NoError(c.t, err)
	add(object)
	return all
}

// A customer that applies what the program prints has, field by field, what an update
// would have made, and its pods pull: on the clouds' half of the same stack. Whatever
// is applied again leaves the pull secret's data alone, and a new tag changes what runs
// and the list of images that a token is tried on.
func TestExampleWhatTheProgramPrintsIsWhatAnUpdateMakes(t *testing.T) {
	t.Parallel()
	for stack, namespace := range map[string]string{"dev": "hello", "initech": "bifrost"} {
		t.Run(stack, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, stack)
			s := p.start(nil)
			outputs := up(t, s).Outputs
			c := newCustomer(p, s, outputs)
			updated := c.made(namespace)
			ctx, cluster := context.Background(), client(t, s)
			require.NoError(t, cluster.CoreV1().Namespaces().Delete(ctx, namespace, metav1.DeleteOptions{}))
			require.Eventually(t, func() bool {
				_, err := cluster.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
				return apierrors.IsNotFound(err)
			}, 2*time.Minute, time.Second, "the namespace goes with everything in it")

			objects := c.manifests()
			require.Equal(t, "Namespace", objects[0].GetKind())
			_, err := c.apply(objects[0])
			require.NoError(t, err)
			for _, object := range objects {
				if object.GetKind() == "Secret" {
					_, err := c.apply(object)
					require.ErrorContains(t, err, "data[.dockerconfigjson]: Required value", "which is why it is created once")
				}
			}
			createOnce := func() {
				for _, object := range c.manifests("--once") {
					_, err := c.resource(object).Create(ctx, object, metav1.CreateOptions{FieldManager: "kubectl-create"})
					require.True(t, err == nil || object.GetKind() == "Namespace" && apierrors.IsAlreadyExists(err), "%v", err)
				}
			}
			createOnce()
			c.applyAll(objects)
			require.Eventually(t, func() bool {
				deployments, err := cluster.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
				return err == nil && len(deployments.Items) == 1 && deployments.Items[0].Status.AvailableReplicas == 2
			}, 4*time.Minute, time.Second, "the first refresh fills the pull secret, and the product is pulled with it")
			assert.Equal(t, updated, c.made(namespace))

			chain, err := s.Rehearsal(ctx, outputs)
			require.NoError(t, err)
			require.NoError(t, chain.Walk(ctx, func(hop rehearsal.Hop) { assert.True(t, hop.OK, "%s: %s", hop.Name, hop.Detail) }))
			refusals := 0
			require.NoError(t, chain.Refusals(ctx, func(refusal rehearsal.Refusal) {
				refusals++
				if refusal.Case == "the product before the first refresh" {
					return // kubectl waits for nothing: the kubelet tries again until the pull secret is filled
				}
				assert.True(t, refusal.OK, "%s: want a refusal at %s, got %q: %s", refusal.Case, refusal.Want, refusal.Hop, refusal.Error)
			}))
			t.Logf("%d refusals", refusals)
			assert.Greater(t, refusals, 20)

			// A pull secret that is gone is made again, and another first refresh fills it
			// as soon as the Job of the last one is gone (docs/runbooks.md).
			require.NoError(t, cluster.CoreV1().Secrets(namespace).Delete(ctx, secret, metav1.DeleteOptions{}))
			createOnce()
			background := metav1.DeletePropagationBackground
			require.NoError(t, cluster.BatchV1().Jobs(namespace).DeleteCollection(ctx, metav1.DeleteOptions{PropagationPolicy: &background},
				metav1.ListOptions{LabelSelector: "app.kubernetes.io/component=refresher,app.kubernetes.io/name=" + objects[0].GetName()}))
			c.applyAll(objects)
			var filled *corev1.Secret
			require.Eventually(t, func() bool {
				filled, err = cluster.CoreV1().Secrets(namespace).Get(ctx, secret, metav1.GetOptions{})
				if err != nil || string(filled.Data[".dockerconfigjson"]) == `{"auths":{}}` {
					return false
				}
				running, err := cluster.BatchV1().Jobs(namespace).List(ctx, metav1.ListOptions{FieldSelector: "status.successful=0"})
				return err == nil && len(running.Items) == 0
			}, 4*time.Minute, time.Second)
			before := c.applyAll(objects)
			kept, err := cluster.CoreV1().Secrets(namespace).Get(ctx, secret, metav1.GetOptions{})
			require.NoError(t, err)
			assert.Equal(t, filled.Data, kept.Data)
			assert.Equal(t, filled.Annotations, kept.Annotations)

			p.set("product.tag", "9.9.9")
			after := c.applyAll(c.manifests())
			var changed []string
			for name, version := range after {
				if before[name] != version {
					changed = append(changed, name)
				}
			}
			name := objects[0].GetName()
			assert.ElementsMatch(t, []string{"ConfigMap ar-pull-secret-images", "Deployment " + name}, changed, "and no first refresh runs again")
		})
	}
}
