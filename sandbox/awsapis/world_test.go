package awsapis_test

import (
	"encoding/json"
	"fmt"

	"waybill.example/waybill/sandbox/world"
)

// What the world has.
const (
	Vendor   = "111122223333"
	Customer = "444455556666"
	Another  = "777788889999"

	Region      = "eu-central-1"
	OtherRegion = "us-east-1"

	Registry = Vendor + ".dkr.ecr." + Region + ".amazonaws.com"
	// Image is the product's for the customer, Foreign another customer's, and
	// Own lies in the customer's own registry.
	Image   = Registry + "/acme/server:1.4.2"
	Foreign = Registry + "/globex/server:1.4.2"
	Own     = Customer + ".dkr.ecr." + Region + ".amazonaws.com/tools/proxy:3"

	// PullRole is the role that the vendor's policy names; Twin has its name on
	// another path.
	PullRole = "arn:aws:iam::" + Customer + ":role/images/acme-pull"
	NodeRole = "arn:aws:iam::" + Customer + ":role/eks-nodes"

	// PublicSubnet is the subnet whose way out is an internet gateway.
	PublicSubnet = "subnet-0fedcba9876543210"

	Cluster = "acme"
	Issuer  = "https://oidc.eks." + Region + ".amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
	Subject = "refresher"
)

// PullActions are what a pull needs.
var PullActions = []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"}

// Statement is one statement of a policy.
type Statement map[string]any

// Document is a policy of these statements.
func Document(statements ...Statement) string {
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		panic(fmt.Sprintf("policy: %v", err))
	}
	return string(text)
}

// Allow is an identity policy's statement.
func Allow(resource string, actions ...string) Statement {
	return Statement{"Effect": "Allow", "Action": actions, "Resource": resource}
}

// TrustService is the trust policy for a service and its actions on a role.
func TrustService(service string, conditions any, actions ...string) string {
	statement := Statement{"Effect": "Allow", "Principal": map[string]string{"Service": service}, "Action": actions}
	if conditions != nil {
		statement["Condition"] = conditions
	}
	return Document(statement)
}

// RepositoryPolicy lets one role of an account pull, in the robust form of
// docs/facts.md §4.
func RepositoryPolicy(account, role string) string {
	return Document(Statement{
		"Effect": "Allow", "Action": PullActions, "Principal": map[string]string{"AWS": "arn:aws:iam::" + account + ":root"},
		"Condition": map[string]any{"ArnEquals": map[string]string{"aws:PrincipalArn": role}},
	})
}

// Puller is an identity policy that pulls from one repository of the vendor.
func Puller(repository string) string {
	return Document(
		Allow("*", "ecr:GetAuthorizationToken"),
		Allow("arn:aws:ecr:"+Region+":"+Vendor+":repository/"+repository, PullActions...),
	)
}

func accounts() []world.AWSAccount {
	ec2 := json.RawMessage(TrustService("ec2.amazonaws.com", nil, "sts:AssumeRole"))
	role := func(name, path string, policies map[string]string) world.AWSRole {
		made := world.AWSRole{Name: name, Path: path, Trust: ec2, Policies: map[string]json.RawMessage{}}
		for key, text := range policies {
			made.Policies[key] = json.RawMessage(text)
		}
		return made
	}
	pull := map[string]string{"pull": Puller("acme/server")}
	return []world.AWSAccount{
		{
			ID: Vendor, Regions: []string{Region, OtherRegion},
			Repositories: []world.ECRRepository{
				{Region: Region, Name: "acme/server", Tags: []string{"1.4.2"}, Policy: json.RawMessage(RepositoryPolicy(Customer, PullRole))},
				{Region: Region, Name: "globex/server", Tags: []string{"1.4.2"}, Policy: json.RawMessage(RepositoryPolicy(Another, "arn:aws:iam::"+Another+":role/acme-pull"))},
			},
			Roles: []world.AWSRole{role("release", "/", map[string]string{"push": Document(Allow("*", "ecr:*"))})},
		},
		{
			ID: Customer, Regions: []string{Region, OtherRegion},
			Roles: []world.AWSRole{
				role("acme-pull", "/images/", pull),
				role("acme-twin", "/", pull),
				role("eks-nodes", "/", map[string]string{"node": Document(Allow("*", "eks-auth:AssumeRoleForPodIdentity"))}),
			},
			Repositories: []world.ECRRepository{{Region: Region, Name: "tools/proxy", Tags: []string{"3"}}},
			EKSClusters:  []world.EKSCluster{{Name: Cluster, Region: Region, Issuer: Issuer, Context: "acme", PodIdentityAgent: true, NodeRole: NodeRole}},
			ECSClusters:  []world.ECSCluster{{Name: "acme", Region: Region}},
			Secrets:      []world.AWSSecret{{ARN: secretARN, Key: secretKey}, {ARN: parameterARN}},
			VPCs:         []world.VPC{{ID: "vpc-0123456789abcdef0", Region: Region, Subnets: []string{"subnet-0123456789abcdef0", PublicSubnet}, PublicSubnets: []string{PublicSubnet}, SecurityGroups: []string{"sg-0123456789abcdef0"}}},
		},
		{ID: Another, Regions: []string{Region}, Roles: []world.AWSRole{role("acme-pull", "/", pull)}},
	}
}
