package tests_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/stacks"
	"waybill.example/waybill/tests/recorder"
)

// party is one half of a customer, and the document that it waits for.
type party struct {
	// example is a stack file, edited to be of this half.
	example string
	edits   []func(map[string]any)
	// key in the object exchange, and the output's name.
	key, output string
	// document is a good one.
	document string
}

const (
	soylentRequest = `{"document":"accessRequest","version":"1.0","customer":"soylent","platform":"aks","tenantId":"5d0e7a31-2c4b-4f68-9a1d-3e5f7b9c1d40",
		"environments":[{"name":"default","clientId":"8bd97dd6-59af-4720-b887-45fedc05701c","principalId":"ac05ac88-cf69-463a-8219-734b26b350fa"}]}`
	soylentGrant = `{"document":"accessGrant","version":"1.0","customer":"soylent","platform":"aks","projectNumber":"731904826550","pool":"soylent--bifrost-azure-pool",
		"serviceAccount":"soylent--bifrost-pull@bifrost-images.iam.gserviceaccount.com","registry":"europe-west1-docker.pkg.dev","repository":"bifrost-images/soylent--bifrost",
		"environments":[{"name":"default","provider":"soylent-azure-provider"}]}`
	oscorpRequest = `{"document":"accessRequest","version":"1.0","customer":"oscorp","platform":"eks","account":"334455667788","region":"eu-central-1",
		"environments":[{"name":"default","roleArns":["arn:aws:iam::334455667788:role/oscorp--bifrost-pull"]}]}`
	oscorpGrant = `{"document":"accessGrant","version":"1.0","customer":"oscorp","platform":"eks","account":"210987654321","region":"us-east-1",
		"registry":"210987654321.dkr.ecr.us-east-1.amazonaws.com","repository":"oscorp/bifrost"}`
	wayneRequest = `{"document":"accessRequest","version":"1.0","customer":"wayne","platform":"kubernetes",
		"environments":[{"name":"default","issuer":"https://kubernetes.wayne.example/rack-1","subject":"system:serviceaccount:bifrost:bifrost-refresher"}]}`
	hansoRequest = `{"document":"accessRequest","version":"1.0","customer":"hanso","platform":"kubernetes","project":"hanso-platform",
		"environments":[{"name":"default","nodeServiceAccounts":["gke-nodes@hanso-platform.iam.gserviceaccount.com"]}]}`
	starkRequest = `{"document":"accessRequest","version":"1.0","customer":"stark","platform":"ecs","account":"423456789012","region":"us-west-2",
		"environments":[{"name":"default","roleArns":["arn:aws:iam::423456789012:role/stark--bifrost-execution"]}]}`
	starkGrant = `{"document":"accessGrant","version":"1.0","customer":"stark","platform":"ecs","account":"210987654321","region":"us-east-1",
		"registry":"210987654321.dkr.ecr.us-east-1.amazonaws.com","repository":"stark/bifrost"}`
	cyberdyneRequest = `{"document":"accessRequest","version":"1.0","customer":"cyberdyne","platform":"aks",
		"environments":[{"name":"default","issuer":"` + cyberdyneIssuer + `","subject":"system:serviceaccount:deepintshield:deepintshield-refresher"}]}`
	cyberdyneIssuer = "https://eastus2.oic.prod-aks.azure.com/d580f2b9-a4c3-41e0-9295-b0d1f37495a8/f7a214db-c6e5-4302-84b7-d2f3159617ca/"
	tyrellRequest   = `{"document":"accessRequest","version":"1.0","customer":"tyrell","platform":"aks","tenantId":"2ad5470e-f918-4635-b7ea-052648c94afd","environments":[
		{"name":"prod","clientId":"8bd97dd6-59af-4720-b887-45fedc05701c","principalId":"ac05ac88-cf69-463a-8219-734b26b350fa"},
		{"name":"dev","clientId":"9ce08ee7-60b0-4831-8998-56afedd16812","principalId":"bd16bd99-d07a-4741-8320-845c37c461ab"}]}`
	nakatomiRequest = `{"document":"accessRequest","version":"1.0","customer":"nakatomi","platform":"kubernetes",
		"environments":[{"name":"default","issuer":"https://oidc.nakatomi.example/plaza","subject":"system:serviceaccount:bifrost:bifrost-refresher"}]}`
	nakatomiGrant = `{"document":"accessGrant","version":"1.0","customer":"nakatomi","platform":"kubernetes","account":"210987654321","region":"us-east-1",
		"registry":"210987654321.dkr.ecr.us-east-1.amazonaws.com","repository":"nakatomi/bifrost",
		"environments":[{"name":"default","roleArn":"arn:aws:iam::210987654321:role/waybill/nakatomi--bifrost-pull"}]}`
	hansoGrant = `{"document":"accessGrant","version":"1.0","customer":"hanso","platform":"kubernetes","registry":"europe-west1-docker.pkg.dev","repository":"bifrost-images/hanso"}`
)

