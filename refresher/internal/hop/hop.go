// Package hop names the steps of the chain that the refresher walks, and the exit code that each gives when it fails.
// Both are part of the pod's contract: alerts and runbooks match on them.
package hop

// Name is one step of the chain.
type Name string

// The hops, in the order of a walk. Each trust leaves out those that belong to another cloud.
const (
	// Kubernetes is the projected ServiceAccount token that starts the chain.
	Kubernetes Name = "kubernetes"
	// Entra is the exchange of that token for the identity's Entra token.
	Entra Name = "entra"
	// STS is the exchange for temporary credentials: with Google's Security Token Service for a federated token, or with AWS's (or EKS's Pod Identity
	// agent) for the role's credentials, which must then be shown to be the role's.
	STS Name = "sts"
	// IAM is the impersonation of the vendor's service account with the federated token.
	IAM Name = "iam"
	// ECR is the vendor's Region of AWS's Elastic Container Registry, which issues a registry credential for the role.
	ECR Name = "ecr"
	// Registry is the trial of the new token on the product's manifest.
	Registry Name = "registry"
	// Secret is the patch of the pull secret.
	Secret Name = "secret"
)

// Exit codes. 1 is left to the Go runtime and the kubelet, so that a crash is never taken for a refusal. A code never changes its meaning: a hop that
// joins takes the next free one, whatever its place in a walk.
const (
	// ExitOK says that the walk ended and, for refresh, that the pull secret was written.
	ExitOK = 0
	// ExitRefused says that arguments, environment or credential configuration were refused before any request.
	ExitRefused = 2
	// ExitDeadline says that the deadline passed, or a signal came, while a hop was still being tried.
	ExitDeadline = 20
)

var exits = map[Name]int{
	Kubernetes: 10,
	Entra:      11,
	STS:        12,
	IAM:        13,
	Registry:   14,
	Secret:     15,
	ECR:        16,
}

// ExitCode is the code of a walk that the hop refused. An unknown name gives ExitRefused, since only a configuration can name one.
func (n Name) ExitCode() int {
	if code, ok := exits[n]; ok {
		return code
	}

	return ExitRefused
}
