package iam_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws/iam"
)

func TestAnOIDCProviderIsMadeChangedAndDeleted(t *testing.T) {
	cloud, _ := open(t)
	in := account(t, cloud, vendor)
	made, err := in.CreateOIDCProvider(iam.OIDCSettings{URL: issuer, ClientIDs: []string{"sts.amazonaws.com"}, Thumbprints: []string{strings.Repeat("0a", 20)}})
	require.NoError(t, err)
	assert.Equal(t, "arn:aws:iam::111111111111:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE", made.ARN)
	assert.Equal(t, "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE", made.URL)
	assert.Equal(t, issuer, "https://"+made.URL)
	_, err = in.UpdateOIDCProvider(made.ARN, iam.OIDCSettings{ClientIDs: []string{"b", "a"}, Tags: map[string]string{"a": "b"}})
	require.NoError(t, err)
	found, trusted := in.Trusted(issuer)
	require.True(t, trusted)
	assert.Equal(t, []string{"a", "b"}, found.ClientIDs)
	for _, other := range []string{issuer + "/", strings.TrimPrefix(issuer, "https://"), "http" + strings.TrimPrefix(issuer, "https")} {
		_, trusted := in.Trusted(other)
		assert.False(t, trusted, other)
	}
	require.NoError(t, in.DeleteOIDCProvider(made.ARN))
	_, err = in.OIDCProvider(made.ARN)
	requireRefused(t, err, iam.NoSuchEntity, "OpenIDConnect Provider not found for arn")
	requireRefused(t, in.DeleteOIDCProvider(made.ARN), iam.NoSuchEntity, "not found")
	_, err = in.UpdateOIDCProvider(made.ARN, iam.OIDCSettings{})
	requireRefused(t, err, iam.NoSuchEntity, "not found")
}

func TestWrongOIDCProvidersAreRefused(t *testing.T) {
	cloud, _ := open(t)
	in := account(t, cloud, customer)
	many := func(count int) (all []string) {
		for i := range count {
			all = append(all, fmt.Sprintf("%040d", i))
		}
		return all
	}
	for name, test := range map[string]struct {
		settings    iam.OIDCSettings
		code, words string
	}{
		"one that exists":  {iam.OIDCSettings{URL: issuer}, iam.EntityAlreadyExists, "Provider with url " + issuer + " already exists."},
		"no https":         {iam.OIDCSettings{URL: "http://issuer.example"}, iam.InvalidInput, "want an https URL"},
		"a port":           {iam.OIDCSettings{URL: "https://issuer.example:8443"}, iam.InvalidInput, "want an https URL"},
		"a long URL":       {iam.OIDCSettings{URL: "https://issuer.example/" + strings.Repeat("a", 255)}, iam.ValidationError, "255"},
		"a thumbprint":     {iam.OIDCSettings{URL: "https://issuer.example", Thumbprints: []string{"x"}}, iam.ValidationError, "'thumbprintList.member'"},
		"many thumbprints": {iam.OIDCSettings{URL: "https://issuer.example", Thumbprints: many(6)}, iam.ValidationError, "fewer than 6"},
		"many audiences":   {iam.OIDCSettings{URL: "https://issuer.example", ClientIDs: many(101)}, iam.LimitExceeded, "100"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := in.CreateOIDCProvider(test.settings)
			requireRefused(t, err, test.code, test.words)
		})
	}
}
