package provider_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/client-go/kubernetes"

	"waybill.example/waybill/sandbox/kubernetes/controlplane"
	"waybill.example/waybill/sandbox/world"
)

// What every test of the package shares: one control plane, as it starts in
// seconds and each test keeps to objects of its own.
var (
	kubeconfigPath string
	cluster        *controlplane.Cluster
	client         kubernetes.Interface
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	binary := os.Getenv("WAYBILL_CONTROLPLANE")
	if binary == "" {
		if binary, err = filepath.Abs(filepath.Join("..", "..", "..", ".build", "bin", "controlplane")); err != nil {
			return 0, err
		}
	}
	dir, err := os.MkdirTemp("", "waybill-kubernetes-provider")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cluster, err = controlplane.Start(context.Background(), controlplane.Config{
		Binary: binary, Dir: filepath.Join(dir, "cluster"), Context: "customer", Issuer: "https://issuer.example/", Controllers: true,
		Namespaces: []world.Namespace{
			{Name: "shop"},
			{Name: "strict", Labels: map[string]string{
				"pod-security.kubernetes.io/enforce": "restricted",
				"pod-security.kubernetes.io/warn":    "restricted",
			}},
		},
	})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	kubeconfigPath = filepath.Join(dir, "kubeconfig")
	if err := controlplane.WriteKubeconfig(kubeconfigPath, cluster); err != nil {
		return 0, err
	}
	if client, err = kubernetes.NewForConfig(cluster.RESTConfig()); err != nil {
		return 0, err
	}
	return m.Run(), nil
}
