package gcp

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/artifactregistry"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

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
			Validate: func(inputs resource.PropertyMap) []plugin.CheckFailure {
				var found []plugin.CheckFailure
				for _, property := range []resource.PropertyKey{"mavenConfig", "remoteRepositoryConfig"} {
					if inputs.HasValue(property) {
						found = append(found, plugin.CheckFailure{
							Property: property,
							Reason:   fmt.Sprintf("%s: the sandbox models standard and virtual Docker repositories only", property),
						})
					}
				}
				return found
			},
		},
		Noun: "Repository", Word: worded, Gone: isNotFound,
		Make: func(_ context.Context, client *Client, inputs RepositorySettings) (string, Repository, error) {
			repository, err := client.createRepository(client.labelled(inputs))
			return repository.ResourceName(), repository, err
		},
		Find: func(client *Client, id string, _ RepositorySettings) (Repository, error) {
			if strings.Count(id, "/") > 2 && !upstreamName.MatchString(id) {
				return Repository{}, fmt.Errorf("ID %q: want projects/P/locations/L/repositories/R, or P/L/R, L/R or R", id)
			}
			return client.getRepository(parseRepository(id, client.project, client.region))
		},
		Change: func(_ context.Context, client *Client, _ string, inputs RepositorySettings) (Repository, error) {
			return client.updateRepository(client.labelled(inputs))
		},
		Remove: func(_ context.Context, client *Client, id string, _ RepositorySettings) error {
			return client.deleteRepository(parseRepository(id, "", ""))
		},
		Show: func(client *Client, repository Repository, inputs RepositorySettings) map[string]any {
			if inputs.ID == "" { // imported
				inputs.Labels = repository.Labels
			}
			return client.repositoryOutputs(repository, inputs.Labels)
		},
	}.Resource()
}

// labelled are the settings with the default labels.
func (c *Client) labelled(settings RepositorySettings) RepositorySettings {
	settings.Mode = cmp.Or(settings.Mode, standard)
	own := settings.Labels
	settings.Labels = maps.Clone(c.labels)
	maps.Copy(settings.Labels, own)
	return settings
}

// repositoryOutputs describes a repository to a program that gave these labels.
func (c *Client) repositoryOutputs(repository Repository, own map[string]string) map[string]any {
	labels, configured := map[string]string{}, map[string]string{}
	for key, value := range repository.Labels {
		_, given := own[key]
		_, byDefault := c.labels[key]
		if given {
			labels[key] = value
		}
		if given || byDefault {
			configured[key] = value
		}
	}
	settings := repository.RepositorySettings
	settings.Labels = labels
	outputs := provider.Encode(settings)
	outputs["createTime"] = repository.CreateTime.Format(time.RFC3339Nano)
	outputs["updateTime"] = repository.UpdateTime.Format(time.RFC3339Nano)
	outputs["name"] = repository.ID
	outputs["effectiveLabels"] = repository.Labels
	outputs["pulumiLabels"] = configured
	return outputs
}
