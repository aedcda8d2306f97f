package rehearsal

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
)

// clusterCases try what the cluster must refuse to the refresher, and whether the
// deployment leaves the product without a secret that counts.
func (c *chain) clusterCases() []testCase {
	forbidden := regexp.MustCompile(`is forbidden: User "system:serviceaccount:.*cannot (get|list|create|delete|patch) resource`)
	try := func(name string, words *regexp.Regexp, act func(context.Context, typedcorev1.SecretInterface) error) testCase {
		return testCase{name, hopSecret, words, func(ctx context.Context) error {
			client, err := c.as(ctx, c.account)
			if err != nil {
				return err
			}
			return refusedBy(hopSecret, act(ctx, client.CoreV1().Secrets(c.namespace)))
		}}
	}
	return append([]testCase{
		try("the refresher getting its secret", forbidden, func(ctx context.Context, secrets typedcorev1.SecretInterface) error {
			_, err := secrets.Get(ctx, c.secret, metav1.GetOptions{})
			return err
		}),
		try("the refresher listing secrets", forbidden, func(ctx context.Context, secrets typedcorev1.SecretInterface) error {
			_, err := secrets.List(ctx, metav1.ListOptions{})
			return err
		}),
		try("the refresher creating a secret", forbidden, func(ctx context.Context, secrets typedcorev1.SecretInterface) error {
			_, err := secrets.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "rehearsal"}}, metav1.CreateOptions{})
			return err
		}),
		try("the refresher deleting its secret", forbidden, func(ctx context.Context, secrets typedcorev1.SecretInterface) error {
			return secrets.Delete(ctx, c.secret, metav1.DeleteOptions{})
		}),
		try("the refresher patching another secret", forbidden, func(ctx context.Context, secrets typedcorev1.SecretInterface) error {
			return patch(ctx, secrets, "another-secret", map[string]any{"metadata": map[string]any{"labels": map[string]any{"a": "b"}}})
		}),
		try("the refresher changing its secret's type", regexp.MustCompile(`field is immutable`), func(ctx context.Context, secrets typedcorev1.SecretInterface) error {
			return patch(ctx, secrets, c.secret, map[string]any{"type": "kubernetes.io/service-account-token"})
		}),
		{"the refresher doing anything but patch its secret", hopSecret, anyWords, func(ctx context.Context) error {
			return c.mayOnly(ctx, hopSecret, c.account, c.namespaces(), "patch secrets/"+c.secret)
		}},
		{"an image of another registry", hopKubernetes, regexp.MustCompile(`its host is registry\.attacker\.example: want `), c.imageOfAnotherRegistry},
		{"a refresh that is missed", hopSecret, anyWords, c.missedRefresh},
		{"the product before the first refresh", hopSecret, anyWords, c.productBeforeSecret},
	}, append(c.laterCases(), c.networkCases()...)...)
}

// productCases try what the namespace must not admit, and whether the product is
// deployed with no more than it needs.
func (c *chain) productCases() []testCase {
	return []testCase{
		{"a privileged pod in the namespace", hopKubernetes, regexp.MustCompile(`violates PodSecurity "restricted`), c.privilegedPod},
		{"the product doing anything in the cluster", hopKubernetes, anyWords, func(ctx context.Context) error {
			accounts := []string{"default"}
			for _, component := range c.components {
				accounts = append(accounts, component.Spec.Template.Spec.ServiceAccountName)
			}
			for _, account := range accounts {
				if err := c.mayOnly(ctx, hopKubernetes, cmp.Or(account, "default"), nil); isAllowed(err) {
					return err
				}
			}
			return &refused{hopKubernetes, "its ServiceAccount, and the default one, have no rights"}
		}},
		{"a token for the API server in the product's pods", hopKubernetes, anyWords, c.mountedToken},
		{"a probe or a Service that the product does not answer", hopKubernetes, anyWords, c.unanswered},
		{"a request that does not reach the product", hopKubernetes, anyWords, c.unreached},
		{"the product without what it needs", hopKubernetes, anyWords, c.lacking},
		{"a file outside the folders that may be written to", hopKubernetes, anyWords, c.writableRoot},
		{"a node that is drained, or all of them at once", hopKubernetes, anyWords, c.drained},
		{"a node of another pool", hopKubernetes, anyWords, c.elsewhere},
	}
}