var parties = map[string]party{
	"the vendor of an AKS customer": {"soylent-vendor", nil, "request", "accessRequest", soylentRequest},
	"an AKS customer":               {"soylent-customer", nil, "grant", "accessGrant", soylentGrant},
	"the vendor of an EKS customer": {"oscorp-vendor", nil, "request", "accessRequest", oscorpRequest},
	"an EKS customer":               {"oscorp-customer", nil, "grant", "accessGrant", oscorpGrant},
	"the vendor of a cluster's owner": {"wayne", []func(map[string]any){
		set("side", "vendor"), set("refresher", nil), set("workload", nil), set("product", map[string]any{"name": "bifrost"}), set("environments.default.cluster.context", nil),
	}, "request", "accessRequest", wayneRequest},
	"the vendor of a GKE customer": {"hanso", []func(map[string]any){
		set("side", "vendor"), set("environments", nil), set("product", map[string]any{"name": "bifrost"}), set("gke.nodeServiceAccounts", nil),
	}, "request", "accessRequest", hansoRequest},
	"the vendor of an ECS customer": {"stark", []func(map[string]any){set("side", "vendor"), set("ecs", nil), set("workload", nil), set("product", map[string]any{"name": "bifrost"})}, "request", "accessRequest", starkRequest},
	"an ECS customer":               {"stark", []func(map[string]any){set("side", "customer")}, "grant", "accessGrant", starkGrant},
	"the vendor of an AKS cluster's owner": {"cyberdyne", []func(map[string]any){
		set("side", "vendor"), set("refresher", nil), set("product", map[string]any{"name": "deepintshield"}),
		set("azure", map[string]any{"trust": "cluster"}),
		set("environments", map[string]any{"default": map[string]any{"cluster": map[string]any{"issuer": cyberdyneIssuer}}}),
	}, "request", "accessRequest", cyberdyneRequest},
	"the vendor of two environments": {"tyrell", []func(map[string]any){
		set("side", "vendor"), set("refresher", nil), set("workloads", nil), set("azure", map[string]any{"tenantId": "2ad5470e-f918-4635-b7ea-052648c94afd"}),
		set("product", map[string]any{"name": "bifrost"}), set("environments", map[string]any{"prod": map[string]any{}, "dev": map[string]any{}}),
	}, "request", "accessRequest", tyrellRequest},
	"a GKE customer": {"hanso", []func(map[string]any){set("side", "customer")}, "grant", "accessGrant", hansoGrant},
	"the vendor on AWS of a cluster's owner": {"nakatomi", []func(map[string]any){
		set("side", "vendor"), set("refresher", nil), set("product", map[string]any{"name": "bifrost"}), set("environments.default.cluster.context", nil),
	}, "request", "accessRequest", nakatomiRequest},
	"a cluster's owner with a vendor on AWS": {"nakatomi", []func(map[string]any){
		set("side", "customer"), set("aws.vendor.role", nil),
	}, "grant", "accessGrant", nakatomiGrant},
}

// exchangeOf runs a party's half with what the other's stack exports, and what
// its own exported last; an empty document means that it has none.
func (p party) run(t *testing.T, document, last string, edits ...func(map[string]any)) (*recorder.Recorder, error) {
	t.Helper()
	all := append(append(append([]func(map[string]any){}, p.edits...), set("exchange", map[string]any{
		p.key: map[string]any{"stack": "organization/waybill/other"},
	})), edits...)
	values, secrets := loadStack(t, p.example, all...)
	r := newRecorder(values, secrets)
	outputs := func(text string) map[string]any {
		if text == "" {
			return nil
		}
		var value any
		require.NoError(t, json.Unmarshal([]byte(text), &value))
		return map[string]any{p.output: value}
	}
	r.Reads["pulumi:pulumi:StackReference"] = stackOutputs(map[string]map[string]any{
		"organization/waybill/other": outputs(document), "organization/waybill/test": outputs(last),
	})
	return r, r.Run(stacks.In(t.TempDir()))
}

