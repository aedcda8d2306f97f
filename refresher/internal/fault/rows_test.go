package fault_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/refresher/internal/fault"
	"waybill.example/waybill/refresher/internal/redact"
	"waybill.example/waybill/refresher/internal/wire"
)

// Where each family speaks.
const (
	entraHost    = "login.microsoftonline.com"
	stsHost      = "sts.googleapis.com"
	iamHost      = "iamcredentials.googleapis.com"
	pkgHost      = "europe-west1-docker.pkg.dev"
	awsSTSHost   = "sts.eu-west-1.amazonaws.com"
	ecrHost      = "api.ecr.eu-west-1.amazonaws.com"
	registryHost = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
	agentHost    = "169.254.170.23"
	apiHost      = ""
)

// said is one answer as it was recorded or documented, and the row that has to explain it. Where a document gives only a
// code's name, the text is the code in its form.
type said struct {
	row    string
	host   string
	hop    fault.Hop
	status int
	body   string
	err    error // of the client, where no answer came
}

func entra(code int, words string) string {
	return fmt.Sprintf(`{"error":"invalid_client","error_description":"AADSTS%d: %s Trace ID: 0000aaaa Correlation ID: aaaa0000","error_codes":[%d]}`, code, words, code)
}

func oauth(code, words string) string {
	return fmt.Sprintf(`{"error":%q,"error_description":%q}`, code, words)
}

func google(code int, status, words string) string {
	return fmt.Sprintf(`{"error":{"code":%d,"message":%q,"status":%q}}`, code, words, status)
}

func oci(code, words string) string {
	return fmt.Sprintf(`{"errors":[{"code":%q,"message":%q}]}`, code, words)
}

func query(code, words string) string {
	return fmt.Sprintf(`<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>`, code, words)
}

func json11(code, words string) string { return fmt.Sprintf(`{"__type":%q,"message":%q}`, code, words) }

func eks(code, words string) string {
	return fmt.Sprintf("[8f2c]: (%s): %s, fault: client\n", code, words)
}

func disabled(api string) string {
	return api + " has not been used in project 123456789012 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/x/overview?project=123456789012 then retry."
}

const (
	noMatch   = "No matching federated identity record found for presented assertion"
	perimeter = "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: VQQnKfXtZ16NHnOmdJAy0E92tVT"
	noBilling = "This API method requires billing to be enabled. Please enable billing on project #123456789012 by visiting https://console.developers.google.com/billing/enable?project=123456789012 then retry."
	node      = "User: arn:aws:sts::111122223333:assumed-role/eks-node/i-0123456789abcdef0 is not authorized to perform: eks-auth:AssumeRoleForPodIdentity on resource: arn:aws:eks:eu-west-1:111122223333:cluster/c because no identity-based policy allows the eks-auth:AssumeRoleForPodIdentity action"
	puller    = "User: arn:aws:sts::111122223333:assumed-role/puller/waybill-refresher is not authorized to perform: "
	batch     = puller + "ecr:BatchGetImage on resource: arn:aws:ecr:eu-west-1:123456789012:repository/acme/product because "
	block     = "<!DOCTYPE html><html><head><title>Access Denied</title></head><body>Category: cloud storage</body></html>"
)

