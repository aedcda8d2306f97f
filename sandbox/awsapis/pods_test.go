package awsapis_test

import (
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/eks"
	"waybill.example/waybill/sandbox/aws/iam"
)

// PodRole is the role of the association that Associate makes.
const PodRole = "arn:aws:iam::" + Customer + ":role/refresher"

// Home is where the customer's clusters are.
var Home = arn.Place{Account: Customer, Region: Region}

// TrustPods is the trust policy of docs/facts.md §4 for Pod Identity, pinned to
// the refresher of the cluster.
func TrustPods() string {
	return TrustService("pods.eks.amazonaws.com", map[string]any{"StringEquals": map[string]string{
		"aws:RequestTag/eks-cluster-arn":            Home.ARN("eks", "cluster/"+Cluster),
		"aws:RequestTag/kubernetes-namespace":       "acme",
		"aws:RequestTag/kubernetes-service-account": Subject,
		"aws:SourceAccount":                         Customer,
	}}, "sts:AssumeRole", "sts:TagSession")
}

// Associate makes the refresher's role, which may pull, and its association.
func (s *Setting) Associate() eks.Association {
	s.Helper()
	account := s.Account(Customer)
	_, err := account.CreateRole(iam.RoleSettings{Name: "refresher", TrustPolicy: TrustPods()})
	require.NoError(s, err)
	require.NoError(s, account.PutRolePolicy("refresher", "pull", Puller("acme/server")))
	association, err := s.EKS.Create(Home, eks.AssociationSettings{Cluster: Cluster, Namespace: "acme", ServiceAccount: Subject, RoleARN: PodRole})
	require.NoError(s, err)
	return association
}
