package rehearsal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	authenticationv1 "k8s.io/api/authentication/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"waybill.example/waybill/sandbox/network"
)

const (
	// ownLabel marks what a rehearsal makes in the cluster, and deletes.
	ownLabel = "waybill.example/rehearsal"
	// annotationExpires says when the token in a pull secret ends.
	annotationExpires = "waybill.example/expires"
	// annotationLastSuccess says when somebody wrote it last; maxSkew is how far that
	// may be from now in a walk, which takes seconds.
	annotationLastSuccess = "waybill.example/last-success"
	maxSkew               = 5 * time.Minute
	// annotationProblem says why the last run failed, and annotationMissing which images
	// nobody pushed.
	annotationProblem = "waybill.example/problem"
	annotationMissing = "waybill.example/missing"
	// pollTime is how often the cluster is asked how far it is.
	pollTime = 200 * time.Millisecond
	// pullTime is how long a pod may wait for its image.
	pullTime = time.Minute
	// tokenLife is how long a token of the refresher's pod may live; pods have its
	// like for an hour unless they ask for more:
	// https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/
	tokenLife = time.Hour
)

// walkRefresher empties the pull secret, runs the refresher once, and lets the
// kubelet pull with what it wrote. A hop is ticked by what its server saw: each
// granted what it gave for what the one before had given to the refresher's pod.
func (c *chain) walkRefresher(ctx context.Context, report func(Hop), hops ...string) error {
	var walked []Hop
	if err := c.undisturbed(ctx, func() (err error) {
		walked, err = c.walkOnce(ctx, hops)
		return err
	}); err != nil {
		return err
	}
	for _, hop := range walked {
		report(hop)
	}
	return nil
}

// undisturbed runs something, and again where the CronJob ran meanwhile, and wrote as well.
func (c *chain) undisturbed(ctx context.Context, run func() error) error {
	for {
		before, err := c.lastScheduled(ctx)
		if err != nil {
			return err
		}
		if err := run(); err != nil {
			return err
		}
		after, err := c.lastScheduled(ctx)
		if err != nil || after.Equal(before) {
			return err
		}
	}
}

