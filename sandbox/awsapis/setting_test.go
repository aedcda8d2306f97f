package awsapis_test

import (
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws"
	"waybill.example/waybill/sandbox/aws/ecr"
	"waybill.example/waybill/sandbox/aws/ecs"
	"waybill.example/waybill/sandbox/aws/eks"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/aws/logs"
	"waybill.example/waybill/sandbox/aws/sts"
	"waybill.example/waybill/sandbox/awsapis"
	"waybill.example/waybill/sandbox/awsapis/access"
	"waybill.example/waybill/sandbox/network"
	"waybill.example/waybill/sandbox/oidc/oidctest"
	"waybill.example/waybill/sandbox/world"
)

// Clock is the time with what a test added to it.
type Clock struct{ ahead atomic.Int64 }

// Now is the clock's time.
func (c *Clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// Pass moves the clock.
func (c *Clock) Pass(by time.Duration) { c.ahead.Add(int64(by)) }

// Setting is a vendor's and a customer's accounts, with all endpoints on a network of
// their own: the vendor's repositories for two customers, the customer's roles, an EKS
// and an ECS cluster.
type Setting struct {
	*testing.T
	Clock   *Clock
	World   world.AWS
	Network *network.Network
	IAM     *iam.Cloud
	Gate    *access.Gate
	ECR     *ecr.Store
	EKS     *eks.Store
	ECS     *ecs.Store
	Logs    *logs.Store
	APIs    *awsapis.APIs
	// Key signs the cluster's tokens.
	Key oidctest.Key
	// CutOff are pods that the network keeps from the Pod Identity agent, as
	// ISSUER NAMESPACE/NAME.
	CutOff map[string]bool

	dir string
}

func newSetting(t *testing.T) *Setting {
	t.Helper()
	s := &Setting{T: t, Clock: new(Clock), World: world.AWS{Accounts: accounts()}, dir: t.TempDir(), Key: oidctest.RSAKey(t, "one")}
	var err error
	s.Network, err = network.Open(filepath.Join(s.dir, "network"))
	require.NoError(t, err)
	issuer := oidctest.New(Issuer, s.Key)
	s.Network.Handle(issuer.Host(), issuer)
	s.Network.HandleFunc(func(host string) http.Handler { return s.APIs.Handler(host) })
	require.NoError(t, s.Network.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, s.Network.Close()) })
	s.Start()
	return s
}

// Start opens everything, or opens it again, as a sandbox does that was stopped.
func (s *Setting) Start() {
	s.Helper()
	cloud, err := aws.Open(filepath.Join(s.dir, "aws"), s.World, s.Clock.Now, 0)
	require.NoError(s, err)
	s.IAM, s.ECR, s.EKS, s.ECS, s.Logs = cloud.IAM, cloud.ECR, cloud.EKS, cloud.ECS, cloud.Logs
	s.APIs, err = awsapis.New(awsapis.Config{
		Cloud: cloud, Accounts: s.World.Accounts, Dir: s.dir, Client: s.Network.Client(), Now: s.Clock.Now,
		ReachesAgent: func(_ context.Context, issuer, namespace, pod string) error {
			if s.CutOff[issuer+" "+namespace+"/"+pod] {
				return errors.New("the network policy allows it nothing")
			}
			return nil
		},
	})
	require.NoError(s, err)
	s.Gate = &access.Gate{IAM: s.IAM, STS: s.APIs.STS, Client: s.Network.Client(), Now: s.Clock.Now}
}

// Account has the operations of IAM in an account.
func (s *Setting) Account(id string) *iam.Account {
	s.Helper()
	account, err := s.IAM.Account(id)
	require.NoError(s, err)
	return account
}

// Become are the credentials of a role that trusts EC2.
func (s *Setting) Become(role string) awssdk.CredentialsProvider {
	s.Helper()
	session, err := s.Gate.STS.Assume(sts.Assumption{Service: "ec2.amazonaws.com", RoleARN: role, Session: "i-0123456789abcdef0", Lifetime: time.Hour})
	require.NoError(s, err)
	return awssdk.CredentialsProviderFunc(func(context.Context) (awssdk.Credentials, error) {
		return awssdk.Credentials{AccessKeyID: session.AccessKeyID, SecretAccessKey: session.SecretAccessKey, SessionToken: session.SessionToken}, nil
	})
}

// ECRClient is AWS's own client.
func (s *Setting) ECRClient(credentials awssdk.CredentialsProvider, region string) *awsecr.Client {
	return awsecr.New(awsecr.Options{Region: region, HTTPClient: s.Network.Client(), Credentials: credentials, Retryer: awssdk.NopRetryer{}})
}

// Token is an authorization token of ECR for a role that trusts EC2.
func (s *Setting) Token(role, region string) string {
	s.Helper()
	answer, err := s.ECRClient(s.Become(role), region).GetAuthorizationToken(s.Context(), &awsecr.GetAuthorizationTokenInput{})
	require.NoError(s, err)
	require.Len(s, answer.AuthorizationData, 1)
	return Password(s.T, awssdk.ToString(answer.AuthorizationData[0].AuthorizationToken))
}

// Password is what an authorization token has for the user AWS.
func Password(t *testing.T, token string) string {
	t.Helper()
	text, err := base64.StdEncoding.DecodeString(token)
	require.NoError(t, err)
	user, password, found := strings.Cut(string(text), ":")
	require.True(t, found)
	require.Equal(t, "AWS", user)
	return password
}

// As are the options of a registry client with a user and a password; without a
// password it has neither.
func (s *Setting) As(user, password string) []remote.Option {
	options := []remote.Option{remote.WithContext(s.Context()), remote.WithTransport(s.Network.Client().Transport)}
	if password != "" {
		options = append(options, remote.WithAuth(&authn.Basic{Username: user, Password: password}))
	}
	return options
}

// Pull reads a manifest with an authorization token.
func (s *Setting) Pull(image, token string) (*remote.Descriptor, error) {
	s.Helper()
	return remote.Get(Reference(s.T, image), s.As("AWS", token)...)
}

// Reference reads an image's name.
func Reference(t *testing.T, text string) name.Reference {
	t.Helper()
	reference, err := name.ParseReference(text)
	require.NoError(t, err)
	return reference
}

// PodToken is a ServiceAccount token of the cluster for the refresher's pod, with
// claims in the place of its own; a nil claim is left out.
func (s *Setting) PodToken(claims map[string]any) string {
	s.Helper()
	all := map[string]any{
		"iss": Issuer, "aud": []string{"pods.eks.amazonaws.com"}, "sub": "system:serviceaccount:acme:" + Subject,
		"iat": s.Clock.Now().Unix(), "nbf": s.Clock.Now().Unix(), "exp": s.Clock.Now().Add(time.Hour).Unix(),
		"kubernetes.io": Bound("acme", Subject),
	}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	return s.Key.Sign(s.T, all)
}

// Bound are the private claims of a token that is bound to a pod.
func Bound(namespace, serviceAccount string) map[string]any {
	return map[string]any{
		"namespace":      namespace,
		"serviceaccount": map[string]string{"name": serviceAccount, "uid": "6a1f6f0e-0000-4000-8000-000000000001"},
		"pod":            map[string]string{"name": "refresh-28912345-x7k2p", "uid": "6a1f6f0e-0000-4000-8000-000000000002"},
	}
}