// change is a document with the value at a path changed; nil deletes.
func change(t *testing.T, document, path string, value any) string {
	t.Helper()
	var object any
	require.NoError(t, json.Unmarshal([]byte(document), &object))
	parsed, err := resource.ParsePropertyPath(path)
	require.NoError(t, err)
	at := object
	for _, step := range parsed[:len(parsed)-1] {
		switch container := at.(type) {
		case map[string]any:
			at = container[step.(string)]
		case []any:
			at = container[step.(int)]
		}
	}
	switch container := at.(type) {
	case map[string]any:
		key := parsed[len(parsed)-1].(string)
		if container[key] = value; value == nil {
			delete(container, key)
		}
	case []any:
		container[parsed[len(parsed)-1].(int)] = value
	}
	text, err := json.Marshal(object)
	require.NoError(t, err)
	return string(text)
}

// leaves are the paths of a document's values, and of its lists and objects.
func leaves(prefix string, value any) []string {
	var all []string
	switch container := value.(type) {
	case map[string]any:
		for key, inner := range container {
			all = append(all, leaves(strings.TrimPrefix(prefix+"."+key, "."), inner)...)
		}
	case []any:
		for i, inner := range container {
			all = append(all, leaves(prefix+"["+string(rune('0'+i))+"]", inner)...)
		}
	}
	if prefix != "" {
		all = append(all, prefix)
	}
	return all
}

// Once a party has built on a document, no value in it can be another: every one
// is of the form's, pinned by a trust anchor, or wants an explicit acceptance.
func TestExampleEveryTamperingWithADocumentIsRefused(t *testing.T) {
	for name, p := range parties {
		t.Run(name, func(t *testing.T) {
			r, err := p.run(t, p.document, p.document)
			require.NoError(t, err)
			require.NotEmpty(t, beyondProviders(r))

			var document any
			require.NoError(t, json.Unmarshal([]byte(p.document), &document))
			paths := leaves("", document)
			require.Greater(t, len(paths), 5)
			refuse := func(t *testing.T, tampered string) {
				t.Helper()
				r, err := p.run(t, tampered, p.document)
				require.Error(t, err, tampered)
				assert.Contains(t, err.Error(), "exchange."+p.key+" of stack organization/waybill/other", tampered)
				assert.Empty(t, beyondProviders(r), "a refusal registers nothing")
			}
			for _, path := range paths {
				value := document
				parsed, err := resource.ParsePropertyPath(path)
				require.NoError(t, err)
				for _, step := range parsed {
					switch container := value.(type) {
					case map[string]any:
						value = container[step.(string)]
					case []any:
						value = container[step.(int)]
					}
				}
				for _, other := range tamperings(value) {
					refuse(t, change(t, p.document, path, other))
				}
				if !strings.HasSuffix(path, "]") {
					refuse(t, change(t, p.document, path, nil))
				}
			}
			for _, extra := range []string{"token", "password", "url", "environment"} {
				refuse(t, change(t, p.document, extra, "x"))
			}
		})
	}
}