// writableRoot wants every container's root directory to be read-only.
func (c *chain) writableRoot(context.Context) error {
	var containers []corev1.Container
	if c.cronJob != nil {
		containers = slices.Clone(c.cronJob.Spec.JobTemplate.Spec.Template.Spec.Containers)
	}
	for _, component := range c.components {
		containers = append(containers, component.Spec.Template.Spec.Containers...)
	}
	for _, container := range containers {
		if as := container.SecurityContext; as == nil || as.ReadOnlyRootFilesystem == nil || !*as.ReadOnlyRootFilesystem {
			return allowed("container " + container.Name + " may write anywhere")
		}
	}
	return &refused{hopKubernetes, "every container's root directory is read-only"}
}

// drained wants the disruption budget of each component with several replicas to
// let a pod go, and not all of them: the sandbox runs no disruption controller.
func (c *chain) drained(ctx context.Context) error {
	budgets, err := c.cluster.admin.PolicyV1().PodDisruptionBudgets(c.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, component := range c.components {
		replicas := int(*component.Spec.Replicas)
		covered := replicas < 2
		for _, budget := range budgets.Items {
			selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
			if err != nil || !selector.Matches(labels.Set(component.Spec.Template.Labels)) {
				continue
			}
			most := replicas
			if budget.Spec.MinAvailable != nil {
				least, err := intstr.GetScaledValueFromIntOrPercent(budget.Spec.MinAvailable, replicas, true)
				if err != nil {
					return err
				}
				most = replicas - least
			}
			if budget.Spec.MaxUnavailable != nil {
				if most, err = intstr.GetScaledValueFromIntOrPercent(budget.Spec.MaxUnavailable, replicas, true); err != nil {
					return err
				}
			}
			if covered = true; most < 1 || replicas > 1 && most >= replicas {
				return allowed(fmt.Sprintf("budget %s lets %d of %d pods of %s go", budget.Name, most, replicas, component.Name))
			}
		}
		if !covered {
			return allowed("no budget keeps a pod of " + component.Name)
		}
	}
	return &refused{hopKubernetes, "each budget lets some pods go and keeps others"}
}

func isAllowed(err error) bool {
	var open allowed
	return err == nil || errors.As(err, &open)
}

// as is a client with a ServiceAccount's own token.
func (c *chain) as(ctx context.Context, account string) (kubernetes.Interface, error) {
	token, err := c.cluster.accountToken(ctx, c.namespace, account, "")
	if err != nil {
		return nil, err
	}
	config := rest.AnonymousClientConfig(c.cluster.RESTConfig())
	config.BearerToken = token
	return kubernetes.NewForConfig(config)
}

// mayOnly asks the API server for all that a ServiceAccount may do, in every
// namespace. What everybody may ask of themselves does not count. wanted is what
// it may do in the namespaces there, each VERB RESOURCE/NAME.
func (c *chain) mayOnly(ctx context.Context, hop, account string, there []string, wanted ...string) error {
	client, err := c.as(ctx, account)
	if err != nil {
		return err
	}
	namespaces, err := c.cluster.admin.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, namespace := range namespaces.Items {
		review, err := client.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx, &authorizationv1.SelfSubjectRulesReview{
			Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace.Name},
		}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		for _, rule := range review.Status.ResourceRules {
			if slices.Contains(rule.APIGroups, "authorization.k8s.io") || slices.Contains(rule.APIGroups, "authentication.k8s.io") {
				continue
			}
			for _, right := range rightsOf(rule) {
				if !slices.Contains(there, namespace.Name) || !slices.Contains(wanted, right) {
					return allowed(account + " may " + right + " in namespace " + namespace.Name)
				}
			}
		}
	}
	return &refused{hop, fmt.Sprintf("%s may do no more than %q", account, wanted)}
}

