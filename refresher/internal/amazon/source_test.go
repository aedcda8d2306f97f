package amazon_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/refresher/internal/amazon"
	"waybill.example/waybill/refresher/internal/awsname"
	"waybill.example/waybill/refresher/internal/chain"
	"waybill.example/waybill/refresher/internal/redact"
	"waybill.example/waybill/refresher/internal/retry"
	"waybill.example/waybill/refresher/internal/subject"
)

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// source is a chain by IRSA whose token file is in place.
func source(t *testing.T, transport http.RoundTripper) *amazon.Source {
	t.Helper()
	enc := base64.RawURLEncoding.EncodeToString
	token := enc([]byte(`{"alg":"RS256"}`)) + "." + enc([]byte(`{"iss":"https://issuer.example","sub":"system:serviceaccount:a:b","aud":"sts.amazonaws.com"}`)) + ".c2ln"
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte(token), 0o600))
	role, err := awsname.ParseRole("arn:aws:iam::111122223333:role/puller")
	require.NoError(t, err)
	registry, err := awsname.ParseRegistry("444455556666.dkr.ecr.us-east-1.amazonaws.com")
	require.NoError(t, err)
	secrets := &redact.Set{}
	return &amazon.Source{
		Identifiers: awsname.Identifiers{Role: role, Region: registry.Region, Registry: registry},
		Subject:     subject.File{Path: path, Audience: awsname.AudienceSTS, Secrets: secrets},
		Retry:       retry.Policy{First: time.Millisecond, Longest: time.Millisecond, Attempt: time.Minute},
		Transport:   transport,
		Secrets:     secrets,
	}
}

func TestTimeThatRunsOutBetweenTwoRequestsIsNotBlamedOnTheAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := source(t, tripper(func(r *http.Request) (*http.Response, error) {
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		cancel()
		body := fmt.Sprintf(`<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>a</AccessKeyId>`+
			`<SecretAccessKey>b</SecretAccessKey><SessionToken>c</SessionToken><Expiration>%s</Expiration></Credentials>`+
			`</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
	}))
	_, f := s.Obtain(ctx, func(chain.Step) {})
	require.NotNil(t, f)
	assert.True(t, f.Overdue)
	assert.NotContains(t, f.Cause, "proxy between the cluster and the cloud")
	assert.Zero(t, f.Status)
}
