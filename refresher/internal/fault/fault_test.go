package fault_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"waybill.example/waybill/refresher/internal/fault"
	"waybill.example/waybill/refresher/internal/redact"
	"waybill.example/waybill/refresher/internal/wire"
)

func TestTheCloudsOwnWordsAreFoundInEveryForm(t *testing.T) {
	cases := map[string]string{
		`{"error":"invalid_grant","error_description":"why"}`:                         "invalid_grant: why",
		`{"error":"invalid_grant"}`:                                                   "invalid_grant",
		`{"error":{"code":403,"message":"why","status":"PERMISSION_DENIED"}}`:         "PERMISSION_DENIED: why",
		`{"errors":[{"code":"DENIED","message":"why"},{"code":"X","message":"and"}]}`: "DENIED: why; X: and",
		`<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>why</Message></Error><RequestId>1</RequestId></ErrorResponse>`: "AccessDenied: why",
		`<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>`:       "AccessDenied",
		`<AssumeRoleResponse><Credentials><SessionToken>t</SessionToken></Credentials>`: "the client's own",
		`<html>sign in</html>`: "sign in",
		"<!DOCTYPE html><head><title>Blocked</title><style>a{}</style></head><body><script>x()</script><p>Ask&nbsp;IT &amp; wait</p>": "Blocked: Ask IT & wait",
		`{"__type":"com.amazonaws.ecr#AccessDeniedException:http://x/","Message":"why"}`:                                              "AccessDeniedException: why",
		`{"__type":"ThrottlingException"}`: "ThrottlingException",
		`{"Token":"t","message":"m"}`:      "the client's own",
		`plain text`:                       "plain text",
		"two\n  lines":                     "two lines",
		``:                                 "the client's own",
		`{"access_token":"t"}`:             "the client's own",
		`["access_token","t"]`:             "the client's own",
		`"a token, maybe"`:                 "the client's own",
		`{"errors":"a string"}`:            "the client's own",
	}
	for body, want := range cases {
		f := fault.FromExchange(fault.HopSTS, wire.Exchange{Status: 400, Body: []byte(body)}, errors.New("the client's own"), &redact.Set{})
		assert.Equal(t, want, f.Words, body)
		assert.Equal(t, 400, f.Status)
		assert.NotEmpty(t, f.Cause, "every refusal has a likely cause")
	}
}

func TestTheSameWordsMeanWhatTheCloudThatSaidThemMeans(t *testing.T) {
	cases := []struct {
		host, words string
		hop         fault.Hop
		status      int
		kind        fault.Kind
		row         string
	}{
		{"sts.googleapis.com", "ExpiredToken", fault.HopSTS, 400, fault.Lasting, ""},
		{"sts.eu-west-1.amazonaws.com", "ExpiredTokenException", fault.HopSTS, 400, fault.Settling, "web-identity-time"},
		{"169.254.170.23", "[1]: (ExpiredTokenException): x, fault: client", fault.HopSTS, 400, fault.Settling, "agent-token-time"},
		// Whatever words they choose, permissions settle.
		{"europe-west1-docker.pkg.dev", "DENIED", fault.HopRegistry, 403, fault.Settling, ""},
		{"123456789012.dkr.ecr.eu-west-1.amazonaws.com", "DENIED", fault.HopRegistry, 403, fault.Settling, ""},
		{"sts.eu-west-1.amazonaws.com", "whatever", fault.HopSTS, 403, fault.Settling, ""},
		{"sts.googleapis.com", "whatever", fault.HopSTS, 403, fault.Lasting, ""},
		{"169.254.170.23", "whatever", fault.HopSTS, 400, fault.Lasting, ""},
		// AWS answers 400 to what other clouds answer 429.
		{"sts.eu-west-1.amazonaws.com", "Throttling: Rate exceeded", fault.HopSTS, 400, fault.Passing, "aws-throttled"},
		{"api.ecr.eu-west-1.amazonaws.com", "ThrottlingException: Rate exceeded", fault.HopECR, 400, fault.Passing, "aws-throttled"},
		// What passes by its status is not held for what stays.
		{"sts.googleapis.com", "invalid_target", fault.HopSTS, 503, fault.Passing, ""},
		{"sts.googleapis.com", "<html>502</html>", fault.HopSTS, 502, fault.Passing, ""},
	}
	for _, c := range cases {
		f := fault.FromExchange(c.hop, wire.Exchange{Host: c.host, Status: c.status, Body: []byte(c.words)}, errors.New("x"), &redact.Set{})
		assert.Equal(t, c.kind, f.Kind, "%s: %s", c.host, c.words)
		assert.Equal(t, c.row, f.Row, "%s: %s", c.host, c.words)
	}
}

