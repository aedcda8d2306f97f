package sandbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	pulumikubernetes "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"waybill.example/waybill/sandbox"
	"waybill.example/waybill/sandbox/network"
	"waybill.example/waybill/sandbox/rehearsal"
	"waybill.example/waybill/stacks"
)

const (
	namespace = "hello"
	secret    = "ar-pull-secret"
)

// impatient makes a refresher that fails say so at once.
func (p *project) impatient() {
	p.set("refresher.propagation", "0s")
	p.set("refresher.retries", 0)
}

func client(t *testing.T, s *sandbox.Sandbox) kubernetes.Interface {
	t.Helper()
	c, err := kubernetes.NewForConfig(s.Clusters[0].RESTConfig())
	require.NoError(t, err)
	return c
}

func walk(t *testing.T, s *sandbox.Sandbox, outputs map[string]any) []rehearsal.Hop {
	t.Helper()
	chain, err := s.Rehearsal(context.Background(), outputs)
	require.NoError(t, err)
	var hops []rehearsal.Hop
	require.NoError(t, chain.Walk(context.Background(), func(hop rehearsal.Hop) { hops = append(hops, hop) }))
	return hops
}

// tryRefusals tries every refusal, and gives the cases.
func tryRefusals(t *testing.T, s *sandbox.Sandbox, outputs map[string]any) map[string]bool {
	t.Helper()
	chain, err := s.Rehearsal(context.Background(), outputs)
	require.NoError(t, err)
	cases := map[string]bool{}
	require.NoError(t, chain.Refusals(context.Background(), func(refusal rehearsal.Refusal) {
		cases[refusal.Environment+": "+refusal.Case] = true
		assert.True(t, refusal.OK, "%s: want a refusal at %s, got %q: %s", refusal.Case, refusal.Want, refusal.Hop, refusal.Error)
	}))
	return cases
}

// rehearse deploys, walks the chain, tries every refusal, and walks again; it gives the
// outputs.
func rehearse(t *testing.T, s *sandbox.Sandbox, hops []string, refusals int) map[string]any {
	t.Helper()
	outputs := up(t, s).Outputs
	var names []string
	for _, hop := range walk(t, s, outputs) {
		assert.True(t, hop.OK, "%s: %s", hop.Name, hop.Detail)
		names = append(names, hop.Name)
	}
	assert.Equal(t, hops, names)

	assert.Len(t, tryRefusals(t, s, outputs), refusals)

	walked := walk(t, s, outputs)
	diagram := rehearsal.Diagram(walked)
	for _, hop := range hops {
		assert.Contains(t, diagram, `-->|"`+hop+`<br/>`, "each hop is an arrow")
	}
	for _, hop := range walked {
		assert.True(t, hop.OK, "the refusals left the cloud as it was: %s: %s", hop.Name, hop.Detail)
	}
	assert.Empty(t, changes(up(t, s)), "and the engine finds nothing to do")
	return outputs
}

func TestTheChainHoldsAndEveryoneElseIsRefused(t *testing.T) {
	t.Parallel()
	program := stacks.Run
	s := newProject(t, "dev").start(func(ctx *pulumi.Context) error { return program(ctx) })
	outputs := rehearse(t, s, viaTwo, 69)

	available, err := client(t, s).AppsV1().Deployments(namespace).Get(context.Background(), "hello", metav1.GetOptions{})
	require.NoError(t, err)
	assert.EqualValues(t, 2, available.Status.AvailableReplicas, "available because its image was pulled")

	t.Run("nothing secret is in any log", func(t *testing.T) { nothingSecretIsLogged(t, s) })
	t.Run("a change by somebody else survives", func(t *testing.T) {
		aForeignChangeSurvives(t, s, func(changed pulumi.RunFunc) { program = changed })
	})
	t.Run("pulls never fail while refreshes run", func(t *testing.T) { pullsNeverFail(t, s, outputs) })
	t.Run("the cluster's own controller fires the CronJob", func(t *testing.T) { theCronJobFires(t, s) })
	t.Run("faults are survived", func(t *testing.T) { faultsAreSurvived(t, s) })
	t.Run("a pull secret that was made immutable is replaced", func(t *testing.T) { anImmutableSecretIsReplaced(t, s) })
	t.Run("a deleted pull secret is reported and not made again", func(t *testing.T) { aDeletedSecretIsReported(t, s) })
}

