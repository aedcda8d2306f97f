package fault

const (
	stsDocs = "https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html" +
		"#API_AssumeRoleWithWebIdentity_Errors"
	awsDocs    = "https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html"
	denialDocs = "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"
	ecrDocs    = "https://docs.aws.amazon.com/AmazonECR/latest/userguide/common-errors.html"
	eksDocs    = "https://docs.aws.amazon.com/eks/latest/APIReference/API_auth_AssumeRoleForPodIdentity.html" +
		"#API_auth_AssumeRoleForPodIdentity_Errors"
	agentCode = "https://github.com/aws/eks-pod-identity-agent/blob/main/"
)

// amazonRows are the answers of AWS's STS, of ECR's API and of its registries. IAM is eventually consistent
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency), so what
// speaks of policies settles.
var amazonRows = []Row{
	{
		Name: "aws-throttled", Kind: Passing,
		Words: re(`\b(Throttling|ThrottlingException|ThrottledException|RequestLimitExceeded|` +
			`TooManyRequestsException)\b|(?i)rate exceeded`),
		Cause: "AWS limits the rate of such requests in the account",
		Do: "look for a program that sends requests in a loop; refreshers of different stacks start at " +
			"different times",
		Source: ecrDocs,
	},
	{
		Name: "aws-clock", Kind: Lasting,
		Words: re(`\b(SignatureDoesNotMatch|InvalidSignatureException|RequestExpired|RequestTimeTooSkewed)\b|` +
			`(?i)signature (expired|not yet current)`),
		Cause: "the signature's time or content is wrong: the node's clock, or a proxy on the way that changes " +
			"requests",
		Do:     "check the node's clock; the proxy (" + keyProxy + ") must pass on headers unchanged",
		Source: awsDocs,
	},
	{
		Name: "aws-anonymous", Kind: Lasting,
		Words:  re(`\b(MissingAuthenticationToken|IncompleteSignature)(Exception)?\b`),
		Cause:  "AWS got a request without its signature, or with a part of it: a proxy or firewall removes it",
		Do:     "the proxy (" + keyProxy + ") must pass on the Authorization header, or be bypassed (" + keyNoProxy + ")",
		Source: awsDocs,
	},
	{
		Name: "aws-endpoint-policy", Words: re(`(?i)VPC endpoint policy`), Kind: Settling,
		Cause: "the policy of a VPC endpoint in the customer's network forbids the request",
		Do: "the customer allows the role in the endpoint of this hop (sts, ecr.api or ecr.dkr), for the " +
			"vendor's account too",
		Source: denialDocs,
	},
	{
		Name: "aws-explicit-deny", Kind: Settling,
		Words: re(`(?i)explicit deny|service control policy|resource control policy|permissions boundary|session policy`),
		Cause: "a policy other than the chain's two forbids the request: an explicit deny, a service or resource " +
			"control policy, or a permissions boundary",
		Do:     "the owner of the policy named in the message adds an exception",
		Source: denialDocs,
	},
	{
		Name: "aws-subscription", Words: re(`\b(OptInRequired|SubscriptionRequiredException)\b`), Kind: Lasting,
		Cause:  "the customer's account is not activated for the service",
		Do:     "the account's owner finishes its registration with AWS",
		Source: awsDocs,
	},

	{
		Name:  "web-identity-thumbprint",
		Hops:  []Hop{HopSTS},
		Words: re(`(?i)certificate doesn't match configured thumbprint`),
		Kind:  Settling,
		Cause: "the thumbprint of the account's IAM OIDC provider is not that of the issuer's certificate: the " +
			"issuer's authority changed, or it was read through a proxy that inspects TLS",
		Do: "the account's owner sets the thumbprint of the root certificate at the token's iss, read " +
			"without a proxy",
		Source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html",
	},
	{
		Name:  "web-identity-trust",
		Hops:  []Hop{HopSTS},
		Words: re(`(?i)not authorized to perform:? sts:AssumeRoleWithWebIdentity`),
		Kind:  Settling,
		Cause: "the role's trust policy does not accept this token, or the role does not exist or was created " +
			"seconds ago",
		Do:     "compare the trust policy's OIDC provider, :aud and :sub with the token's iss, aud and sub",
		Source: facts + "§5",
	},
	{
		Name:   "web-identity-no-provider",
		Hops:   []Hop{HopSTS},
		Words:  re(`(?i)No OpenIDConnect provider found`),
		Kind:   Settling,
		Cause:  "the role's account has no IAM OIDC provider for the token's iss",
		Do:     "the account's owner creates one, with exactly that issuer",
		Source: stsDocs,
	},
	{
		Name: "web-identity-audience", Hops: []Hop{HopSTS}, Words: re(`(?i)Incorrect token audience`), Kind: Settling,
		Cause:  "the client-ID list of the account's IAM OIDC provider lacks the token's aud",
		Do:     "it must contain sts.amazonaws.com",
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/enable-iam-roles-for-service-accounts.html",
	},
	{
		Name:   "web-identity-keys",
		Hops:   []Hop{HopSTS},
		Words:  re(`\bIDPCommunicationError\b|(?i)retrieve verification key`),
		Kind:   Settling,
		Cause:  "STS does not get the cluster's keys from the token's iss, or not the one that signed the token",
		Do:     "its discovery document and keys must be public, and keys that were rotated published",
		Source: stsDocs,
	},
	{
		Name:   "web-identity-claim",
		Hops:   []Hop{HopSTS},
		Words:  re(`(?i)Missing a required claim|\bIDPRejectedClaim\b`),
		Kind:   Lasting,
		Cause:  "the token lacks a claim that STS requires, or has one that STS does not accept",
		Do:     "the cluster's tokens must carry iss, sub, aud, exp and iat",
		Source: stsDocs,
	},
	{
		Name: "web-identity-tags", Hops: []Hop{HopSTS}, Words: re(`\bPackedPolicyTooLarge\b`), Kind: Lasting,
		Cause:  "the session tags in the token are too large",
		Do:     "the cluster's issuer must put fewer tags into its tokens",
		Source: stsDocs,
	},
	{
		Name: "sts-region", Hops: []Hop{HopSTS}, Words: re(`\bRegionDisabledException\b`), Kind: Lasting,
		Cause:  "STS is not activated in this Region for the role's account",
		Do:     "activate it in the account's settings, or set AWS_REGION to the cluster's Region",
		Source: stsDocs,
	},
	{
		Name:   "web-identity-time",
		Hops:   []Hop{HopSTS},
		Words:  re(`\b(ExpiredToken|ExpiredTokenException)\b`),
		Kind:   Settling,
		Cause:  "the token is outside its lifetime",
		Do:     "check the age of the projected file and the node's clock; the file is read again on every attempt",
		Source: stsDocs,
	},
	{
		Name: "web-identity-token", Hops: []Hop{HopSTS}, Words: re(`\bInvalidIdentityToken\b`), Kind: Settling,
		Cause:  "the ServiceAccount token is not from the cluster that AWS knows",
		Do:     "compare the token's iss and aud with the account's IAM OIDC provider",
		Source: stsDocs,
	},
	{
		Name:  "sts-credentials",
		Hops:  []Hop{HopSTS},
		Words: re(`\b(InvalidClientTokenId|UnrecognizedClientException)\b`),
		Kind:  Settling,
		Cause: "STS does not know the credentials that were just issued: another partition's endpoint, or a Region " +
			"that the account has not enabled",
		Do:     "compare AWS_REGION with the cluster's Region and the role's partition",
		Source: awsDocs,
	},

	{
		Name: "ecr-permission", Hops: []Hop{HopECR}, Words: re(`ecr:GetAuthorizationToken`), Kind: Settling,
		Cause:  "the role's own policy does not allow ecr:GetAuthorizationToken",
		Do:     "it must do so on *: that permission cannot be limited to a repository",
		Source: ecrDocs,
	},
	{
		Name: "ecr-credentials-expired", Hops: []Hop{HopECR}, Kind: Settling,
		Words:  re(`\bExpiredToken(Exception)?\b`),
		Cause:  "the role's credentials, which AWS has just issued, are expired",
		Do:     "check the node's clock, and whether the role's sessions were revoked",
		Source: awsDocs,
	},
	{
		Name: "ecr-credentials", Hops: []Hop{HopECR}, Kind: Settling,
		Words: re(`\b(UnrecognizedClientException|InvalidClientTokenId)\b`),
		Cause: "the vendor registry's Region does not accept the role's credentials: another partition, or a " +
			"Region that the customer's account has not enabled",
		Do:     "the customer enables the registry's Region in its account",
		Source: awsDocs,
	},

	{
		Name:   "ecr-token",
		Hops:   []Hop{HopRegistry},
		Words:  re(`(?i)authorization token (has expired|is invalid)`),
		Kind:   Lasting,
		Cause:  "the registry does not accept the token that ECR has just issued: it is invalid or expired",
		Do:     "check the node's clock, and whether the role's sessions were revoked",
		Source: "https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html",
	},
	{
		Name: "ecr-no-token", Hops: []Hop{HopRegistry}, Words: re(`(?i)no basic auth credentials`), Kind: Lasting,
		Cause:  "the registry got a request without the token: a proxy or firewall removes it",
		Do:     "the proxy (" + keyProxy + ") must pass on the Authorization header, or be bypassed (" + keyNoProxy + ")",
		Source: ecrDocs,
	},
	{
		Name:   "ecr-repository-policy",
		Hops:   []Hop{HopRegistry},
		Words:  re(`(?i)no resource-based policy allows`),
		Kind:   Settling,
		Cause:  "the vendor's repository policy does not name this role, or was written seconds ago",
		Do:     "the vendor compares the role's ARN there, path included",
		Source: denialDocs,
	},
	{
		Name:   "ecr-role-policy",
		Hops:   []Hop{HopRegistry},
		Words:  re(`(?i)no identity-based policy allows`),
		Kind:   Settling,
		Cause:  "the role's own policy, in the role's account, does not allow pulling from this repository",
		Do:     "compare the repository's ARN there, with the vendor's account and Region",
		Source: denialDocs,
	},
	{
		Name:   "ecr-key",
		Hops:   []Hop{HopRegistry},
		Words:  re(`\b(KmsError|KmsException|KMSException)\b`),
		Kind:   Settling,
		Cause:  "the key that encrypts the vendor's repository does not let ECR read it",
		Do:     "the vendor checks the KMS key's state and policy",
		Source: "https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageFailure.html",
	},
	{
		// A HEAD has no body, and ECR's 403 to a GET often none either.
		Name:   "ecr-forbidden",
		Hops:   []Hop{HopRegistry},
		Status: []int{403},
		Words:  re(`^(\S+ \S+: )?unexpected status code 403 Forbidden`),
		Kind:   Settling,
		Cause: "one of the two policies is missing: the vendor's repository policy for this role, or the role's own " +
			"policy for this repository",
		Do:     "check both, and ask the vendor whether this customer is suspended; ECR does not say which",
		Source: facts + "§5",
	},
}

