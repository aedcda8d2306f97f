package gcp

import (
	"fmt"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/internal/lookup"
)

// findServiceAgent is the email of Artifact Registry's service agent in the
// project of a repository whose upstream is in another project; empty
// for every other repository. The email holds the project's number, which is
// looked up. One value is not worth compiling the SDK of a whole service
// (docs/facts.md §6), so the function is called by its token.
func findServiceAgent(ctx *pulumi.Context, args *ImageGrantArgs, opts []pulumi.ResourceOption) (string, error) {
	if !args.foreignUpstream() {
		return "", nil
	}
	options, err := lookup.Options[*gcp.Provider](opts)
	if err != nil {
		return "", err
	}
	request := struct {
		ProjectID string `pulumi:"projectId"`
	}{args.Project}
	var found struct {
		Number string `pulumi:"number"`
	}
	if err := ctx.Invoke("gcp:organizations/getProject:getProject", &request, &found, options...); err != nil {
		return "", fmt.Errorf("gcp.ImageGrant: the number of project %q, which repository.upstream in another project needs: "+
			"want the API cloudresourcemanager.googleapis.com enabled and resourcemanager.projects.get: %w", args.Project, err)
	}
	return fmt.Sprintf("service-%s@gcp-sa-artifactregistry.iam.gserviceaccount.com", found.Number), nil
}
