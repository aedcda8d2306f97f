package rehearsal

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"

	"waybill.example/waybill/sandbox/gcp"
	"waybill.example/waybill/sandbox/googleapis"
)

// Families of words of Google Cloud, each of one hop.
var (
	stsIssuer    = regexp.MustCompile(`The issuer in ID Token .* does not match the expected ones`)
	stsAudience  = regexp.MustCompile(`The audience in ID Token .* does not match`)
	stsCondition = regexp.MustCompile(`rejected by the attribute condition`)
	stsSignature = regexp.MustCompile(`(The signature of the ID Token is invalid|The ID Token is signed with|Unable to parse the ID Token)`)
	stsTime      = regexp.MustCompile(`ID Token issued at .* is stale`)
	stsTarget    = regexp.MustCompile(`invalid_target`)
	stsSubject   = regexp.MustCompile(`google\.subject`)
	iamToken     = regexp.MustCompile(`'iam\.serviceAccounts\.getAccessToken' denied`)
	iamSign      = regexp.MustCompile(`'iam\.serviceAccounts\.sign(Jwt|Blob)' denied`)
)

// Google is Google Cloud as a rehearsal meets it.
type Google struct {
	// Cloud holds what is deployed. Cases that need the cloud to be another for
	// a moment change it and put it back.
	Cloud *gcp.Cloud
	// Tokens mints access tokens of service accounts that no honest client could
	// become.
	Tokens *googleapis.Tokens
}

// google is a chain's way through a workload identity pool and a service account
// to Artifact Registry.
type google struct {
	*chain
	projectNumber, pool, provider, recipient string
}

func newGoogle(c *chain, e *environment) *google {
	return &google{
		chain: c, projectNumber: e.text("accessGrant.projectNumber"), pool: e.text("accessGrant.pool"),
		provider: e.text("accessGrant.provider"), recipient: e.text("accessGrant.serviceAccount"),
	}
}

// asked is what is asked of Google and its registry: what it does not set is as
// deployed.
type asked struct {
	// project stands in for the project's number.
	project string
	// change makes the federated token somebody else's.
	change func(*googleapis.Principal)
	// call is the method of the service account's API; empty means generateAccessToken.
	call string
	// skipImpersonation goes to the registry with the federated token.
	skipImpersonation bool
	// image and do say what is asked of the registry; empty means to pull the
	// product's image.
	image, do string
}

// redeem goes from a subject token to the registry; nil if nobody refuses.
func (g *google) redeem(ctx context.Context, token string, what asked) error {
	token, err := g.exchange(ctx, token, cmp.Or(what.project, g.projectNumber))
	if err != nil {
		return err
	}
	if what.change != nil {
		principal, err := g.Google.Tokens.Open(token)
		if err != nil {
			return err
		}
		what.change(&principal)
		if token, err = g.Google.Tokens.Mint(principal); err != nil {
			return err
		}
	}
	if !what.skipImpersonation {
		if token, err = g.impersonate(ctx, token, cmp.Or(what.call, "generateAccessToken")); err != nil {
			return err
		}
	}
	return g.registryRequest(ctx, accessToken(token), what.image, what.do)
}

// accessToken is a login to Artifact Registry.
func accessToken(token string) *authn.Basic {
	return &authn.Basic{Username: "oauth2accesstoken", Password: token}
}

// poolName is the pool's resource name; project is its number, or stands in for it.
func (g *google) poolName(project string) string {
	return fmt.Sprintf("iam.googleapis.com/projects/%s/locations/global/workloadIdentityPools/%s", project, g.pool)
}

