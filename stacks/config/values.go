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

// checkAzureLocation says how Azure's display names, West Europe, are written.
func checkAzureLocation(_ *Settings, _, text string) error {
	name := strings.NewReplacer(" ", "", "-", "", "_", "").Replace(strings.ToLower(text))
	if name == text {
		return nil
	}
	return fmt.Errorf("%q: want a region's name, such as %q", text, name)
}

// checkIssuer refuses a document below an issuer; the schema says what else an
// issuer is. AKS's ends in a slash.
func checkIssuer(s *Settings, _, text string) error {
	above := check.IssuerAbove(text)
	if above == "" {
		return nil
	}
	if s.Platform == "aks" || strings.Contains(above, ".oic.prod-aks.") {
		above += "/"
	}
	return fmt.Errorf("%q: is a document of the issuer: want the issuer itself as in the cluster's tokens, %q", text, above)
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
