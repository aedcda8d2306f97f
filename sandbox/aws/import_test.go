package aws_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws"
	"waybill.example/waybill/sandbox/provider/providertest"
	"waybill.example/waybill/sandbox/world"
)

const (
	rootMayRead = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":"ecr:BatchGetImage"}]}`
	keepTen     = `{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":10},"action":{"type":"expire"}}]}`
	handPolicy  = "arn:aws:iam::222222222222:policy/apps/bifrost-ecr"
)

// handMade is what both sides made by hand, after a guide.
func handMade() world.AWS {
	existing := accounts()
	existing.Accounts[0].Repositories = append(existing.Accounts[0].Repositories, world.ECRRepository{
		Region: region, Name: "bifrost/acme", ScanOnPush: true, ResourceTags: map[string]string{"team": "release"},
		Policy: json.RawMessage(rootMayRead), Lifecycle: json.RawMessage(keepTen),
	})
	existing.Accounts[1].OIDCProviders = []world.AWSOIDCProvider{{URL: issuer, ClientIDs: []string{"sts.amazonaws.com"}}}
	existing.Accounts[1].Policies = []world.AWSPolicy{{Name: "bifrost-ecr", Path: "/apps/", Document: json.RawMessage(pullPolicy)}}
	existing.Accounts[1].Roles = append(existing.Accounts[1].Roles, world.AWSRole{
		Name: "bifrost", Trust: json.RawMessage(podsTrust), Description: "Bifrost", Tags: map[string]string{"team": "platform"},
		Policies: map[string]json.RawMessage{"inline": json.RawMessage(pullPolicy)}, ManagedPolicies: []string{handPolicy},
	})
	return existing
}

