package world_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/world"
)

func TestATenantsCloudAndApplicationsAreRead(t *testing.T) {
	read, err := load(t, `
azure:
  tenants:
    - id: 11111111-1111-1111-1111-111111111111
      cloud: china
      applications:
        - clientId: client
          principalId: principal
          identifierUri: api://images
          accessTokenVersion: 2
          federatedCredentials:
            - {name: refresher, issuer: "https://issuer.example/", subject: subject, audience: "api://AzureADTokenExchangeChina"}
`)
	require.NoError(t, err)
	assert.Equal(t, "china", read.Azure.Tenants[0].Cloud)
	assert.Equal(t, []world.Application{{
		ClientID: "client", PrincipalID: "principal", IdentifierURI: "api://images", AccessTokenVersion: 2,
		FederatedCredentials: []world.FederatedCredential{{
			Name: "refresher", Issuer: "https://issuer.example/", Subject: "subject", Audience: "api://AzureADTokenExchangeChina",
		}},
	}}, read.Azure.Tenants[0].Applications)
}

func TestEveryWrongApplicationIsReportedAtOnce(t *testing.T) {
	_, err := load(t, `
azure:
  tenants:
    - id: 11111111-1111-1111-1111-111111111111
      cloud: germany
      applications:
        - clientId: client
        - {clientId: client, principalId: principal, accessTokenVersion: 3}
`)
	for _, want := range []string{
		`azure.tenants[0].cloud "germany": want one of ["public" "usgovernment" "china"]`,
		"azure.tenants[0].applications[0].principalId: want a value",
		"azure.tenants[0].applications[1].accessTokenVersion 3: want 1 or 2",
	} {
		require.ErrorContains(t, err, want)
	}
}
