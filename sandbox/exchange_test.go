package sandbox_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"waybill.example/waybill/sandbox"
	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/engine"
)

// twoParties is a project with the stacks of both, on one sandbox.
type twoParties struct {
	*project
	customer string
	sandbox  *sandbox.Sandbox
}

func newTwoParties(t *testing.T, customer string) *twoParties {
	t.Helper()
	p := &twoParties{project: &project{t: t, root: t.TempDir(), stack: customer + "-customer"}, customer: customer}
	p.copy("Pulumi.yaml")
	p.copyStack(customer + "-customer")
	p.copyStack(customer + "-vendor")
	p.copy(filepath.Join("sandbox", "worlds", customer+".yaml"))
	return p
}

// of is the project with one party's stack file to change.
func (p *twoParties) of(party string) *project {
	return &project{t: p.t, root: p.root, stack: p.customer + "-" + party}
}

func (p *twoParties) engine(party string) *engine.Engine {
	p.t.Helper()
	e, err := p.sandbox.EngineFor(context.Background(), p.customer+"-"+party, nil)
	require.NoError(p.t, err)
	return e
}

func (p *twoParties) up(party string) *engine.Result {
	p.t.Helper()
	result, err := p.engine(party).Up(context.Background())
	require.NoError(p.t, err)
	return result
}

// exchange is how the two parties' documents travel.
type exchange struct {
	// from configures a party to take the other's document.
	from func(p *twoParties)
	// send carries a document that one party exported to the other.
	send func(p *twoParties, output string, document any)
}

func file(output string) string { return filepath.Join("exchange", output+".json") }

var exchanges = map[string]exchange{
	"files": {
		from: func(p *twoParties) {
			p.of("vendor").set("exchange", map[string]any{"request": map[string]any{"file": file("accessRequest")}})
			p.of("customer").set("exchange", map[string]any{"grant": map[string]any{"file": file("accessGrant")}})
		},
		send: func(p *twoParties, output string, document any) {
			text, err := json.Marshal(document)
			require.NoError(p.t, err)
			require.NoError(p.t, os.MkdirAll(filepath.Join(p.root, "exchange"), 0o755))
			require.NoError(p.t, os.WriteFile(filepath.Join(p.root, file(output)), text, 0o600))
		},
	},
	"stack references": {
		from: func(p *twoParties) {
			p.of("vendor").set("exchange", map[string]any{"request": map[string]any{"stack": "organization/waybill/" + p.customer + "-customer"}})
			p.of("customer").set("exchange", map[string]any{"grant": map[string]any{"stack": "organization/waybill/" + p.customer + "-vendor"}})
		},
		send: func(*twoParties, string, any) {},
	},
}

// waitingFor are the documents that a half waits for, and who supplies them.
func waitingFor(result *engine.Result) []string {
	var all []string
	list, _ := result.Outputs["waitingFor"].([]any)
	for _, entry := range list {
		w := entry.(map[string]any)
		all = append(all, w["document"].(string)+" of the "+w["from"].(string)+": "+w["command"].(string))
	}
	return all
}

// Two parties come from nothing to a pulled image, each with its own stack and
// nothing of the other's but a document: one customer's as each example has it.
func TestExampleTwoPartiesRunTheExchange(t *testing.T) {
	t.Parallel()
	t.Run("soylent through stack references", func(t *testing.T) {
		t.Parallel()
		p, travel := newTwoParties(t, "soylent"), exchanges["stack references"]
		first, _, complete := p.exchange(travel, "kubernetes", "entra", "sts", "iam", "secret", "registry")
		t.Run("everyone else is refused", func(t *testing.T) {
			assert.GreaterOrEqual(t, len(tryRefusals(t, p.sandbox, complete.Outputs)), 30)
		})
		t.Run("a changed identity wants an acceptance", func(t *testing.T) { aChangedIdentityIsAccepted(t, p, travel, first) })
	})
	t.Run("oscorp through files", func(t *testing.T) {
		t.Parallel()
		p, travel := newTwoParties(t, "oscorp"), exchanges["files"]
		first, vendor, complete := p.exchange(travel, "kubernetes", "sts", "ecr", "secret", "registry")
		t.Run("everyone else is refused", func(t *testing.T) {
			assert.GreaterOrEqual(t, len(tryRefusals(t, p.sandbox, complete.Outputs)), 30)
		})
		t.Run("a tampered document changes nothing", func(t *testing.T) { aTamperedDocumentChangesNothing(t, p, travel, vendor, first) })
	})
}

