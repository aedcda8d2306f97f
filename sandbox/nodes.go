package sandbox

import "context"

// nodeLogin is the credential provider of the nodes of the cluster that a kubeconfig
// context reaches; nil for a cluster whose nodes pull as nobody.
func (s *Sandbox) nodeLogin(kubeContext string) func(ctx context.Context, image string) (user, password string, ok bool, err error) {
	if s.hasAWS() {
		for _, cluster := range s.AWS.EKS.Clusters() {
			if cluster.Context == kubeContext {
				return func(ctx context.Context, image string) (user, password string, ok bool, err error) {
					return s.AWSAPIs.NodeLogin(ctx, cluster, image)
				}
			}
		}
	}
	for _, project := range s.world.GCP.Projects {
		for _, cluster := range project.GKEClusters {
			if cluster.Context == kubeContext {
				return func(_ context.Context, image string) (user, password string, ok bool, err error) {
					return s.google.Tokens.NodeLogin(cluster.NodeServiceAccount, image)
				}
			}
		}
	}
	return nil
}
