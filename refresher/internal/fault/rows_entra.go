package fault

// entraRows are Entra's codes for the exchange of a ServiceAccount token. Microsoft's list calls itself preliminary and
// lacks many of them.
var entraRows = []Row{
	{
		Name: "entra-issuer", Words: re(`\bAADSTS700211\d?\b`), Kind: Settling,
		Cause:  "the federated credential's issuer is not the cluster's",
		Do:     "compare it with the token's iss, trailing slash included; a change can take minutes to propagate",
		Source: facts + "§5",
	},
	{
		// 7002138 is the same, where only letter case differs.
		Name: "entra-subject", Words: re(`\bAADSTS700213\d?\b`), Kind: Settling,
		Cause:  "the federated credential's subject is not this ServiceAccount: namespace or ServiceAccount differs",
		Do:     "compare it with the token's sub, letter case included; a change can take minutes to propagate",
		Source: "https://github.com/Azure/login/issues/517",
	},
	{
		Name: "entra-audience", Words: re(`\bAADSTS70021[24]\b`), Kind: Settling,
		Cause: "the federated credential's audience is not the one that the token carries",
		Do: "it must be the URI api://AzureADTokenExchange (or the sovereign cloud's), never a GUID; compare it " +
			"with the token's aud",
		Source: facts + "§5",
	},
	{
		Name: "entra-no-match", Words: re(`\bAADSTS70021\b`), Kind: Settling,
		Cause: "no federated credential matches the token, or the one that does is not propagated yet",
		Do: "compare the token's iss (trailing slash included), sub and aud with the identity's federated " +
			"credential",
		Source: facts + "§5",
	},
	{
		Name: "entra-no-credential", Words: re(`\bAADSTS70025\b`), Kind: Settling,
		Cause:  "the identity has no federated credential yet, which is normal for a new one's first minutes",
		Do:     "wait; if the error stays, check that AZURE_CLIENT_ID is the identity that has the credential",
		Source: lookup + "70025",
	},
	{
		Name: "entra-own-token", Words: re(`\bAADSTS(700222|700229)\b`), Kind: Lasting,
		Cause:  "Entra itself issued the presented token",
		Do:     "the projected file must hold the cluster's ServiceAccount token",
		Source: "https://github.com/AzureAD/microsoft-identity-web/issues/2519",
	},
	{
		Name: "entra-token-time", Words: re(`\bAADSTS(700024|500133)\b`), Kind: Settling,
		Cause:  "the ServiceAccount token is outside its lifetime",
		Do:     "check the age of the projected file and the node's clock; the file is read again on every attempt",
		Source: facts + "§5",
	},
	{
		Name: "entra-signature", Words: re(`\bAADSTS(700027\d?|5002738|900384|50013)\b`), Kind: Settling,
		Cause: "the token's signature does not verify with the keys at the cluster's issuer: keys rotated and not " +
			"published yet, or a token of another cluster behind the same issuer",
		Do:     "compare the keys at the token's iss with the cluster's own (kubectl get --raw /openid/v1/jwks)",
		Source: learn,
	},
	{
		Name: "entra-token", Words: re(`\bAADSTS50027\d*\b`), Kind: Lasting,
		Cause:  "Entra cannot use the token as a JWT, for the reason that it gives",
		Do:     "the cluster must sign ServiceAccount tokens with RS256, with iss, sub, aud and exp in them",
		Source: learn,
	},
	{
		Name: "entra-application", Words: re(`\bAADSTS(700016|700011)\b`), Kind: Settling,
		Cause: "the tenant has no such application: AZURE_CLIENT_ID is not the identity's client ID, " +
			"AZURE_TENANT_ID is another tenant, or the identity was created a minute ago",
		Do:     "compare both with the identity: az identity show, fields clientId and tenantId",
		Source: learn,
	},
	{
		Name: "entra-tenant", Words: re(`\bAADSTS(90002|900023|90019|50059)\b`), Kind: Lasting,
		Cause:  "no such tenant: AZURE_TENANT_ID is wrong, or AZURE_AUTHORITY_HOST is of another Azure cloud",
		Do:     "compare both with the customer's tenant",
		Source: learn,
	},
	{
		Name: "entra-cloud", Words: re(`\bAADSTS(900382|900432|90038|90051|1000104)\b`), Kind: Lasting,
		Cause:  "the tenant belongs to another Azure cloud than AZURE_AUTHORITY_HOST",
		Do:     "AZURE_AUTHORITY_HOST must be the tenant's own cloud: public, US Government or China",
		Source: learn,
	},
	{
		Name: "entra-unreachable", Words: re(`\bAADSTS(90061|501661|50166)\b`), Kind: Settling,
		Cause: "Entra cannot reach the cluster's issuer",
		Do: "the discovery document and keys at the token's iss must be public, also through the cluster's " +
			"firewall",
		Source: facts + "§5",
	},
	{
		Name:   "entra-scope",
		Words:  re(`\bAADSTS(1002012|70011|28002|700022|700023|500011|50001|650057)\b`),
		Kind:   Lasting,
		Cause:  "the tenant does not know the scope",
		Do:     "WAYBILL_ENTRA_SCOPE must be one resource of the tenant and end in /.default",
		Source: learn,
	},
	{
		Name: "entra-conditional-access", Words: re(`\bAADSTS(5300[0-4]|53011|50131|530003|530032|530035|530036)\b`), Kind: Lasting,
		Cause: "a Conditional Access policy of the customer's tenant blocks the identity because of its location " +
			"or risk",
		Do: "the customer's Entra administrator finds the policy in the sign-in logs (service principals or managed " +
			"identities) and lets this identity through from the cluster's egress addresses",
		Source: learn,
	},
	{
		Name: "entra-disabled", Words: re(`\bAADSTS(7000112|70001|1000031)\b`), Kind: Lasting,
		Cause:  "the identity's application is disabled in the tenant",
		Do:     "the customer's Entra administrator asks why, and enables it for sign-in again",
		Source: learn,
	},
	{
		Name: "entra-resource-disabled", Words: re(`\bAADSTS500014\b`), Kind: Lasting,
		Cause:  "the service principal of the resource in the scope is disabled in the tenant",
		Do:     "the customer's Entra administrator enables it, or WAYBILL_ENTRA_SCOPE names another resource",
		Source: lookup + "500014",
	},
	{
		Name: "entra-no-principal", Words: re(`\bAADSTS7000229\b`), Kind: Settling,
		Cause:  "the application has no service principal in the tenant",
		Do:     "an app registration needs one: az ad sp create --id CLIENT-ID (a managed identity always has it)",
		Source: lookup + "7000229",
	},
	{
		Name: "entra-unassigned", Words: re(`\bAADSTS(501051|50105)\b`), Kind: Settling,
		Cause:  "the resource in the scope requires an assignment, and the identity has none",
		Do:     "the customer's Entra administrator assigns the identity to an app role of the resource",
		Source: lookup + "501051",
	},
	{
		Name: "entra-restricted-tenant", Words: re(`\bAADSTS(50002|500021|5000211|500022|500212|500213)\b`), Kind: Lasting,
		Cause: "tenant restrictions forbid this tenant: a proxy on the way adds the allowed tenants to requests, " +
			"or a cross-tenant policy forbids it",
		Do:     "whoever runs the proxy (" + keyProxy + ") adds the tenant to its restriction list",
		Source: learn,
	},
	{
		Name: "entra-tenant-blocked", Words: re(`\bAADSTS5000(224|225)\b`), Kind: Lasting,
		Cause:  "Microsoft has blocked the tenant, for example because nobody used it",
		Do:     "the customer's Entra administrator follows the link in the message",
		Source: lookup + "5000225",
	},
	{
		Name: "entra-public-client", Words: re(`\bAADSTS700025\b`), Kind: Lasting,
		Cause:  "the app registration is a public client, which may not authenticate with a token",
		Do:     "use the identity that waybill made, or an app registration that is not a public client",
		Source: learn,
	},
	{
		Name: "entra-throttled", Words: re(`\bAADSTS(90055|50196|90024)\b`), Kind: Passing,
		Cause:  "Entra limits the rate of the tenant's or the identity's requests",
		Do:     "look for a program that requests this identity's tokens in a loop",
		Source: learn,
	},
	{
		Name: "entra-busy", Words: re(`\bAADSTS(50033|90006|90012|90033|90090|90091)\b`), Kind: Passing,
		Cause:  "Entra reports a temporary fault of its own",
		Do:     "wait",
		Source: learn,
	},
}
