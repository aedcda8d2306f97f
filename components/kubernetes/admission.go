package kubernetes

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// denial is how the API server begins the words of an admission policy: those of a
// webhook such as Gatekeeper's, Azure Policy's or Kyverno's, of a
// ValidatingAdmissionPolicy, and of OpenShift's security context constraints
// (docs/facts.md §8).
var denial = regexp.MustCompile(`admission webhook "[^"]+" denied the request|ValidatingAdmissionPolicy '[^']+' with binding '[^']+' denied request|` +
	`unable to validate against any security context constraint`)

// remedies are the keys that change what a policy speaks of, after the prefix of the
// pod's own: "refresher." or "workload.".
var remedies = []struct {
	words *regexp.Regexp
	keys  func(prefix string) string
}{
	{regexp.MustCompile(`(?i)\blabels?\b`), func(prefix string) string {
		return "labels, for every object, or " + prefix + "labels, for the pods alone"
	}},
	{regexp.MustCompile(`(?i)\bannotations?\b`), func(prefix string) string { return prefix + "annotations" }},
	{regexp.MustCompile(`(?i)\blimits?\b|\bresources?\b|\bcpu\b|\bmemory\b`), func(prefix string) string { return prefix + "resources" }},
	{regexp.MustCompile(`(?i)probes?\b`), func(prefix string) string {
		if prefix == refresherPrefix {
			return prefix + "probes"
		}
		return prefix + "liveness and product.healthPath"
	}},
	{regexp.MustCompile(`(?i)\bimages?\b|\bregistr|\brepositor|\brepos?\b`), func(prefix string) string {
		if prefix == refresherPrefix {
			return prefix + "image"
		}
		return "product.tag; the vendor's registry is for the policy to allow"
	}},
	{regexp.MustCompile(`(?i)toleration|\btaints?\b|node ?selector`), func(prefix string) string { return prefix + "nodeSelector and " + prefix + "tolerations" }},
	{regexp.MustCompile(`(?i)priority ?class`), func(prefix string) string { return prefix + "priorityClass" }},
	{regexp.MustCompile(`(?i)\brunAs(User|Group)\b|\bfsGroup\b|security context constraint`), func(prefix string) string {
		return prefix + "platformIds, or " + prefix + "user and " + prefix + "group"
	}},
}

// Prefixes of the keys of pods.
const (
	refresherPrefix = "refresher."
	workloadPrefix  = "workload."
)

// admitted has the refusal of an admission policy name the keys of the configuration
// that help. Its hook is named after a child; what is refused is not tried again.
func admitted(ctx *pulumi.Context, child, prefix string) pulumi.ResourceOption {
	hook, err := ctx.RegisterErrorHook(child+"-admitted", func(args *pulumi.ErrorHookArgs) (bool, error) {
		for _, text := range args.Errors {
			if remedy := admission(text, prefix); remedy != "" {
				return false, fmt.Errorf("%s: %s", text, remedy)
			}
		}
		return false, nil
	})
	if err != nil { // without a hook, the policy's words stand alone
		_ = ctx.Log.Warn(child+": refusals of admission policies are not explained: "+err.Error(), nil)
		return pulumi.Composite()
	}
	return pulumi.ResourceHooks(&pulumi.ResourceHookBinding{OnError: []*pulumi.ErrorHook{hook}})
}

// admission is what to do about a refusal; empty where no policy refused.
func admission(text, prefix string) string {
	at := denial.FindStringIndex(text)
	if at == nil {
		return ""
	}
	var keys []string
	for _, remedy := range remedies {
		if words := text[at[0]:]; remedy.words.MatchString(words) {
			keys = append(keys, remedy.keys(prefix))
		}
	}
	if keys == nil {
		return "an admission policy of the cluster refuses it: see docs/clusters.md for the keys of pods, or have the policy leave it out"
	}
	return "an admission policy of the cluster refuses it: set " + strings.Join(keys, "; or ") + " (docs/clusters.md)"
}
