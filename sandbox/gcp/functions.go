package gcp

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/artifactregistry"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/iam"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/organizations"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/serviceaccount"

	"waybill.example/waybill/sandbox/provider"
)

// getRepository, getAccount and getPool describe what exists. A pool that was deleted
// does not, to the provider:
// https://github.com/GoogleCloudPlatform/magic-modules/blob/main/mmv1/products/iambeta/WorkloadIdentityPool.yaml
func getRepository() provider.Function[*Client] {
	type arguments struct {
		Project  string `json:"project"`
		Location string `json:"location"`
		ID       string `json:"repositoryId"`
	}
	return provider.LookUp("gcp:artifactregistry/getRepository:getRepository", artifactregistry.LookupRepositoryOutputArgs{}.ElementType(),
		func(client *Client, args arguments) (map[string]any, error) {
			repository, err := client.getRepository(cmp.Or(args.Project, client.project), cmp.Or(args.Location, client.region), args.ID)
			if err != nil {
				return nil, err
			}
			return map[string]any{
				"id": repository.ResourceName(), "description": repository.Description, "format": repository.Format,
				"labels": repository.Labels, "mode": repository.Mode, "repositoryId": repository.ID,
			}, nil
		})
}

func getAccount() provider.Function[*Client] {
	type arguments struct {
		Project string `json:"project"`
		ID      string `json:"accountId"`
	}
	return provider.LookUp("gcp:serviceaccount/getAccount:getAccount", serviceaccount.LookupAccountOutputArgs{}.ElementType(),
		func(client *Client, args arguments) (map[string]any, error) {
			email := emailOf(args.ID)
			if !strings.Contains(email, "@") {
				email = accountEmail(cmp.Or(args.Project, client.project), email)
			}
			account, err := client.getAccount(email)
			if err != nil {
				return nil, err
			}
			outputs := accountOutputs(account)
			outputs["id"], outputs["displayName"] = account.Name(), account.DisplayName
			return outputs, nil
		})
}

func getPool() provider.Function[*Client] {
	type arguments struct {
		Project string `json:"project"`
		ID      string `json:"workloadIdentityPoolId"`
	}
	return provider.LookUp("gcp:iam/getWorkloadIdentityPool:getWorkloadIdentityPool", iam.LookupWorkloadIdentityPoolOutputArgs{}.ElementType(),
		func(client *Client, args arguments) (map[string]any, error) {
			pool, err := client.getPool(cmp.Or(args.Project, client.project), args.ID)
			if err != nil {
				return nil, err
			}
			return map[string]any{
				"id": pool.Name(), "name": pool.Name(), "workloadIdentityPoolId": pool.ID, "disabled": pool.Disabled,
				"displayName": pool.DisplayName, "description": pool.Description, "state": resourceState(false),
			}, nil
		})
}

// getProject describes a project. The Cloud Resource Manager answers where the
// project has enabled it: Google checks that in the caller's own project, and
// the sandbox takes the callers to be the project's.
// https://cloud.google.com/resource-manager/reference/rest/v1/projects/get
func getProject() provider.Function[*Client] {
	type arguments struct {
		ID string `json:"projectId"`
	}
	return provider.LookUp("gcp:organizations/getProject:getProject", organizations.LookupProjectOutputArgs{}.ElementType(),
		func(client *Client, args arguments) (map[string]any, error) {
			id := cmp.Or(args.ID, client.project)
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
			return map[string]any{"id": "projects/" + project.ID, "name": project.ID, "number": project.Number, "projectId": project.ID}, nil
		})
}