// tamperings are other values of the same and of other forms.
func tamperings(value any) []any {
	text, isText := value.(string)
	if !isText {
		return []any{"x", 2.5, []any{}, map[string]any{}, true}
	}
	all := []any{"", " ", text + "*", text + "?", "*", "${aws:username}", text + "${x}", text + " ", strings.ToUpper(text) + "X", 7, true, []any{text},
		map[string]any{"value": text}, text + "'", text + "\n", "x" + text}
	if rest, https := strings.CutPrefix(text, "https://"); https {
		all = append(all, "http://"+rest, "https://user@"+rest, "https://user:pass@"+rest, "https://other.example/x", text+"?q=1", text+"#f", text+"/../y")
	}
	if len(text) == 36 && strings.Count(text, "-") == 4 {
		all = append(all, recorder.GUID("somebody else"))
	}
	for _, swap := range [][2]string{
		{"334455667788", "999999999999"}, {"210987654321", "999999999999"}, {"bifrost-images", "evil-images"}, {"hanso-platform", "evil-platform"},
		{"europe-west1", "us-west1"}, {"us-east-1", "us-west-2"}, {"eu-central-1", "eu-west-1"}, {"docker.pkg.dev", "docker.pkg.dev.evil.example"},
		{"amazonaws.com", "amazonaws.com.evil.example"}, {"soylent", "mallory"}, {"oscorp", "mallory"}, {"bifrost-refresher", "default"}, {"gke-nodes", "evil-nodes"},
		{"423456789012", "999999999999"}, {"stark", "mallory"}, {"nakatomi", "mallory"}, {"cyberdyne", "mallory"}, {"tyrell", "mallory"}, {"deepintshield-refresher", "default"},
		{"aks", "eks"}, {"ecs", "eks"}, {"731904826550", "731904826551"}, {"default", "prod"},
	} {
		if strings.Contains(text, swap[0]) {
			all = append(all, strings.ReplaceAll(text, swap[0], swap[1]))
		}
	}
	return all
}

// What a document gets wrong is said in one line that names the document, the
// key, the value and the wish.
func TestExampleAWrongDocumentIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		party, path string
		value       any
		want        string
	}{
		"another version":    {"an AKS customer", "version", "2.0", `version "2.0": want the version of the document's form, 1.0 or a newer 1.MINOR`},
		"another customer":   {"an AKS customer", "customer", "mallory", `customer "mallory": want "soylent", whose stack this is`},
		"another platform":   {"an EKS customer", "platform", "ecs", `platform "ecs": want "eks", as configured`},
		"the other document": {"an AKS customer", "document", "accessRequest", `document "accessRequest": want the word accessGrant`},
		"a number":           {"an AKS customer", "projectNumber", 731904826550, `projectNumber 731904826550 is a number: put it in quotes; want the number`},
		"a missing field":    {"an AKS customer", "pool", nil, `pool is missing: want the workload identity pool's ID`},
		"an unknown field":   {"an AKS customer", "token", "x", `token is an unknown key: want one of customer, document, environments`},
		"another tenant": {"the vendor of an AKS customer", "tenantId", "00000000-2c4b-4f68-9a1d-3e5f7b9c1d40",
			`tenantId "00000000-2c4b-4f68-9a1d-3e5f7b9c1d40" disagrees with the trust anchor azure.tenantId, "5d0e7a31-2c4b-4f68-9a1d-3e5f7b9c1d40"`},
		"another account": {"the vendor of an EKS customer", "account", "999999999999", `account "999999999999" disagrees with the trust anchor aws.customer.account, "334455667788"`},
		"a role elsewhere": {"the vendor of an EKS customer", "environments[0].roleArns[0]", "arn:aws:iam::999999999999:role/oscorp--bifrost-pull",
			`environments[0].roleArns[0] "arn:aws:iam::999999999999:role/oscorp--bifrost-pull" disagrees with the trust anchor aws.customer.account`},
		"a role with a wildcard": {"the vendor of an EKS customer", "environments[0].roleArns[0]", "arn:aws:iam::334455667788:role/*", `want a role's ARN with its path and without wildcards or variables`},
		"another issuer": {"the vendor of a cluster's owner", "environments[0].issuer", "https://other.example/",
			`environments[0].issuer "https://other.example/" disagrees with the trust anchor environments.default.cluster.issuer`},
		"an issuer without TLS":                 {"the vendor of a cluster's owner", "environments[0].issuer", "http://kubernetes.wayne.example/rack-1", `want the cluster's OIDC issuer, an https URL without user`},
		"an issuer with a user":                 {"the vendor of a cluster's owner", "environments[0].issuer", "https://a@kubernetes.wayne.example/rack-1", `want the cluster's OIDC issuer, an https URL without user`},
		"another project":                       {"an AKS customer", "projectNumber", "731904826551", `projectNumber "731904826551" disagrees with the trust anchor gcp.projectNumber, "731904826550"`},
		"another registry":                      {"an EKS customer", "registry", "999999999999.dkr.ecr.us-east-1.amazonaws.com", `disagrees with the trust anchor aws.vendor`},
		"a registry of nobody's":                {"an AKS customer", "registry", "europe-west1-docker.pkg.dev.evil.example", `want the registry's host, LOCATION-docker.pkg.dev`},
		"an environment that nobody configured": {"the vendor of an AKS customer", "environments[0].name", "prod", `environments[0].name "prod": want one of the configured default`},
		"the default nodes of a project without its number": {"the vendor of a GKE customer", "environments[0].nodeServiceAccounts[0]", "123456789012-compute@developer.gserviceaccount.com",
			`is named by the project's number: want gke.projectNumber in the configuration, its trust anchor`},
		"a vendor's role elsewhere": {"a cluster's owner with a vendor on AWS", "environments[0].roleArn", "arn:aws:iam::999999999999:role/waybill/nakatomi--bifrost-pull",
			`environments[0].roleArn "arn:aws:iam::999999999999:role/waybill/nakatomi--bifrost-pull" disagrees with the trust anchor aws.vendor.account, "210987654321"`},
		"another issuer for IAM": {"the vendor on AWS of a cluster's owner", "environments[0].issuer", "https://other.example/",
			`environments[0].issuer "https://other.example/" disagrees with the trust anchor environments.default.cluster.issuer`},
		"one ID for two": {"the vendor of an AKS customer", "environments[0].principalId", "8bd97dd6-59af-4720-b887-45fedc05701c",
			`environments[0].principalId "8bd97dd6-59af-4720-b887-45fedc05701c": is the clientId: want the identity's object ID`},
		"nodes of another project": {"the vendor of a GKE customer", "environments[0].nodeServiceAccounts[0]", "gke-nodes@evil-platform.iam.gserviceaccount.com",
			`disagrees with the trust anchor gke.project, "hanso-platform"`},
	} {
		t.Run(name, func(t *testing.T) {
			p := parties[c.party]
			_, err := p.run(t, change(t, p.document, c.path, c.value), "")
			require.ErrorContains(t, err, c.want)
		})
	}
}

