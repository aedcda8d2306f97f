package gcp

import (
	"cmp"
	"context"
	"fmt"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/artifactregistry"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/organizations"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"waybill.example/waybill/sandbox/provider"
)

// getProject describes a project. The Cloud Resource Manager answers where the
// project has enabled it: Google checks that in the caller's own project, and
// the sandbox takes the callers to be the project's.
// https://cloud.google.com/resource-manager/reference/rest/v1/projects/get
func getProject() provider.Function[*Client] {
	return provider.Function[*Client]{
		Tok:  "gcp:organizations/getProject:getProject",
		Args: organizations.LookupProjectOutputArgs{}.ElementType(),
		Run: func(_ context.Context, client *Client, properties resource.PropertyMap) (map[string]any, error) {
			id := cmp.Or(provider.Text(properties, "projectId"), client.project)
			if id == "" {
				return nil, fmt.Errorf("no project value set. `project_id` must be set at the resource level, or a default `project` value must be specified on the provider")
			}
			if _, exists := client.cloud.Project(id); !exists {
				return nil, fmt.Errorf("the user does not have permission to access Project %q or it may not exist", id)
			}
			project, err := client.use(id, managerAPI)
			if err != nil {
				return nil, err
			}
			return map[string]any{
				"autoCreateNetwork": false,
				"billingAccount":    "",
				"deletionPolicy":    "PREVENT",
				"effectiveLabels":   map[string]any{},
				"folderId":          "",
				"id":                "projects/" + project.ID,
				"labels":            map[string]any{},
				"name":              project.ID,
				"number":            project.Number,
				"orgId":             "",
				"projectId":         project.ID,
				"pulumiLabels":      map[string]any{},
				"skipDelete":        false,
			}, nil
		},
	}
}

// getRepository describes a repository, whoever made it.
func getRepository() provider.Function[*Client] {
	return provider.Function[*Client]{
		Tok:  "gcp:artifactregistry/getRepository:getRepository",
		Args: artifactregistry.LookupRepositoryOutputArgs{}.ElementType(),
		Run: func(_ context.Context, client *Client, properties resource.PropertyMap) (map[string]any, error) {
			project := cmp.Or(provider.Text(properties, "project"), client.project)
			location, id := provider.Text(properties, "location"), provider.Text(properties, "repositoryId")
			repository, err := client.getRepository(project, location, id)
			if isNotFound(err) {
				return nil, fmt.Errorf("%s not found", repositoryName(project, location, id))
			}
			if err != nil {
				return nil, err
			}
			result := client.repositoryOutputs(repository, repository.Labels)
			result["id"] = repository.ResourceName()
			// Terraform's blocks are lists in results.
			for block, list := range map[string]string{
				"dockerConfig": "dockerConfigs", "virtualRepositoryConfig": "virtualRepositoryConfigs",
			} {
				result[list] = []any{}
				if value, set := result[block]; set {
					result[list] = []any{value}
					delete(result, block)
				}
			}
			for name, empty := range map[string]any{
				"cleanupPolicies": []any{}, "cleanupPolicyDryRun": false, "description": "", "kmsKeyName": "",
				"labels": map[string]any{}, "mavenConfigs": []any{}, "remoteRepositoryConfigs": []any{},
			} {
				if _, set := result[name]; !set {
					result[name] = empty
				}
			}
			return result, nil
		},
	}
}
