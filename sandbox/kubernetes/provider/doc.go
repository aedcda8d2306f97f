// Package provider runs Pulumi's own Kubernetes provider for the sandbox: it
// finds the plugin and attaches it to engines.
//
// An attached package has one address, and the provider keeps one configuration
// in one process. A program with two provider resources, each for a cluster of
// its own, would find both on the cluster that was configured last. So [Serve]
// starts a process for each connection: the engine opens one for each provider
// resource (docs/building.md).
//
// The processes know the sandbox's kubeconfig and nothing of the operator's: no
// other variable, an empty home, no program to get a credential with, and the
// sandbox's proxy in place of the Internet.
package provider
