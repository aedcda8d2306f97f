package tests_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mistake is one wrong value, the line that names it, and the value that was meant.
type mistake struct {
	stack string
	wrong func(map[string]any)
	line  string
	right func(map[string]any)
}

// all edits a configuration several times.
func all(edits ...func(map[string]any)) func(map[string]any) {
	return func(customer map[string]any) {
		for _, edit := range edits {
			edit(customer)
		}
	}
}

// tried runs every mistake and its correction.
func tried(t *testing.T, mistakes map[string]mistake) {
	t.Helper()
	for name, m := range mistakes {
		t.Run(name, func(t *testing.T) {
			values, secrets := loadStack(t, m.stack, m.wrong)
			assert.Equal(t, "  "+m.line, strings.Join(refused(t, values, secrets), "\n"), "one line, and all of it")
			if m.right != nil {
				_, err := runStack(t, m.stack, nil, m.right)
				assert.NoError(t, err, "what was meant is taken")
			}
		})
	}
}

// modulus is that of an RSA key of 2048 bits, in base64url.
const modulus = "pU3KGCUwux1tEyze1iN7LtkeP3IfyxlxF0SU1kk8nVw0YL4xIB5p_tqg7ui5mX9cfCmZ_a_lkyU81lSvTfrXFCegrrP-6SMvivIh" +
	"H57kkcWxC-y1Vjv8Hm-TQn7LyP4pVeXNjkbcjtS3wnZNKlpNdncG-F2GkAJK1r2jQBvpyMvMyTX2zR9hImrhUziuGjQATTO6DSRq" +
	"wEyBsbryPjv57vX3nytJNK-H9VILablLDZguhbtVtnKocmN6zXRm_LYODo_xhGOw5LK6KXA0dPBkrGj3APWwKz3GZvRb3qosyu3N" +
	"K1FXQQ5N7krys09DCgc0R95jbA6AbJV7poTWQx-16w"

// point are the coordinates of an EC key on P-256
// (https://www.rfc-editor.org/rfc/rfc7515#appendix-A.3).
const (
	pointX = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
	pointY = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
)

const (
	aksIssuer  = "https://westeurope.oic.prod-aks.azure.com/3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10/0b6f3c1d-7e58-4b0a-8f25-91c4d6e2a3b7"
	gkeIssuer  = "https://container.googleapis.com/v1/projects/p/locations/europe-west1/clusters/c"
	inTheClear = "holds a key or a password in the clear (not shown): want an identity in its place (workload.identity, ecs.taskRole), " +
		"or a secret that the product reads (ecs.secrets, waybill:productConfig)"
)

func location(text string) func(map[string]any) { return set("gcp.location", text) }

func byIssuer(text string) func(map[string]any) {
	return set("environments.default.cluster", map[string]any{"context": "c", "issuer": text})
}

func azureLocation(text, want string) string {
	return fmt.Sprintf("azure.location %q: is no region of Azure: want %s; azure.newLocation: true takes one newer than 2026-11-27", text, want)
}

// onAWS takes the vendor from Google to AWS.
func onAWS(customer map[string]any) {
	all(set("gcp", nil), set("product.image", nil), set("aws", map[string]any{"vendor": map[string]any{"account": "210987654321", "region": "us-east-1"}}))(customer)
	if customer["platform"] == "aks" {
		byIssuer(aksIssuer + "/")(customer)
	}
}

func env(name, value string) func(map[string]any) {
	return set("workload.env", map[string]any{name: value})
}

func limits(requests, limits map[string]any) func(map[string]any) {
	return func(customer map[string]any) {
		for key, quantities := range map[string]map[string]any{"requests": requests, "limits": limits} {
			if quantities != nil {
				set("workload.resources."+key, quantities)(customer)
			}
		}
	}
}

// A place that is none is refused with the one that was probably meant; a newer one
// is taken by a key beside it.
func TestExampleAPlaceThatIsNoneIsNamedWithTheLikelyOne(t *testing.T) {
	tried(t, map[string]mistake{
		"eu":             {"dev", location("eu"), `gcp.location "eu": is no location of Artifact Registry: want "europe", if that was meant; gcp.newLocation: true takes one newer than 2026-11-27`, location("europe")},
		"eu-west3":       {"dev", location("eu-west3"), `gcp.location "eu-west3": is no location of Artifact Registry: want "europe-west3", if that was meant; gcp.newLocation: true takes one newer than 2026-11-27`, location("europe-west3")},
		"westeurope":     {"dev", location("westeurope"), `gcp.location "westeurope": is no location of Artifact Registry: want "europe-west1", or "europe-west2", or "europe-west3", or "europe-west4", if that was meant; gcp.newLocation: true takes one newer than 2026-11-27`, location("europe-west4")},
		"global":         {"dev", location("global"), `gcp.location "global": is no location of Artifact Registry: want a region, such as europe-west1, or asia, europe or us; gcp.newLocation: true takes one newer than 2026-11-27`, location("us")},
		"a zone":         {"dev", location("europe-west1-b"), `gcp.location "europe-west1-b": is no location of Artifact Registry: want "europe-west1", if that was meant; gcp.newLocation: true takes one newer than 2026-11-27`, location("europe-west1")},
		"AWS's form":     {"dev", location("us-east-1"), `gcp.location "us-east-1": is no location of Artifact Registry: want "us-east1", if that was meant; gcp.newLocation: true takes one newer than 2026-11-27`, location("us-east1")},
		"capitals":       {"dev", location("EU"), `gcp.location "EU": is no location of Artifact Registry: want "europe", if that was meant; gcp.newLocation: true takes one newer than 2026-11-27`, nil},
		"a host":         {"dev", location("europe-west1-docker.pkg.dev"), `gcp.location "europe-west1-docker.pkg.dev": is no location of Artifact Registry: want "europe-west1", if that was meant; gcp.newLocation: true takes one newer than 2026-11-27`, nil},
		"a typing error": {"wayne", location("erope-west1"), `gcp.location "erope-west1": is no location of Artifact Registry: want "europe-west1", if that was meant; gcp.newLocation: true takes one newer than 2026-11-27`, nil},
		"tomorrow's":     {"hanso", location("europe-west15"), `gcp.location "europe-west15": is no location of Artifact Registry: want "europe-west1", or "europe-west10", or "europe-west12", if that was meant; gcp.newLocation: true takes one newer than 2026-11-27`, all(location("europe-west15"), set("gcp.newLocation", true))},
		"ECR, Google's":  {"initech", set("aws.vendor.region", "europe-west1"), `aws.vendor.region "europe-west1": is no AWS Region: want "eu-west-1", if that was meant; aws.vendor.newRegion: true takes one newer than 2026-11-27`, set("aws.vendor.region", "eu-west-1")},
		"ECR, a zone":    {"stark", set("aws.vendor.region", "us-east-1a"), `aws.vendor.region "us-east-1a": is no AWS Region: want "us-east-1", if that was meant; aws.vendor.newRegion: true takes one newer than 2026-11-27`, nil},
		"ECR, hyphens":   {"initech", set("aws.customer.region", "eu-central1"), `aws.customer.region "eu-central1": is no AWS Region: want "eu-central-1", if that was meant; aws.customer.newRegion: true takes one newer than 2026-11-27`, set("aws.customer.region", "eu-central-1")},
		"ECR, tomorrow's": {"hooli", set("aws.customer.region", "eu-central-3"), `aws.customer.region "eu-central-3": is no AWS Region: want "eu-central-1", or "eu-central-2", if that was meant; aws.customer.newRegion: true takes one newer than 2026-11-27`,
			all(set("aws.customer.region", "eu-central-3"), set("aws.customer.newRegion", true))},
		"ECR, isolated": {"initech", set("aws.vendor.region", "us-iso-east-1"), `aws.vendor.region "us-iso-east-1": is of an isolated partition, which is not supported: want one of aws, aws-us-gov, aws-cn, aws-eusc`, nil},
	})
}

