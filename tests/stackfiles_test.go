package tests_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/stacks"
	"waybill.example/waybill/stacks/record"
	"waybill.example/waybill/tests/stackfile"
)

func TestEveryStackFileIsValid(t *testing.T) {
	for _, name := range stackfile.Names(t, "..") {
		require.NoError(t, stacks.Validate(stackfile.Path(t, "..", name)), name)
	}
}

// inProject writes a stack file beside a copy of Pulumi.yaml and works there.
func inProject(t *testing.T, name, text string) string {
	t.Helper()
	project, err := os.ReadFile(filepath.Join("..", "Pulumi.yaml"))
	require.NoError(t, err)
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "Pulumi.yaml"), project, 0o600))
	path := filepath.Join(folder, "Pulumi."+name+".yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// Everything wrong with a file is said at once, and what the program alone would
// never see as well.
func TestAWrongStackFileIsReportedWhole(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "Pulumi.dev.yaml"))
	require.NoError(t, err)
	wrong := strings.NewReplacer(
		`tag: "1.0"`, `tag: 1.0`,
		"slug: example", "slug: Example",
		"config:", "secretprovider: passphrase\nconfig:\n  gcp:project: x\n  waybill:custommer: {}",
	).Replace(string(text))
	err = stacks.Validate(inProject(t, "wrong", wrong))
	for _, want := range []string{
		"secretprovider is an unknown key: want one of config, encryptedkey",
		"config.gcp:project is an unknown key: want one of waybill:customer, waybill:productConfig",
		"config.waybill:custommer is an unknown key",
		"product.tag 1 is a number for YAML, which may have changed it: quote it",
		`slug "Example": want the customer's slug`,
	} {
		require.ErrorContains(t, err, want)
	}
	require.ErrorContains(t, stacks.Validate(inProject(t, "empty", "")), "waybill:customer is missing")
	require.Error(t, stacks.Validate(inProject(t, "broken", "config: [")))
	require.ErrorContains(t, stacks.Validate(filepath.Join(t.TempDir(), "Pulumi.none.yaml")), "no such file")

	long := strings.Replace(string(text), "name: hello", "name: hello\n      image: a", 1)
	long = strings.Replace(long, "        namespace:\n", "        namespace:\n          name: "+strings.Repeat("n", 63)+"\n", 1)
	require.NoError(t, stacks.Validate(inProject(t, "long", long)))
	require.ErrorContains(t, stacks.Validate(inProject(t, "often", strings.Replace(string(text), "refresher:", "refresher:\n      every: 30m", 1))),
		"refresher.every", "what only a component knows is checked too")
}

// A secret's value is not needed, and that it is one is.
func TestExampleASecretIsNotDecryptedToValidate(t *testing.T) {
	text, err := os.ReadFile(stackfile.Path(t, "..", "acme"))
	require.NoError(t, err)
	require.NoError(t, stacks.Validate(inProject(t, "acme", string(text))))
	plain := string(text)
	start := strings.Index(plain, "waybill:productConfig:")
	require.Positive(t, start)
	plain = plain[:start] + "waybill:productConfig: '{\"password\": \"hunter2\"}'\n"
	err = stacks.Validate(inProject(t, "acme", plain))
	require.ErrorContains(t, err, "waybill:productConfig")
	assert.NotContains(t, err.Error(), "hunter2")
}

// The access request is printed before anything is deployed, for every chain in
// which the cloud chooses nothing of it.
func TestExampleTheAccessRequestFollowsFromTheConfiguration(t *testing.T) {
	t.Chdir("..")
	run := func(arguments ...string) (status int, stdout, stderr string) {
		var out, complaints bytes.Buffer
		status = stacks.Command(arguments, &out, &complaints)
		return status, out.String(), complaints.String()
	}
	for stack, want := range map[string]string{
		"oscorp-customer": oscorpRequest, "wayne": wayneRequest, "hanso": hansoRequest, "nakatomi": nakatomiRequest,
		"initech": `{"document":"accessRequest","version":"1.0","customer":"initech","platform":"eks","account":"123456789012","region":"eu-central-1",
			"environments":[{"name":"default","roleArns":["arn:aws:iam::123456789012:role/waybill/initech--bifrost-pull"]}]}`,
		"stark": `{"document":"accessRequest","version":"1.0","customer":"stark","platform":"ecs","account":"423456789012","region":"us-west-2",
			"environments":[{"name":"default","roleArns":["arn:aws:iam::423456789012:role/stark--bifrost-execution"]}]}`,
	} {
		status, stdout, stderr := run("access-request", stack)
		assert.Equal(t, 0, status, stderr)
		assert.JSONEq(t, want, stdout, stack)
	}
	for stack, want := range map[string]string{
		"soylent-customer": "run `pulumi up -s soylent-customer`, then `pulumi stack output accessRequest --json -s soylent-customer`",
		"oscorp-vendor":    "side vendor: want the customer's stack",
		"cyberdyne":        "environments.default.cluster.issuer: is looked up in an update only",
		"nobody":           "no such file",
	} {
		status, stdout, stderr := run("access-request", stack)
		assert.Equal(t, 1, status)
		assert.Empty(t, stdout)
		assert.Contains(t, stderr, want)
	}
	for _, arguments := range [][]string{{"access-request"}, {"deploy", "dev"}, {"access-request", "dev", "x"}} {
		status, stdout, stderr := run(arguments...)
		assert.Equal(t, 2, status)
		assert.Empty(t, stdout)
		assert.NotContains(t, stderr, "usage:")
		assert.True(t, strings.HasSuffix(stderr, "\nSee \"waybill help\".\n"), stderr)
	}
	for _, arguments := range [][]string{{"help"}, {"--help"}, {"validate", "--help"}, {"guide", "dev", "-h"}} {
		status, stdout, _ := run(arguments...)
		assert.Equal(t, 0, status)
		assert.Contains(t, stdout, "usage: waybill COMMAND STACK")
	}
	status, stdout, _ := run("--version")
	assert.Equal(t, 0, status)
	assert.Regexp(t, `^waybill \S+\n$`, stdout)
}