// lastScheduled waits for the runs of the CronJob to end, each of which would write as
// well, and is when the last one began; nil where it never ran.
func (c *chain) lastScheduled(ctx context.Context) (last *metav1.Time, err error) {
	err = wait.PollUntilContextCancel(ctx, pollTime, true, func(ctx context.Context) (bool, error) {
		held, err := c.cluster.admin.BatchV1().CronJobs(c.namespace).Get(ctx, c.cronJob.Name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		last = held.Status.LastScheduleTime
		return len(held.Status.Active) == 0, nil
	})
	return last, err
}

// walkOnce walks to the first hop that does not hold.
func (c *chain) walkOnce(ctx context.Context, hops []string) (seen []Hop, err error) {
	if err := c.emptySecret(ctx); err != nil {
		return nil, err
	}
	since := c.Record.mark()
	var written answer
	log, err := c.refresh(ctx, "rehearsal", nil, func(pod string) (err error) {
		seen, written, err = c.follow(ctx, since, pod, hops)
		return err
	})
	if err != nil {
		return nil, err
	}
	if last := &seen[len(seen)-1]; !last.OK {
		last.Detail = explainHop(*last, refresherHops(log))
		return seen, nil
	}
	if hop := c.Record.leaked(since, log); hop != "" {
		return append(seen, Hop{Name: hopRegistry, Detail: "the refresher's log has what hop " + hop + " was shown or gave"}), nil
	}
	since = c.Record.mark()
	hop, err := c.pull(ctx, nil)
	return append(seen, c.pulledBy(hop, since, showing(written.given))), err
}

// Refresh runs each refresher once, as its CronJob does. What the pull secret holds
// stays there until that writes.
func (r *Rehearsal) Refresh(ctx context.Context) error {
	return r.each(func(w way) error {
		c := w.base()
		if c.cronJob == nil {
			return nil
		}
		log, err := c.refresh(ctx, "rehearsal", nil, nil)
		if refusal := firstRefusal(log); err == nil && refusal != nil {
			return fmt.Errorf("rehearsal: %w", refusal)
		}
		return err
	})
}

// Pull pulls the first environment's image as a kubelet does: with the pull secret as
// it is at that time.
func (r *Rehearsal) Pull(ctx context.Context) error {
	c := r.ways[0].base()
	_, config, err := c.pullSecret(ctx, c.namespace)
	if err != nil {
		return err
	}
	return c.registryRequest(ctx, authn.FromConfig(config.Auths[c.registry]), "", "")
}

// explainHop adds what the refresher says of a hop that did not hold.
func explainHop(hop Hop, said []Hop) string {
	at := slices.IndexFunc(said, func(other Hop) bool { return !other.OK })
	switch {
	case at >= 0 && (said[at].Name == hop.Name || strings.HasPrefix(hop.Detail, nobodyAsked)):
		return said[at].Detail
	case at < 0 && len(said) > 0:
		return hop.Detail + ", whatever the refresher's log says"
	}
	return hop.Detail
}

// nobodyAsked begins the words for a hop of which no server knows.
const nobodyAsked = "no server was "

// follow goes through the record from the token of the refresher's pod to the
// pull secret, and ends at the first hop that did not hold. written is the last
// hop's answer.
func (c *chain) follow(ctx context.Context, since int, pod string, hops []string) (seen []Hop, written answer, err error) {
	written, asked := c.Record.find(since, hops[0], func(a answer) bool { return podOf(a.shown) == pod })
	if !asked {
		return []Hop{{Name: hopKubernetes, Detail: nobodyAsked + "shown a token of the refresher's pod " + pod}}, written, nil
	}
	own, err := c.reviewed(ctx, written.shown, pod)
	if err != nil || !own.OK {
		return []Hop{own}, written, err
	}
	seen = append(seen, own)
	for i, name := range hops {
		if i > 0 {
			written, asked = c.Record.find(since, name, showing(written.given))
		}
		switch {
		case !asked:
			return append(seen, Hop{Name: name, Detail: nobodyAsked + "asked with what the hop before gave"}), written, nil
		case written.refusal != "":
			return append(seen, Hop{Name: name, Detail: written.refusal}), written, nil
		}
		seen = append(seen, written.asHop())
	}
	for _, namespace := range c.namespaces() {
		hop, err := c.writtenSecret(ctx, namespace, written)
		seen = append(seen, hop)
		if err != nil || !hop.OK {
			return seen, written, err
		}
	}
	return seen, written, nil
}

func (a answer) asHop() Hop {
	return Hop{Name: a.hop, OK: true, Detail: describe([2]string{"issuer", a.issuer}, [2]string{"subject", a.subject},
		[2]string{"audience", a.audience}, [2]string{"until", a.until.UTC().Format(time.RFC3339)})}
}

// podOf is the name of the pod that a ServiceAccount token is of.
func podOf(text string) string {
	t, err := parse(text)
	if err != nil {
		return ""
	}
	private, _ := t.Claims["kubernetes.io"].(map[string]any)
	pod, _ := private["pod"].(map[string]any)
	name, _ := pod["name"].(string)
	return name
}

// reviewed asks the API server whose token it is.
func (c *chain) reviewed(ctx context.Context, text, pod string) (Hop, error) {
	t, err := parse(text)
	if err != nil {
		return Hop{}, err
	}
	answered, err := c.cluster.admin.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: text, Audiences: t.Claims.Audiences()},
	}, metav1.CreateOptions{})
	if err != nil {
		return Hop{}, err
	}
	hop := Hop{Name: hopKubernetes, Detail: "the API server does not know the token of the pod " + pod + ": " + answered.Status.Error}
	user := answered.Status.User.Username
	issued, _ := t.Claims.Time("iat")
	ends, _ := t.Claims.Time("exp")
	if user != "" && user != serviceAccount(c.namespace, c.account) {
		hop.Detail = "the token is that of " + user
	} else if life := ends.Sub(issued); life > tokenLife {
		hop.Detail = fmt.Sprintf("the token of the pod %s lives %s: want at most %s", pod, life, tokenLife)
	} else if answered.Status.Authenticated {
		given := answer{hop: hopKubernetes}
		given.describe(text)
		hop = given.asHop()
	}
	return hop, nil
}

// dockerConfig is what a pull secret holds.
type dockerConfig struct {
	Auths map[string]authn.AuthConfig `json:"auths"`
}