// runRefresher runs a Job from the CronJob's template and gives its last
// pod's log.
func runRefresher(t *testing.T, s *sandbox.Sandbox) (log string, ok bool) {
	t.Helper()
	ctx, c := context.Background(), client(t, s)
	cron, err := c.BatchV1().CronJobs(namespace).Get(ctx, secret+"-refresh", metav1.GetOptions{})
	require.NoError(t, err)
	spec := *cron.Spec.JobTemplate.Spec.DeepCopy()
	none := int32(0)
	spec.BackoffLimit = &none
	job, err := c.BatchV1().Jobs(namespace).Create(ctx, &batchv1.Job{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}, Spec: spec}, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		job, err = c.BatchV1().Jobs(namespace).Get(ctx, job.Name, metav1.GetOptions{})
		return err == nil && job.Status.Succeeded+job.Status.Failed > 0
	}, time.Minute, 100*time.Millisecond)
	pods, err := c.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "batch.kubernetes.io/job-name=" + job.Name})
	require.NoError(t, err)
	require.NotEmpty(t, pods.Items)
	text, err := c.CoreV1().Pods(namespace).GetLogs(pods.Items[0].Name, &corev1.PodLogOptions{}).DoRaw(ctx)
	require.NoError(t, err)
	return string(text), job.Status.Succeeded > 0
}

// Tokens, signatures and the secret's contents appear in no log of a pod and
// in no event.
func nothingSecretIsLogged(t *testing.T, s *sandbox.Sandbox) {
	ctx, c := context.Background(), client(t, s)
	log, ok := runRefresher(t, s)
	require.True(t, ok, log)
	pull, err := c.CoreV1().Secrets(namespace).Get(ctx, secret, metav1.GetOptions{})
	require.NoError(t, err)
	password := credentials(t, pull).Password
	require.True(t, strings.HasPrefix(password, "ya29."))
	events, err := c.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{})
	require.NoError(t, err)
	everything := log
	for _, event := range events.Items {
		everything += event.Message
	}
	for _, part := range []string{password, password[5:45], "ya29.", "eyJ"} {
		assert.NotContains(t, everything, part)
	}
}

// credentials are the one registry's in a pull secret.
func credentials(t *testing.T, pull *corev1.Secret) *authn.Basic {
	t.Helper()
	var file struct {
		Auths map[string]authn.AuthConfig `json:"auths"`
	}
	require.NoError(t, json.Unmarshal(pull.Data[corev1.DockerConfigJsonKey], &file))
	require.Equal(t, []string{"europe-west1-docker.pkg.dev"}, slices.Collect(maps.Keys(file.Auths)))
	auth := file.Auths["europe-west1-docker.pkg.dev"]
	return &authn.Basic{Username: auth.Username, Password: auth.Password}
}

// While refreshes run back to back, whoever pulls with what the secret holds
// is never turned away.
func pullsNeverFail(t *testing.T, s *sandbox.Sandbox, outputs map[string]any) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := client(t, s)
	reference, err := name.ParseReference(outputs["image"].(string))
	require.NoError(t, err)
	pulled := make(chan error, 1)
	count := 0
	go func() {
		defer close(pulled)
		for ctx.Err() == nil {
			pull, err := c.CoreV1().Secrets(namespace).Get(ctx, secret, metav1.GetOptions{})
			if err != nil {
				break // the end of the test
			}
			var file struct {
				Auths map[string]authn.AuthConfig `json:"auths"`
			}
			if err := json.Unmarshal(pull.Data[corev1.DockerConfigJsonKey], &file); err != nil {
				pulled <- err
				return
			}
			auth := authn.FromConfig(file.Auths[reference.Context().RegistryStr()])
			if _, err := remote.Image(reference, remote.WithAuth(auth), remote.WithTransport(s.Network.Client().Transport)); err != nil {
				pulled <- err
				return
			}
			count++
		}
	}()
	seen := map[string]bool{}
	for range 4 {
		log, ok := runRefresher(t, s)
		require.True(t, ok, log)
		pull, err := c.CoreV1().Secrets(namespace).Get(ctx, secret, metav1.GetOptions{})
		require.NoError(t, err)
		seen[credentials(t, pull).Password] = true
	}
	cancel()
	require.NoError(t, <-pulled)
	assert.Len(t, seen, 4, "each refresh wrote a new token")
	assert.Greater(t, count, 10, "pulls in the meantime")
}

