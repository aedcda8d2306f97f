package aws_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws"
	"waybill.example/waybill/sandbox/aws/ecr"
	"waybill.example/waybill/sandbox/provider/providertest"
)

const lifecycle = `{"rules":[
	{"rulePriority":1,"description":"Untagged images go","selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":14},"action":{"type":"expire"}},
	{"rulePriority":2,"description":"The newest stay","selection":{"tagStatus":"tagged","tagPatternList":["*"],"countType":"imageCountMoreThan","countNumber":100},"action":{"type":"expire"}}]}`

func readers(principal string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":%q},"Action":["ecr:BatchGetImage"]}]}`, principal)
}

func TestARepositoryHasTheOutputsOfECR(t *testing.T) {
	cloud, engine := as(t, vendor)
	created := engine.MustCreate(repositoryToken, "acme", map[string]any{
		"name": "acme/server", "imageTagMutability": "IMMUTABLE", "imageScanningConfiguration": map[string]any{"scanOnPush": true},
		"encryptionConfigurations": []any{map[string]any{"encryptionType": "AES256"}}, "tags": map[string]any{"customer": "acme"},
	})
	assert.Equal(t, "acme/server", string(created.ID))
	assert.Equal(t, "arn:aws:ecr:eu-central-1:111111111111:repository/acme/server", created.Text(t, "arn"))
	assert.Equal(t, vendor, created.Text(t, "registryId"))
	assert.Equal(t, "111111111111.dkr.ecr.eu-central-1.amazonaws.com/acme/server", created.Text(t, "repositoryUrl"))
	found, ok := cloud.ECR.Repository(vendorPlace, "acme/server")
	require.True(t, ok)
	assert.Equal(t, ecr.Immutable, found.Mutability)
	assert.True(t, found.Scanning.OnPush)
	assert.Equal(t, created.Inputs, engine.Refresh(created).Inputs)
	assert.Equal(t, created.Outputs, engine.Refresh(created).Outputs)
}

func TestAPreviewOfARepositoryLeavesUnknownWhatECRDecides(t *testing.T) {
	_, engine := as(t, vendor)
	outputs := engine.Preview(repositoryToken, "acme", map[string]any{"name": "acme"})
	assert.Equal(t, "acme", outputs["name"].StringValue())
	for _, name := range []resource.PropertyKey{"arn", "registryId", "repositoryUrl"} {
		assert.True(t, outputs[name].IsComputed(), name)
	}
}

func TestARepositoryChangesInPlaceButForItsNameAndItsEncryption(t *testing.T) {
	cloud, engine := as(t, vendor)
	created := engine.MustCreate(repositoryToken, "acme", map[string]any{"name": "acme", "imageTagMutability": "IMMUTABLE"})
	mutable := map[string]any{"name": "acme", "imageTagMutability": "MUTABLE", "tags": map[string]any{"a": "b"}}
	assert.False(t, engine.Diff(created, mutable).Replace())
	_, err := engine.Update(created, mutable)
	require.NoError(t, err)
	found, _ := cloud.ECR.Repository(vendorPlace, "acme")
	assert.Equal(t, ecr.Mutable, found.Mutability)
	assert.Equal(t, map[string]string{"a": "b"}, found.Tags)

	replaced := engine.Diff(created, map[string]any{"name": "acme", "encryptionConfigurations": []any{map[string]any{"encryptionType": "KMS"}}})
	assert.True(t, replaced.Replace())
	assert.True(t, replaced.DeleteBeforeReplace, "the new one would have the name of the old one")
}