func TestWordsAreCutAtASaneLength(t *testing.T) {
	f := fault.FromExchange(fault.HopSTS, wire.Exchange{Status: 400, Body: []byte(strings.Repeat("word ", 1000))}, errors.New("x"), &redact.Set{})
	assert.LessOrEqual(t, len([]rune(f.Words)), 801)
	assert.True(t, strings.HasSuffix(f.Words, "…"))
}

func TestNetworkFaultsSayWhereToLook(t *testing.T) {
	cases := []struct {
		err   error
		kind  fault.Kind
		cause string
	}{
		{context.DeadlineExceeded, fault.Passing, "no answer in time"},
		{&net.OpError{Op: "dial", Err: errors.New("connection refused")}, fault.Passing, "no connection"},
		{&net.DNSError{Err: "no such host", Name: "sts.googleapis.com", IsNotFound: true}, fault.Settling, "does not resolve"},
		{x509.UnknownAuthorityError{}, fault.Lasting, "inspects TLS"},
		{x509.CertificateInvalidError{Reason: x509.Expired}, fault.Lasting, "clock"},
		{wire.ErrHost, fault.Lasting, "no part of the chain"},
	}
	for _, c := range cases {
		wrapped := fmt.Errorf("wrapped: %w", c.err)
		for _, f := range []*fault.Fault{
			fault.FromExchange(fault.HopIAM, wire.Exchange{Err: wrapped}, errors.New("the client hides it"), &redact.Set{}),
			fault.FromError(fault.HopIAM, wrapped, &redact.Set{}),
		} {
			assert.Equal(t, c.kind, f.Kind, c.err)
			assert.Contains(t, f.Cause, c.cause)
			assert.Equal(t, 13, f.ExitCode())
		}
	}
}

func TestTimeThatRanOutSaysNothingOfTheAnswerBefore(t *testing.T) {
	for _, err := range []error{context.DeadlineExceeded, context.Canceled, errors.New("ClientAssertionCredential: context deadline exceeded")} {
		f := fault.FromExchange(fault.HopEntra, wire.Exchange{Host: entraHost, Status: 200, Body: []byte("{}")}, fmt.Errorf("wrapped: %w", err), &redact.Set{})
		assert.Equal(t, []any{fault.Passing, 0, "timeout"}, []any{f.Kind, f.Status, f.Row})
		f = fault.FromExchange(fault.HopEntra, wire.Exchange{Host: entraHost, Status: 400, Body: []byte(`{"error":"invalid_client","error_description":"AADSTS70021: x"}`)}, err, &redact.Set{})
		assert.Equal(t, "entra-no-match", f.Row)
	}
}

func TestAFaultReadsAsOneLine(t *testing.T) {
	f := fault.New(fault.HopEntra, "words", "cause")
	f.Status = 400
	assert.Equal(t, "entra: HTTP 400: words; likely cause: cause", f.Error())
	f.Overdue = true
	assert.Equal(t, "entra: out of time; last: HTTP 400: words; likely cause: cause", f.Error())
	assert.Equal(t, 20, f.ExitCode())
}

func TestExitCodesAreAContract(t *testing.T) {
	codes := map[fault.Hop]int{fault.HopKubernetes: 10, fault.HopEntra: 11, fault.HopSTS: 12, fault.HopIAM: 13, fault.HopRegistry: 14, fault.HopSecret: 15, fault.HopECR: 16, "unknown": 2}
	for name, code := range codes {
		assert.Equal(t, code, fault.New(name, "", "").ExitCode(), name)
	}
}
