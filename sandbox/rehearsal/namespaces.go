package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"waybill.example/waybill/sandbox/world"
)

// EnforceLabel makes Pod Security admission refuse pods of its namespace.
// https://kubernetes.io/docs/concepts/security/pod-security-admission/
const EnforceLabel = "pod-security.kubernetes.io/enforce"

// Unenforced runs while a namespace of a chain, one that was there before the program,
// does not enforce Pod Security; nothing runs where there is none.
func (r *Rehearsal) Unenforced(ctx context.Context, run func() error) error {
	return r.each(func(w way) error {
		c := w.base()
		if c.cluster == nil {
			return nil
		}
		there := c.ofWorld().Namespaces
		at := slices.IndexFunc(there, func(n world.Namespace) bool { return n.Name == c.namespace && n.Labels[EnforceLabel] != "" })
		if at < 0 {
			return nil
		}
		namespaces := c.cluster.admin.CoreV1().Namespaces()
		label := func(value any) error {
			return patch(context.WithoutCancel(ctx), namespaces, c.namespace, map[string]any{
				"metadata": map[string]any{"labels": map[string]any{EnforceLabel: value}},
			})
		}
		return swapped(label, any(nil), any(there[at].Labels[EnforceLabel]), run)
	})
}

// namespaceCases look for what others have in the namespaces, and close one of several to the
// refresher.
func (c *chain) namespaceCases() []testCase {
	var cases []testCase
	if others := c.secretsOfOthers(); len(others) > 0 {
		cases = append(cases, testCase{"another product's secrets", hopSecret, anyWords, func(ctx context.Context) error { return c.overwritten(ctx, others) }})
	}
	if len(c.alsoIn) == 0 {
		return cases
	}
	return append(cases, testCase{"a namespace that the refresher may not write to any more", hopSecret,
		regexp.MustCompile(`is forbidden: User "system:serviceaccount:`), func(ctx context.Context) (refusal error) {
			for _, closed := range c.namespaces() {
				if refusal = c.closed(ctx, closed); !isRefused(refusal) {
					break
				}
			}
			return refusal
		}})
}

// secretsOfOthers are those in the chain's namespaces that are part of another product.
func (c *chain) secretsOfOthers() []corev1.Secret {
	var others []corev1.Secret
	for _, object := range c.ofWorld().Objects {
		var secret corev1.Secret
		if json.Unmarshal(object, &secret) == nil && secret.Kind == "Secret" && secret.Labels["app.kubernetes.io/part-of"] != "" && slices.Contains(c.namespaces(), secret.Namespace) {
			others = append(others, secret)
		}
	}
	return others
}

// overwritten wants the secrets of others to be as they were made.
func (c *chain) overwritten(ctx context.Context, others []corev1.Secret) error {
	for _, made := range others {
		held, err := c.cluster.admin.CoreV1().Secrets(made.Namespace).Get(ctx, made.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for key, value := range made.StringData {
			if string(held.Data[key]) != value {
				return allowed(fmt.Sprintf("%s/%s has another %s", made.Namespace, made.Name, key))
			}
		}
	}
	return &refused{hopSecret, "each is as it was made"}
}

// closed runs the refresher without its right in one namespace: it has to write to the
// others, to say what failed, and to fail its Job.
func (c *chain) closed(ctx context.Context, closed string) error {
	var log []byte
	var phase corev1.PodPhase
	if err := c.undisturbed(ctx, func() error {
		if err := c.emptySecret(ctx); err != nil {
			return err
		}
		return c.withoutBindings(ctx, closed, func() (err error) {
			log, err = c.refresh(ctx, "rehearsal-closed", atOnce, c.notePhase(ctx, &phase))
			return err
		})
	}); err != nil {
		return err
	}
	for _, namespace := range c.namespaces() {
		_, config, err := c.pullSecret(ctx, namespace)
		if err != nil {
			return err
		}
		if written := len(config.Auths) > 0; written != (namespace != closed) {
			return allowed("with namespace " + closed + " closed to it, the refresher left that of " + namespace + " as it should not be")
		}
	}
	if phase != corev1.PodFailed {
		return allowed("the Job counts as done")
	}
	if err := firstRefusal(log); err != nil {
		return err
	}
	return allowed("the run says nothing of " + closed)
}

// withoutBindings runs without the refresher's rights in a namespace.
func (c *chain) withoutBindings(ctx context.Context, namespace string, run func() error) error {
	bindings := c.cluster.admin.RbacV1().RoleBindings(namespace)
	own, err := bindings.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	own.Items = slices.DeleteFunc(own.Items, func(binding rbacv1.RoleBinding) bool {
		return !slices.ContainsFunc(binding.Subjects, func(s rbacv1.Subject) bool { return s.Name == c.account && s.Namespace == c.namespace })
	})
	each := func(do func(context.Context, rbacv1.RoleBinding) error) func() error {
		return func() (problems error) {
			for _, binding := range own.Items {
				problems = errors.Join(problems, do(context.WithoutCancel(ctx), binding))
			}
			return problems
		}
	}
	return during(
		each(func(ctx context.Context, binding rbacv1.RoleBinding) error {
			return bindings.Delete(ctx, binding.Name, metav1.DeleteOptions{})
		}),
		each(func(ctx context.Context, binding rbacv1.RoleBinding) error {
			binding.ResourceVersion = ""
			_, err := bindings.Create(ctx, &binding, metav1.CreateOptions{})
			if apierrors.IsAlreadyExists(err) {
				return nil
			}
			return err
		}), run)
}