func TestExampleAnIssuerThatIsNoneIsNamed(t *testing.T) {
	keys := `{"keys":[{"alg":"RS256","e":"AQAB","kid":"a","kty":"RSA","n":"` + modulus + `","use":"sig"}]}`
	mistakes := map[string]mistake{
		"a discovery document":     {"wayne", byIssuer("https://k.example/a/.well-known/openid-configuration"), `environments.default.cluster.issuer "https://k.example/a/.well-known/openid-configuration": is a document of the issuer: want the issuer itself as in the cluster's tokens, "https://k.example/a"`, byIssuer("https://k.example/a")},
		"a key set":                {"wayne", byIssuer("https://k.example/openid/v1/jwks"), `environments.default.cluster.issuer "https://k.example/openid/v1/jwks": is a document of the issuer: want the issuer itself as in the cluster's tokens, "https://k.example"`, byIssuer("https://k.example")},
		"AKS's document":           {"dev", byIssuer(aksIssuer + "/.well-known/openid-configuration"), `environments.default.cluster.issuer "https://westeurope.oic.prod-aks.azure.com/3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10/0b6f3c1d-7e58-4b0a-8f25-91c4d6e2a3b7/.well-known/openid-configuration": is a document of the issuer: want the issuer itself as in the cluster's tokens, "https://westeurope.oic.prod-aks.azure.com/3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10/0b6f3c1d-7e58-4b0a-8f25-91c4d6e2a3b7/"`, byIssuer(aksIssuer + "/")},
		"AKS's key set":            {"cyberdyne", byIssuer(aksIssuer + "/openid/v1/jwks"), `environments.default.cluster.issuer "https://westeurope.oic.prod-aks.azure.com/3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10/0b6f3c1d-7e58-4b0a-8f25-91c4d6e2a3b7/openid/v1/jwks": is a document of the issuer: want the issuer itself as in the cluster's tokens, "https://westeurope.oic.prod-aks.azure.com/3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10/0b6f3c1d-7e58-4b0a-8f25-91c4d6e2a3b7/"`, byIssuer(aksIssuer + "/")},
		"EKS's key set":            {"initech", byIssuer("https://oidc.eks.eu-central-1.amazonaws.com/id/AB/keys"), `environments.default.cluster.issuer "https://oidc.eks.eu-central-1.amazonaws.com/id/AB/keys": is a document of the issuer: want the issuer itself as in the cluster's tokens, "https://oidc.eks.eu-central-1.amazonaws.com/id/AB"`, byIssuer("https://oidc.eks.eu-central-1.amazonaws.com/id/AB")},
		"EKS's, elsewhere":         {"initech", byIssuer("https://oidc.eks.us-east-1.amazonaws.com/id/AB"), `environments.default.cluster.issuer "https://oidc.eks.us-east-1.amazonaws.com/id/AB": is of a cluster in us-east-1: want one in eu-central-1, the cluster's Region`, nil},
		"EKS's, dual stack":        {"initech", byIssuer("https://oidc-eks.eu-west-1.api.aws/id/AB"), `environments.default.cluster.issuer "https://oidc-eks.eu-west-1.api.aws/id/AB": is of a cluster in eu-west-1: want one in eu-central-1, the cluster's Region`, byIssuer("https://oidc-eks.eu-central-1.api.aws/id/AB")},
		"EKS's, another partition": {"initech", byIssuer("https://oidc.eks.cn-north-1.amazonaws.com.cn/id/AB"), `environments.default.cluster.issuer "https://oidc.eks.cn-north-1.amazonaws.com.cn/id/AB": is of a cluster in cn-north-1: want one in eu-central-1, the cluster's Region`, nil},
		"EKS's, another suffix":    {"initech", byIssuer("https://oidc.eks.eu-central-1.amazonaws.com.cn/id/AB"), `environments.default.cluster.issuer "https://oidc.eks.eu-central-1.amazonaws.com.cn/id/AB": ends its host in amazonaws.com.cn: want amazonaws.com, as the partition aws has it`, nil},
		"AKS's API server":         {"dev", byIssuer("https://apps-dns-1a2b3c4d.hcp.westeurope.azmk8s.io/"), "environments.default.cluster.issuer \"https://apps-dns-1a2b3c4d.hcp.westeurope.azmk8s.io/\": is no issuer that a cloud can ask, but the API server's: turn the cluster's OIDC issuer on with `az aks update --resource-group GROUP --name NAME --enable-oidc-issuer`, and name that", nil},
		"AKS's, no slash":          {"wayne", byIssuer(aksIssuer), `environments.default.cluster.issuer "` + aksIssuer + `": want it with the slash at its end that AKS's tokens have`, byIssuer(aksIssuer + "/")},
		"GKE's, with a slash":      {"wayne", byIssuer(gkeIssuer + "/"), `environments.default.cluster.issuer "` + gkeIssuer + `/": want it without the slash at its end, as in GKE's tokens`, byIssuer(gkeIssuer)},
		"EKS's, with a slash":      {"initech", byIssuer("https://oidc.eks.eu-central-1.amazonaws.com/id/AB/"), `environments.default.cluster.issuer "https://oidc.eks.eu-central-1.amazonaws.com/id/AB/": want it exactly as EKS writes it: the ID in capital letters, and no slash behind it`, nil},
		"EKS's, in lower case":     {"wayne", byIssuer("https://oidc.eks.eu-central-1.amazonaws.com/id/ab"), `environments.default.cluster.issuer "https://oidc.eks.eu-central-1.amazonaws.com/id/ab": want it exactly as EKS writes it: the ID in capital letters, and no slash behind it`, nil},
		"AKS's on EKS":             {"initech", byIssuer(aksIssuer + "/"), `environments.default.cluster.issuer "` + aksIssuer + `/": is not the issuer of a cluster on EKS: want one such as https://oidc.eks.eu-central-1.amazonaws.com/id/ID`, nil},
		"AKS's API server, alone":  {"wayne", byIssuer("https://a.hcp.westeurope.azmk8s.io"), "environments.default.cluster.issuer \"https://a.hcp.westeurope.azmk8s.io\": is no issuer that a cloud can ask, but the API server's: turn the cluster's OIDC issuer on with `az aks update --resource-group GROUP --name NAME --enable-oidc-issuer`, and name that", all(byIssuer("https://a.hcp.westeurope.azmk8s.io"), set("environments.default.cluster.keySet", keys))},
		"EKS's API server":         {"wayne", byIssuer("https://0A1B2C.gr7.eu-west-1.eks.amazonaws.com"), "environments.default.cluster.issuer \"https://0A1B2C.gr7.eu-west-1.eks.amazonaws.com\": is the API server of a cluster on EKS: want its issuer, `aws eks describe-cluster --name NAME --query cluster.identity.oidc.issuer --output text`", nil},
		"AKS in the cluster":       {"cyberdyne", byIssuer("https://kubernetes.default.svc.cluster.local"), "environments.default.cluster.issuer \"https://kubernetes.default.svc.cluster.local\": is no issuer that a cloud can ask, but the API server's: turn the cluster's OIDC issuer on with `az aks update --resource-group GROUP --name NAME --enable-oidc-issuer`, and name that", nil},
		"IRSA in the cluster":      {"initech", byIssuer("https://kubernetes.default.svc"), `environments.default.cluster.issuer "https://kubernetes.default.svc": no cloud can reach it, for .svc is no domain of the public DNS: want an issuer that IAM can ask for its keys`, nil},
	}
	for unreachable, why := range map[string]string{
		"https://kubernetes.default.svc.cluster.local": ".local is no domain of the public DNS",
		"https://kubernetes.default.svc":               ".svc is no domain of the public DNS",
		"https://kubernetes.default":                   ".default is no domain of the public DNS",
		"https://api.prod.internal:6443":               ".internal is no domain of the public DNS",
		"https://k8s.customer.lan":                     ".lan is no domain of the public DNS",
		"https://localhost:6443":                       "localhost is a name of one part, which no public DNS has",
		"https://k8s":                                  "k8s is a name of one part, which no public DNS has",
		"https://10.0.0.5:6443":                        "10.0.0.5 is no public address",
		"https://192.168.1.1":                          "192.168.1.1 is no public address",
		"https://127.0.0.1":                            "127.0.0.1 is no public address",
		"https://169.254.1.1":                          "169.254.1.1 is no public address",
		"https://100.64.0.1":                           "100.64.0.1 is no public address",
	} {
		mistakes[unreachable] = mistake{"wayne", byIssuer(unreachable), fmt.Sprintf(
			"environments.default.cluster.issuer %q: no cloud can reach it, for %s: want a public issuer, or the cluster's key set uploaded as keySet", unreachable, why),
			all(byIssuer(unreachable), set("environments.default.cluster.keySet", keys))}
	}
	for _, public := range []string{"https://k8s.customer.com:6443", "https://203.0.114.5", "https://s3.eu-central-1.amazonaws.com/kops"} {
		_, err := runStack(t, "wayne", nil, byIssuer(public))
		assert.NoError(t, err, public)
	}
	tried(t, mistakes)
}

