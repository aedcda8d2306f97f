package controlplane

import (
	"errors"
	"fmt"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// WriteKubeconfig writes a kubeconfig with one context per cluster, named by
// the cluster's Context, with the administrator's credential; the first one is
// the current context. The file has mode 0600 and holds this start's ports: it
// is written anew after every start. Two clusters with one Context are refused.
func WriteKubeconfig(path string, clusters ...*Cluster) error {
	if len(clusters) == 0 {
		return errors.New("kubeconfig: want at least one cluster")
	}
	config := api.NewConfig()
	config.CurrentContext = clusters[0].Context()
	for _, cluster := range clusters {
		name := cluster.Context()
		if _, taken := config.Contexts[name]; taken {
			return fmt.Errorf("kubeconfig: context %q: names two clusters", name)
		}
		config.Clusters[name] = &api.Cluster{Server: cluster.server, CertificateAuthorityData: cluster.authority}
		config.AuthInfos[name] = &api.AuthInfo{Token: cluster.token}
		config.Contexts[name] = &api.Context{Cluster: name, AuthInfo: name}
	}
	// Written to a neighbour first: a reader finds the old file or the new one.
	if err := clientcmd.WriteToFile(*config, path+".new"); err != nil {
		return fmt.Errorf("kubeconfig: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("kubeconfig: %w", err)
	}
	return nil
}
