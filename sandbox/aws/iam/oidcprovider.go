package iam

import (
	"net/http"
	"net/url"
	"strings"

	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/state"
)

// The quotas of an OIDC provider:
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html
const (
	maxClientIDs   = 100
	maxThumbprints = 5
)

// OIDCProvider is an IAM OIDC identity provider. Its URL is without https://, as IAM
// shows it and as condition keys and the ARN have it.
type OIDCProvider struct {
	Account string `json:"account"`
	ARN     string `json:"arn"`
	OIDCSettings
}

// OIDCSettings are what CreateOIDCProvider takes. The json names are those of the
// Pulumi type's properties.
type OIDCSettings struct {
	// URL is the issuer, an https URL without port and query.
	URL string `json:"url"`
	// ClientIDs are the audiences that are accepted.
	ClientIDs []string `json:"clientIdLists"`
	// Thumbprints are kept and never compared: AWS trusts the issuer's
	// certificate authority where it knows it
	// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html).
	Thumbprints []string          `json:"thumbprintLists"`
	Tags        map[string]string `json:"tags,omitempty"`
}

func (a *Account) providerARN(issuer string) string {
	return a.arn("oidc-provider/" + strings.TrimPrefix(issuer, "https://"))
}

// CreateOIDCProvider makes an OIDC provider.
func (a *Account) CreateOIDCProvider(settings OIDCSettings) (_ OIDCProvider, err error) {
	defer api.During("CreateOpenIDConnectProvider", &err)
	if err := checkProvider(settings); err != nil {
		return OIDCProvider{}, err
	}
	provider := OIDCProvider{Account: a.ID, ARN: a.providerARN(settings.URL)}
	provider.set(settings)
	return provider, state.Add(a.cloud.store, contents.providers, provider.ARN, provider,
		alreadyExists("Provider with url %s already exists.", settings.URL))
}

func (p *OIDCProvider) set(settings OIDCSettings) {
	p.OIDCSettings = settings
	p.URL = strings.TrimPrefix(settings.URL, "https://")
	p.ClientIDs, p.Thumbprints = sorted(settings.ClientIDs), sorted(settings.Thumbprints)
}

func (held contents) providers() map[string]OIDCProvider { return held.Providers }

func checkProvider(settings OIDCSettings) error {
	var c fault.Checker
	c.Text("url", settings.URL, 1, 255, nil)
	for _, id := range settings.ClientIDs {
		c.Text("clientIDList.member", id, 1, 255, nil)
	}
	for _, thumbprint := range settings.Thumbprints {
		c.Text("thumbprintList.member", thumbprint, 40, 40, thumbprintForm)
	}
	if err := c.Err(); err != nil {
		return err
	}
	issuer, err := url.Parse(settings.URL)
	if err != nil || issuer.Scheme != "https" || issuer.Host == "" || issuer.Port() != "" || issuer.RawQuery != "" || issuer.Fragment != "" {
		return fault.Refuse(http.StatusBadRequest, InvalidInput,
			"Invalid Open ID Connect Provider URL (%q: want an https URL without port and query)", settings.URL)
	}
	switch {
	case len(settings.ClientIDs) > maxClientIDs:
		return limitExceeded("Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: %d", maxClientIDs)
	case len(settings.Thumbprints) > maxThumbprints:
		return invalid("Thumbprint list must contain fewer than %d entries.", maxThumbprints+1)
	}
	return nil
}

// OIDCProvider finds a provider of the account by its ARN.
func (a *Account) OIDCProvider(arn string) (_ OIDCProvider, err error) {
	defer api.During("GetOpenIDConnectProvider", &err)
	provider, found := a.cloud.store.Read().Providers[arn]
	if !found || provider.Account != a.ID {
		return OIDCProvider{}, noProvider(arn)
	}
	return provider, nil
}

// Trusted finds the provider of the account for an issuer.
func (a *Account) Trusted(issuer string) (OIDCProvider, bool) {
	if !strings.HasPrefix(issuer, "https://") {
		return OIDCProvider{}, false
	}
	provider, err := a.OIDCProvider(a.providerARN(issuer))
	return provider, err == nil
}

// UpdateOIDCProvider sets client IDs, thumbprints and tags; the URL stays.
func (a *Account) UpdateOIDCProvider(arn string, settings OIDCSettings) (_ OIDCProvider, err error) {
	defer api.During("UpdateOpenIDConnectProvider", &err)
	return state.Edit(a.cloud.store, contents.providers, arn, noProvider(arn), func(_ contents, p *OIDCProvider) error {
		if p.Account != a.ID {
			return noProvider(arn)
		}
		settings.URL = "https://" + p.URL
		p.set(settings)
		return checkProvider(settings)
	})
}

// DeleteOIDCProvider deletes a provider. Roles that trust it stay as they are.
func (a *Account) DeleteOIDCProvider(arn string) (err error) {
	defer api.During("DeleteOpenIDConnectProvider", &err)
	if _, err := a.OIDCProvider(arn); err != nil {
		return noProvider(arn)
	}
	return state.Remove(a.cloud.store, contents.providers, arn, noProvider(arn))
}

func noProvider(arn string) error {
	return noSuchEntity("OpenIDConnect Provider not found for arn %s", arn)
}
