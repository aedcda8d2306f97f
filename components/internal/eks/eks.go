// Package eks holds the values on which the role's trust and the refresher's
// token must agree (docs/facts.md §4).
package eks

// The audiences of the ServiceAccount tokens that start a chain on EKS; they
// are the same in every partition.
const (
	// IRSAAudience is also what the cluster's OIDC provider lists as a client.
	IRSAAudience = "sts.amazonaws.com"
	// PodIdentityAudience is also the service that assumes the role.
	PodIdentityAudience = "pods.eks.amazonaws.com"
)