// pullSecret is a namespace's pull secret as the API server has it.
func (c *chain) pullSecret(ctx context.Context, namespace string) (*corev1.Secret, dockerConfig, error) {
	var config dockerConfig
	held, err := c.cluster.admin.CoreV1().Secrets(namespace).Get(ctx, c.secret, metav1.GetOptions{})
	if err == nil {
		err = json.Unmarshal(held.Data[corev1.DockerConfigJsonKey], &config)
	}
	if err != nil {
		return nil, config, fmt.Errorf("rehearsal: pull secret %s/%s: %w", namespace, c.secret, err)
	}
	return held, config, nil
}

// emptySecret takes away what an earlier run of the refresher wrote.
func (c *chain) emptySecret(ctx context.Context) error {
	for _, namespace := range c.namespaces() {
		if err := patch(ctx, c.cluster.admin.CoreV1().Secrets(namespace), c.secret, map[string]any{
			"data": map[string]any{corev1.DockerConfigJsonKey: []byte(`{"auths":{}}`)},
		}); err != nil {
			return fmt.Errorf("rehearsal: pull secret %s/%s: %w", namespace, c.secret, err)
		}
	}
	return nil
}

// writtenSecret says whether a namespace's pull secret holds what the last hop gave,
// for the one registry.
func (c *chain) writtenSecret(ctx context.Context, namespace string, given answer) (Hop, error) {
	held, config, err := c.pullSecret(ctx, namespace)
	if err != nil {
		return Hop{}, err
	}
	auth, one := config.Auths[c.registry]
	switch {
	case len(config.Auths) == 0:
		return Hop{Name: hopSecret, Detail: "nobody wrote to the pull secret, which was emptied before"}, nil
	case !one || len(config.Auths) > 1:
		return Hop{Name: hopSecret, Detail: fmt.Sprintf("the pull secret is for %s: want %s alone", slices.Sorted(maps.Keys(config.Auths)), c.registry)}, nil
	case auth.Password != given.given:
		return Hop{Name: hopSecret, Detail: "the pull secret holds another password than hop " + given.hop + " gave"}, nil
	}
	if ends, err := time.Parse(time.RFC3339, held.Annotations[annotationExpires]); err != nil || ends.Sub(given.until).Abs() > time.Minute {
		return Hop{Name: hopSecret, Detail: fmt.Sprintf("the pull secret's annotation %s is %q: want when the token ends, %s",
			annotationExpires, held.Annotations[annotationExpires], given.until.UTC().Format(time.RFC3339))}, nil
	}
	if last, err := time.Parse(time.RFC3339, held.Annotations[annotationLastSuccess]); err != nil || time.Since(last).Abs() > maxSkew {
		return Hop{Name: hopSecret, Detail: fmt.Sprintf("the pull secret's annotation %s is %q: want when it was written",
			annotationLastSuccess, held.Annotations[annotationLastSuccess])}, nil
	}
	written := given
	written.hop, written.issuer = hopSecret, c.cluster.RESTConfig().Host
	written.subject, written.audience = namespace+"/"+c.secret, c.registry
	hop := written.asHop()
	last := slices.MaxFunc(held.ManagedFields, func(a, b metav1.ManagedFieldsEntry) int { return writtenAt(a).Compare(writtenAt(b)) })
	hop.Detail += ", written by " + last.Manager
	return hop, nil
}

// writtenAt is when a manager wrote last; the API server does not always say.
func writtenAt(entry metav1.ManagedFieldsEntry) time.Time {
	if entry.Time == nil {
		return time.Time{}
	}
	return entry.Time.Time
}

// pulledBy says whether the registry let the kubelet pull with what is wanted.
func (c *chain) pulledBy(hop Hop, since int, wanted func(answer) bool) Hop {
	if a, seen := c.Record.find(since, hopRegistry, wanted); hop.OK && (!seen || a.refusal != "") {
		return Hop{Name: hopRegistry, Detail: "the kubelet pulled with other credentials than this walk gave"}
	}
	return hop
}

// productsLabels are what a policy may ask of the product's pods, without those by
// which its Deployment and its Service know them.
func (c *chain) productsLabels() map[string]string {
	labels := map[string]string{ownLabel: "pull"}
	for key, value := range c.deployment.Spec.Template.Labels {
		if _, selects := c.deployment.Spec.Selector.MatchLabels[key]; !selects {
			labels[key] = value
		}
	}
	return labels
}

