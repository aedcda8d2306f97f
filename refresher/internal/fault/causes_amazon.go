package fault

// What AWS says at more than one hop. The error codes are those of
// https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html, and IAM is eventually consistent
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency).
var (
	throttled = re(`\b(Throttling|ThrottlingException|ThrottledException|RequestLimitExceeded|` +
		`TooManyRequestsException)\b|(?i)rate exceeded`)
	clock = re(`\b(SignatureDoesNotMatch|InvalidSignatureException|RequestExpired|RequestTimeTooSkewed)\b|` +
		`(?i)signature (expired|not yet current)`)
	endpoint = re(`(?i)VPC endpoint policy`)
	denied   = re(`(?i)explicit deny|service control policy|permissions boundary|session policy`)
)

const (
	causeThrottled = "AWS limits the rate of such requests in the account"
	causeClock     = "the signature's time or content: the node's clock is wrong, or a proxy on the way changes requests"
	causeEndpoint  = "the policy of a VPC endpoint in the customer's network forbids it"
	causeDenied    = "a policy above or beside the two of the chain forbids it: an explicit deny, a service control policy, or a permissions boundary"
)

// common are the rules that stand before a hop's own.
func common(name Hop) []rule {
	return []rule{
		{name, throttled, Passing, causeThrottled},
		{name, clock, Lasting, causeClock},
		{name, endpoint, Settling, causeEndpoint},
		{name, denied, Settling, causeDenied},
	}
}

// amazonRules are the table for AWS's hosts and the Pod Identity agent: docs/facts.md §4 and §5, and the
// errors of AssumeRoleWithWebIdentity
// (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors)
// and AssumeRoleForPodIdentity
// (https://docs.aws.amazon.com/eks/latest/APIReference/API_auth_AssumeRoleForPodIdentity.html#API_auth_AssumeRoleForPodIdentity_Errors).
var amazonRules = append(append(append(common(HopSTS), common(HopECR)...), common(HopRegistry)...), []rule{
	{HopSTS, re(`sts:AssumeRoleWithWebIdentity`), Settling,
		"the role's trust policy does not let this token in: compare its OIDC provider, :aud and :sub with iss, " +
			"aud and sub below; or the role does not exist, or is seconds old"},
	{HopSTS, re(`(?i)No OpenIDConnect provider found`), Settling,
		"the customer's account has no IAM OIDC provider for iss below"},
	{HopSTS, re(`(?i)Incorrect token audience`), Settling,
		"the client-ID list of the account's IAM OIDC provider lacks aud below: it must hold sts.amazonaws.com"},
	{HopSTS, re(`\bIDPCommunicationError\b|(?i)verification key`), Settling,
		"STS does not get the cluster's keys from iss below: its discovery document and keys must be public, and " +
			"keys that were rotated published"},
	{HopSTS, re(`\bRegionDisabledException\b`), Lasting,
		"STS is not activated in this Region for the customer's account: AWS_REGION, or the account's settings"},
	{HopSTS, re(`\bResourceNotFoundException\b|(?i)no association`), Settling,
		"the cluster has no Pod Identity association for this namespace and ServiceAccount (sub below), or it is " +
			"seconds old"},
	{HopSTS, re(`(?i)does not have permissions to assume`), Settling,
		"the role's trust policy must allow pods.eks.amazonaws.com both sts:AssumeRole and sts:TagSession, and " +
			"its conditions must fit the cluster, namespace and ServiceAccount"},
	{HopSTS, re(`\b(ExpiredToken|ExpiredTokenException)\b`), Settling,
		"the token is outside its lifetime: stale file, or the node's clock; the file is read again on every " +
			"attempt"},
	{HopSTS, re(`\b(InvalidIdentityToken|InvalidTokenException)\b`), Settling,
		"the ServiceAccount token is not one of the cluster that AWS knows: compare iss and aud below with the " +
			"account's IAM OIDC provider, or with the cluster of the Pod Identity agent"},
	{HopSTS, re(`\b(InvalidClientTokenId|UnrecognizedClientException)\b`), Settling,
		"STS does not know the credentials that were just issued: another partition's endpoint, or a Region that " +
			"the account has not enabled"},

	{HopECR, re(`ecr:GetAuthorizationToken`), Settling,
		"the role's own policy must allow ecr:GetAuthorizationToken on *: that permission cannot be limited to a " +
			"repository"},
	{HopECR, re(`\b(UnrecognizedClientException|InvalidClientTokenId|ExpiredTokenException)\b`), Settling,
		"the vendor registry's Region does not take the role's credentials: another partition, or a Region that " +
			"the customer's account has not enabled"},

	{HopRegistry, re(`(?i)no resource-based policy allows`), Settling,
		"the vendor's repository policy does not name this role (its ARN, path included), or is seconds old"},
	{HopRegistry, re(`(?i)no identity-based policy allows`), Settling,
		"the role's own policy, in the customer's account, does not allow pulling from this repository (its ARN, " +
			"with the vendor's account)"},
	{HopRegistry, re(`MANIFEST_UNKNOWN|NAME_UNKNOWN`), Lasting,
		"the repository holds no such image, tag or digest: WAYBILL_IMAGE, or a release that the vendor has not " +
			"published to this customer"},
}...)

// amazonFallbacks give a cause to refusals in words that the table does not know, by hop.
var amazonFallbacks = map[Hop]string{
	HopSTS: "AWS did not make the ServiceAccount token the role's credentials: compare the claims below " +
		"with the role's trust policy",
	HopECR: "ECR did not issue a token to the role: look at the role's own policy " +
		"(ecr:GetAuthorizationToken on *)",
	HopRegistry: "one of the two policies is missing: the vendor's repository policy for this role, or the " +
		"role's own policy for this repository",
}