// A document of a newer minor version is read, and what it says besides is ignored
// with a warning; what could touch a trust anchor is refused.
func TestANewerDocumentIsReadAsFarAsItIsKnown(t *testing.T) {
	for name, p := range parties {
		t.Run(name, func(t *testing.T) {
			newer := change(t, p.document, "version", "1.7")
			now, err := p.run(t, p.document, p.document)
			require.NoError(t, err)
			with := change(t, change(t, newer, "comment", "x"), "release", map[string]any{"a": []any{1}})
			then, err := p.run(t, with, p.document)
			require.NoError(t, err)
			assert.Equal(t, identities(now), identities(then), "it means the same")

			for _, anchor := range []string{"tenantIdOfGroup", "issuers", "registryMirror", "customerAccount", "projectName", "Role"} {
				_, err := p.run(t, change(t, newer, anchor, "x"), p.document)
				require.ErrorContains(t, err, anchor+" is unknown here and speaks of a trust anchor")
			}
			for _, other := range []string{"Customer", "cuſtomer", "PLATFORM"} { // Go's decoder would take it for the known one
				_, err := p.run(t, change(t, newer, other, "mallory"), p.document)
				require.Error(t, err, other)
			}
			_, err = p.run(t, change(t, newer, "comment", []any{map[string]any{"keySet": "{}"}}), p.document)
			require.ErrorContains(t, err, "comment is unknown here and speaks of a trust anchor")
			_, err = p.run(t, change(t, newer, "customer", "mallory"), p.document)
			require.ErrorContains(t, err, `customer "mallory": want`, "what is known is held to the anchors as ever")
		})
	}
}

// Every problem of a document is reported at once.
func TestExampleEveryProblemOfADocumentIsReportedAtOnce(t *testing.T) {
	p := parties["an AKS customer"]
	document := change(t, change(t, p.document, "customer", "mallory"), "projectNumber", "731904826551")
	_, err := p.run(t, change(t, document, "registry", "us-docker.pkg.dev"), "")
	for _, want := range []string{`customer "mallory"`, `projectNumber "731904826551"`, `registry "us-docker.pkg.dev"`} {
		require.ErrorContains(t, err, want)
	}
}

