package wire_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/refresher/internal/redact"
	"waybill.example/waybill/refresher/internal/wire"
)

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answering(status int, header http.Header, body string) tripper {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func get(t *testing.T, r *wire.Recorder, url string) (string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	response, err := r.Client().Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func TestOnlyTheChainsHostsAreReachedAndOnlyOverTLS(t *testing.T) {
	reached := 0
	r := wire.New(tripper(func(q *http.Request) (*http.Response, error) { reached++; return answering(200, nil, "")(q) }), &redact.Set{}, "a.example")
	for _, url := range []string{"http://a.example/", "https://a.example:8443/", "https://b.example/", "https://a.example.evil/", "https://A.example@b.example/"} {
		_, err := get(t, r, url)
		require.ErrorIs(t, err, wire.ErrHost, url)
	}
	assert.Zero(t, reached)
	_, err := get(t, r, "https://a.example:443/x")
	require.NoError(t, err)
	assert.Equal(t, 1, reached)
}

func TestOneAddressMayBeAskedWithoutTLSByItsOwnWay(t *testing.T) {
	const agent = "http://192.0.2.1/v1/credentials"
	r := wire.New(answering(200, nil, "over TLS"), &redact.Set{}, "a.example")
	r.AllowPlain(agent, answering(200, nil, "on the node"))
	for url, want := range map[string]string{agent: "on the node", "https://a.example/": "over TLS"} {
		body, err := get(t, r, url)
		require.NoError(t, err)
		assert.Equal(t, want, body)
	}
	for _, url := range []string{"http://192.0.2.1/", "http://192.0.2.1/v1/credentials?x=1", "http://192.0.2.1:8080/v1/credentials", "https://192.0.2.1/v1/credentials", "http://a.example/", "http://192.0.2.2/v1/credentials"} {
		_, err := get(t, r, url)
		require.ErrorIs(t, err, wire.ErrHost, url)
	}
}

func TestKeysAndSignaturesAreSecretsOnceSeen(t *testing.T) {
	const secret = "a-secret-that-nobody-may-see"
	for _, body := range []string{
		`{"authorizationData":[{"authorizationToken":"` + secret + `"}]}`,
		`{"AccessKeyId":"x","SecretAccessKey":"` + secret + `","Token":"y"}`,
		`<R><Credentials><SessionToken>` + secret + `</SessionToken></Credentials></R>`,
		` <R><Credentials><SecretAccessKey>` + secret + `</SecretAccessKey><Broken`,
	} {
		var secrets redact.Set
		_, err := get(t, wire.New(answering(200, nil, body), &secrets, "a.example"), "https://a.example/")
		require.NoError(t, err)
		assert.Equal(t, "saw "+redact.Mark, secrets.Text("saw "+secret), body)
	}

	var secrets redact.Set
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://a.example/", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x/20260101/eu-west-1/sts/aws4_request, SignedHeaders=host, Signature="+secret)
	response, err := wire.New(answering(403, nil, ""), &secrets, "a.example").RoundTrip(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, "saw "+redact.Mark+" of 20260101/eu-west-1/sts/aws4_request", secrets.Text("saw "+secret+" of 20260101/eu-west-1/sts/aws4_request"))
}

func TestTheRecorderRemembersWhatWasAnswered(t *testing.T) {
	var secrets redact.Set
	r := wire.New(answering(429, http.Header{"Retry-After": {"7"}}, `{"access_token":"a-token-that-nobody-may-see"}`), &secrets, "a.example", "b.example")
	_, ok := r.Last()
	assert.False(t, ok)
	body, err := get(t, r, "https://a.example/path?query=1")
	require.NoError(t, err)
	assert.JSONEq(t, `{"access_token":"a-token-that-nobody-may-see"}`, body, "the client still reads the whole answer")
	last, ok := r.Last()
	require.True(t, ok)
	last.Took = 0
	assert.Equal(t, wire.Exchange{Host: "a.example", Path: "/path", Method: "GET", Status: 429, RetryAfter: 7 * time.Second, Body: []byte(body)}, last)
	assert.Equal(t, "saw [redacted]", secrets.Text("saw a-token-that-nobody-may-see"), "a token is known as a secret once it was answered")

	_, err = get(t, r, "https://b.example/")
	require.NoError(t, err)
	toA, _ := r.LastTo("a.example")
	assert.Equal(t, "/path", toA.Path)
	count, _ := r.With("a.example")
	assert.Equal(t, 1, count)
}

func TestRetryAfterMayBeADate(t *testing.T) {
	at := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	r := wire.New(answering(503, http.Header{"Retry-After": {at}}, ""), &redact.Set{}, "a.example")
	_, err := get(t, r, "https://a.example/")
	require.NoError(t, err)
	last, _ := r.Last()
	assert.InDelta(t, time.Hour, last.RetryAfter, float64(5*time.Second))

	r = wire.New(answering(503, http.Header{"Retry-After": {"soon"}}, ""), &redact.Set{}, "a.example")
	_, err = get(t, r, "https://a.example/")
	require.NoError(t, err)
	last, _ = r.Last()
	assert.Zero(t, last.RetryAfter)
}

type breaking struct{}

func (breaking) Read([]byte) (int, error) { return 0, errors.New("connection reset") }
func (breaking) Close() error             { return nil }

func TestABrokenOrEndlessAnswerIsAnError(t *testing.T) {
	r := wire.New(tripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: breaking{}}, nil
	}), &redact.Set{}, "a.example")
	_, err := get(t, r, "https://a.example/")
	require.ErrorContains(t, err, "broke off")

	r = wire.New(answering(200, nil, strings.Repeat("x", 1<<20+1)), &redact.Set{}, "a.example")
	_, err = get(t, r, "https://a.example/")
	require.ErrorContains(t, err, "longer than")
	last, _ := r.Last()
	require.Error(t, last.Err)
}
