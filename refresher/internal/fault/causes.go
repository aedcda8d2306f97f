package fault

import (
	"net/http"
	"regexp"

	"waybill.example/waybill/refresher/internal/awsname"
	"waybill.example/waybill/refresher/internal/wire"
)

// re keeps the tables readable.
var re = regexp.MustCompile

// rule ties words of a cloud to their likely cause. The table is docs/facts.md §5; the kinds follow the
// propagation times of docs/facts.md §2 (federated credentials: minutes) and §3 (IAM: up to five minutes).
type rule struct {
	hop   Hop
	words *regexp.Regexp // matched against the cloud's words
	kind  Kind
	cause string
}

// rules hold for the chain through Entra and Google; amazonRules for the one through AWS. The hops sts and
// registry are in both, and meet other words in each.
//
// Order matters: the first rule whose hop and words fit wins, so a longer AADSTS number stands before its
// prefix.
var rules = []rule{
	{HopEntra, re(`AADSTS700211\b`), Settling,
		"the federated credential's issuer is not the cluster's: compare it with iss below, trailing slash " +
			"included; after a change it can take minutes to arrive"},
	{HopEntra, re(`AADSTS700213\b`), Settling,
		"the federated credential's subject is not this ServiceAccount: namespace or ServiceAccount differs from " +
			"sub below; after a change it can take minutes to arrive"},
	{HopEntra, re(`AADSTS70021[24]\b`), Settling,
		"the federated credential's audience is not the one that the token carries: it must be the URI " +
			"api://AzureADTokenExchange (or the sovereign cloud's), never a GUID"},
	{HopEntra, re(`AADSTS70021\b`), Settling,
		"no federated credential matches: the issuer's trailing slash, or a credential that is not propagated yet"},
	{HopEntra, re(`AADSTS700222\b`), Lasting,
		"the token shown was issued by Entra itself; Entra wants the cluster's ServiceAccount token"},
	{HopEntra, re(`AADSTS700024\b`), Settling,
		"the ServiceAccount token is outside its lifetime: stale file, or the node's clock; the file is read " +
			"again on every attempt"},
	{HopEntra, re(`AADSTS7000272\b`), Settling,
		"the token is signed with a key that Entra does not find at the cluster's issuer: keys rotated and not " +
			"published yet, or another cluster behind the same issuer"},
	{HopEntra, re(`AADSTS700016\b`), Settling,
		"no such application in the tenant: AZURE_CLIENT_ID is not the identity's client ID, AZURE_TENANT_ID is " +
			"another tenant, or the identity is a minute old"},
	{HopEntra, re(`AADSTS90002\b`), Lasting,
		"no such tenant: AZURE_TENANT_ID, or AZURE_AUTHORITY_HOST of another Azure cloud"},
	{HopEntra, re(`AADSTS(90061|501661)\b`), Settling,
		"Entra cannot reach the cluster's issuer: its discovery document and keys must be public"},
	{HopEntra, re(`AADSTS(1002012|70011|500011)\b`), Lasting,
		"the scope is not one that the tenant knows: WAYBILL_ENTRA_SCOPE must end in /.default"},

	{HopSTS, re(`(?i)issuer in ID Token .* does not match`), Lasting,
		"the provider expects another issuer than iss below: Entra's v1 and v2 issuers mixed up, or another " +
			"tenant or cluster"},
	{HopSTS, re(`(?i)audience in ID Token .* does not match`), Lasting,
		"the provider's allowed audiences lack aud below: Entra's token carries the GUID " +
			"fb60f99c-7a34-4190-8149-302f77469936, not the URI; a cluster's token carries the provider's full name"},
	{HopSTS, re(`(?i)rejected by the attribute condition`), Settling,
		"the provider's attribute condition is false for the claims below: tenant, identity (sub) or client (azp, " +
			"v1: appid) differs from what the vendor configured"},
	{HopSTS, re(`(?i)invalid_target`), Settling,
		"pool or provider not found: a project ID where its number is wanted, or a pool or provider that is " +
			"deleted, disabled or new"},
	{HopSTS, re(`(?i)(expired|stale|lifetime|issued at|too long)`), Lasting,
		"the token's times: expired, from a wrong clock, or valid for more than 48 hours (exp − iat)"},
	{HopSTS, re(`(?i)(signature|jwk|key ?id|\bkid\b|discovery)`), Settling,
		"Google does not find the token's key at its issuer: keys rotated and not published yet, an uploaded key " +
			"set that is old, or an issuer that is not public"},

	{HopIAM, re(`iam\.serviceAccounts\.getAccessToken`), Settling,
		"roles/iam.workloadIdentityUser on the service account is missing for this principal, or not propagated " +
			"(up to five minutes), or the pool is disabled"},
	{HopIAM, re(`(?i)has not been used|SERVICE_DISABLED|is disabled`), Settling,
		"the API iamcredentials.googleapis.com, or the service account, is disabled in the vendor's project"},

	{HopRegistry, re(`artifactregistry\.repositories\.downloadArtifacts`), Settling,
		"roles/artifactregistry.reader on the repository is missing for the service account, or not propagated " +
			"(up to five minutes)"},
	{HopRegistry, re(`MANIFEST_UNKNOWN|NAME_UNKNOWN|NOT_FOUND`), Lasting,
		"the repository holds no such image, tag or digest: WAYBILL_IMAGE, or a release that the vendor has not " +
			"published to this customer"},
}

// fallbacks give a cause to refusals in words that the table does not know, by hop.
var fallbacks = map[Hop]string{
	HopEntra: "Entra refused the ServiceAccount token: compare the claims below with the identity's " +
		"federated credential",
	HopSTS: "Google's token service refused the token: compare the claims below with the provider's " +
		"issuer, audiences and condition",
	HopIAM: "Google refused to issue the service account's token: look at the account and its " +
		"roles/iam.workloadIdentityUser",
	HopRegistry: "the registry refused the service account's token for the product's image: look at " +
		"roles/artifactregistry.reader on the repository",
}

// diagnose finds the kind and the likely cause of a refusal.
func diagnose(name Hop, e wire.Exchange, words string) (Kind, string) {
	amazon := awsname.Answers(e.Host)
	table, unknown := rules, fallbacks
	if amazon {
		table, unknown = amazonRules, amazonFallbacks
	}
	for _, r := range table {
		if r.hop == name && r.words.MatchString(words) {
			return r.kind, r.cause
		}
	}
	if name == HopRegistry && e.Status == http.StatusNotFound {
		return Lasting, "the repository holds no such image, tag or digest, or it may not be seen: WAYBILL_IMAGE"
	}
	// Google's permission systems and AWS's settle over minutes, whatever words they choose.
	if e.Status == http.StatusForbidden && (amazon || name == HopIAM || name == HopRegistry) {
		return Settling, unknown[name]
	}
	return Lasting, unknown[name]
}