// Who may pull does not change by a document alone.
func TestExampleAChangedIdentityWantsAnAcceptance(t *testing.T) {
	p := parties["the vendor of an AKS customer"]
	other := recorder.GUID("a new principal")
	changed := change(t, p.document, "environments[0].principalId", other)
	_, err := p.run(t, changed, p.document)
	require.ErrorContains(t, err, `environment default: principalId is "`+other+`" and was ac05ac88-cf69-463a-8219-734b26b350fa at the last update: want it unchanged, or in exchange.accept`)

	r, err := p.run(t, changed, p.document, set("exchange.accept", []any{other}))
	require.NoError(t, err)
	assert.Contains(t, r.Named("gcp-provider").Text("attributeCondition"), "assertion.sub == '"+other+"'")
	_, err = p.run(t, changed, "")
	require.NoError(t, err, "the first document has nothing to differ from")
}

// A document that is mislaid does not take back what was built on it.
func TestExampleAMissingDocumentIsNoWithdrawal(t *testing.T) {
	for name, p := range parties {
		t.Run(name, func(t *testing.T) {
			r, err := p.run(t, "", p.document)
			require.ErrorContains(t, err, "is missing, and the last update was built on it: want it back, or exchange.withdrawn true")
			assert.Empty(t, beyondProviders(r))

			_, err = p.run(t, "", p.document, set("exchange.withdrawn", true))
			require.NoError(t, err)
		})
	}
}

// What comes after a withdrawal is compared with what was withdrawn.
func TestExampleAWithdrawalIsRemembered(t *testing.T) {
	p := parties["the vendor of an AKS customer"]
	_, err := p.run(t, p.document, "", set("exchange.withdrawn", true))
	require.ErrorContains(t, err, "is there, and exchange.withdrawn is true: want one of them")

	var withdrawn any
	require.NoError(t, json.Unmarshal([]byte(p.document), &withdrawn))
	run := func(document string, edits ...func(map[string]any)) (exports map[string]pulumi.Input, err error) {
		values, secrets := loadStack(t, p.example, append(edits, set("exchange.request", map[string]any{"stack": "organization/waybill/other"}))...)
		r := newRecorder(values, secrets)
		other := map[string]any{}
		if document != "" {
			var value any
			require.NoError(t, json.Unmarshal([]byte(document), &value))
			other["accessRequest"] = value
		}
		r.Reads["pulumi:pulumi:StackReference"] = stackOutputs(map[string]map[string]any{
			"organization/waybill/other": other, "organization/waybill/test": {"withdrawn": withdrawn},
		})
		err = r.Run(func(ctx *pulumi.Context) error {
			defer func() { exports = ctx.GetCurrentExportMap() }()
			return stacks.In(t.TempDir())(ctx)
		})
		return exports, err
	}
	exports, err := run("", set("exchange.withdrawn", true))
	require.NoError(t, err)
	assert.Contains(t, exports, "withdrawn", "also by the updates in between")
	_, err = run(change(t, p.document, "environments[0].principalId", recorder.GUID("somebody else")))
	require.ErrorContains(t, err, "at the last update: want it unchanged, or in exchange.accept")
	_, err = run(p.document)
	require.NoError(t, err)
}

// One principal for two environments would make them one.
func TestExampleEnvironmentsOfADocumentShareNoPrincipal(t *testing.T) {
	p := parties["the vendor of two environments"]
	_, err := p.run(t, change(t, p.document, "environments[1].principalId", "ac05ac88-cf69-463a-8219-734b26b350fa"), "")
	require.ErrorContains(t, err, `environments[1].principalId "ac05ac88-cf69-463a-8219-734b26b350fa": is environments[0]'s`)
}

