package gcp_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestARepositoryHasTheOutputsOfGoogle(t *testing.T) {
	cloud, engine := start(t)
	created := engine.MustCreate(repositoryToken, "acme", repository(map[string]any{
		"description": "ACME", "labels": map[string]any{"customer": "acme"}, "dockerConfig": map[string]any{"immutableTags": true},
		"cleanupPolicyDryRun": true,
		"cleanupPolicies": []any{
			map[string]any{"id": "old", "action": "DELETE", "condition": map[string]any{"olderThan": "2592000s", "tagState": "UNTAGGED"}},
			map[string]any{"id": "keep", "action": "KEEP", "mostRecentVersions": map[string]any{"keepCount": 5}},
		},
	}))
	assert.Equal(t, "projects/vendor-images/locations/europe-west1/repositories/acme", string(created.ID))
	assert.Equal(t, "acme", created.Text(t, "name"))
	assert.Equal(t, project, created.Text(t, "project"))
	assert.Equal(t, "europe-west1", created.Text(t, "location"))
	assert.Equal(t, "STANDARD_REPOSITORY", created.Text(t, "mode"))
	assert.NotEmpty(t, created.Text(t, "createTime"))
	labels := resource.NewPropertyMapFromMap(map[string]any{"customer": "acme"})
	assert.Equal(t, labels, created.Outputs["labels"].ObjectValue())
	assert.Equal(t, labels, created.Outputs["effectiveLabels"].ObjectValue())
	assert.Equal(t, labels, created.Outputs["pulumiLabels"].ObjectValue())

	again := engine.Refresh(created)
	assert.Equal(t, created.Inputs, again.Inputs)
	assert.Equal(t, created.Outputs, again.Outputs)
	found, _ := cloud.Repository("europe-west1", project, "acme")
	assert.True(t, found.ImmutableTags())
	assert.False(t, found.Virtual())
}

func TestAPreviewOfARepositoryShowsWhatIsKnown(t *testing.T) {
	_, engine := start(t)
	outputs := engine.Preview(repositoryToken, "acme", repository(nil))
	assert.Equal(t, "europe-west1", outputs["location"].StringValue())
	assert.Equal(t, "acme", outputs["repositoryId"].StringValue())
	assert.True(t, outputs["name"].IsComputed())
	assert.True(t, outputs["createTime"].IsComputed())
}

func TestAVirtualRepositoryServesFromItsUpstreams(t *testing.T) {
	cloud, engine := start(t)
	engine.MustCreate(repositoryToken, "extras", repository(map[string]any{"repositoryId": "extras"}))
	created := engine.MustCreate(repositoryToken, "acme", repository(map[string]any{
		"mode": "VIRTUAL_REPOSITORY",
		"virtualRepositoryConfig": map[string]any{"upstreamPolicies": []any{
			map[string]any{"id": "extras", "repository": "projects/vendor-images/locations/europe-west1/repositories/extras", "priority": 1},
			map[string]any{"id": "releases", "repository": releaseName, "priority": 100},
		}},
	}))
	found, _ := cloud.Repository("europe-west1", project, "acme")
	assert.True(t, found.Virtual())
	assert.Equal(t, []string{releaseName, "projects/vendor-images/locations/europe-west1/repositories/extras"}, found.Upstreams())

	_, err := engine.Update(created, repository(map[string]any{
		"mode": "VIRTUAL_REPOSITORY", "virtualRepositoryConfig": map[string]any{"upstreamPolicies": []any{}},
	}))
	require.NoError(t, err)
	found, _ = cloud.Repository("europe-west1", project, "acme")
	assert.Empty(t, found.Upstreams())
}

