package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"

	"waybill.example/waybill/sandbox/world"
)

// testCase is one thing changed, and who must refuse it in what words
// (docs/facts.md §5 and §8).
type testCase struct {
	name, hop string
	words     *regexp.Regexp
	run       func(context.Context) error
}

// Families of words, each of one hop.
var (
	entraSubject   = regexp.MustCompile(`AADSTS70021(3|:)`)
	entraAudience  = regexp.MustCompile(`AADSTS70021[24]`)
	entraIssuer    = regexp.MustCompile(`AADSTS(700211|90061|501661)`)
	entraSignature = regexp.MustCompile(`AADSTS(7000272|700027|5002738|50027)`)
	entraTime      = regexp.MustCompile(`AADSTS700024`)
	stsIssuer      = regexp.MustCompile(`The issuer in ID Token .* does not match the expected ones`)
	stsAudience    = regexp.MustCompile(`The audience in ID Token .* does not match`)
	stsCondition   = regexp.MustCompile(`rejected by the attribute condition`)
	stsTarget      = regexp.MustCompile(`invalid_target`)
	stsSubject     = regexp.MustCompile(`google\.subject`)
	registryRead   = regexp.MustCompile(`artifactregistry\.repositories\.downloadArtifacts.* denied`)
	registryPush   = regexp.MustCompile(`artifactregistry\.repositories\.uploadArtifacts.* denied`)
)

// Refusals walks every case and reports each as it ended.
func (r *Rehearsal) Refusals(ctx context.Context, report func(Refusal)) error {
	cases, err := r.cases(ctx)
	if err != nil {
		return err
	}
	for _, c := range cases {
		refusal := Refusal{Case: c.name, Want: c.hop}
		err := c.run(ctx)
		var by *refused
		switch {
		case errors.As(err, &by):
			refusal.Hop, refusal.Error = by.hop, by.words
			refusal.OK = by.hop == c.hop && c.words.MatchString(by.words)
		case err != nil:
			return fmt.Errorf("rehearsal: case %q: %w", c.name, err)
		}
		report(refusal)
	}
	return nil
}

func (r *Rehearsal) cases(ctx context.Context) ([]testCase, error) {
	if r.amazon != nil {
		return r.amazon.cases()
	}
	identity, err := r.identityCases(ctx)
	if err != nil {
		return nil, err
	}
	all := append(r.assertionCases(), identity...)
	all = append(all, r.grantCases()...)
	all = append(append(all, r.clusterCases()...), r.admissionCases()...)
	return append(all, testCase{"a tampered credential configuration", hopKubernetes, regexp.MustCompile(`token_url`), r.tamperedConfiguration}), nil
}

// vary walks with the variation.
func (r *Rehearsal) vary(v variation) func(context.Context) error {
	return func(ctx context.Context) error { return r.walk(ctx, v) }
}

// assertionCases change the token that goes to Entra.
func (r *Rehearsal) assertionCases() []testCase {
	apiServer, wrong := "", "api://AzureADTokenExchangeWrong"
	return []testCase{
		{"another ServiceAccount", hopEntra, entraSubject, r.vary(variation{account: "default"})},
		{"the product's own ServiceAccount", hopEntra, entraSubject,
			r.vary(variation{account: r.chain.deployment.Spec.Template.Spec.ServiceAccountName})},
		{"the same ServiceAccount in another namespace", hopEntra, entraSubject, func(ctx context.Context) error {
			return r.inAnotherNamespace(ctx, func(namespace string) error { return r.walk(ctx, variation{namespace: namespace}) })
		}},
		{"another cluster's issuer", hopEntra, entraIssuer, r.vary(variation{assertion: anotherIssuer})},
		{"a wrong audience", hopEntra, entraAudience, r.vary(variation{audience: &wrong})},
		{"the default API token", hopEntra, entraAudience, r.vary(variation{audience: &apiServer})},
		{"an expired token", hopEntra, entraTime, r.vary(variation{assertion: r.expired})},
		{"a token signed with another key", hopEntra, entraSignature, r.vary(variation{assertion: anotherKey})},
		{"a token with algorithm none", hopEntra, entraSignature, r.vary(variation{assertion: unsigned})},
		{"a token signed with HS256", hopEntra, entraSignature, r.vary(variation{assertion: r.symmetric})},
	}
}

