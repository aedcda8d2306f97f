package rehearsal

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"waybill.example/waybill/sandbox/world"
)

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
		{"a release that counts as failed while a node pulls", hopKubernetes, anyWords, c.impatientRelease},
		{"a file outside the folders that may be written to", hopKubernetes, anyWords, c.writableRoot},
		{"a node that is drained, or all of them at once", hopKubernetes, anyWords, c.drained},
		{"a node of another pool", hopKubernetes, anyWords, c.elsewhere},
	}
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
		if want := c.World.Walk.Product.Replicas; replicas != want && want != 0 {
			return allowed(fmt.Sprintf("%s has %d pods: want %d (walk.product.replicas)", component.Name, replicas, want))
		}
		if c.World.Walk.Product.Autoscaled { // to more than there are without load
			replicas = max(replicas, 2)
		}
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
	for _, component := range c.components {
		container := component.Spec.Template.Spec.Containers[0]
		for name, probe := range map[string]*corev1.Probe{"readiness": container.ReadinessProbe, "liveness": container.LivenessProbe, "startup": container.StartupProbe} {
			switch {
			case probe == nil && name != "startup" && product.Health != "":
				return allowed(component.Name + " has no " + name + " probe")
			case probe == nil:
			case name == "liveness" && probe.InitialDelaySeconds+probe.FailureThreshold*probe.PeriodSeconds < startTime && container.StartupProbe == nil:
				return allowed(fmt.Sprintf("the kubelet kills %s when it has not answered after %d s: want %d s for its start",
					component.Name, probe.InitialDelaySeconds+probe.FailureThreshold*probe.PeriodSeconds, startTime))
			case name != "startup" && probe.FailureThreshold < enoughFailures:
				return allowed(fmt.Sprintf("one late answer to the %s probe of %s takes the pod away: want %d in a row", name, component.Name, enoughFailures))
			case probe.HTTPGet != nil && (product.Health == "" || probe.HTTPGet.Path != product.Health || !c.answers(container, probe.HTTPGet.Port)):
				return allowed(fmt.Sprintf("the %s probe of %s asks for %s at port %s", name, component.Name, probe.HTTPGet.Path, probe.HTTPGet.Port.String()))
			case probe.TCPSocket != nil && !c.answers(container, probe.TCPSocket.Port):
				return allowed(fmt.Sprintf("the %s probe of %s asks port %s", name, component.Name, probe.TCPSocket.Port.String()))
			}
		}
	}
	services, err := c.cluster.admin.CoreV1().Services(c.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	served := false
	for _, service := range services.Items {
		for _, component := range c.behind(service) {
			served = true
			for _, port := range service.Spec.Ports {
				if !c.answers(component.Spec.Template.Spec.Containers[0], port.TargetPort) {
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

// startTime is how long a product may take to start, in seconds: the delay of the
// vendors' own guides.
const startTime = 30

// enoughFailures is how many checks of the product's health have to fail in a row before
// it is taken for broken: a single late answer does not count.
const enoughFailures = 2

// answers says whether a port, by its number or its container's name for it, is the
// product's.
func (c *chain) answers(container corev1.Container, port intstr.IntOrString) bool {
	product := c.World.Walk.Product.Port
	return port.IntValue() == product || slices.ContainsFunc(container.Ports, func(p corev1.ContainerPort) bool {
		return p.Name == port.StrVal && p.Name != "" && int(p.ContainerPort) == product
	})
}

// unreached wants each Service to send to one component alone, at an address that the
// outputs name, whichever node asks and as soon as a pod is ready, and the network policies
// to let requests through. Nobody outside the cluster may reach one, unless the world says so.
func (c *chain) unreached(ctx context.Context) error {
	services, err := c.cluster.admin.CoreV1().Services(c.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	named := map[string]bool{}
	for _, address := range c.services {
		named[address] = true
	}
	for _, service := range services.Items {
		to := c.behind(service)
		if len(to) == 0 {
			continue
		}
		if len(to) > 1 {
			return allowed(fmt.Sprintf("the Service %s sends to %s and to %s", service.Name, to[0].Name, to[1].Name))
		}
		if service.Spec.Type != corev1.ServiceTypeClusterIP && !c.World.Walk.Product.Exposed {
			return allowed(fmt.Sprintf("the Service %s has the type %s, which opens it to the cluster's outside (walk.product.exposed)", service.Name, service.Spec.Type))
		}
		if within := service.Spec.InternalTrafficPolicy; within != nil && *within != corev1.ServiceInternalTrafficPolicyCluster {
			return allowed(fmt.Sprintf("the Service %s drops requests on a node without a pod of the product (internalTrafficPolicy: %s)", service.Name, *within))
		}
		if service.Spec.PublishNotReadyAddresses {
			return allowed(fmt.Sprintf("the Service %s sends to pods that are not ready (publishNotReadyAddresses)", service.Name))
		}
		for _, port := range service.Spec.Ports {
			delete(named, fmt.Sprintf("%s.%s.svc:%d", service.Name, service.Namespace, port.Port))
		}
	}
	for _, wanted := range c.World.Walk.Product.Services {
		name, port, _ := strings.Cut(wanted, ":")
		if !slices.Contains(c.services, fmt.Sprintf("%s.%s.svc:%s", name, c.namespace, port)) {
			return allowed(fmt.Sprintf("the outputs name no %s in %s, where the product is called (walk.product.services): %q", wanted, c.namespace, c.services))
		}
	}
	for address := range named {
		return allowed("the outputs name " + address + ", where no Service sends to the product")
	}
	network := c.network()
	for _, component := range c.components {
		if interrupted := interrupts(component); interrupted != "" {
			return allowed(interrupted)
		}
		pod := podOfTemplate(component.Namespace, component.Name, component.Spec.Template)
		if err := network.Neighbour(ctx, pod, nil, uint16(c.World.Walk.Product.Port)); err != nil { //nolint:gosec // the world's check bounds it
			return allowed(err.Error())
		}
	}
	return &refused{hopKubernetes, "each Service sends to one component whenever a pod is ready, and the policies let requests through"}
}

// interrupts says what of a Deployment leaves requests without a pod that answers, while
// it is released, drained, or without a node; empty where nothing does.
func interrupts(component appsv1.Deployment) string {
	pod, replicas := component.Spec.Template.Spec, int(*component.Spec.Replicas)
	if rolling := component.Spec.Strategy.RollingUpdate; rolling != nil && rolling.MaxUnavailable != nil && replicas > 1 {
		if down, err := intstr.GetScaledValueFromIntOrPercent(rolling.MaxUnavailable, replicas, false); err != nil || down >= replicas {
			return fmt.Sprintf("the Deployment %s lets a release take all of its %d pods away (maxUnavailable: %s)", component.Name, replicas, rolling.MaxUnavailable)
		}
	}
	if component.Spec.Strategy.Type != appsv1.RollingUpdateDeploymentStrategyType {
		return fmt.Sprintf("the Deployment %s stops what runs before the next release is ready (strategy: %s)", component.Name, component.Spec.Strategy.Type)
	}
	if grace := pod.TerminationGracePeriodSeconds; grace != nil && *grace < 1 {
		return fmt.Sprintf("the Deployment %s kills its pods in the middle of a request (terminationGracePeriodSeconds: %d)", component.Name, *grace)
	}
	for _, spread := range pod.TopologySpreadConstraints {
		if spread.LabelSelector == nil {
			return fmt.Sprintf("the Deployment %s spreads no pod over %s: its constraint selects none", component.Name, spread.TopologyKey)
		}
	}
	return ""
}

// impatientRelease wants each Deployment to have the time that Kubernetes gives by default:
// a node that is new pulls a large image first.
// https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#progress-deadline-seconds
func (c *chain) impatientRelease(context.Context) error {
	const byDefault = 600
	for _, component := range c.components {
		if seconds := component.Spec.ProgressDeadlineSeconds; seconds == nil || *seconds < byDefault {
			return allowed(fmt.Sprintf("%s counts as failed too soon: want progressDeadlineSeconds %d", component.Name, byDefault))
		}
	}
	return &refused{hopKubernetes, "there is time for a large image"}
}

// behind are the components whose pods a Service selects.
func (c *chain) behind(service corev1.Service) []appsv1.Deployment {
	if len(service.Spec.Selector) == 0 {
		return nil
	}
	selector := labels.SelectorFromSet(service.Spec.Selector)
	return slices.DeleteFunc(slices.Clone(c.components), func(component appsv1.Deployment) bool {
		return !selector.Matches(labels.Set(component.Spec.Template.Labels))
	})
}

// lacking compares the product's pods with what the world says that it needs: its
// release, its folders, its variables and its way out. It gets no variables for the
// Services of its namespace: one of them may have a name that it reads.
func (c *chain) lacking(context.Context) error {
	product, wayOut := c.World.Walk.Product, ""
	if proxy := c.ofWorld().Network.Proxy; proxy != nil && product.GoesOut {
		wayOut = proxy.URL
	}
	for _, component := range c.components {
		pod := component.Spec.Template.Spec
		container := pod.Containers[0]
		if c.release != "" && !strings.HasSuffix(container.Image, ":"+c.release) {
			return allowed(fmt.Sprintf("%s runs %s: want the tag %s (walk.environments.NAME.release)", component.Name, container.Image, c.release))
		}
		for _, folder := range product.Writes {
			mount := slices.IndexFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == folder && !m.ReadOnly })
			if mount < 0 {
				return allowed(component.Name + " cannot write to " + folder + " (walk.product.writes)")
			}
			// https://kubernetes.io/docs/concepts/storage/volumes/#emptydir
			if slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool {
				return v.Name == container.VolumeMounts[mount].Name && v.EmptyDir != nil && v.EmptyDir.Medium == corev1.StorageMediumMemory
			}) {
				return allowed("what " + component.Name + " writes to " + folder + " counts as its memory, and kills it at the limit")
			}
		}
		for _, file := range product.Files {
			if !slices.ContainsFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == file }) {
				return allowed(component.Name + " has no file " + file + " (walk.product.files)")
			}
		}
		given := map[string]string{}
		for _, variable := range container.Env {
			given[variable.Name] = variable.Value
		}
		for _, name := range product.Reads {
			if _, has := given[name]; !has {
				return allowed(component.Name + " lacks the variable " + name + " (walk.product.reads)")
			}
		}
		if given["HTTPS_PROXY"] != wayOut && wayOut != "" {
			return allowed(fmt.Sprintf("%s has HTTPS_PROXY=%q: its only way out is %s (walk.product.goesOut)", component.Name, given["HTTPS_PROXY"], wayOut))
		}
		if missing := c.untrusted(pod, given); missing != "" {
			return allowed(component.Name + missing)
		}
		// https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
		if links := pod.EnableServiceLinks; links == nil || *links {
			return allowed(component.Name + " gets variables for every Service of its namespace")
		}
	}
	return &refused{hopKubernetes, "every component has what the world says that it needs"}
}

// untrusted is what a product that goes out lacks behind a proxy: the authority of one
// that looks into TLS, and the hosts of the customer's own that are reached without it.
func (c *chain) untrusted(pod corev1.PodSpec, given map[string]string) string {
	proxy := c.ofWorld().Network.Proxy
	if proxy == nil || !c.World.Walk.Product.GoesOut {
		return ""
	}
	without := strings.Split(given["NO_PROXY"], ",")
	for _, host := range append(slices.Clone(proxy.Inside), ".svc", ".cluster.local") {
		if !slices.Contains(without, host) {
			return fmt.Sprintf(" has NO_PROXY=%q: want %s in it, which is the cluster's or of kubernetes.clusters[].network.proxy.inside", given["NO_PROXY"], host)
		}
	}
	mounted := slices.ContainsFunc(pod.Containers[0].VolumeMounts, func(m corev1.VolumeMount) bool {
		return strings.HasPrefix(given["SSL_CERT_FILE"], m.MountPath+"/")
	})
	if proxy.Inspects && !mounted {
		return fmt.Sprintf(" has SSL_CERT_FILE=%q: want a file of a volume with the proxy's authority", given["SSL_CERT_FILE"])
	}
	return ""
}

// elsewhere wants no pod to fit a node on which nothing of the program may run.
// https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/
func (c *chain) elsewhere(context.Context) error {
	pods := map[string]corev1.PodSpec{}
	for _, component := range c.components {
		pods[component.Name] = component.Spec.Template.Spec
	}
	if c.cronJob != nil {
		pods[c.cronJob.Name] = c.cronJob.Spec.JobTemplate.Spec.Template.Spec
	}
	windows := world.Pool{Labels: map[string]string{corev1.LabelOSStable: "windows"}}
	for _, pool := range append([]world.Pool{windows}, c.ofWorld().Nodes.Others...) {
		for name, pod := range pods {
			if labels.SelectorFromSet(pod.NodeSelector).Matches(labels.Set(pool.Labels)) && !slices.ContainsFunc(pool.Taints, func(taint corev1.Taint) bool {
				return !slices.ContainsFunc(pod.Tolerations, func(t corev1.Toleration) bool { return t.ToleratesTaint(&taint) })
			}) {
				return allowed(fmt.Sprintf("pods of %s fit nodes with the labels %v (kubernetes.clusters[].nodes.others)", name, pool.Labels))
			}
		}
	}
	return &refused{hopKubernetes, "every pod fits the nodes that are meant for it alone"}
}

// addresses are those of the product that an environment's outputs name.
func addresses(outputs document) []string {
	var all []string
	for _, address := range outputs.object("services") {
		if text, ok := address.(string); ok {
			all = append(all, text)
		}
	}
	if one := outputs.text("service"); one != "" {
		all = append(all, one)
	}
	return all
}

// ofWorld is the chain's cluster as the world has it.
func (c *chain) ofWorld() world.Cluster {
	all := c.World.Kubernetes.Clusters
	return all[slices.IndexFunc(all, func(w world.Cluster) bool { return w.Context == c.cluster.Context() })]
}

func podOfTemplate(namespace, name string, template corev1.PodTemplateSpec) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: template.Labels}, Spec: template.Spec}
}

// scaled runs with one more replica of the product than was deployed.
func (c *chain) scaled(ctx context.Context, run func() error) error {
	ctx, deployments := context.WithoutCancel(ctx), c.cluster.admin.AppsV1().Deployments(c.namespace)
	by := func(more int32) func() error {
		return func() error {
			scale, err := deployments.GetScale(ctx, c.deployment.Name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			scale.Spec.Replicas += more
			_, err = deployments.UpdateScale(ctx, c.deployment.Name, scale, metav1.UpdateOptions{})
			return err
		}
	}
	return during(by(1), by(-1), run)
}

// Scaled runs while somebody has scaled each environment's product, where it runs in a
// cluster. set says whether an update may set the number again: one that leaves it to
// an autoscaler may not.
func (r *Rehearsal) Scaled(ctx context.Context, run func(set bool) error) error {
	scaled := func() error { return run(!r.ways[0].base().World.Walk.Product.Autoscaled) }
	for _, w := range r.ways {
		if c := w.base(); c.deployment != nil {
			inner := scaled
			scaled = func() error { return c.scaled(ctx, inner) }
		}
	}
	return scaled()
}