// agentRows are the answers of the EKS Pod Identity agent: its own, and those of EKS that it passes on as
// "[request]: (Code): message, fault: whose".
var agentRows = []Row{
	{
		Name: "agent-silent", Kind: Passing, Status: []int{0},
		Words: re(noAnswer + "|" + noLink),
		Cause: "the EKS Pod Identity agent does not answer on the node: its add-on is missing or starting, the pod " +
			"runs on Fargate, or a network policy closes port 80 of its link-local address",
		Do: "look at the DaemonSet eks-pod-identity-agent in kube-system, on this pod's node; on Cilium set networkPolicy: false, " +
			"with a CiliumNetworkPolicy of your own (docs/clusters.md)",
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/pod-identities.html#pod-id-considerations",
	},
	{
		Name: "agent-throttled", Words: re(`\bThrottling(Exception)?\b|Too Many Requests\.`), Kind: Passing,
		Cause:  "EKS limits the rate of such requests in the cluster",
		Do:     "wait; runs of different stacks start at different times",
		Source: eksDocs,
	},
	{
		Name: "agent-eks", Words: re(`\b(InternalServerException|ServiceUnavailableException)\b`), Kind: Passing,
		Cause:  "EKS reports a temporary fault of its own",
		Do:     "wait",
		Source: eksDocs,
	},
	{
		Name: "agent-route", Status: []int{500}, Kind: Passing,
		Cause: "the agent got no answer from EKS",
		Do: "nodes must be able to reach eks-auth.REGION.api.aws, in private networks the VPC endpoint " +
			"com.amazonaws.REGION.eks-auth; the agent's log has the error",
		Source: agentCode + "pkg/errors/errors.go",
	},
	{
		Name: "agent-node-role", Words: re(`eks-auth:AssumeRoleForPodIdentity`), Kind: Settling,
		Cause:  "the node's role may not ask EKS for the pods' credentials",
		Do:     "the node's role needs eks-auth:AssumeRoleForPodIdentity, as in AmazonEKSWorkerNodePolicy",
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/pod-id-agent-setup.html",
	},
	{
		Name: "agent-trust", Words: re(`(?i)does not have permissions to assume`), Kind: Settling,
		Cause: "the role's trust policy does not let EKS assume the role",
		Do: "it must allow pods.eks.amazonaws.com both sts:AssumeRole and sts:TagSession, and its conditions " +
			"must match the cluster, namespace and ServiceAccount",
		Source: "https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html",
	},
	{
		Name: "agent-association", Words: re(`\bResourceNotFoundException\b|(?i)no association`), Kind: Settling,
		Cause: "the cluster has no Pod Identity association for this namespace and ServiceAccount (the token's " +
			"sub), or it was created seconds ago",
		Do:     "aws eks list-pod-identity-associations shows them",
		Source: eksDocs,
	},
	{
		Name:   "agent-token-time",
		Words:  re(`\bExpiredTokenException\b|failed basic claim validations`),
		Kind:   Settling,
		Cause:  "the token is outside its lifetime",
		Do:     "check the age of the projected file and the node's clock; the file is read again on every attempt",
		Source: agentCode + "internal/validation/request.go",
	},
	{
		Name: "agent-token-malformed", Words: re(`Service account token cannot be (empty|parsed)`), Kind: Lasting,
		Cause:  "the agent cannot read the token as a JWT",
		Do:     "check the projected file that AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names",
		Source: agentCode + "internal/validation/request.go",
	},
	{
		Name: "agent-token", Kind: Settling,
		Words:  re(`\bInvalidTokenException\b|JWT signature validation failed|failed claim validations`),
		Cause:  "the ServiceAccount token is not from the Pod Identity agent's cluster, or is for another audience",
		Do:     "compare the token's iss and aud with the cluster; aud must be pods.eks.amazonaws.com",
		Source: agentCode + "internal/validation/token_validator.go",
	},
	{
		Name: "agent-address", Words: re(`Called agent through invalid address`), Kind: Lasting,
		Cause:  "the agent was called under an address that is not its own: something redirects the node's traffic",
		Do:     "check what changes link-local traffic on the node",
		Source: agentCode + "internal/validation/request.go",
	},
}
