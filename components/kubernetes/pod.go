package kubernetes

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/naming"
)

// Pod says what a customer's cluster asks of pods before it admits and runs
// them: the same words for the refresher and for every workload. Whatever it
// says, the pods are those that Pod Security "restricted" admits.
type Pod struct {
	// Labels and Annotations are added to the pods' own. Keys of
	// app.kubernetes.io/ are waybill's.
	Labels, Annotations map[string]string
	// NodeSelector are labels that the nodes must have, besides
	// kubernetes.io/os: linux.
	NodeSelector map[string]string
	// Tolerations of the nodes' taints.
	Tolerations []Toleration
	// PriorityClass is the name of a PriorityClass; empty means the cluster's
	// default.
	PriorityClass string
	// PullSecrets are the names of Secrets of the namespace that pull the pods'
	// own image from a private mirror.
	PullSecrets []string
	// User and Group are the numbers that the pods run as, 1 to 2147483647; 0
	// means 65532, and for the group the user's number.
	User, Group int
	// PlatformIDs leaves user and groups to the platform: OpenShift gives each
	// namespace a range and refuses every other number. Neither User nor Group
	// beside it.
	PlatformIDs bool
	// Resources of the container; empty means the component's own.
	Resources Resources
}

// Toleration lets pods run on nodes with a taint.
type Toleration struct {
	// Key of the taint; empty with the operator Exists means every taint.
	Key string
	// Operator is Exists or Equal; empty means Equal with a Value and Exists
	// without one.
	Operator string
	Value    string
	// Effect is NoSchedule, PreferNoSchedule or NoExecute; empty means all.
	Effect string
}

func (t Toleration) operator() string {
	if t.Value != "" {
		return cmp.Or(t.Operator, "Equal")
	}
	return cmp.Or(t.Operator, "Exists")
}