// exchange brings both halves from nothing to a pulled image, and walks the hops.
func (p *twoParties) exchange(travel exchange, hops ...string) (first, vendor, complete *engine.Result) {
	t := p.t
	travel.from(p)
	p.sandbox = p.start(nil)

	// Neither has anything of the other: both deploy what they can.
	waits := waitingFor(p.up("vendor"))
	require.Len(t, waits, 1)
	assert.Contains(t, waits[0], "accessRequest of the customer: ")
	first = p.up("customer")
	waits = waitingFor(first)
	require.Len(t, waits, 1)
	assert.Contains(t, waits[0], "accessGrant of the vendor: ")
	assert.NotEmpty(t, changes(first))

	travel.send(p, "accessRequest", first.Outputs["accessRequest"])
	vendor = p.up("vendor")
	assert.Empty(t, waitingFor(vendor))
	assert.Equal(t, first.Outputs["accessRequest"], vendor.Outputs["accessRequest"], "what was received is shown")
	travel.send(p, "accessGrant", vendor.Outputs["accessGrant"])
	complete = p.up("customer")
	assert.Empty(t, waitingFor(complete))
	assert.Equal(t, vendor.Outputs["accessGrant"], complete.Outputs["accessGrant"])

	var names []string
	for _, hop := range walk(t, p.sandbox, complete.Outputs) {
		assert.True(t, hop.OK, "%s: %s", hop.Name, hop.Detail)
		names = append(names, hop.Name)
	}
	assert.Equal(t, hops, names)
	for _, party := range []string{"customer", "vendor"} {
		again := p.up(party)
		assert.Empty(t, changes(again), "nothing more to do for the %s", party)
		for _, resource := range again.Resources {
			theirs := map[string][]string{"customer": {"gcp:", "aws:ecr/"}, "vendor": {"azure-native:", "kubernetes:", "aws:iam/"}}[party]
			assert.False(t, slices.ContainsFunc(theirs, func(prefix string) bool { return strings.HasPrefix(resource.Type, prefix) }),
				"the %s touches nothing of the other's: %s", party, resource.Type)
		}
	}
	return first, vendor, complete
}

// The engine sees a refusal before anything of the half that would have been
// built on it.
func aTamperedDocumentChangesNothing(t *testing.T, p *twoParties, travel exchange, vendor, customer *engine.Result) {
	for _, c := range []struct {
		party, output string
		good          any
		change        func(document map[string]any)
		want          string
		last          bool // of the party
	}{
		{"vendor", "accessRequest", customer.Outputs["accessRequest"], func(d map[string]any) { d["customer"] = "mallory" }, `customer "mallory"`, false},
		{"vendor", "accessRequest", customer.Outputs["accessRequest"], func(d map[string]any) { d["extra"] = "x" }, "extra is an unknown key", false},
		{"vendor", "accessRequest", customer.Outputs["accessRequest"], func(d map[string]any) {
			environment := d["environments"].([]any)[0].(map[string]any)
			environment["roleArns"] = []any{"arn:aws:iam::334455667788:role/somebody-else"}
		}, "at the last update: want it unchanged, or in exchange.accept", true},
		{"customer", "accessGrant", vendor.Outputs["accessGrant"], func(d map[string]any) {
			d["registry"] = strings.Replace(d["registry"].(string), "-", "-evil-", 1)
		}, "registry", false},
		{"customer", "accessGrant", vendor.Outputs["accessGrant"], func(d map[string]any) { d["version"] = "2.0" }, `version "2.0": want the version`, true},
	} {
		text, err := json.Marshal(c.good)
		require.NoError(t, err)
		var document map[string]any
		require.NoError(t, json.Unmarshal(text, &document))
		c.change(document)
		travel.send(p, c.output, document)
		result, err := p.engine(c.party).Up(context.Background())
		require.ErrorContains(t, err, c.want)
		require.ErrorContains(t, err, "is refused, and nothing is changed")
		assert.Empty(t, result.Changed())
		if c.last { // trying again does not help, for a refusal is not what the stack is built on; the good one does
			_, err = p.engine(c.party).Up(context.Background())
			require.ErrorContains(t, err, c.want)
			travel.send(p, c.output, c.good)
			assert.Empty(t, changes(p.up(c.party)))
		}
	}
}

