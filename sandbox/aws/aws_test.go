package aws_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws"
	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/provider/providertest"
	"waybill.example/waybill/sandbox/world"
)

const (
	roleToken             = "aws:iam/role:Role"
	policyToken           = "aws:iam/policy:Policy"
	rolePolicyToken       = "aws:iam/rolePolicy:RolePolicy"
	attachmentToken       = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
	oidcProviderToken     = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
	repositoryToken       = "aws:ecr/repository:Repository"
	repositoryPolicyToken = "aws:ecr/repositoryPolicy:RepositoryPolicy"
	lifecyclePolicyToken  = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
	associationToken      = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
	taskDefinitionToken   = "aws:ecs/taskDefinition:TaskDefinition"
	serviceToken          = "aws:ecs/service:Service"
	logGroupToken         = "aws:cloudwatch/logGroup:LogGroup"

	vendor   = "111111111111"
	customer = "222222222222"
	region   = "eu-central-1"
	issuer   = "https://oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"

	podsTrust  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}]}`
	tasksTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	pullPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}]}`
	nodeRole   = "arn:aws:iam::222222222222:role/nodes"
)

var (
	vendorPlace   = arn.Place{Account: vendor, Region: region}
	customerPlace = arn.Place{Account: customer, Region: region}
)

func accounts() world.AWS {
	return world.AWS{Accounts: []world.AWSAccount{
		{
			ID: vendor, Regions: []string{region, "us-east-1"},
			Repositories: []world.ECRRepository{{Region: region, Name: "neighbour", Tags: []string{"1.0", "1.1"}}},
		},
		{
			ID: customer, Regions: []string{region},
			Roles: []world.AWSRole{{Name: "nodes", Trust: json.RawMessage(tasksTrust)}},
			VPCs: []world.VPC{
				{ID: "vpc-1", Region: region, Subnets: []string{"subnet-1a", "subnet-1b"}, SecurityGroups: []string{"sg-1"}},
				{ID: "vpc-2", Region: region, Subnets: []string{"subnet-2a"}, SecurityGroups: []string{"sg-2"}},
			},
			EKSClusters: []world.EKSCluster{{Name: "apps", Region: region, Issuer: issuer, Context: "apps", PodIdentityAgent: true, NodeRole: nodeRole}},
			ECSClusters: []world.ECSCluster{{Name: "apps", Region: region}},
		},
	}}
}

func open(t *testing.T, dir string) *aws.Cloud {
	t.Helper()
	cloud, err := aws.Open(dir, accounts(), time.Now, 0)
	require.NoError(t, err)
	cloud.ECR.Holds(&held{none: true})
	return cloud
}

// as starts a cloud with a provider that is configured for an account.
func as(t *testing.T, account string) (*aws.Cloud, *providertest.Engine) {
	t.Helper()
	cloud := open(t, t.TempDir())
	return cloud, configured(t, cloud, account)
}

func configured(t *testing.T, cloud *aws.Cloud, account string) *providertest.Engine {
	t.Helper()
	return providertest.New(t, cloud.Provider().Open(), map[string]any{"region": region, "allowedAccountIds": `["` + account + `"]`})
}

func changed(inputs, changes map[string]any) map[string]any {
	for key, value := range changes {
		inputs[key] = value
		if value == nil {
			delete(inputs, key)
		}
	}
	return inputs
}

// refusals creates resources of one type, each of which is refused with words.
func refusals(t *testing.T, account, token string, cases map[string]refusal) {
	t.Helper()
	for name, refused := range cases {
		t.Run(name, func(t *testing.T) {
			cloud, engine := as(t, account)
			if refused.before != nil {
				refused.before(t, cloud, engine)
			}
			_, err := engine.Create(token, "x", refused.inputs)
			require.ErrorContains(t, err, refused.want)
		})
	}
}

type refusal struct {
	inputs map[string]any
	want   string
	before func(*testing.T, *aws.Cloud, *providertest.Engine)
}

func configure(t *testing.T, existing world.AWS, config map[string]any) error {
	t.Helper()
	cloud, err := aws.Open(t.TempDir(), existing, time.Now, 0)
	require.NoError(t, err)
	_, err = cloud.Provider().Open().Configure(t.Context(), plugin.ConfigureRequest{Inputs: resource.NewPropertyMapFromMap(config)})
	return err
}

