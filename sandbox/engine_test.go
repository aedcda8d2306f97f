package sandbox_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"waybill.example/waybill/sandbox"
	"waybill.example/waybill/sandbox/engine"
	"waybill.example/waybill/tests/programs"
)

// project is a copy of the project that a test may change.
type project struct {
	t     *testing.T
	root  string
	stack string
	// agent is true once the project has the lock of agents.
	agent bool
	// forgets is true where the operator lets the state forget clusters that are gone.
	forgets bool
}

func newProject(t *testing.T, stack string) *project {
	t.Helper()
	p := &project{t: t, root: t.TempDir(), stack: stack}
	p.copy("Pulumi.yaml")
	p.copyStack(stack)
	p.copy(filepath.Join("sandbox", "worlds", stack+".yaml"))
	return p
}

func (p *project) copy(path string) { p.copyTo(path, filepath.Join("..", path)) }

// copyStack copies a stack's file, an example's too, to the project's root.
func (p *project) copyStack(stack string) {
	file, err := engine.StackFile("..", stack)
	require.NoError(p.t, err)
	p.copyTo(filepath.Base(file), file)
}

func (p *project) copyTo(path, file string) {
	text, err := os.ReadFile(file)
	require.NoError(p.t, err)
	require.NoError(p.t, os.MkdirAll(filepath.Dir(filepath.Join(p.root, path)), 0o755))
	require.NoError(p.t, os.WriteFile(filepath.Join(p.root, path), text, 0o600))
}

// set changes a dotted key of the customer's object in the stack file.
func (p *project) set(path string, value any) {
	p.edit("Pulumi."+p.stack+".yaml", "config|waybill:customer|"+strings.ReplaceAll(path, ".", "|"), value)
}

// change changes the customer's object in the stack file.
func (p *project) change(change func(customer map[string]any)) {
	p.t.Helper()
	p.rewrite("Pulumi."+p.stack+".yaml", func(document map[string]any) {
		change(document["config"].(map[string]any)["waybill:customer"].(map[string]any))
	})
}

// world changes the stack's world.
func (p *project) world(change func(world map[string]any)) {
	p.t.Helper()
	p.rewrite(filepath.Join("sandbox", "worlds", p.stack+".yaml"), change)
}

// rewrite changes a YAML file.
func (p *project) rewrite(file string, change func(document map[string]any)) {
	p.t.Helper()
	name := filepath.Join(p.root, file)
	text, err := os.ReadFile(name)
	require.NoError(p.t, err)
	var document map[string]any
	require.NoError(p.t, yaml.Unmarshal(text, &document))
	change(document)
	text, err = yaml.Marshal(document)
	require.NoError(p.t, err)
	require.NoError(p.t, os.WriteFile(name, text, 0o600))
}

// edit changes the value at a path, joined by |, of a YAML file; nil deletes.
func (p *project) edit(file, path string, value any) {
	p.t.Helper()
	p.rewrite(file, func(object map[string]any) {
		keys := strings.Split(path, "|")
		for _, key := range keys[:len(keys)-1] {
			inner, ok := object[key].(map[string]any)
			if !ok {
				inner = map[string]any{}
				object[key] = inner
			}
			object = inner
		}
		if object[keys[len(keys)-1]] = value; value == nil {
			delete(object, keys[len(keys)-1])
		}
	})
}

