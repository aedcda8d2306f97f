package sts_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/aws/sts"
)

const body = `{"registryIds":["111111111111"]}`

// signed is a request to ECR, signed as the SDK does.
func (s *setting) signed(t *testing.T, as aws.CredentialsProvider, at time.Time) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://api.ecr.eu-west-1.amazonaws.com/a%20b?x=1&a=2", strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken")
	keys, err := as.Retrieve(context.Background())
	require.NoError(t, err)
	hash := sha256.Sum256([]byte(body))
	require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), keys, request, hex.EncodeToString(hash[:]), "ecr", region, at))
	return request
}

func (s *setting) verified(t *testing.T, as aws.CredentialsProvider) iam.Session {
	t.Helper()
	session, err := s.server.Sessions.Verify(s.signed(t, as, s.now), []byte(body), "ecr", region)
	require.NoError(t, err)
	return session
}

func TestASignedRequestNamesItsSession(t *testing.T) {
	s := newSetting(t)
	role, _ := s.cloud.Role(roleARN)
	session := iam.NewSession(role, "refresher")
	session.Tags = map[string]string{"kubernetes-namespace": "images"}
	made, err := s.server.Sessions.Mint(session, time.Hour)
	require.NoError(t, err)
	assert.Equal(t, session, s.verified(t, provider(made)))
	assert.Equal(t, "arn:aws:sts::222222222222:assumed-role/puller/refresher", session.ARN())
}

func TestEveryOtherRequestIsRefused(t *testing.T) {
	s := newSetting(t)
	made := s.held(time.Hour)
	expired := s.held(0)
	resigned := func(r *http.Request, old, replacement string) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, replacement, 1))
	}
	for name, test := range map[string]struct {
		as     aws.CredentialsProvider
		at     time.Duration
		change func(*http.Request)
		code   string
		words  string
	}{
		"unsigned":             {provider(made), 0, func(r *http.Request) { r.Header.Del("Authorization") }, sts.MissingAuthentication, "Request is missing Authentication Token"},
		"another algorithm":    {provider(made), 0, func(r *http.Request) { resigned(r, "HMAC", "ECDSA") }, sts.IncompleteSignature, "requires 'AWS4-HMAC-SHA256'"},
		"no signature":         {provider(made), 0, func(r *http.Request) { resigned(r, "Signature=", "Other=") }, sts.IncompleteSignature, "'Signature' parameters"},
		"half a scope":         {provider(made), 0, func(r *http.Request) { resigned(r, "/aws4_request", "") }, sts.IncompleteSignature, "exactly 5 slash-delimited elements"},
		"another terminator":   {provider(made), 0, func(r *http.Request) { resigned(r, "/aws4_request", "/aws5") }, sts.SignatureDoesNotMatch, "Credential should be scoped to "},
		"no date":              {provider(made), 0, func(r *http.Request) { r.Header.Del("X-Amz-Date") }, sts.IncompleteSignature, "ISO-8601"},
		"another key's ID":     {provider(made), 0, func(r *http.Request) { resigned(r, made.AccessKeyID, expired.AccessKeyID) }, sts.InvalidClientTokenID, "The security token included in the request is invalid."},
		"no token":             {provider(made), 0, func(r *http.Request) { r.Header.Del("X-Amz-Security-Token") }, sts.InvalidClientTokenID, "invalid"},
		"a made-up token":      {credentials.NewStaticCredentialsProvider(made.AccessKeyID, made.SecretAccessKey, "AAAA"), 0, nil, sts.InvalidClientTokenID, "invalid"},
		"a user's key":         {credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "secret", ""), 0, nil, sts.InvalidClientTokenID, "invalid"},
		"another token":        {credentials.NewStaticCredentialsProvider(made.AccessKeyID, made.SecretAccessKey, expired.SessionToken), 0, nil, sts.InvalidClientTokenID, "invalid"},
		"expired":              {provider(expired), 0, nil, sts.ExpiredToken, "The security token included in the request is expired"},
		"another secret":       {credentials.NewStaticCredentialsProvider(made.AccessKeyID, "secret", made.SessionToken), 0, nil, sts.SignatureDoesNotMatch, "The request signature we calculated does not match"},
		"another path":         {provider(made), 0, func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/", "" }, sts.SignatureDoesNotMatch, "does not match"},
		"another query":        {provider(made), 0, func(r *http.Request) { r.URL.RawQuery = "x=2" }, sts.SignatureDoesNotMatch, "does not match"},
		"another host":         {provider(made), 0, func(r *http.Request) { r.Host = "api.ecr.us-east-1.amazonaws.com" }, sts.SignatureDoesNotMatch, "does not match"},
		"another method":       {provider(made), 0, func(r *http.Request) { r.Method = http.MethodPut }, sts.SignatureDoesNotMatch, "does not match"},
		"another signed value": {provider(made), 0, func(r *http.Request) { r.Header.Set("X-Amz-Target", "X") }, sts.SignatureDoesNotMatch, "does not match"},
		"a header added":       {provider(made), 0, func(r *http.Request) { r.Header.Set("X-Amz-Other", "X") }, sts.SignatureDoesNotMatch, "'x-amz-other' must be a 'SignedHeader'"},
		"a host left out":      {provider(made), 0, func(r *http.Request) { resigned(r, ";host;", ";") }, sts.SignatureDoesNotMatch, "does not match"},
		"too old":              {provider(made), -6 * time.Minute, nil, sts.SignatureDoesNotMatch, "Signature expired: "},
		"too new":              {provider(made), 6 * time.Minute, nil, sts.SignatureDoesNotMatch, "Signature not yet current: "},
		"another day":          {provider(made), 0, func(r *http.Request) { r.Header.Set("X-Amz-Date", "20200101T000000Z") }, sts.SignatureDoesNotMatch, "Credential should be scoped to 20200101/"},
	} {
		t.Run(name, func(t *testing.T) {
			request := s.signed(t, test.as, s.now.Add(test.at))
			if test.change != nil {
				test.change(request)
			}
			_, err := s.server.Sessions.Verify(request, []byte(body), "ecr", region)
			require.Error(t, err)
			assert.True(t, fault.Has(err, test.code), "want %s: %v", test.code, err)
			assert.ErrorContains(t, err, test.words)
			assert.NotContains(t, err.Error(), made.SecretAccessKey)
			assert.NotContains(t, err.Error(), made.SessionToken)
		})
	}
	request := s.signed(t, provider(made), s.now)
	for name, verify := range map[string]func() error{
		"another body":    func() error { _, err := s.server.Sessions.Verify(request, []byte("{}"), "ecr", region); return err },
		"another service": func() error { _, err := s.server.Sessions.Verify(request, []byte(body), "sts", region); return err },
		"another Region": func() error {
			_, err := s.server.Sessions.Verify(request, []byte(body), "ecr", "us-east-1")
			return err
		},
	} {
		assert.True(t, fault.Has(verify(), sts.SignatureDoesNotMatch), name)
	}
}