func TestTheConfigurationChoosesTheAccount(t *testing.T) {
	for _, account := range []string{vendor, customer} {
		_, engine := as(t, account)
		identity, err := engine.Invoke("aws:index/getCallerIdentity:getCallerIdentity", nil)
		require.NoError(t, err)
		assert.Equal(t, account, identity["accountId"].StringValue())
		assert.Equal(t, "arn:aws:iam::"+account+":user/administrator", identity["arn"].StringValue())
	}
	only := accounts()
	only.Accounts = only.Accounts[1:]
	require.NoError(t, configure(t, only, map[string]any{"region": region}), "the world's only account needs no name")
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	both := []any{vendor, customer}
	for name, refused := range map[string]struct {
		config map[string]any
		want   string
	}{
		"no Region":           {map[string]any{"allowedAccountIds": []any{vendor}}, "Missing region information"},
		"unknown Region":      {map[string]any{"region": "eu-cntral-1", "allowedAccountIds": []any{vendor}}, "invalid AWS Region: eu-cntral-1"},
		"foreign account":     {map[string]any{"region": region, "allowedAccountIds": []any{"333333333333"}}, "AWS account ID not allowed: " + vendor},
		"forbidden account":   {map[string]any{"region": region, "allowedAccountIds": []any{vendor}, "forbiddenAccountIds": []any{vendor}}, "AWS account ID not allowed: " + vendor},
		"no choice":           {map[string]any{"region": region}, "allowedAccountIds: name the account"},
		"no single choice":    {map[string]any{"region": region, "allowedAccountIds": both}, "allowedAccountIds: name one account"},
		"Region not enabled":  {map[string]any{"region": "us-east-1", "allowedAccountIds": []any{customer}}, "InvalidClientTokenId: The security token included in the request is invalid"},
		"another partition":   {map[string]any{"region": "cn-north-1", "allowedAccountIds": []any{customer}}, "InvalidClientTokenId"},
		"assumed role":        {map[string]any{"region": region, "allowedAccountIds": []any{vendor}, "assumeRole": map[string]any{"roleArn": nodeRole}}, "assumeRole: the sandbox does not model it"},
		"endpoints":           {map[string]any{"region": region, "allowedAccountIds": []any{vendor}, "endpoints": []any{map[string]any{"ecr": "http://localhost"}}}, "endpoints: the sandbox does not model it"},
		"default tags":        {map[string]any{"region": region, "allowedAccountIds": []any{vendor}, "defaultTags": map[string]any{"tags": map[string]any{"a": "b"}}}, "defaultTags: the sandbox does not model it"},
		"several at once (1)": {map[string]any{"ignoreTags": map[string]any{}}, "Missing region information"},
		"several at once (2)": {map[string]any{"ignoreTags": map[string]any{}}, "ignoreTags: the sandbox does not model it"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, configure(t, accounts(), refused.config), refused.want)
		})
	}
	require.ErrorContains(t, configure(t, world.AWS{}, map[string]any{"region": region}), "the world has no AWS account")
}

func TestTheRegionIsNotComparedWhereTheProviderIsToldSo(t *testing.T) {
	existing := accounts()
	existing.Accounts[0].Regions = []string{"eu-future-9"}
	existing.Accounts[0].Repositories = nil
	config := map[string]any{"region": "eu-future-9", "allowedAccountIds": []any{vendor}}
	require.ErrorContains(t, configure(t, existing, config), "invalid AWS Region")
	config["skipRegionValidation"] = true
	require.NoError(t, configure(t, existing, config))
}

func TestTagsThatAWSRefuses(t *testing.T) {
	many := map[string]any{}
	for i := range 51 {
		many[strings.Repeat("k", i+1)] = ""
	}
	for name, refused := range map[string]struct {
		tags map[string]any
		want string
	}{
		"a reserved prefix": {map[string]any{"aws:owner": "me"}, "aws: prefixed tag key names are not allowed for external use."},
		"a character":       {map[string]any{"owner": "a|b"}, "has other characters than letters"},
		"no key":            {map[string]any{"": "me"}, "has a key of 0"},
		"a long value":      {map[string]any{"owner": strings.Repeat("x", 257)}, "up to 256 are allowed"},
		"too many":          {many, "at most 50 are allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, engine := as(t, customer)
			for token, inputs := range map[string]map[string]any{
				roleToken: {"name": "x", "assumeRolePolicy": podsTrust}, policyToken: {"name": "x", "policy": pullPolicy},
				repositoryToken: {"name": "acme"}, logGroupToken: {"name": "x"},
				oidcProviderToken: {"url": issuer, "clientIdLists": []any{"sts.amazonaws.com"}},
			} {
				_, err := engine.Create(token, "x", changed(inputs, map[string]any{"tags": refused.tags}))
				require.ErrorContains(t, err, refused.want, token)
			}
		})
	}
}

