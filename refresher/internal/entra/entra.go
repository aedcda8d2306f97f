// Package entra exchanges the cluster's ServiceAccount token for an Entra token of the customer's identity,
// with Microsoft's own client.
//
// The credential is built explicitly from the identity, the tenant and a callback that reads the token file:
// never a default chain, which could fall back to the node's identity.
package entra

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// DefaultScope asks for a token that Google's pools accept, without an app registration (docs/facts.md §2).
const DefaultScope = "api://AzureADTokenExchange/.default"

// Settings name the identity. None is secret.
type Settings struct {
	TenantID      string // GUID
	ClientID      string // GUID of the identity or app registration
	AuthorityHost string // one of Authorities
	Scope         string // ends in /.default
}

// authority is what belongs to one Azure cloud.
type authority struct {
	hosts    []string // that its metadata may name as token endpoint, besides its own
	audience string   // of the ServiceAccount tokens that it takes
}

// The Azure clouds, docs/facts.md §2 and
// https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud. The aliases are those
// that Entra's instance discovery publishes for each.
var authorities = map[string]authority{
	"login.microsoftonline.com": {
		[]string{"login.windows.net", "login.microsoft.com", "sts.windows.net"}, "api://AzureADTokenExchange",
	},
	"login.microsoftonline.us": {[]string{"login.usgovcloudapi.net"}, "api://AzureADTokenExchangeUSGov"},
	"login.chinacloudapi.cn":   {[]string{"login.partner.microsoftonline.cn"}, "api://AzureADTokenExchangeChina"},
}

// Authorities lists the hosts that may be an authority, sorted.
func Authorities() []string {
	return slices.Sorted(maps.Keys(authorities))
}

// Hosts lists the hosts that an exchange with the authority may talk to.
func (s Settings) Hosts() []string {
	return append([]string{s.AuthorityHost}, authorities[s.AuthorityHost].hosts...)
}

// SubjectAudience is the audience that the ServiceAccount token must carry for the authority: the reverse of
// the Entra token's, always the URI.
func (s Settings) SubjectAudience() string {
	return authorities[s.AuthorityHost].audience
}

// Token asks Entra for the identity's token. assertion is called once per request, so that it can read a
// rotated file. The client tries once: the caller owns retries and the deadline. expires is in UTC.
func Token(
	ctx context.Context, s Settings, client *http.Client, assertion func(context.Context) (string, error),
) (token string, expires time.Time, err error) {
	options := &azidentity.ClientAssertionCredentialOptions{ClientOptions: azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: "https://" + s.AuthorityHost + "/"},
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Transport: client,
	}}
	credential, err := azidentity.NewClientAssertionCredential(s.TenantID, s.ClientID, assertion, options)
	if err != nil {
		return "", time.Time{}, err
	}
	got, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{s.Scope}})
	if err != nil {
		return "", time.Time{}, err
	}
	if strings.TrimSpace(got.Token) == "" {
		return "", time.Time{}, errors.New("the answer holds no access token")
	}
	return got.Token, got.ExpiresOn, nil
}