func TestCredentialsEndWithTheirRole(t *testing.T) {
	s := newSetting(t)
	made := s.held(time.Hour)
	s.verified(t, provider(made))
	require.NoError(t, s.account.DeleteRole("puller"))
	_, err := s.client(region, provider(made)).GetCallerIdentity(t.Context(), nil)
	requireRefused(t, err, sts.InvalidClientTokenID, "The security token included in the request is invalid.")
	_, err = s.account.CreateRole(iam.RoleSettings{Name: "puller", Path: "/team/", TrustPolicy: trust})
	require.NoError(t, err)
	_, err = s.client(region, provider(made)).GetCallerIdentity(t.Context(), nil)
	requireRefused(t, err, sts.InvalidClientTokenID, "invalid")
}

func TestTheEndpointsOfSTSAreThoseOfItsPartitions(t *testing.T) {
	s := newSetting(t)
	for host, want := range map[string]bool{
		"sts.eu-west-1.amazonaws.com": true, "sts.us-gov-west-1.amazonaws.com": true, "sts.cn-north-1.amazonaws.com.cn": true,
		"sts.amazonaws.com": true, "sts.cn-north-1.amazonaws.com": false, "sts.eu-west-1.amazonaws.com.cn": false,
		"sts.eu-west-1.example.com": false, "iam.amazonaws.com": false, "sts..amazonaws.com": false,
	} {
		assert.Equal(t, want, s.server.Match(host) != nil, host)
	}
	made := s.held(time.Hour)
	for _, region := range []string{region, "us-east-1"} {
		caller, err := s.client(region, provider(made)).GetCallerIdentity(t.Context(), nil)
		require.NoError(t, err, region)
		assert.Equal(t, customer, *caller.Account)
	}
	for _, region := range []string{"us-gov-west-1", "cn-north-1"} {
		_, err := s.client(region, provider(made)).GetCallerIdentity(t.Context(), nil)
		requireRefused(t, err, sts.InvalidClientTokenID, "invalid")
	}
}

func TestRequestsThatAreNoneAreRefused(t *testing.T) {
	s := newSetting(t)
	for body, want := range map[string]string{
		"Action=AssumeRole&Version=2011-06-15":        "Could not find operation AssumeRole for version 2011-06-15",
		"Action=GetCallerIdentity&Version=2010-01-01": "Could not find operation GetCallerIdentity for version 2010-01-01",
		"Version=2011-06-15":                          "<Code>MissingAction</Code>",
		"%zz":                                         "<Code>MalformedQueryString</Code>",
		"a=" + strings.Repeat("a", 1<<18):             "<Code>RequestEntityTooLarge</Code>",
		"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&DurationSeconds=x": "DurationSeconds",
		"Action=GetCallerIdentity&Version=2011-06-15":                           "<Code>MissingAuthenticationToken</Code>",
	} {
		response, err := s.network.Client().Post("https://sts.eu-west-1.amazonaws.com/", "application/x-www-form-urlencoded", bytes.NewReader([]byte(body)))
		require.NoError(t, err)
		answer, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.GreaterOrEqual(t, response.StatusCode, 400)
		assert.Contains(t, string(answer), want)
		assert.Equal(t, "no-store", response.Header.Get("Cache-Control"))
	}
}
