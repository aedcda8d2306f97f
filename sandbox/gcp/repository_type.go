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
	const kind = "Repository"
	return provider.Type[*Client]{
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
		Create: func(_ context.Context, client *Client, properties resource.PropertyMap) (string, map[string]any, error) {
			settings, own, err := client.settings(properties)
			if err != nil {
				return "", nil, err
			}
			repository, err := client.createRepository(settings)
			if err != nil {
				return "", nil, creating(kind, err)
			}
			outputs, err := client.repositoryOutputs(repository, own)
			return repository.ResourceName(), outputs, err
		},
		Read: func(_ context.Context, client *Client, id string, state resource.PropertyMap) (map[string]any, error) {
			if strings.Count(id, "/") > 2 && !upstreamName.MatchString(id) {
				return nil, fmt.Errorf("ID %q: want projects/P/locations/L/repositories/R, or P/L/R, L/R or R", id)
			}
			repository, err := client.getRepository(parseRepository(id, client.project, client.region))
			if err != nil {
				return nil, unlessGone(err)
			}
			var known struct {
				Labels map[string]string `json:"labels"`
			}
			if err := provider.Decode(state, &known); err != nil {
				return nil, err
			}
			if state == nil {
				known.Labels = repository.Labels
			}
			return client.repositoryOutputs(repository, known.Labels)
		},
		Update: func(_ context.Context, client *Client, id string, properties resource.PropertyMap) (map[string]any, error) {
			settings, own, err := client.settings(properties)
			if err != nil {
				return nil, err
			}
			repository, err := client.updateRepository(settings)
			if err != nil {
				return nil, updating(kind, id, err)
			}
			return client.repositoryOutputs(repository, own)
		},
		Delete: func(_ context.Context, client *Client, id string, _ resource.PropertyMap) error {
			return unlessGone(client.deleteRepository(parseRepository(id, "", "")))
		},
	}
}

// settings reads the inputs of a repository: its settings with the default
// labels, and the labels that the program gave itself.
func (c *Client) settings(properties resource.PropertyMap) (settings RepositorySettings, own map[string]string, err error) {
	if err := provider.Decode(properties, &settings); err != nil {
		return RepositorySettings{}, nil, err
	}
	settings.Mode = cmp.Or(settings.Mode, standard)
	own = settings.Labels
	settings.Labels = maps.Clone(c.labels)
	maps.Copy(settings.Labels, own)
	return settings, own, nil
}

// repositoryOutputs describes a repository to a program that gave these labels.
func (c *Client) repositoryOutputs(repository Repository, own map[string]string) (map[string]any, error) {
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
	outputs, err := provider.Encode(settings)
	if err != nil {
		return nil, err
	}
	outputs["createTime"] = repository.CreateTime.Format(time.RFC3339Nano)
	outputs["updateTime"] = repository.UpdateTime.Format(time.RFC3339Nano)
	outputs["name"] = repository.ID
	outputs["effectiveLabels"] = anyMap(repository.Labels)
	outputs["pulumiLabels"] = anyMap(configured)
	return outputs, nil
}
