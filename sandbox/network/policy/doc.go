// Package policy decides what the pods of a cluster may reach under its network
// policies, as the documentation of Kubernetes has it
// (https://kubernetes.io/docs/concepts/services-networking/network-policies/,
// https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/):
//
//   - A pod that no policy of its namespace selects for a direction may do
//     everything in it; one that is selected may do what any of these policies
//     allows.
//   - A rule wants one of its ports and one of its peers. Without ports it is for
//     all of them, without peers for everybody.
//   - ipBlock matches addresses outside its exceptions, a podSelector pods of the
//     policy's namespace, with a namespaceSelector those of other namespaces.
//
// Where Kubernetes leaves it open, the cluster's network decides, which its world
// describes (world.Network). Everywhere policies see a connection after the
// addresses of Services were translated: the API server at its own port, DNS at
// that of the pods that answer.
//
// What is not modelled, named ports and pods of the host's network, is an error
// and never allowed. AdminNetworkPolicies and the policies of network plugins are
// not looked at. Destinations on the pod's own node are judged like all others,
// as the networks of EKS judge the Pod Identity agent.
package policy
