package fault

// causeGone is the answer to a secret that is not there. The refresher may not create it, and must not: an object
// without Pulumi's record of it would outlive the stack.
const causeGone = "the pull secret is gone"

const admission = "https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/"

// kubernetesRows are the answers of the API server to the patch of the secret, with those of whom it asks before.
var kubernetesRows = []Row{
	{
		Name: "secret-gone", Status: []int{404}, Words: re(`secrets "[^"]*" not found`), Kind: Lasting,
		Cause: causeGone, Do: "run `pulumi up --refresh -s STACK`, which creates it again",
		Source: facts + "§8",
	},
	{
		Name: "secret-gone-apply", Status: []int{403}, Words: re(`cannot create resource "secrets"`), Kind: Lasting,
		Cause: causeGone, Do: "run `pulumi up --refresh -s STACK`, which creates it again",
		Source: facts + "§8",
	},
	{
		Name:   "namespace-gone",
		Words:  re(`namespaces "[^"]*" not found|because it is being terminated`),
		Kind:   Lasting,
		Cause:  "the namespace is gone, or is being deleted",
		Do:     "find out who deletes it; a new one needs `pulumi up --refresh -s STACK`",
		Source: "https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#namespacelifecycle",
	},
	{
		Name:  "policy-gatekeeper",
		Words: re(`admission webhook "validation\.gatekeeper\.sh" denied the request`),
		Kind:  Lasting,
		Cause: "a Gatekeeper constraint (also Azure Policy's) forbids the patch of the secret",
		Do: "the cluster's administrator exempts this one secret, or lets the refresher's ServiceAccount patch " +
			"it; kubectl get constraints lists the rules",
		Source: "https://open-policy-agent.github.io/gatekeeper/website/docs/violations",
	},
	{
		Name:   "policy-kyverno",
		Words:  re(`admission webhook "[a-z-]+\.kyverno\.svc[^"]*" denied the request`),
		Kind:   Lasting,
		Cause:  "a Kyverno policy forbids the patch of the secret",
		Do:     "the cluster's administrator writes a PolicyException for this one secret, or changes the policy",
		Source: "https://kyverno.io/docs/troubleshooting/",
	},
	{
		Name: "policy-webhook", Words: re(`admission webhook "[^"]+" denied the request`), Kind: Lasting,
		Cause:  "an admission webhook of the cluster forbids the patch of the secret",
		Do:     "the cluster's administrator lets the refresher's ServiceAccount patch this one secret",
		Source: admission,
	},
	{
		// 422 by default; a policy's reason may make it 403.
		Name:   "policy-validating",
		Words:  re(`ValidatingAdmissionPolicy '[^']+' with binding '[^']+' denied request`),
		Kind:   Lasting,
		Cause:  "a ValidatingAdmissionPolicy of the cluster forbids the patch of the secret",
		Do:     "the cluster's administrator lets the refresher's ServiceAccount patch this one secret",
		Source: "https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/",
	},
	{
		Name: "webhook-unreachable", Words: re(`failed calling webhook|failed to call webhook`), Kind: Passing,
		Cause:  "an admission webhook that the cluster must ask about secrets does not answer",
		Do:     "the cluster's administrator checks the webhook named in the message, its pods and its certificate",
		Source: admission + "#failure-policy",
	},
	{
		Name: "quota", Status: []int{403}, Words: re(`exceeded quota: |status unknown for quota: `), Kind: Settling,
		Cause:  "a ResourceQuota of the namespace is used up, or was made a moment ago",
		Do:     "the cluster's administrator raises it, or removes what is not needed",
		Source: "https://kubernetes.io/docs/concepts/policy/resource-quotas/",
	},
	{
		Name: "rbac", Status: []int{403}, Words: re(`cannot patch resource "secrets"`), Kind: Settling,
		Cause: "the refresher's Role or RoleBinding does not allow patch on this one secret, or has allowed " +
			"it only for a moment",
		Do:     "run `pulumi up --refresh -s STACK`",
		Source: "https://kubernetes.io/docs/reference/access-authn-authz/rbac/",
	},
	{
		Name:   "secret-immutable",
		Status: []int{422},
		Words:  re(`field is immutable when .?immutable.? is set`),
		Kind:   Lasting,
		Cause:  "somebody marked the secret immutable: nothing can change its data any more",
		Do:     "find out who did; docs/security.md says how to replace such a secret",
		Source: facts + "§8",
	},
	{
		Name: "secret-invalid", Status: []int{422}, Words: re(`(?i)Secret "[^"]*" is invalid`), Kind: Lasting,
		Cause:  "the API server rejects the secret as invalid, for the reason that it gives",
		Do:     "find out who else writes the secret, and what",
		Source: facts + "§8",
	},
	{
		Name: "kubernetes-token", Status: []int{401}, Kind: Lasting,
		Cause: "the API server refused the pod's own token: the projected token is bad, or the ServiceAccount was " +
			"deleted and recreated",
		Do:     "a new pod gets a new token; if that is refused too, run `pulumi up --refresh -s STACK`",
		Source: "https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/",
	},
	{
		Name: "conflict", Status: []int{409}, Kind: Passing,
		Cause:  "somebody else wrote the secret at the same moment",
		Do:     "if the error stays, find out who else writes it",
		Source: "https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts",
	},
}
