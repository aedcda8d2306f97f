package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/internal/steps"
	"waybill.example/waybill/sandbox/engine"
	"waybill.example/waybill/sandbox/rehearsal"
	"waybill.example/waybill/sandbox/state"
)

// project copies what the command needs into a folder that a test may change.
func project(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, path := range []string{"Pulumi.yaml", "Pulumi.dev.yaml", "sandbox/worlds/dev.yaml"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "..", path))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, path), text, 0o600))
	}
	return root
}

// document runs a command with --json and gives the one document on stdout.
func document(t *testing.T, root, stack string, run func(*runner) error) (report map[string]any, failed error) {
	t.Helper()
	tools, err := filepath.Abs(filepath.Join("..", "..", "..", ".build"))
	require.NoError(t, err)
	var stdout bytes.Buffer
	r := &runner{stdout: &stdout, stderr: io.Discard, json: true}
	r.options.Root, r.options.Stack, r.options.Tools = root, stack, tools
	failed = run(r)
	decoder := json.NewDecoder(&stdout)
	require.NoError(t, decoder.Decode(&report))
	assert.ErrorIs(t, decoder.Decode(new(any)), io.EOF, "one document and nothing else")
	return report, failed
}

func up(r *runner) error { return r.up(context.Background()) }

func TestUpPrintsOneDocument(t *testing.T) {
	root := project(t)
	report, err := document(t, root, "dev", up)
	require.NoError(t, err)
	assert.Equal(t, "dev", report["stack"])
	assert.Equal(t, "aks", report["platform"])
	assert.Equal(t, "both", report["side"])
	assert.Equal(t, true, report["ok"])
	require.NotEmpty(t, report["resources"])
	for _, resource := range report["resources"].([]any) {
		r := resource.(map[string]any)
		assert.Equal(t, "create", r["operation"], r["name"])
		assert.NotEmpty(t, r["type"])
		assert.Contains(t, r, "parent")
	}
	assert.Contains(t, report["outputs"], "accessGrant")
	assert.Len(t, report["hops"], 6)
	for _, refusal := range report["refusals"].([]any) {
		r := refusal.(map[string]any)
		assert.NotEmpty(t, r["hop"], r["case"])
		assert.NotEmpty(t, r["error"], r["case"])
		assert.Contains(t, []any{"deployment", "servers"}, r["kind"], r["case"])
	}

	t.Run("a deployment that fails shows nothing of an earlier one", func(t *testing.T) {
		file := filepath.Join(root, "Pulumi.dev.yaml")
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, bytes.ReplaceAll(text, []byte("name: example-cluster"), []byte("name: another-cluster")), 0o600))
		report, err := document(t, root, "dev", up)
		require.ErrorIs(t, err, errFailed)
		assert.Equal(t, false, report["ok"])
		assert.Empty(t, report["hops"])
		assert.Empty(t, report["refusals"])
		assert.Contains(t, report["errors"].([]any)[0], "another-cluster")
	})
}

// Half a chain has nothing to walk, and that is no failure where the world says so.
func TestAHalfIsDeployedAndNotWalked(t *testing.T) {
	missing := []any{map[string]any{"document": "accessRequest", "from": "customer", "command": "ask for it", "next": "go on"}}
	grant := map[string]any{"customer": "example"}
	const parties = "dev: {side: vendor, waitsFor: dev-customer}, dev-customer: {side: customer}"
	for name, c := range map[string]struct {
		stacks  string
		outputs map[string]any
		says    string
		ok      bool
	}{
		"it waits for the other party": {parties, map[string]any{"waitingFor": missing}, "the accessRequest. The customer runs `ask for it`; then here: go on", true},
		"it is the vendor's":           {parties, map[string]any{"accessGrant": grant}, "stack dev-customer walks the chain", true},
		"a whole chain without a part": {"", map[string]any{"accessGrant": grant}, "environment default: the output accessRequest.environments does not have it", false},
	} {
		t.Run(name, func(t *testing.T) {
			root := project(t)
			file := filepath.Join(root, "sandbox", "worlds", "dev.yaml")
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(file, bytes.Replace(text, []byte("walk:\n"), []byte("walk:\n  stacks: {"+c.stacks+"}\n"), 1), 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(root, "Pulumi.dev-customer.yaml"), []byte("config: {}"), 0o600))
			program := func(ctx *pulumi.Context) error {
				for key, value := range c.outputs {
					ctx.Export(key, pulumi.ToOutput(value))
				}
				return nil
			}
			report, err := document(t, root, "dev", func(r *runner) error {
				r.options.Program = program
				return up(r)
			})
			assert.Equal(t, c.ok, err == nil)
			assert.Equal(t, c.ok, report["ok"])
			assert.Empty(t, report["hops"])
			assert.Empty(t, report["refusals"])
			if !c.ok {
				assert.Contains(t, report["errors"].([]any)[0], c.says)
				return
			}
			_, err = document(t, root, "dev", func(r *runner) error {
				err := r.diagram(context.Background())
				require.ErrorContains(t, err, "stack dev has no chain to draw")
				require.ErrorContains(t, err, c.says)
				return r.printJSON(nil)
			})
			require.NoError(t, err)
		})
	}
}

