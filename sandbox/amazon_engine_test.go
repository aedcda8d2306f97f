package sandbox_test

import (
	"context"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox"
	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/engine"
	"waybill.example/waybill/sandbox/rehearsal"
	"waybill.example/waybill/tests/programs"
)

// broken are the hops of a walk that fail.
func broken(t *testing.T, s *sandbox.Sandbox, outputs map[string]any) []string {
	t.Helper()
	var names []string
	for _, hop := range walk(t, s, outputs) {
		if !hop.OK {
			names = append(names, hop.Name)
		}
	}
	return names
}

// refusedBy asks for the hop that refuses a suspended customer, in each environment.
func refusedBy(t *testing.T, s *sandbox.Sandbox, outputs map[string]any, hop string) {
	t.Helper()
	chain, err := s.Rehearsal(t.Context(), outputs)
	require.NoError(t, err)
	var refusals []rehearsal.Refusal
	require.NoError(t, chain.Suspended(t.Context(), func(refusal rehearsal.Refusal) { refusals = append(refusals, refusal) }))
	require.NotEmpty(t, refusals)
	for _, refusal := range refusals {
		assert.True(t, refusal.OK, refusal.Error)
		assert.Equal(t, hop, refusal.Hop)
	}
}

// Suspending takes the repository's policy, or from a role of the vendor's its own,
// and resuming brings it back: no first refresh runs, which would fail.
func TestExampleACustomerOnAWSIsSuspendedAndResumed(t *testing.T) {
	t.Parallel()
	for stack, c := range map[string]struct{ hop, by, right string }{
		"initech": {"secret", "registry", "ecr-readers"}, "stark": {"registry", "registry", "ecr-readers"},
		"nakatomi": {"ecr", "ecr", "role-role-policy-attachment"},
	} {
		t.Run(stack, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, stack)
			s := p.start(nil)
			up(t, s)
			p.set("suspended", true)
			suspended := up(t, s)
			assert.Equal(t, []string{"delete " + c.right}, changes(suspended))
			assert.Equal(t, true, suspended.Outputs["suspended"])
			assert.NotEmpty(t, suspended.Outputs["accessGrant"], "no document says that something was taken back")
			assert.Equal(t, []string{c.hop}, broken(t, s, suspended.Outputs), "the role opens nothing")
			refusedBy(t, s, suspended.Outputs, c.by)
			assert.Empty(t, changes(up(t, s)))

			p.set("suspended", nil)
			resumed := up(t, s)
			assert.Equal(t, []string{"create " + c.right}, changes(resumed))
			assert.NotContains(t, resumed.Outputs, "suspended")
			assert.Empty(t, broken(t, s, resumed.Outputs))
		})
	}
}

// account changes one of the world's AWS accounts.
func (p *project) account(id string, change func(account map[string]any)) {
	p.t.Helper()
	p.world(func(world map[string]any) {
		for _, account := range world["aws"].(map[string]any)["accounts"].([]any) {
			if account := account.(map[string]any); account["id"] == id {
				change(account)
			}
		}
	})
}

// revision is an ARN's revision.
func revision(definition any) string {
	text := definition.(string)
	return text[strings.LastIndex(text, ":")+1:]
}

// The accounts of the example on ECS.
const (
	starksVendor   = "210987654321"
	starksCustomer = "423456789012"
)

// onlyProviders says that an update was refused before it made anything.
func onlyProviders(t *testing.T, result *engine.Result) {
	t.Helper()
	for _, resource := range result.Changed() {
		assert.True(t, strings.HasPrefix(resource.Type, "pulumi:providers:"), "%s was registered", resource.Name)
	}
}

