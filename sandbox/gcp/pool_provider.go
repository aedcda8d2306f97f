package gcp

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"waybill.example/waybill/sandbox/provider"
	"waybill.example/waybill/sandbox/state"
)

// Limits of docs/facts.md §3. Lengths are in characters.
const (
	maxCondition  = 4096
	maxAudiences  = 10
	maxAudience   = 256
	maxKeys       = 8
	maxCustom     = 50
	maxExpression = 2048
	maxAttribute  = 100
)

// PoolProviderSettings are what a caller sets: whose tokens a pool takes, and what it
// makes of them.
type PoolProviderSettings struct {
	ID          string `json:"workloadIdentityPoolProviderId"`
	DisplayName string `json:"displayName,omitempty"`
	Description string `json:"description,omitempty"`
	Disabled    bool   `json:"disabled"`
	OIDC        `json:"oidc"`
	// Mapping maps attributes to CEL expressions over assertion.
	Mapping map[string]string `json:"attributeMapping"`
	// Condition is a CEL expression over assertion, google and attribute, or empty.
	Condition string `json:"attributeCondition,omitempty"`
}

// OIDC is the issuer that a provider trusts.
type OIDC struct {
	// IssuerURI is compared exactly with the token's issuer.
	IssuerURI string `json:"issuerUri"`
	// AllowedAudiences is empty where the provider's own name is the audience.
	AllowedAudiences []string `json:"allowedAudiences,omitempty"`
	// JWKS is a JSON key set that replaces the issuer's published one, or empty.
	JWKS string `json:"jwksJson,omitempty"`
}

// PoolProvider is a provider of a workload identity pool.
type PoolProvider struct {
	// Pool is the resource name of the pool.
	Pool string `json:"pool"`
	// Project and PoolID are how a program named the pool's project, and the pool.
	Project string `json:"-"`
	PoolID  string `json:"-"`
	PoolProviderSettings
	DeletedAt *time.Time `json:"deletedAt,omitempty"`
}

// Name is the resource name, with the project's number.
func (p PoolProvider) Name() string { return providerName(p.Pool, p.ID) }

// State says whether the provider can be used, if its pool can.
func (p PoolProvider) State() State { return stateOf(p.Disabled, p.DeletedAt) }

// Accepts says whether the provider takes tokens for this audience: one of the
// allowed ones, or, where none is set, the provider's full name with or without
// https: (docs/facts.md §7).
func (p PoolProvider) Accepts(audience string) bool {
	if len(p.AllowedAudiences) > 0 {
		return slices.Contains(p.AllowedAudiences, audience)
	}
	return strings.TrimPrefix(audience, "https:") == "//iam.googleapis.com/"+p.Name()
}

func providerName(pool, id string) string { return pool + "/providers/" + id }

func (c *Client) createPoolProvider(project, pool string, settings PoolProviderSettings) (PoolProvider, error) {
	holder, err := c.getPool(project, pool)
	if err != nil {
		return PoolProvider{}, err
	}
	if err := problems(append(checkPoolID(settings.ID), checkPoolProvider(settings)...)); err != nil {
		return PoolProvider{}, err
	}
	if c.cloud.fresh.Missing(holder.Name(), "provider "+settings.ID, c.cloud.now()) {
		return PoolProvider{}, notFound()
	}
	settings.JWKS = canonical(settings.JWKS)
	provider := PoolProvider{Pool: holder.Name(), Project: project, PoolID: pool, PoolProviderSettings: settings}
	err = c.cloud.store.Update(func(held *contents) error {
		if _, taken := c.cloud.poolProvider(*held, provider.Name()); taken {
			return alreadyExists()
		}
		held.Providers[provider.Name()] = provider
		return nil
	})
	return provider, err
}

// getPoolProvider finds a provider that is not deleted, in a pool that is not.
func (c *Client) getPoolProvider(project, pool, id string) (PoolProvider, error) {
	holder, err := c.getPool(project, pool)
	if err != nil {
		return PoolProvider{}, err
	}
	provider, found := c.cloud.PoolProvider(holder.ProjectNumber, pool, id)
	if !found || provider.State() == Deleted {
		return PoolProvider{}, notFound()
	}
	provider.Project, provider.PoolID = project, pool
	return provider, nil
}

func (c *Client) updatePoolProvider(project, pool string, change PoolProviderSettings) (PoolProvider, error) {
	provider, err := c.getPoolProvider(project, pool, change.ID)
	if err != nil {
		return PoolProvider{}, err
	}
	if err := problems(checkPoolProvider(change)); err != nil {
		return PoolProvider{}, err
	}
	change.JWKS = canonical(change.JWKS)
	provider.PoolProviderSettings = change
	return provider, state.Put(c.cloud.store, contents.providers, provider.Name(), provider)
}

func (c *Client) deletePoolProvider(project, pool, id string) error {
	provider, err := c.getPoolProvider(project, pool, id)
	if err != nil {
		return err
	}
	now := c.cloud.now().UTC()
	provider.DeletedAt = &now
	return state.Put(c.cloud.store, contents.providers, provider.Name(), provider)
}

// checkPoolProvider applies the limits of docs/facts.md §3 and of
// https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers
func checkPoolProvider(provider PoolProviderSettings) []string {
	messages := checkTexts(provider.DisplayName, provider.Description)
	messages = append(messages, checkIssuer(provider)...)
	messages = append(messages, checkMapping(provider.Mapping)...)
	return append(messages, checkCondition(provider)...)
}

