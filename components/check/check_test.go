package check_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/components/check"
)

func TestEveryProblemIsListedWithItsKey(t *testing.T) {
	one, other := check.Of("gcp.ImageGrant"), check.Of("aws.Service")
	one.Required("project", "", "the vendor's project ID")
	one.Range("generation", 100, 0, 99)
	other.Error("name", errors.New(`"A b": want a service name`))
	err := fmt.Errorf("stack dev: %w", errors.Join(one.Err(), other.Err()))
	assert.Equal(t, []*check.Problem{
		{Component: "gcp.ImageGrant", Key: "project", Text: `"": want the vendor's project ID`},
		{Component: "gcp.ImageGrant", Key: "generation", Text: "100: want 0 to 99"},
		{Component: "aws.Service", Key: "name", Text: `"A b": want a service name`},
	}, check.List(err))
	require.EqualError(t, other.Err(), `aws.Service: name "A b": want a service name`)
	assert.Empty(t, check.List(nil))
	assert.Empty(t, check.List(errors.New("something else")))
	assert.NoError(t, check.Of("aws.Service").Err())
}

func TestWhatIsKnownLaterIsNoProblem(t *testing.T) {
	p := check.Of("x", "source", "subjects[0].issuer")
	for _, key := range []string{"source", "source.clientId", "source[1]", "sources", "subjects[0].issuer", "subjects[0].issuers", "subjects[0]", "subjects[01].issuer"} {
		p.Add(key, "is missing")
	}
	var keys []string
	for _, problem := range check.List(p.Err()) {
		keys = append(keys, problem.Key)
	}
	assert.Equal(t, []string{"sources", "subjects[0].issuers", "subjects[0]", "subjects[01].issuer"}, keys)
}

func TestAnIssuerIsAPlainURL(t *testing.T) {
	for text, want := range map[string]bool{
		"https://issuer.example": true, "https://issuer.example:8443/a/": true,
		"http://issuer.example": false, "https://u@issuer.example": false, "https://issuer.example/?q": false, "https://issuer.example/#f": false, "": false,
	} {
		assert.Equal(t, want, check.IsIssuer(text), text)
	}
}

func TestADocumentBelowAnIssuerNamesIt(t *testing.T) {
	for url, want := range map[string]string{
		"https://k.example/.well-known/openid-configuration":           "https://k.example",
		"https://k.example/a/.well-known/openid-configuration/":        "https://k.example/a",
		"https://k.example/a/.well-known/jwks.json":                    "https://k.example/a",
		"https://k.example/a/.well-known":                              "https://k.example/a",
		"https://k.example/openid/v1/jwks":                             "https://k.example",
		"https://k.example/t/c/openid/v1/jwks/":                        "https://k.example/t/c",
		"https://k.example/t/c//openid/v1/jwks":                        "https://k.example/t/c",
		"https://k.example/jwks":                                       "https://k.example",
		"https://oidc.eks.eu-west-1.amazonaws.com/id/AB/keys":          "https://oidc.eks.eu-west-1.amazonaws.com/id/AB",
		"https://oidc-eks.eu-west-1.api.aws/id/AB/keys/":               "https://oidc-eks.eu-west-1.api.aws/id/AB",
		"https://k.example/keys":                                       "",
		"https://k.example/":                                           "",
		"https://k.example/openid":                                     "",
		"https://k.example/jwks-proxy":                                 "",
		"https://container.googleapis.com/v1/projects/p/clusters/c":    "",
		"https://oidc.eks.eu-west-1.amazonaws.com/id/AB":               "",
		"https://westeurope.oic.prod-aks.azure.com/tenant/cluster/":    "",
		"https://s3.eu-central-1.amazonaws.com/kops/well-known/openid": "",
	} {
		assert.Equal(t, want, check.IssuerAbove(url), url)
	}
}

func TestWhatNoCloudCanReachIsKnownByItsHost(t *testing.T) {
	for _, public := range []string{
		"https://issuer.example", "https://k8s.customer.com:6443/a", "https://203.0.114.5", "https://8.8.8.8:6443", "https://internal.customer.com",
		"https://local.host.io/", "https://kubernetes.default.svc.customer.net",
	} {
		assert.Empty(t, check.Unreachable(public), public)
	}
	for _, private := range []string{
		"https://localhost", "https://k8s:6443", "https://kubernetes.default.svc", "https://a.b.local/", "https://a.internal", "https://a.test", "https://a.invalid",
		"https://a.home.arpa", "https://a.localhost:1", "https://10.1.2.3", "https://172.16.0.1", "https://172.31.255.255", "https://192.168.0.1:6443",
		"https://127.0.0.1", "https://169.254.169.254", "https://100.100.0.1", "https://0.0.0.0", "https://224.0.0.1", "https://a.internal.", "https://10.0.5",
	} {
		assert.NotEmpty(t, check.Unreachable(private), private)
	}
}

func TestAnIssuerThatACloudAsksIsPublic(t *testing.T) {
	for value, want := range map[string]string{
		"https://issuer.example":                              "",
		"http://issuer.example":                               `x "http://issuer.example": want an https issuer URL without query, fragment or user`,
		"https://a.internal":                                  `x "https://a.internal": no cloud can reach it, for .internal is no domain of the public DNS: want its keys`,
		"https://a.internal/.well-known/openid-configuration": `x "https://a.internal/.well-known/openid-configuration": is a document of an issuer: want the issuer exactly as in its tokens, "https://a.internal" or with a slash at its end`,
		"https://issuer.example/?a=.well-known/x":             `x "https://issuer.example/?a=.well-known/x": want an https issuer URL without query, fragment or user`,
	} {
		p := check.Of("c")
		p.PublicIssuer("x", value, "its keys")
		if want == "" {
			assert.NoError(t, p.Err(), value)
			continue
		}
		assert.EqualError(t, p.Err(), "c: "+want)
	}
}