// exchange gives a subject token to Google's Security Token Service.
// https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
func (g *google) exchange(ctx context.Context, token, project string) (string, error) {
	var answer struct {
		AccessToken string `json:"access_token"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	ok, err := g.post(ctx, "https://sts.googleapis.com/v1/token", url.Values{
		"grant_type":           {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"requested_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
		"subject_token_type":   {"urn:ietf:params:oauth:token-type:jwt"},
		"scope":                {googleapis.CloudPlatform},
		"audience":             {"//" + g.poolName(project) + "/providers/" + g.provider},
		"subject_token":        {token},
	}, &answer)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", &refused{hopSTS, answer.Error + ": " + firstLine(answer.Description)}
	}
	return answer.AccessToken, nil
}

// impersonate calls a method of the vendor's service account: a token is the
// answer of generateAccessToken.
// https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
func (g *google) impersonate(ctx context.Context, token, call string) (string, error) {
	body, err := json.Marshal(map[string]any{"scope": []string{googleapis.CloudPlatform}})
	if err != nil {
		return "", err
	}
	endpoint := "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/" + g.recipient + ":" + call
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	var answer struct {
		AccessToken string `json:"accessToken"`
		Error       struct {
			Message string `json:"message"`
			Status  string `json:"status"`
		} `json:"error"`
	}
	ok, err := g.do(request, &answer)
	if err != nil {
		return "", err
	}
	switch {
	case answer.Error.Status == "UNIMPLEMENTED": // by the sandbox, which asks for the permission first
		return "", allowed("it may call " + call)
	case !ok:
		return "", &refused{hopIAM, firstLine(answer.Error.Message)}
	}
	return answer.AccessToken, nil
}

// grantCases change what is asked of Google, with the token that is shown in
// production.
func (g *google) grantCases(try func(context.Context, asked) error) []testCase {
	with := func(what asked) func(context.Context) error {
		return func(ctx context.Context) error { return try(ctx, what) }
	}
	_, project, _ := g.artifactRepository()
	return append([]testCase{
		{"the project's ID in place of its number", hopSTS, stsTarget, with(asked{project: project})},
		{"skipping the impersonation", hopRegistry, registryRead, with(asked{skipImpersonation: true})},
		{"another customer's repository", hopRegistry, registryRead, func(ctx context.Context) error {
			image, err := g.neighboursImage()
			if err != nil {
				return err
			}
			return try(ctx, asked{image: image})
		}},
		{"another subject of the pool", hopIAM, iamToken, with(asked{change: func(principal *googleapis.Principal) {
			principal.Federated = slices.Clone(principal.Federated)
			principal.Federated[0] += ofAnother // the subject's; the others mean the pool, and what both have in common
		}})},
		{"a signature of the service account", hopIAM, iamSign, func(ctx context.Context) error {
			err := try(ctx, asked{call: "signJwt"})
			if isAllowed(err) {
				return err
			}
			return try(ctx, asked{call: "signBlob"})
		}},
		{"any other right on the service account", hopIAM, anyWords, g.otherRights},
		{"a push", hopRegistry, registryPush, with(asked{do: doPush})},
		{"a deletion", hopRegistry, registryDelete, with(asked{do: doDelete})},
		{"a token for another audience that the provider lists", hopSTS, anyWords, g.otherAudiences},
	}, append(g.rightCases(func(ctx context.Context, run func() error) error { return g.withoutReader(ctx, g.recipient, run) }), g.readerCases()...)...)
}

// otherAudiences wants the provider to take tokens for one audience alone.
func (g *google) otherAudiences(context.Context) error {
	provider, exists := g.Google.Cloud.PoolProvider(g.projectNumber, g.pool, g.provider)
	if !exists {
		return fmt.Errorf("rehearsal: the provider %s of the output accessGrant does not exist", g.provider)
	}
	if audiences := provider.AllowedAudiences; len(audiences) > 1 {
		return allowed(fmt.Sprintf("the provider takes tokens for any of %q", audiences))
	}
	return &refused{hopSTS, "the provider takes tokens for one audience"}
}

// otherRights looks for whoever may do more with the service account than become
// it, and for members that are not one subject of the pool.
func (g *google) otherRights(context.Context) error {
	account, exists := g.Google.Cloud.Account(g.recipient)
	if !exists {
		return fmt.Errorf("rehearsal: the service account %s of the output accessGrant does not exist", g.recipient)
	}
	for _, binding := range account.Policy.Bindings {
		for _, member := range binding.Members {
			if binding.Role != "roles/iam.workloadIdentityUser" || !strings.HasPrefix(member, "principal://"+g.poolName(g.projectNumber)+"/subject/") {
				return allowed(member + " has " + binding.Role)
			}
		}
	}
	return &refused{hopIAM, "its policy has nothing but roles/iam.workloadIdentityUser for subjects of the pool"}
}

// hygieneCases try the refresher's reach in its cluster, and its configuration.
func (g *google) hygieneCases() []testCase {
	return append(append(g.clusterCases(), g.productCases()...),
		testCase{"a tampered credential configuration", hopKubernetes, regexp.MustCompile(`token_url`), g.tamperedConfiguration})
}
