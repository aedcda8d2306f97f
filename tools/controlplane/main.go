// Command controlplane is one binary that plays the parts of a Kubernetes
// control plane: the first argument chooses which.
//
//	controlplane etcd --data-dir DIR --listen URL --peer URL
//	controlplane kube-apiserver FLAGS...
//	controlplane kube-controller-manager FLAGS...
//
// One process plays one part: in a single process their feature gates, logging
// and signal handling clash.
package main

import (
	"fmt"
	"os"

	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	role := os.Args[1]
	// cobra reads os.Args; the role is not one of its arguments.
	os.Args = append([]string{role}, os.Args[2:]...)
	switch role {
	case "etcd":
		if err := runEtcd(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "etcd:", err)
			os.Exit(1)
		}
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	default:
		usage()
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: controlplane etcd|kube-apiserver|kube-controller-manager [flags]")
	os.Exit(2)
}
