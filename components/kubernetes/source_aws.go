package kubernetes

import (
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/eks"
	"waybill.example/waybill/components/internal/externalaccount"
)

// Where the Pod Identity agent answers on EKS nodes, by the cluster's IP family
// (https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html).
const (
	podIdentityAgent   = "169.254.170.23"
	podIdentityAgentV6 = "fd00:ec2::23"
)

// ecrCadence takes a 12-hour token many times in its life (docs/facts.md §4).
func ecrCadence() (usual, longest time.Duration) { return 30 * time.Minute, 30 * time.Minute }

// ECRRole is the role that may read the vendor's registry.
type ECRRole struct {
	// RoleARN of the role, its path included. Required.
	RoleARN pulumi.StringInput
	// Region where the role is assumed: the EKS cluster's, elsewhere the registry's.
	// Required.
	Region string
}

func (r ECRRole) validate(p *check.Problems) {
	if r.RoleARN == nil {
		p.Add("source.roleArn", "is missing: want the ARN of the refresher's role")
	}
	p.Required("source.region", r.Region, "the cluster's Region")
}

// lifetime is that of an ECR token (docs/facts.md §4).
func (ECRRole) lifetime() time.Duration { return 12 * time.Hour }

// environment leaves nothing to a default chain, which could end at the node's
// own role (docs/facts.md §4).
func (r ECRRole) environment(trust string) []variable {
	return []variable{
		{"WAYBILL_TRUST", pulumi.String(trust)},
		{"AWS_ROLE_ARN", r.RoleARN},
		{"AWS_REGION", pulumi.String(r.Region)},
		{"AWS_EC2_METADATA_DISABLED", pulumi.String("true")},
	}
}

// IRSASource walks ServiceAccount → IAM role (IRSA) → the vendor's ECR.
type IRSASource struct{ ECRRole }

func (s IRSASource) validate(p *check.Problems)              { s.ECRRole.validate(p) }
func (s IRSASource) audience() pulumi.StringInput            { return pulumi.String(eks.IRSAAudience) }
func (s IRSASource) configuration() pulumi.StringInput       { return nil }
func (s IRSASource) cadence() (usual, longest time.Duration) { return ecrCadence() }
func (s IRSASource) egress() []endpoint                      { return nil }

func (s IRSASource) environment() []variable {
	return append(s.ECRRole.environment("irsa"),
		variable{"AWS_WEB_IDENTITY_TOKEN_FILE", pulumi.String(externalaccount.SubjectTokenFile)})
}

// PodIdentitySource walks ServiceAccount → EKS Pod Identity → IAM role → the
// vendor's ECR. The refresher asks the node's agent itself, with a token of its
// own: no webhook is relied on. Not on Fargate.
type PodIdentitySource struct {
	ECRRole
	// IPv6 is true for a cluster of the family ipv6, whose agent answers at
	// another address.
	IPv6 bool
}

func (s PodIdentitySource) validate(p *check.Problems) { s.ECRRole.validate(p) }
func (s PodIdentitySource) audience() pulumi.StringInput {
	return pulumi.String(eks.PodIdentityAudience)
}
func (s PodIdentitySource) configuration() pulumi.StringInput       { return nil }
func (s PodIdentitySource) cadence() (usual, longest time.Duration) { return ecrCadence() }

func (s PodIdentitySource) egress() []endpoint {
	if s.IPv6 {
		return []endpoint{{podIdentityAgentV6 + "/128", 80}}
	}
	return []endpoint{{podIdentityAgent + "/32", 80}}
}

func (s PodIdentitySource) agent() string {
	if s.IPv6 {
		return "http://[" + podIdentityAgentV6 + "]/v1/credentials"
	}
	return "http://" + podIdentityAgent + "/v1/credentials"
}

func (s PodIdentitySource) environment() []variable {
	return append(s.ECRRole.environment("pod-identity"),
		variable{"AWS_CONTAINER_CREDENTIALS_FULL_URI", pulumi.String(s.agent())},
		variable{"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", pulumi.String(externalaccount.SubjectTokenFile)})
}
