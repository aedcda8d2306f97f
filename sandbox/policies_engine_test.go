package sandbox_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What is deployed is admitted by every set of policies at once, with the keys that
// they ask for. Without one of them the API server refuses, and the program says
// which key it was.
func TestAdmissionPoliciesAdmitWhatTheConfigurationCanSay(t *testing.T) {
	t.Parallel()
	p := newProject(t, "wayne")
	p.cluster(func(cluster map[string]any) {
		cluster["policies"] = []string{"aks-safeguards", "kyverno-restricted", "gatekeeper"}
	})
	even := func(cpu, memory string) map[string]any {
		amount := map[string]any{"cpu": cpu, "memory": memory}
		return map[string]any{"requests": amount, "limits": amount}
	}
	p.set("labels", map[string]any{"team": "images"})
	p.set("refresher.probes", true)
	p.set("refresher.resources", even("50m", "64Mi"))
	p.set("workload.resources", even("250m", "512Mi"))
	s := p.start(nil)
	outputs := up(t, s).Outputs
	assert.Empty(t, changes(up(t, s)))
	for _, hop := range walk(t, s, outputs) {
		assert.True(t, hop.OK, "%s: %s", hop.Name, hop.Detail)
	}

	file := filepath.Join(p.root, "Pulumi.wayne.yaml")
	right, err := os.ReadFile(file)
	require.NoError(t, err)
	const aks, kyverno, gatekeeper = "ValidatingAdmissionPolicy 'aks-safeguards' with binding 'aks-safeguards' denied request: ",
		"ValidatingAdmissionPolicy 'kyverno-restricted' with binding 'kyverno-restricted' denied request: ",
		"ValidatingAdmissionPolicy 'gatekeeper' with binding 'gatekeeper' denied request: "
	// The engine asks no error hook about a Deployment that the provider reports as
	// updated and not live: there the policy's words stand alone.
	for name, c := range map[string]struct {
		path  string
		value any
		wants []string
	}{
		"no label":        {"labels", nil, []string{gatekeeper + `you must provide labels: {"team"}`, "set labels, for every object"}},
		"no probes":       {"refresher.probes", nil, []string{aks + "Container <refresher> has no <livenessProbe>", "set refresher.probes"}},
		"no health check": {"product.healthPath", nil, []string{"Container <bifrost> has no <livenessProbe>"}},
		"no limits":       {"refresher.resources", map[string]any{"requests": map[string]any{"cpu": "50m", "memory": "64Mi"}}, []string{"set refresher.resources"}},
		"burst":           {"workload.resources", nil, []string{gatekeeper + "container <bifrost> has limits of cpu and memory above"}},
		"a mirror":        {"refresher.image", "mirror.wayne.example/refresher:0.1.0", []string{gatekeeper + "container <refresher> has an invalid image repo", "set refresher.image"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(file, right, 0o600))
			p.set(c.path, c.value)
			_, err := open(t, s).Up(context.Background())
			for _, want := range c.wants {
				require.ErrorContains(t, err, want)
			}
		})
	}

	// What the configuration cannot say, the policies refuse all the same.
	yes, no, root := true, false, int64(0)
	for want, change := range map[string]func(*corev1.Pod){
		aks + "container <main> uses the image tag latest":        func(p *corev1.Pod) { p.Spec.Containers[0].Image = "registry.waybill.example/x" },
		aks + "The host's network and hostPath volumes":           func(p *corev1.Pod) { p.Spec.HostNetwork = true },
		kyverno + "Containers must drop `ALL` capabilities":       func(p *corev1.Pod) { p.Spec.Containers[0].SecurityContext.Capabilities = nil },
		kyverno + "Running as root is not allowed. The field run": func(p *corev1.Pod) { p.Spec.SecurityContext.RunAsUser = &root },
		kyverno + "Running as root is not allowed":                func(p *corev1.Pod) { p.Spec.SecurityContext.RunAsNonRoot = &no },
		kyverno + "Use of custom Seccomp profiles":                func(p *corev1.Pod) { p.Spec.SecurityContext.SeccompProfile = nil },
		kyverno + "Only the following types of volumes": func(p *corev1.Pod) {
			p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: "nfs", VolumeSource: corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{Server: "nfs", Path: "/"}}})
		},
		"rivilege escalation": func(p *corev1.Pod) { p.Spec.Containers[0].SecurityContext.AllowPrivilegeEscalation = &yes },
	} {
		jobs, err := client(t, s).BatchV1().CronJobs("bifrost").List(context.Background(), metav1.ListOptions{})
		require.NoError(t, err)
		template := jobs.Items[0].Spec.JobTemplate.Spec.Template
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "tried", Labels: template.Labels}, Spec: template.Spec}
		pod.Spec.Containers[0].Name, pod.Spec.ServiceAccountName, pod.Spec.DeprecatedServiceAccount = "main", "", ""
		dry := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
		_, err = client(t, s).CoreV1().Pods("default").Create(context.Background(), pod.DeepCopy(), dry)
		require.NoError(t, err, "as it is deployed")
		change(pod)
		_, err = client(t, s).CoreV1().Pods("default").Create(context.Background(), pod, dry)
		assert.ErrorContains(t, err, want)
	}
}

// GKE Autopilot raises what pods request, and Pulumi sees the difference. No Job runs again
// for it and no pod is replaced; with Autopilot's values in the configuration nothing is left.
func TestAutopilotsRaisedRequestsReplaceNothing(t *testing.T) {
	t.Parallel()
	p := newProject(t, "wayne")
	p.cluster(func(cluster map[string]any) { cluster["policies"] = []string{"gke-autopilot"} })
	s := p.start(nil)
	outputs := up(t, s).Outputs
	deployments, jobs := client(t, s).AppsV1().Deployments("bifrost"), client(t, s).BatchV1().Jobs("bifrost")
	deployed, err := deployments.List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, deployed.Items, 1)
	require.Equal(t, "512Mi", deployed.Items[0].Spec.Template.Spec.Containers[0].Resources.Limits.Memory().String())
	first, err := jobs.List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	// The CronJob may have made some of its own.
	first.Items = slices.DeleteFunc(first.Items, func(job batchv1.Job) bool { return metav1.GetControllerOf(&job) != nil })
	require.Len(t, first.Items, 1)
	require.Equal(t, "250m", first.Items[0].Spec.Template.Spec.Containers[0].Resources.Requests.Cpu().String())

	assert.Equal(t, []string{"update pull-refresh", "update workload-deployment"}, changes(up(t, s)))
	again, err := deployments.Get(t.Context(), deployed.Items[0].Name, metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, deployed.Items[0].Generation, again.Generation, "no pod is replaced")

	raised := map[string]any{"cpu": "250m", "memory": "512Mi"}
	for _, pod := range []string{"refresher", "workload"} {
		p.set(pod+".resources", map[string]any{"requests": raised, "limits": raised})
	}
	_ = up(t, s)
	assert.Empty(t, changes(up(t, s)))
	_, err = open(t, s).Refresh(t.Context())
	require.NoError(t, err)
	assert.Empty(t, changes(up(t, s)))
	for _, hop := range walk(t, s, outputs) {
		assert.True(t, hop.OK, "%s: %s", hop.Name, hop.Detail)
	}
}