func TestExampleAKeySetThatGoogleRefusesIsNamed(t *testing.T) {
	set := func(keys string) func(map[string]any) {
		return set("environments.default.cluster.keySet", `{"keys":[`+keys+`]}`)
	}
	const rsa = `{"kty":"RSA","alg":"RS256","kid":"old","use":"sig","n":"` + modulus + `","e":"AQAB"}`
	const ec = `{"kty":"EC","alg":"ES256","kid":"new","crv":"P-256","x":"` + pointX + `","y":"` + pointY + `"}`
	tried(t, map[string]mistake{
		"RSA without n":         {"wayne", set(`{"kty":"RSA","e":"AQAB","kid":"a"}`), `environments.default.cluster.keySet keys[0].n is missing or not in base64url: want n, e of an RSA key (kid "a")`, set(rsa)},
		"RSA without e":         {"wayne", set(rsa + `,{"kty":"RSA","n":"` + modulus + `"}`), `environments.default.cluster.keySet keys[1].e is missing or not in base64url: want n, e of an RSA key`, set(rsa + "," + ec)},
		"P-384 without alg":     {"wayne", set(`{"kty":"EC","kid":"a","crv":"P-384","x":"` + pointX + `","y":"` + pointY + `"}`), `environments.default.cluster.keySet keys[0].crv "P-384": want P-256, since Google takes tokens of RS256 and ES256 only (kid "a")`, set(ec)},
		"P-384 with it":         {"wayne", set(`{"kty":"EC","alg":"ES384","crv":"P-384","x":"` + pointX + `","y":"` + pointY + `"}`), `environments.default.cluster.keySet keys[0].alg "ES384": want RS256 or ES256, the algorithms of the tokens that Google takes, by the key's type`, nil},
		"EC without y":          {"wayne", set(`{"kty":"EC","alg":"ES256","crv":"P-256","x":"` + pointX + `"}`), `environments.default.cluster.keySet keys[0].y is missing or not in base64url: want crv, x, y of an EC key`, nil},
		"an algorithm of EC's":  {"wayne", set(`{"kty":"RSA","alg":"ES256","n":"` + modulus + `","e":"AQAB"}`), `environments.default.cluster.keySet keys[0].alg "ES256": want RS256 or ES256, the algorithms of the tokens that Google takes, by the key's type`, nil},
		"for encryption":        {"wayne", set(`{"kty":"RSA","use":"enc","n":"` + modulus + `","e":"AQAB"}`), `environments.default.cluster.keySet keys[0].use "enc": want sig`, nil},
		"two of one kid":        {"wayne", set(rsa + "," + rsa), `environments.default.cluster.keySet keys[1] has the kid of another: want one of its own (kid "old")`, nil},
		"a prime":               {"wayne", set(`{"kty":"RSA","kid":"a","n":"` + modulus + `","e":"AQAB","p":"AQAB"}`), `environments.default.cluster.keySet keys[0] is a private key: want public keys only (kid "a")`, nil},
		"base64 with its signs": {"wayne", set(`{"kty":"RSA","n":"AQ+B/==","e":"AQAB"}`), `environments.default.cluster.keySet keys[0].n is missing or not in base64url: want n, e of an RSA key`, nil},
		"a certificate":         {"wayne", set(`{"kty":"RSA","n":"` + modulus + `","e":"AQAB","x5c":["MII"]}`), `environments.default.cluster.keySet keys[0].x5c is no member that Google takes: want none but alg, crv, e, kid, kty, n, use, x, y`, nil},
		"two wrong ones":        {"wayne", set(`{"kty":"RSA","n":"` + modulus + `","kid":"a"},{"kty":"OKP","kid":"b"}`), `environments.default.cluster.keySet keys[0].e is missing or not in base64url: want n, e of an RSA key (kid "a"); keys[1].kty "OKP": want RSA or EC (kid "b")`, nil},
	})
}

