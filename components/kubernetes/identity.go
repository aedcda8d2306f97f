package kubernetes

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
)

// Identity is a cloud identity of the product's own, given to its pods by the
// cloud's webhook. One type for each cloud.
type Identity interface {
	validate(p *check.Problems)
	// annotations of the ServiceAccount.
	annotations() pulumi.StringMap
	// podLabels of the pod template.
	podLabels() map[string]string
}

// AzureIdentity is an Entra identity, injected by Azure's workload identity
// webhook. The webhook acts on the pods' label and reads the ServiceAccount's
// annotations (docs/facts.md §1 row 9, §2).
type AzureIdentity struct {
	TenantID string
	ClientID pulumi.StringInput
}

func (i AzureIdentity) validate(p *check.Problems) {
	p.GUID("identity.tenantId", i.TenantID, "the identity's tenant ID")
	if i.ClientID == nil {
		p.Add("identity.clientId", "is missing: want the identity's client ID")
	}
}

func (i AzureIdentity) annotations() pulumi.StringMap {
	return pulumi.StringMap{
		"azure.workload.identity/client-id": i.ClientID,
		"azure.workload.identity/tenant-id": pulumi.String(i.TenantID),
	}
}

func (AzureIdentity) podLabels() map[string]string {
	return map[string]string{"azure.workload.identity/use": "true"}
}

// IRSAIdentity is an IAM role that the pods become through the cluster's OIDC
// provider, injected by EKS's webhook, which reads the ServiceAccount's
// annotation (docs/facts.md §4). A role by EKS Pod Identity needs none: its
// association names the ServiceAccount.
type IRSAIdentity struct {
	RoleARN pulumi.StringInput
}

func (i IRSAIdentity) validate(p *check.Problems) {
	if i.RoleARN == nil {
		p.Add("identity.roleArn", "is missing: want the role's ARN")
	}
}

func (i IRSAIdentity) annotations() pulumi.StringMap {
	return pulumi.StringMap{"eks.amazonaws.com/role-arn": i.RoleARN}
}

func (IRSAIdentity) podLabels() map[string]string { return nil }