// A half that waits deploys what it can, and grants or asks for nothing yet.
func TestExampleAHalfThatWaitsDeploysWhatItCan(t *testing.T) {
	for name, c := range map[string]struct{ has, lacks []string }{
		"the vendor of an AKS customer": {[]string{"gcp-repository", "gcp-pool", "gcp-account", "gcp-reader"}, []string{"gcp-provider", "gcp-impersonation"}},
		"an AKS customer": {[]string{"azure-identity", "azure-bifrost-federated-credential", "pull-secret", "pull-role"},
			[]string{"pull-refresh", "pull-first-refresh", "workload-deployment"}},
		"the vendor of an EKS customer":          {[]string{"ecr-repository"}, []string{"ecr-readers"}},
		"an EKS customer":                        {[]string{"role-role", "pull-secret"}, []string{"role-role-policy", "pull-refresh", "workload-deployment"}},
		"a GKE customer":                         {[]string{"namespace-namespace"}, []string{"workload-deployment"}},
		"the vendor on AWS of a cluster's owner": {[]string{"ecr-repository"}, []string{"role-role", "role-provider", "ecr-readers"}},
		"a cluster's owner with a vendor on AWS": {[]string{"pull-secret", "pull-role"}, []string{"pull-refresh", "workload-deployment"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := parties[name]
			var waiting any
			values, secrets := loadStack(t, p.example, append(p.edits, set("exchange", map[string]any{p.key: map[string]any{"file": "exchange/not-there.json"}}))...)
			r := newRecorder(values, secrets)
			require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
				if err := stacks.In(t.TempDir())(ctx); err != nil {
					return err
				}
				exports := ctx.GetCurrentExportMap()
				assert.NotContains(t, exports, map[string]string{"request": "accessGrant", "grant": "accessGrant"}[p.key], "nothing is granted yet")
				waiting = exports["waitingFor"]
				return nil
			}))
			require.NotNil(t, waiting)
			for _, name := range c.has {
				assert.NotEmpty(t, r.Named(name).Type, name)
			}
			for _, name := range c.lacks {
				assert.Empty(t, r.Named(name).Type, name)
			}
		})
	}
}

// A customer's environment comes and goes without a word from the vendor: what is granted
// to the others stays, and nothing that was granted goes because a document leaves it out.
func TestExampleACustomersEnvironmentComesAndGoes(t *testing.T) {
	issuers := map[string]string{
		"an AKS customer":                        "https://northeurope.oic.prod-aks.azure.com/5d0e7a31-2c4b-4f68-9a1d-3e5f7b9c1d40/8a3b0d64-5f7e-4c9b-8d40-6b8cae2f4053/",
		"a cluster's owner with a vendor on AWS": "https://oidc.nakatomi.example/annex",
	}
	granted := map[string]map[string]any{
		"an AKS customer":                        {"name": "staging", "provider": "soylent-staging-azure-provider"},
		"a cluster's owner with a vendor on AWS": {"name": "staging", "roleArn": "arn:aws:iam::210987654321:role/waybill/nakatomi--bifrost-pull-staging"},
	}
	for name, issuer := range issuers {
		t.Run(name, func(t *testing.T) {
			p := parties[name]
			two := set("environments.staging", map[string]any{"cluster": map[string]any{"context": "staging", "issuer": issuer}})
			var document map[string]any
			require.NoError(t, json.Unmarshal([]byte(p.document), &document))
			both := change(t, p.document, "environments", append(document["environments"].([]any), granted[name]))

			r, err := p.run(t, p.document, p.document, two)
			require.NoError(t, err)
			for _, made := range []string{"workload-deployment", "pull-first-refresh", "pull-staging-secret"} {
				assert.NotEmpty(t, r.Named(made).Type, made)
			}
			for _, waits := range []string{"workload-staging-deployment", "pull-staging-first-refresh"} {
				assert.Empty(t, r.Named(waits).Type, waits)
			}
			r, err = p.run(t, both, p.document, two)
			require.NoError(t, err)
			assert.NotEmpty(t, r.Named("workload-staging-deployment").Type)

			r, err = p.run(t, p.document, both, two)
			require.ErrorContains(t, err, `environments: "staging" is missing, and the last update was built on it: want it back, or no environments.staging in the configuration`)
			assert.Empty(t, beyondProviders(r))

			r, err = p.run(t, both, both)
			require.NoError(t, err)
			assert.NotEmpty(t, r.Named("workload-deployment").Type)
		})
	}
}

