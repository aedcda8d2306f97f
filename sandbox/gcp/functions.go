package gcp

import (
	"cmp"
	"context"
	"fmt"

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
				"id":        "projects/" + project.ID,
				"name":      project.ID,
				"number":    project.Number,
				"projectId": project.ID,
			}, nil
		},
	}
}
