package sandbox_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clientkubernetes "k8s.io/client-go/kubernetes"

	"waybill.example/waybill/sandbox"
	"waybill.example/waybill/stacks"
)

const (
	missingAnnotation = "waybill.example/missing"
	successAnnotation = "waybill.example/last-success"
)

// release changes what the vendor's pipeline pushes; nil: nothing.
func (p *project) release(releases []any) (before []any) {
	p.world(func(world map[string]any) {
		for _, each := range world["gcp"].(map[string]any)["projects"].([]any) {
			if project := each.(map[string]any); project["releases"] != nil {
				before = project["releases"].([]any)
				project["releases"] = releases
			}
		}
	})
	return before
}

// On EKS the first day is the same, with the vendor's registry at AWS.
func TestExampleTheFirstUpdateOnEKSMeetsAnEmptyRepository(t *testing.T) {
	t.Parallel()
	p := newProject(t, "initech")
	var releases any
	p.account("210987654321", func(account map[string]any) { releases = account["releases"]; delete(account, "releases") })
	s := p.start(nil)
	_, err := open(t, s).Up(t.Context())
	require.ErrorContains(t, err, "the registry does not hold 210987654321.dkr.ecr.us-east-1.amazonaws.com/initech/bifrost:1.4.2 yet: the vendor pushes it")
	deployed, err := client(t, s).AppsV1().Deployments(metav1.NamespaceAll).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	assert.Empty(t, deployed.Items, "nothing runs that could not pull")
	require.NoError(t, s.Close())

	p.account("210987654321", func(account map[string]any) { account["releases"] = releases })
	s = p.start(nil)
	require.NoError(t, s.Release(t.Context()))
	result := up(t, s)
	assert.Contains(t, changes(result), "create workload-deployment", "it goes on where it stopped")
	assert.Empty(t, broken(t, s, result.Outputs))
	assert.Empty(t, changes(up(t, s)))
}

// The vendor pushes once the repository is there, and not before.
func TestTheFirstUpdateOfACustomerMeetsAnEmptyRepository(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := newProject(t, "dev")
	released := p.release([]any{})
	s := p.start(nil)
	_, err := open(t, s).Up(ctx)
	const image = "europe-west1-docker.pkg.dev/hello-images/example--hello/hello:1.0"
	require.ErrorContains(t, err, "the registry does not hold "+image+" yet: the vendor pushes it, for example with \"crane copy")
	require.ErrorContains(t, err, "then run `pulumi up` again")

	c := client(t, s)
	assert.NotEmpty(t, credentials(t, pullSecretOf(t, c)).Password, "the token is good, and written")
	assert.Contains(t, pullSecretOf(t, c).Annotations[missingAnnotation], image+" since ")
	_, err = c.AppsV1().Deployments(namespace).Get(ctx, "hello", metav1.GetOptions{})
	assert.True(t, apierrors.IsNotFound(err), "nothing runs that could not pull")

	require.NoError(t, s.Close())
	p.release(released)
	s = p.start(nil)
	changed := changes(up(t, s))
	assert.Contains(t, changed, "replace pull-first-refresh")
	assert.Contains(t, changed, "create workload-deployment")
	assert.NotContains(t, pullSecretOf(t, client(t, s)).Annotations, missingAnnotation)
	assert.Empty(t, changes(up(t, s)))

	t.Run("a tag that is not there stops no fresh token", func(t *testing.T) { aMissingTagStopsNoToken(t, s) })
	t.Run("replicas that somebody else set", func(t *testing.T) { replicasOfSomebodyElse(t, p, s) })
	t.Run("a later tag that nobody pushed", func(t *testing.T) { aLaterTagIsMissing(t, p, s, released) })
}

