package gcp

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/artifactregistry"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"waybill.example/waybill/sandbox/provider"
)

func repositoryType() provider.Type[*Client] {
	return provider.Kind[*Client, RepositorySettings, Repository]{
		Type: provider.Type[*Client]{
			Tok:       "gcp:artifactregistry/repository:Repository",
			Args:      artifactregistry.RepositoryArgs{}.ElementType(),
			Computed:  []string{"createTime", "effectiveLabels", "location", "name", "project", "pulumiLabels", "updateTime"},
			Settled:   []string{"createTime", "location", "name", "project"},
			Immutable: []string{"format", "kmsKeyName", "location", "mavenConfig", "mode", "project", "remoteRepositoryConfig", "repositoryId"},
			Complete:  located,
			Defaults:  map[string]any{"cleanupPolicyDryRun": false, "mode": standard},
			Adopted: func(outputs map[string]any) string {
				return repositoryName(fmt.Sprint(outputs["project"]), fmt.Sprint(outputs["location"]), fmt.Sprint(outputs["repositoryId"]))
			},
			Unmodelled: []resource.PropertyKey{"mavenConfig", "remoteRepositoryConfig"},
		},
		Noun: "Repository", Word: worded, Gone: isNotFound,
		Make: func(_ context.Context, client *Client, inputs RepositorySettings) (string, Repository, error) {
			repository, err := client.createRepository(inputs)
			return repository.ResourceName(), repository, err
		},
		Find: func(client *Client, id string, _ RepositorySettings) (Repository, error) {
			if strings.Count(id, "/") > 2 && !upstreamName.MatchString(id) {
				return Repository{}, fmt.Errorf("ID %q: want projects/P/locations/L/repositories/R, or P/L/R, L/R or R", id)
			}
			return client.getRepository(parseRepository(id, client.project, client.region))
		},
		Change: func(_ context.Context, client *Client, _ string, inputs RepositorySettings) (Repository, error) {
			return client.updateRepository(inputs)
		},
		Remove: func(_ context.Context, client *Client, id string, _ RepositorySettings) error {
			return client.deleteRepository(parseRepository(id, "", ""))
		},
		Show: func(_ *Client, repository Repository, _ RepositorySettings) map[string]any {
			return repositoryOutputs(repository)
		},
	}.Resource()
}

func repositoryOutputs(repository Repository) map[string]any {
	outputs := provider.Encode(repository.RepositorySettings)
	outputs["createTime"] = repository.CreateTime.Format(time.RFC3339Nano)
	outputs["updateTime"] = repository.UpdateTime.Format(time.RFC3339Nano)
	outputs["name"] = repository.ID
	outputs["effectiveLabels"], outputs["pulumiLabels"] = repository.Labels, repository.Labels
	return outputs
}
