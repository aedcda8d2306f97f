// Package nodepull is ecr-credential-provider as nodes of Amazon EKS have it: for
// images of private registries of ECR, and for no others, the kubelet pulls as the
// node's role, never as the pod's (docs/facts.md §1, row 6;
// https://github.com/kubernetes/cloud-provider-aws/tree/master/cmd/ecr-credential-provider).
//
// Roles of ServiceAccounts (KEP-4412) are not modelled: EKS nodes do not configure
// that by default (docs/facts.md §4).
package nodepull

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"waybill.example/waybill/sandbox/aws/eks"
	"waybill.example/waybill/sandbox/awsapis/access"
	"waybill.example/waybill/sandbox/awsapis/ecrlogin"
)

// Provider is the credential provider on the nodes of one cluster.
type Provider struct {
	// Gate gives nodes the credentials of their role.
	Gate *access.Gate
	// Cluster is the nodes'; without a NodeRole they have no credentials.
	Cluster eks.Cluster
}

// Login returns the user and the password for an image. ok is false for an image
// that is not in a private registry of ECR, and for nodes without a role; an
// error is why the node gets no token, in AWS's words. Nothing is cached, so that
// a policy that changes counts at the next pull.
func (p *Provider) Login(ctx context.Context, image string) (user, password string, ok bool, err error) {
	region, private := ecrlogin.Region(image)
	if !private || p.Cluster.NodeRole == "" {
		return "", "", false, nil
	}
	login, err := ecrlogin.Get(ctx, p.Gate.Client, aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return p.Gate.Node(p.Cluster)
	}), region)
	if err != nil {
		return "", "", false, fmt.Errorf("nodepull: %w", err)
	}
	return login.User, login.Password, true, nil
}