// What cannot be deployed is said in one line, before anything is started.
func TestAStackWithoutAFileOrAWorldIsAnsweredAtOnce(t *testing.T) {
	root := project(t)
	require.NoError(t, os.Mkdir(filepath.Join(root, "examples"), 0o755))
	refused := func(stack string) string {
		report, err := document(t, root, stack, up)
		require.ErrorIs(t, err, errFailed)
		require.Len(t, report["errors"], 1)
		assert.NoDirExists(t, filepath.Join(root, ".sandbox"))
		return report["errors"].([]any)[0].(string)
	}
	for platform, nearest := range map[string]string{"aks": "dev", "eks": "initech", "ecs": "stark", "kubernetes": "wayne"} {
		file := "config: {\"waybill:customer\": {platform: " + platform + "}}"
		require.NoError(t, os.WriteFile(filepath.Join(root, "examples", "Pulumi."+platform+"-vendor.yaml"), []byte(file), 0o600))
		world := func(name string) string { return filepath.Join("sandbox", "worlds", name+".yaml") }
		message := refused(platform + "-vendor")
		assert.Contains(t, message, `stack "`+platform+`-vendor": has no world `+filepath.Join(root, world(platform))+": want what its two parties have")
		assert.Contains(t, message, "copy "+filepath.Join(root, world(nearest)))
		assert.FileExists(t, filepath.Join("..", "..", "..", world(nearest)))
	}
	assert.Equal(t, `stack "nobody": has no Pulumi.nobody.yaml, at the root or in examples: want one of aks-vendor, dev, ecs-vendor, eks-vendor, kubernetes-vendor`, refused("nobody"))
}

// A half is refused before anything starts where the world does not have it as one.
func TestAHalfThatTheWorldDoesNotHaveIsAnsweredAtOnce(t *testing.T) {
	root := project(t)
	require.NoError(t, os.WriteFile(filepath.Join(root, "Pulumi.dev-vendor.yaml"), []byte("config: {\"waybill:customer\": {side: vendor}}"), 0o600))
	report, err := document(t, root, "dev-vendor", up)
	require.ErrorIs(t, err, errFailed)
	assert.Contains(t, report["errors"].([]any)[0], "walk.stacks does not have dev-vendor with the side vendor")
	assert.NoDirExists(t, filepath.Join(root, ".sandbox"))
}

