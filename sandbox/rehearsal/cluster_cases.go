package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
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
	}, slices.Concat(c.laterCases(), c.namespaceCases(), c.impostors(), c.networkCases())...)
}

func isAllowed(err error) bool {
	var open allowed
	return err == nil || errors.As(err, &open)
}

// isRefused says whether somebody of the chain refused: other errors are the rehearsal's.
func isRefused(err error) bool {
	var by *refused
	return errors.As(err, &by)
}

// firstRefusal is the first hop that did not hold by a run's log; nil where all did.
func firstRefusal(log []byte) error {
	for _, hop := range refresherHops(log) {
		if !hop.OK {
			return &refused{hop.Name, hop.Detail}
		}
	}
	return nil
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

// refusedBy takes the API server's refusal for the hop's; other errors, such
// as one of the network, are no refusal.
func refusedBy(hop string, err error) error {
	if apierrors.IsForbidden(err) || apierrors.IsInvalid(err) {
		return &refused{hop, firstLine(err.Error())}
	}
	return err
}

// patcher is a client for one kind of object.
type patcher[T any] interface {
	Patch(ctx context.Context, name string, pt types.PatchType, data []byte, opts metav1.PatchOptions, subresources ...string) (T, error)
}

func patch[T any](ctx context.Context, objects patcher[T], name string, change map[string]any) error {
	body, err := json.Marshal(change)
	if err != nil {
		return err
	}
	_, err = objects.Patch(ctx, name, types.MergePatchType, body, metav1.PatchOptions{})
	return err
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
	return c.refusing(c.tampered(ctx, "rehearsal-tampered", func(text string) string {
		return strings.ReplaceAll(text, "https://sts.googleapis.com/", "https://sts.attacker.example/")
	}, func(pod *corev1.PodSpec) *string {
		for _, volume := range pod.Volumes {
			// One key alone is that of a bundle of authorities.
			if volume.ConfigMap != nil && volume.ConfigMap.Items == nil {
				return &volume.ConfigMap.Name
			}
		}
		return nil
	}))
}

// imageOfAnotherRegistry runs the refresher with an image that would show the
// new token to another host.
func (c *chain) imageOfAnotherRegistry(ctx context.Context) error {
	return c.refusing(c.withImages(ctx, "rehearsal-tampered", func(text string) string {
		_, path, _ := strings.Cut(text, "/")
		return "registry.attacker.example/" + path
	}))
}

// refusing wants a tampered run to have refused its configuration before any request,
// to have said why where `kubectl describe` and Pulumi show it, and to have ended its
// Job with it: the next pod would refuse it too.
func (c *chain) refusing(log []byte, end corev1.ContainerStateTerminated, err error) error {
	if err != nil {
		return err
	}
	refusal := configurationRefusal(log)
	switch {
	case refusal == nil:
		return nil
	case !failsJob(c.cronJob.Spec.JobTemplate.Spec, end.ExitCode):
		return allowed(fmt.Sprintf("the Job starts another pod after the exit code %d, with which the refresher refuses its configuration", end.ExitCode))
	case end.Message == "" || strings.Contains(string(log), firstLine(end.Message)): // the kubelet's own, from the log
		return allowed("the pod's termination message is no more than its log: " + firstLine(end.Message))
	}
	return refusal
}

// withImages is tampered for the images that the refresher tries.
func (c *chain) withImages(ctx context.Context, name string, change func(string) string) (log []byte, end corev1.ContainerStateTerminated, err error) {
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
// finds in its pod, and gives its log and its end.
func (c *chain) tampered(ctx context.Context, name string, change func(string) string, find func(*corev1.PodSpec) *string) (log []byte, end corev1.ContainerStateTerminated, err error) {
	original := find(&c.cronJob.Spec.JobTemplate.Spec.Template.Spec)
	if original == nil {
		return nil, end, fmt.Errorf("rehearsal: CronJob %s refers to no such ConfigMap", c.cronJob.Name)
	}
	maps := c.cluster.admin.CoreV1().ConfigMaps(c.namespace)
	found, err := maps.Get(ctx, *original, metav1.GetOptions{})
	if err != nil {
		return nil, end, err
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
		return nil, end, err
	}
	log, err = c.refresh(ctx, name, func(pod *corev1.PodSpec) {
		atOnce(pod)
		*find(pod) = made.Name
	}, func(pod string) (err error) {
		end, err = c.endOf(ctx, pod)
		return err
	})
	if deleted := maps.Delete(ctx, made.Name, metav1.DeleteOptions{}); deleted != nil {
		return nil, end, deleted
	}
	return log, end, err
}

// endOf is how a pod's container ended.
func (c *chain) endOf(ctx context.Context, name string) (end corev1.ContainerStateTerminated, err error) {
	pod, err := c.cluster.admin.CoreV1().Pods(c.namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return end, err
	}
	for _, status := range pod.Status.ContainerStatuses {
		if status.State.Terminated != nil {
			return *status.State.Terminated, nil
		}
	}
	return end, fmt.Errorf("rehearsal: the container of pod %s has not ended", name)
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
