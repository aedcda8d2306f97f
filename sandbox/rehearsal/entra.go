package rehearsal

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/url"
	"regexp"
	"strings"
)

// Families of words of Entra.
var (
	entraSubject   = regexp.MustCompile(`AADSTS70021(3|:)`)
	entraAudience  = regexp.MustCompile(`AADSTS70021[24]`)
	entraIssuer    = regexp.MustCompile(`AADSTS(700211|90061|501661)`)
	entraSignature = regexp.MustCompile(`AADSTS(7000272|700027|5002738|50027)`)
	entraTime      = regexp.MustCompile(`AADSTS700024`)
	// entraMatch is for a token of which nothing is wrong but whose it is.
	entraMatch = regexp.MustCompile(`AADSTS70021(1|3|:)`)
)

// viaEntra is a chain whose ServiceAccount becomes an identity of Entra, which
// Google trusts.
type viaEntra struct {
	*google
	tenantID, clientID, principalID string
}

func readEntra(c *chain, e *environment) way {
	return &viaEntra{
		google: newGoogle(c, e), tenantID: e.text("accessRequest.tenantId"),
		clientID: e.text("accessRequest.clientId"), principalID: e.text("accessRequest.principalId"),
	}
}

func (v *viaEntra) walk(ctx context.Context, report func(Hop)) error {
	return v.walkRefresher(ctx, report, hopEntra, hopSTS, hopIAM)
}

// entraVariation is one walk: what it does not set is as deployed.
type entraVariation struct {
	start
	asked
	// tenantID and clientID of the request to Entra.
	tenantID, clientID string
	// entraToken stands in for Entra's token.
	entraToken func() (string, error)
}

// vary walks with the variation.
func (v *viaEntra) vary(with entraVariation) func(context.Context) error {
	return func(ctx context.Context) error { return v.try(ctx, with) }
}

// try goes hop by hop until one refuses; nil if none does.
func (v *viaEntra) try(ctx context.Context, with entraVariation) error {
	token, err := v.token(ctx, with)
	if err != nil {
		return err
	}
	return v.redeem(ctx, token, with.asked)
}

// token is Entra's for the ServiceAccount's.
func (v *viaEntra) token(ctx context.Context, with entraVariation) (string, error) {
	if with.entraToken != nil {
		return with.entraToken()
	}
	assertion, err := v.subjectToken(ctx, with.start)
	if err != nil {
		return "", err
	}
	return v.askEntra(ctx, entraRequest{
		authority: v.variables["AZURE_AUTHORITY_HOST"], scope: v.variables["WAYBILL_ENTRA_SCOPE"],
		tenantID: cmp.Or(with.tenantID, v.tenantID), clientID: cmp.Or(with.clientID, v.clientID),
	}, assertion)
}

// entraRequest says of which authority, ending in a slash, a token for which
// scope is asked for, and as whom.
type entraRequest struct {
	authority, scope, tenantID, clientID string
}

// askEntra gives a ServiceAccount token for Entra's.
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
func (s *setting) askEntra(ctx context.Context, r entraRequest, assertion string) (string, error) {
	var answer struct {
		AccessToken string `json:"access_token"`
		Description string `json:"error_description"`
	}
	ok, err := s.post(ctx, r.authority+r.tenantID+"/oauth2/v2.0/token", url.Values{
		"grant_type":            {"client_credentials"},
		"client_id":             {r.clientID},
		"scope":                 {r.scope},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion},
	}, &answer)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", &refused{hopEntra, firstLine(answer.Description)}
	}
	return answer.AccessToken, nil
}

func (v *viaEntra) cases() ([]testCase, error) {
	identity, err := v.identityCases()
	if err != nil {
		return nil, err
	}
	all := append(v.assertionCases(), identity...)
	all = append(all, v.grantCases(func(ctx context.Context, what asked) error { return v.try(ctx, entraVariation{asked: what}) })...)
	return append(all, v.hygieneCases()...), nil
}

