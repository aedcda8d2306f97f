// Package eksauth is eks-auth.REGION.api.aws, the Amazon EKS Auth API, whose one
// operation is AssumeRoleForPodIdentity
// (https://docs.aws.amazon.com/eks/latest/APIReference/API_auth_AssumeRoleForPodIdentity.html).
// The Pod Identity agent calls it, with the credentials of its node.
//
// It verifies the ServiceAccount token of a pod with the keys of the cluster's
// own issuer, finds the association of its namespace and ServiceAccount, and
// assumes the role as pods.eks.amazonaws.com, with the cluster and the pod as
// session tags unless the association disables them
// (https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html). The role's
// trust policy decides.
//
// Refused are unsigned calls and nodes that may not call; clusters of another
// account or Region; tokens of another issuer, with another signature than RS256,
// for another audience than pods.eks.amazonaws.com, bound to no pod, expired or
// not yet valid; ServiceAccounts without an association; roles that do not trust
// the service under these tags. A token is not looked up in its cluster: that of
// a deleted pod counts until it expires (docs/facts.md §7). Associations with a
// target role are not modelled.
package eksauth