func TestExampleWhatAClusterOrACloudWouldRefuseLaterIsNamed(t *testing.T) {
	application := func(client, principal string) func(map[string]any) {
		return set("azure.identity", map[string]any{"application": map[string]any{"clientId": client, "principalId": principal}})
	}
	const id, other = "0b6f3c1d-7e58-4b0a-8f25-91c4d6e2a3b7", "1b6f3c1d-7e58-4b0a-8f25-91c4d6e2a3b7"
	image := func(reference string) func(map[string]any) { return set("refresher.image", reference) }
	namespace := func(name string, existing bool) func(map[string]any) {
		return set("environments.default.namespace", map[string]any{"name": name, "existing": existing, "waivePodSecurity": existing})
	}
	configured := func(path string) func(map[string]any) {
		return set("workload.writable", []any{map[string]any{"path": path}})
	}
	tried(t, map[string]mistake{
		"the namespace default":     {"dev", namespace("default", false), `environments.default.namespace.name "default": is Kubernetes' own: want another, or existing: true beside it`, namespace("default", true)},
		"the namespace kube-system": {"wayne", namespace("kube-system", false), `environments.default.namespace.name "kube-system": is Kubernetes' own: want another, or existing: true beside it`, nil},
		"kube-public":               {"initech", namespace("kube-public", false), `environments.default.namespace.name "kube-public": is Kubernetes' own: want another, or existing: true beside it`, nil},
		"kube-node-lease":           {"hooli", namespace("kube-node-lease", false), `environments.default.namespace.name "kube-node-lease": is Kubernetes' own: want another, or existing: true beside it`, nil},
		"a product called default":  {"hanso", set("product.name", "default"), `environments.default.namespace.name "default": is Kubernetes' own: want another, or existing: true beside it`, nil},

		"capitals in a slug":         {"dev", set("slug", "Example"), `slug "Example": want the customer's slug: 3 to 40 of a-z, 0-9 and single hyphens, first a letter, last a letter or digit; in lower case: "example"`, set("slug", "example")},
		"capitals in a GUID":         {"dev", set("azure.tenantId", "3F2B9D54-6A1E-4D0C-9A77-5B8E1C0F2A10"), `azure.tenantId "3F2B9D54-6A1E-4D0C-9A77-5B8E1C0F2A10": want the customer's tenant ID, a lower-case GUID; in lower case: "3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10"`, nil},
		"a space at the end":         {"wayne", set("gcp.project", "bifrost-images "), `gcp.project "bifrost-images ": want the vendor's project ID, not its number: 6 to 30 lower-case letters, digits and hyphens, first a letter, last a letter or digit; without the spaces around it: "bifrost-images"`, nil},
		"an underscore in a project": {"wayne", set("gcp.project", "contoso_releases"), `gcp.project "contoso_releases": want the vendor's project ID, not its number: 6 to 30 lower-case letters, digits and hyphens, first a letter, last a letter or digit`, set("gcp.project", "contoso-releases")},
		"a project's number":         {"wayne", set("gcp.project", "731904826550"), `gcp.project "731904826550": want the vendor's project ID, not its number: 6 to 30 lower-case letters, digits and hyphens, first a letter, last a letter or digit`, nil},
		"capitals in an image":       {"dev", image("reg.example/Waybill/refresher:0.1.0"), `refresher.image "reg.example/Waybill/refresher:0.1.0": "Waybill/refresher": want a path of at most 255 characters, parts of a-z and 0-9 with ., _, __ or hyphens inside and / between, such as "waybill/refresher": capital letters are not taken`, image("reg.example/waybill/refresher:0.1.0")},
		"a plus in a tag":            {"dev", image("reg.example/waybill/refresher:0.1.0+1"), `refresher.image "reg.example/waybill/refresher:0.1.0+1": "0.1.0+1": want a tag of at most 128 letters, digits and ._-, first a letter, digit or _`, image("reg.example/waybill/refresher:0.1.0_1")},
		"an image without a tag":     {"dev", image("reg.example/waybill/refresher"), `refresher.image "reg.example/waybill/refresher": want a tag other than latest, or a digest`, nil},
		"an image by its name":       {"dev", image("refresher:0.1.0"), `refresher.image "refresher:0.1.0": want HOST/PATH with a tag or a digest, and a host such as registry.example`, nil},
		"an image of a URL":          {"dev", image("https://reg.example/waybill/refresher:0.1.0"), `refresher.image "https://reg.example/waybill/refresher:0.1.0": want HOST/PATH with a tag or a digest, and a host such as registry.example`, nil},
		"a short digest":             {"dev", image("reg.example/refresher@sha256:abc"), `refresher.image "reg.example/refresher@sha256:abc": "sha256:abc": want a digest of the form sha256: and 64 lower-case hexadecimal digits`, nil},
		"capitals in a path":         {"wayne", set("product.image", "Team/app"), `product.image "Team/app": want a path of at most 255 characters, parts of a-z and 0-9 with ., _, __ or hyphens inside and / between, such as "team/app": capital letters are not taken`, set("product.image", "team/app")},
		"a path that starts so":      {"wayne", set("product.image", "-app"), `product.image "-app": want a path of at most 255 characters, parts of a-z and 0-9 with ., _, __ or hyphens inside and / between`, nil},

		"one ID for two":               {"dev", application(id, id), "azure.identity.application.principalId \"0b6f3c1d-7e58-4b0a-8f25-91c4d6e2a3b7\": is the client ID: want the object ID of the service principal, `az ad sp show --id 0b6f3c1d-7e58-4b0a-8f25-91c4d6e2a3b7 --query id`", application(id, other)},
		"requests over limits":         {"dev", limits(map[string]any{"memory": "1Gi"}, map[string]any{"memory": "512Mi"}), `workload.resources.requests.memory "1Gi": is more than the limit, "512Mi": want at most that`, limits(map[string]any{"memory": "512Mi"}, map[string]any{"memory": "1Gi"})},
		"CPUs over limits":             {"wayne", limits(map[string]any{"cpu": "2"}, map[string]any{"cpu": "1500m"}), `workload.resources.requests.cpu "2": is more than the limit, "1500m": want at most that`, limits(map[string]any{"cpu": "1.5"}, map[string]any{"cpu": "1500m"})},
		"units that differ":            {"wayne", limits(map[string]any{"memory": "1Gi"}, map[string]any{"memory": "1G"}), `workload.resources.requests.memory "1Gi": is more than the limit, "1G": want at most that`, limits(map[string]any{"memory": "1G"}, map[string]any{"memory": "1Gi"})},
		"the refresher's over limits":  {"wayne", set("refresher.resources", map[string]any{"requests": map[string]any{"cpu": "1"}, "limits": map[string]any{"cpu": "10m"}}), `refresher.resources.requests.cpu "1": is more than the limit, "10m": want at most that`, nil},
		"100Mb":                        {"dev", limits(nil, map[string]any{"memory": "100Mb"}), `workload.resources.limits.memory "100Mb": want "100M" or "100Mi", as Kubernetes writes quantities`, limits(nil, map[string]any{"memory": "100M"})},
		"1GB":                          {"dev", limits(nil, map[string]any{"memory": "1GB"}), `workload.resources.limits.memory "1GB": want "1G" or "1Gi", as Kubernetes writes quantities`, limits(nil, map[string]any{"memory": "1G"})},
		"512mb":                        {"dev", limits(nil, map[string]any{"memory": "512mb"}), `workload.resources.limits.memory "512mb": want "512M" or "512Mi", as Kubernetes writes quantities`, nil},
		"1 GiB":                        {"dev", limits(nil, map[string]any{"memory": "1 GiB"}), `workload.resources.limits.memory "1 GiB": want "1Gi", as Kubernetes writes quantities`, limits(nil, map[string]any{"memory": "1Gi"})},
		"64K":                          {"dev", set("workload.writable", []any{map[string]any{"path": "/a", "size": "64K"}}), `workload.writable[0].size "64K": want "64k" or "64Ki", as Kubernetes writes quantities`, nil},
		"thousandths of a byte":        {"dev", limits(nil, map[string]any{"memory": "512m"}), `workload.resources.limits.memory "512m": is thousandths of a byte: want 512M or 512Mi`, limits(nil, map[string]any{"memory": "512Mi"})},
		"bytes":                        {"dev", limits(nil, map[string]any{"memory": "512"}), `workload.resources.limits.memory "512": is so many bytes: want 512M or 512Mi`, limits(nil, map[string]any{"memory": "536870912"})},
		"a size of few bytes":          {"dev", set("workload.writable", []any{map[string]any{"path": "/a", "size": "100m"}}), `workload.writable[0].size "100m": is thousandths of a byte: want 100M or 100Mi`, nil},
		"a part of a GPU":              {"dev", limits(nil, map[string]any{"nvidia.com/gpu": "500m"}), `workload.resources.limits.nvidia.com/gpu "500m": want a whole number, quoted`, limits(nil, map[string]any{"nvidia.com/gpu": "1"})},
		"a GPU asked for only":         {"wayne", limits(map[string]any{"nvidia.com/gpu": "1"}, nil), `workload.resources.requests.nvidia.com/gpu "1": want the limit, which a device's request is equal to`, nil},
		"two ways to ask":              {"stark", set("ecs.health", map[string]any{"command": []any{"CMD", "/app/healthy"}}), `ecs.health has a path and a command: want at most one of them`, all(set("product.healthPath", nil), set("ecs.health", map[string]any{"command": []any{"CMD", "/app/healthy"}}))},
		"a command without a form":     {"stark", all(set("product.healthPath", nil), set("ecs.health", map[string]any{"command": []any{"/app/healthy", "-q"}})), `ecs.health.command ["/app/healthy" "-q"]: want CMD and a program, or CMD-SHELL and a line`, nil},
		"millions of CPUs":             {"dev", limits(nil, map[string]any{"cpu": "500M"}), `workload.resources.limits.cpu "500M": want CPUs, such as 2, or thousandths of one, such as 250m`, limits(nil, map[string]any{"cpu": "500m"})},
		"no disruption":                {"dev", set("workload.maxUnavailable", "0"), `workload.maxUnavailable "0": would block every drain of a node, and with it the cluster's upgrades: want 1 or more, 1% or more, or none for no budget`, set("workload.maxUnavailable", "none")},
		"0%":                           {"wayne", set("workload.maxUnavailable", "0%"), `workload.maxUnavailable "0%": would block every drain of a node, and with it the cluster's upgrades: want 1 or more, 1% or more, or none for no budget`, set("workload.maxUnavailable", "10%")},
		"latest":                       {"dev", set("product.tag", "latest"), `product.tag "latest": moves with each release, and the repository keeps published tags as they are: want the release's own tag, or gcp.repository.mutableTags: true`, all(set("product.tag", "latest"), set("gcp.repository.mutableTags", true))},
		"latest on ECR":                {"stark", set("product.tag", "latest"), `product.tag "latest": moves with each release, and the repository keeps published tags as they are: want the release's own tag, or aws.vendor.repository.mutableTags: true`, all(set("product.tag", "latest"), set("aws.vendor.repository", map[string]any{"mutableTags": true}))},
		"latest in an environment":     {"wayne", set("environments.default.product.tag", "latest"), `environments.default.product.tag "latest": moves with each release, and the repository keeps published tags as they are: want the release's own tag, or gcp.repository.mutableTags: true`, nil},
		"the configuration's path":     {"acme", configured("/app/data/config.json"), `workload.writable[0].path "/app/data/config.json": is where the configuration file lies, configPath "/app/data/config.json": want another folder`, configured("/app/data")},
		"below the configuration":      {"acme", configured("/app/data/config.json/x"), `workload.writable[0].path "/app/data/config.json/x": is where the configuration file lies, configPath "/app/data/config.json": want another folder`, nil},
		"port 80 in a pod":             {"dev", set("product.port", 80), `product.port 80: want 1024 to 65535; below that a pod without privileges cannot listen`, set("product.port", 8080)},
		"port 70000 on Fargate":        {"stark", set("product.port", 70000), `product.port 70000: want the port that the product listens on: on ecs 1 to 65535, elsewhere from 1024, since pods run without privileges`, set("product.port", 80)},
		"retries over a token's life":  {"dev", set("refresher", map[string]any{"image": "a.example/b:1", "retries": 6, "deadline": "10m", "every": "20m"}), `refresher.retries 6: with a deadline of 10m0s each, failing runs take 1h10m0s, and the token of 1h0m0s ends before the next: want at most 2`, set("refresher", map[string]any{"image": "a.example/b:1", "retries": 2, "deadline": "10m", "every": "20m"})},
		"retries over it by default":   {"wayne", set("refresher", map[string]any{"image": "a.example/b:1", "retries": 6, "deadline": "8m"}), `refresher.retries 6: with a deadline of 8m0s each, failing runs take 56m0s, and the token of 1h0m0s ends before the next: want at most 4`, nil},
		"adoption by number":           {"dev", set("adopt", map[string]any{"gcp-repository": "projects/402817365910/locations/europe-west1/repositories/x"}), `adopt.gcp-repository "projects/402817365910/locations/europe-west1/repositories/x": names the project by its number: want its ID, "projects/hello-images/locations/europe-west1/repositories/x"`, set("adopt", map[string]any{"gcp-repository": "projects/hello-images/locations/europe-west1/repositories/x"})},
		"a short adoption by number":   {"dev", set("adopt", map[string]any{"gcp-pool": "402817365910/example--hello-azure-pool"}), `adopt.gcp-pool "402817365910/example--hello-azure-pool": names the project by its number: want its ID, "hello-images/example--hello-azure-pool"`, nil},
		"capitals in an ECR name":      {"initech", set("aws.vendor.repository", map[string]any{"name": "Team/x"}), `aws.vendor.repository.name "Team/x": want the repository's name, 2 to 256 of a-z, 0-9 and ._-/, with letters and digits first, last and around the other characters; default: SLUG/PRODUCT; in lower case: "team/x"`, set("aws.vendor.repository", map[string]any{"name": "team/x"})},
		"capitals in a Google name":    {"dev", set("gcp.repository.name", "Releases"), `gcp.repository.name "Releases": want the repository's name, at most 63 of a-z, 0-9 and hyphens, first a letter; with existing also one that replaced a Container Registry host, such as eu.gcr.io; default: SLUG--PRODUCT; in lower case: "releases"`, set("gcp.repository.name", "releases")},
		"a refresher where nodes pull": {"hanso", set("refresher", map[string]any{"image": "registry.example/waybill/refresher:0.1.0"}), `refresher belongs to another platform, chain or side: want none here; another chain of kubernetes reads it`, nil},
		"a key for another platform":   {"stark", set("workload.user", 1000), `workload.user belongs to another platform, chain or side: want none here; it is read on aks, eks, kubernetes, gke`, nil},
		"a vendor on AWS for AKS":      {"cyberdyne", all(onAWS, set("azure.trust", nil)), `azure.trust is entra, and a vendor on AWS (ECR) trusts the cluster's own issuer: want cluster`, onAWS},
		"a vendor on AWS for GKE's nodes": {"hanso", onAWS, `gke names nodes that pull, and a vendor on AWS (ECR) trusts no nodes of GKE: want none, a refresher pulls then`,
			all(onAWS, set("gke", nil), set("refresher", map[string]any{"image": "a.example/b:1"}), byIssuer("https://container.googleapis.com/v1/projects/hanso-platform/locations/europe-west1/clusters/prod"))},
		"keys for IAM": {"nakatomi", set("environments.default.cluster.keySet", `{"keys":[{"alg":"RS256","e":"AQAB","kty":"RSA","n":"`+modulus+`"}]}`), `environments.default.cluster.keySet and a vendor on AWS: ` +
			`IAM takes no upload of keys, but asks the issuer for them: want none, and an issuer on the internet with a public certificate`, set("environments.default.cluster.keySet", nil)},
		"an issuer in k3s": {"nakatomi", byIssuer("https://kubernetes.default.svc.cluster.local"), `environments.default.cluster.issuer "https://kubernetes.default.svc.cluster.local": no cloud can reach it, ` +
			`for .local is no domain of the public DNS: want an issuer that IAM can ask for its keys`, byIssuer("https://nakatomi-oidc.s3.eu-central-1.amazonaws.com")},
		"an issuer in the customer's k3s": {"nakatomi", all(set("side", "customer"), set("aws.vendor.role", nil), byIssuer("https://10.30.0.11")), `environments.default.cluster.issuer "https://10.30.0.11": no cloud can reach it, ` +
			`for 10.30.0.11 is no public address: want an issuer that IAM can ask for its keys`, nil},
		"a port for IAM": {"nakatomi", byIssuer("https://oidc.nakatomi.example:8443/plaza"), `environments.default.cluster.issuer "https://oidc.nakatomi.example:8443/plaza": want one without a port, which IAM does not take`,
			byIssuer("https://oidc.nakatomi.example/plaza")},
		"an account that nobody needs": {"nakatomi", set("aws.customer", map[string]any{"account": "123456789012", "region": "eu-central-1"}), `aws.customer belongs to another platform, chain or side: want none here; it is read on eks, ecs`, set("aws.customer", nil)},
		"a vendor on Google for EKS":   {"initech", all(set("aws", nil), set("gcp", map[string]any{"project": "abcdef", "location": "us"})), `gcp names a vendor on Google Cloud, whose chain is that of any cluster: want platform kubernetes, with the cluster's issuer`, nil},
		"a vendor on Google for ECS":   {"stark", all(set("aws", nil), set("gcp", map[string]any{"project": "abcdef", "location": "us"})), `gcp names a vendor on Google Cloud, and there is no chain to it yet from platform ecs: want a vendor on AWS (aws)`, nil},
		"the default node, no anchor":  {"hanso", set("gke.nodeServiceAccounts", []any{"123456789012-compute@developer.gserviceaccount.com"}), `gke.nodeServiceAccounts[0] "123456789012-compute@developer.gserviceaccount.com": is named by the project's number: want gke.projectNumber beside it, the number from an authenticated channel`, nil},
		"the default node of another": {"hanso", all(set("gke.projectNumber", "123456789012"), set("gke.nodeServiceAccounts", []any{"123456789013-compute@developer.gserviceaccount.com"})), `gke.nodeServiceAccounts[0] "123456789013-compute@developer.gserviceaccount.com": want one of gke.projectNumber, "123456789012"`,
			all(set("gke.projectNumber", "123456789012"), set("gke.nodeServiceAccounts", []any{"123456789012-compute@developer.gserviceaccount.com"}))},
		"a moved registry elsewhere": {"dev", set("gcp.repository", map[string]any{"name": "eu.gcr.io", "existing": true}), `gcp.repository.name "eu.gcr.io": is in the location europe, not in europe-west1: want that location`,
			all(location("europe"), set("gcp.repository", map[string]any{"name": "eu.gcr.io", "existing": true}))},
		"a moved registry of one's own": {"dev", all(location("us"), set("gcp.repository", map[string]any{"name": "gcr.io"})), `gcp.repository.name "gcr.io": took over a host of Container Registry: want it as an existing repository, or as an upstream`, nil},
		"a moved upstream elsewhere": {"dev", all(location("us"), set("gcp.repository", map[string]any{"upstream": "projects/hello-releases/locations/us/repositories/eu.gcr.io"})), `gcp.repository.upstream "projects/hello-releases/locations/us/repositories/eu.gcr.io": want it in the location europe, where eu.gcr.io is`,
			all(location("us"), set("gcp.repository", map[string]any{"upstream": "projects/hello-releases/locations/us/repositories/gcr.io"}))},
		"a registry that never was": {"dev", all(location("us"), set("gcp.repository", map[string]any{"upstream": "projects/hello-releases/locations/us/repositories/x.gcr.io"})), `gcp.repository.upstream "projects/hello-releases/locations/us/repositories/x.gcr.io": want the release repository behind a virtual repository: projects/PROJECT/locations/LOCATION/repositories/NAME`, nil},
		"a pull secret with a dot":  {"dev", set("environments.default.pullSecret", ".vendor"), `environments.default.pullSecret ".vendor": want the pull secret's name, a DNS subdomain of at most 44 characters; default: ar-pull-secret, in an existing namespace PRODUCT-pull-secret`, set("environments.default.pullSecret", "registry.vendor.example")},
		"a region as it is shown":   {"dev", set("azure.location", "West Europe"), azureLocation("West Europe", `"westeurope", if that was meant`), set("azure.location", "westeurope")},
		"a region of Google's":      {"dev", set("azure.location", "europe-west1"), azureLocation("europe-west1", `"westeurope", if that was meant`), nil},
		"a region that is not":      {"dev", set("azure.location", "westus4"), azureLocation("westus4", `"westus", or "westus2", or "westus3", if that was meant`), all(set("azure.location", "westus4"), set("azure.newLocation", true))},
		"no region at all":          {"cyberdyne", set("azure.location", "global"), azureLocation("global", "one such as westeurope"), nil},
		"a tenant's ID":             {"dev", set("azure.subscriptionId", "3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10"), "azure.subscriptionId \"3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10\": is the tenant's ID: want the subscription's, `az account show --query id`", nil},
		"a group with a period":     {"dev", set("azure.resourceGroup", "rg-größe."), `azure.resourceGroup "rg-größe.": want the resource group of the identity: 1 to 90 letters and digits of any script and _().-, no period at the end`, set("azure.resourceGroup", "rg-größe")},
		"a variable with a space":   {"dev", env("A B", "x"), `workload.env.A B is no name here: want environment variables, none of them secret: letters, digits and _.-, first no digit`, env("discovery.type", "single-node")},
		"a variable with a digit":   {"stark", env("1A", "x"), `workload.env.1A is no name here: want environment variables, none of them secret: letters, digits and _.-, first no digit`, env("discovery.type", "single-node")},
	})
}

