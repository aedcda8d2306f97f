package googleapis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"waybill.example/waybill/sandbox/gcp"
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

// exchangeRequest is the body of an exchange. Clients send it as a form, or as
// JSON with names of either style.
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
	if err != nil {
		return exchangeRequest{}, refuse("invalid_request", "Invalid Content-Type %q: %v", r.Header.Get("Content-Type"), err)
	}
	// Value finds a parameter by its name in a form and its name in JSON.
	var value func(form, camel string) string
	switch kind {
	case "application/x-www-form-urlencoded":
		if err := r.ParseForm(); err != nil {
			return exchangeRequest{}, refuse("invalid_request", "The request's form cannot be read: %v", err)
		}
		value = func(form, _ string) string { return r.PostForm.Get(form) }
	case "application/json":
		var fields map[string]any
		if err := json.NewDecoder(r.Body).Decode(&fields); err != nil {
			return exchangeRequest{}, refuse("invalid_request", "The request's JSON cannot be read: %v", err)
		}
		value = func(form, camel string) string {
			if text, given := fields[camel].(string); given {
				return text
			}
			text, _ := fields[form].(string)
			return text
		}
	default:
		return exchangeRequest{}, refuse("invalid_request", "Invalid Content-Type %q: it must be application/x-www-form-urlencoded or application/json", kind)
	}
	return exchangeRequest{
		grantType:          value("grant_type", "grantType"),
		audience:           value("audience", "audience"),
		scope:              value("scope", "scope"),
		requestedTokenType: value("requested_token_type", "requestedTokenType"),
		subjectToken:       value("subject_token", "subjectToken"),
		subjectTokenType:   value("subject_token_type", "subjectTokenType"),
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
	if err := s.enabled(number, STSHost, "Security Token Service API"); err != nil {
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
	notFound("Method not found: %s %s", r.Method, r.URL.Path).write(w)
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
		api.write(w)
	default:
		(&Error{Code: http.StatusInternalServerError, Status: "INTERNAL", Message: err.Error()}).write(w)
	}
}