// Forms of labels, annotations and taints
// (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set).
var (
	labelNamePattern  = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
	labelValuePattern = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$`)
)

// isLabelKey says whether a text is the key of a label, an annotation or a taint: a name,
// or a DNS name, a slash and a name.
func isLabelKey(text string) bool {
	prefix, name, found := strings.Cut(text, "/")
	if !found {
		return labelNamePattern.MatchString(text)
	}
	return naming.Subdomain.Check(prefix) == nil && labelNamePattern.MatchString(name)
}

// isReserved says whether a label's key is one of Kubernetes' own, which give an object
// a meaning.
func isReserved(key string) bool {
	prefix, _, found := strings.Cut(key, "/")
	return found && slices.ContainsFunc([]string{"kubernetes.io", "k8s.io"}, func(domain string) bool {
		return prefix == domain || strings.HasSuffix(prefix, "."+domain)
	})
}

const (
	// systemPriority starts the names of the classes of the cluster's own components,
	// which evict others.
	systemPriority = "system-"
	ownLabels      = "app.kubernetes.io/"
	osLabel        = "kubernetes.io/os"
	largestUser    = 1<<31 - 1
)

// validate notes what is wrong; before stands before the keys: "refresher.".
func (pod Pod) validate(p *check.Problems, before string) {
	checkOwnLabels(p, before+"labels", pod.Labels)
	checkLabels(p, before+"annotations", pod.Annotations, nil)
	checkLabels(p, before+"nodeSelector", pod.NodeSelector, labelValuePattern)
	if system := pod.NodeSelector[osLabel]; system != "" && system != "linux" {
		p.Add(fmt.Sprintf("%snodeSelector[%q]", before, osLabel), "%q: want linux, or none", system)
	}
	for i, t := range pod.Tolerations {
		key := fmt.Sprintf("%stolerations[%d].", before, i)
		switch {
		case t.operator() != "Exists" && t.operator() != "Equal":
			p.Add(key+"operator", "%q: want Exists or Equal", t.Operator)
		case t.operator() == "Exists" && t.Value != "":
			p.Add(key+"value", "%q: want none with the operator Exists", t.Value)
		case t.operator() == "Equal" && t.Key == "":
			p.Add(key+"key", "is missing: want the taint's key, or the operator Exists")
		}
		if t.Key != "" && !isLabelKey(t.Key) {
			p.Add(key+"key", "%q: want a taint's key, such as example.com/dedicated", t.Key)
		}
		if t.Effect != "" && !slices.Contains([]string{"NoSchedule", "PreferNoSchedule", "NoExecute"}, t.Effect) {
			p.Add(key+"effect", "%q: want NoSchedule, PreferNoSchedule or NoExecute", t.Effect)
		}
	}
	if pod.PriorityClass != "" {
		p.Error(before+"priorityClass", naming.Subdomain.Check(pod.PriorityClass))
		if strings.HasPrefix(pod.PriorityClass, systemPriority) {
			p.Add(before+"priorityClass", "%q: is for the cluster's own components, which it would evict: want a class of the customer's", pod.PriorityClass)
		}
	}
	for i, secret := range pod.PullSecrets {
		p.Error(fmt.Sprintf("%spullSecrets[%d]", before, i), naming.Subdomain.Check(secret))
	}
	if pod.PlatformIDs && (pod.User != 0 || pod.Group != 0) {
		p.Add(before+"platformIds", "true: want neither user nor group beside it")
	}
	p.Range(before+"user", pod.user(), 1, largestUser)
	p.Range(before+"group", pod.group(), 1, largestUser)
	pod.Resources.validate(p, before+"resources")
}

// checkOwnLabels is checkLabels for labels that are put on objects.
func checkOwnLabels(p *check.Problems, key string, given map[string]string) {
	checkLabels(p, key, given, labelValuePattern)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if isReserved(name) && !strings.HasPrefix(name, ownLabels) {
			p.Add(fmt.Sprintf("%s[%q]", key, name), "%q: want a key outside kubernetes.io and k8s.io, which are reserved for Kubernetes' own", given[name])
		}
	}
}

// checkLabels notes keys and values of a wrong form; a nil value is any text.
func checkLabels(p *check.Problems, key string, given map[string]string, value *regexp.Regexp) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		at := fmt.Sprintf("%s[%q]", key, name)
		switch {
		case !isLabelKey(name):
			p.Add(at, "%q: want a key of at most 63 letters, digits and ._-, with a DNS name and a slash before it where it has a prefix", given[name])
		case strings.HasPrefix(name, ownLabels):
			p.Add(at, "%q: want a key that does not start with %s, whose labels are waybill's", given[name], ownLabels)
		case value != nil && !value.MatchString(given[name]):
			p.Add(at, "%q: want at most 63 letters, digits and ._-, a letter or digit first and last", given[name])
		}
	}
}

func (pod Pod) user() int  { return cmp.Or(pod.User, nonRoot) }
func (pod Pod) group() int { return cmp.Or(pod.Group, pod.user()) }

// podTemplate is the template of pods that run one container. The spec and the
// container say what is the component's own; everything that a cluster may ask
// is added here.
//
// It is a function, as is all that makes the SDK's types here. With a method of Pod,
// every package that uses a Pod would compile all that the method's types reach: 30 MB.
func podTemplate(pod Pod, labels, annotations map[string]string, spec *corev1.PodSpecArgs, container *corev1.ContainerArgs, fallback Resources) *corev1.PodTemplateSpecArgs {
	nodes := maps.Clone(pod.NodeSelector)
	if nodes == nil {
		nodes = map[string]string{}
	}
	nodes[osLabel] = "linux"
	container.Resources = requirements(pod.Resources.orElse(fallback))
	container.SecurityContext = restrictedContainer()
	spec.Containers = corev1.ContainerArray{container}
	spec.AutomountServiceAccountToken = pulumi.Bool(false)
	spec.EnableServiceLinks = pulumi.Bool(false)
	spec.SecurityContext = podSecurity(pod)
	spec.NodeSelector = pulumi.ToStringMap(nodes)
	spec.Tolerations = tolerations(pod)
	if pod.PriorityClass != "" {
		spec.PriorityClassName = pulumi.String(pod.PriorityClass)
	}
	metadata := &metav1.ObjectMetaArgs{Labels: pulumi.ToStringMap(with(pod.Labels, labels))}
	if all := with(annotations, pod.Annotations); len(all) > 0 {
		metadata.Annotations = pulumi.ToStringMap(all)
	}
	return &corev1.PodTemplateSpecArgs{Metadata: metadata, Spec: spec}
}

// with is both maps; the second one wins.
func with(first, second map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, first)
	maps.Copy(all, second)
	return all
}

// pullSecrets are the vendor's, nil for none, and the pod's own.
func pullSecrets(pod Pod, vendors pulumi.StringInput) corev1.LocalObjectReferenceArrayInput {
	var all corev1.LocalObjectReferenceArray
	if vendors != nil {
		all = append(all, &corev1.LocalObjectReferenceArgs{Name: vendors.ToStringOutput().ToStringPtrOutput()})
	}
	for _, secret := range pod.PullSecrets {
		all = append(all, &corev1.LocalObjectReferenceArgs{Name: pulumi.String(secret)})
	}
	if all == nil {
		return nil
	}
	return all
}

func tolerations(pod Pod) corev1.TolerationArrayInput {
	if len(pod.Tolerations) == 0 {
		return nil
	}
	all := corev1.TolerationArray{}
	for _, t := range pod.Tolerations {
		toleration := &corev1.TolerationArgs{Operator: pulumi.String(t.operator())}
		if t.Key != "" {
			toleration.Key = pulumi.String(t.Key)
		}
		if t.Value != "" {
			toleration.Value = pulumi.String(t.Value)
		}
		if t.Effect != "" {
			toleration.Effect = pulumi.String(t.Effect)
		}
		all = append(all, toleration)
	}
	return all
}

// podSecurity is what Pod Security "restricted" asks of a pod.
func podSecurity(pod Pod) *corev1.PodSecurityContextArgs {
	context := &corev1.PodSecurityContextArgs{
		RunAsNonRoot:   pulumi.Bool(true),
		SeccompProfile: &corev1.SeccompProfileArgs{Type: pulumi.String("RuntimeDefault")},
	}
	if !pod.PlatformIDs {
		context.RunAsUser, context.RunAsGroup = pulumi.Int(pod.user()), pulumi.Int(pod.group())
		context.FsGroup = pulumi.Int(pod.group())
	}
	return context
}

// nonRoot is the user of the refresher's image and the default user of the
// product's, the number that distroless images use.
const nonRoot = 65532

// restrictedContainer is what Pod Security "restricted" asks of a container,
// with a root file system that nobody can write.
func restrictedContainer() *corev1.SecurityContextArgs {
	return &corev1.SecurityContextArgs{
		AllowPrivilegeEscalation: pulumi.Bool(false),
		ReadOnlyRootFilesystem:   pulumi.Bool(true),
		Capabilities:             &corev1.CapabilitiesArgs{Drop: pulumi.ToStringArray([]string{"ALL"})},
	}
}
