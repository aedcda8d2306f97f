package sts_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws/sts"
	"waybill.example/waybill/sandbox/network"
	"waybill.example/waybill/sandbox/oidc/oidctest"
)

func TestAServiceAccountTokenBecomesCredentialsOfTheRole(t *testing.T) {
	s := newSetting(t)
	granted, err := s.assume(s.token(nil), func(input *awssts.AssumeRoleWithWebIdentityInput) { input.DurationSeconds = aws.Int32(900) })
	require.NoError(t, err)
	role, _ := s.cloud.Role(roleARN)
	assert.Equal(t, subject, *granted.SubjectFromWebIdentityToken)
	assert.Equal(t, audience, *granted.Audience)
	assert.Equal(t, "arn:aws:iam::222222222222:oidc-provider/"+host, *granted.Provider)
	assert.Equal(t, "arn:aws:sts::222222222222:assumed-role/puller/refresher", *granted.AssumedRoleUser.Arn)
	assert.Equal(t, role.ID+":refresher", *granted.AssumedRoleUser.AssumedRoleId)
	assert.Regexp(t, `^ASIA[A-Z2-7]{16}$`, *granted.Credentials.AccessKeyId)
	assert.Equal(t, s.now.Add(15*time.Minute).UTC(), granted.Credentials.Expiration.UTC())

	as := credentials.NewStaticCredentialsProvider(*granted.Credentials.AccessKeyId, *granted.Credentials.SecretAccessKey, *granted.Credentials.SessionToken)
	s.start()
	caller, err := s.client(region, as).GetCallerIdentity(t.Context(), nil)
	require.NoError(t, err, "credentials survive a restart")
	assert.Equal(t, "arn:aws:sts::222222222222:assumed-role/puller/refresher", *caller.Arn)
	assert.Equal(t, customer, *caller.Account)
	assert.Equal(t, role.ID+":refresher", *caller.UserId)
}

func TestTheAuthorizedPartyTakesThePlaceOfTheAudience(t *testing.T) {
	s := newSetting(t)
	_, err := s.assume(s.token(map[string]any{"azp": audience, "aud": "another"}))
	require.NoError(t, err)
	_, err = s.assume(s.token(map[string]any{"azp": "another"}))
	requireRefused(t, err, sts.InvalidIdentityToken, "Incorrect token audience")
}

func TestEveryOtherTokenIsRefusedInTheWordsOfSTS(t *testing.T) {
	s := newSetting(t)
	stranger := oidctest.RSAKey(t, "cluster")
	minutes := func(count int) int64 { return s.now.Add(time.Duration(count) * time.Minute).Unix() }
	for name, test := range map[string]struct {
		token       string
		code, words string
	}{
		"no token":               {"azure-identity-token", sts.InvalidIdentityToken, "The ID Token provided is not a valid JWT."},
		"a MAC":                  {oidctest.Sign(t, jose.HS256, []byte(strings.Repeat("k", 32)), "cluster", s.claims(nil)), sts.InvalidIdentityToken, "not a valid JWT"},
		"another issuer":         {s.token(map[string]any{"iss": "https://issuer.example"}), sts.InvalidIdentityToken, "No OpenIDConnect provider found in your account for https://issuer.example"},
		"the issuer and a slash": {s.token(map[string]any{"iss": issuer + "/"}), sts.InvalidIdentityToken, "No OpenIDConnect provider found in your account"},
		"another audience":       {s.token(map[string]any{"aud": "api://AzureADTokenExchange"}), sts.InvalidIdentityToken, "Incorrect token audience"},
		"no audience":            {s.token(map[string]any{"aud": nil}), sts.InvalidIdentityToken, "Missing a required claim: aud"},
		"no subject":             {s.token(map[string]any{"sub": nil}), sts.InvalidIdentityToken, "Missing a required claim: sub"},
		"no expiry":              {s.token(map[string]any{"exp": nil}), sts.InvalidIdentityToken, "Missing a required claim: exp"},
		"an expired one":         {s.token(map[string]any{"exp": minutes(0)}), sts.ExpiredTokenException, "Token expired: current date/time "},
		"one of the future":      {s.token(map[string]any{"nbf": minutes(6)}), sts.IDPRejectedClaim, "The claim nbf of the token is in the future"},
		"one issued later":       {s.token(map[string]any{"iat": minutes(6)}), sts.IDPRejectedClaim, "The claim iat"},
		"a stranger's key":       {stranger.Sign(t, s.claims(nil)), sts.InvalidIdentityToken, "signature is not valid"},
		"an unknown key":         {oidctest.RSAKey(t, "other").Sign(t, s.claims(nil)), sts.InvalidIdentityToken, "Couldn't retrieve verification key from your identity provider"},
		"session tags":           {s.token(map[string]any{"https://aws.amazon.com/tags": map[string]any{}}), sts.InvalidIdentityToken, "the sandbox does not model it"},
		"another subject":        {s.token(map[string]any{"sub": subject + "x"}), sts.AccessDenied, "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.assume(test.token)
			requireRefused(t, err, test.code, test.words)
			for _, part := range strings.Split(test.token, ".") {
				if len(part) > 30 {
					assert.NotContains(t, err.Error(), part, "the token is not repeated")
				}
			}
		})
	}
	_, err := s.assume(s.token(map[string]any{"nbf": minutes(4)}))
	require.NoError(t, err, "clocks differ")
}

