package aws

import (
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/family"
	"waybill.example/waybill/components/internal/labels"
	"waybill.example/waybill/components/internal/policy"
	"waybill.example/waybill/components/subject"
)

// Trust is how a ServiceAccount of a cluster becomes the role: IRSA, or on EKS
// PodIdentity.
type Trust interface {
	validate(p *check.Problems, s trusted)
	document(s trusted) policy.Document
	// children are those that before and after register.
	children() []string
	// lookUp notes what exists and does not fit, and gives the ID of what an earlier
	// stack of the customer and product made and left behind.
	lookUp(ctx *pulumi.Context, p *check.Problems, s trusted, opts []pulumi.InvokeOption) (kept string)
	// before registers what the role's trust policy names.
	before(ctx *pulumi.Context, children *family.Family, s trusted) ([]pulumi.Resource, error)
	// after registers what names the role, and gives what to wait for.
	after(ctx *pulumi.Context, children *family.Family, s trusted, role *iam.Role) ([]pulumi.CustomResource, error)
}

// trusted is the one ServiceAccount that becomes the role, and where its role is.
type trusted struct {
	subject.ServiceAccount
	site  site
	owner labels.Owner
	tags  map[string]string
	// kept is the ID of what before takes over.
	kept string
}