var texts = []said{
	{"entra-issuer", entraHost, fault.HopEntra, 401, entra(700211, noMatch+" issuer 'https://a'. Please check your federated identity credential Subject, Audience and Issuer against the presented assertion."), nil},
	{"entra-subject", entraHost, fault.HopEntra, 401, entra(700213, noMatch+" subject 'system:serviceaccount:a:b'."), nil},
	{"entra-subject", entraHost, fault.HopEntra, 401, entra(7002138, noMatch+" subject 'x'. The subject matches with case-insensitive comparison, but not with case-sensitive comparison."), nil},
	{"entra-audience", entraHost, fault.HopEntra, 401, entra(700212, noMatch+" audience 'x'."), nil},
	{"entra-audience", entraHost, fault.HopEntra, 401, entra(700214, noMatch+" audience 'x'."), nil},
	{"entra-no-match", entraHost, fault.HopEntra, 401, entra(70021, noMatch+". Assertion Issuer: 'x'."), nil},
	{"entra-no-credential", entraHost, fault.HopEntra, 401, entra(70025, "The client 'product'(66666666-7777-8888-9999-000000000000) has no configured federated identity credentials."), nil},
	{"entra-signature", entraHost, fault.HopEntra, 401, entra(50013, "Assertion failed signature validation. [Reason - The key was not found.]"), nil},
	{"entra-token-time", entraHost, fault.HopEntra, 401, entra(500133, "Assertion is not within its valid time range."), nil},
	{"entra-tenant", entraHost, fault.HopEntra, 400, entra(900023, "Specified tenant identifier 'x' is neither a valid DNS name, nor a valid external domain."), nil},
	{"entra-conditional-access", entraHost, fault.HopEntra, 400, entra(530036, "Access has been blocked by Conditional Access policies."), nil},
	{"entra-restricted-tenant", entraHost, fault.HopEntra, 400, entra(5000211, "A tenant restrictions policy added by 'x' doesn't allow access to tenant 'y'."), nil},
	{"entra-tenant-blocked", entraHost, fault.HopEntra, 400, entra(5000225, "This tenant has been blocked due to inactivity."), nil},
	{"entra-own-token", entraHost, fault.HopEntra, 401, entra(700222, "AAD-issued tokens may not be used for federated identity flows."), nil},
	{"entra-own-token", entraHost, fault.HopEntra, 401, entra(700229, "Forbidden token type. Only app-only tokens may be used as Federated Identity Credentials for AAD issuer."), nil},
	{"entra-token-time", entraHost, fault.HopEntra, 401, entra(700024, "Client assertion is not within its valid time range."), nil},
	{"entra-signature", entraHost, fault.HopEntra, 401, entra(700027, "Client assertion failed signature validation."), nil},
	{"entra-signature", entraHost, fault.HopEntra, 401, entra(7000272, "The key was not found by the kid."), nil},
	{"entra-signature", entraHost, fault.HopEntra, 401, entra(900384, "JWT token failed signature validation."), nil},
	{"entra-token", entraHost, fault.HopEntra, 400, entra(50027, "JWT token is invalid or malformed."), nil},
	{"entra-token", entraHost, fault.HopEntra, 400, entra(5002730, "Invalid JWT token. Unsupported key for the signing algorithm."), nil},
	{"entra-application", entraHost, fault.HopEntra, 400, entra(700016, "Application with identifier 'x' was not found in the directory 'y'."), nil},
	{"entra-tenant", entraHost, fault.HopEntra, 400, entra(90002, "Tenant 'x' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."), nil},
	{"entra-cloud", entraHost, fault.HopEntra, 400, entra(900382, "Confidential Client is not supported in Cross Cloud request."), nil},
	{"entra-cloud", entraHost, fault.HopEntra, 400, entra(90038, "The specified tenant 'Y' belongs to the National Cloud 'X'."), nil},
	{"entra-unreachable", entraHost, fault.HopEntra, 400, entra(90061, "Request to External OIDC endpoint failed."), nil},
	{"entra-unreachable", entraHost, fault.HopEntra, 400, entra(501661, "Request to External OIDC endpoint failed."), nil},
	{"entra-unreachable", entraHost, fault.HopEntra, 400, entra(50166, "Request to External OIDC endpoint failed."), nil},
	{"entra-scope", entraHost, fault.HopEntra, 400, entra(70011, "The provided value for the input parameter 'scope' isn't valid."), nil},
	{"entra-scope", entraHost, fault.HopEntra, 400, entra(500011, "The resource principal named x was not found in the tenant named y."), nil},
	{"entra-conditional-access", entraHost, fault.HopEntra, 400, entra(53003, "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."), nil},
	{"entra-disabled", entraHost, fault.HopEntra, 400, entra(7000112, "Application 'x'(y) is disabled."), nil},
	{"entra-resource-disabled", entraHost, fault.HopEntra, 400, entra(500014, "The service principal for resource 'x' is disabled."), nil},
	{"entra-no-principal", entraHost, fault.HopEntra, 401, entra(7000229, "The client application x is missing service principal in the tenant y. See instructions here: https://go.microsoft.com/fwlink/?linkid=2225119"), nil},
	{"entra-unassigned", entraHost, fault.HopEntra, 400, entra(501051, "Application 'x'(y) is not assigned to a role for the application 'z'."), nil},
	{"entra-restricted-tenant", entraHost, fault.HopEntra, 400, entra(500021, "Access to 'x' tenant is denied."), nil},
	{"entra-public-client", entraHost, fault.HopEntra, 401, entra(700025, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."), nil},
	{"entra-throttled", entraHost, fault.HopEntra, 400, entra(90055, "There are too many incoming requests."), nil},
	{"entra-busy", entraHost, fault.HopEntra, 400, entra(90033, "The Microsoft Online Directory Service (MSODS) isn't available."), nil},
	{"entra-busy", entraHost, fault.HopEntra, 503, entra(90006, "The service is temporarily unavailable."), nil},

	{"google-perimeter", stsHost, fault.HopSTS, 403, google(403, "PERMISSION_DENIED", perimeter), nil},
	{"google-perimeter", iamHost, fault.HopIAM, 403, google(403, "PERMISSION_DENIED", perimeter), nil},
	{"google-perimeter", pkgHost, fault.HopRegistry, 403, oci("DENIED", perimeter), nil},
	{"google-billing", pkgHost, fault.HopRegistry, 403, oci("DENIED", noBilling), nil},
	{"google-billing", pkgHost, fault.HopRegistry, 403, oci("DENIED", "The billing account for the owning project is disabled in state absent"), nil},
	{"google-deny", iamHost, fault.HopIAM, 403, google(403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.getAccessToken' denied by deny policy on resource //iam.googleapis.com/projects/-/serviceAccounts/x"), nil},
	{"google-deny", pkgHost, fault.HopRegistry, 403, oci("DENIED", `Permission "artifactregistry.repositories.downloadArtifacts" denied by deny policy on resource "projects/p/locations/l/repositories/r"`), nil},
	{"google-deny", iamHost, fault.HopIAM, 403, google(403, "PERMISSION_DENIED", "Operation denied by principal access boundary policy"), nil},
	{"google-key", pkgHost, fault.HopRegistry, 403, oci("DENIED", "Cloud KMS key projects/p/locations/l/keyRings/r/cryptoKeys/k is disabled"), nil},
	{"google-billing", iamHost, fault.HopIAM, 403, google(403, "PERMISSION_DENIED", noBilling), nil},
	{"google-suspended", iamHost, fault.HopIAM, 403, google(403, "PERMISSION_DENIED", "Permission denied: Consumer 'project:123456789012' has been suspended."), nil},
	{"google-project", iamHost, fault.HopIAM, 403, google(403, "PERMISSION_DENIED", "Project #123456789012 has been deleted."), nil},
	{"google-sts-api", stsHost, fault.HopSTS, 403, google(403, "PERMISSION_DENIED", disabled("Security Token Service API")), nil},
	{"google-iam-api", iamHost, fault.HopIAM, 403, google(403, "PERMISSION_DENIED", disabled("IAM Service Account Credentials API")), nil},
	{"google-registry-api", pkgHost, fault.HopRegistry, 403, oci("DENIED", disabled("Artifact Registry API")), nil},
	{"google-quota", iamHost, fault.HopIAM, 429, google(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Generate credentials requests'."), nil},
	{"sts-issuer", stsHost, fault.HopSTS, 400, oauth("invalid_grant", "The issuer in ID Token https://a does not match the expected ones: https://b."), nil},
	{"sts-audience", stsHost, fault.HopSTS, 400, oauth("invalid_grant", "The audience in ID Token [https://iam.googleapis.com/projects/1/x] does not match the expected audience."), nil},
	{"sts-condition", stsHost, fault.HopSTS, 400, oauth("unauthorized_client", "The given credential is rejected by the attribute condition."), nil},
	{"sts-target", stsHost, fault.HopSTS, 400, oauth("invalid_target", "The target service indicated by the \"audience\" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn't exist."), nil},
	{"sts-issuer-unreachable", stsHost, fault.HopSTS, 400, oauth("invalid_grant", "Error connecting to the given credential's issuer."), nil},
	{"sts-token-time", stsHost, fault.HopSTS, 400, oauth("invalid_grant", "ID Token issued at 1713260741 is stale to sign-in."), nil},
	{"sts-token-time", stsHost, fault.HopSTS, 400, oauth("invalid_grant", "JWT has expired"), nil},
	{"sts-signature", stsHost, fault.HopSTS, 400, oauth("invalid_grant", "Unable to verify the ID Token signature."), nil},
	{"sts-token", stsHost, fault.HopSTS, 400, oauth("invalid_grant", "Unable to parse the ID Token."), nil},
	{"sts-token", stsHost, fault.HopSTS, 400, oauth("invalid_grant", "ID Token does not contain user's identity in 'sub' claim: {}"), nil},
	{"sts-mapping", stsHost, fault.HopSTS, 400, oauth("invalid_request", "The size of mapped attribute google.subject exceeds the 127 bytes limit. Either modify your attribute mapping or the incoming assertion to produce a mapped attribute that is less than 127 bytes."), nil},
	{"sts-mapping", stsHost, fault.HopSTS, 400, oauth("invalid_grant", "Could not obtain a value for google.subject from the given credential."), nil},
	{"iam-impersonation", iamHost, fault.HopIAM, 403, google(403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."), nil},
	{"iam-account", iamHost, fault.HopIAM, 404, google(404, "NOT_FOUND", "Not found; Gaia id not found for email acme-pull@vendor.iam.gserviceaccount.com"), nil},
	{"iam-account", iamHost, fault.HopIAM, 404, google(404, "NOT_FOUND", "Account deleted"), nil},
	{"iam-account-disabled", iamHost, fault.HopIAM, 400, google(400, "FAILED_PRECONDITION", "Service account acme-pull@vendor.iam.gserviceaccount.com is disabled."), nil},
	{"registry-anonymous", pkgHost, fault.HopRegistry, 403, oci("DENIED", `Unauthenticated request. Unauthenticated requests do not have permission "artifactregistry.repositories.downloadArtifacts" on resource "projects/p/locations/l/repositories/r" (or it may not exist)`), nil},
	{"registry-reader", pkgHost, fault.HopRegistry, 403, oci("DENIED", `Permission "artifactregistry.repositories.downloadArtifacts" denied on resource "projects/p/locations/l/repositories/r" (or it may not exist)`), nil},
	{"registry-token", pkgHost, fault.HopRegistry, 401, oci("UNAUTHORIZED", "failed authentication"), nil},

	{"aws-throttled", awsSTSHost, fault.HopSTS, 400, query("Throttling", "Rate exceeded"), nil},
	{"aws-throttled", registryHost, fault.HopRegistry, 429, oci("TOOMANYREQUESTS", "Rate exceeded"), nil},
	{"aws-throttled", "api.ecr.eusc-de-east-1.amazonaws.eu", fault.HopECR, 400, json11("ThrottlingException", "Rate exceeded"), nil},
	{"aws-anonymous", ecrHost, fault.HopECR, 400, json11("MissingAuthenticationTokenException", "Missing Authentication Token"), nil},
	{"aws-clock", awsSTSHost, fault.HopSTS, 403, query("SignatureDoesNotMatch", "Signature expired: 20260101T000000Z is now earlier than 20260101T001500Z"), nil},
	{"aws-endpoint-policy", ecrHost, fault.HopECR, 400, json11("AccessDeniedException", puller+"ecr:GetAuthorizationToken on resource: * because no VPC endpoint policy allows the ecr:GetAuthorizationToken action"), nil},
	{"aws-explicit-deny", registryHost, fault.HopRegistry, 403, oci("DENIED", batch+"with an explicit deny in a service control policy"), nil},
	{"aws-subscription", ecrHost, fault.HopECR, 403, json11("OptInRequired", "The AWS access key ID needs a subscription for the service."), nil},
	{"web-identity-thumbprint", awsSTSHost, fault.HopSTS, 400, query("InvalidIdentityToken", "OpenIDConnect provider&apos;s HTTPS certificate doesn&apos;t match configured thumbprint"), nil},
	{"web-identity-trust", awsSTSHost, fault.HopSTS, 403, query("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"), nil},
	{"web-identity-trust", "sts.eusc-de-east-1.amazonaws.eu", fault.HopSTS, 403, query("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"), nil},
	{"web-identity-no-provider", awsSTSHost, fault.HopSTS, 400, query("InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://x"), nil},
	{"web-identity-audience", awsSTSHost, fault.HopSTS, 400, query("InvalidIdentityToken", "Incorrect token audience"), nil},
	{"web-identity-keys", awsSTSHost, fault.HopSTS, 400, query("InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements"), nil},
	{"web-identity-keys", awsSTSHost, fault.HopSTS, 400, query("IDPCommunicationError", "The identity provider could not be reached."), nil},
	{"web-identity-claim", awsSTSHost, fault.HopSTS, 403, query("IDPRejectedClaim", "The identity provider (IdP) reported that authentication failed."), nil},
	{"web-identity-claim", awsSTSHost, fault.HopSTS, 400, query("InvalidIdentityToken", "Missing a required claim: aud"), nil},
	{"web-identity-tags", awsSTSHost, fault.HopSTS, 400, query("PackedPolicyTooLarge", "Packed size of session tags consumes 104% of allotted space."), nil},
	{"sts-region", awsSTSHost, fault.HopSTS, 403, query("RegionDisabledException", "STS is not activated in this region for account: 111122223333."), nil},
	{"web-identity-time", awsSTSHost, fault.HopSTS, 400, query("ExpiredTokenException", "Token expired: current date/time 2 must be before the expiration date/time 1"), nil},
	{"web-identity-token", awsSTSHost, fault.HopSTS, 400, query("InvalidIdentityToken", "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"), nil},
	{"sts-credentials", awsSTSHost, fault.HopSTS, 403, query("InvalidClientTokenId", "The security token included in the request is invalid."), nil},
	{"ecr-permission", ecrHost, fault.HopECR, 400, json11("AccessDeniedException", puller+"ecr:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr:GetAuthorizationToken action"), nil},
	{"ecr-credentials", ecrHost, fault.HopECR, 400, json11("UnrecognizedClientException", "The security token included in the request is invalid."), nil},
	{"ecr-credentials-expired", ecrHost, fault.HopECR, 400, json11("ExpiredTokenException", "The security token included in the request is expired"), nil},
	{"ecr-token", registryHost, fault.HopRegistry, 403, oci("DENIED", "Your authorization token has expired. Reauthenticate and try again."), nil},
	{"ecr-token", registryHost, fault.HopRegistry, 400, oci("DENIED", "Your Authorization Token is invalid."), nil},
	{"ecr-no-token", registryHost, fault.HopRegistry, 401, "no basic auth credentials\n", nil},
	{"ecr-repository-policy", registryHost, fault.HopRegistry, 403, oci("DENIED", batch+"no resource-based policy allows the ecr:BatchGetImage action"), nil},
	{"ecr-repository-policy", "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", fault.HopRegistry, 403, oci("DENIED", batch+"no resource-based policy allows the ecr:BatchGetImage action"), nil},
	{"ecr-role-policy", registryHost, fault.HopRegistry, 403, oci("DENIED", batch+"no identity-based policy allows the ecr:BatchGetImage action"), nil},
	{"ecr-key", registryHost, fault.HopRegistry, 400, oci("UNKNOWN", "KmsError: the key is not available"), nil},
	{"ecr-forbidden", registryHost, fault.HopRegistry, 403, "", nil},

	{"agent-silent", agentHost, fault.HopSTS, 0, "", errors.New("dial tcp 169.254.170.23:80: connect: connection refused")},
	{"agent-silent", agentHost, fault.HopSTS, 0, "", context.DeadlineExceeded},
	{"agent-throttled", agentHost, fault.HopSTS, 429, "Too Many Requests. slow down\n", nil},
	{"agent-eks", agentHost, fault.HopSTS, 500, eks("InternalServerException", "internal error"), nil},
	{"agent-route", agentHost, fault.HopSTS, 500, "[]\n", nil},
	{"agent-route", agentHost, fault.HopSTS, 500, "error getting credentials to cache: unable to fetch credentials from EKS Auth: operation error EKS Auth: AssumeRoleForPodIdentity, dial tcp: lookup eks-auth.eu-west-1.api.aws: no such host\n", nil},
	{"agent-node-role", agentHost, fault.HopSTS, 403, eks("AccessDeniedException", node), nil},
	{"agent-trust", agentHost, fault.HopSTS, 400, eks("AccessDeniedException", "Unauthorized Exception! EKS does not have permissions to assume the associated role."), nil},
	{"agent-association", agentHost, fault.HopSTS, 404, eks("ResourceNotFoundException", "No association found"), nil},
	{"agent-token-time", agentHost, fault.HopSTS, 400, eks("ExpiredTokenException", "The specified Kubernetes service account token is expired."), nil},
	{"agent-token-time", agentHost, fault.HopSTS, 400, "Service account token failed basic claim validations: token has invalid claims: token is expired\n", nil},
	{"agent-token-malformed", agentHost, fault.HopSTS, 400, "Service account token cannot be parsed: token is malformed: could not base64 decode header: illegal base64 data at input byte 6\n", nil},
	{"agent-token", agentHost, fault.HopSTS, 400, eks("InvalidTokenException", "The specified Kubernetes service account token is invalid."), nil},
	{"agent-token", agentHost, fault.HopSTS, 400, "JWT signature validation failed: cryptographic validation failed: no matching key found for kid: x\n", nil},
	{"agent-address", agentHost, fault.HopSTS, 403, "Access Denied. Called agent through invalid address, please use either [169.254.170.23 fd00:ec2::23] address not 10.0.0.1\n", nil},

	{"secret-gone", apiHost, fault.HopSecret, 404, `secrets "product-pull" not found`, nil},
	{"secret-gone-apply", apiHost, fault.HopSecret, 403, `secrets "product-pull" is forbidden: User "system:serviceaccount:product:product-refresher" cannot create resource "secrets" in API group "" in the namespace "product"`, nil},
	{"namespace-gone", apiHost, fault.HopSecret, 404, `namespaces "product" not found`, nil},
	{"namespace-gone", apiHost, fault.HopSecret, 403, `secrets "product-pull" is forbidden: unable to create new content in namespace product because it is being terminated`, nil},
	{"policy-gatekeeper", apiHost, fault.HopSecret, 403, `admission webhook "validation.gatekeeper.sh" denied the request: [require-team-label] you must provide labels: {"team"}`, nil},
	{"policy-kyverno", apiHost, fault.HopSecret, 400, "admission webhook \"validate.kyverno.svc-fail\" denied the request: \n\nresource Secret/product/product-pull was blocked due to the following policies\n\nsecrets:\n  no-changes: no", nil},
	{"policy-webhook", apiHost, fault.HopSecret, 403, `admission webhook "rancher.cattle.io.secrets" denied the request: no`, nil},
	{"policy-validating", apiHost, fault.HopSecret, 422, `secrets "product-pull" is forbidden: ValidatingAdmissionPolicy 'frozen' with binding 'frozen-all' denied request: expression 'object.x' resulted in error: no such key: x`, nil},
	{"policy-validating", apiHost, fault.HopSecret, 403, `The secrets "product-pull" is invalid: : ValidatingAdmissionPolicy 'frozen' with binding 'frozen-all' denied request: no`, nil},
	{"webhook-unreachable", apiHost, fault.HopSecret, 500, `Internal error occurred: failed calling webhook "validate.kyverno.svc-fail": failed to call webhook: Post "https://kyverno-svc.kyverno.svc:443/validate/fail?timeout=10s": context deadline exceeded`, nil},
	{"quota", apiHost, fault.HopSecret, 403, `secrets "product-pull" is forbidden: exceeded quota: small, requested: secrets=1, used: secrets=5, limited: secrets=5`, nil},
	{"quota", apiHost, fault.HopSecret, 403, `secrets "product-pull" is forbidden: status unknown for quota: small, resources: secrets`, nil},
	{"rbac", apiHost, fault.HopSecret, 403, `secrets "product-pull" is forbidden: User "system:serviceaccount:product:product-refresher" cannot patch resource "secrets" in API group "" in the namespace "product"`, nil},
	{"secret-immutable", apiHost, fault.HopSecret, 422, "Secret \"product-pull\" is invalid: data: Forbidden: field is immutable when `immutable` is set", nil},
	{"secret-invalid", apiHost, fault.HopSecret, 422, `Secret "product-pull" is invalid: data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": unexpected end of JSON input`, nil},
	{"kubernetes-token", apiHost, fault.HopSecret, 401, "Unauthorized", nil},
	{"conflict", apiHost, fault.HopSecret, 409, `Operation cannot be fulfilled on secrets "product-pull": the object has been modified; please apply your changes to the latest version and try again`, nil},

	{"proxy-login", stsHost, fault.HopSTS, 0, "", &wire.ProxyError{Proxy: "proxy.corp:3128", Status: 407, Body: []byte(block)}},
	{"proxy-denied", stsHost, fault.HopSTS, 0, "", &wire.ProxyError{Proxy: "proxy.corp:3128", Status: 403, Body: []byte("Forbidden by policy")}},
	{"proxy-failing", stsHost, fault.HopSTS, 0, "", &wire.ProxyError{Proxy: "proxy.corp:3128", Status: 503}},
	{"proxy-failing", stsHost, fault.HopSTS, 0, "", &wire.ProxyError{Proxy: "proxy.corp:3128", Status: 429}},
	{"proxy-unreachable", stsHost, fault.HopSTS, 0, "", &net.OpError{Op: "proxyconnect", Net: "tcp", Err: errors.New("dial tcp 10.0.0.1:3128: connect: connection refused")}},
	{"answer-too-long", stsHost, fault.HopSTS, 403, block, fmt.Errorf("sts.googleapis.com: %w", wire.ErrLong)},
	{"page-refused", stsHost, fault.HopSTS, 403, block, nil},
	{"page-refused", ecrHost, fault.HopECR, 403, block, nil},
	{"page-refused", entraHost, fault.HopEntra, 403, "\n" + block, nil},
	{"redirect", iamHost, fault.HopIAM, 302, "", nil},
	{"answer-undocumented", stsHost, fault.HopSTS, 200, block, nil},
	{"answer-undocumented", awsSTSHost, fault.HopSTS, 200, "welcome", nil},
	{"api-authority", apiHost, fault.HopSecret, 0, "", x509.UnknownAuthorityError{}},
	{"tls-inspection", stsHost, fault.HopSTS, 0, "", fmt.Errorf("tls: failed to verify certificate: %w", x509.UnknownAuthorityError{})},
	{"certificate-time", stsHost, fault.HopSTS, 0, "", x509.CertificateInvalidError{Reason: x509.Expired}},
	{"certificate", stsHost, fault.HopSTS, 0, "", errors.New("tls: failed to verify certificate: x509: certificate is valid for proxy.corp, not sts.googleapis.com")},
	{"certificate-unfit", stsHost, fault.HopSTS, 0, "", errors.New("tls: failed to verify certificate: x509: certificate relies on legacy Common Name field, use SANs instead")},
	{"certificate-unfit", stsHost, fault.HopSTS, 0, "", errors.New("x509: a root or intermediate certificate is not authorized to sign for this name: DNS name is not permitted by any constraint")},
	{"certificate-unfit", stsHost, fault.HopSTS, 0, "", errors.New("x509: certificate specifies an incompatible key usage")},
	{"tls-refused", stsHost, fault.HopSTS, 0, "", errors.New("remote error: tls: handshake failure")},
	{"tls-refused", stsHost, fault.HopSTS, 0, "", errors.New("http: server gave HTTP response to HTTPS client")},
	{"dns-silent", stsHost, fault.HopSTS, 0, "", &net.DNSError{Err: "i/o timeout", Name: stsHost, Server: "10.0.0.10:53", IsTimeout: true}},
	{"dns-silent", stsHost, fault.HopSTS, 0, "", errors.New("dial tcp: lookup sts.googleapis.com on 10.0.0.10:53: read udp 10.1.0.1:1->10.0.0.10:53: read: connection refused")},
	{"host-outside", stsHost, fault.HopSTS, 0, "", wire.ErrHost},
	{"dns", stsHost, fault.HopSTS, 0, "", &net.DNSError{Err: "no such host", Name: stsHost, IsNotFound: true}},
	{"timeout", stsHost, fault.HopSTS, 0, "", context.DeadlineExceeded},
	{"timeout", stsHost, fault.HopSTS, 0, "", errors.New("net/http: TLS handshake timeout")},
	{"no-connection", stsHost, fault.HopSTS, 0, "", errors.New("read tcp 10.0.0.1:1->10.0.0.2:443: read: connection reset by peer")},
	{"no-connection", stsHost, fault.HopSTS, 0, "", errors.New("http2: server sent GOAWAY and closed the connection; LastStreamID=1")},
	{"no-connection", stsHost, fault.HopSTS, 0, "", errors.New("dial tcp 142.250.1.1:443: connect: operation not permitted")},
}

func (s said) fault() *fault.Fault {
	client := s.err
	if client == nil {
		client = fmt.Errorf("GET https://%s/v2/x: unexpected status code %d Forbidden (HEAD responses have no body, use GET for details)", s.host, s.status)
	}
	return fault.FromExchange(s.hop, wire.Exchange{Host: s.host, Status: s.status, Body: []byte(s.body), Err: s.err}, client, &redact.Set{})
}

// families tells each row's.
func families() map[string]fault.Family {
	of := map[string]fault.Family{}
	for family, rows := range fault.Rows {
		for _, row := range rows {
			of[row.Name] = family
		}
	}
	return of
}

func TestEveryRowExplainsARecordedOrDocumentedAnswer(t *testing.T) {
	reached := map[string]bool{}
	for _, text := range texts {
		f := text.fault()
		assert.Equal(t, text.row, f.Row, "%s %d %s %v", text.hop, text.status, text.body, text.err)
		reached[text.row] = true
	}
	count := 0
	for family, rows := range fault.Rows {
		t.Logf("%s: %d rows", family, len(rows))
		for _, row := range rows {
			count++
			assert.True(t, reached[row.Name], "no text reaches %s", row.Name)
		}
	}
	assert.Len(t, families(), count, "names are unique")
}

func TestEveryRowIsWholeAndHarmless(t *testing.T) {
	document, err := os.ReadFile("../../../docs/facts.md")
	require.NoError(t, err)
	harm := regexp.MustCompile(`(?i)--replace|--force|--insecure|\bdelete\b|\bkubectl (edit|patch|replace|apply)\b|skip.*verif|disable`)
	for _, rows := range fault.Rows {
		for _, row := range rows {
			assert.NotEmpty(t, row.Cause, row.Name)
			assert.NotEmpty(t, row.Do, row.Name)
			assert.True(t, row.Words != nil || len(row.Status) > 0, "%s fits everything", row.Name)
			assert.NotRegexp(t, harm, row.Do, row.Name)
			assert.NotContains(t, row.Cause+row.Do, "above", "the cause is also shown alone: %s", row.Name)
			assert.NotContains(t, row.Cause+row.Do, "below", "the cause is also shown alone: %s", row.Name)
			if section, found := strings.CutPrefix(row.Source, "docs/facts.md §"); found {
				assert.Contains(t, string(document), "\n## "+section+". ", row.Name)
			} else {
				assert.Regexp(t, `^https://[a-z0-9.-]+/\S+$`, row.Source, row.Name)
			}
		}
	}
}

// What a cloud says is explained by its own rows, even where another's words are alike.
func TestNoFamilysWordsAreExplainedByAnothersRows(t *testing.T) {
	of := families()
	for _, text := range texts {
		mine := of[text.row]
		words := text.fault().Words
		for family, rows := range fault.Rows {
			// EKS's agent passes AWS's words on; both belong to AWS.
			if family == mine || mine == fault.FamilyAgent && family == fault.FamilyAmazon || mine == fault.FamilyAmazon && family == fault.FamilyAgent {
				continue
			}
			// The network's words are the client's own, and are asked about only where no cloud answered.
			if mine == fault.FamilyNetwork || family == fault.FamilyNetwork {
				continue
			}
			for _, row := range rows {
				asked := len(row.Status) == 0 || slices.Contains(row.Status, text.status)
				assert.False(t, asked && row.Words != nil && row.Words.MatchString(words), "%s of %s fits %q", row.Name, family, words)
			}
		}
	}
	for _, elsewhere := range []struct {
		host   string
		hop    fault.Hop
		family fault.Family
	}{
		{entraHost, fault.HopEntra, fault.FamilyEntra},
		{stsHost, fault.HopSTS, fault.FamilyGoogle},
		{awsSTSHost, fault.HopSTS, fault.FamilyAmazon},
		{agentHost, fault.HopSTS, fault.FamilyAgent},
		{apiHost, fault.HopSecret, fault.FamilyKubernetes},
	} {
		for _, text := range texts {
			if text.err != nil || text.status < 400 || of[text.row] == fault.FamilyNetwork {
				continue
			}
			text.host, text.hop = elsewhere.host, elsewhere.hop
			if f := text.fault(); f.Row != "" {
				assert.Equal(t, elsewhere.family, of[f.Row], f.Row)
			}
		}
	}
}

// What was explained wrongly once: each comes with a status or words that something else comes with too.
func TestWhatSpeaksOfSomethingElseIsNotExplainedAsMissingAccess(t *testing.T) {
	kinds := map[string]fault.Kind{
		"entra-unreachable": fault.Settling, "entra-no-credential": fault.Settling, "entra-signature": fault.Settling,
		"entra-conditional-access": fault.Lasting, "entra-disabled": fault.Lasting, "entra-resource-disabled": fault.Lasting,
		"entra-no-principal": fault.Settling, "entra-cloud": fault.Lasting, "entra-unassigned": fault.Settling,
		"google-perimeter": fault.Settling, "google-registry-api": fault.Settling, "google-sts-api": fault.Settling,
		"google-billing": fault.Settling, "iam-account": fault.Settling,
		"web-identity-thumbprint": fault.Settling, "agent-node-role": fault.Settling, "agent-route": fault.Passing,
		"agent-token-malformed": fault.Lasting, "ecr-token": fault.Lasting, "policy-gatekeeper": fault.Lasting,
		"proxy-login": fault.Lasting, "page-refused": fault.Lasting, "answer-too-long": fault.Lasting, "tls-inspection": fault.Lasting,
	}
	access := regexp.MustCompile(`workloadIdentityUser|artifactregistry\.reader|trust policy|federated credential's|RoleBinding|two policies`)
	for _, text := range texts {
		kind, listed := kinds[text.row]
		if !listed {
			continue
		}
		f := text.fault()
		assert.Equal(t, kind, f.Kind, text.row)
		assert.NotRegexp(t, access, f.Cause+f.Do, text.row)
	}
}

func TestAPageOfGooglesOwnFrontEndIsNotHeldForAProxys(t *testing.T) {
	page := "<!DOCTYPE html>\n<html lang=en>\n<title>Error 404 (Not Found)!!1</title>\n<p><b>404.</b> <ins>That’s an error.</ins>"
	f := said{"", stsHost, fault.HopSTS, 404, page, nil}.fault()
	assert.Empty(t, f.Row)
	assert.Equal(t, fault.Unknown, f.Cause)
	assert.Contains(t, f.Words, "Error 404 (Not Found)!!1")
}

func TestTheKeysOfTheProxyAreNamedWhereItIsTheProxy(t *testing.T) {
	for row, key := range map[string]string{
		"proxy-login": "environments.NAME.proxy.https", "proxy-denied": "environments.NAME.proxy.no", "answer-too-long": "environments.NAME.proxy.no",
		"page-refused": "environments.NAME.proxy.no", "tls-inspection": "environments.NAME.proxy.authority", "api-authority": "environments.NAME.proxy.no",
	} {
		for _, text := range texts {
			if text.row == row {
				assert.Contains(t, text.fault().Do, key, row)
			}
		}
	}
}

// everywhere are one hop and host of each family's.
var everywhere = []said{
	{"", entraHost, fault.HopEntra, 0, "", nil}, {"", stsHost, fault.HopSTS, 0, "", nil}, {"", iamHost, fault.HopIAM, 0, "", nil},
	{"", pkgHost, fault.HopRegistry, 0, "", nil}, {"", awsSTSHost, fault.HopSTS, 0, "", nil}, {"", ecrHost, fault.HopECR, 0, "", nil},
	{"", registryHost, fault.HopRegistry, 0, "", nil}, {"", agentHost, fault.HopSTS, 0, "", nil}, {"", apiHost, fault.HopSecret, 0, "", nil},
}

func TestWhatNobodyKnowsIsSaidToBeUnknown(t *testing.T) {
	statuses := []int{400, 403, 404, 412, 418, 422, 501, 503}
	for range 2000 {
		letters := make([]byte, 4+rand.IntN(60))
		for i := range letters {
			letters[i] = "abcdefghijklmnopqrstuvwxyz   "[rand.IntN(29)]
		}
		for _, at := range everywhere {
			at.status, at.body = statuses[rand.IntN(len(statuses))], "q"+string(letters)
			f := at.fault()
			require.Empty(t, f.Row, "%s %d %q", at.hop, at.status, at.body)
			want := fault.Unknown
			if at.status >= 500 {
				want = "the status says that the service is busy or failing"
			}
			require.Equal(t, want, f.Cause)
			require.Empty(t, f.Do)
			require.Equal(t, strings.Join(strings.Fields(at.body), " "), f.Words)
		}
	}
}

func FuzzAnAnswerIsExplainedByItsOwnFamilyOrByNobody(f *testing.F) {
	for _, text := range texts {
		f.Add(text.status, text.body)
	}
	f.Add(403, "<html><head><script>")
	f.Add(200, "<")
	of := families()
	own := map[string]fault.Family{entraHost: fault.FamilyEntra, stsHost: fault.FamilyGoogle, iamHost: fault.FamilyGoogle, pkgHost: fault.FamilyGoogle,
		awsSTSHost: fault.FamilyAmazon, ecrHost: fault.FamilyAmazon, registryHost: fault.FamilyAmazon, agentHost: fault.FamilyAgent, apiHost: fault.FamilyKubernetes}
	f.Fuzz(func(t *testing.T, status int, body string) {
		for _, at := range everywhere {
			at.status, at.body = status, body
			got := at.fault()
			if got.Cause == "" || got.Row == "" && got.Do != "" {
				t.Fatalf("%+v", got)
			}
			if family := of[got.Row]; got.Row != "" && family != own[at.host] && family != fault.FamilyNetwork {
				t.Fatalf("%s of %s explains %q of %s", got.Row, family, body, at.host)
			}
			if got.Kind != fault.Passing && (status >= 500 || status == 429) {
				t.Fatalf("HTTP %d does not pass: %+v", status, got)
			}
		}
	})
}