// A node would try for minutes to pull what is nowhere.
func TestARefresherThatNobodyPublishedIsAnsweredAtOnce(t *testing.T) {
	root := project(t)
	file := filepath.Join(root, "Pulumi.dev.yaml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, bytes.Replace(text, []byte("registry.waybill.example"), []byte("registry.contoso.example"), 1), 0o600))
	report, err := document(t, root, "dev", up)
	require.ErrorIs(t, err, errFailed)
	assert.Equal(t, []any{
		`refresher.image "registry.contoso.example/waybill/refresher:0.1.0": nobody has published it in the world ` +
			filepath.Join(root, "sandbox", "worlds", "dev.yaml") + ": want it there:",
		"  refresher: registry.contoso.example/waybill/refresher:0.1.0", "  registries:", "    - host: registry.contoso.example",
	}, report["errors"])
	assert.NoDirExists(t, filepath.Join(root, ".sandbox"))
}

// Hops, refusals and lists of several environments can be told apart.
func TestEnvironmentsAreShownApart(t *testing.T) {
	var out strings.Builder
	r := newReport("up", "dev")
	for _, environment := range []string{"trial", "trial", "prod"} {
		r.addHops(&out, rehearsal.Hop{Name: "sts", Environment: environment, OK: true})
	}
	for _, environment := range []string{"trial", "prod", "prod"} {
		r.addRefusal(&out, rehearsal.Refusal{Case: "another", Kind: rehearsal.KindDeployment, Environment: environment, Hop: "sts", Want: "sts", OK: true})
	}
	r.addRefusal(&out, rehearsal.Refusal{Case: "a token", Kind: rehearsal.KindServers, Environment: "prod", Hop: "sts", Want: "sts", OK: true})
	assert.Equal(t, "3 of 3 hops, 3 of 3 refusals of a wrong deployment, 1 of 1 of the servers themselves", r.summary()[len("nothing to do, "):])
	assert.Contains(t, out.String(), "What the clouds' own servers refuse of environment prod, whatever is deployed\n")
	printValues(&out, "", map[string]any{"environments": []any{map[string]any{"name": "trial"}, "plain"}})
	for _, environment := range []string{"trial", "prod"} {
		assert.Equal(t, 1, strings.Count(out.String(), "The chain of environment "+environment+"\n"))
		assert.Equal(t, 1, strings.Count(out.String(), "What a wrong deployment would allow of environment "+environment+", and who refused it\n"))
	}
	assert.Contains(t, out.String(), "environments\n  -\n    name  trial\n  - plain\n")
}

func TestAStackThatIsNotThereIsReportedAsADocument(t *testing.T) {
	report, err := document(t, project(t), "nosuch", up)
	require.ErrorIs(t, err, errFailed)
	assert.Equal(t, false, report["ok"])
	assert.Contains(t, report["errors"].([]any)[0], "nosuch")
}

// One hop or one refusal that is not as it must be makes the whole not ok.
func TestTheVerdictIsThatOfEveryHopAndRefusal(t *testing.T) {
	for name, c := range map[string]struct {
		hop     rehearsal.Hop
		refusal rehearsal.Refusal
		ok      bool
		shows   string
	}{
		"all well":            {rehearsal.Hop{Name: "sts", OK: true, Detail: "issuer a, subject b"}, rehearsal.Refusal{Case: "another", Hop: "sts", Error: "no", Want: "sts", OK: true}, true, "✓ another"},
		"a hop that fails":    {rehearsal.Hop{Name: "sts", Detail: "refused"}, rehearsal.Refusal{Case: "another", Hop: "sts", Want: "sts", OK: true}, false, "✗ sts"},
		"nobody refuses":      {rehearsal.Hop{Name: "sts", OK: true}, rehearsal.Refusal{Case: "another", Want: "sts", Error: "it may"}, false, "it was NOT refused; sts had to: it may"},
		"another hop refuses": {rehearsal.Hop{Name: "sts", OK: true}, rehearsal.Refusal{Case: "another", Hop: "iam", Error: "no", Want: "sts"}, false, "(expected of sts, in other words)"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			r := newReport("up", "dev")
			r.addHops(&out, c.hop)
			r.addRefusal(&out, c.refusal)
			r.printVerdict(&out)
			assert.Equal(t, c.ok, r.OK)
			assert.Contains(t, out.String(), c.shows)
			assert.Equal(t, c.ok, strings.Contains(out.String(), "ok up in "))
			assert.Equal(t, !c.ok, strings.Contains(out.String(), "FAILED up in "))
		})
	}
}

// Whatever an interrupt made fail, one line says what happened and what to do.
func TestAnInterruptIsOneLine(t *testing.T) {
	ctx, interrupt := context.WithCancel(context.Background())
	interrupt()
	tools, err := filepath.Abs(filepath.Join("..", "..", "..", ".build"))
	require.NoError(t, err)
	var stdout strings.Builder
	r := &runner{stdout: &stdout, stderr: io.Discard}
	r.options.Root, r.options.Stack, r.options.Tools = project(t), "dev", tools
	require.ErrorIs(t, r.up(ctx), errFailed)
	assert.Equal(t, "\ninterrupted: nothing is left running; run `make up STACK=dev` again to go on\n", stdout.String())
}

