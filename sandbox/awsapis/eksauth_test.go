package awsapis_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	client "github.com/aws/aws-sdk-go-v2/service/eksauth"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws/eks"
	"waybill.example/waybill/sandbox/awsapis/eksauth"
	"waybill.example/waybill/sandbox/oidc/oidctest"
)

func assume(s *Setting, node aws.CredentialsProvider, region, cluster, token string) (*client.AssumeRoleForPodIdentityOutput, error) {
	s.Helper()
	c := client.New(client.Options{Region: region, HTTPClient: s.Network.Client(), Credentials: node, Retryer: aws.NopRetryer{}})
	return c.AssumeRoleForPodIdentity(s.Context(), &client.AssumeRoleForPodIdentityInput{ClusterName: &cluster, Token: &token})
}

func TestAPodBecomesTheRoleOfItsAssociation(t *testing.T) {
	s := newSetting(t)
	association := s.Associate()
	answer, err := assume(s, s.Become(NodeRole), Region, Cluster, s.PodToken(nil))
	require.NoError(t, err)
	assert.Equal(t, association.ID, aws.ToString(answer.PodIdentityAssociation.AssociationId))
	assert.Equal(t, association.ARN(), aws.ToString(answer.PodIdentityAssociation.AssociationArn))
	assert.Equal(t, "acme", aws.ToString(answer.Subject.Namespace))
	assert.Equal(t, Subject, aws.ToString(answer.Subject.ServiceAccount))
	assert.Equal(t, eksauth.Service, aws.ToString(answer.Audience))
	assert.Regexp(t, `^arn:aws:sts::444455556666:assumed-role/refresher/eks-acme-refresh-28-[0-9a-f-]{36}$`, aws.ToString(answer.AssumedRoleUser.Arn))
	assert.WithinDuration(t, time.Now().Add(time.Hour), aws.ToTime(answer.Credentials.Expiration), time.Minute)

	pod := credentials.NewStaticCredentialsProvider(aws.ToString(answer.Credentials.AccessKeyId), aws.ToString(answer.Credentials.SecretAccessKey), aws.ToString(answer.Credentials.SessionToken))
	identity, err := sts.New(sts.Options{Region: Region, HTTPClient: s.Network.Client(), Credentials: pod}).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	require.NoError(t, err)
	assert.Equal(t, aws.ToString(answer.AssumedRoleUser.Arn), aws.ToString(identity.Arn))
	assert.Equal(t, aws.ToString(answer.AssumedRoleUser.AssumeRoleId), aws.ToString(identity.UserId))
}

// call is what a node sends.
type call struct {
	node            aws.CredentialsProvider
	region, cluster string
	token           string
}

