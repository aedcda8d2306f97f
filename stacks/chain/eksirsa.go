package chain

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/aws"
	"waybill.example/waybill/components/kubernetes"
	"waybill.example/waybill/stacks/config"
	"waybill.example/waybill/stacks/exchange"
)

// eksIRSA is the chain of a customer on EKS whose refresher becomes a role by IRSA:
//
//	refresher's ServiceAccount token → IAM role (the account's OIDC provider)
//	    → vendor's ECR → pull secret → the product's pods
type eksIRSA struct{ onAmazon }

func (eksIRSA) reads() reads {
	return amazonReads(onClusters.And(withRefresher).And(onEKS).And(byIRSA))
}

func (eksIRSA) customer(s *config.Settings, granted *exchange.AccessGrant, _ exchange.Outputs) customer {
	return newRolePull(s, irsa{}, granted)
}

// irsa is the trust in a cluster's own issuer.
type irsa struct{}

func (irsa) trust(s *config.Settings, _ *config.Environment, issuer string) aws.Trust {
	return aws.IRSA{Issuer: issuer, Existing: s.EKS.OIDCProvider.Existing, Protect: s.EKS.OIDCProvider.Protect}
}

func (irsa) needsIssuer() bool { return true }

func (irsa) annotation(role pulumi.StringInput) kubernetes.Identity {
	return kubernetes.IRSAIdentity{RoleARN: role}
}

func (irsa) source(role kubernetes.ECRRole) kubernetes.TokenSource {
	return kubernetes.IRSASource{ECRRole: role}
}
