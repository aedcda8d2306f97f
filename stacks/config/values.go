package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/image"
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
	{[]string{"product.image", "workloads.*.image"}, func(_ *Settings, _, text string) error { return image.CheckPath(text) }},
	{[]string{"gcp.location"}, checkLocation},
	{[]string{"aws.vendor.region", "aws.customer.region"}, checkRegion},
	{[]string{"environments.*.cluster.issuer"}, checkIssuer},
	{[]string{
		"refresher.resources.*.*", "workload.resources.*.*", "workloads.*.resources.*.*", "workload.writable.*.size", "workloads.*.writable.*.size",
	}, checkQuantity},
	{[]string{"workload.env...", "workloads.*.env..."}, checkVariable},
	{[]string{"adopt..."}, checkImport},
	{[]string{"azure.location"}, checkAzureLocation},
	{[]string{"ecs.secrets..."}, checkSecretSource},
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
var errSecret = errors.New("holds a long-lived key in the clear (not shown): " +
	"want an identity in its place (workload.identity, ecs.taskRole), or a secret that the product reads (ecs.secrets, waybill:productConfig)")

var (
	// secretVariables are the variables whose values are long-lived keys, by the names
	// that the clouds' own clients read.
	secretVariables = []string{
		"AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AZURE_CLIENT_SECRET", "ARM_CLIENT_SECRET", "AZURE_PASSWORD", "AZURE_CLIENT_CERTIFICATE_PASSWORD",
		"AZURE_STORAGE_KEY", "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_SAS_TOKEN", "GOOGLE_API_KEY", "GOOGLE_CREDENTIALS", "GOOGLE_CLOUD_KEYFILE_JSON",
	}
	// secretForms are long-lived keys by their form: of AWS (access keys' IDs), of Google
	// (keys of service accounts and of APIs), of Azure (storage), and private keys in PEM.
	secretForms = regexp.MustCompile(
		`\b(AKIA|ASIA)[A-Z2-7]{16}\b|-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----|"(private_key(_id)?|refresh_token|client_secret)"\s*:|"type"\s*:\s*"service_account"|\bAIza[A-Za-z0-9_-]{35}\b|AccountKey=[A-Za-z0-9+/]{20}`)
)

// secret says whether a text holds a long-lived key, plain or in base64.
func secret(text string) bool {
	if secretForms.MatchString(text) {
		return true
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	return err == nil && secretForms.Match(decoded)
}

// checkVariable refuses a variable that by its name is a long-lived key of a cloud.
// A path, as Google's clients take it too, is none.
func checkVariable(_ *Settings, key, text string) error {
	parts := segments(key)
	name := strings.ToUpper(parts[len(parts)-1])
	if path := strings.HasPrefix(name, "GOOGLE_") && strings.HasPrefix(text, "/"); path || text == "" || !slices.Contains(secretVariables, name) {
		return nil
	}
	return errSecret
}

// checkSecretSource refuses what is no ARN: what stands here by mistake may be the
// secret itself, which the schema would repeat.
func checkSecretSource(_ *Settings, _, text string) error {
	if strings.HasPrefix(text, "arn:") {
		return nil
	}
	return errors.New("is no ARN (not shown, it may be the secret itself): want the ARN of a secret or parameter")
}

// The issuers of the managed clusters, whose forms their clouds document, and what is
// taken for one: the address of their API servers.
var (
	// https://learn.microsoft.com/azure/aks/use-oidc-issuer
	aksIssuer = regexp.MustCompile(`^https://[a-z0-9.-]+\.oic\.prod-aks\.azure\.[a-z]+/`)
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
	case gkeIssuer.MatchString(text) && strings.HasSuffix(text, "/"):
		return fmt.Errorf("%q: want it without the slash at its end, as in GKE's tokens", text)
	}
	return nil
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
	if parts == nil || written.MatchString(text) {
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

// written is what Kubernetes takes.
var written = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$`)

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
