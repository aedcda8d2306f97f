package config

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/image"
	"waybill.example/waybill/components/kubernetes"
)

// values are checks of single texts that the schema cannot make, or whose refusal
// can say what was meant. What is said here of a key is said before what the schema
// says. A * stands for any name or number, and KEY... for everything below the key,
// since names may have dots; the check is told the whole key.
var values = []struct {
	keys  []string
	check func(s *Settings, key, text string) error
}{
	{[]string{"refresher.image"}, func(_ *Settings, _, text string) error { return image.CheckPinned(text) }},
	{[]string{"product.image", "workloads.*.image", "refresher.images.*.image"}, checkImagePath},
	{[]string{"gcp.location"}, checkLocation},
	{[]string{"aws.vendor.region", "aws.customer.region"}, checkRegion},
	{[]string{"environments.*.cluster.issuer"}, checkIssuer},
	{[]string{"environments.*.cluster.name"}, checkClusterName},
	{[]string{"environments.*.proxy.https"}, func(_ *Settings, _, text string) error { return kubernetes.CheckProxyUser(text) }},
	{[]string{
		"refresher.resources.*.*", "workload.resources.*.*", "workloads.*.resources.*.*", "workload.writable.*.size", "workloads.*.writable.*.size",
	}, checkQuantity},
	{[]string{"workload.env...", "workloads.*.env..."}, checkVariable},
	{[]string{"adopt..."}, checkImport},
	{[]string{"azure.location"}, checkAzureLocation},
	{[]string{"ecs.secrets..."}, checkSecretSource},
	{[]string{"azure...", "environments.*.identity..."}, checkNil},
}

// checkNil refuses the GUID that stands for none.
func checkNil(_ *Settings, _, text string) error {
	if strings.Trim(text, "0-") == "" && len(text) == len("00000000-0000-0000-0000-000000000000") {
		return fmt.Errorf("%q: stands for none: want a GUID of Azure's", text)
	}
	return nil
}

// checkImagePath wants a path below the registry's host and the repository, which the
// chain knows.
func checkImagePath(_ *Settings, _, text string) error {
	if host, path, _ := strings.Cut(text, "/"); strings.HasSuffix(host, ".pkg.dev") || strings.Contains(host, ".dkr.ecr.") {
		return fmt.Errorf("%q: begins with a registry's host: want the image's path in the customer's repository, such as %q", text, path[strings.LastIndex(path, "/")+1:])
	}
	return image.CheckPath(text)
}

// aksName is the name of a cluster on AKS; the schema has that of EKS, which takes more
// (https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftcontainerservice).
var aksName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$`)

func checkClusterName(s *Settings, _, text string) error {
	if s.Platform == "aks" && !aksName.MatchString(text) {
		return fmt.Errorf("%q: want the name of a cluster on AKS, 1 to 63 letters, digits, _ and -, a letter or digit first and last", text)
	}
	return nil
}

// below says whether a pattern speaks of a text at a key.
func below(pattern, key string) bool {
	text, deep := strings.CutSuffix(pattern, "...")
	of, at := segments(text), segments(key)
	return len(at) >= len(of) && covers(of, at, deep)
}

// checkValues checks every text of the configuration, by its key.
func (s *Settings) checkValues(texts map[string]string, problems *Problems) {
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		for _, v := range values {
			if !slices.ContainsFunc(v.keys, func(pattern string) bool { return below(pattern, key) }) {
				continue
			}
			if err := v.check(s, key, texts[key]); err != nil {
				problems.Add(key, "%s", err)
			}
		}
		if secret(texts[key]) && !strings.HasSuffix(key, ".keySet") {
			problems.Add(key, "%s", errSecret)
		}
	}
}

// errSecret never shows the value.
var errSecret = errors.New("holds a key or a password in the clear (not shown): " +
	"want an identity in its place (workload.identity, ecs.taskRole), or a secret that the product reads (ecs.secrets, waybill:productConfig)")

var (
	// secretVariables end the names of variables whose values are keys or passwords,
	// without what separates their words: what the clouds' own clients read, and what
	// programs have in common.
	secretVariables = []string{
		"PASSWORD", "PASSWD", "PASSPHRASE", "SECRETACCESSKEY", "SECRETKEY", "PRIVATEKEY", "APIKEY", "CLIENTSECRET", "ACCESSTOKEN", "AUTHTOKEN", "REFRESHTOKEN",
		"AZURESTORAGEKEY", "AZURESTORAGECONNECTIONSTRING", "SASTOKEN", "GOOGLECREDENTIALS", "GOOGLECLOUDKEYFILEJSON",
	}
	// secretForms are long-lived keys by their form.
	secretForms = regexp.MustCompile(strings.Join([]string{
		`\b(AKIA|ASIA)[A-Z2-7]{16}\b`, // AWS: access keys' IDs
		`-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----`,
		`"(private_key(_id)?|refresh_token|client_secret)"\s*:|"type"\s*:\s*"service_account"|\bAIza[A-Za-z0-9_-]{35}\b|\bGOCSPX-[A-Za-z0-9_-]{28}\b`, // Google
		`(AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{20}|[?&;]sig=[A-Za-z0-9%+/]{20}|\b[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}`,                 // Azure
		`\b(gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60}|glpat-[A-Za-z0-9_-]{20}|npm_[A-Za-z0-9]{36}|xox[abprs]-[0-9A-Za-z-]{20}|[rs]k_live_[A-Za-z0-9]{20})`,
		`\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}`, // a signed JWT
	}, "|"))
	// urls are those that name a user with a password.
	urls = regexp.MustCompile(`\b[a-z][a-z0-9+.-]*://[^\s/?#:@]*:([^\s/?#@]+)@`)
	// reference is a value that another one fills in.
	reference = regexp.MustCompile(`^(\$[({]?\w+[)}]?|\{\{.*\}\}|<[^>]*>)$`)
)