// identityCases bring Entra's tokens of somebody else, or of another kind.
func (r *Rehearsal) identityCases(context.Context) ([]testCase, error) {
	c := r.chain
	own, other, err := r.neighbours()
	if err != nil {
		return nil, err
	}
	mint := func(tenantID string, changes map[string]any) func() (string, error) {
		return func() (string, error) {
			claims, err := r.config.Entra.Claims(c.tenantID, c.clientID, c.environment["WAYBILL_ENTRA_SCOPE"])
			if err != nil {
				return "", err
			}
			claims = maps.Clone(claims)
			maps.Copy(claims, changes)
			return r.config.Entra.MintUnchecked(tenantID, claims)
		}
	}
	host := strings.TrimSuffix(c.environment["AZURE_AUTHORITY_HOST"], "/")
	return []testCase{
		{"another tenant's token with this identity's IDs", hopSTS, stsIssuer, r.vary(variation{subjectToken: mint(other.tenantID, map[string]any{
			"iss": host + "/" + other.tenantID + "/v2.0", "tid": other.tenantID})})},
		{"another customer's identity against this pool", hopSTS, stsIssuer, r.vary(variation{tenantID: other.tenantID, clientID: other.clientID})},
		{"another identity of the tenant", hopSTS, stsCondition, r.vary(variation{clientID: own.clientID})},
		{"the same azp with another sub", hopSTS, stsCondition, r.vary(variation{subjectToken: mint(c.tenantID, map[string]any{"sub": own.principalID})})},
		{"the same sub with another azp", hopSTS, stsCondition, r.vary(variation{subjectToken: mint(c.tenantID, map[string]any{"azp": own.clientID})})},
		{"an Entra token for another audience", hopSTS, stsAudience, r.vary(variation{subjectToken: mint(c.tenantID, map[string]any{"aud": "https://management.azure.com"})})},
		{"an Entra token of version 1", hopSTS, stsIssuer, r.vary(variation{subjectToken: mint(c.tenantID, map[string]any{
			"iss": "https://sts.windows.net/" + c.tenantID + "/", "ver": "1.0", "appid": c.clientID})})},
		{"a subject of more than 127 bytes", hopSTS, stsSubject, r.vary(variation{subjectToken: mint(c.tenantID, map[string]any{"sub": strings.Repeat("s", 128)})})},
	}, nil
}

// grantCases change what is asked of Google.
func (r *Rehearsal) grantCases() []testCase {
	project, _, _ := strings.Cut(r.chain.repository, "/")
	return []testCase{
		{"the project's ID in place of its number", hopSTS, stsTarget, r.vary(variation{stsProject: project})},
		{"skipping the impersonation", hopRegistry, registryRead, r.vary(variation{skipImpersonation: true})},
		{"another customer's repository", hopRegistry, registryRead, func(ctx context.Context) error {
			image, err := r.neighboursImage()
			if err != nil {
				return err
			}
			return r.walk(ctx, variation{repository: image})
		}},
		{"a push", hopRegistry, registryPush, r.vary(variation{push: true})},
	}
}

// neighbour is somebody else's app registration.
type neighbour struct {
	tenantID, clientID, principalID string
}

// neighbours are an app registration of the customer's own tenant and one of
// another tenant, whose credentials trust the refresher as well: they are
// refused for who they are and not for lack of a token.
func (r *Rehearsal) neighbours() (own, other neighbour, err error) {
	for _, tenant := range r.config.World.Azure.Tenants {
		for _, application := range tenant.Applications {
			found := neighbour{tenant.ID, application.ClientID, application.PrincipalID}
			if tenant.ID == r.chain.tenantID {
				own = found
			} else {
				other = found
			}
		}
	}
	if own.clientID == "" || other.clientID == "" {
		return own, other, errors.New("rehearsal: the world needs an app registration in the customer's tenant and one in another tenant, both trusting the refresher")
	}
	return own, other, nil
}

// neighboursImage is an image of another repository of the vendor's.
func (r *Rehearsal) neighboursImage() (string, error) {
	location := strings.TrimSuffix(r.chain.registry, "-docker.pkg.dev")
	project, own, _ := strings.Cut(r.chain.repository, "/")
	for _, p := range r.config.World.GCP.Projects {
		if p.ID != project {
			continue
		}
		i := indexRepository(p.Repositories, location, own)
		if i >= 0 {
			repository := p.Repositories[i]
			return r.chain.registry + "/" + project + "/" + repository.Name + "/" + repository.Images[0], nil
		}
	}
	return "", fmt.Errorf("rehearsal: the world needs another repository with an image in %s of project %s", location, project)
}

func indexRepository(all []world.Repository, location, not string) int {
	for i, repository := range all {
		if repository.Location == location && repository.Name != not && len(repository.Images) > 0 {
			return i
		}
	}
	return -1
}
