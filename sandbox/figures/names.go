package figures

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// rule is what a cloud takes as a property of a type of resource.
type rule struct {
	property string
	// pattern must match; nil for any text.
	pattern *regexp.Regexp
	// most is the longest text, in characters; 0 for what the pattern says.
	most int
}

// rules by type, from docs/facts.md §2 and §3, and for a managed identity
// https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
var rules = map[string][]rule{
	"azure-native:managedidentity:UserAssignedIdentity": {
		{"resourceName", regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{2,127}$`), 0},
	},
	"azure-native:managedidentity:FederatedIdentityCredential": {
		{"federatedIdentityCredentialResourceName", regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{2,119}$`), 0},
		{"issuer", regexp.MustCompile(`^https://[^*]+$`), 600},
		{"subject", regexp.MustCompile(`^system:serviceaccount:[a-z0-9-]+:[a-z0-9.-]+$`), 600},
	},
	"gcp:iam/workloadIdentityPool:WorkloadIdentityPool": {
		{"workloadIdentityPoolId", poolID, 0}, {"displayName", nil, 32}, {"description", nil, 256},
	},
	"gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": {
		{"workloadIdentityPoolProviderId", poolID, 0}, {"displayName", nil, 32}, {"description", nil, 256}, {"attributeCondition", nil, 4096},
	},
	"gcp:serviceaccount/account:Account": {
		{"accountId", regexp.MustCompile(`^[a-z][-a-z0-9]{4,28}[a-z0-9]$`), 0}, {"displayName", nil, 100}, {"description", nil, 256},
	},
	"gcp:artifactregistry/repository:Repository": {
		{"repositoryId", regexp.MustCompile(`^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`), 0},
	},
}

var poolID = regexp.MustCompile(`^[0-9a-z-]{4,32}$`)

// check is what a resource's cloud would refuse of its names.
func check(token, name string, inputs resource.PropertyMap) []string {
	if strings.HasPrefix(token, "kubernetes:") {
		return checkObject(token, name, inputs)
	}
	var problems []string
	for _, r := range rules[token] {
		text, given := textAt(inputs, r.property)
		switch {
		case !given && r.pattern == nil:
		case r.pattern != nil && !r.pattern.MatchString(text):
			problems = append(problems, fmt.Sprintf("%s %q: want %s", r.property, text, r.pattern))
		case r.most > 0 && utf8.RuneCountInString(text) > r.most:
			problems = append(problems, fmt.Sprintf("%s %q: want at most %d characters", r.property, text, r.most))
		case r.pattern == poolID && strings.HasPrefix(text, "gcp-"):
			problems = append(problems, fmt.Sprintf("%s %q: gcp- is reserved", r.property, text))
		}
	}
	return problems
}

// cronJobName is the longest name of a CronJob: its Jobs' names are eleven
// characters longer. https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/
const cronJobName = 52

// checkObject applies the API server's own rules to names and labels.
func checkObject(token, name string, inputs resource.PropertyMap) []string {
	var problems []string
	add := func(key, value string, found []string) {
		for _, problem := range found {
			problems = append(problems, fmt.Sprintf("%s %q: %s", key, value, problem))
		}
	}
	own, given := textAt(inputs, "metadata.name")
	if !given {
		own = name + "-12345678" // the engine's provider names it after the resource
	}
	kind := token[strings.LastIndex(token, ":")+1:]
	switch kind {
	case "Namespace":
		add("metadata.name", own, validation.IsDNS1123Label(own))
	case "Service":
		add("metadata.name", own, validation.IsDNS1035Label(own))
	default:
		add("metadata.name", own, validation.IsDNS1123Subdomain(own))
	}
	if kind == "CronJob" && len(own) > cronJobName {
		add("metadata.name", own, []string{"want at most 52 characters"})
	}
	if namespace, given := textAt(inputs, "metadata.namespace"); given {
		add("metadata.namespace", namespace, validation.IsDNS1123Label(namespace))
	}
	for _, path := range []string{"metadata.labels", "spec.template.metadata.labels", "spec.jobTemplate.spec.template.metadata.labels"} {
		labels, _ := valueAt(inputs, path)
		if !labels.IsObject() {
			continue
		}
		for key, value := range labels.ObjectValue() {
			add(path, string(key), validation.IsQualifiedName(string(key)))
			if value.IsString() {
				add(path+"."+string(key), value.StringValue(), validation.IsValidLabelValue(value.StringValue()))
			}
		}
	}
	return problems
}

func valueAt(inputs resource.PropertyMap, path string) (resource.PropertyValue, bool) {
	value := resource.NewProperty(inputs)
	for key := range strings.SplitSeq(path, ".") {
		if !value.IsObject() {
			return resource.PropertyValue{}, false
		}
		inner, found := value.ObjectValue()[resource.PropertyKey(key)]
		if !found {
			return resource.PropertyValue{}, false
		}
		value = inner
	}
	return value, true
}

func textAt(inputs resource.PropertyMap, path string) (text string, given bool) {
	value, found := valueAt(inputs, path)
	if !found || !value.IsString() {
		return "", false
	}
	return value.StringValue(), true
}