// The forms are those of the Import section of each type's page, for example
// https://www.pulumi.com/registry/packages/aws/api-docs/ecr/repository/#import
func TestWhatWasMadeByHandIsImportedByItsDocumentedID(t *testing.T) {
	cloud, err := aws.Open(t.TempDir(), handMade(), time.Now, 0)
	require.NoError(t, err)
	role := "arn:aws:iam::222222222222:role/bifrost"
	for name, c := range map[string]struct {
		account, token, id string
		// kept is the ID that the resource has afterwards, where it is another one.
		kept string
		// same is what a program writes that wants what is there; updated and
		// replaced are changes to it.
		same, updated, replaced map[string]any
		// before makes what no world can hold.
		before func(*providertest.Engine) (id string)
	}{
		"repository": {
			account: vendor, token: repositoryToken, id: "bifrost/acme",
			same: map[string]any{
				"name": "bifrost/acme", "imageScanningConfiguration": map[string]any{"scanOnPush": true}, "tags": map[string]any{"team": "release"},
			},
			updated: map[string]any{"imageTagMutability": "IMMUTABLE"}, replaced: map[string]any{"name": "acme"},
		},
		"repository policy": {
			account: vendor, token: repositoryPolicyToken, id: "bifrost/acme",
			same:    map[string]any{"repository": "bifrost/acme", "policy": rootMayRead},
			updated: map[string]any{"policy": strings.Replace(rootMayRead, "BatchGetImage", "*", 1)}, replaced: map[string]any{"repository": "neighbour"},
		},
		"lifecycle policy": {
			account: vendor, token: lifecyclePolicyToken, id: "bifrost/acme",
			same: map[string]any{"repository": "bifrost/acme", "policy": keepTen}, replaced: map[string]any{"policy": strings.Replace(keepTen, "10", "20", 1)},
		},
		"role": {
			account: customer, token: roleToken, id: "bifrost",
			same: map[string]any{
				"name": "bifrost", "assumeRolePolicy": podsTrust, "description": "Bifrost", "tags": map[string]any{"team": "platform"},
			},
			updated: map[string]any{"assumeRolePolicy": tasksTrust}, replaced: map[string]any{"path": "/apps/"},
		},
		"inline policy": {
			account: customer, token: rolePolicyToken, id: "bifrost:inline",
			same:    map[string]any{"role": "bifrost", "name": "inline", "policy": pullPolicy},
			updated: map[string]any{"policy": strings.Replace(pullPolicy, "GetAuthorizationToken", "*", 1)}, replaced: map[string]any{"name": "pull"},
		},
		"policy": {
			account: customer, token: policyToken, id: handPolicy,
			same:    map[string]any{"name": "bifrost-ecr", "path": "/apps/", "policy": pullPolicy},
			updated: map[string]any{"tags": map[string]any{"team": "platform"}}, replaced: map[string]any{"path": nil},
		},
		"attachment": {
			account: customer, token: attachmentToken, id: "bifrost/" + handPolicy, kept: "bifrost-" + handPolicy,
			same: map[string]any{"role": "bifrost", "policyArn": handPolicy}, replaced: map[string]any{"role": "nodes"},
		},
		"OIDC provider": {
			account: customer, token: oidcProviderToken, id: "arn:aws:iam::222222222222:oidc-provider/" + strings.TrimPrefix(issuer, "https://"),
			same:    map[string]any{"url": issuer, "clientIdLists": []any{"sts.amazonaws.com"}},
			updated: map[string]any{"clientIdLists": []any{"sts.amazonaws.com", "other"}}, replaced: map[string]any{"url": issuer + "0"},
		},
		"association": {
			account: customer, token: associationToken,
			before: func(engine *providertest.Engine) string {
				return "apps," + string(engine.MustCreate(associationToken, "made", association(map[string]any{"roleArn": role})).ID)
			},
			same: association(map[string]any{"roleArn": role}), updated: map[string]any{"roleArn": nodeRole}, replaced: map[string]any{"namespace": "other"},
		},
		"log group": {
			account: customer, token: logGroupToken, id: "/ecs/bifrost",
			before: func(engine *providertest.Engine) string {
				return string(engine.MustCreate(logGroupToken, "made", map[string]any{"name": "/ecs/bifrost"}).ID)
			},
			same: map[string]any{"name": "/ecs/bifrost"}, updated: map[string]any{"retentionInDays": 30}, replaced: map[string]any{"name": "/ecs/acme"},
		},
		"task definition": {
			account: customer, token: taskDefinitionToken, kept: "bifrost",
			before: func(engine *providertest.Engine) string {
				return engine.MustCreate(taskDefinitionToken, "made", taskDefinition(map[string]any{"family": "bifrost"})).Text(t, "arn")
			},
			same: taskDefinition(map[string]any{"family": "bifrost"}), updated: map[string]any{"tags": map[string]any{"team": "platform"}},
			replaced: map[string]any{"cpu": "256"},
		},
		"service": {
			account: customer, token: serviceToken, id: "apps/bifrost", kept: "arn:aws:ecs:eu-central-1:222222222222:service/apps/bifrost",
			before: func(engine *providertest.Engine) string {
				engine.MustCreate(taskDefinitionToken, "definition", taskDefinition(nil))
				engine.MustCreate(serviceToken, "made", map[string]any{
					"name": "bifrost", "cluster": "apps", "taskDefinition": "acme", "launchType": "FARGATE", "desiredCount": 2,
					"networkConfiguration": map[string]any{"subnets": []any{"subnet-1a"}},
				})
				return "apps/bifrost"
			},
			same: map[string]any{
				"name": "bifrost", "cluster": "arn:aws:ecs:eu-central-1:222222222222:cluster/apps", "launchType": "FARGATE", "desiredCount": 2,
				"taskDefinition":       "arn:aws:ecs:eu-central-1:222222222222:task-definition/acme:1",
				"networkConfiguration": map[string]any{"subnets": []any{"subnet-1a"}},
			},
			updated: map[string]any{"desiredCount": 3}, replaced: map[string]any{"name": "acme"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			engine := configured(t, cloud, c.account)
			id := c.id
			if c.before != nil {
				id = c.before(engine)
			}
			adopted := engine.Import(c.token, "adopted", id)
			switch {
			case c.kept != "":
				assert.Equal(t, c.kept, string(adopted.ID))
			case c.token == associationToken:
				assert.Equal(t, "apps,"+string(adopted.ID), id)
			default:
				assert.Equal(t, id, string(adopted.ID))
			}
			assert.Empty(t, engine.Diff(adopted, c.same).DetailedDiff, "a program that wants what is there changes nothing")
			again := engine.Refresh(adopted)
			assert.Equal(t, adopted.ID, again.ID, "found again under the ID that it has now")
			assert.Equal(t, adopted.Inputs, again.Inputs)
			_, wrong := engine.Check(c.token, "adopted", adopted.Inputs)
			if c.token == oidcProviderToken {
				// IAM shows the issuer without its scheme, which programs must write: as
				// with the real provider, such an import must not ignore the URL.
				assert.Len(t, wrong, 1)
			} else {
				assert.Empty(t, wrong, "what is there is what a program may write")
			}
			if c.updated != nil {
				difference := engine.Diff(adopted, changed(changed(map[string]any{}, c.same), c.updated))
				assert.NotEmpty(t, difference.DetailedDiff)
				assert.False(t, difference.Replace())
			}
			assert.True(t, engine.Diff(adopted, changed(changed(map[string]any{}, c.same), c.replaced)).Replace())
			missing := strings.NewReplacer("bifrost", "nobody", "apps,a-", "apps,b-", issuer[len("https://"):], "nobody").Replace(id)
			assert.Empty(t, engine.Import(c.token, "missing", missing).ID, missing)
		})
	}
}

func TestAWorldThatAWSWouldRefuseIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world.AWS)
		want   string
	}{
		"lifecycle":  {func(w *world.AWS) { w.Accounts[0].Repositories[1].Lifecycle = json.RawMessage(`{"rules":[]}`) }, "the world's lifecycle policy of arn:aws:ecr:eu-central-1:111111111111:repository/bifrost/acme"},
		"attachment": {func(w *world.AWS) { w.Accounts[1].Policies = nil }, "role bifrost: "},
		"document":   {func(w *world.AWS) { w.Accounts[1].Policies[0].Document = json.RawMessage(`{}`) }, "policy bifrost-ecr: "},
	} {
		existing := handMade()
		c.change(&existing)
		_, err := aws.Open(t.TempDir(), existing, time.Now, 0)
		require.ErrorContains(t, err, c.want, name)
	}
}
