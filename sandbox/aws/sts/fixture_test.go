package sts_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/aws/sts"
	"waybill.example/waybill/sandbox/network"
	"waybill.example/waybill/sandbox/oidc/oidctest"
	"waybill.example/waybill/sandbox/world"
)

const (
	customer = "222222222222"
	region   = "eu-west-1"
	host     = "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE"
	issuer   = "https://" + host
	subject  = "system:serviceaccount:images:refresher"
	audience = "sts.amazonaws.com"
	roleARN  = "arn:aws:iam::222222222222:role/team/puller"
)

// trust is the trust policy of docs/facts.md §4.
const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
	"Principal":{"Federated":"arn:aws:iam::222222222222:oidc-provider/` + host + `"},"Action":"sts:AssumeRoleWithWebIdentity",
	"Condition":{"StringEquals":{"` + host + `:aud":"` + audience + `","` + host + `:sub":"` + subject + `"}}}]}`

// setting is a customer's account with a role that trusts a cluster.
type setting struct {
	*testing.T
	now     time.Time
	key     oidctest.Key
	issuer  *oidctest.Issuer
	network *network.Network
	cloud   *iam.Cloud
	account *iam.Account
	server  *sts.Server
	dir     string
}

func newSetting(t *testing.T) *setting {
	t.Helper()
	s := &setting{T: t, now: time.Now().Truncate(time.Second), key: oidctest.RSAKey(t, "cluster"), dir: t.TempDir()}
	s.issuer = oidctest.New(issuer, s.key)
	var err error
	s.network, err = network.Open(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, s.network.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, s.network.Close()) })
	s.network.Handle(s.issuer.Host(), s.issuer)
	s.network.HandleFunc(func(host string) http.Handler { return s.server.Match(host) })

	s.cloud, err = iam.Open(s.dir+"/iam.json", world.AWS{Accounts: []world.AWSAccount{
		{ID: customer, Regions: []string{region, "us-east-1"}, OIDCProviders: []world.AWSOIDCProvider{{URL: issuer, ClientIDs: []string{audience}}}},
		{ID: "333333333333", Partition: "aws-cn", Regions: []string{"cn-north-1"}},
	}}, s.clock)
	require.NoError(t, err)
	s.account, err = s.cloud.Account(customer)
	require.NoError(t, err)
	_, err = s.account.CreateRole(iam.RoleSettings{Name: "puller", Path: "/team/", TrustPolicy: trust, MaxSession: 7200})
	require.NoError(t, err)
	s.start()
	return s
}

func (s *setting) clock() time.Time { return s.now }

// start starts the server, or starts it again.
func (s *setting) start() {
	s.Helper()
	server, err := sts.New(sts.Config{Cloud: s.cloud, Dir: s.dir, Client: s.network.Client(), Now: s.clock})
	require.NoError(s, err)
	s.server = server
}

// client is Amazon's own client for a Region.
func (s *setting) client(region string, as aws.CredentialsProvider) *awssts.Client {
	return awssts.New(awssts.Options{Region: region, HTTPClient: s.network.Client(), Credentials: as, Retryer: aws.NopRetryer{}})
}

// claims are those of a projected ServiceAccount token.
func (s *setting) claims(changes map[string]any) map[string]any {
	claims := map[string]any{
		"iss": issuer, "aud": []string{audience}, "sub": subject,
		"iat": s.now.Unix(), "nbf": s.now.Unix(), "exp": s.now.Add(time.Hour).Unix(),
	}
	for name, value := range changes {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	return claims
}

func (s *setting) token(changes map[string]any) string { return s.key.Sign(s.T, s.claims(changes)) }

// assume exchanges a token with Amazon's own client.
func (s *setting) assume(token string, changes ...func(*awssts.AssumeRoleWithWebIdentityInput)) (*awssts.AssumeRoleWithWebIdentityOutput, error) {
	input := &awssts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String(roleARN), RoleSessionName: aws.String("refresher"), WebIdentityToken: aws.String(token),
	}
	for _, change := range changes {
		change(input)
	}
	return s.client(region, nil).AssumeRoleWithWebIdentity(s.Context(), input)
}

// held makes credentials of a session of the role.
func (s *setting) held(lifetime time.Duration) sts.Credentials {
	s.Helper()
	role, exists := s.cloud.Role(roleARN)
	require.True(s, exists)
	made, err := s.server.Sessions.Mint(iam.NewSession(role, "refresher"), lifetime)
	require.NoError(s, err)
	return made
}

func provider(of sts.Credentials) aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(of.AccessKeyID, of.SecretAccessKey, of.SessionToken)
}

// requireRefused wants an API error with a code and these words.
func requireRefused(t *testing.T, err error, code, words string) {
	t.Helper()
	var refused smithy.APIError
	require.ErrorAs(t, err, &refused, fmt.Sprint(err))
	assert.Equal(t, code, refused.ErrorCode(), refused.ErrorMessage())
	assert.Contains(t, refused.ErrorMessage(), words)
}
