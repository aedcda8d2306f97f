package fault

const (
	googleFederation = "https://cloud.google.com/iam/docs/troubleshooting-workload-identity-federation"
	googleReasons    = "https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto"
	googlePerimeters = "https://cloud.google.com/vpc-service-controls/docs/troubleshooting"
)

// googleDisabled matches an API that the project has not enabled, in the words of SERVICE_DISABLED.
var googleDisabled = re(`(?i)has not been used in project .* or it is disabled|SERVICE_DISABLED|accessNotConfigured`)

// googleRows are the answers of Google's token service, of IAM's credentials API and of Artifact Registry. What speaks of
// perimeters, projects and APIs stands before what speaks of access: each comes with a 403.
var googleRows = []Row{
	{
		Name:  "google-perimeter",
		Words: re(`(?i)prohibited by organization's policy|vpcServiceControlsUniqueIdentifier`),
		Kind:  Settling,
		Cause: "a VPC Service Controls perimeter around the vendor's project blocks requests from outside",
		Do: "the vendor looks up the refusal by the identifier in the message, and adds an ingress rule for this " +
			"pool's identities and service account to sts, iamcredentials and artifactregistry; it can take half " +
			"an hour",
		Source: googlePerimeters,
	},
	{
		Name: "google-deny", Words: re(`(?i)denied by (an? )?(IAM )?deny polic(y|ies)|principal access boundary`), Kind: Settling,
		Cause: "a deny policy or a principal access boundary of an organization, the vendor's for the most part, forbids what " +
			"the chain's roles allow",
		Do:     "the vendor's organization administrator adds an exception for this pool's identities and service account",
		Source: "https://cloud.google.com/iam/docs/deny-overview",
	},
	{
		Name:   "google-key",
		Hops:   []Hop{HopRegistry},
		Words:  re(`(?i)\bKMS key\b|/cryptoKeys/`),
		Kind:   Settling,
		Cause:  "the key that encrypts the vendor's repository is off or gone, or does not let Artifact Registry use it",
		Do:     "the vendor checks the state of the Cloud KMS key, and what Artifact Registry's service agent may do with it",
		Source: "https://cloud.google.com/artifact-registry/docs/cmek",
	},
	{
		Name: "google-billing", Words: re(`(?i)requires billing to be enabled|BILLING_DISABLED|billing account .* is disabled`), Kind: Settling,
		Cause:  "billing is off for the vendor's project",
		Do:     "the vendor links the project to an open billing account",
		Source: googleReasons,
	},
	{
		Name: "google-suspended", Words: re(`(?i)CONSUMER_SUSPENDED|Consumer .*has been suspended`), Kind: Lasting,
		Cause:  "Google has suspended the vendor's project",
		Do:     "the vendor reads Google's notice in the project's console",
		Source: googleReasons,
	},
	{
		Name:  "google-project",
		Words: re(`(?i)CONSUMER_INVALID|\bProject\b.*(has been deleted|not found or deleted)`),
		Kind:  Lasting,
		Cause: "the vendor's project is deleted, or its number or ID is wrong",
		Do: "compare the project in the credential configuration and in the registry's path with the " +
			"vendor's grant",
		Source: googleReasons,
	},
	{
		Name: "google-sts-api", Hops: []Hop{HopSTS}, Words: googleDisabled, Kind: Settling,
		Cause:  "the Security Token Service API is not enabled in the vendor's project, or was enabled a moment ago",
		Do:     "the vendor enables sts.googleapis.com there",
		Source: googleReasons,
	},
	{
		Name: "google-iam-api", Hops: []Hop{HopIAM}, Words: googleDisabled, Kind: Settling,
		Cause: "the IAM Service Account Credentials API is not enabled in the vendor's project, or was enabled " +
			"a moment ago",
		Do:     "the vendor enables iamcredentials.googleapis.com there",
		Source: googleReasons,
	},
	{
		Name: "google-registry-api", Hops: []Hop{HopRegistry}, Words: googleDisabled, Kind: Settling,
		Cause:  "the Artifact Registry API is not enabled in the vendor's project, or was enabled a moment ago",
		Do:     "the vendor enables artifactregistry.googleapis.com there",
		Source: googleReasons,
	},
	{
		Name: "google-quota", Words: re(`(?i)RESOURCE_EXHAUSTED|RATE_LIMIT_EXCEEDED|Quota exceeded`), Kind: Passing,
		Cause:  "a quota of the vendor's project is used up",
		Do:     "the vendor checks the quotas of sts, iamcredentials and artifactregistry",
		Source: googleFederation,
	},

	{
		Name: "sts-issuer", Hops: []Hop{HopSTS}, Words: re(`(?i)issuer in ID Token .* does not match`), Kind: Lasting,
		Cause: "the provider expects another issuer than the token's iss: Entra's v1 and v2 issuers mixed up, or " +
			"another tenant or cluster",
		Do:     "the vendor compares the provider's issuer with the token's iss",
		Source: facts + "§5",
	},
	{
		Name:  "sts-audience",
		Hops:  []Hop{HopSTS},
		Words: re(`(?i)audience in ID Token .* does not match`),
		Kind:  Lasting,
		Cause: "the provider's allowed audiences lack the token's aud",
		Do: "Entra's token carries the GUID fb60f99c-7a34-4190-8149-302f77469936, not the URI; a cluster's token " +
			"carries the provider's full name",
		Source: facts + "§5",
	},
	{
		Name:  "sts-condition",
		Hops:  []Hop{HopSTS},
		Words: re(`(?i)rejected by the attribute condition`),
		Kind:  Settling,
		Cause: "the provider's attribute condition is false for the token's claims: tenant, identity (sub) or client " +
			"(azp, v1: appid) differs from what the vendor configured",
		Do:     "compare the token's claims with the access request that the vendor has",
		Source: facts + "§5",
	},
	{
		Name: "sts-target", Hops: []Hop{HopSTS}, Words: re(`\binvalid_target\b`), Kind: Settling,
		Cause: "pool or provider not found: a project ID where its number is wanted, or a pool or provider that is " +
			"deleted, disabled or new",
		Do:     "compare the audience in the credential configuration with the vendor's grant",
		Source: facts + "§5",
	},
	{
		Name:  "sts-issuer-unreachable",
		Hops:  []Hop{HopSTS},
		Words: re(`(?i)Error connecting to the given credential's issuer`),
		Kind:  Settling,
		Cause: "Google cannot get the issuer's keys: the issuer is not public, or the key set that the vendor " +
			"uploaded is malformed or old",
		Do: "fetch /.well-known/openid-configuration at the token's iss from outside; if keys were uploaded, " +
			"upload the cluster's current ones",
		Source: googleFederation,
	},
	{
		// Google says so of what is expired, too, and of what a clock ahead issued.
		Name: "sts-token-time", Hops: []Hop{HopSTS},
		Words: re(`(?i)ID Token issued at .* is stale|issued in the future|ID Token is not valid yet|ID Token lives|(ID Token|JWT) has expired|` +
			`ID Token must contain the claims iat`),
		Kind: Lasting,
		Cause: "the token expired, was issued too long ago, is valid for too long, or comes from a " +
			"wrong clock",
		Do: "check the age of the projected file and the clocks of node and cluster; Google accepts at most 48 " +
			"hours from iat to exp",
		Source: googleFederation,
	},
	{
		Name: "sts-signature", Hops: []Hop{HopSTS},
		Words: re(`(?i)verify the ID Token signature|signature of the ID Token|ID Token is signed with|uploaded keys of`),
		Kind:  Settling,
		Cause: "Google does not find the token's key at its issuer: keys rotated and not published yet, or an " +
			"uploaded key set that is old",
		Do: "compare the keys at the token's iss, or those that were uploaded, with the cluster's (kubectl get " +
			"--raw /openid/v1/jwks)",
		Source: facts + "§5",
	},
	{
		Name: "sts-token", Hops: []Hop{HopSTS}, Words: re(`(?i)Unable to parse the ID Token|ID Token does not contain`),
		Kind:   Lasting,
		Cause:  "Google cannot use the token as a JWT with a subject",
		Do:     "check which token the projected file contains, or Entra returns",
		Source: facts + "§5",
	},
	{
		Name:   "sts-mapping",
		Hops:   []Hop{HopSTS},
		Words:  re(`(?i)size of mapped attribute|credential cannot be mapped|obtain a value for google\.subject|evaluating the attribute mapping`),
		Kind:   Lasting,
		Cause:  "the provider's mapping gives this token no subject, or one of more than 127 bytes",
		Do:     "shorten namespace and ServiceAccount names, or the vendor changes the mapping of google.subject",
		Source: googleFederation,
	},

	{
		Name:  "iam-impersonation",
		Hops:  []Hop{HopIAM},
		Words: re(`iam\.serviceAccounts\.getAccessToken`),
		Kind:  Settling,
		Cause: "roles/iam.workloadIdentityUser on the service account is missing for this principal or not " +
			"propagated (it can take seven minutes or more), there is no such account, or the pool is disabled",
		Do:     "the vendor checks the account's policy for principal://…/subject/ with the token's sub",
		Source: facts + "§5",
	},
	{
		Name: "iam-account", Hops: []Hop{HopIAM}, Status: []int{404}, Kind: Settling,
		Words:  re(`(?i)Gaia id not found|Account deleted|Unknown service account|NOT_FOUND`),
		Cause:  "there is no such service account: its email is wrong, or it was deleted, or created a minute ago",
		Do:     "compare the service account in the credential configuration with the vendor's grant",
		Source: facts + "§5",
	},
	{
		Name:   "iam-account-disabled",
		Hops:   []Hop{HopIAM},
		Words:  re(`(?i)service account .*\bis disabled`),
		Kind:   Settling,
		Cause:  "the service account is disabled",
		Do:     "the vendor finds out why, and enables it",
		Source: "https://cloud.google.com/iam/docs/service-accounts-disable-enable",
	},

	{
		Name:   "registry-anonymous",
		Hops:   []Hop{HopRegistry},
		Words:  re(`(?i)Unauthenticated requests? `),
		Kind:   Lasting,
		Cause:  "the registry got a request without the token: a proxy or firewall removes it",
		Do:     "the proxy (" + keyProxy + ") must pass on the Authorization header, or be bypassed (" + keyNoProxy + ")",
		Source: "https://cloud.google.com/artifact-registry/docs/docker/troubleshoot",
	},
	{
		Name:  "registry-reader",
		Hops:  []Hop{HopRegistry},
		Words: re(`artifactregistry\.repositories\.downloadArtifacts`),
		Kind:  Settling,
		Cause: "roles/artifactregistry.reader on the repository is missing for the service account or not " +
			"propagated (it can take seven minutes or more), or there is no such repository: Google's answer is " +
			"the same",
		Do:     "the vendor checks the repository in the image's path, its policy, and whether it has suspended this customer",
		Source: facts + "§5",
	},
	{
		Name:   "registry-token",
		Hops:   []Hop{HopRegistry},
		Status: []int{401},
		Words:  re(`\bUNAUTHORIZED: |\bUNAUTHENTICATED\b`),
		Kind:   Lasting,
		Cause:  "the registry does not accept the token that Google has just issued for it",
		Do:     "check the node's clock, and that the service account still exists and is enabled",
		Source: "https://cloud.google.com/artifact-registry/docs/docker/authentication",
	},
}
