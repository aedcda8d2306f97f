package azure

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"waybill.example/waybill/sandbox/state"
)

// MaxCredentials is how many federated credentials one identity holds at most
// (docs/facts.md §2).
const MaxCredentials = 20

// maxCredentialValue is the longest issuer, subject or audience, in characters:
// https://learn.microsoft.com/graph/api/resources/federatedidentitycredential
const maxCredentialValue = 600

// Credential is a federated identity credential: whose tokens may become the identity.
// The json names are those of the Pulumi type's properties.
type Credential struct {
	Name string `json:"name"`
	// Issuer and Subject are compared exactly with the token's, case and
	// trailing slash included (docs/facts.md §7).
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
	// Audiences has exactly one element.
	Audiences []string `json:"audiences"`
}

// namePattern is the naming rule of docs/facts.md §2, 3 to 120 characters.
const namePattern = `^[a-zA-Z0-9]{1}[a-zA-Z0-9-_]{2,119}$`

var credentialName = regexp.MustCompile(namePattern)

func credentialID(identity, name string) string {
	return identity + "/federatedIdentityCredentials/" + name
}

// getCredential finds a credential of an identity.
func (c *Client) getCredential(group, identity, name string) (Credential, error) {
	parent, err := c.getIdentity(group, identity)
	if err != nil {
		return Credential{}, err
	}
	if at := parent.find(name); at >= 0 {
		return parent.Credentials[at], nil
	}
	return Credential{}, resourceNotFound(credentialKind, identity+"/"+name, group)
}

// find returns the position of a credential, or -1.
func (i Identity) find(name string) int {
	return slices.IndexFunc(i.Credentials, func(c Credential) bool { return strings.EqualFold(c.Name, name) })
}

func (held contents) identities() map[string]Identity { return held.Identities }

// putCredential creates a credential or changes one in place.
func (c *Client) putCredential(ctx context.Context, group, identity string, credential Credential) error {
	if err := checkCredential(credential); err != nil {
		return err
	}
	missing := parentNotFound(credentialKind, identityID(c.subscription, group, identity))
	return c.editCredentials(ctx, group, identity, missing, func(owner *Identity) error {
		if c.cloud.fresh.Missing(key(owner.ID()), credential.Name, time.Now()) {
			return missing
		}
		at := owner.find(credential.Name)
		for n, other := range owner.Credentials {
			if n != at && other.Issuer == credential.Issuer && other.Subject == credential.Subject {
				return &Error{http.StatusConflict, "Conflict", "Issuer and subject combination already exists for this Managed Identity."}
			}
		}
		switch {
		case at >= 0:
			owner.Credentials[at] = credential
		case len(owner.Credentials) == MaxCredentials:
			// The limit is documented, the code of the refusal is not.
			return &Error{http.StatusConflict, "FederatedIdentityCredentialsLimitExceeded", fmt.Sprintf(
				"The managed identity '%s' has %d federated identity credentials, the most that an identity can have.", owner.ID(), MaxCredentials)}
		default:
			owner.Credentials = append(owner.Credentials, credential)
		}
		return nil
	})
}

// deleteCredential deletes a credential; one that is gone is no error.
func (c *Client) deleteCredential(ctx context.Context, group, identity, name string) error {
	missing := resourceNotFound(identityKind, identity, group)
	return c.editCredentials(ctx, group, identity, missing, func(owner *Identity) error {
		owner.Credentials = slices.DeleteFunc(owner.Credentials, func(c Credential) bool { return strings.EqualFold(c.Name, name) })
		return nil
	})
}

// editCredentials is one write to the credentials of an identity. A second one at the
// same time is refused.
func (c *Client) editCredentials(ctx context.Context, group, identity string, missing error, edit func(*Identity) error) error {
	if _, _, err := c.group(group); err != nil {
		return err
	}
	parent := identityID(c.subscription, group, identity)
	return c.cloud.exclusively(ctx, parent, func() error {
		_, err := state.Edit(c.cloud.store, contents.identities, key(parent), missing, func(_ contents, owner *Identity) error { return edit(owner) })
		return err
	})
}

// checkCredential applies the rules of docs/facts.md §2 and of
// https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations:
// one audience, no wildcards, an https issuer. Their wording beyond the first
// message is not published.
func checkCredential(credential Credential) error {
	if credential.Issuer == "" || credential.Subject == "" || len(credential.Audiences) == 0 || credential.Audiences[0] == "" {
		return badRequest("The request format was unexpected. Federated Identity Credential must specify 'issuer', 'subject' and 'audience'.")
	}
	if !credentialName.MatchString(credential.Name) {
		return badRequest("The federated identity credential name '%s' is invalid: it has 3 to 120 letters, digits, hyphens and underscores, and starts with a letter or digit.", credential.Name)
	}
	if len(credential.Audiences) > 1 {
		return badRequest("The federated identity credential '%s' has %d audiences: exactly one is supported.", credential.Name, len(credential.Audiences))
	}
	for _, property := range []struct{ name, value string }{
		{"issuer", credential.Issuer}, {"subject", credential.Subject}, {"audience", credential.Audiences[0]},
	} {
		if strings.Contains(property.value, "*") {
			return badRequest("The federated identity credential %s '%s' is invalid: wildcard characters are not supported.", property.name, property.value)
		}
		if len([]rune(property.value)) > maxCredentialValue {
			return badRequest("The federated identity credential %s has %d characters: at most %d are supported.",
				property.name, len([]rune(property.value)), maxCredentialValue)
		}
	}
	issuer, err := url.Parse(credential.Issuer)
	if err != nil || issuer.Scheme != "https" || issuer.Host == "" {
		return badRequest("The federated identity credential issuer '%s' is invalid: it must be an https URL.", credential.Issuer)
	}
	return nil
}
