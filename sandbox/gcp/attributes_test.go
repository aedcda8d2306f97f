package gcp_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/gcp"
)

func entraClaims() map[string]any {
	return map[string]any{
		"iss": "https://login.microsoftonline.com/tenant/v2.0", "sub": "principal-id", "oid": "principal-id", "tid": "tenant", "azp": "client-id",
		"groups": []any{"a", "b"}, "exp": 1700000000.0,
		"kubernetes.io": map[string]any{"namespace": "bifrost"},
	}
}

func mapped(mapping map[string]string, condition string) (gcp.Attributes, error) {
	provider := gcp.PoolProvider{
		Pool: poolPrefix + "acme-azure", PoolProviderSettings: gcp.PoolProviderSettings{
			ID: "acme-entra", Mapping: map[string]string{"google.subject": "assertion.sub"}, Condition: condition,
		},
	}
	for name, expression := range mapping {
		provider.Mapping[name] = expression
	}
	return provider.Attributes(entraClaims())
}

func TestClaimsAreMappedToAttributes(t *testing.T) {
	attributes, err := mapped(map[string]string{
		"attribute.namespace": "assertion['kubernetes.io']['namespace']",
		"attribute.kind":      "has(assertion.appid) ? 'v1' : 'v2'",
	}, "")
	require.NoError(t, err)
	assert.Equal(t, gcp.Attributes{
		Subject: "principal-id", Custom: map[string]string{"namespace": "bifrost", "kind": "v2"},
	}, attributes)
}

func TestATokenHasThePrincipalsOfItsAttributes(t *testing.T) {
	provider := gcp.PoolProvider{Pool: poolPrefix + "acme-azure"}
	assert.Equal(t, []string{
		"principal://iam.googleapis.com/" + poolPrefix + "acme-azure/subject/s",
		"principalSet://iam.googleapis.com/" + poolPrefix + "acme-azure/*",
		"principalSet://iam.googleapis.com/" + poolPrefix + "acme-azure/attribute.ns/bifrost",
	}, provider.Principals(gcp.Attributes{Subject: "s", Custom: map[string]string{"ns": "bifrost"}}))
}

func TestConditionsDecide(t *testing.T) {
	for condition, admitted := range map[string]bool{
		"assertion.tid == 'tenant' && assertion.sub == 'principal-id' && assertion.azp == 'client-id'": true,
		"assertion.tid == 'Tenant'":                              false,
		"google.subject == 'principal-id'":                       true,
		"attribute.namespace == 'bifrost'":                       true,
		"assertion.sub in ['principal-id', 'other']":             true,
		"assertion.sub.startsWith('principal')":                  true,
		"assertion.sub.endsWith('-id')":                          true,
		"assertion.iss.contains('tenant')":                       true,
		"assertion.groups.exists(g, g == 'b')":                   true,
		"size(assertion.groups) == 3":                            false,
		"has(assertion.appid)":                                   false,
		"assertion.appid == 'client-id'":                         false, // a missing claim denies
		"assertion.appid != 'client-id'":                         false,
		"attribute.unmapped == 'x'":                              false,
		"assertion.appid == 'x' || assertion.azp == 'client-id'": true,
	} {
		_, err := mapped(map[string]string{"attribute.namespace": "assertion['kubernetes.io'].namespace"}, condition)
		if admitted {
			assert.NoError(t, err, condition)
		} else {
			assert.ErrorIs(t, err, gcp.ErrCondition, condition)
		}
	}
}

func TestMappingsThatFailDeny(t *testing.T) {
	for name, refused := range map[string]struct {
		mapping map[string]string
		want    string
	}{
		"missing claim":   {map[string]string{"attribute.app": "assertion.appid"}, "attribute mapping for attribute.app: no such key: appid"},
		"no string":       {map[string]string{"attribute.exp": "assertion.exp"}, "the mapped attribute attribute.exp must be of type STRING, not double"},
		"empty subject":   {map[string]string{"google.subject": "''"}, "google.subject has 0 bytes: it must have 1 to 127"},
		"long subject":    {map[string]string{"google.subject": "'" + strings.Repeat("s", 128) + "'"}, "google.subject has 128 bytes"},
		"long attributes": {map[string]string{"attribute.a": long(), "attribute.b": long(), "attribute.c": long(), "attribute.d": long(), "attribute.e": long()}, "all together may have 8192"},
	} {
		_, err := mapped(refused.mapping, "true")
		assert.ErrorContains(t, err, refused.want, name)
	}
}

func long() string { return "'" + strings.Repeat("a", 2000) + "'" }