func TestRepositoriesThatECRRefuses(t *testing.T) {
	encrypted := func(kind, key string) map[string]any {
		return map[string]any{"name": "acme", "encryptionConfigurations": []any{map[string]any{"encryptionType": kind, "kmsKey": key}}}
	}
	refusals(t, vendor, repositoryToken, map[string]refusal{
		"capital letters": {inputs: map[string]any{"name": "Acme"}, want: "InvalidParameterException: Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression"},
		"double slash":    {inputs: map[string]any{"name": "acme//server"}, want: "must satisfy regular expression"},
		"one letter":      {inputs: map[string]any{"name": "a"}, want: "must have length between 2 and 256"},
		"too long":        {inputs: map[string]any{"name": strings.Repeat("a", 257)}, want: "must have length between 2 and 256"},
		"mutability":      {inputs: map[string]any{"name": "acme", "imageTagMutability": "NEVER"}, want: "expected image_tag_mutability to be one of"},
		"encryption":      {inputs: encrypted("ROT13", ""), want: "must satisfy enum value set: [AES256, KMS, KMS_DSSE]"},
		"key without KMS": {inputs: encrypted("AES256", "arn:aws:kms:eu-central-1:111111111111:key/1"), want: "KMS key can only be specified for the KMS encryption types"},
		"foreign key":     {inputs: encrypted("KMS", "arn:aws:kms:us-east-1:111111111111:key/1"), want: "KmsException"},
		"twice":           {inputs: map[string]any{"name": "neighbour"}, want: "creating ECR Repository (neighbour): operation error ECR: CreateRepository, https response error StatusCode: 400, RepositoryAlreadyExistsException: The repository with name 'neighbour' already exists in the registry with id '111111111111'"},
	})
}

func TestTheSameNameIsFreeInAnotherRegionAndAccount(t *testing.T) {
	cloud := open(t, t.TempDir())
	for _, config := range []map[string]any{
		{"region": region, "allowedAccountIds": `["` + customer + `"]`}, {"region": "us-east-1", "allowedAccountIds": `["` + vendor + `"]`},
	} {
		providertest.New(t, cloud.Provider().Open(), config).MustCreate(repositoryToken, "x", map[string]any{"name": "neighbour"})
	}
	assert.Len(t, cloud.ECR.Repositories(), 3)
}

func TestARepositoryWithImagesIsDeletedByForceOnly(t *testing.T) {
	cloud, engine := as(t, vendor)
	cloud.ECR.Holds(&held{})
	kept := engine.MustCreate(repositoryToken, "acme", map[string]any{"name": "acme/server"})
	require.ErrorContains(t, engine.Delete(kept), "ECR Repository (acme/server) not empty, consider using force_delete: operation error ECR: DeleteRepository, https response error StatusCode: 400, RepositoryNotEmptyException: The repository with name 'acme/server' in registry with id '111111111111' cannot be deleted because it still contains images")
	forced, err := engine.Update(kept, map[string]any{"name": "acme/server", "forceDelete": true})
	require.NoError(t, err)
	require.NoError(t, engine.Delete(forced))
	assert.Empty(t, engine.Refresh(forced).ID)
	empty := engine.MustCreate(repositoryToken, "empty", map[string]any{"name": "empty"})
	require.NoError(t, engine.Delete(empty))
}

// held are contents that remember what was emptied.
type held struct {
	none    bool
	emptied []string
}

func (h *held) Tags(r ecr.Repository) []string {
	if h.none || r.Name == "empty" {
		return nil
	}
	return []string{"latest"}
}

func (*held) Digest(_ ecr.Repository, reference string) string {
	if reference == "latest" || reference == someDigest {
		return someDigest
	}
	return ""
}

func (h *held) Empty(r ecr.Repository) error {
	h.emptied = append(h.emptied, r.Name)
	return nil
}

const someDigest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func TestAnImageIsLookedUpByItsTagOrItsDigest(t *testing.T) {
	cloud, engine := as(t, vendor)
	cloud.ECR.Holds(&held{})
	engine.MustCreate(repositoryToken, "acme", map[string]any{"name": "acme/server"})
	look := func(name, property, value string) (resource.PropertyMap, error) {
		return engine.Invoke("aws:ecr/getImage:getImage", map[string]any{"repositoryName": name, property: value})
	}
	for property, value := range map[string]string{"imageTag": "latest", "imageDigest": someDigest} {
		found, err := look("acme/server", property, value)
		require.NoError(t, err)
		assert.Equal(t, someDigest, found["imageDigest"].StringValue())
	}
	_, err := look("acme/server", "imageTag", "1.0")
	require.ErrorContains(t, err, "reading ECR Images: operation error ECR: DescribeImages, https response error StatusCode: 400")
	require.ErrorContains(t, err, "ImageNotFoundException: The image with imageId {imageDigest:'null', imageTag:'1.0'} does not exist within the repository with name 'acme/server' in the registry with id '111111111111'")
	_, err = look("nothing", "imageTag", "1.0")
	require.ErrorContains(t, err, "RepositoryNotFoundException")
}

