package sandbox

import (
	"context"
	"fmt"
)

// nodeLogin returns the user and the password with which a cluster's nodes pull an
// image. ok is false for an image that is not theirs to pull; an error is why
// they get no token.
type nodeLogin func(ctx context.Context, image string) (user, password string, ok bool, err error)

// nodeCredentials is the credential provider of the nodes of the cluster that a
// kubeconfig context reaches; nil for a cluster whose nodes pull as nobody.
func (s *Sandbox) nodeCredentials(kubeContext string) func(ctx context.Context, image string) (username, password string, ok bool) {
	cluster, login := s.eksNode(kubeContext)
	if login == nil {
		cluster, login = s.gkeNode(kubeContext)
	}
	if login == nil {
		return nil
	}
	return func(ctx context.Context, image string) (username, password string, ok bool) {
		username, password, ok, err := login(ctx, image)
		if err != nil {
			// As of a real kubelet: the pull goes on without, and the reason
			// is in the node's own log.
			s.options.Progress(fmt.Sprintf("node of %s: credentials for %s: %v", cluster, image, err))
		}
		return username, password, ok && err == nil
	}
}

// gkeNode is the credential provider of the nodes of a cluster of GKE; nil for
// another cluster.
func (s *Sandbox) gkeNode(kubeContext string) (cluster string, login nodeLogin) {
	for _, project := range s.world.GCP.Projects {
		for _, cluster := range project.GKEClusters {
			if cluster.Context == kubeContext {
				return cluster.Name, func(_ context.Context, image string) (user, password string, ok bool, err error) {
					return s.google.Tokens.NodeLogin(cluster.NodeServiceAccount, image)
				}
			}
		}
	}
	return "", nil
}