// A later tag that nobody pushed stops nothing that runs; the error says what to push,
// and the next update goes on.
func aLaterTagIsMissing(t *testing.T, p *project, s *sandbox.Sandbox, released []any) {
	impatient := func(ctx *pulumi.Context) error {
		soon := pulumi.Timeouts(&pulumi.CustomTimeouts{Update: "20s"})
		if err := ctx.RegisterStackTransformation(func(args *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
			if args.Type != "kubernetes:apps/v1:Deployment" {
				return nil
			}
			return &pulumi.ResourceTransformationResult{Props: args.Props, Opts: append(args.Opts, soon)}
		}); err != nil {
			return err
		}
		return stacks.Run(ctx)
	}
	require.NoError(t, s.Close())
	p.set("product.tag", "9.9")
	s = p.start(impatient)
	_, err := open(t, s).Up(context.Background())
	const image = "europe-west1-docker.pkg.dev/hello-images/example--hello/hello:9.9"
	require.ErrorContains(t, err, "workload-deployment: the registry does not hold "+image+` yet: the vendor pushes it, for example with "crane copy YOUR-IMAGE `+image+`"`)
	found, err := client(t, s).AppsV1().Deployments(namespace).Get(context.Background(), "hello", metav1.GetOptions{})
	require.NoError(t, err)
	assert.GreaterOrEqual(t, found.Status.AvailableReplicas, *found.Spec.Replicas-1, "what runs goes on, but for a quarter of it")

	require.NoError(t, s.Close())
	p.release(append(released, "europe-west1/example--hello/hello:9.9"))
	s = p.start(nil)
	up(t, s)
	assert.Empty(t, changes(up(t, s)))
}

func pullSecretOf(t *testing.T, c clientkubernetes.Interface) *corev1.Secret {
	t.Helper()
	found, err := c.CoreV1().Secrets(namespace).Get(context.Background(), secret, metav1.GetOptions{})
	require.NoError(t, err)
	return found
}

func aMissingTagStopsNoToken(t *testing.T, s *sandbox.Sandbox) {
	ctx, c := context.Background(), client(t, s)
	// Whoever edits an object of the stack's by hand owns what he edited.
	manager := managerOf(t, c)
	images := func(list string) {
		_, err := c.CoreV1().ConfigMaps(namespace).Patch(ctx, secret+"-images", types.MergePatchType,
			[]byte(`{"data":{"images":"`+list+`"}}`), metav1.PatchOptions{FieldManager: manager})
		require.NoError(t, err)
	}
	const repository = "europe-west1-docker.pkg.dev/hello-images/example--hello/hello"
	before := pullSecretOf(t, c).Annotations[successAnnotation]
	images(repository + `:1.0\n` + repository + `:9.9`)
	defer images(repository + ":1.0")
	log, ok := runRefresher(t, s)
	assert.True(t, ok, log)
	first := pullSecretOf(t, c).Annotations
	assert.NotEqual(t, before, first[successAnnotation], "the token is fresh")
	assert.Regexp(t, `^`+repository+`:9\.9 since \S+Z$`, first[missingAnnotation])
	_, ok = runRefresher(t, s)
	assert.True(t, ok)
	assert.Equal(t, first[missingAnnotation], pullSecretOf(t, c).Annotations[missingAnnotation], "missing since it was first missed")
}

// managerOf is the field manager of the stack's ConfigMap.
func managerOf(t *testing.T, c clientkubernetes.Interface) string {
	t.Helper()
	found, err := c.CoreV1().ConfigMaps(namespace).Get(context.Background(), secret+"-images", metav1.GetOptions{})
	require.NoError(t, err)
	return found.ManagedFields[0].Manager
}

// `kubectl scale` owns the replicas from then on: neither does it block the next
// update, nor is it undone without a word.
func replicasOfSomebodyElse(t *testing.T, p *project, s *sandbox.Sandbox) {
	ctx, c := context.Background(), client(t, s)
	scale := func(to int32) {
		current, err := c.AppsV1().Deployments(namespace).GetScale(ctx, "hello", metav1.GetOptions{})
		require.NoError(t, err)
		current.Spec.Replicas = to
		_, err = c.AppsV1().Deployments(namespace).UpdateScale(ctx, "hello", current, metav1.UpdateOptions{FieldManager: "kubectl"})
		require.NoError(t, err)
	}
	replicas := func() int32 {
		found, err := c.AppsV1().Deployments(namespace).Get(ctx, "hello", metav1.GetOptions{})
		require.NoError(t, err)
		return *found.Spec.Replicas
	}
	scale(5)
	p.set("product.tag", "1.1")
	assert.Equal(t, []string{"update pull-images", "update workload", "update workload-deployment"}, changes(up(t, s)))
	assert.EqualValues(t, 5, replicas(), "a new release leaves them")
	p.set("workload.replicas", 3)
	assert.Equal(t, []string{"update workload-replicas"}, changes(up(t, s)), "a change that a preview shows")
	assert.EqualValues(t, 3, replicas())

	scale(7)
	p.set("workload.replicas", nil)
	p.set("workload.autoscaled", true)
	p.set("product.tag", "1.0")
	assert.Equal(t, []string{"keep workload-replicas", "update pull-images", "update workload", "update workload-deployment"}, changes(up(t, s)))
	assert.EqualValues(t, 7, replicas(), "an autoscaler's are never touched, not even when they become its")
}

