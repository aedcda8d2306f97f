package aws_test

import (
	"errors"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/components/aws"
	"waybill.example/waybill/components/child"
	"waybill.example/waybill/tests/recorder"
)

// answers is a recorder whose look-ups find what is given by token, and nothing else.
func answers(found map[string]map[string]any) *recorder.Recorder {
	r := &recorder.Recorder{Functions: map[string]func(resource.PropertyMap) (resource.PropertyMap, error){}}
	for token, values := range found {
		r.Functions[token] = func(resource.PropertyMap) (resource.PropertyMap, error) {
			if values == nil {
				return nil, errors.New("AccessDenied")
			}
			return resource.NewPropertyMapFromMap(values), nil
		}
	}
	return r
}

// shared is an account with an existing repository that has a policy, or none.
func shared(policy string) *recorder.Recorder {
	properties := `{"RepositoryName": "by-hand"}`
	if policy != "" {
		properties = `{"RepositoryName": "by-hand", "RepositoryPolicyText": ` + policy + `}`
	}
	return answers(map[string]map[string]any{"aws:cloudcontrol/getResource:getResource": {"properties": properties}})
}

const (
	getRepository = "aws:ecr/getRepository:getRepository"
	getRole       = "aws:iam/getRole:getRole"
	getService    = "aws:ecs/getService:getService"
)

var (
	ours   = map[string]any{"waybill-customer": "acme", "waybill-product": "shop", "team": "a"}
	theirs = map[string]any{"waybill-customer": "globex", "waybill-product": "shop"}
)

func newGrant(args *aws.ImageGrantArgs) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		_, err := aws.NewImageGrant(ctx, "one", args)
		return err
	}
}

func newRole(args *aws.ServiceAccountRoleArgs) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		_, err := aws.NewServiceAccountRole(ctx, "one", args)
		return err
	}
}

func newService(args *aws.ServiceArgs) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		_, err := aws.NewService(ctx, "one", args)
		return err
	}
}

func TestWhatIsThereAlreadyAndSomebodyElsesIsRefused(t *testing.T) {
	first := func() *aws.ServiceArgs { args := serviceArguments(); args.First = true; return args }
	making := func() *aws.ServiceAccountRoleArgs { return roleArguments(aws.IRSA{Issuer: issuer, Existing: &no}) }
	imported := func(name string) map[string]child.Options { return map[string]child.Options{name: {Import: "there"}} }
	adoptedRepository, adoptedRole, adoptedProvider := grantArguments(), roleArguments(aws.PodIdentity{ClusterARN: cluster}), making()
	adoptedRepository.Children, adoptedRole.Children, adoptedProvider.Children = imported("repository"), imported("role"), imported("provider")
	for name, c := range map[string]struct {
		token   string
		program func() pulumi.RunFunc
		adopted pulumi.RunFunc
		want    string
	}{
		"repository": {getRepository, func() pulumi.RunFunc { return newGrant(grantArguments()) }, newGrant(adoptedRepository),
			`aws.ImageGrant: repository.name "acme/shop": the registry has it already, and its tags are not this customer's and product's: want another name`},
		"role": {getRole, func() pulumi.RunFunc { return newRole(roleArguments(aws.PodIdentity{ClusterARN: cluster})) }, newRole(adoptedRole),
			`aws.ServiceAccountRole: role.name "acme--shop-pull": the account has this role already`},
		"execution role": {getRole, func() pulumi.RunFunc { return newService(serviceArguments()) }, nil,
			`aws.Service: executionRole.name "acme--shop-execution": the account has this role already`},
		"service": {getService, func() pulumi.RunFunc { return newService(first()) }, nil,
			`aws.Service: name "acme--shop": the cluster has this service already`},
		"OIDC provider": {lookUp, func() pulumi.RunFunc { return newRole(making()) }, newRole(adoptedProvider),
			`aws.ServiceAccountRole: trust.existing false: the account has OIDC provider "arn:aws:iam::222233334444:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/2F8B0C4D6E1A" already`},
	} {
		t.Run(name, func(t *testing.T) {
			for _, tags := range []map[string]any{theirs, {}, {"waybill-customer": "acme", "waybill-product": "till"}} {
				r := answers(map[string]map[string]any{c.token: {"tags": tags, "clientIdLists": []any{"sts.amazonaws.com"}}})
				require.ErrorContains(t, r.Run(c.program()), c.want)
				assert.Empty(t, r.All(), "nothing is registered")
			}
			for what, found := range map[string]map[string]any{"one's own": {"tags": ours}, "nobody may look": nil} {
				r := answers(map[string]map[string]any{c.token: found})
				require.NoError(t, r.Run(c.program()), what)
				assert.NotEmpty(t, r.All())
			}
			if c.adopted != nil {
				require.NoError(t, answers(map[string]map[string]any{c.token: {"tags": theirs}}).Run(c.adopted), "what is adopted is there")
			}
		})
	}
}

// What another stack of the customer and product left behind is taken over: it
// outlives the stack that made it.
func TestAnOIDCProviderThatWasKeptIsTakenOver(t *testing.T) {
	r := answers(map[string]map[string]any{lookUp: {"tags": ours}})
	require.NoError(t, r.Run(newRole(roleArguments(aws.IRSA{Issuer: issuer, Existing: &no}))))
	assert.Equal(t, "arn:aws:iam::222233334444:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/2F8B0C4D6E1A", r.Named("one-provider").RPC.GetImportId())
	assert.True(t, r.Named("one-provider").RPC.GetRetainOnDelete())

	r = answers(nil)
	require.NoError(t, r.Run(newRole(roleArguments(aws.IRSA{Issuer: issuer, Existing: &no, Protect: &no}))))
	assert.False(t, r.Named("one-provider").RPC.GetRetainOnDelete())
	assert.Empty(t, r.Named("one-provider").RPC.GetImportId())
}