func TestExampleLongLivedKeysInTheClearAreRefusedAndNotShown(t *testing.T) {
	const hidden = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
	for name, c := range map[string]struct{ stack, variable, value string }{
		"AWS":             {"wayne", "AWS_SECRET_ACCESS_KEY", hidden},
		"AWS's ID":        {"stark", "AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"},
		"another name":    {"stark", "S3_KEY", "id=AKIAIOSFODNN7EXAMPLE"},
		"Google":          {"dev", "GOOGLE_APPLICATION_CREDENTIALS", `{"type":"service_account","private_key":"` + hidden + `"}`},
		"Google in 64":    {"dev", "KEY_FILE", "eyJ0eXBlIjoic2VydmljZV9hY2NvdW50IiwicHJpdmF0ZV9rZXkiOiJ4In0="},
		"Azure":           {"initech", "AZURE_CLIENT_SECRET", hidden},
		"a private key":   {"hanso", "TLS_KEY", "-----BEGIN RSA PRIVATE KEY-----\n" + hidden},
		"a storage's key": {"hooli", "STORE", "DefaultEndpointsProtocol=https;AccountKey=" + hidden},
	} {
		t.Run(name, func(t *testing.T) {
			values, secrets := loadStack(t, c.stack, env(c.variable, c.value))
			text := strings.Join(refused(t, values, secrets), "\n")
			assert.Equal(t, "  workload.env."+c.variable+" "+inTheClear, text)
			assert.NotContains(t, text, hidden)
		})
	}
	values, secrets := loadStack(t, "dev", set("workload.args", []any{"--key", "AKIAIOSFODNN7EXAMPLE"}))
	assert.Equal(t, []string{"  workload.args[1] " + inTheClear}, refused(t, values, secrets))
	_, err := runStack(t, "dev", nil, env("GOOGLE_APPLICATION_CREDENTIALS", "/var/run/secrets/google/config.json"))
	assert.NoError(t, err, "a path is no key")
}