// With nothing pushed, the first update makes everything but the service, and says
// what to push, as the refresher does where there is one. So does a tag that nobody
// pushed, later.
func TestExampleTheFirstUpdateOnECSMeetsAnEmptyRepository(t *testing.T) {
	t.Parallel()
	p := newProject(t, "stark")
	var releases any
	p.account(starksVendor, func(account map[string]any) { releases = account["releases"]; delete(account, "releases") })
	s := p.start(nil)
	refused := func(tag string) {
		t.Helper()
		_, err := open(t, s).Up(context.Background())
		image := "210987654321.dkr.ecr.us-east-1.amazonaws.com/stark/bifrost:" + tag
		require.ErrorContains(t, err, "the registry does not hold "+image+` yet: the vendor pushes it, for example with "crane copy YOUR-IMAGE `+image+`"; then run `+"`pulumi up -s stark` again")
	}
	refused("1.4.2")
	refused("1.4.2")
	assert.Empty(t, s.AWS.ECS.Services(), "nothing runs that could not pull")
	require.NoError(t, s.Close())

	p.account(starksVendor, func(account map[string]any) { account["releases"] = releases })
	s = p.start(nil)
	require.NoError(t, s.Release(context.Background()))
	assert.Equal(t, []string{"create service-service"}, changes(up(t, s)), "it goes on where it stopped")
	assert.Empty(t, changes(up(t, s)))

	p.set("product.tag", "9.9.9")
	refused("9.9.9")
	assert.Equal(t, "1", revision(s.AWS.ECS.Services()[0].TaskDefinition), "what runs is left alone")
	p.set("product.tag", "1.4.2")
	assert.Empty(t, broken(t, s, up(t, s).Outputs))
	assert.Empty(t, changes(up(t, s)))
}

// A deployment that is rolled back fails, and fails again until it is mended.
func TestExampleADeploymentThatIsRolledBackFails(t *testing.T) {
	t.Parallel()
	p := newProject(t, "stark")
	p.account(starksVendor, func(account map[string]any) {
		account["releases"] = []any{"us-east-1/stark/bifrost:1.4.2", "us-east-1/stark/bifrost:1.4.3"}
	})
	s := p.start(nil)
	up(t, s)
	require.NoError(t, s.Release(context.Background()))
	vendor := arn.Place{Account: starksVendor, Region: "us-east-1"}
	repository, err := s.AWS.ECR.Get(vendor, "stark/bifrost")
	require.NoError(t, err)
	right := repository.PolicyText()
	require.NoError(t, s.AWS.ECR.DeletePolicy(vendor, "stark/bifrost"))

	p.set("product.tag", "1.4.3")
	for range 2 {
		_, err := open(t, s).Up(context.Background())
		require.ErrorContains(t, err, "aws.Service: service stark--bifrost runs arn:aws:ecs:us-west-2:423456789012:task-definition/stark--bifrost:1 again")
		require.ErrorContains(t, err, "bifrost:1.4.3: ECS's circuit breaker rolled the deployment back")
	}
	_, err = s.AWS.ECR.SetPolicy(vendor, "stark/bifrost", right)
	require.NoError(t, err)
	assert.Contains(t, changes(up(t, s)), "update service-service")
	assert.Equal(t, "2", revision(s.AWS.ECS.Services()[0].TaskDefinition))
	assert.Empty(t, changes(up(t, s)))
}

// A repository has one policy: what another customer's stack, or a person, wrote in
// it is never written over.
func TestExampleAnExistingRepositorysPolicyIsNotWrittenOver(t *testing.T) {
	t.Parallel()
	p := newProject(t, "stark")
	p.set("aws.vendor.repository", map[string]any{"existing": true, "name": "stark/bifrost"})
	p.account(starksVendor, func(account map[string]any) {
		account["repositories"] = append(account["repositories"].([]any), map[string]any{"region": "us-east-1", "name": "stark/bifrost"})
	})
	s := p.start(nil)
	vendor := arn.Place{Account: starksVendor, Region: "us-east-1"}
	const theirs = `{"Sid":"WaybillGlobexBifrostabcdefgh","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Action":"ecr:BatchGetImage"}`
	refused := func() {
		result, err := open(t, s).Up(context.Background())
		require.ErrorContains(t, err, `aws.vendor.repository.existing true: the policy of "stark/bifrost" has statements of others, WaybillGlobexBifrostabcdefgh`)
		onlyProviders(t, result)
	}
	_, err := s.AWS.ECR.SetPolicy(vendor, "stark/bifrost", `{"Version":"2012-10-17","Statement":[`+theirs+`]}`)
	require.NoError(t, err)
	refused()

	require.NoError(t, s.AWS.ECR.DeletePolicy(vendor, "stark/bifrost"))
	outputs := up(t, s).Outputs
	assert.Empty(t, broken(t, s, outputs))
	assert.Empty(t, changes(up(t, s)))

	repository, err := s.AWS.ECR.Get(vendor, "stark/bifrost")
	require.NoError(t, err)
	both := strings.Replace(repository.PolicyText(), `"Statement":[`, `"Statement":[`+theirs+",", 1)
	require.Contains(t, both, theirs)
	_, err = s.AWS.ECR.SetPolicy(vendor, "stark/bifrost", both)
	require.NoError(t, err)
	p.set("suspended", true)
	refused()
}