func TestAnIssuerThatCannotBeAskedIsRefused(t *testing.T) {
	s := newSetting(t)
	s.network.Fault(func(r *http.Request) bool { return r.Host == s.issuer.Host() }, network.Fault{Status: http.StatusServiceUnavailable})
	_, err := s.assume(s.token(nil))
	requireRefused(t, err, sts.InvalidIdentityToken, "Couldn't retrieve verification key")
}

func TestWrongRequestsAreRefusedInTheWordsOfSTS(t *testing.T) {
	s := newSetting(t)
	type input = awssts.AssumeRoleWithWebIdentityInput
	for name, test := range map[string]struct {
		change      func(*input)
		code, words string
	}{
		"no ARN of a role":        {func(i *input) { i.RoleArn = aws.String("arn:aws:iam::222222222222:user/puller") }, sts.ValidationError, "Request ARN is invalid"},
		"a role without its path": {func(i *input) { i.RoleArn = aws.String("arn:aws:iam::222222222222:role/puller") }, sts.AccessDenied, "Not authorized"},
		"an account that is not":  {func(i *input) { i.RoleArn = aws.String("arn:aws:iam::444444444444:role/puller") }, sts.AccessDenied, "Not authorized"},
		"another partition":       {func(i *input) { i.RoleArn = aws.String("arn:aws-cn:iam::333333333333:role/puller") }, sts.AccessDenied, "Not authorized"},
		"a short duration":        {func(i *input) { i.DurationSeconds = aws.Int32(899) }, sts.ValidationError, "1 validation error detected: Value '899' at 'durationSeconds'"},
		"a long duration":         {func(i *input) { i.DurationSeconds = aws.Int32(7201) }, sts.ValidationError, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		"a session's name":        {func(i *input) { i.RoleSessionName = aws.String("a b") }, sts.ValidationError, "'roleSessionName'"},
		"a long session's name":   {func(i *input) { i.RoleSessionName = aws.String(strings.Repeat("a", 65)) }, sts.ValidationError, "'roleSessionName'"},
		"a provider's name":       {func(i *input) { i.ProviderId = aws.String("www.amazon.com") }, sts.InvalidIdentityToken, "ProviderId"},
		"a session policy":        {func(i *input) { i.Policy = aws.String("{}") }, sts.ValidationError, "Policy, PolicyArns: the sandbox does not model it"},
		"a managed session policy": {func(i *input) {
			i.PolicyArns = []types.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly")}}
		}, sts.ValidationError, "Policy, PolicyArns: the sandbox does not model it"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.assume(s.token(nil), test.change)
			requireRefused(t, err, test.code, test.words)
		})
	}
	for at, words := range map[string]string{
		"eu-central-1": "STS is not activated in this region for account:222222222222",
		"cn-north-1":   "Not authorized",
	} {
		_, err := s.client(at, nil).AssumeRoleWithWebIdentity(t.Context(), &input{
			RoleArn: aws.String(roleARN), RoleSessionName: aws.String("refresher"), WebIdentityToken: aws.String(s.token(nil)),
		})
		require.ErrorContains(t, err, words)
	}
}