func TestTheAPIRefusesEverythingElse(t *testing.T) {
	foreign := oidctest.RSAKey(t, "one")
	seconds := func(after time.Duration) int64 { return time.Now().Add(after).Unix() }
	unbound := Bound("acme", Subject)
	delete(unbound, "pod")
	const noAssociation, notTrusted = "No association found for ServiceAccount ", "Unauthorized Exception! EKS does not have permissions to assume the associated role."
	for name, test := range map[string]struct {
		change      func(t *testing.T, s *Setting, c *call)
		code, words string
	}{
		"another ServiceAccount": {
			func(_ *testing.T, s *Setting, c *call) {
				c.token = s.PodToken(map[string]any{"kubernetes.io": Bound("acme", "default")})
			}, "ResourceNotFoundException", noAssociation + "acme/default",
		},
		"another namespace": {
			func(_ *testing.T, s *Setting, c *call) {
				c.token = s.PodToken(map[string]any{"kubernetes.io": Bound("other", Subject)})
			}, "ResourceNotFoundException", noAssociation + "other/refresher",
		},
		"another issuer": {
			func(_ *testing.T, s *Setting, c *call) {
				c.token = s.PodToken(map[string]any{"iss": "https://oidc.eks.eu-central-1.amazonaws.com/id/FEDCBA"})
			}, "InvalidTokenException", "another issuer",
		},
		"another key": {
			func(t *testing.T, _ *Setting, c *call) {
				c.token = foreign.Sign(t, map[string]any{"iss": Issuer, "aud": eksauth.Service, "exp": seconds(time.Hour), "kubernetes.io": Bound("acme", Subject)})
			}, "InvalidTokenException", "bad signature",
		},
		"another audience": {
			func(_ *testing.T, s *Setting, c *call) {
				c.token = s.PodToken(map[string]any{"aud": "sts.amazonaws.com"})
			},
			"InvalidTokenException", "not for the audience pods.eks.amazonaws.com",
		},
		"an expired token": {
			func(_ *testing.T, s *Setting, c *call) {
				c.token = s.PodToken(map[string]any{"exp": seconds(-time.Second)})
			},
			"ExpiredTokenException", "is expired",
		},
		"a token without expiry": {
			func(_ *testing.T, s *Setting, c *call) { c.token = s.PodToken(map[string]any{"exp": nil}) },
			"InvalidTokenException", "no expiry",
		},
		"a token of the future": {
			func(_ *testing.T, s *Setting, c *call) {
				c.token = s.PodToken(map[string]any{"nbf": seconds(time.Hour)})
			},
			"InvalidTokenException", "not valid yet",
		},
		"a token of no pod": {
			func(_ *testing.T, s *Setting, c *call) {
				c.token = s.PodToken(map[string]any{"kubernetes.io": unbound})
			},
			"InvalidTokenException", "bound to no pod",
		},
		"a token of no ServiceAccount": {
			func(_ *testing.T, s *Setting, c *call) {
				c.token = s.PodToken(map[string]any{"kubernetes.io": nil})
			},
			"InvalidTokenException", "of no ServiceAccount",
		},
		"no token": {
			func(_ *testing.T, _ *Setting, c *call) { c.token = "token" },
			"InvalidTokenException", "malformed token",
		},
		"an unknown cluster": {
			func(_ *testing.T, _ *Setting, c *call) { c.cluster = "globex" },
			"ResourceNotFoundException", "No cluster found for name: globex.",
		},
		"another Region": {
			func(_ *testing.T, _ *Setting, c *call) { c.region = OtherRegion },
			"ResourceNotFoundException", "No cluster found for name: acme.",
		},
		"a role that is no node's": {
			func(_ *testing.T, s *Setting, c *call) { c.node = s.Become(PullRole) },
			"AccessDeniedException", "is not authorized to perform: eks-auth:AssumeRoleForPodIdentity on resource: arn:aws:eks:eu-central-1:444455556666:cluster/acme because no identity-based policy allows",
		},
		"unknown keys": {
			func(_ *testing.T, _ *Setting, c *call) {
				c.node = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
					return aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "secret"}, nil
				})
			}, "UnrecognizedClientException", "The security token included in the request is invalid.",
		},
		"session tags off": {
			func(t *testing.T, s *Setting, _ *call) {
				association, found := s.EKS.AssociationOf(Home, Cluster, "acme", Subject)
				require.True(t, found)
				_, err := s.EKS.SetSessionTags(Home, Cluster, association.ID, true)
				require.NoError(t, err)
			}, "AccessDeniedException", notTrusted,
		},
		"a role without sts:TagSession": {
			trust(TrustService(eksauth.Service, nil, "sts:AssumeRole")), "AccessDeniedException", notTrusted,
		},
		"a role of another service": {
			trust(TrustService("ec2.amazonaws.com", nil, "sts:AssumeRole", "sts:TagSession")), "AccessDeniedException", notTrusted,
		},
		"a role of another cluster": {
			trust(TrustService(eksauth.Service, map[string]any{"StringEquals": map[string]string{
				"aws:RequestTag/eks-cluster-arn": "arn:aws:eks:eu-central-1:444455556666:cluster/globex",
			}}, "sts:AssumeRole", "sts:TagSession")), "AccessDeniedException", notTrusted,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetting(t)
			s.Associate()
			c := call{node: s.Become(NodeRole), region: Region, cluster: Cluster, token: s.PodToken(nil)}
			test.change(t, s, &c)
			_, err := assume(s, c.node, c.region, c.cluster, c.token)
			var refused smithy.APIError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, test.code, refused.ErrorCode())
			assert.Contains(t, refused.ErrorMessage(), test.words)
		})
	}
}

// trust replaces the trust policy of the refresher's role.
func trust(document string) func(*testing.T, *Setting, *call) {
	return func(t *testing.T, s *Setting, _ *call) {
		_, err := s.Account(Customer).UpdateTrustPolicy("refresher", document)
		require.NoError(t, err)
	}
}

func TestWithoutSessionTagsATrustWithoutThemIsEnough(t *testing.T) {
	s := newSetting(t)
	association := s.Associate()
	_, err := s.EKS.SetSessionTags(Home, Cluster, association.ID, true)
	require.NoError(t, err)
	_, err = s.Account(Customer).UpdateTrustPolicy("refresher", TrustService(eksauth.Service, nil, "sts:AssumeRole"))
	require.NoError(t, err)
	_, err = assume(s, s.Become(NodeRole), Region, Cluster, s.PodToken(nil))
	require.NoError(t, err)
}

func TestAnAssociationThatIsDeletedCountsNoLonger(t *testing.T) {
	s := newSetting(t)
	association := s.Associate()
	require.NoError(t, s.EKS.Delete(Home, Cluster, association.ID))
	_, err := assume(s, s.Become(NodeRole), Region, Cluster, s.PodToken(nil))
	require.ErrorContains(t, err, eks.NotFound)
}

func TestEndpointsHaveTheSuffixOfTheirPartition(t *testing.T) {
	for region, host := range map[string]string{
		"eu-central-1":  "eks-auth.eu-central-1.api.aws",
		"us-gov-west-1": "eks-auth.us-gov-west-1.api.aws",
		"cn-north-1":    "eks-auth.cn-north-1.api.amazonwebservices.com.cn",
	} {
		assert.Equal(t, host, eksauth.Host(region))
	}
}
