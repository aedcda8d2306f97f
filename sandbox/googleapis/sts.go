package googleapis

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
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

// exchangeRequest is the body of an exchange, a form. Google takes JSON as well, which
// no client library sends.
type exchangeRequest struct {
	grantType, audience, scope, requestedTokenType, subjectToken, subjectTokenType string
}

// exchangeResponse is the body of a granted exchange.
type exchangeResponse struct {
	AccessToken     string `json:"access_token"`
	IssuedTokenType string `json:"issued_token_type"`
	TokenType       string `json:"token_type"`
	// ExpiresIn is the life of the token in seconds.
	ExpiresIn int64 `json:"expires_in"`
}

// STS is the handler of sts.googleapis.com.
func (s *Server) STS() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/token", func(w http.ResponseWriter, r *http.Request) {
		request, refusal := readExchange(w, r)
		if refusal != nil {
			respond(w, nil, refusal)
			return
		}
		response, err := s.exchange(r.Context(), request)
		respond(w, response, err)
	})
	mux.HandleFunc("/", unknownMethod)
	return mux
}

func readExchange(w http.ResponseWriter, r *http.Request) (exchangeRequest, *OAuthError) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return exchangeRequest{}, refuse("invalid_request", "%v", provider.NotModelled("an exchange that is no form"))
	}
	if err := r.ParseForm(); err != nil {
		return exchangeRequest{}, refuse("invalid_request", "The request's form cannot be read: %v", err)
	}
	return exchangeRequest{
		grantType:          r.PostForm.Get("grant_type"),
		audience:           r.PostForm.Get("audience"),
		scope:              r.PostForm.Get("scope"),
		requestedTokenType: r.PostForm.Get("requested_token_type"),
		subjectToken:       r.PostForm.Get("subject_token"),
		subjectTokenType:   r.PostForm.Get("subject_token_type"),
	}, nil
}

// check applies the rules for the parameters. The words for an audience are
// Google's, those for the others are not published.
func (r exchangeRequest) check() error {
	switch {
	case r.grantType != grantType:
		return refuse("unsupported_grant_type", "Invalid value for \"grant_type\": it must be %q, not %q.", grantType, r.grantType)
	case !audience.MatchString(r.audience):
		return refuse("invalid_request", `Invalid value for "audience". This value should be the full resource name of the Identity Provider. See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible formats.`)
	case r.requestedTokenType != accessTokenType:
		return refuse("invalid_request", "Invalid value for \"requested_token_type\": it must be %q, not %q.", accessTokenType, r.requestedTokenType)
	case !slices.Contains(subjectTokenTypes, r.subjectTokenType):
		return refuse("invalid_request", "Invalid value for \"subject_token_type\": %q is none of %s.", r.subjectTokenType, strings.Join(subjectTokenTypes, ", "))
	case r.subjectToken == "":
		return refuse("invalid_request", "Missing required parameter: subject_token")
	case len(r.scopes()) == 0:
		return refuse("invalid_scope", "Missing required parameter: scope")
	}
	for _, scope := range r.scopes() {
		if !strings.HasPrefix(scope, "https://www.googleapis.com/auth/") {
			return refuse("invalid_scope", "Some requested scopes were invalid: %q", scope)
		}
	}
	return nil
}

func (r exchangeRequest) scopes() []string { return strings.Fields(r.scope) }

// exchange grants a federated access token for a token of a trusted issuer.
func (s *Server) exchange(ctx context.Context, request exchangeRequest) (*exchangeResponse, error) {
	if err := request.check(); err != nil {
		return nil, err
	}
	named := audience.FindStringSubmatch(request.audience)
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
	subject, err := s.verifySubject(ctx, provider, request.subjectToken)
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
		Scopes: request.scopes(), Expiry: s.Tokens.expiry(lifetime),
	})
	if err != nil {
		return nil, err
	}
	return &exchangeResponse{
		AccessToken: token, IssuedTokenType: accessTokenType, TokenType: "Bearer", ExpiresIn: int64(lifetime / time.Second),
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
