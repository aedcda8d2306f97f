package aws

import (
	"regexp"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/family"
	"waybill.example/waybill/components/internal/policy"
	"waybill.example/waybill/components/internal/settle"
)

// clusterPattern is an EKS cluster in its ARN
// (https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html).
var clusterPattern = regexp.MustCompile(`^cluster/[0-9A-Za-z][0-9A-Za-z_-]{0,99}$`)

// PodIdentity trusts EKS Pod Identity, whose agent must run on the cluster's
// nodes; there is none on Fargate. The role is pinned by the tags of its
// sessions, so they must stay on (docs/facts.md §4).
type PodIdentity struct {
	// ClusterARN is the cluster's, of the role's account and Region:
	// arn:PARTITION:eks:REGION:ACCOUNT:cluster/NAME.
	ClusterARN string
}

func (t PodIdentity) validate(p *check.Problems, s trusted) {
	cluster := parseARN(t.ClusterARN)
	sound := clusterPattern.MatchString(cluster.resource)
	if s.site.sound() {
		sound = sound && cluster.within(s.site, "eks") && cluster.account == s.site.account
	}
	if !sound {
		p.Add("trust.clusterArn", "%q: want the ARN of an EKS cluster of the role's account and Region, %s", t.ClusterARN, s.site.arn("eks", "cluster/NAME"))
	}
}

func (t PodIdentity) document(s trusted) policy.Document {
	return policy.Of(policy.Statement{
		Principal: &policy.Principal{Service: policy.Set{podIdentity}},
		Action:    policy.Set{"sts:AssumeRole", "sts:TagSession"},
		Condition: policy.Condition{"StringEquals": {
			"aws:RequestTag/eks-cluster-arn":            {t.ClusterARN},
			"aws:RequestTag/kubernetes-namespace":       {s.Namespace},
			"aws:RequestTag/kubernetes-service-account": {s.Name},
			"aws:SourceAccount":                         {s.site.account},
		}},
	})
}

func (PodIdentity) children() []string { return []string{childAssociation} }

func (PodIdentity) lookUp(*pulumi.Context, *check.Problems, trusted, []pulumi.InvokeOption) string {
	return ""
}

func (PodIdentity) before(*pulumi.Context, *family.Family, trusted) ([]pulumi.Resource, error) {
	return nil, nil
}

func (t PodIdentity) after(ctx *pulumi.Context, children *family.Family, s trusted, role *iam.Role) ([]pulumi.CustomResource, error) {
	association, err := eks.NewPodIdentityAssociation(ctx, children.Name(childAssociation), &eks.PodIdentityAssociationArgs{
		ClusterName:    pulumi.String(strings.TrimPrefix(parseARN(t.ClusterARN).resource, "cluster/")),
		Namespace:      pulumi.String(s.Namespace),
		ServiceAccount: pulumi.String(s.Name),
		RoleArn:        role.Arn,
		Tags:           pulumi.ToStringMap(s.tags),
	}, children.Options(childAssociation, settle.Option(ctx, children.Name(childAssociation), settle.AWS))...)
	if err != nil {
		return nil, err
	}
	return []pulumi.CustomResource{association}, nil
}