func rightsOf(rule authorizationv1.ResourceRule) []string {
	var rights []string
	for _, verb := range rule.Verbs {
		for _, resource := range rule.Resources {
			for _, name := range append(slices.Clone(rule.ResourceNames), "")[:max(len(rule.ResourceNames), 1)] {
				rights = append(rights, verb+" "+strings.TrimSuffix(resource+"/"+name, "/"))
			}
		}
	}
	return rights
}

// mountedToken looks into the product's running pods.
func (c *chain) mountedToken(ctx context.Context) error {
	for _, component := range c.components {
		pods, err := c.cluster.admin.CoreV1().Pods(c.namespace).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(component.Spec.Selector)})
		if err != nil {
			return err
		}
		for _, pod := range pods.Items {
			for _, volume := range pod.Spec.Volumes {
				if projected := volume.Projected; projected != nil && slices.ContainsFunc(projected.Sources, func(source corev1.VolumeProjection) bool {
					return source.ServiceAccountToken != nil && source.ServiceAccountToken.Audience == ""
				}) {
					return allowed("pod " + pod.Name + " has one in its volume " + volume.Name)
				}
			}
		}
	}
	return &refused{hopKubernetes, "no volume has one"}
}

// unanswered compares what asks the product with what the world says that the
// product answers.
func (c *chain) unanswered(ctx context.Context) error {
	product := c.World.Walk.Product
	served := false
	services, err := c.cluster.admin.CoreV1().Services(c.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, component := range c.components {
		container := component.Spec.Template.Spec.Containers[0]
		reaches := func(port intstr.IntOrString) bool {
			return port.IntValue() == product.Port || slices.ContainsFunc(container.Ports, func(p corev1.ContainerPort) bool {
				return p.Name == port.StrVal && p.Name != "" && int(p.ContainerPort) == product.Port
			})
		}
		for name, probe := range map[string]*corev1.Probe{"readiness": container.ReadinessProbe, "liveness": container.LivenessProbe, "startup": container.StartupProbe} {
			switch {
			case probe == nil && name != "startup" && product.Health != "":
				return allowed(component.Name + " has no " + name + " probe")
			case probe == nil:
			case probe.HTTPGet != nil && (product.Health == "" || probe.HTTPGet.Path != product.Health || !reaches(probe.HTTPGet.Port)):
				return allowed(fmt.Sprintf("the %s probe of %s asks for %s at port %s", name, component.Name, probe.HTTPGet.Path, probe.HTTPGet.Port.String()))
			case probe.TCPSocket != nil && !reaches(probe.TCPSocket.Port):
				return allowed(fmt.Sprintf("the %s probe of %s asks port %s", name, component.Name, probe.TCPSocket.Port.String()))
			}
		}
		for _, service := range services.Items {
			if len(service.Spec.Selector) == 0 || !labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(component.Spec.Template.Labels)) {
				continue
			}
			served = true
			for _, port := range service.Spec.Ports {
				if !reaches(port.TargetPort) {
					return allowed("the Service " + service.Name + " sends to port " + port.TargetPort.String())
				}
			}
		}
	}
	if !served {
		return allowed("no Service reaches the product")
	}
	return &refused{hopKubernetes, fmt.Sprintf("all ask port %d, path %q", product.Port, product.Health)}
}

// missedRefresh compares the longest time between two runs of the CronJob with
// the life of the token that the secret holds, by the record: one that ends is
// replaced even if a run is missed (docs/facts.md §8).
func (c *chain) missedRefresh(ctx context.Context) error {
	_, config, err := c.pullSecret(ctx, c.namespace)
	if err != nil {
		return err
	}
	written, known := c.Record.find(0, "", func(a answer) bool { return a.given != "" && a.given == config.Auths[c.registry].Password })
	if !known {
		return allowed("the pull secret holds nothing that a server gave")
	}
	spec := c.cronJob.Spec
	if spec.Suspend != nil && *spec.Suspend {
		return allowed("CronJob " + c.cronJob.Name + " is suspended")
	}
	longest, err := c.longestPause(written.at)
	if err != nil {
		return err
	}
	life := written.until.Sub(written.at).Round(time.Second)
	words := fmt.Sprintf("a token lives %s, and two runs are up to %s apart", life, longest)
	if longest == 0 || 2*longest >= life {
		return allowed(words)
	}
	return &refused{hopSecret, words}
}

