// Package controlplane runs one real Kubernetes control plane per cluster of a
// world: etcd, kube-apiserver and kube-controller-manager,
// as child processes of the one binary that tools/controlplane builds.
//
// A cluster's ServiceAccount tokens carry the cluster's real issuer, so what is
// minted here is what a cloud would meet. Everything that a restart must find
// again (etcd's data, the serving certificate, the signing key, the
// administrator's token) lives in the cluster's directory; ports are the
// system's choice at every start and are kept nowhere.
//
// The flags are those of docs/building.md. There are no nodes and no scheduler:
// a pod stays pending until something that plays a kubelet binds and runs it.
// etcd listens on loopback without authentication, as a rehearsal on one
// machine may: whoever can open a local port can read the cluster.
package controlplane