// Another cluster behind the same context: what pins the cluster refuses, before
// anything is registered, and a refresh finds that nothing is there.
func TestAClusterThatIsReplacedAndThenGone(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := newProject(t, "dev")
	s := p.start(nil)
	id := func() string {
		system, err := client(t, s).CoreV1().Namespaces().Get(ctx, "kube-system", metav1.GetOptions{})
		require.NoError(t, err)
		return string(system.UID)
	}
	first := id()
	p.set("environments.default.cluster.id", first)
	up(t, s)
	require.NoError(t, s.Close())
	require.NoError(t, os.RemoveAll(filepath.Join(p.root, ".sandbox", "dev", "kubernetes")))

	s = p.start(nil)
	_, err := client(t, s).CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "another cluster")
	noticed := `environments.default.cluster.id "` + first + `": the context reaches another cluster, ` + id() + ": want another context or, " +
		"where the cluster was replaced, that ID and `pulumi up --refresh -s dev`"
	_, err = open(t, s).Preview(ctx)
	require.ErrorContains(t, err, noticed)
	_, err = open(t, s).Up(ctx)
	require.ErrorContains(t, err, noticed)

	p.set("environments.default.cluster.id", id())
	_, err = open(t, s).Refresh(ctx)
	require.NoError(t, err)
	result := up(t, s)
	for _, change := range changes(result) {
		assert.Regexp(t, "^create (pull|workload)-", change, "the clouds' side stays")
	}
	for _, hop := range walk(t, s, result.Outputs) {
		assert.True(t, hop.OK, "%s: %s", hop.Name, hop.Detail)
	}
	assert.Empty(t, changes(up(t, s)))
	t.Run("a cluster that is gone for good", func(t *testing.T) { aCustomerWhoseClusterIsGoneIsOffBoarded(t, p, s) })
}

// The cluster is gone for good: with PULUMI_K8S_DELETE_UNREACHABLE the state forgets
// what was there, and the clouds' half is deleted (docs/offboarding.md).
func aCustomerWhoseClusterIsGoneIsOffBoarded(t *testing.T, p *project, s *sandbox.Sandbox) {
	server := regexp.MustCompile(`server: https://\S+`)
	gone := func() {
		text, err := os.ReadFile(s.Kubeconfig())
		require.NoError(t, err)
		require.Regexp(t, server, string(text))
		require.NoError(t, os.WriteFile(s.Kubeconfig(), server.ReplaceAll(text, []byte("server: https://127.0.0.1:1")), 0o600))
	}
	gone()
	_, err := open(t, s).Destroy(context.Background())
	require.ErrorContains(t, err, "PULUMI_K8S_DELETE_UNREACHABLE", "the provider names the way out")
	require.NotEmpty(t, s.Azure.Identities())
	require.NoError(t, s.Close())

	p.forgets = true
	s = p.start(nil)
	gone()
	_, err = open(t, s).Destroy(context.Background())
	require.NoError(t, err)
	assert.Empty(t, s.Azure.Identities())
	assert.Equal(t, []string{"neighbour"}, repositories(s), "another customer's")
	_, err = client(t, s).CoreV1().Namespaces().Get(context.Background(), namespace, metav1.GetOptions{})
	require.NoError(t, err, "the cluster was not asked")
	result, err := open(t, s).Destroy(context.Background())
	require.NoError(t, err)
	assert.Empty(t, result.Resources, "nothing is left in the state")
}