func checkIssuer(provider PoolProviderSettings) []string {
	var messages []string
	report := func(format string, args ...any) { messages = append(messages, fmt.Sprintf(format, args...)) }
	if issuer, err := url.Parse(provider.IssuerURI); err != nil || issuer.Scheme != "https" || issuer.Host == "" {
		report("Invalid issuer URI %q: it must be a valid https URL", provider.IssuerURI)
	}
	if len(provider.AllowedAudiences) > maxAudiences {
		report("%d allowed audiences: at most %d may be configured", len(provider.AllowedAudiences), maxAudiences)
	}
	for _, audience := range provider.AllowedAudiences {
		if length := len([]rune(audience)); length == 0 || length > maxAudience {
			report("The allowed audience %q has %d characters: it must have 1 to %d", audience, length, maxAudience)
		}
	}
	if provider.JWKS != "" {
		if err := checkKeys(provider.JWKS); err != nil {
			report("Invalid JWKS: %v", err)
		}
	}
	return messages
}

// checkKeys applies
// https://cloud.google.com/iam/docs/workload-identity-federation-with-kubernetes
// and docs/facts.md §2: 8 keys, RSA for RS256 or EC on P-256 for ES256.
func checkKeys(text string) error {
	var set struct {
		Keys []struct {
			Kty string `json:"kty"`
			Kid string `json:"kid"`
			N   string `json:"n"`
			E   string `json:"e"`
			Crv string `json:"crv"`
			X   string `json:"x"`
			Y   string `json:"y"`
			D   string `json:"d"`
		} `json:"keys"`
	}
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return fmt.Errorf("it must be a JSON key set: %w", err)
	}
	if len(set.Keys) == 0 || len(set.Keys) > maxKeys {
		return fmt.Errorf("%d keys: it must hold 1 to %d", len(set.Keys), maxKeys)
	}
	for i, key := range set.Keys {
		rsa := key.Kty == "RSA" && key.N != "" && key.E != ""
		ec := key.Kty == "EC" && key.Crv == "P-256" && key.X != "" && key.Y != ""
		switch {
		case key.D != "":
			return fmt.Errorf("key %d (%q) holds a private key: only public keys may be uploaded", i, key.Kid)
		case !rsa && !ec:
			return fmt.Errorf("key %d (%q): it must be an RSA key with n and e, or an EC key on P-256 with x and y", i, key.Kid)
		}
	}
	return nil
}

// canonical is a key set as Google keeps it: without spaces, keys sorted. The
// provider compares texts, so that every other form differs for ever:
// https://github.com/hashicorp/terraform-provider-google/issues/23259
func canonical(text string) string {
	var set any
	if json.Unmarshal([]byte(text), &set) != nil {
		return text
	}
	rewritten, _ := json.Marshal(set) // what was JSON is JSON again
	return string(rewritten)
}

// sharedIssuers issue tokens for all their customers from one URL, so that
// Google wants a condition:
// https://cloud.google.com/iam/docs/workload-identity-federation-with-deployment-pipelines#conditions
var sharedIssuers = []string{
	"https://token.actions.githubusercontent.com", "https://gitlab.com", "https://app.terraform.io",
}

func checkCondition(provider PoolProviderSettings) []string {
	if provider.Condition == "" {
		if slices.Contains(sharedIssuers, strings.TrimSuffix(provider.IssuerURI, "/")) {
			return []string{"The attribute condition must reference one of the provider's claims. For more information, see https://cloud.google.com/iam/docs/workload-identity-federation-with-deployment-pipelines#conditions"}
		}
		return nil
	}
	if length := len([]rune(provider.Condition)); length > maxCondition {
		return []string{fmt.Sprintf("The attribute condition has %d characters: it must be less than or equal to %d", length, maxCondition)}
	}
	if _, err := compileCondition(provider.Condition); err != nil {
		return []string{fmt.Sprintf("Invalid attribute condition: %v", err)}
	}
	return nil
}

func checkMapping(mapping map[string]string) []string {
	var messages []string
	report := func(format string, args ...any) { messages = append(messages, fmt.Sprintf(format, args...)) }
	if mapping[subjectAttribute] == "" {
		report("The attribute mapping must include a mapping to the google.subject attribute")
	}
	custom := 0
	for _, name := range slices.Sorted(maps.Keys(mapping)) {
		switch {
		case name == "google.groups":
			report("Attribute mapping: %v", provider.NotModelled(name))
			continue
		case name == subjectAttribute:
		case customAttribute.MatchString(name):
			custom++
		default:
			report("Invalid mapped attribute key: %s. Custom mapped attributes must be in format 'attribute.{custom_attribute}', of at most %d characters [a-z0-9_]", name, maxAttribute)
			continue
		}
		expression := mapping[name]
		if length := len([]rune(expression)); length == 0 || length > maxExpression {
			report("The attribute mapping for %s has %d characters: it must have 1 to %d", name, length, maxExpression)
			continue
		}
		if _, err := compileMapping(expression); err != nil {
			report("Invalid attribute mapping for %s: %v", name, err)
		}
	}
	if custom > maxCustom {
		report("%d custom attributes are mapped: at most %d may be defined", custom, maxCustom)
	}
	return messages
}