// secret says whether a text holds a long-lived key or a URL's password, plain or in
// base64.
func secret(text string) bool {
	if secretForms.MatchString(text) {
		return true
	}
	for _, found := range urls.FindAllStringSubmatch(text, -1) {
		if !reference.MatchString(found[1]) {
			return true
		}
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	return err == nil && secretForms.Match(decoded)
}

// reserved are variables that a platform sets by itself, and that say where its
// credentials are: another value takes them from the product.
var reserved = map[string][]string{
	"ecs": { // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "ECS_CONTAINER_METADATA_URI", "ECS_CONTAINER_METADATA_URI_V4", "ECS_AGENT_URI",
	},
	"eks": { // with identity: https://github.com/aws/amazon-eks-pod-identity-webhook
		"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	},
	"aks": { // with identity: https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html
		"AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST",
	},
}

// checkVariable refuses a variable that by its name is a key or a password, and one that
// the platform sets. A path, a reference, a number and a switch are no secrets.
func checkVariable(s *Settings, key, text string) error {
	workload, name, _ := strings.Cut(key, ".env.")
	if slices.Contains(reserved[s.Platform], name) && (s.Platform == "ecs" || s.withIdentity(workload)) {
		return fmt.Errorf("%q: is set by the platform, which says there where the product's credentials are: want none here", text)
	}
	switch strings.ToLower(text) {
	case "", "true", "false", "yes", "no", "on", "off":
		return nil
	}
	if strings.HasPrefix(text, "/") || reference.MatchString(text) || strings.Trim(text, "0123456789") == "" {
		return nil
	}
	plain := strings.NewReplacer("_", "", "-", "", ".", "").Replace(strings.ToUpper(name))
	if slices.ContainsFunc(secretVariables, func(end string) bool { return strings.HasSuffix(plain, end) }) {
		return errSecret
	}
	return nil
}

// withIdentity says whether the workload at a key has a cloud identity.
func (s *Settings) withIdentity(key string) bool {
	for i, w := range s.Workloads {
		if key == fmt.Sprintf("workloads[%d]", i) {
			return w.Identity
		}
	}
	return s.Workload.Identity
}

// checkSecretSource refuses what is no ARN: what stands here by mistake may be the
// secret itself, which the schema would repeat.
func checkSecretSource(s *Settings, _, text string) error {
	if !strings.HasPrefix(text, "arn:") {
		return errors.New("is no ARN (not shown, it may be the secret itself): want the ARN of a secret or parameter")
	}
	parts := strings.SplitN(text, ":", 6)
	if len(parts) < 6 || parts[3] == s.AWS.Customer.Region {
		return nil
	}
	if err := checkRegion(s, "aws.customer.region", parts[3]); err != nil {
		return fmt.Errorf("names a Region, %w", err)
	}
	return nil
}

// The issuers of the managed clusters, whose forms their clouds document, and what is
// taken for one: the address of their API servers.
var (
	// https://learn.microsoft.com/azure/aks/use-oidc-issuer
	aksIssuer = regexp.MustCompile(`^https://[a-z0-9.-]+\.oic\.prod-aks\.azure\.([a-z]+)/`)
	// https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
	eksIssuer     = regexp.MustCompile(`^https://oidc(\.eks\.[a-z0-9-]+\.amazonaws\.[a-z.]+|-eks\.[a-z0-9-]+\.api\.[a-z.]+)/id/`)
	eksIssuerForm = regexp.MustCompile(`/id/[0-9A-Z]+$`)
	// https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters/getJwks
	gkeIssuer = regexp.MustCompile(`^https://container\.googleapis\.com/`)

	aksServer = regexp.MustCompile(`^https://[A-Za-z0-9.-]+\.azmk8s\.[a-z]+(:|/|$)`)
	eksServer = regexp.MustCompile(`^https://[A-Za-z0-9-]+\.[a-z0-9]+\.[a-z0-9-]+\.eks\.amazonaws\.[a-z.]+(:|/|$)`)
)

// checkIssuer refuses what is near an issuer and none: a document below it, an API
// server, the issuer of another cloud's cluster, and one that differs from the tokens'
// in a slash or a letter. The schema says what else an issuer is.
func checkIssuer(s *Settings, key, text string) error {
	onEKS, unreachable := eksIssuer.MatchString(text), check.Unreachable(text) != ""
	switch above := check.IssuerAbove(text); {
	case above != "" && (s.Platform == "aks" || aksIssuer.MatchString(above+"/")):
		return issuerBelow(text, above+"/")
	case above != "":
		return issuerBelow(text, above)
	case eksServer.MatchString(text):
		return fmt.Errorf("%q: is the API server of a cluster on EKS: want its issuer, "+
			"`aws eks describe-cluster --name NAME --query cluster.identity.oidc.issuer --output text`", text)
	case (aksServer.MatchString(text) || s.Platform == "aks" && unreachable) && !s.Given[strings.TrimSuffix(key, "issuer")+"keySet"]:
		return fmt.Errorf("%q: is no issuer that a cloud can ask, but the API server's: turn the cluster's OIDC issuer on "+
			"with `az aks update --resource-group GROUP --name NAME --enable-oidc-issuer`, and name that", text)
	case s.Platform == "eks" && !onEKS && !unreachable && check.IsIssuer(text):
		return fmt.Errorf("%q: is not the issuer of a cluster on EKS: want one such as https://oidc.eks.%s.amazonaws.com/id/ID", text, s.AWS.Customer.Region)
	case onEKS && !eksIssuerForm.MatchString(text):
		return fmt.Errorf("%q: want it exactly as EKS writes it: the ID in capital letters, and no slash behind it", text)
	case (aksIssuer.MatchString(text) || s.Platform == "aks" && !unreachable && !aksServer.MatchString(text)) && check.IsIssuer(text) && !strings.HasSuffix(text, "/"):
		return fmt.Errorf("%q: want it with the slash at its end that AKS's tokens have", text)
	case s.Platform == "aks" && aksCloud(text) != "" && aksCloud(text) != cmp.Or(s.Azure.Cloud, "public"):
		return fmt.Errorf("%q: is of a cluster in the Azure cloud %s: want azure.cloud: %[2]s, or a cluster in %s", text, aksCloud(text), cmp.Or(s.Azure.Cloud, "public"))
	case gkeIssuer.MatchString(text) && strings.HasSuffix(text, "/"):
		return fmt.Errorf("%q: want it without the slash at its end, as in GKE's tokens", text)
	}
	return nil
}

// aksCloud is the Azure cloud of an AKS cluster's issuer; empty where the issuer does not
// say. Its tenant may be another than the identity's:
// https://learn.microsoft.com/azure/aks/workload-identity-cross-tenant
func aksCloud(issuer string) string {
	parts := aksIssuer.FindStringSubmatch(issuer)
	if parts == nil {
		return ""
	}
	return map[string]string{"com": "public", "us": "usgovernment", "cn": "china"}[parts[1]]
}

func issuerBelow(text, issuer string) error {
	return fmt.Errorf("%q: is a document of the issuer: want the issuer itself as in the cluster's tokens, %q", text, issuer)
}

// quantityMeant are quantities as people write them: a number, the unit's letter, an
// i for powers of two, and what is too much.
var quantityMeant = regexp.MustCompile(`(?i)^\s*([0-9]+(?:[.,][0-9]+)?)\s*([kmgtpe])(i)?(?:b|byte|bytes)?\s*$`)

// checkQuantity says how a quantity is written; the schema says what is one.
func checkQuantity(_ *Settings, key, text string) error {
	parts := quantityMeant.FindStringSubmatch(text)
	if parts == nil || kubernetes.IsQuantity(text) {
		return nil
	}
	number, unit := strings.ReplaceAll(parts[1], ",", "."), strings.ToUpper(parts[2])
	binary := number + unit + "i"
	if parts[3] != "" {
		return fmt.Errorf("%q: want %q, as Kubernetes writes quantities", text, binary)
	}
	if strings.HasSuffix(key, ".cpu") {
		return fmt.Errorf("%q: want CPUs, such as 2, or thousandths of one, such as 250m", text)
	}
	return fmt.Errorf("%q: want %q or %q, as Kubernetes writes quantities", text, number+strings.Replace(unit, "K", "k", 1), binary)
}

// importByNumber is an import ID of Google's that names the project by its number.
var importByNumber = regexp.MustCompile(`^(projects/)?[0-9]{6,19}/(.+)$`)

// checkImport wants the project's ID in an import ID of Google's: an import by the
// number would differ from the resource's project, and ask for its replacement.
func checkImport(s *Settings, key, text string) error {
	parts := importByNumber.FindStringSubmatch(text)
	if parts == nil || !strings.HasPrefix(key, "adopt.gcp") {
		return nil
	}
	return fmt.Errorf("%q: names the project by its number: want its ID, %q", text, parts[1]+s.GCP.Project+"/"+parts[2])
}
