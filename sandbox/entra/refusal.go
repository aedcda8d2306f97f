package entra

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

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

func invalidRequest(code int, format string, args ...any) *refusal {
	return &refusal{http.StatusBadRequest, "invalid_request", code, fmt.Sprintf(format, args...)}
}

func invalidClient(code int, format string, args ...any) *refusal {
	return &refusal{http.StatusUnauthorized, "invalid_client", code, fmt.Sprintf(format, args...)}
}

// The request. Codes 50049, 70003, 70011, 90002, 90014, 500011, 700016, 900144
// and 7000218 are in the reference above; 1002012 is in docs/facts.md §7. For a
// client_assertion_type of another kind none is documented: 9002313 is Entra's
// general one for a malformed request.

func unknownTenant(name string) *refusal {
	return invalidRequest(90002, "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.", name)
}

func unknownInstance() *refusal {
	return &refusal{http.StatusBadRequest, "invalid_instance", 50049, "Unknown or invalid instance."}
}

func malformedRequest() *refusal {
	return invalidRequest(9002313, "Invalid request. Request is malformed or invalid.")
}

func missingParameter(name string) *refusal {
	return invalidRequest(900144, "The request body must contain the following parameter: '%s'.", name)
}

func missingField(name string) *refusal {
	return invalidRequest(90014, "The required field '%s' is missing from the credential. Ensure that you have all the necessary parameters for the login request.", name)
}

func missingAssertion() *refusal {
	return invalidClient(7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
}

func unsupportedGrant(grant string) *refusal {
	return &refusal{http.StatusBadRequest, "unsupported_grant_type", 70003, fmt.Sprintf("The app requested an unsupported grant type '%s'.", grant)}
}

func unknownApplication(clientID, tenant string) *refusal {
	return &refusal{http.StatusBadRequest, "unauthorized_client", 700016, fmt.Sprintf(
		"Application with identifier '%s' was not found in the directory '%s'. The application is not installed in the tenant, or the request went to the wrong tenant.", clientID, tenant)}
}

func scopeNotDefault(scope string) *refusal {
	return &refusal{http.StatusBadRequest, "invalid_scope", 1002012, fmt.Sprintf(
		"The provided value for scope %s is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).", scope)}
}

func severalResources(scope string) *refusal {
	return &refusal{http.StatusBadRequest, "invalid_scope", 70011, fmt.Sprintf(
		"The provided value for the input parameter 'scope' is not valid. The scope '%s' names more than one resource.", scope)}
}

func unknownResource(name, tenant string) *refusal {
	return &refusal{http.StatusBadRequest, "invalid_resource", 500011, fmt.Sprintf(
		"The resource principal named %s was not found in the tenant named %s. The application is not installed in the tenant, or the request went to the wrong tenant.", name, tenant)}
}

// The assertion. 700211 to 700214, 70021, 700024 and 7000272 are in
// docs/facts.md §5 and §7; 50027 ("invalid JWT token") and 700027 ("client
// assertion failed signature validation") in the reference. 700212 is for a
// token whose audience is not the credential's, 700214 for a credential whose
// audience is not the cloud's URI (docs/facts.md §5 names both for the latter).

func malformedAssertion(reason string) *refusal {
	return invalidRequest(50027, "Invalid JWT token: %s.", reason)
}

// wrongAlgorithm has the code of https://github.com/AzureAD/microsoft-authentication-library-for-dotnet/issues/4712,
// of the family 50027: for federated assertions none is documented.
func wrongAlgorithm(algorithm string) *refusal {
	return invalidRequest(5002730, "Invalid JWT token. Unsupported key for the signing algorithm '%s': federated identity credentials accept RS256.", algorithm)
}

// issuedHere is worded as in https://github.com/AzureAD/microsoft-identity-web/issues/2519.
func issuedHere() *refusal {
	return invalidClient(700222, "AAD-issued tokens may not be used for federated identity flows.")
}

const compare = "Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation"

func noCredentials(issuer, subject, audience string) *refusal {
	return invalidClient(70021, "No matching federated identity record found for presented assertion. Assertion Issuer: '%s'. Assertion Subject: '%s'. Assertion Audience: '%s'. %s",
		issuer, subject, audience, compare)
}

func noSuchIssuer(issuer string) *refusal {
	return invalidClient(700211, "No matching federated identity record found for presented assertion issuer '%s'. %s", issuer, compare)
}

func noSuchSubject(subject string) *refusal {
	return invalidClient(700213, "No matching federated identity record found for presented assertion subject '%s'. %s", subject, compare)
}

func noSuchAudience(audience string) *refusal {
	return invalidClient(700212, "No matching federated identity record found for presented assertion audience '%s'. %s", audience, compare)
}

func wrongAudience(audience, want string) *refusal {
	return invalidClient(700214, "The federated identity credential's audience '%s' is not supported: it must be '%s'. %s", audience, want, compare)
}

// unknownKey is worded as in https://github.com/Azure/azure-workload-identity/issues/1232.
func unknownKey(keyID, issuer string) *refusal {
	return invalidClient(7000272, "The certificate with identifier %s used to sign the federated credential could not be found in the metadata of identity provider %s.", keyID, issuer)
}

func badSignature(keyID string) *refusal {
	return invalidClient(700027, "Client assertion failed signature validation. [Reason - The provided signature value did not match the expected signature value., key used by client: '%s']", keyID)
}

func notInTime(now, valid, expires time.Time) *refusal {
	const form = "2006-01-02T15:04:05.0000000Z"
	return invalidClient(700024, "Client assertion is not within its valid time range. Current time: %s, assertion valid from %s, expiry time of assertion %s.",
		now.Format(form), valid.Format(form), expires.Format(form))
}

// issuerUnreachable has the code of docs/facts.md §5; when Entra says 90061 and
// when 501661, in the same words, is not documented. Here 90061 is an issuer
// that does not answer, 501661 one that answers with something else.
func issuerUnreachable() *refusal {
	return invalidRequest(90061, "Request to External OIDC endpoint failed.")
}

func issuerInvalid() *refusal {
	return invalidRequest(501661, "Request to External OIDC endpoint failed.")
}