// Where the engine or a cloud gives advice that is another's, the report has the command.
func TestTheReportNamesTheNextCommand(t *testing.T) {
	for name, c := range map[string]struct{ error, warning, next string }{
		"a pool's ID":      {"Error 409: a deleted pool keeps its ID for 30 days", "", "`make reset STACK=dev`"},
		"a repository":     {"cannot be deleted\nbecause it is protected. `pulumi state unprotect 'urn'`", "", "`pulumi state unprotect --all -s dev` and `pulumi destroy -s dev`, or set `protect: false` in Pulumi.dev.yaml before the first destroy"},
		"a killed update":  {"", "Attempting to deploy or update resources with 4 pending operations", "runs `fleet recover dev` first"},
		"an unknown host":  {"error: the sandbox has no host registry.example.com", "", "to `registries` of sandbox/worlds/dev.yaml, or to `refresher`"},
		"a missing image":  {"the registry does not hold a/b:1 yet: the vendor pushes it", "", "add the image to `releases` in sandbox/worlds/dev.yaml, and run `make up STACK=dev` again"},
		"nothing known":    {"no such host", "", ""},
		"what is no error": {"", "a warning", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReport("up", "dev")
			r.world = "sandbox/worlds/dev.yaml"
			r.add(&engine.Result{Result: steps.Result{Warnings: []string{c.warning}}})
			if c.error != "" {
				r.fail(errors.New(c.error))
			}
			var out bytes.Buffer
			r.printVerdict(&out)
			if c.next == "" {
				assert.NotContains(t, out.String(), "Next:")
				return
			}
			assert.Contains(t, out.String(), "\nNext: ")
			assert.Contains(t, out.String(), c.next)
		})
	}
}

func TestWhatWasTriedAgainIsOneLine(t *testing.T) {
	again := func(name string) string {
		return name + ": warning: retrying create due to on-error hook request (1/100)"
	}
	r := newReport("up", "dev")
	r.add(&engine.Result{Result: steps.Result{Warnings: []string{again("gcp-reader"), "careful", again("gcp-provider"), again("gcp-reader")}}})
	var out bytes.Buffer
	r.printDeployment(&out)
	assert.Contains(t, out.String(), "had just been made: gcp-provider, gcp-reader\n")
	assert.Contains(t, out.String(), "\ncareful\n")
	assert.NotContains(t, out.String(), "on-error hook")
}

// What the stack file alone can tell is refused before anything starts.
func TestARefusalSaysThatNothingIsChanged(t *testing.T) {
	root := project(t)
	program := filepath.Join(root, "program")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\necho \"error: $1 $2: is refused\" >&2; exit 1\n"), 0o700))
	var out bytes.Buffer
	r := &runner{stdout: &out, stderr: io.Discard}
	r.options.Root, r.options.Stack, r.options.Executable = root, "dev", program
	require.ErrorIs(t, up(r), errFailed)
	assert.Contains(t, out.String(), "\n  validate dev: is refused\n")
	assert.Contains(t, out.String(), ": refused, and nothing is changed\n")
	assert.NoDirExists(t, filepath.Join(root, ".sandbox"))
}

func TestResetForgetsOneSandboxAndNothingElse(t *testing.T) {
	root := project(t)
	for _, folder := range []string{".sandbox/dev/backend", ".sandbox/acme", ".build/bin"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, folder), 0o755))
	}
	reset := func(r *runner) error { return r.reset(context.Background()) }
	report, err := document(t, root, "dev", reset)
	require.NoError(t, err)
	assert.Equal(t, true, report["ok"])
	assert.NoDirExists(t, filepath.Join(root, ".sandbox", "dev"))
	assert.DirExists(t, filepath.Join(root, ".sandbox", "acme"))
	assert.DirExists(t, filepath.Join(root, ".build", "bin"))

	require.NoError(t, os.WriteFile(filepath.Join(root, "Pulumi.acme-vendor.yaml"), []byte("config: {}"), 0o600))
	_, err = document(t, root, "acme", reset)
	require.NoError(t, err, "the customer's name is that of its two stacks' sandbox")
	assert.NoDirExists(t, filepath.Join(root, ".sandbox", "acme"))
	var said strings.Builder
	again := &runner{stdout: &said, stderr: io.Discard}
	again.options.Root, again.options.Stack = root, "acme"
	require.NoError(t, reset(again))
	assert.Equal(t, "stack acme has no sandbox: nothing to forget\n", said.String())

	running, err := state.Open(filepath.Join(root, ".sandbox", "dev"))
	require.NoError(t, err)
	r := &runner{stdout: io.Discard, stderr: io.Discard}
	r.options.Root, r.options.Stack = root, "dev"
	require.ErrorContains(t, reset(r), "is in use by process")
	require.NoError(t, running.Close())
	r.options.Stack = "deb"
	require.ErrorContains(t, reset(r), "want one of acme-vendor, dev")
}