// A call that is nearly right is told what was meant.
func TestACommandThatIsNearlyRight(t *testing.T) {
	for _, c := range []struct {
		folder, arguments string
		status            int
		want              string
	}{
		{"..", "", 2, "want a command and a stack"},
		{"..", "valdate acme", 2, `"valdate": want one of access-request, guide, manifests, validate`},
		{"..", "valdate", 2, `"valdate": want one of access-request`},
		{"..", "acme validate", 2, "want the command before the stack: waybill validate acme"},
		{"..", "manifests --once", 2, "manifests: want a stack after the command"},
		{"..", "validate acmee", 1, `stack "acmee": no such file as Pulumi.acmee.yaml here or in examples/: want one of dev, acme, `},
		{"..", "validate Pulumi.acme.yaml", 0, ""},
		{"..", "validate examples/Pulumi.acme.yaml", 0, ""},
		{filepath.Join("..", "examples"), "validate acme", 0, ""},
		{t.TempDir(), "validate acme", 1, "and no other stack's file here"},
	} {
		status, _, stderr := waybill(t, c.folder, strings.Fields(c.arguments)...)
		assert.Equal(t, c.status, status, c.arguments)
		if c.want == "" {
			assert.Empty(t, stderr, c.arguments)
		}
		assert.Contains(t, stderr, c.want, c.arguments)
	}
	folder := t.TempDir()
	for name, text := range map[string]string{
		"Pulumi.yaml":      read(t, filepath.Join("..", "Pulumi.yaml")),
		"Pulumi.acme.yaml": strings.Replace(read(t, filepath.Join("..", "examples", "Pulumi.acme.yaml")), "slug: acme", "slug: Acme", 1),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	for _, command := range []string{"access-request", "guide", "manifests", "validate"} {
		status, _, stderr := waybill(t, folder, command, "acme")
		assert.Equal(t, 1, status)
		assert.NotContains(t, stderr, "error occurred", command)
		assert.Contains(t, stderr, "slug", command)
	}
}

// The committed document of the example is what its stack file makes.
func TestExampleDocumentIsCurrent(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "examples", "oscorp.accessRequest.json"))
	require.NoError(t, err)
	require.True(t, json.Valid(text))
	assert.JSONEq(t, oscorpRequest, string(text))
}

// What a preview would refuse of the other party's document, and of the names under
// adopt, a check of the file refuses in the same words. What has not come is waited for.
func TestAStackFileIsCheckedWithWhatItNames(t *testing.T) {
	for name, p := range parties {
		path := p.file(t, map[string]any{"file": theirs})
		document := filepath.Join(filepath.Dir(path), theirs)
		require.NoError(t, stacks.Validate(path), name)
		other := parties["an AKS customer"].document
		if p.output == "accessGrant" {
			other = parties["the vendor of an AKS customer"].document
		}
		for text, want := range map[string]string{
			p.document[:len(p.document)/2]:                                  "is no JSON",
			strings.Replace(p.document, `"customer":"`, `"customer":"x`, 1): `customer "x`,
			strings.Replace(p.document, `"platform":"`, `"platform":"x`, 1): "platform",
			other: `document "access`,
		} {
			require.NoError(t, os.WriteFile(document, []byte(text), 0o600))
			require.ErrorContains(t, stacks.Validate(path), "  exchange."+p.key+" "+theirs+": ", name)
			require.ErrorContains(t, stacks.Validate(path), want, name)
			_, previewed := record.Of(path, stacks.In, record.Options{})
			require.ErrorContains(t, previewed, stacks.Validate(path).Error(), name)
		}
		require.NoError(t, os.Remove(document))
		require.NoError(t, stacks.Validate(path), name)
		status, stdout, _ := waybill(t, filepath.Dir(path), "validate", p.example)
		assert.Zero(t, status, name)
		assert.Equal(t, 1, strings.Count(stdout, "\n"), name)
		assert.Regexp(t, "^waits for the "+p.output+" of the (vendor|customer), who runs `.*S-STACK > "+theirs+"`: put it at "+theirs+", then `pulumi up -s "+p.example+"`\n$", stdout)
	}
	_, stdout, _ := waybill(t, "..", "validate", "dev")
	assert.Empty(t, stdout)

	values, _ := loadStack(t, "dev", set("adopt", map[string]any{"gcp-pol": "x"}))
	err := stacks.Validate(inProject(t, "dev", "config:\n  waybill:customer: "+values["waybill:customer"]+"\n"))
	require.ErrorContains(t, err, "  adopt.gcp-pol: is no resource of this stack: want one of azure-")
	assert.NotContains(t, err.Error(), "nothing is changed", "the command says that, with the file's name")
}