// What a foreign process wrote into the secret is neither undone by an update,
// nor by a change of its labels, nor by a refresh.
func aForeignChangeSurvives(t *testing.T, s *sandbox.Sandbox, use func(pulumi.RunFunc)) {
	ctx, c := context.Background(), client(t, s)
	// A scheduled run in between would write a token of its own.
	suspend := func(yes bool) {
		_, err := c.BatchV1().CronJobs(namespace).Patch(ctx, secret+"-refresh", types.MergePatchType,
			fmt.Appendf(nil, `{"spec":{"suspend":%t}}`, yes), metav1.PatchOptions{FieldManager: "somebody"})
		require.NoError(t, err)
	}
	suspend(true)
	defer suspend(false)
	const foreign = `{"auths":{"foreign.example":{"auth":"Zm9yZWlnbjp2YWx1ZQ=="}}}`
	body, err := json.Marshal(map[string]any{"stringData": map[string]string{corev1.DockerConfigJsonKey: foreign}})
	require.NoError(t, err)
	_, err = c.CoreV1().Secrets(namespace).Patch(ctx, secret, types.MergePatchType, body, metav1.PatchOptions{FieldManager: "somebody"})
	require.NoError(t, err)
	unchanged := func(after string) {
		pull, err := c.CoreV1().Secrets(namespace).Get(ctx, secret, metav1.GetOptions{})
		require.NoError(t, err)
		assert.JSONEq(t, foreign, string(pull.Data[corev1.DockerConfigJsonKey]), after)
	}
	assert.Empty(t, changes(up(t, s)))
	unchanged("up")

	use(altered(map[string]func(pulumi.Map){"pull-secret": func(props pulumi.Map) {
		metadata := maps.Clone(props["metadata"].(pulumi.Map))
		metadata["labels"] = pulumi.StringMap{"another": pulumi.String("label")}
		props["metadata"] = metadata
	}}))
	assert.Equal(t, []string{"update pull-secret"}, changes(up(t, s)))
	unchanged("a label change")
	use(stacks.Run)
	up(t, s)
	unchanged("the label change undone")

	_, err = open(t, s).Refresh(ctx)
	require.NoError(t, err)
	unchanged("refresh")
	assert.Empty(t, changes(up(t, s)), "what the refresh read is no change")
	unchanged("up after refresh")
	log, ok := runRefresher(t, s)
	require.True(t, ok, log)
}

// theCronJobFires waits for the real controller: a schedule is no finer than a
// minute.
func theCronJobFires(t *testing.T, s *sandbox.Sandbox) {
	ctx, c := context.Background(), client(t, s)
	patch := func(schedule string) {
		_, err := c.BatchV1().CronJobs(namespace).Patch(ctx, secret+"-refresh", types.MergePatchType,
			fmt.Appendf(nil, `{"spec":{"schedule":%q}}`, schedule), metav1.PatchOptions{})
		require.NoError(t, err)
	}
	cron, err := c.BatchV1().CronJobs(namespace).Get(ctx, secret+"-refresh", metav1.GetOptions{})
	require.NoError(t, err)
	patch("* * * * *")
	defer patch(cron.Spec.Schedule)
	require.Eventually(t, func() bool {
		jobs, err := c.BatchV1().Jobs(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false
		}
		return slices.ContainsFunc(jobs.Items, func(job batchv1.Job) bool {
			return metav1.GetControllerOf(&job) != nil && metav1.GetControllerOf(&job).Kind == "CronJob" && job.Status.Succeeded > 0
		})
	}, 90*time.Second, 500*time.Millisecond)
}

// Each host of the chain fails for a moment, in each way, and the run goes on.
func faultsAreSurvived(t *testing.T, s *sandbox.Sandbox) {
	for _, host := range []string{"login.microsoftonline.com", "sts.googleapis.com", "iamcredentials.googleapis.com", "europe-west1-docker.pkg.dev"} {
		for kind, fault := range map[string]network.Fault{
			"500":   {Status: http.StatusInternalServerError, Times: 1},
			"429":   {Status: http.StatusTooManyRequests, RetryAfter: time.Second, Times: 1},
			"reset": {Reset: true, Times: 1},
		} {
			t.Run(host+" "+kind, func(t *testing.T) {
				var hit atomic.Bool
				stop := s.Network.Fault(func(r *http.Request) bool {
					if r.Host != host {
						return false
					}
					hit.Store(true)
					return true
				}, fault)
				defer stop()
				log, ok := runRefresher(t, s)
				assert.True(t, ok, log)
				assert.True(t, hit.Load(), "the fault was met")
			})
		}
	}
}

// Marking the secret immutable is within the refresher's right; the page on
// security names the remedy.
func anImmutableSecretIsReplaced(t *testing.T, s *sandbox.Sandbox) {
	ctx, c := context.Background(), client(t, s)
	_, err := c.CoreV1().Secrets(namespace).Patch(ctx, secret, types.MergePatchType, []byte(`{"immutable":true}`), metav1.PatchOptions{})
	require.NoError(t, err)
	log, ok := runRefresher(t, s)
	assert.False(t, ok)
	assert.Contains(t, log, "immutable")

	const urn = "urn:pulumi:dev::waybill::waybill:kubernetes:PullSecret$kubernetes:core/v1:Secret::pull-secret"
	result, err := open(t, s).Up(ctx, optup.Replace([]string{urn}))
	require.NoError(t, err)
	assert.Equal(t, []string{"replace pull-first-refresh", "replace pull-secret"}, changes(result), "and the product runs on")
	log, ok = runRefresher(t, s)
	assert.True(t, ok, log)
}

