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
	return provider.LookUp("gcp:artifactregistry/getRepository:getRepository", artifactregistry.LookupRepositoryOutputArgs{}.ElementType(),
		func(client *Client, args RepositorySettings) (map[string]any, error) {
			repository, err := client.getRepository(cmp.Or(args.Project, client.project), cmp.Or(args.Location, client.region), args.ID)
			return described(repository.ResourceName(), repositoryOutputs(repository)), err
		})
}

func getAccount() provider.Function[*Client] {
	return provider.LookUp("gcp:serviceaccount/getAccount:getAccount", serviceaccount.LookupAccountOutputArgs{}.ElementType(),
		func(client *Client, args accountInputs) (map[string]any, error) {
			email := emailOf(args.ID)
			if !strings.Contains(email, "@") {
				email = accountEmail(cmp.Or(args.Project, client.project), email)
			}
			account, err := client.getAccount(email)
			return described(account.Name(), accountOutputs(account)), err
		})
}

func getPool() provider.Function[*Client] {
	return provider.LookUp("gcp:iam/getWorkloadIdentityPool:getWorkloadIdentityPool", iam.LookupWorkloadIdentityPoolOutputArgs{}.ElementType(),
		func(client *Client, args poolInputs) (map[string]any, error) {
			pool, err := client.getPool(cmp.Or(args.Project, client.project), args.ID)
			return described(pool.Name(), poolOutputs(pool)), err
		})
}

// described are the outputs of a resource's type with the ID, as a look-up has them.
func described(id string, outputs map[string]any) map[string]any {
	outputs["id"] = id
	return outputs
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
