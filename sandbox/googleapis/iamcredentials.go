package googleapis

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// methods are those of a service account, each with its permission and the roles
// that hold it: https://cloud.google.com/iam/docs/roles-permissions/iam
var methods = map[string]struct {
	permission string
	roles      []string
}{
	generateAccessToken: {"iam.serviceAccounts.getAccessToken", []string{"roles/iam.workloadIdentityUser", tokenCreator}},
	"signBlob":          {"iam.serviceAccounts.signBlob", []string{tokenCreator}},
	"signJwt":           {"iam.serviceAccounts.signJwt", []string{tokenCreator}},
}

const (
	generateAccessToken = "generateAccessToken"
	tokenCreator        = "roles/iam.serviceAccountTokenCreator"
)

// accessTokenRequest is
// https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
type accessTokenRequest struct {
	Delegates []string `json:"delegates"`
	Scope     []string `json:"scope"`
	// Lifetime is a number of seconds with the suffix s; empty means an hour.
	Lifetime string `json:"lifetime"`
}

// IAMCredentials is the handler of iamcredentials.googleapis.com.
func (s *Server) IAMCredentials() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/projects/{project}/serviceAccounts/{call}", func(w http.ResponseWriter, r *http.Request) {
		email, method, _ := strings.Cut(r.PathValue("call"), ":")
		if _, known := methods[method]; !known {
			unknownMethod(w, r)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
		response, err := s.call(r, r.PathValue("project"), email, method)
		respond(w, response, err)
	})
	mux.HandleFunc("/", unknownMethod)
	return mux
}

// call authorizes a call of a method. Signatures are not modelled: who may make
// one is told so.
func (s *Server) call(r *http.Request, project, email, method string) (any, error) {
	caller, err := s.caller(r)
	if err != nil {
		return nil, err
	}
	var request accessTokenRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		return nil, invalidArgument("Invalid JSON payload received: %v", err)
	}
	lifetime, err := request.check(project)
	if err != nil && method == generateAccessToken {
		return nil, err
	}
	account, exists := s.cloud.Account(email)
	if !exists {
		return nil, notFound("Not found; Gaia id not found for email %s", email)
	}
	if err := s.enabled(account.Project, IAMCredentialsHost); err != nil {
		return nil, err
	}
	granted := false
	for _, role := range methods[method].roles {
		granted = granted || account.Policy.Grants(role, caller.Members()...)
	}
	if !granted {
		return nil, permissionDenied(methods[method].permission)
	}
	if method != generateAccessToken {
		return nil, &Error{Code: http.StatusNotImplemented, Status: "UNIMPLEMENTED", Message: "The sandbox signs nothing."}
	}
	if account.Disabled {
		// Google documents that a disabled account obtains no tokens, not the words:
		// https://cloud.google.com/iam/docs/service-accounts-disable-enable
		return nil, &Error{Code: http.StatusBadRequest, Status: "FAILED_PRECONDITION", Message: "Service account " + email + " is disabled."}
	}
	token, err := s.Tokens.MintAccount(email, request.Scope, lifetime)
	if err != nil {
		return nil, err
	}
	return map[string]string{"accessToken": token, "expireTime": s.Tokens.expiry(lifetime).Format(time.RFC3339)}, nil
}

// caller opens the access token of a request and wants a scope that the API takes.
func (s *Server) caller(r *http.Request) (Principal, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return Principal{}, unauthenticated("CREDENTIALS_MISSING")
	}
	caller, err := s.Tokens.Open(token)
	if err != nil {
		return Principal{}, err
	}
	if !caller.Allows(CloudPlatform, "https://www.googleapis.com/auth/iam") {
		return Principal{}, &Error{
			Code: http.StatusForbidden, Status: "PERMISSION_DENIED", Message: "Request had insufficient authentication scopes.",
			Reason: "ACCESS_TOKEN_SCOPE_INSUFFICIENT", Domain: "googleapis.com", Metadata: map[string]string{"service": IAMCredentialsHost},
		}
	}
	return caller, nil
}

// durationText is the JSON form of a duration, of whole seconds.
var durationText = regexp.MustCompile(`^([0-9]{1,9})(?:\.0{1,9})?s$`)

// check applies the rules for the request and returns the lifetime. Google's
// words are not published.
func (r accessTokenRequest) check(project string) (time.Duration, error) {
	switch {
	case project != "-":
		return 0, invalidArgument("Invalid name: the project must be the wildcard character -, not %q.", project)
	case len(r.Delegates) > 0:
		return 0, invalidArgument("Invalid delegates: delegation chains are not modelled by the sandbox.")
	case len(r.Scope) == 0:
		return 0, invalidArgument("Invalid scope: at least one value must be provided.")
	case r.Lifetime == "":
		return MaxLifetime, nil
	}
	parts := durationText.FindStringSubmatch(r.Lifetime)
	if parts == nil {
		return 0, invalidArgument("Invalid lifetime %q: it must be a number of seconds such as 3600s.", r.Lifetime)
	}
	seconds, err := strconv.Atoi(parts[1])
	if err != nil || seconds == 0 || time.Duration(seconds)*time.Second > MaxLifetime {
		return 0, invalidArgument("Invalid lifetime %s: it must be greater than zero and at most %.0fs; more needs the organization policy constraints/iam.allowServiceAccountCredentialLifetimeExtension.", r.Lifetime, MaxLifetime.Seconds())
	}
	return time.Duration(seconds) * time.Second, nil
}

func permissionDenied(permission string) *Error {
	return &Error{
		Code: http.StatusForbidden, Status: "PERMISSION_DENIED",
		Message: "Permission '" + permission + "' denied on resource (or it may not exist).",
		Reason:  "IAM_PERMISSION_DENIED", Domain: "iam.googleapis.com", Metadata: map[string]string{"permission": permission},
	}
}