// longestPause is the longest time between two runs of the CronJob in a week; 0 where
// it runs less often.
func (c *chain) longestPause(from time.Time) (longest time.Duration, err error) {
	schedule, err := cron.ParseStandard(c.cronJob.Spec.Schedule)
	if err != nil {
		return 0, fmt.Errorf("rehearsal: schedule %q of CronJob %s: %w", c.cronJob.Spec.Schedule, c.cronJob.Name, err)
	}
	for at := schedule.Next(from); at.Before(from.Add(7 * 24 * time.Hour)); {
		next := schedule.Next(at)
		longest, at = max(longest, next.Sub(at)), next
	}
	return longest, nil
}

// productBeforeSecret compares when the product was made with when the first
// refresh had filled the secret, where one update made both.
func (c *chain) productBeforeSecret(ctx context.Context) error {
	first, err := c.firstRefresh(ctx)
	if err != nil {
		return err
	}
	of, filled := c.updateOf(first.CreationTimestamp), first.Status.CompletionTime.Time
	for _, component := range c.components {
		made := component.CreationTimestamp
		if of >= 0 && of == c.updateOf(made) && made.Time.Before(filled) {
			return allowed(fmt.Sprintf("%s was made at %s, and the first refresh completed at %s", component.Name, made.Format(time.TimeOnly), filled.Format(time.TimeOnly)))
		}
	}
	return &refused{hopSecret, "the first refresh completed before the product was made"}
}

// updateOf is the update in which an object was made; -1 for an update before the
// sandbox started. An API server keeps whole seconds.
func (s *setting) updateOf(made metav1.Time) int {
	later := func(update time.Time) bool { return update.Truncate(time.Second).After(made.Time) }
	if at := slices.IndexFunc(s.Updates, later); at >= 0 {
		return at - 1
	}
	return len(s.Updates) - 1
}

// refusedBy takes the API server's refusal for the hop's; other errors, such
// as one of the network, are no refusal.
func refusedBy(hop string, err error) error {
	if apierrors.IsForbidden(err) || apierrors.IsInvalid(err) {
		return &refused{hop, firstLine(err.Error())}
	}
	return err
}

func patch(ctx context.Context, secrets typedcorev1.SecretInterface, name string, change map[string]any) error {
	body, err := json.Marshal(change)
	if err != nil {
		return err
	}
	_, err = secrets.Patch(ctx, name, types.MergePatchType, body, metav1.PatchOptions{})
	return err
}

func (c *chain) privilegedPod(ctx context.Context) error {
	privileged := true
	_, err := c.cluster.admin.CoreV1().Pods(c.namespace).Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "rehearsal-privileged-", Labels: map[string]string{ownLabel: "privileged"}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "privileged", Image: c.image, SecurityContext: &corev1.SecurityContext{Privileged: &privileged},
		}}},
	}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return refusedBy(hopKubernetes, err)
}

// inAnotherNamespace walks with a ServiceAccount of the same name in another
// namespace, which it makes and deletes.
func (c *chain) inAnotherNamespace(ctx context.Context, walk func(namespace string) error) error {
	const namespace = "default"
	accounts := c.cluster.admin.CoreV1().ServiceAccounts(namespace)
	_, err := accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: c.account, Labels: map[string]string{ownLabel: "account"}}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	walked := walk(namespace)
	if err := accounts.Delete(ctx, c.account, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return walked
}