func aDeletedSecretIsReported(t *testing.T, s *sandbox.Sandbox) {
	ctx, c := context.Background(), client(t, s)
	require.NoError(t, c.CoreV1().Secrets(namespace).Delete(ctx, secret, metav1.DeleteOptions{}))
	log, ok := runRefresher(t, s)
	assert.False(t, ok)
	assert.Contains(t, log, "pulumi up --refresh -s STACK")
	_, err := c.CoreV1().Secrets(namespace).Get(ctx, secret, metav1.GetOptions{})
	require.Error(t, err, "the refresher does not make it")

	_, err = open(t, s).Refresh(ctx)
	require.NoError(t, err)
	assert.Contains(t, changes(up(t, s)), "create pull-secret", "the remedy works")
}

// With one thing broken, `make up` fails at the hop that meets it first and
// names the likely cause. `make mutants` breaks everything else.
func TestABrokenChainFailsAtItsHop(t *testing.T) {
	t.Parallel()
	p := newProject(t, "dev")
	p.impatient()
	program := inAContext("other")
	s := p.start(func(ctx *pulumi.Context) error { return program(ctx) })
	_, err := open(t, s).Up(context.Background())
	require.ErrorContains(t, err, `context "other" does not exist`)
	for _, c := range []struct {
		name, resource string
		alter          func(pulumi.Map)
		hop, cause     string
	}{
		{"reader role", "gcp-reader", func(p pulumi.Map) { p["repository"] = pulumi.String("neighbour") }, "registry", "reader"},
		{"credential subject", "azure-hello-federated-credential", func(p pulumi.Map) {
			p["subject"] = pulumi.String("system:serviceaccount:hello:other")
		}, "entra", "subject"},
		{"secret name", "pull-first-refresh", func(p pulumi.Map) { setVariable(p, "WAYBILL_SECRET", "another-secret") }, "secret", "likely cause"},
	} {
		t.Run(c.name, func(t *testing.T) {
			program = altered(map[string]func(pulumi.Map){c.resource: c.alter})
			started := time.Now()
			_, failure := open(t, s).Up(context.Background())
			require.Error(t, failure)
			hops, err := s.Diagnose(context.Background(), started)
			require.NoError(t, err)
			require.NotEmpty(t, hops, failure)
			last := hops[len(hops)-1]
			assert.Equal(t, c.hop, last.Name)
			assert.False(t, last.OK)
			assert.Contains(t, last.Detail, "likely cause")
			assert.Contains(t, last.Detail, c.cause)
		})
	}
}

// inAContext is a program that makes one object in a context of the kubeconfig.
func inAContext(name string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		provider, err := pulumikubernetes.NewProvider(ctx, name, &pulumikubernetes.ProviderArgs{Context: pulumi.String(name)})
		if err != nil {
			return err
		}
		const token = "kubernetes:core/v1:ConfigMap"
		return ctx.RegisterResource(token, "settings", typed(token, pulumi.Map{"metadata": pulumi.Map{"name": text("settings")}}),
			&pulumi.CustomResourceState{}, pulumi.Provider(provider))
	}
}

// setVariable changes an environment variable of a Job's container.
func setVariable(job pulumi.Map, name, value string) {
	spec := job["spec"].(pulumi.Map)
	template := spec["template"].(pulumi.Map)["spec"].(pulumi.Map)
	for _, variable := range template["containers"].(pulumi.Array)[0].(pulumi.Map)["env"].(pulumi.Array) {
		if v := variable.(pulumi.Map); v["name"] == pulumi.String(name) {
			v["value"] = pulumi.String(value)
		}
	}
}

// altered is the program with the properties of some resources changed on their
// way to the engine.
func altered(resources map[string]func(pulumi.Map)) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		if err := ctx.RegisterResourceTransform(func(_ context.Context, args *pulumi.ResourceTransformArgs) *pulumi.ResourceTransformResult {
			alter, found := resources[args.Name]
			if !found {
				return nil
			}
			alter(args.Props)
			return &pulumi.ResourceTransformResult{Props: args.Props, Opts: args.Opts}
		}); err != nil {
			return err
		}
		return stacks.Run(ctx)
	}
}
