package sandbox

import (
	"context"

	"waybill.example/waybill/sandbox/googleapis/nodepull"
)

// nodeLogin is the credential provider of the nodes of the cluster that a kubeconfig
// context reaches; nil for a cluster whose nodes pull as nobody.
func (s *Sandbox) nodeLogin(kubeContext string) func(ctx context.Context, image string) (user, password string, ok bool, err error) {
	if s.hasAWS() {
		for _, cluster := range s.AWS.EKS.Clusters() {
			if cluster.Context == kubeContext {
				return s.AWSAPIs.Node(cluster).Login
			}
		}
	}
	for _, project := range s.world.GCP.Projects {
		for _, cluster := range project.GKEClusters {
			if cluster.Context == kubeContext {
				return (&nodepull.Provider{Tokens: s.google.Tokens, Account: cluster.NodeServiceAccount}).Login
			}
		}
	}
	return nil
}
