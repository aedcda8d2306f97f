package googleapis

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"waybill.example/waybill/sandbox/gcp"
	"waybill.example/waybill/sandbox/provider"
)

// What a token exchange is made of:
// https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
const (
	grantType       = "urn:ietf:params:oauth:grant-type:token-exchange"
	accessTokenType = "urn:ietf:params:oauth:token-type:access_token"
)

// subjectTokenTypes are those of OIDC tokens.
var subjectTokenTypes = []string{
	"urn:ietf:params:oauth:token-type:jwt",
	"urn:ietf:params:oauth:token-type:id_token",
}

// audience is the form of the audience parameter. A project's ID in place of
// its number has the form and names nothing.
var audience = regexp.MustCompile(`^//iam\.googleapis\.com/projects/([^/]+)/locations/global/workloadIdentityPools/([^/]+)/providers/([^/]+)$`)

// OAuthError is a refusal of the token server, in the form of
// https://www.rfc-editor.org/rfc/rfc6749#section-5.2
type OAuthError struct {
	// Code is the error code, for example invalid_grant.
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

// Error returns both parts.
func (e *OAuthError) Error() string { return e.Code + ": " + e.Description }

func refuse(code, format string, args ...any) *OAuthError {
	return &OAuthError{Code: code, Description: fmt.Sprintf(format, args...)}
}

// errTarget is the token server's answer to a pool or provider that cannot be used.
var errTarget = refuse("invalid_target", `The target service indicated by the "audience" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn't exist.`)

// STS is the handler of sts.googleapis.com.
func (s *Server) STS() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/token", func(w http.ResponseWriter, r *http.Request) {
		form, err := readExchange(w, r)
		if err != nil {
			respond(w, nil, err)
			return
		}
		response, err := s.exchange(r.Context(), form)
		respond(w, response, err)
	})
	mux.HandleFunc("/", unknownMethod)
	return mux
}

// readExchange reads the form of an exchange. Google takes JSON as well, which no client
// library sends.
func readExchange(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, refuse("invalid_request", "%v", provider.NotModelled("an exchange that is no form"))
	}
	if err := r.ParseForm(); err != nil {
		return nil, refuse("invalid_request", "The request's form cannot be read: %v", err)
	}
	return r.PostForm, nil
}

// checkExchange applies the rules for the parameters. The words for an audience are
// Google's, those for the others are not published.
func checkExchange(form url.Values) error {
	scopes := strings.Fields(form.Get("scope"))
	switch {
	case form.Get("grant_type") != grantType:
		return refuse("unsupported_grant_type", "Invalid value for \"grant_type\": it must be %q, not %q.", grantType, form.Get("grant_type"))
	case !audience.MatchString(form.Get("audience")):
		return refuse("invalid_request", `Invalid value for "audience". This value should be the full resource name of the Identity Provider. See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible formats.`)
	case form.Get("requested_token_type") != accessTokenType:
		return refuse("invalid_request", "Invalid value for \"requested_token_type\": it must be %q, not %q.", accessTokenType, form.Get("requested_token_type"))
	case !slices.Contains(subjectTokenTypes, form.Get("subject_token_type")):
		return refuse("invalid_request", "Invalid value for \"subject_token_type\": %q is none of %s.", form.Get("subject_token_type"), strings.Join(subjectTokenTypes, ", "))
	case form.Get("subject_token") == "":
		return refuse("invalid_request", "Missing required parameter: subject_token")
	case len(scopes) == 0:
		return refuse("invalid_scope", "Missing required parameter: scope")
	}
	for _, scope := range scopes {
		if !strings.HasPrefix(scope, "https://www.googleapis.com/auth/") {
			return refuse("invalid_scope", "Some requested scopes were invalid: %q", scope)
		}
	}
	return nil
}

// exchange grants a federated access token for a token of a trusted issuer.
func (s *Server) exchange(ctx context.Context, form url.Values) (any, error) {
	if err := checkExchange(form); err != nil {
		return nil, err
	}
	named := audience.FindStringSubmatch(form.Get("audience"))
	number, poolID, providerID := named[1], named[2], named[3]
	pool, exists := s.cloud.Pool(number, poolID)
	if !exists || pool.State() != gcp.Enabled {
		return nil, errTarget
	}
	provider, exists := s.cloud.PoolProvider(number, poolID, providerID)
	if !exists || provider.State() != gcp.Enabled {
		return nil, errTarget
	}
	if err := s.enabled(number, STSHost); err != nil {
		return nil, err
	}
	subject, err := s.verifySubject(ctx, provider, form.Get("subject_token"))
	if err != nil {
		return nil, err
	}
	attributes, err := provider.Attributes(subject.claims)
	if errors.Is(err, gcp.ErrCondition) {
		return nil, refuse("unauthorized_client", "The given credential is rejected by the attribute condition.")
	}
	if err != nil {
		// Which claim is missing, or too long. Google's words vary with the reason.
		return nil, refuse("invalid_grant", "The given credential cannot be mapped: %v.", err)
	}
	// A federated token ends with the token that it was exchanged for
	// (docs/facts.md §3).
	lifetime := min(MaxLifetime, subject.expiry.Sub(s.now()))
	token, err := s.Tokens.Mint(Principal{
		PoolProject: number, Pool: poolID, Federated: provider.Principals(attributes),
		Scopes: strings.Fields(form.Get("scope")), Expiry: s.Tokens.expiry(lifetime),
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"access_token": token, "issued_token_type": accessTokenType, "token_type": "Bearer", "expires_in": int64(lifetime / time.Second),
	}, nil
}

func unknownMethod(w http.ResponseWriter, r *http.Request) {
	write(w, notFound("Method not found: %s %s", r.Method, r.URL.Path))
}

// respond answers with a response, or with an error in the form of its kind.
func respond(w http.ResponseWriter, response any, err error) {
	var oauth *OAuthError
	var api *Error
	switch {
	case err == nil:
		writeJSON(w, http.StatusOK, response)
	case errors.As(err, &oauth):
		writeJSON(w, http.StatusBadRequest, oauth)
	case errors.As(err, &api):
		write(w, api)
	default:
		write(w, &Error{Code: http.StatusInternalServerError, Status: "INTERNAL", Message: err.Error()})
	}
}
