package rehearsal

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// clusterCases try what the cluster must refuse to the refresher.
func (c *chain) clusterCases() []testCase {
	forbidden := regexp.MustCompile(`is forbidden: User "system:serviceaccount:.*cannot (get|list|create|delete|patch) resource`)
	asRefresher := func(act func(context.Context, kubernetes.Interface) error) func(context.Context) error {
		return func(ctx context.Context) error { return c.asRefresher(ctx, act) }
	}
	return append([]testCase{
		{"the refresher getting its secret", hopSecret, forbidden, asRefresher(func(ctx context.Context, client kubernetes.Interface) error {
			_, err := client.CoreV1().Secrets(c.namespace).Get(ctx, c.secret, metav1.GetOptions{})
			return err
		})},
		{"the refresher listing secrets", hopSecret, forbidden, asRefresher(func(ctx context.Context, client kubernetes.Interface) error {
			_, err := client.CoreV1().Secrets(c.namespace).List(ctx, metav1.ListOptions{})
			return err
		})},
		{"the refresher creating a secret", hopSecret, forbidden, asRefresher(func(ctx context.Context, client kubernetes.Interface) error {
			_, err := client.CoreV1().Secrets(c.namespace).Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "rehearsal"}}, metav1.CreateOptions{})
			return err
		})},
		{"the refresher deleting its secret", hopSecret, forbidden, asRefresher(func(ctx context.Context, client kubernetes.Interface) error {
			return client.CoreV1().Secrets(c.namespace).Delete(ctx, c.secret, metav1.DeleteOptions{})
		})},
		{"the refresher patching another secret", hopSecret, forbidden, asRefresher(func(ctx context.Context, client kubernetes.Interface) error {
			return patch(ctx, client, c.namespace, "another-secret", map[string]any{"metadata": map[string]any{"labels": map[string]any{"a": "b"}}})
		})},
		{"the refresher changing its secret's type", hopSecret, regexp.MustCompile(`field is immutable`), asRefresher(func(ctx context.Context, client kubernetes.Interface) error {
			return patch(ctx, client, c.namespace, c.secret, map[string]any{"type": "kubernetes.io/service-account-token"})
		})},
		{"an image of another registry", hopKubernetes, regexp.MustCompile(`its host is registry\.attacker\.example: want `), c.imageOfAnotherRegistry},
	}, c.networkCases()...)
}

// admissionCases try what the namespace must not admit.
func (c *chain) admissionCases() []testCase {
	return []testCase{
		{"a privileged pod in the namespace", hopKubernetes, regexp.MustCompile(`violates PodSecurity "restricted`), c.privilegedPod},
	}
}

// asRefresher acts on the API server with the refresher's own token.
func (c *chain) asRefresher(ctx context.Context, act func(context.Context, kubernetes.Interface) error) error {
	token, err := c.cluster.accountToken(ctx, c.namespace, c.account, "")
	if err != nil {
		return err
	}
	config := rest.AnonymousClientConfig(c.cluster.REST)
	config.BearerToken = token
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("rehearsal: %w", err)
	}
	return refusedBy(hopSecret, act(ctx, client))
}

// refusedBy takes the API server's refusal for the hop's; other errors, such
// as one of the network, are no refusal.
func refusedBy(hop string, err error) error {
	if apierrors.IsForbidden(err) || apierrors.IsInvalid(err) {
		return &refused{hop, firstLine(err.Error())}
	}
	return err
}

func patch(ctx context.Context, client kubernetes.Interface, namespace, name string, change map[string]any) error {
	body, err := json.Marshal(change)
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Secrets(namespace).Patch(ctx, name, types.MergePatchType, body, metav1.PatchOptions{})
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
		return fmt.Errorf("rehearsal: %w", err)
	}
	walked := walk(namespace)
	if err := accounts.Delete(ctx, c.account, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("rehearsal: %w", err)
	}
	return walked
}

// tamperedConfiguration runs the refresher with a credential configuration
// that would send the token elsewhere.
func (c *chain) tamperedConfiguration(ctx context.Context) error {
	return c.tampered(ctx, func(text string) string {
		return strings.ReplaceAll(text, "https://sts.googleapis.com/", "https://sts.attacker.example/")
	}, func(pod *corev1.PodSpec) *string {
		for _, volume := range pod.Volumes {
			if volume.ConfigMap != nil {
				return &volume.ConfigMap.Name
			}
		}
		return nil
	})
}

// imageOfAnotherRegistry runs the refresher with an image that would show the
// new token to another host.
func (c *chain) imageOfAnotherRegistry(ctx context.Context) error {
	return c.tampered(ctx, func(text string) string {
		_, path, _ := strings.Cut(text, "/")
		return "registry.attacker.example/" + path
	}, func(pod *corev1.PodSpec) *string {
		for _, variable := range pod.Containers[0].Env {
			if variable.ValueFrom != nil && variable.ValueFrom.ConfigMapKeyRef != nil {
				return &variable.ValueFrom.ConfigMapKeyRef.Name
			}
		}
		return nil
	})
}

// tampered runs the refresher with a changed copy of a ConfigMap, whose name find
// finds in its pod. It must refuse before any request.
func (c *chain) tampered(ctx context.Context, change func(string) string, find func(*corev1.PodSpec) *string) error {
	original := find(&c.cronJob.Spec.JobTemplate.Spec.Template.Spec)
	if original == nil {
		return fmt.Errorf("rehearsal: CronJob %s refers to no such ConfigMap", c.cronJob.Name)
	}
	maps := c.cluster.admin.CoreV1().ConfigMaps(c.namespace)
	found, err := maps.Get(ctx, *original, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("rehearsal: %w", err)
	}
	tampered := map[string]string{}
	for key, text := range found.Data {
		tampered[key] = change(text)
	}
	made, err := maps.Create(ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "rehearsal-tampered-", Labels: map[string]string{ownLabel: "tampered"}},
		Data:       tampered,
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("rehearsal: %w", err)
	}
	log, err := c.refresh(ctx, "rehearsal-tampered", func(pod *corev1.PodSpec) { *find(pod) = made.Name })
	if deleted := maps.Delete(ctx, made.Name, metav1.DeleteOptions{}); deleted != nil {
		return fmt.Errorf("rehearsal: %w", deleted)
	}
	if err != nil {
		return err
	}
	return configurationRefusal(log)
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
