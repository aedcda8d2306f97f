package aws

import (
	"fmt"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/internal/check"
	"waybill.example/waybill/components/internal/policy"
)

// Trust is how a ServiceAccount of an EKS cluster becomes the role: IRSA or
// PodIdentity.
type Trust interface {
	validate(p *check.Problems, s subject)
	document(s subject) policy.Document
	// lookUp refuses what exists and does not fit, before anything is registered.
	lookUp(ctx *pulumi.Context, s subject, opts ...pulumi.InvokeOption) error
	// before registers what the role's trust policy names.
	before(ctx *pulumi.Context, name string, s subject, parent pulumi.Resource) ([]pulumi.Resource, error)
	// after registers what names the role, and gives what to wait for.
	after(ctx *pulumi.Context, name string, s subject, role *iam.Role, parent pulumi.Resource) (pulumi.StringArray, error)
}

// subject is the one ServiceAccount that is trusted, and where its role is.
type subject struct {
	site                      site
	namespace, serviceAccount string
	tags                      map[string]string
}

// claim is the subject as it stands in the account's tokens.
func (s subject) claim() string {
	return fmt.Sprintf("system:serviceaccount:%s:%s", s.namespace, s.serviceAccount)
}
