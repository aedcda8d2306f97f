package kubernetes

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/image"
	"waybill.example/waybill/components/internal/errorhook"
)

// denial is how the API server begins the words of an admission policy: those of a
// webhook such as Gatekeeper's, Azure Policy's or Kyverno's, of a
// ValidatingAdmissionPolicy, and of OpenShift's security context constraints
// (docs/facts.md §8).
var denial = regexp.MustCompile(`admission webhook "[^"]+" denied the request|ValidatingAdmissionPolicy '[^']+' with binding '[^']+' denied request|` +
	`unable to validate against any security context constraint`)

// remedies are the keys that change what a policy speaks of. POD stands for whose pod it
// is, refresher or workload; ofRefresher are the refresher's keys where they are others.
var remedies = []struct {
	words             *regexp.Regexp
	keys, ofRefresher string
}{
	{words: regexp.MustCompile(`(?i)\blabels?\b`), keys: "labels, for every object, or POD.labels, for the pods alone"},
	{words: regexp.MustCompile(`(?i)\bannotations?\b`), keys: "POD.annotations"},
	{words: regexp.MustCompile(`(?i)\blimits?\b|\bresources?\b|\bcpu\b|\bmemory\b`), keys: "POD.resources"},
	{words: regexp.MustCompile(`(?i)probes?\b`), keys: "POD.liveness and product.healthPath", ofRefresher: "POD.probes"},
	{
		words: regexp.MustCompile(`(?i)\bimages?\b|\bregistr|\brepositor|\brepos?\b`),
		keys:  "product.tag; the vendor's registry is for the policy to allow", ofRefresher: "POD.image",
	},
	{words: regexp.MustCompile(`(?i)toleration|\btaints?\b|node ?selector`), keys: "POD.nodeSelector and POD.tolerations"},
	{words: regexp.MustCompile(`(?i)priority ?class`), keys: "POD.priorityClass"},
	{
		words: regexp.MustCompile(`(?i)\brunAs(User|Group)\b|\bfsGroup\b|security context constraint`),
		keys:  "POD.platformIds, or POD.user and POD.group",
	},
}

// Whose pods there are, as the configuration calls them.
const (
	refresherPod = "refresher"
	workloadPod  = "workload"
)

var (
	// conflict is how server-side apply refuses to take a field from another manager
	// (https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts).
	conflict = regexp.MustCompile(`Apply failed with \d+ conflicts?: `)
	// missing is how a kubelet reports an image that the registry does not hold, in the
	// words of containerd and of the registry
	// (https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes).
	missing = regexp.MustCompile(`image "([^"]+)"[^\n]*(?:(?i:manifest[ _]unknown)|code = NotFound|: not found)`)
)

// explained adds what to do to a cluster's errors: a refusal by an admission policy, a
// conflict over fields, a missing image. Its hook is named after a child; nothing is
// tried again.
func explained(ctx *pulumi.Context, child, pod string) pulumi.ResourceOption {
	return errorhook.Option(ctx, child+"-explained", child+": the cluster's refusals are not explained", func(args *pulumi.ErrorHookArgs) (bool, error) {
		for _, text := range args.Errors {
			if advice := remedy(text, pod, ctx.Stack()); advice != "" {
				// Not as the hook's own error: the engine drops that of a resource that was
				// made and did not become ready.
				return false, ctx.Log.Error(child+": "+advice, nil)
			}
		}
		return false, nil
	})
}

// remedy is what to do about an error; empty where there is nothing to add.
func remedy(text, pod, stack string) string {
	if conflict.MatchString(text) {
		return "somebody else set these fields: if the object is not this stack's, give another name " +
			"(environments.NAME.pullSecret for the pull secret) or adopt it (docs/adoption.md); " +
			"if it is, undo the change or make it in the stack file"
	}
	if found := missing.FindStringSubmatch(text); found != nil {
		if reference, err := image.Parse(found[1]); err == nil {
			return reference.Missing(stack)
		}
	}
	return admission(text, pod)
}

// admission is what to do about a refusal; empty where no policy refused.
func admission(text, pod string) string {
	at := denial.FindStringIndex(text)
	if at == nil {
		return ""
	}
	var keys []string
	for _, remedy := range remedies {
		if !remedy.words.MatchString(text[at[0]:]) {
			continue
		}
		words := remedy.keys
		if pod == refresherPod {
			words = cmp.Or(remedy.ofRefresher, words)
		}
		keys = append(keys, strings.ReplaceAll(words, "POD", pod))
	}
	if keys == nil {
		return "an admission policy of the cluster refuses it: see docs/clusters.md for the keys of pods, or have the policy leave it out"
	}
	return "an admission policy of the cluster refuses it: set " + strings.Join(keys, "; or ") + " (docs/clusters.md)"
}
