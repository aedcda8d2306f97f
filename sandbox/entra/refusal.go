package entra

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/google/uuid"
)

// refusal is an error of the token service, in the form of
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes#handling-error-codes-in-your-application
type refusal struct {
	status int
	// name is the OAuth error, for example invalid_client.
	name string
	// code is the number after AADSTS.
	code int
	text string
}

// refuse writes the refusal. It holds what the request said, never the token.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, refused *refusal) {
	trace, correlation := uuid.NewString(), r.Header.Get("client-request-id")
	if uuid.Validate(correlation) != nil {
		correlation = uuid.NewString()
	}
	timestamp := s.now().UTC().Format("2006-01-02 15:04:05Z")
	code := strconv.Itoa(refused.code)
	w.Header().Set("x-ms-request-id", trace)
	w.Header().Set("Cache-Control", "no-store, no-cache")
	writeJSON(w, refused.status, map[string]any{
		"error": refused.name,
		"error_description": fmt.Sprintf("AADSTS%s: %s Trace ID: %s Correlation ID: %s Timestamp: %s",
			code, refused.text, trace, correlation, timestamp),
		"error_codes":    []int{refused.code},
		"timestamp":      timestamp,
		"trace_id":       trace,
		"correlation_id": correlation,
		"error_uri":      "https://" + azureClouds[0].authority + "/error?code=" + code,
	})
}

// refusing makes refusals of one kind, whose text has the values.
func refusing(status int, name string, code int, format string) func(values ...any) *refusal {
	return func(values ...any) *refusal { return &refusal{status, name, code, fmt.Sprintf(format, values...)} }
}

func badRequest(name string, code int, format string) func(values ...any) *refusal {
	return refusing(http.StatusBadRequest, name, code, format)
}

func invalidRequest(code int, format string) func(values ...any) *refusal {
	return badRequest("invalid_request", code, format)
}

func invalidClient(code int, format string) func(values ...any) *refusal {
	return refusing(http.StatusUnauthorized, "invalid_client", code, format)
}

// The request. Codes 50049, 70003, 70011, 90002, 90014, 500011, 700016, 900144
// and 7000218 are in the reference above; 1002012 is in docs/facts.md §7. For a
// client_assertion_type of another kind none is documented: 9002313 is Entra's
// general one for a malformed request.
var (
	unknownTenant      = invalidRequest(90002, "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.")
	unknownInstance    = badRequest("invalid_instance", 50049, "Unknown or invalid instance.")
	malformedRequest   = invalidRequest(9002313, "Invalid request. Request is malformed or invalid.")
	missingParameter   = invalidRequest(900144, "The request body must contain the following parameter: '%s'.")
	missingField       = invalidRequest(90014, "The required field '%s' is missing from the credential. Ensure that you have all the necessary parameters for the login request.")
	missingAssertion   = invalidClient(7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
	unsupportedGrant   = badRequest("unsupported_grant_type", 70003, "The app requested an unsupported grant type '%s'.")
	unknownApplication = badRequest("unauthorized_client", 700016,
		"Application with identifier '%s' was not found in the directory '%s'. The application is not installed in the tenant, or the request went to the wrong tenant.")
	scopeNotDefault = badRequest("invalid_scope", 1002012,
		"The provided value for scope %s is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).")
	severalResources = badRequest("invalid_scope", 70011,
		"The provided value for the input parameter 'scope' is not valid. The scope '%s' names more than one resource.")
	unknownResource = badRequest("invalid_resource", 500011,
		"The resource principal named %s was not found in the tenant named %s. The application is not installed in the tenant, or the request went to the wrong tenant.")
)

const compare = "Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation"

// The assertion. 700211 to 700214, 70021, 700024 and 7000272 are in
// docs/facts.md §5 and §7; 50027 ("invalid JWT token") and 700027 ("client
// assertion failed signature validation") in the reference. 700212 is for a
// token whose audience is not the credential's, 700214 for a credential whose
// audience is not the cloud's URI (docs/facts.md §5 names both for the latter).
var (
	malformedAssertion = invalidRequest(50027, "Invalid JWT token: %s.")
	// wrongAlgorithm has the code of https://github.com/AzureAD/microsoft-authentication-library-for-dotnet/issues/4712,
	// of the family 50027: for federated assertions none is documented.
	wrongAlgorithm = invalidRequest(5002730, "Invalid JWT token. Unsupported key for the signing algorithm '%s': federated identity credentials accept RS256.")
	// issuedHere is worded as in https://github.com/AzureAD/microsoft-identity-web/issues/2519.
	issuedHere     = invalidClient(700222, "AAD-issued tokens may not be used for federated identity flows.")
	noCredentials  = invalidClient(70021, "No matching federated identity record found for presented assertion. Assertion Issuer: '%s'. Assertion Subject: '%s'. Assertion Audience: '%s'. "+compare)
	noSuchIssuer   = invalidClient(700211, "No matching federated identity record found for presented assertion issuer '%s'. "+compare)
	noSuchSubject  = invalidClient(700213, "No matching federated identity record found for presented assertion subject '%s'. "+compare)
	noSuchAudience = invalidClient(700212, "No matching federated identity record found for presented assertion audience '%s'. "+compare)
	wrongAudience  = invalidClient(700214, "The federated identity credential's audience '%s' is not supported: it must be '%s'. "+compare)
	// unknownKey is worded as in https://github.com/Azure/azure-workload-identity/issues/1232.
	unknownKey   = invalidClient(7000272, "The certificate with identifier %s used to sign the federated credential could not be found in the metadata of identity provider %s.")
	badSignature = invalidClient(700027, "Client assertion failed signature validation. [Reason - The provided signature value did not match the expected signature value., key used by client: '%s']")
	notInTime    = invalidClient(700024, "Client assertion is not within its valid time range. Current time: %s, assertion valid from %s, expiry time of assertion %s.")
	// issuerUnreachable has the code of docs/facts.md §5; when Entra says 90061 and
	// when 501661, in the same words, is not documented. Here 90061 is an issuer
	// that does not answer, 501661 one that answers with something else.
	issuerUnreachable = invalidRequest(90061, "Request to External OIDC endpoint failed.")
	issuerInvalid     = invalidRequest(501661, "Request to External OIDC endpoint failed.")
)