// What exists already under a name of the stack's is refused before anything is made.
func TestExampleWhatExistsOnAWSIsRefusedBeforeAnythingIsMade(t *testing.T) {
	t.Parallel()
	trust := map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": map[string]any{"Service": "ec2.amazonaws.com"},
	}}}
	for name, c := range map[string]struct {
		account, kind string
		existing      map[string]any
		adopt, want   string
	}{
		"a repository": {starksVendor, "repositories", map[string]any{"region": "us-east-1", "name": "stark/bifrost"},
			"ecr-repository", `aws.vendor.repository.name "stark/bifrost": the registry has it already`},
		"a role": {starksCustomer, "roles", map[string]any{"name": "stark--bifrost-execution", "trust": trust},
			"service-execution", `ecs.executionRole.name "stark--bifrost-execution": the account has this role already`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, "stark")
			p.account(c.account, func(account map[string]any) {
				there, _ := account[c.kind].([]any)
				account[c.kind] = append(there, c.existing)
			})
			s := p.start(nil)
			result, err := open(t, s).Up(context.Background())
			require.ErrorContains(t, err, c.want)
			onlyProviders(t, result)

			p.set("adopt", map[string]any{c.adopt: c.existing["name"]})
			up(t, s)
			p.set("adopt", nil)
			assert.Empty(t, changes(up(t, s)), "it carries the stack's tags now")
		})
	}
}

// An account has one OIDC provider for a cluster: it is made where there is none,
// and outlives the stack that made it.
func TestTheAccountsOIDCProviderIsKept(t *testing.T) {
	t.Parallel()
	const world = "registries:\n  - host: registry.waybill.example\n"
	t.Run("where the account has it", func(t *testing.T) {
		s := startAWS(t, awsWorld+strings.Replace(awsProviders, awsIssuerTwo, programs.AWSIssuer+"0", 1)+world, programs.IRSARole(true))
		result, err := open(t, s).Up(context.Background())
		require.ErrorContains(t, err, "trust.existing false: the account has OIDC provider")
		onlyProviders(t, result)
	})
	t.Run("where the stack makes it", func(t *testing.T) {
		makes := true
		s := startAWS(t, awsWorld+world, func(ctx *pulumi.Context) error { return programs.IRSARole(makes)(ctx) })
		customer, err := s.AWS.IAM.Account(programs.AWSCustomer)
		require.NoError(t, err)
		name := "arn:aws:iam::" + programs.AWSCustomer + ":oidc-provider/" + strings.TrimPrefix(programs.AWSIssuer, "https://")
		there := func() {
			_, err := customer.OIDCProvider(name)
			require.NoError(t, err, "other roles may trust the cluster through it")
		}
		up(t, s)
		assert.Empty(t, changes(up(t, s)), "the stack knows its own")
		makes = false
		assert.Contains(t, changes(up(t, s)), "keep role-provider", "of the state alone")
		there()
		makes = true
		assert.Equal(t, []string{"create role-provider"}, changes(up(t, s)), "it is imported")
		assert.Empty(t, changes(up(t, s)))
		_, err = open(t, s).Destroy(context.Background())
		require.NoError(t, err)
		there()
		up(t, s)
		assert.Empty(t, changes(up(t, s)))
	})
}