// A document comes as a file as well, relative to the project's folder.
func TestExampleADocumentIsReadFromAFile(t *testing.T) {
	p := parties["the vendor of an AKS customer"]
	root := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(root, "exchange"), 0o755))
	file := filepath.Join(root, "exchange", "request.json")
	values, secrets := loadStack(t, p.example, set("exchange", map[string]any{"request": map[string]any{"file": "exchange/request.json"}}))
	run := func(text string) (*recorder.Recorder, error) {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		r := newRecorder(maps.Clone(values), secrets)
		return r, r.Run(stacks.In(root))
	}
	r, err := run(p.document)
	require.NoError(t, err)
	assert.Contains(t, r.Named("gcp-provider").Text("attributeCondition"), "ac05ac88-cf69-463a-8219-734b26b350fa")
	_, err = run("\ufeff" + p.document)
	require.NoError(t, err, "what an editor marks as UTF-8")
	for name, c := range map[string]struct{ text, want string }{
		"no JSON":            {"{", "is no JSON"},
		"two documents":      {p.document + p.document, "is no JSON"},
		"a key twice":        {strings.Replace(p.document, `"version":"1.0"`, `"version":"1.0","version":"1.0"`, 1), "version is given twice"},
		"a key in two cases": {strings.Replace(p.document, `"version":"1.0"`, `"version":"1.0","Verſion":"1.0"`, 1), "Verſion is given twice"},
		"a key twice inside": {strings.Replace(p.document, `"name":"default"`, `"name":"default","name":"default"`, 1), "environments[0].name is given twice"},
		"far too much":       {p.document + strings.Repeat(" ", 65<<10), "want at most 65536"},
		"nothing":            {"", "is no JSON"},
		"a list":             {"[]", "(the object) a list: want an object with document, version, customer, platform, tenantId, environments: an access request"},
		"UTF-16":             {"\xff\xfe{\x00}\x00", "is UTF-16: save it as UTF-8"},
		"all outputs":        {`{"accessGrant":{},"accessRequest":` + p.document + `}`, "holds all outputs of a stack: want .accessRequest of it alone"},
		"an unquoted number": {strings.Replace(p.document, `"version":"1.0"`, `"version":1.0`, 1), "version 1.0 is a number: put it in quotes"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := run(c.text)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "exchange.request exchange/request.json")
			assert.Empty(t, beyondProviders(r))
		})
	}
}

// What one half exports is what the other takes.
func TestExampleTheDocumentsOfOneHalfAreTakenByTheOther(t *testing.T) {
	for name, p := range parties {
		t.Run(name, func(t *testing.T) {
			r, err := p.run(t, p.document, "")
			require.NoError(t, err)
			_ = r
			received, found := map[string]string{"request": "accessRequest", "grant": "accessGrant"}[p.key], false
			values, secrets := loadStack(t, p.example, append(p.edits, set("exchange", map[string]any{p.key: map[string]any{"stack": "organization/waybill/other"}}))...)
			again := newRecorder(values, secrets)
			var document any
			require.NoError(t, json.Unmarshal([]byte(p.document), &document))
			again.Reads["pulumi:pulumi:StackReference"] = stackOutputs(map[string]map[string]any{"organization/waybill/other": {p.output: document}})
			require.NoError(t, again.Run(func(ctx *pulumi.Context) error {
				if err := stacks.In(t.TempDir())(ctx); err != nil {
					return err
				}
				_, found = ctx.GetCurrentExportMap()[received]
				return nil
			}))
			assert.True(t, found, "what was received is shown, so that a preview shows a change of it")
		})
	}
}

// The SDK registers the outputs of a program that failed too: a refusal must not
// make the stack forget what it was built on.
func TestExampleARefusalKeepsTheLastOutputs(t *testing.T) {
	p := parties["the vendor of an AKS customer"]
	var last any
	require.NoError(t, json.Unmarshal([]byte(p.document), &last))
	for name, edit := range map[string]func(map[string]any){
		"a wrong document":      func(map[string]any) {},
		"a wrong configuration": set("platform", "nomad"),
		"wrong arguments":       set("gcp.repository", map[string]any{"mode": "virtual", "upstream": "projects/a-project/locations/us/repositories/b"}),
	} {
		t.Run(name, func(t *testing.T) {
			values, secrets := loadStack(t, p.example, edit)
			r := newRecorder(values, secrets)
			r.Reads["pulumi:pulumi:StackReference"] = stackOutputs(map[string]map[string]any{
				"organization/waybill/soylent-customer": {"accessRequest": map[string]any{"document": "forged"}},
				"organization/waybill/test":             {"accessRequest": last},
			})
			var kept bool
			require.Error(t, r.Run(func(ctx *pulumi.Context) error {
				err := stacks.In(t.TempDir())(ctx)
				_, kept = ctx.GetCurrentExportMap()["accessRequest"]
				return err
			}))
			assert.True(t, kept)
		})
	}
}