// refresh runs a Job with the CronJob's template, which edit may change, and
// returns the log of its last pod. look sees the pod's name before it is deleted.
func (c *chain) refresh(ctx context.Context, name string, edit func(*corev1.PodSpec), look func(pod string) error) ([]byte, error) {
	spec := *c.cronJob.Spec.JobTemplate.Spec.DeepCopy()
	retries := int32(0)
	spec.BackoffLimit = &retries
	if edit != nil {
		edit(&spec.Template.Spec)
	}
	marked := func(labels map[string]string) map[string]string {
		all := map[string]string{ownLabel: name}
		maps.Copy(all, labels)
		return all
	}
	spec.Template.Labels = marked(spec.Template.Labels)
	job, err := c.cluster.admin.BatchV1().Jobs(c.namespace).Create(ctx, &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{GenerateName: name + "-", Labels: marked(c.cronJob.Spec.JobTemplate.Labels)},
		Spec:       spec,
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	background := metav1.DeletePropagationBackground
	defer deleted(job.Name, c.cluster.admin.BatchV1().Jobs(c.namespace).Delete, metav1.DeleteOptions{PropagationPolicy: &background})
	if err := c.awaitJob(ctx, job.Name); err != nil {
		return nil, err
	}
	pods, err := c.cluster.admin.CoreV1().Pods(c.namespace).List(ctx, metav1.ListOptions{LabelSelector: "batch.kubernetes.io/job-name=" + job.Name})
	if err != nil {
		return nil, err
	}
	if len(pods.Items) == 0 {
		return nil, fmt.Errorf("rehearsal: Job %s has no pod", job.Name)
	}
	pod := pods.Items[len(pods.Items)-1]
	if look != nil {
		if err := look(pod.Name); err != nil {
			return nil, err
		}
	}
	return c.cluster.log(ctx, pod)
}

// refusedToken runs the refresher while something keeps it from a token that the registry
// takes: what that refuses replaces nothing, and the Job fails.
func (c *chain) refusedToken(ctx context.Context, while func(run func() error) error) error {
	before, _, err := c.pullSecret(ctx, c.namespace)
	if err != nil {
		return err
	}
	var log []byte
	var phase corev1.PodPhase
	if err := while(func() error {
		log, err = c.refresh(ctx, "rehearsal-refused", atOnce, c.notePhase(ctx, &phase))
		return err
	}); err != nil {
		return err
	}
	after, _, err := c.pullSecret(ctx, c.namespace)
	if err != nil {
		return err
	}
	switch hops := refresherHops(log); {
	case !maps.EqualFunc(before.Data, after.Data, bytes.Equal):
		return allowed("the refresher wrote it")
	case phase != corev1.PodFailed:
		return allowed("the Job counts as done")
	case len(hops) == 0:
		return &refused{hopKubernetes, "the refresher said nothing that could be read"}
	case after.Annotations[annotationProblem] == "":
		return allowed("no annotation of the pull secret says why it is not refreshed")
	default:
		return &refused{hops[len(hops)-1].Name, hops[len(hops)-1].Detail}
	}
}

// settlingTime is how long a change of Google's IAM may take.
// https://cloud.google.com/iam/docs/access-change-propagation
const settlingTime = 7 * time.Minute

// notePhase notes how a pod ended.
func (c *chain) notePhase(ctx context.Context, phase *corev1.PodPhase) func(name string) error {
	return func(name string) error {
		pod, err := c.cluster.admin.CoreV1().Pods(c.namespace).Get(ctx, name, metav1.GetOptions{})
		*phase = pod.Status.Phase
		return err
	}
}

// lateRights are what clouds answer by the URL, as long as a right that was given does not
// take effect.
// https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations,
// https://cloud.google.com/iam/docs/access-change-propagation and
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
var lateRights = []struct {
	asked   *regexp.Regexp
	refusal network.Fault
}{
	{regexp.MustCompile(`/oauth2/v2\.0/token$`), network.Fault{Status: http.StatusBadRequest, Times: 1, Body: `{"error":"invalid_request",` +
		`"error_description":"AADSTS70021: No matching federated identity record found for presented assertion."}`}},
	{regexp.MustCompile(`^https://iamcredentials\.googleapis\.com/`), network.Fault{Status: http.StatusForbidden, Times: 1, Body: `{"error":{"code":403,` +
		`"status":"PERMISSION_DENIED","message":"Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."}}`}},
	{regexp.MustCompile(`^https://sts\.[a-z0-9-]+\.amazonaws\.com`), network.Fault{Status: http.StatusForbidden, Times: 1, Body: `<ErrorResponse><Error>` +
		`<Type>Sender</Type><Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error></ErrorResponse>`}},
}

// patience lets a run of the refresher meet each right too early once, a registry that is
// busy once, and the absence of the right to read, which comes back as soon as it has: a
// run has to wait. Its success takes back what an earlier failure said on the secret.
func (c *chain) patience(ctx context.Context, without func(run func() error) error) error {
	first, err := c.firstRefresh(ctx)
	if err != nil {
		return err
	}
	if waits, _ := time.ParseDuration(*patienceOf(&first.Spec.Template.Spec)); waits < settlingTime && !c.ShortPropagation {
		return allowed(fmt.Sprintf("the first refresh gives up after %s: a right may take %s", waits, settlingTime))
	}
	failed := map[string]any{"metadata": map[string]any{"annotations": map[string]any{annotationProblem: "an earlier run failed"}}}
	if err := patch(ctx, c.cluster.admin.CoreV1().Secrets(c.namespace), c.secret, failed); err != nil {
		return err
	}
	defer c.Network.Fault(c.atRegistry, network.Fault{Status: http.StatusServiceUnavailable, Times: 1})()
	for _, late := range lateRights {
		defer c.Network.Fault(func(r *http.Request) bool { return late.asked.MatchString(r.URL.String()) }, late.refusal)()
	}
	since := c.Record.mark()
	var log []byte
	var ended chan error
	err = without(func() error {
		ended = make(chan error, 1)
		go func() {
			var err error
			log, err = c.refresh(ctx, "rehearsal-patience", inTime, nil)
			ended <- err
		}()
		return wait.PollUntilContextTimeout(ctx, pollTime, pullTime, true, func(context.Context) (bool, error) {
			// One refused attempt asks twice: HEAD, whose answer has no words, and GET.
			return c.Record.refusals(since, hopRegistry, registryToken) > 1 || len(ended) > 0, nil
		})
	})
	if ended != nil {
		err = errors.Join(err, <-ended)
	}
	if err != nil {
		return fmt.Errorf("rehearsal: a run that waits: %w", err)
	}
	if err := firstRefusal(log); err != nil {
		return allowed("the run gave up: " + err.Error())
	}
	after, _, err := c.pullSecret(ctx, c.namespace)
	if err != nil {
		return err
	}
	if problem := after.Annotations[annotationProblem]; problem != "" {
		return allowed("the pull secret still says, after a success: " + problem)
	}
	return &refused{hopSecret, "the run waited, and wrote"}
}

// rightCases run the refresher without the right to read.
func (c *chain) rightCases(without func(ctx context.Context, run func() error) error) []testCase {
	with := func(try func(context.Context, func(func() error) error) error) func(context.Context) error {
		return func(ctx context.Context) error {
			return try(ctx, func(run func() error) error { return without(ctx, run) })
		}
	}
	return []testCase{
		{"a token that the registry refuses", hopRegistry, anyWords, with(c.refusedToken)},
		{"a run that gives up where waiting helps", hopSecret, anyWords, with(c.patience)},
	}
}

// attempt runs the refresher as it is deployed.
func (c *chain) attempt(ctx context.Context) error {
	return c.refusedToken(ctx, func(run func() error) error { return run() })
}

// noPatience is that of a run that tries nothing again that may settle by itself.
const noPatience = "0s"

// patienceOf is for how long a pod's run tries again what may settle by itself.
func patienceOf(pod *corev1.PodSpec) *string {
	for i, variable := range pod.Containers[0].Env {
		if variable.Name == "WAYBILL_PROPAGATION" {
			return &pod.Containers[0].Env[i].Value
		}
	}
	return new(string) // the refresher's own default
}

func atOnce(pod *corev1.PodSpec) { *patienceOf(pod) = noPatience }

// inTime gives a run that has any patience enough of it, however busy the machine is.
func inTime(pod *corev1.PodSpec) {
	if patience := patienceOf(pod); *patience != noPatience {
		*patience = "90s"
	}
}

func (c *chain) awaitJob(ctx context.Context, name string) error {
	return wait.PollUntilContextCancel(ctx, pollTime, true, func(ctx context.Context) (bool, error) {
		job, err := c.cluster.admin.BatchV1().Jobs(c.namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		return slices.ContainsFunc(job.Status.Conditions, func(condition batchv1.JobCondition) bool {
			return (condition.Type == batchv1.JobComplete || condition.Type == batchv1.JobFailed) && condition.Status == corev1.ConditionTrue
		}), nil
	})
}

// deleted cleans up, also where the rehearsal was interrupted.
func deleted(name string, by func(context.Context, string, metav1.DeleteOptions) error, options metav1.DeleteOptions) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = by(ctx, name, options) // What cannot be deleted stays under the rehearsal's label, and does no harm.
}

// refresherHops reads the refresher's structured lines: what it says, which ticks
// nothing.
func refresherHops(log []byte) []Hop {
	var hops []Hop
	for line := range bytes.Lines(log) {
		var entry struct {
			Message  string `json:"msg"`
			Hop      string `json:"hop"`
			OK       bool   `json:"ok"`
			Issuer   string `json:"issuer"`
			Subject  string `json:"subject"`
			Audience string `json:"audience"`
			Expires  string `json:"expires"`
			Error    string `json:"error"`
			Cause    string `json:"cause"`
		}
		if json.Unmarshal(line, &entry) != nil || entry.Message != "hop" {
			continue
		}
		hop := Hop{Name: entry.Hop, OK: entry.OK}
		if entry.OK {
			hop.Detail = describe([2]string{"issuer", entry.Issuer}, [2]string{"subject", entry.Subject},
				[2]string{"audience", entry.Audience}, [2]string{"until", entry.Expires})
		} else {
			hop.Detail = firstLine(entry.Error)
			if entry.Cause != "" {
				hop.Detail += " (likely cause: " + entry.Cause + ")"
			}
		}
		hops = append(hops, hop)
	}
	return hops
}

// describe joins what is known: pairs of a word and a value.
func describe(pairs ...[2]string) string {
	var parts []string
	for _, pair := range pairs {
		if pair[1] != "" {
			parts = append(parts, pair[0]+" "+pair[1])
		}
	}
	return strings.Join(parts, ", ")
}

// pull starts a pod with the product's template, which edit may change, and
// waits for the kubelet to pull its image, or to say why it cannot.
func (c *chain) pull(ctx context.Context, edit func(*corev1.PodSpec)) (Hop, error) {
	spec := c.deployment.Spec.Template.Spec.DeepCopy()
	if edit != nil {
		edit(spec)
	}
	// Not the Deployment's labels: the pod is no replica of it.
	pod, err := c.cluster.admin.CoreV1().Pods(c.namespace).Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "rehearsal-pull-", Labels: c.productsLabels()},
		Spec:       *spec,
	}, metav1.CreateOptions{})
	if err != nil {
		return Hop{}, err
	}
	defer deleted(pod.Name, c.cluster.admin.CoreV1().Pods(c.namespace).Delete, metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
	hop := Hop{Name: hopRegistry, Detail: "the pod is still waiting"}
	err = wait.PollUntilContextTimeout(ctx, pollTime, pullTime, true, func(ctx context.Context) (bool, error) {
		found, err := c.cluster.admin.CoreV1().Pods(c.namespace).Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		for _, status := range found.Status.ContainerStatuses {
			switch {
			case status.State.Running != nil || status.State.Terminated != nil:
				hop.OK, hop.Detail = true, fmt.Sprintf("the kubelet pulled %s (%s)", spec.Containers[0].Image, digest(status.ImageID))
				return true, nil
			case status.State.Waiting != nil:
				hop.Detail = status.State.Waiting.Reason + ": " + firstLine(status.State.Waiting.Message)
				return strings.Contains(status.State.Waiting.Reason, "Image"), nil
			}
		}
		return false, nil
	})
	switch {
	case ctx.Err() != nil:
		return Hop{}, fmt.Errorf("rehearsal: waiting for the kubelet: %w", err)
	case wait.Interrupted(err):
		return hop, nil // not ok, with what the pod last waited for
	case err != nil:
		return Hop{}, fmt.Errorf("rehearsal: waiting for the kubelet: %w", err)
	}
	return hop, nil
}

func digest(imageID string) string {
	if _, after, found := strings.Cut(imageID, "@"); found {
		return after
	}
	return imageID
}