func TestWhoeverHoldsTheImagesIsToldToEmptyTheRepository(t *testing.T) {
	cloud, engine := as(t, vendor)
	contents := &held{}
	cloud.ECR.Holds(contents)
	created := engine.MustCreate(repositoryToken, "acme", map[string]any{"name": "acme", "forceDelete": true})
	require.NoError(t, engine.Delete(created))
	assert.Equal(t, []string{"acme"}, contents.emptied)
}

func TestARepositoryPolicyIsBoundToTheRolesThatItNames(t *testing.T) {
	cloud := open(t, t.TempDir())
	customers, vendors := configured(t, cloud, customer), configured(t, cloud, vendor)
	role := customers.MustCreate(roleToken, "acme", map[string]any{"name": "acme", "assumeRolePolicy": podsTrust})
	vendors.MustCreate(repositoryToken, "acme", map[string]any{"name": "acme"})
	created := vendors.MustCreate(repositoryPolicyToken, "acme", map[string]any{"repository": "acme", "policy": readers(role.Text(t, "arn"))})
	assert.Equal(t, "acme", string(created.ID))
	assert.Equal(t, vendor, created.Text(t, "registryId"))
	repository, _ := cloud.ECR.Repository(vendorPlace, "acme")
	attached, err := repository.Attached()
	require.NoError(t, err)
	assert.Equal(t, map[string]string{role.Text(t, "arn"): role.Text(t, "uniqueId")}, attached.Bindings)
	assert.Equal(t, created.Inputs, vendors.Refresh(created).Inputs)
}

func TestARepositoryPolicyMayNameAnAccountWhoseRoleDoesNotExistYet(t *testing.T) {
	_, engine := as(t, vendor)
	engine.MustCreate(repositoryPolicyToken, "acme", map[string]any{"repository": "neighbour", "policy": readers("arn:aws:iam::222222222222:root")})
}

func TestRepositoryPoliciesThatECRRefuses(t *testing.T) {
	const constraint = "InvalidParameterException: Invalid parameter at 'PolicyText' failed to satisfy constraint: "
	with := func(policy string) map[string]any { return map[string]any{"repository": "neighbour", "policy": policy} }
	refusals(t, vendor, repositoryPolicyToken, map[string]refusal{
		"a role that does not exist": {inputs: with(readers("arn:aws:iam::222222222222:role/acme")), want: "putting ECR Repository Policy (neighbour): operation error ECR: SetRepositoryPolicy, https response error StatusCode: 400, " + constraint + "'Principal not found'"},
		"another path":               {inputs: with(readers("arn:aws:iam::222222222222:role/apps/nodes")), want: constraint + "'Principal not found'"},
		"an unknown account":         {inputs: with(readers("arn:aws:iam::999999999999:root")), want: constraint + "'Principal not found'"},
		"a resource":                 {inputs: with(strings.Replace(readers(nodeRole), `"Action"`, `"Resource":"*","Action"`, 1)), want: constraint + "'Invalid repository policy provided"},
		"another partition":          {inputs: with(readers("arn:aws-cn:iam::222222222222:root")), want: constraint + "'Invalid repository policy provided"},
		"too long":                   {inputs: with(readers(nodeRole) + strings.Repeat(" ", 10240)), want: "must have length less than or equal to 10240"},
		"no JSON":                    {inputs: with("Allow"), want: "contains an invalid JSON policy"},
		"no repository":              {inputs: map[string]any{"repository": "nothing", "policy": readers(nodeRole)}, want: "RepositoryNotFoundException: The repository with name 'nothing' does not exist in the registry with id '111111111111'"},
	})
}

func TestTheOrderOfADocumentDoesNotMatter(t *testing.T) {
	_, engine := as(t, vendor)
	created := engine.MustCreate(repositoryPolicyToken, "acme", map[string]any{"repository": "neighbour", "policy": readers(nodeRole)})
	same := strings.Replace(readers(nodeRole), `["ecr:BatchGetImage"]`, `"ecr:BatchGetImage"`, 1)
	assert.Empty(t, engine.Diff(created, map[string]any{"repository": "neighbour", "policy": same}).ChangedKeys)
	other := strings.Replace(same, "ecr:BatchGetImage", "ecr:DescribeImages", 1)
	changed := engine.Diff(created, map[string]any{"repository": "neighbour", "policy": other})
	assert.NotEmpty(t, changed.ChangedKeys)
	assert.False(t, changed.Replace())
	_, err := engine.Update(created, map[string]any{"repository": "neighbour", "policy": other})
	require.NoError(t, err)
}