// tamperedConfiguration runs the refresher with a credential configuration
// that would send the token elsewhere.
func (c *chain) tamperedConfiguration(ctx context.Context) error {
	log, err := c.tampered(ctx, "rehearsal-tampered", func(text string) string {
		return strings.ReplaceAll(text, "https://sts.googleapis.com/", "https://sts.attacker.example/")
	}, func(pod *corev1.PodSpec) *string {
		for _, volume := range pod.Volumes {
			// One key alone is that of a bundle of authorities.
			if volume.ConfigMap != nil && volume.ConfigMap.Items == nil {
				return &volume.ConfigMap.Name
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return configurationRefusal(log)
}

// imageOfAnotherRegistry runs the refresher with an image that would show the
// new token to another host.
func (c *chain) imageOfAnotherRegistry(ctx context.Context) error {
	log, err := c.withImages(ctx, "rehearsal-tampered", func(text string) string {
		_, path, _ := strings.Cut(text, "/")
		return "registry.attacker.example/" + path
	})
	if err != nil {
		return err
	}
	return configurationRefusal(log)
}

// withImages runs the refresher with other images to try, and gives its log.
func (c *chain) withImages(ctx context.Context, name string, change func(string) string) ([]byte, error) {
	return c.tampered(ctx, name, change, func(pod *corev1.PodSpec) *string {
		for _, variable := range pod.Containers[0].Env {
			if variable.ValueFrom != nil && variable.ValueFrom.ConfigMapKeyRef != nil {
				return &variable.ValueFrom.ConfigMapKeyRef.Name
			}
		}
		return nil
	})
}

// tampered runs the refresher with a changed copy of a ConfigMap, whose name find
// finds in its pod, and gives its log. A refresher that refuses its configuration must
// end its Job: the next pod would refuse it too.
func (c *chain) tampered(ctx context.Context, name string, change func(string) string, find func(*corev1.PodSpec) *string) ([]byte, error) {
	original := find(&c.cronJob.Spec.JobTemplate.Spec.Template.Spec)
	if original == nil {
		return nil, fmt.Errorf("rehearsal: CronJob %s refers to no such ConfigMap", c.cronJob.Name)
	}
	maps := c.cluster.admin.CoreV1().ConfigMaps(c.namespace)
	found, err := maps.Get(ctx, *original, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	tampered := map[string]string{}
	for key, text := range found.Data {
		tampered[key] = change(text)
	}
	made, err := maps.Create(ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{GenerateName: name + "-", Labels: map[string]string{ownLabel: "tampered"}},
		Data:       tampered,
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	var code int32
	log, err := c.refresh(ctx, name, func(pod *corev1.PodSpec) { *find(pod) = made.Name }, func(pod string) (err error) {
		code, err = c.exitCode(ctx, pod)
		return err
	})
	if deleted := maps.Delete(ctx, made.Name, metav1.DeleteOptions{}); deleted != nil {
		return nil, deleted
	}
	if err == nil && configurationRefusal(log) != nil && !failsJob(c.cronJob.Spec.JobTemplate.Spec, code) {
		err = allowed(fmt.Sprintf("the Job starts another pod after the exit code %d, with which the refresher refuses its configuration", code))
	}
	return log, err
}

// exitCode is that of a pod's container.
func (c *chain) exitCode(ctx context.Context, name string) (int32, error) {
	pod, err := c.cluster.admin.CoreV1().Pods(c.namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return 0, err
	}
	for _, status := range pod.Status.ContainerStatuses {
		if ended := status.State.Terminated; ended != nil {
			return ended.ExitCode, nil
		}
	}
	return 0, fmt.Errorf("rehearsal: pod %s has no exit code", name)
}

// failsJob says whether a pod's exit code ends its Job.
// https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy
func failsJob(job batchv1.JobSpec, code int32) bool {
	return job.PodFailurePolicy != nil && slices.ContainsFunc(job.PodFailurePolicy.Rules, func(rule batchv1.PodFailurePolicyRule) bool {
		return rule.Action == batchv1.PodFailurePolicyActionFailJob && rule.OnExitCodes != nil && slices.Contains(rule.OnExitCodes.Values, code)
	})
}

// configurationRefusal reads the refresher's last line: nil unless it refused
// its configuration before any hop.
func configurationRefusal(log []byte) error {
	if hops := refresherHops(log); len(hops) > 0 {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	var last struct {
		Message  string   `json:"msg"`
		Problems []string `json:"problems"`
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Message != "refused" {
		return fmt.Errorf("rehearsal: the refresher ended with %q", firstLine(lines[len(lines)-1]))
	}
	return &refused{hopKubernetes, firstLine(strings.Join(last.Problems, "; "))}
}
