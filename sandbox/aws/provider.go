package aws

import (
	pulumiaws "github.com/pulumi/pulumi-aws/sdk/v6/go/aws"

	"waybill.example/waybill/sandbox/provider"
)

// Package is the Pulumi package that stands in front of this cloud.
const Package = "aws"

// version is that of the SDK in go.mod.
const version = "6.83.2"

// Provider returns the package aws in front of the cloud, as far as the sandbox
// knows it.
func (c *Cloud) Provider() *provider.Definition[*Client] {
	return &provider.Definition[*Client]{
		Name:      Package,
		Version:   version,
		Config:    pulumiaws.ProviderArgs{}.ElementType(),
		Configure: c.configure,
		Stateful:  true,
		Types: []provider.Type[*Client]{
			roleType(), rolePolicyType(), rolePolicyAttachmentType(), policyType(), oidcProviderType(),
			repositoryType(), repositoryPolicyType(), lifecyclePolicyType(),
			associationType(), taskDefinitionType(), serviceType(), logGroupType(),
		},
		Functions: []provider.Function[*Client]{
			getCallerIdentity(), getOIDCProvider(), getRole(), getCluster(), getRepository(), getImage(), getService(), getResource(),
		},
	}
}