// assertionCases change the token that goes to Entra.
func (v *viaEntra) assertionCases() []testCase {
	return v.tokenCases(hopEntra, "api://AzureADTokenExchangeWrong",
		tokenWords{subject: entraSubject, issuer: entraIssuer, audience: entraAudience, time: entraTime, signature: entraSignature},
		func(ctx context.Context, s start) error { return v.try(ctx, entraVariation{start: s}) })
}

// identityCases bring Entra's tokens of somebody else, or of another kind.
func (v *viaEntra) identityCases() ([]testCase, error) {
	own, other, err := v.neighbours()
	if err != nil {
		return nil, err
	}
	mint := func(tenantID string, changes map[string]any) func(context.Context) error {
		return v.vary(entraVariation{entraToken: func() (string, error) {
			claims, err := v.Entra.Claims(v.tenantID, v.clientID, v.variables["WAYBILL_ENTRA_SCOPE"])
			if err != nil {
				return "", err
			}
			claims = maps.Clone(claims)
			maps.Copy(claims, changes)
			return v.Entra.MintUnchecked(tenantID, claims)
		}})
	}
	host := strings.TrimSuffix(v.variables["AZURE_AUTHORITY_HOST"], "/")
	return []testCase{
		{"another tenant's token with this identity's IDs", hopSTS, stsIssuer, mint(other.tenantID, map[string]any{
			"iss": host + "/" + other.tenantID + "/v2.0", "tid": other.tenantID})},
		{"another customer's identity against this pool", hopSTS, stsIssuer, v.vary(entraVariation{tenantID: other.tenantID, clientID: other.clientID})},
		{"another identity of the tenant", hopSTS, stsCondition, v.vary(entraVariation{clientID: own.clientID})},
		{"the same azp with another sub", hopSTS, stsCondition, mint(v.tenantID, map[string]any{"sub": own.principalID})},
		{"the same sub with another azp", hopSTS, stsCondition, mint(v.tenantID, map[string]any{"azp": own.clientID})},
		{"an Entra token for another audience", hopSTS, stsAudience, mint(v.tenantID, map[string]any{"aud": "https://management.azure.com"})},
		{"an Entra token of version 1", hopSTS, stsIssuer, mint(v.tenantID, map[string]any{
			"iss": "https://sts.windows.net/" + v.tenantID + "/", "ver": "1.0", "appid": v.clientID})},
		{"a subject of more than 127 bytes", hopSTS, stsSubject, mint(v.tenantID, map[string]any{"sub": strings.Repeat("s", 128)})},
	}, nil
}

// intrusions are another environment's ServiceAccount asking for this identity,
// and its identity at this provider. Two environments that the customer gave the
// same identity are one to Entra and to Google: there is nothing to refuse.
func (v *viaEntra) intrusions(other way) []testCase {
	o, ok := other.(*viaEntra)
	if !ok || o.clientID == v.clientID {
		return nil
	}
	name := cmp.Or(o.environment, defaultEnvironment)
	return []testCase{
		{"the ServiceAccount of environment " + name, hopEntra, entraMatch, v.vary(entraVariation{start: start{of: o.chain}})},
		{"the identity of environment " + name, hopSTS, stsCondition, func(ctx context.Context) error {
			token, err := o.token(ctx, entraVariation{})
			if err != nil {
				return err
			}
			return v.redeem(ctx, token, asked{})
		}},
	}
}

// neighbour is somebody else's app registration.
type neighbour struct {
	tenantID, clientID, principalID string
}

// neighbours are an app registration of the customer's own tenant and one of
// another tenant, whose credentials trust the refresher as well: they are
// refused for who they are and not for lack of a token.
func (v *viaEntra) neighbours() (own, other neighbour, err error) {
	for _, tenant := range v.World.Azure.Tenants {
		for _, application := range tenant.Applications {
			found := neighbour{tenant.ID, application.ClientID, application.PrincipalID}
			switch {
			case tenant.ID != v.tenantID:
				other = found
			case application.ClientID != v.clientID:
				own = found
			}
		}
	}
	if own.clientID == "" || other.clientID == "" {
		return own, other, errors.New("rehearsal: the world needs an app registration in the customer's tenant and one in another tenant, both trusting the refresher")
	}
	return own, other, nil
}