func TestRepositoriesThatGoogleRefuses(t *testing.T) {
	upstream := func(changes map[string]any) map[string]any {
		return map[string]any{
			"mode": "VIRTUAL_REPOSITORY",
			"virtualRepositoryConfig": map[string]any{"upstreamPolicies": []any{
				changed(map[string]any{"id": "releases", "repository": releaseName, "priority": 1}, changes),
			}},
		}
	}
	cleanup := func(changes map[string]any) map[string]any {
		return map[string]any{"cleanupPolicies": []any{changed(map[string]any{
			"id": "old", "action": "DELETE", "condition": map[string]any{"olderThan": "2592000s"},
		}, changes)}}
	}
	many := map[string]any{}
	for i := range 65 {
		many[fmt.Sprintf("label%d", i)] = "x"
	}
	for name, refused := range map[string]struct {
		inputs map[string]any
		want   string
	}{
		"ID's case":       {map[string]any{"repositoryId": "Acme"}, `Error creating Repository: googleapi: Error 400: Invalid repository ID "Acme"`},
		"ID's start":      {map[string]any{"repositoryId": "1acme"}, `Invalid repository ID "1acme"`},
		"ID's domain":     {map[string]any{"repositoryId": "x.gcr.io"}, `Invalid repository ID "x.gcr.io"`},
		"ID's end":        {map[string]any{"repositoryId": "acme-"}, `Invalid repository ID "acme-"`},
		"long ID":         {map[string]any{"repositoryId": strings.Repeat("a", 64)}, "it must have 1 to 63 characters"},
		"format":          {map[string]any{"format": "docker"}, `The repository format "docker" is not modelled`},
		"mode":            {map[string]any{"mode": "REMOTE_REPOSITORY"}, `The repository mode "REMOTE_REPOSITORY" is not modelled`},
		"remote":          {map[string]any{"remoteRepositoryConfig": map[string]any{"description": "hub"}}, "remoteRepositoryConfig: the sandbox does not model it: leave it out"},
		"location":        {map[string]any{"location": "europe-west99"}, "googleapi: Error 403: Permission denied on 'locations/europe-west99' (or it may not exist)."},
		"key":             {map[string]any{"kmsKeyName": "my-key"}, `Invalid KMS key name "my-key"`},
		"label's key":     {map[string]any{"labels": map[string]any{"Customer": "acme"}}, "Invalid label Customer=acme"},
		"label's value":   {map[string]any{"labels": map[string]any{"customer": "ACME"}}, "Invalid label customer=ACME"},
		"many labels":     {map[string]any{"labels": many}, "65 labels: at most 64 are allowed"},
		"upstreams":       {map[string]any{"virtualRepositoryConfig": map[string]any{}}, "Upstream policies cannot be set on a standard repository"},
		"upstream's name": {upstream(map[string]any{"repository": "releases"}), `Invalid upstream repository "releases"`},
		"upstream's ID":   {upstream(map[string]any{"id": nil}), "every policy must have an ID of its own"},
		"upstream that isn't": {upstream(map[string]any{"repository": strings.Replace(releaseName, "releases", "other", 1)}),
			`The upstream repository "projects/vendor-images/locations/europe-west1/repositories/other" does not exist`},
		"upstream elsewhere": {changed(upstream(nil), map[string]any{"location": "us"}), "must be in the location of the virtual repository, us"},
		"policy's action":    {cleanup(map[string]any{"action": "ARCHIVE"}), `the action "ARCHIVE" must be DELETE or KEEP`},
		"policy's duration":  {cleanup(map[string]any{"condition": map[string]any{"olderThan": "30d"}}), `the duration "30d" must be in seconds`},
		"policy's tag state": {cleanup(map[string]any{"condition": map[string]any{"tagState": "SOME"}}), `the tag state "SOME" must be ANY, TAGGED or UNTAGGED`},
		"policy's parts":     {cleanup(map[string]any{"condition": nil}), "exactly one of condition and mostRecentVersions must be set"},
		"policy's versions":  {cleanup(map[string]any{"condition": nil, "mostRecentVersions": map[string]any{"keepCount": 1}}), "may only be specified with a KEEP action"},
		"same ID":            {map[string]any{"repositoryId": "releases"}, "googleapi: Error 409: the repository already exists"},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, engine := start(t)
			_, err := engine.Create(repositoryToken, "acme", repository(refused.inputs))
			require.ErrorContains(t, err, refused.want)
			assert.Len(t, cloud.Repositories(), 1, "nothing is created")
		})
	}
}

func TestTheLongestRepositoryIDIsTaken(t *testing.T) {
	_, engine := start(t)
	engine.MustCreate(repositoryToken, "acme", repository(map[string]any{"repositoryId": strings.Repeat("a", 63)}))
	engine.MustCreate(repositoryToken, "acme", repository(map[string]any{"repositoryId": "a"}))
}

func TestADeletedRepositoryIsGone(t *testing.T) {
	cloud, engine := start(t)
	created := engine.MustCreate(repositoryToken, "acme", repository(nil))
	require.NoError(t, engine.Delete(created))
	assert.Empty(t, engine.Refresh(created).ID)
	require.NoError(t, engine.Delete(created))
	_, ok := cloud.Repository("europe-west1", project, "acme")
	assert.False(t, ok)
	engine.MustCreate(repositoryToken, "acme", repository(nil))
}

func TestMutableTagsAreSentByTheFirstUpdate(t *testing.T) {
	_, engine := start(t)
	inputs := repository(map[string]any{"dockerConfig": map[string]any{"immutableTags": false}})
	created := engine.MustCreate(repositoryToken, "acme", inputs)
	assert.NotEmpty(t, engine.Diff(created, inputs).ChangedKeys, "the creation left the block out")
	updated, err := engine.Update(created, inputs)
	require.NoError(t, err)
	assert.Empty(t, engine.Diff(updated, inputs).ChangedKeys)
}

func TestARepositoryOfAnotherModeIsMadeBeforeTheOldOneGoes(t *testing.T) {
	_, engine := start(t)
	created := engine.MustCreate(repositoryToken, "acme", repository(nil))
	moved := repository(map[string]any{"mode": "VIRTUAL_REPOSITORY"})
	diff := engine.Diff(created, moved)
	assert.True(t, diff.Replace())
	assert.False(t, diff.DeleteBeforeReplace)
	_, err := engine.Create(repositoryToken, "acme", moved)
	require.ErrorContains(t, err, "Error 409")
}