// The customer makes its identity anew: the vendor goes along once it has said
// so, and its preview shows what that changes.
func aChangedIdentityIsAccepted(t *testing.T, p *twoParties, travel exchange, first *engine.Result) {
	principal := func(result *engine.Result) string {
		return result.Outputs["accessRequest"].(map[string]any)["environments"].([]any)[0].(map[string]any)["principalId"].(string)
	}
	p.of("customer").set("azure.identity", map[string]any{"name": "another-identity"})
	// The rest waits for the vendor: a refresh could not work yet.
	targeted, err := p.engine("customer").Up(context.Background(), optup.Target([]string{"**::azure", "**::azure-*"}))
	require.NoError(t, err, "%q", changes(targeted))
	outputs := targeted.Outputs
	require.NotEqual(t, principal(first), principal(targeted))

	travel.send(p, "accessRequest", outputs["accessRequest"])
	_, err = p.engine("vendor").Up(context.Background())
	require.ErrorContains(t, err, `principalId is "`+principal(targeted)+`" and was `+principal(first)+" at the last update")
	environment := outputs["accessRequest"].(map[string]any)["environments"].([]any)[0].(map[string]any)
	p.of("vendor").set("exchange.accept", []any{environment["principalId"], environment["clientId"]})
	preview, err := p.engine("vendor").Preview(context.Background())
	require.NoError(t, err)
	assert.Equal(t, []string{"replace gcp-impersonation", "update gcp-provider"}, changes(preview))
	travel.send(p, "accessGrant", p.up("vendor").Outputs["accessGrant"])
	for _, hop := range walk(t, p.sandbox, p.up("customer").Outputs) {
		assert.True(t, hop.OK, "%s: %s", hop.Name, hop.Detail)
	}
}

// complete brings both halves up, with documents that travel as files.
func (p *twoParties) complete() *engine.Result {
	p.t.Helper()
	travel := exchanges["files"]
	travel.from(p)
	p.sandbox = p.start(nil)
	travel.send(p, "accessRequest", p.up("customer").Outputs["accessRequest"])
	travel.send(p, "accessGrant", p.up("vendor").Outputs["accessGrant"])
	return p.up("customer")
}

// Each party leaves alone, the customer on EKS first: what is its own goes, what
// others may use too stays, and the vendor's half is as it was until the vendor
// leaves.
func TestExampleBothHalvesOnEKSAreOffBoarded(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := newTwoParties(t, "oscorp")
	const account, cluster = "334455667788", "oidc.eks.eu-central-1.amazonaws.com/id/7C8D9E0F1A2B3C4D5E6F708192A3B4C5"
	customer := p.of("customer")
	customer.set("eks", map[string]any{"oidcProvider": map[string]any{"existing": false}})
	p.rewrite(filepath.Join("sandbox", "worlds", "oscorp.yaml"), func(world map[string]any) {
		delete(world["aws"].(map[string]any)["accounts"].([]any)[0].(map[string]any), "oidcProviders")
	})
	outputs := p.complete().Outputs
	assert.Empty(t, broken(t, p.sandbox, outputs))

	vendor := arn.Place{Account: "210987654321", Region: "us-east-1"}
	policy := func() string {
		repository, err := p.sandbox.AWS.ECR.Get(vendor, "oscorp/bifrost")
		require.NoError(t, err)
		return repository.PolicyText()
	}
	granted := policy()
	gone, err := p.engine("customer").Destroy(ctx)
	require.NoError(t, err)
	for _, resource := range gone.Changed() {
		assert.NotContains(t, resource.Type, "aws:ecr/", "the vendor's")
	}
	iam, err := p.sandbox.AWS.IAM.Account(account)
	require.NoError(t, err)
	_, err = iam.Role("oscorp--bifrost-pull")
	require.Error(t, err, "the stack's role")
	_, err = iam.Role("oscorp-prod-node")
	require.NoError(t, err, "the cluster's")
	_, err = iam.OIDCProvider("arn:aws:iam::" + account + ":oidc-provider/" + cluster)
	require.NoError(t, err, "other roles may trust the cluster through it, though the stack made it")
	kube := client(t, p.sandbox)
	_, err = kube.CoreV1().Namespaces().Get(ctx, "bifrost", metav1.GetOptions{})
	require.NoError(t, err, "it is protected, with what else lives there")
	secrets, err := kube.CoreV1().Secrets("bifrost").List(ctx, metav1.ListOptions{})
	require.NoError(t, err)
	assert.Empty(t, secrets.Items)
	cronJobs, err := kube.BatchV1().CronJobs("bifrost").List(ctx, metav1.ListOptions{})
	require.NoError(t, err)
	assert.Empty(t, cronJobs.Items)
	deployments, err := kube.AppsV1().Deployments("bifrost").List(ctx, metav1.ListOptions{})
	require.NoError(t, err)
	assert.Empty(t, deployments.Items)

	assert.Equal(t, granted, policy(), "the vendor's half is as it was")
	p.of("vendor").set("aws.vendor.repository", map[string]any{"protect": false})
	p.up("vendor")
	_, err = p.engine("vendor").Destroy(ctx)
	require.NoError(t, err)
	var left []string
	for _, repository := range p.sandbox.AWS.ECR.Repositories() {
		left = append(left, repository.Name)
	}
	assert.Equal(t, []string{"neighbour"}, left, "another customer's")
}