// A secret may be of another account or Region, and under a key of the customer's
// own, which the execution role may use and no other.
func TestExampleSecretsOfAnotherAccountAndKey(t *testing.T) {
	const (
		here    = "arn:aws:secretsmanager:us-west-2:423456789012:secret:db-AbCdEf"
		partial = "arn:aws:secretsmanager:us-west-2:423456789012:secret:prod/db"
		abroad  = "arn:aws:secretsmanager:eu-west-1:999988887777:secret:db-AbCdEf:user::"
		ssm     = "arn:aws:ssm:eu-west-1:423456789012:parameter/db"
		kms     = "arn:aws:kms:eu-west-1:999988887777:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	)
	r, err := runStack(t, "stark", nil, set("ecs.secrets", map[string]any{"A": here, "B": partial, "C": abroad, "D": ssm}), set("ecs.secretKeys", []any{kms}))
	require.NoError(t, err)
	var document struct {
		Statement []struct {
			Sid      string
			Action   any
			Resource any
		}
	}
	require.NoError(t, json.Unmarshal([]byte(r.Named("service-execution-policy").Text("policy")), &document))
	granted := map[string]any{}
	for _, s := range document.Statement {
		granted[s.Sid] = s.Resource
	}
	assert.Equal(t, []any{"arn:aws:secretsmanager:eu-west-1:999988887777:secret:db-AbCdEf", here, partial + "-??????"}, granted["Secrets"])
	assert.Equal(t, ssm, granted["Parameters"])
	assert.Equal(t, kms, granted["SecretKeys"])

	secret := func(arn string) func(map[string]any) { return set("ecs.secrets", map[string]any{"A": arn}) }
	tried(t, map[string]mistake{
		"partial, of another Region": {"stark", secret("arn:aws:secretsmanager:eu-west-1:423456789012:secret:prod/db"), `ecs.secrets["A"] is of another account or Region, and partial: want the secret's full ARN, with the hyphen and six characters at its end`, secret("arn:aws:secretsmanager:eu-west-1:423456789012:secret:prod/db-AbCdEf")},
		"by its value":               {"stark", secret("hunter2"), `ecs.secrets.A is no ARN (not shown, it may be the secret itself): want the ARN of a secret or parameter`, nil},
		"of another partition":       {"stark", secret("arn:aws-cn:secretsmanager:cn-north-1:423456789012:secret:db-AbCdEf"), `ecs.secrets["A"] is no source: want the ARN of a secret or a parameter of the partition aws, such as arn:aws:secretsmanager:us-west-2:423456789012:secret:NAME or arn:aws:ssm:us-west-2:423456789012:parameter/NAME`, nil},
		"a key without secrets":      {"stark", set("ecs.secretKeys", []any{kms}), `ecs.secretKeys without secrets: want both or neither`, nil},
		"an alias":                   {"stark", all(secret(here), set("ecs.secretKeys", []any{"arn:aws:kms:us-east-1:423456789012:alias/x"})), `ecs.secretKeys[0] "arn:aws:kms:us-east-1:423456789012:alias/x": want a KMS key's ARN, arn:aws:kms:REGION:ACCOUNT:key/ID`, nil},
	})
}

func TestExampleAServiceIsAskedByACommandOfItsImage(t *testing.T) {
	r, err := runStack(t, "stark", nil, set("product.healthPath", nil),
		set("ecs.health", map[string]any{"command": []any{"CMD", "/app/healthy"}, "startPeriod": 120}))
	require.NoError(t, err)
	assert.Contains(t, r.Named("service-definition").Text("containerDefinitions"),
		`"healthCheck":{"command":["CMD","/app/healthy"],"interval":30,"timeout":5,"retries":3,"startPeriod":120}`)
}

// unbalanced takes a service's target groups away, which belong to one Region.
func unbalanced(customer map[string]any) {
	set("ecs.targetGroups", nil)(customer)
	set("ecs.healthGraceSeconds", nil)(customer)
}

func TestExampleTheSovereignCloudIsAPartition(t *testing.T) {
	r, err := runStack(t, "stark", nil, unbalanced, set("aws.vendor.region", "eusc-de-east-1"), set("aws.customer.region", "eusc-de-east-1"))
	require.NoError(t, err)
	assert.Contains(t, r.Named("service-definition").Text("containerDefinitions"), "210987654321.dkr.ecr.eusc-de-east-1.amazonaws.eu/stark/bifrost")
	assert.True(t, r.Of("aws")[0].Value("skipRegionValidation").BoolValue(), "this version of the provider does not know the Region")
	tried(t, map[string]mistake{
		"across partitions": {"stark", set("aws.vendor.region", "eusc-de-east-1"), `aws.vendor.region "eusc-de-east-1": is of partition aws-eusc: want one of aws, where the role is`, nil},
	})
}