func TestALifecyclePolicyIsReplacedTheOldOneFirst(t *testing.T) {
	cloud, engine := as(t, vendor)
	created := engine.MustCreate(lifecyclePolicyToken, "acme", map[string]any{"repository": "neighbour", "policy": lifecycle})
	repository, _ := cloud.ECR.Repository(vendorPlace, "neighbour")
	assert.JSONEq(t, lifecycle, repository.Lifecycle)
	changed := engine.Diff(created, map[string]any{"repository": "neighbour", "policy": strings.Replace(lifecycle, "100", "50", 1)})
	assert.True(t, changed.Replace())
	assert.True(t, changed.DeleteBeforeReplace)
	require.NoError(t, engine.Delete(created))
	assert.Empty(t, engine.Refresh(created).ID)
}

func TestLifecyclePoliciesThatECRRefuses(t *testing.T) {
	with := func(old, new string) map[string]any {
		return map[string]any{"repository": "neighbour", "policy": strings.Replace(lifecycle, old, new, 1)}
	}
	cases := map[string]refusal{
		"no rules":             {inputs: map[string]any{"repository": "neighbour", "policy": `{"rules":[]` + strings.Repeat(" ", 100) + `}`}, want: "from 1 to 50 are allowed"},
		"a short one":          {inputs: map[string]any{"repository": "neighbour", "policy": `{}`}, want: "from 100 to 30720 are allowed"},
		"an unknown element":   {inputs: with(`"action"`, `"actions"`), want: `unknown field "actions"`},
		"a priority twice":     {inputs: with(`"rulePriority":2`, `"rulePriority":1`), want: "rulePriority 1 is used twice"},
		"a priority too great": {inputs: with(`"rulePriority":2`, `"rulePriority":1000`), want: "must be from 1 to 999"},
		"an action":            {inputs: with(`"type":"expire"`, `"type":"archive"`), want: `action.type "archive": must be expire`},
		"a tag status":         {inputs: with(`"tagStatus":"untagged"`, `"tagStatus":"none"`), want: `selection.tagStatus "none"`},
		"tagged without tags":  {inputs: with(`"tagPatternList":["*"],`, ``), want: "needs tagPatternList or tagPrefixList"},
		"untagged with tags":   {inputs: with(`"untagged",`, `"untagged","tagPrefixList":["v"],`), want: "for tagged images only"},
		"two lists":            {inputs: with(`["*"],`, `["*"],"tagPrefixList":["v"],`), want: "only one of tagPatternList and tagPrefixList"},
		"a count":              {inputs: with(`"countNumber":14`, `"countNumber":0`), want: "must be at least 1"},
		"a unit":               {inputs: with(`"countUnit":"days"`, `"countUnit":"weeks"`), want: `selection.countUnit "weeks"`},
		"a needless unit":      {inputs: with(`"countNumber":100`, `"countUnit":"days","countNumber":100`), want: "for sinceImagePushed only"},
		"a count type":         {inputs: with(`"sinceImagePushed"`, `"sinceEver"`), want: `selection.countType "sinceEver"`},
		"any before the last":  {inputs: with(`"untagged"`, `"any"`), want: "must have the greatest rulePriority"},
		"no repository":        {inputs: map[string]any{"repository": "nothing", "policy": lifecycle}, want: "RepositoryNotFoundException"},
	}
	refusals(t, vendor, lifecyclePolicyToken, cases)
	_, engine := as(t, vendor)
	_, err := engine.Create(lifecyclePolicyToken, "x", with(`"action"`, `"actions"`))
	assert.ErrorContains(t, err, "creating ECR Lifecycle Policy (neighbour): operation error ECR: PutLifecyclePolicy, https response error StatusCode: 400, InvalidParameterException: Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: 'Lifecycle policy validation failure")
}

func TestAWorldsPolicyThatNamesNobodyIsRefused(t *testing.T) {
	existing := accounts()
	existing.Accounts[0].Repositories[0].Policy = []byte(readers("arn:aws:iam::222222222222:role/nobody"))
	_, err := aws.Open(t.TempDir(), existing, time.Now, 0)
	require.ErrorContains(t, err, "the world's policy of arn:aws:ecr:eu-central-1:111111111111:repository/neighbour: Principal not found")
}
