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