func TestPropertiesThatTheSDKDoesNotHaveAreRefused(t *testing.T) {
	_, engine := as(t, vendor)
	_, err := engine.Create(repositoryToken, "acme", map[string]any{"name": "acme", "imageMutability": "MUTABLE"})
	require.ErrorContains(t, err, `unknown property "imageMutability"`)
	_, err = engine.Invoke("aws:s3/getBucket:getBucket", nil)
	require.ErrorContains(t, err, "unknown function")
}

func TestNamesAreNotMadeUp(t *testing.T) {
	_, engine := as(t, customer)
	for token, inputs := range map[string]map[string]any{
		roleToken: {"assumeRolePolicy": podsTrust}, policyToken: {"policy": pullPolicy}, logGroupToken: {},
		rolePolicyToken: {"role": "nodes", "policy": pullPolicy},
	} {
		_, err := engine.Create(token, "acme", inputs)
		require.ErrorContains(t, err, "name: the sandbox does not model made-up names: give one", token)
		_, err = engine.Create(token, "acme", changed(inputs, map[string]any{"namePrefix": "x-"}))
		require.ErrorContains(t, err, "namePrefix: the sandbox does not model it", token)
	}
	for token, inputs := range map[string]map[string]any{repositoryToken: {}, serviceToken: service(map[string]any{"name": nil})} {
		_, err := engine.Create(token, "acme", inputs)
		require.ErrorContains(t, err, "name: the sandbox does not model made-up names: give one", token)
	}
}

func TestAnotherPartitionHasItsOwnNames(t *testing.T) {
	for region, names := range map[string]struct{ partition, suffix string }{
		"cn-north-1": {"aws-cn", "amazonaws.com.cn"}, "eusc-de-east-1": {"aws-eusc", "amazonaws.eu"},
	} {
		existing := world.AWS{Accounts: []world.AWSAccount{{ID: vendor, Partition: names.partition, Regions: []string{region}}}}
		cloud, err := aws.Open(t.TempDir(), existing, time.Now, 0)
		require.NoError(t, err)
		engine := providertest.New(t, cloud.Provider().Open(), map[string]any{"region": region, "skipRegionValidation": true})
		created := engine.MustCreate(repositoryToken, "acme", map[string]any{"name": "acme"})
		assert.Equal(t, "arn:"+names.partition+":ecr:"+region+":111111111111:repository/acme", created.Text(t, "arn"))
		assert.Equal(t, "111111111111.dkr.ecr."+region+"."+names.suffix+"/acme", created.Text(t, "repositoryUrl"))
	}
}

func TestEverythingOutlivesTheProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "aws")
	engine := configured(t, open(t, dir), customer)
	role := engine.MustCreate(roleToken, "acme", map[string]any{"name": "acme", "assumeRolePolicy": podsTrust})
	policy := engine.MustCreate(policyToken, "acme", map[string]any{"name": "acme", "policy": pullPolicy})
	created := []providertest.Resource{
		role, policy,
		engine.MustCreate(attachmentToken, "acme", map[string]any{"role": "acme", "policyArn": policy.Text(t, "arn")}),
		engine.MustCreate(rolePolicyToken, "acme", map[string]any{"role": "acme", "name": "inline", "policy": pullPolicy}),
		engine.MustCreate(oidcProviderToken, "acme", map[string]any{"url": issuer, "clientIdLists": []any{"sts.amazonaws.com"}}),
		engine.MustCreate(repositoryToken, "acme", map[string]any{"name": "acme"}),
		engine.MustCreate(repositoryPolicyToken, "acme", map[string]any{"repository": "acme", "policy": readers(role.Text(t, "arn"))}),
		engine.MustCreate(lifecyclePolicyToken, "acme", map[string]any{"repository": "acme", "policy": lifecycle}),
		engine.MustCreate(associationToken, "acme", association(nil)),
		engine.MustCreate(logGroupToken, "acme", map[string]any{"name": "/ecs/acme", "retentionInDays": 30}),
		engine.MustCreate(taskDefinitionToken, "acme", taskDefinition(nil)),
	}
	created = append(created, engine.MustCreate(serviceToken, "acme", service(nil)))
	again := configured(t, open(t, dir), customer)
	for _, before := range created {
		after := again.Refresh(before)
		assert.Equal(t, before.ID, after.ID)
		assert.Equal(t, before.Inputs, after.Inputs)
		assert.Equal(t, before.Outputs, after.Outputs)
	}
	for i := len(created) - 1; i >= 0; i-- {
		require.NoError(t, again.Delete(created[i]))
		require.NoError(t, again.Delete(created[i]), "what is gone already is no error")
		assert.Empty(t, again.Refresh(created[i]).ID, created[i].ID)
	}
}
