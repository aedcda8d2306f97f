package googleapis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"waybill.example/waybill/sandbox/gcp"
	"waybill.example/waybill/sandbox/state"
)

// MaxLifetime is how long an access token lives at most (docs/facts.md §3).
const MaxLifetime = time.Hour

// tokenPrefix begins Google's access tokens. The rest is opaque to clients.
const tokenPrefix = "ya29."

// Principal is whom an access token speaks for: a service account, a principal
// of a workload identity pool, or, with neither, nobody in particular.
type Principal struct {
	// Email names a service account; UniqueID tells it from one that had the
	// email before it.
	Email    string `json:"email,omitempty"`
	UniqueID string `json:"uniqueId,omitempty"`
	// PoolProject and Pool are the number of the project and the ID of the
	// pool of a federated principal.
	PoolProject string `json:"poolProject,omitempty"`
	Pool        string `json:"pool,omitempty"`
	// Federated are the members of IAM policies that mean a federated
	// principal: its subject, its groups and attributes, everybody in the pool.
	Federated []string `json:"federated,omitempty"`
	// Scopes are what the token may be used for, as URLs.
	Scopes []string `json:"scopes,omitempty"`
	// Expiry is when the token ends, in whole seconds.
	Expiry time.Time `json:"expiry"`
}

// Anonymous says whether the principal is nobody in particular.
func (p Principal) Anonymous() bool { return p.Email == "" && p.Pool == "" }

// Members returns the members of IAM policies that mean the principal.
// allAuthenticatedUsers leaves out identities of other providers:
// https://cloud.google.com/iam/docs/principals-overview#all-authenticated-users
func (p Principal) Members() []string {
	switch {
	case p.Email != "":
		return []string{"serviceAccount:" + p.Email, "allAuthenticatedUsers", "allUsers"}
	case p.Pool != "":
		return append(slices.Clone(p.Federated), "allUsers")
	default:
		return []string{"allUsers"}
	}
}

// Allows says whether the token has one of the scopes.
func (p Principal) Allows(scopes ...string) bool {
	return slices.ContainsFunc(p.Scopes, func(scope string) bool { return slices.Contains(scopes, scope) })
}

// Tokens makes and opens access tokens. A token holds its principal, encrypted
// and authenticated by a key on disk, so that it outlives the process.
type Tokens struct {
	cloud *gcp.Cloud
	now   func() time.Time
	seal  state.Seal
}

// OpenTokens reads the key at path, or makes it.
func OpenTokens(path string, cloud *gcp.Cloud, now func() time.Time) (*Tokens, error) {
	seal, err := state.OpenSeal(path)
	if err != nil {
		return nil, fmt.Errorf("googleapis: access tokens: %w", err)
	}
	return &Tokens{cloud: cloud, now: now, seal: seal}, nil
}

// Mint makes an access token for a principal without asking whether it may have
// one. The servers mint what they grant; tests and the cases that must be
// refused mint what they could not obtain.
func (t *Tokens) Mint(principal Principal) (string, error) {
	token, err := t.seal.Close(principal)
	return tokenPrefix + token, err
}

// MintAccount mints a token of the service account with this email.
func (t *Tokens) MintAccount(email string, scopes []string, lifetime time.Duration) (string, error) {
	account, found := t.cloud.Account(email)
	if !found {
		return "", fmt.Errorf("googleapis: mint: there is no service account %q", email)
	}
	return t.Mint(Principal{Email: email, UniqueID: account.UniqueID, Scopes: scopes, Expiry: t.expiry(lifetime)})
}

// User is the user whose password is an access token.
const User = "oauth2accesstoken"

// NodeLogin is the credential provider as nodes of Google Kubernetes Engine have it: for
// images of Artifact Registry, and for no others, the kubelet pulls with an access token
// of the nodes' service account, whichever project the repository is in
// (https://cloud.google.com/artifact-registry/docs/integrate-gke and
// https://github.com/kubernetes/cloud-provider-gcp/tree/master/cmd/auth-provider-gcp).
// ok is false for another image; an error is why the node gets no token. Nothing is
// cached, so that a role that is taken away counts at the next pull.
func (t *Tokens) NodeLogin(account, image string) (user, password string, ok bool, err error) {
	host, _, _ := strings.Cut(image, "/")
	location, isArtifactRegistry := strings.CutSuffix(host, "-docker.pkg.dev")
	if !isArtifactRegistry || !gcp.IsLocation(location) {
		return "", "", false, nil
	}
	token, err := t.MintAccount(account, []string{CloudPlatform}, MaxLifetime)
	return User, token, err == nil, err
}

func (t *Tokens) expiry(lifetime time.Duration) time.Time {
	return t.now().Add(lifetime).UTC().Truncate(time.Second)
}

// Open returns the principal of a token that counts now. Otherwise it returns an
// *Error of status UNAUTHENTICATED: for a token that is not one of these, is
// expired, is of an account that was disabled or deleted since, or of a pool
// that was. A provider that was disabled or deleted ends no token (docs/facts.md
// §3), and neither does a pool those of the service accounts that its
// principals became.
func (t *Tokens) Open(token string) (Principal, error) {
	var principal Principal
	text, found := strings.CutPrefix(token, tokenPrefix)
	switch {
	case !found || !t.seal.Open(text, &principal):
		return Principal{}, unauthenticated("ACCESS_TOKEN_TYPE_UNSUPPORTED")
	case !t.now().Before(principal.Expiry):
		return Principal{}, unauthenticated("ACCESS_TOKEN_EXPIRED")
	case !t.current(principal):
		return Principal{}, unauthenticated("ACCOUNT_STATE_INVALID")
	}
	return principal, nil
}

// current says whether what the principal is made of still exists and is enabled.
func (t *Tokens) current(principal Principal) bool {
	if principal.Email != "" {
		account, exists := t.cloud.Account(principal.Email)
		return exists && !account.Disabled && account.UniqueID == principal.UniqueID
	}
	if principal.Pool != "" {
		pool, exists := t.cloud.Pool(principal.PoolProject, principal.Pool)
		return exists && pool.State() == gcp.Enabled
	}
	return true
}
