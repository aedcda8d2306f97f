package sandbox_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// nodesWorld is a customer's cluster on GKE, in a project of the customer's, and
// the vendor's repository in another. Nobody may read it yet.
const nodesWorld = `
gcp:
  projects:
    - id: bifrost-images
      number: "731905284466"
      apis: [iam.googleapis.com, artifactregistry.googleapis.com]
      repositories:
        - location: europe-west1
          name: acme
          images: ["bifrost:1.4.2"]
    - id: acme-apps
      number: "402817365910"
      apis: [iam.googleapis.com]
      serviceAccounts:
        - id: gke-nodes
      gkeClusters:
        - name: acme-production
          location: europe-west1
          context: acme-production
          nodeServiceAccount: gke-nodes@acme-apps.iam.gserviceaccount.com
kubernetes:
  clusters:
    - context: acme-production
      issuer: https://container.googleapis.com/v1/projects/acme-apps/locations/europe-west1/clusters/acme-production
`

func TestNodesOfGKEPullOnceTheirServiceAccountMayRead(t *testing.T) {
	t.Parallel()
	p := &project{t: t, root: t.TempDir(), stack: "nodes"}
	p.copy("Pulumi.yaml")
	path := filepath.Join(p.root, "sandbox", "worlds", "nodes.yaml")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(nodesWorld), 0o600))
	s := p.start(func(*pulumi.Context) error { return nil })
	pods := client(t, s).CoreV1().Pods("default")
	_, err := pods.Create(context.Background(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "bifrost"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "bifrost", Image: "europe-west1-docker.pkg.dev/bifrost-images/acme/bifrost:1.4.2"}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	status := func() corev1.ContainerState {
		pod, err := pods.Get(context.Background(), "bifrost", metav1.GetOptions{})
		if err != nil || len(pod.Status.ContainerStatuses) == 0 {
			return corev1.ContainerState{}
		}
		return pod.Status.ContainerStatuses[0].State
	}
	require.Eventually(t, func() bool { return status().Waiting != nil && status().Waiting.Reason == "ImagePullBackOff" }, time.Minute, 100*time.Millisecond)
	assert.Contains(t, status().Waiting.Message,
		`Permission "artifactregistry.repositories.downloadArtifacts" denied on resource "projects/bifrost-images/locations/europe-west1/repositories/acme"`)
	assert.NotContains(t, status().Waiting.Message, "Unauthenticated", "the nodes say who they are")

	repository, exists := s.GCP.Repository("europe-west1", "bifrost-images", "acme")
	require.True(t, exists)
	require.NoError(t, s.GCP.Grant(context.Background(), repository, "roles/artifactregistry.reader", "serviceAccount:gke-nodes@acme-apps.iam.gserviceaccount.com"))
	require.Eventually(t, func() bool { return status().Running != nil }, time.Minute, 100*time.Millisecond, "the kubelet tries again")
}
