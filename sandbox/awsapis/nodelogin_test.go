package awsapis_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/eks"
)

func newNode(t *testing.T) (*Setting, eks.Cluster) {
	t.Helper()
	s := newSetting(t)
	cluster, err := s.EKS.Cluster(Home, Cluster)
	require.NoError(t, err)
	return s, cluster
}

func TestTheKubeletPullsWithTheNodesRole(t *testing.T) {
	s, cluster := newNode(t)
	require.NoError(t, s.Account(Customer).PutRolePolicy("eks-nodes", "pull", Puller("acme/server")))
	_, err := s.ECR.SetPolicy(arn.Place{Account: Vendor, Region: Region}, "acme/server", RepositoryPolicy(Customer, NodeRole))
	require.NoError(t, err)
	user, password, ok, err := s.APIs.NodeLogin(t.Context(), cluster, Image)
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, "AWS", user)
	_, err = s.Pull(Image, password)
	require.NoError(t, err)
}

func TestANodeThatTheVendorDoesNotKnowPullsNothing(t *testing.T) {
	s, cluster := newNode(t)
	require.NoError(t, s.Account(Customer).PutRolePolicy("eks-nodes", "pull", Puller("acme/server")))
	_, password, ok, err := s.APIs.NodeLogin(t.Context(), cluster, Image)
	require.NoError(t, err)
	require.True(t, ok)
	_, err = s.Pull(Image, password)
	require.ErrorContains(t, err, "because no resource-based policy allows the ecr:BatchGetImage action")
}

func TestANodeThatMayNotAskGetsNoToken(t *testing.T) {
	s, cluster := newNode(t)
	_, _, ok, err := s.APIs.NodeLogin(t.Context(), cluster, Image)
	assert.False(t, ok)
	require.ErrorContains(t, err, "assumed-role/eks-nodes/i-")
	require.ErrorContains(t, err, "is not authorized to perform: ecr:GetAuthorizationToken")
}

func TestOtherRegistriesAndNodesWithoutARoleHaveNoLogin(t *testing.T) {
	s, cluster := newNode(t)
	for _, image := range []string{"registry.example.com/acme/server:1", "europe-west1-docker.pkg.dev/p/r/i:1", "server"} {
		_, _, ok, err := s.APIs.NodeLogin(t.Context(), cluster, image)
		require.NoError(t, err)
		assert.False(t, ok, image)
	}
	cluster.NodeRole = ""
	_, _, ok, err := s.APIs.NodeLogin(t.Context(), cluster, Image)
	require.NoError(t, err)
	assert.False(t, ok)
}