// The engine runs the program as it is now, and not as `make` last built it.
func TestMain(m *testing.M) {
	build := exec.Command("go", "build", "-C", "..", "-o", filepath.Join(".build", "bin", "waybill"), ".")
	if text, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s%v\n", text, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// agents lets one sandbox at a time have the EKS Pod Identity agent's address.
var agents sync.Mutex

// start starts the project's sandbox for the length of the test.
func (p *project) start(program pulumi.RunFunc) *sandbox.Sandbox {
	p.t.Helper()
	world, _ := os.ReadFile(filepath.Join(p.root, "sandbox", "worlds", p.stack+".yaml")) // some tests have it elsewhere, and no agent
	if strings.Contains(string(world), "podIdentityAgent: true") && !p.agent {
		agents.Lock()
		p.t.Cleanup(agents.Unlock)
		p.agent = true
	}
	tools, err := filepath.Abs(filepath.Join("..", ".build"))
	require.NoError(p.t, err)
	s, err := sandbox.Start(context.Background(), sandbox.Options{
		Root: p.root, Stack: p.stack, Tools: tools, Program: program, DeleteUnreachable: p.forgets,
	})
	require.NoError(p.t, err, "the tools are built by `make tools`")
	p.t.Cleanup(func() { assert.NoError(p.t, s.Close()) })
	return s
}

func open(t *testing.T, s *sandbox.Sandbox) *engine.Engine {
	t.Helper()
	e, err := s.Engine(context.Background(), nil)
	require.NoError(t, err)
	return e
}

func up(t *testing.T, s *sandbox.Sandbox) *engine.Result {
	t.Helper()
	result, err := open(t, s).Up(context.Background())
	require.NoError(t, err)
	return result
}

// changes are an operation's changes as "operation name", sorted.
func changes(result *engine.Result) []string {
	all := []string{}
	for _, resource := range result.Changed() {
		all = append(all, resource.Operation+" "+resource.Name)
	}
	slices.Sort(all)
	return all
}

// repositories are the names of the vendor's repositories, sorted.
func repositories(s *sandbox.Sandbox) []string {
	names := []string{}
	for _, repository := range s.GCP.Repositories() {
		names = append(names, repository.ID)
	}
	slices.Sort(names)
	return names
}

func TestACustomerIsDeployedChangedAndOffBoarded(t *testing.T) {
	t.Parallel()
	p := newProject(t, "dev")
	s := p.start(nil)

	t.Run("a wrong configuration changes nothing", func(t *testing.T) { aWrongConfigurationChangesNothing(t, p, s) })
	plan := filepath.Join(t.TempDir(), "plan.json")
	preview, err := open(t, s).Preview(context.Background(), optpreview.Plan(plan))
	require.NoError(t, err)
	t.Run("a preview does not know what a cloud decides", func(t *testing.T) { aPreviewDoesNotKnow(t, plan) })
	result := up(t, s)
	assert.Equal(t, changes(preview), changes(result), "the update does what the preview said")
	for _, output := range []string{"accessRequest", "accessGrant", "credentialConfig", "pullSecret", "image", "service"} {
		assert.NotEmpty(t, result.Outputs[output], output)
	}
	assert.Equal(t, "402817365910", result.Outputs["accessGrant"].(map[string]any)["projectNumber"], "the world's number, which no configuration holds")

	t.Run("every field of its objects is one of Kubernetes", func(t *testing.T) { everyFieldIsKnown(t, p, s) })
	t.Run("a second up changes nothing", func(t *testing.T) {
		assert.Empty(t, changes(up(t, s)))
	})
	t.Run("another tag changes only the workload", func(t *testing.T) {
		p.set("product.tag", "1.1")
		result := up(t, s)
		assert.Equal(t, []string{"update pull-images", "update workload", "update workload-deployment"}, changes(result),
			"the component's own record, the Deployment, and what the refresher tries")
	})
	t.Run("another identity replaces what names it and refreshes again", func(t *testing.T) {
		p.set("azure.identity", map[string]any{"name": "another-identity"})
		got := changes(up(t, s))
		for _, want := range []string{
			"replace azure-identity", "replace azure-hello-federated-credential", "update gcp-provider",
			"replace gcp-impersonation", "replace pull-first-refresh", "update pull-refresh",
		} {
			assert.Contains(t, got, want)
		}
		assert.NotContains(t, got, "replace pull-secret", "nobody who pulls meanwhile is disturbed")
		assert.Empty(t, changes(up(t, s)))
	})
	t.Run("down leaves what the world had", func(t *testing.T) {
		_, err := open(t, s).Destroy(context.Background())
		require.NoError(t, err)
		assert.Empty(t, s.Azure.Identities())
		assert.Equal(t, []string{"neighbour"}, repositories(s), "another customer's")
		client, err := kubernetes.NewForConfig(s.Clusters[0].RESTConfig())
		require.NoError(t, err)
		namespaces, err := client.CoreV1().Namespaces().List(context.Background(), metav1.ListOptions{})
		require.NoError(t, err)
		for _, namespace := range namespaces.Items {
			assert.NotEqual(t, "hello", namespace.Name)
		}
	})
	t.Run("the pool's ID stays taken, and raising the generation helps", func(t *testing.T) {
		_, err := open(t, s).Up(context.Background())
		require.ErrorContains(t, err, "Error 409: Requested entity already exists")
		require.ErrorContains(t, err, "Raise gcp.generation to 2")
		p.set("gcp.generation", 2)
		p.set("gcp.repository.protect", true)
		assert.Equal(t, "example--hello-azure-pool-2", up(t, s).Outputs["accessGrant"].(map[string]any)["pool"])
	})
	t.Run("a protected repository is not deleted by accident", func(t *testing.T) {
		_, err := open(t, s).Destroy(context.Background())
		require.ErrorContains(t, err, "cannot be deleted")
		require.ErrorContains(t, err, "because it is protected")
		require.Equal(t, []string{"example--hello", "neighbour"}, repositories(s))
		p.set("gcp.repository.protect", false)
		p.set("gcp.generation", 3)
		up(t, s)
		_, err = open(t, s).Destroy(context.Background())
		require.NoError(t, err)
		assert.Equal(t, []string{"neighbour"}, repositories(s))
	})
}

// aWrongConfigurationChangesNothing: what is wrong about the world, its clouds refuse.
func aWrongConfigurationChangesNothing(t *testing.T, p *project, s *sandbox.Sandbox) {
	file := filepath.Join(p.root, "Pulumi.dev.yaml")
	right, err := os.ReadFile(file)
	require.NoError(t, err)
	for name, c := range map[string]struct{ path, value, want string }{
		"a cluster that is not there": {"environments.default.cluster.name", "other", `environments.default.cluster.name "other" in group "example-apps"`},
		"another subscription":        {"azure.subscriptionId", "00000000-90ab-4f36-b1c5-2e4f6a8b0c11", "SubscriptionNotFound"},
	} {
		t.Run(name, func(t *testing.T) {
			p.set(c.path, c.value)
			result, err := open(t, s).Up(context.Background())
			require.ErrorContains(t, err, c.want)
			onlyProviders(t, result)
			assert.Empty(t, s.Azure.Identities())
			assert.Equal(t, []string{"neighbour"}, repositories(s))
			require.NoError(t, os.WriteFile(file, right, 0o600))
		})
	}
}

// aPreviewDoesNotKnow what a cloud decides, nor what follows from it.
func aPreviewDoesNotKnow(t *testing.T, plan string) {
	text, err := os.ReadFile(plan)
	require.NoError(t, err)
	const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9" // how the engine writes a value that it does not know
	var document struct {
		ResourcePlans map[string]struct {
			Goal struct {
				InputDiff struct {
					Adds map[string]any `json:"adds"`
				} `json:"inputDiff"`
			} `json:"goal"`
		} `json:"resourcePlans"`
	}
	require.NoError(t, yaml.Unmarshal(text, &document))
	input := func(name, property string) any {
		for urn, resource := range document.ResourcePlans {
			if strings.HasSuffix(urn, "::"+name) {
				return resource.Goal.InputDiff.Adds[property]
			}
		}
		return "no such resource"
	}
	assert.Equal(t, unknown, input("gcp-provider", "attributeCondition"), "the principal ID is Azure's to choose")
	assert.Equal(t, unknown, input("gcp-impersonation", "member"), "the project number is Google's")
	assert.Equal(t, unknown, input("gcp-reader", "member"))
	assert.Equal(t, "hello-federated-credential", input("azure-hello-federated-credential", "federatedIdentityCredentialResourceName"))
	assert.Equal(t, "system:serviceaccount:hello:hello-refresher", input("azure-hello-federated-credential", "subject"))
}

// Neighbours in the chain of credentials wait for each other; others are
// deleted at once, which Azure refuses and the error hook tries again.
func TestTwoCredentialsThatAreNoNeighboursAreRemovedTogether(t *testing.T) {
	t.Parallel()
	p := newProject(t, "dev")
	s := p.start(programs.Credentials(1, 2, 3, 4, 5))
	up(t, s)
	require.Len(t, s.Azure.Identities()[0].Credentials, 5)
	require.NoError(t, s.Close())

	s = p.start(programs.Credentials(1, 3, 5))
	assert.Equal(t, []string{"delete identity-trust-02", "delete identity-trust-04", "update identity"}, changes(up(t, s)))
	var left []string
	for _, credential := range s.Azure.Identities()[0].Credentials {
		left = append(left, credential.Name)
	}
	slices.Sort(left)
	assert.Equal(t, []string{"trust-01", "trust-03", "trust-05"}, left)
	_, err := open(t, s).Destroy(context.Background())
	require.NoError(t, err)
	assert.Empty(t, s.Azure.Identities())
}

// The hops of the chains that several examples have.
var (
	viaTwo    = []string{"kubernetes", "entra", "sts", "iam", "secret", "registry"}
	viaThree  = []string{"kubernetes", "sts", "iam", "secret", "registry"}
	viaAmazon = []string{"kubernetes", "sts", "ecr", "secret", "registry"}
)

// proven is what an example's rehearsal has: the hops, and how many refusals.
type proven struct {
	hops     []string
	refusals int
}

var examples = map[string]proven{
	"acme":      {viaTwo, 71},
	"cyberdyne": {viaThree, 64},
	"globex":    {viaTwo, 70},
	"hanso":     {[]string{"registry"}, 23},
	"hooli":     {[]string{"ecr", "registry"}, 31},
	"initech":   {viaAmazon, 72},
	"nakatomi":  {viaAmazon, 70},
	"stark":     {[]string{"execution-role", "ecr", "registry", "logs"}, 33},
	"umbrella":  {viaAmazon, 76},
	"virtucon":  {viaTwo, 70},
	"wayne":     {viaThree, 64},
	"wonka":     {[]string{"execution-role", "ecr", "secrets", "registry", "logs"}, 33},
	"weyland":   {[]string{"kubernetes", "sts", "iam", "secret", "secret", "registry"}, 63},
}

func TestExamplesAreDeployedUnchangedAndWalked(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "examples", "Pulumi.*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		stack := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml")
		party := strings.HasSuffix(stack, "-customer") || strings.HasSuffix(stack, "-vendor")
		if stack == "tyrell" || party {
			continue // have tests of their own
		}
		t.Run(stack, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, examples, stack)
			rehearse(t, newProject(t, stack).start(nil), examples[stack].hops, examples[stack].refusals)
		})
	}
}