// The path of docs/offboarding.md: what is protected refuses, and once it is said
// that it may go, nothing of the customer's is left, and nobody else's is gone.
func TestExampleACustomerOnECSIsOffBoarded(t *testing.T) {
	t.Parallel()
	p := newProject(t, "stark")
	s := p.start(nil)
	up(t, s)
	_, err := open(t, s).Destroy(context.Background())
	require.ErrorContains(t, err, "because it is protected")
	p.set("aws.vendor.repository", map[string]any{"protect": false})
	up(t, s) // what was not protected is gone, and comes back
	p.set("suspended", true)
	assert.Equal(t, []string{"delete ecr-readers"}, changes(up(t, s)))
	_, err = open(t, s).Destroy(context.Background())
	require.NoError(t, err)

	var left []string
	for _, repository := range s.AWS.ECR.Repositories() {
		left = append(left, repository.Name)
	}
	assert.Equal(t, []string{"neighbour"}, left, "another customer's")
	assert.Empty(t, s.AWS.ECS.Services())
	customer, err := s.AWS.IAM.Account(starksCustomer)
	require.NoError(t, err)
	for _, role := range []string{"stark--bifrost-execution", "stark--bifrost-task"} {
		_, err := customer.Role(role)
		require.Error(t, err, role)
	}
	_, found := s.AWS.Logs.Group(arn.Place{Account: starksCustomer, Region: "us-west-2"}, "/ecs/stark/bifrost")
	assert.False(t, found)
}

// Where the customer's account is out of reach, the vendor's half goes alone.
func TestExampleTheVendorsHalfIsOffBoardedAlone(t *testing.T) {
	t.Parallel()
	p := newProject(t, "stark")
	p.set("aws.vendor.repository", map[string]any{"protect": false})
	s := p.start(nil)
	up(t, s)
	result, err := open(t, s).Destroy(context.Background(), optdestroy.Target([]string{"**::ecr", "**::ecr-*"}), optdestroy.TargetDependents())
	require.NoError(t, err)
	for _, resource := range result.Changed() {
		assert.NotContains(t, resource.Name, "execution", "the customer's roles are left")
	}
	for _, repository := range s.AWS.ECR.Repositories() {
		assert.NotEqual(t, "stark/bifrost", repository.Name)
	}
	customer, err := s.AWS.IAM.Account(starksCustomer)
	require.NoError(t, err)
	_, err = customer.Role("stark--bifrost-execution")
	require.NoError(t, err)
}

// A role of the vendor's goes alone. The provider stays for the roles of other
// products, and the stack that makes it again takes it over.
func TestExampleAVendorsRoleIsOffBoardedAlone(t *testing.T) {
	t.Parallel()
	s := newProject(t, "nakatomi").start(nil)
	up(t, s)
	_, err := open(t, s).Destroy(context.Background(), optdestroy.Target([]string{"**::role", "**::role-*"}), optdestroy.TargetDependents())
	require.NoError(t, err)
	vendor, err := s.AWS.IAM.Account("210987654321")
	require.NoError(t, err)
	_, err = vendor.Role("nakatomi--bifrost-pull")
	require.Error(t, err)
	_, kept := vendor.Trusted("https://oidc.nakatomi.example/plaza")
	assert.True(t, kept)
	_, err = s.AWS.ECR.Get(arn.Place{Account: "210987654321", Region: "us-east-1"}, "nakatomi/bifrost")
	require.NoError(t, err, "the repository stays")

	again := up(t, s)
	assert.Empty(t, broken(t, s, again.Outputs))
	assert.Empty(t, changes(up(t, s)))
}

// A role's name cannot be changed: a new one is made, everything that names it moves,
// and the old one goes with what hung on it.
func TestExampleARoleThatIsRenamedIsReplaced(t *testing.T) {
	t.Parallel()
	p := newProject(t, "stark")
	s := p.start(nil)
	up(t, s)
	p.set("ecs.executionRole", map[string]any{"name": "stark-pulls"})
	preview, err := open(t, s).Preview(context.Background())
	require.NoError(t, err)
	renamed := up(t, s)
	assert.Equal(t, changes(preview), changes(renamed), "the update does what the preview said")
	assert.Contains(t, changes(renamed), "replace service-execution")
	customer, err := s.AWS.IAM.Account(starksCustomer)
	require.NoError(t, err)
	_, err = customer.Role("stark--bifrost-execution")
	require.Error(t, err, "the old role is gone")
	assert.Empty(t, broken(t, s, renamed.Outputs))
	assert.Empty(t, changes(up(t, s)))
}