// A repository has one policy: another customer's statement is never written over.
func TestAPolicyWithStatementsOfOthersIsNotWrittenOver(t *testing.T) {
	existing := func() *aws.ImageGrantArgs {
		args := grantArguments()
		args.Repository = aws.Repository{Existing: true, Name: "by-hand"}
		return args
	}
	own := `{"Sid": "WaybillAcmeShop2inszxys", "Effect": "Allow", "Principal": {"AWS": "999"}}`
	for name, policy := range map[string]string{
		"none": "", "one's own": `{"Statement": [` + own + `]}`, "one's own without a list": `{"Statement": ` + own + `}`,
		"as a text": `"{\"Statement\": []}"`, "empty": `""`, "null": "null",
	} {
		r := shared(policy)
		require.NoError(t, r.Run(newGrant(existing())), name)
		assert.Contains(t, r.Named("one-readers").Text("policy"), reader, "a principal that changed is no stranger")
	}
	for name, c := range map[string]struct{ policy, want string }{
		"another customer's": {`{"Statement": [` + own + `, {"Sid": "WaybillGlobexShopabcdefgh"}]}`, `has statements of others, WaybillGlobexShopabcdefgh, which`},
		"by hand":            {`{"Statement": [{"Effect": "Allow"}, ` + own + `]}`, `has statements of others, statement 1, which`},
		"in a text":          {`"{\"Statement\": {\"Sid\": \"Old\"}}"`, `has statements of others, Old, which`},
		"no policy":          {`[]`, `cannot be read, and is not written over unread`},
	} {
		r := shared(c.policy)
		err := r.Run(newGrant(existing()))
		require.ErrorContains(t, err, `aws.ImageGrant: repository.existing true: the policy of "by-hand" `+c.want, name)
		assert.Empty(t, r.All())
	}
	require.ErrorContains(t, answers(nil).Run(newGrant(existing())), "cloudformation:GetResource")
	waiting := existing()
	waiting.Waiting, waiting.RoleARNs = true, nil
	require.Error(t, shared(`{"Statement": [{"Sid": "Old"}]}`).Run(newGrant(waiting)), "a grant that is withdrawn takes the policy with it")
}

// Two names that differ in their hyphens alone have statements of their own.
func TestStatementsOfTwoCustomersAreToldApart(t *testing.T) {
	sids := map[string]bool{}
	for _, names := range [][2]string{{"a-b", "cd"}, {"a-b-cd", "e"}, {"ab", "cd"}, {"a-b", "c-d"}} {
		args := grantArguments()
		args.Customer, args.Product = names[0]+"x", names[1]+"x"
		r, _ := grant(t, args, false)
		sids[r.Named("grant-readers").Text("policy")] = true
	}
	assert.Len(t, sids, 4)
}

// settled is an account whose ECS answers with another revision than the wanted one.
type settled struct{ *recorder.Recorder }

func (s settled) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	id, state, err := s.Recorder.NewResource(args)
	if args.TypeToken == "aws:ecs/service:Service" {
		state["taskDefinition"] = resource.NewProperty("arn:aws:ecs:eu-central-1:222233334444:task-definition/acme--shop:7")
	}
	return id, state, err
}

func TestADeploymentThatWasRolledBackFailsAndNamesWhatRuns(t *testing.T) {
	run := func(preview bool) error {
		r := settled{&recorder.Recorder{Preview: preview}}
		return pulumi.RunErr(newService(serviceArguments()), pulumi.WithMocks("waybill", "test", r), func(info *pulumi.RunInfo) { info.DryRun = preview })
	}
	err := run(false)
	require.ErrorContains(t, err, "runs arn:aws:ecs:eu-central-1:222233334444:task-definition/acme--shop:7 again and not "+
		"arn:aws:ecs:eu-central-1:222233334444:task-definition/acme--shop:1 with image 111122223333.dkr.ecr.us-east-1.amazonaws.com/acme/shop:1.10.0")
	require.ErrorContains(t, err, "`aws ecs describe-services --region eu-central-1 --cluster apps --services acme--shop`")
	require.NoError(t, run(true), "a preview deploys nothing")
}

// A service whose tasks never ran is in the state, and nothing of it differs.
func TestAServiceThatNeverRanIsDeployedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		first bool
		found map[string]map[string]any
		again bool
	}{
		"there, and none succeeded": {true, map[string]map[string]any{getService: {"tags": ours}}, true},
		"not there":                 {true, nil, false},
		"there, after a success":    {false, map[string]map[string]any{getService: {"tags": ours}}, false},
		"nobody may look":           {true, map[string]map[string]any{getService: nil}, false},
	} {
		args := serviceArguments()
		args.First = c.first
		r := answers(c.found)
		require.NoError(t, r.Run(newService(args)), name)
		made := r.Named("one-service")
		assert.Equal(t, c.again, made.Value("forceNewDeployment").IsBool(), name)
		assert.Equal(t, c.again, made.Text("triggers.again") != "", name)
	}
}
