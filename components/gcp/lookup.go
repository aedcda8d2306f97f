package gcp

import (
	"fmt"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/lookup"
)

// Found is what a look-up found.
type Found struct {
	// serviceAgent is the email of Artifact Registry's service agent; empty where
	// no binding names it.
	serviceAgent string
}

// LookUp refuses a repository, a service account or a pool that exists already and is
// not this customer's and product's, before anything is registered. Those that a child
// takes over by Import are not looked up. A pool that was deleted is gone to the
// provider: its ID is refused when the pool is made.
func (args *ImageGrantArgs) LookUp(ctx *pulumi.Context, opts ...pulumi.ResourceOption) (*Found, error) {
	options, err := lookup.Options[*gcp.Provider](opts)
	if err != nil {
		return nil, err
	}
	p := check.Of("gcp.ImageGrant")
	for _, look := range args.looks() {
		if look.wanted && args.Children[look.child].Import == "" && look.taken(ctx, options) {
			p.Add(look.key, "%q: exists already in project %s and is not of customer %s and product %s: want %s, or to adopt it",
				look.name, args.Project, args.Customer, args.Product, look.another)
		}
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	agent, err := args.findServiceAgent(ctx, options)
	return &Found{agent}, err
}

// look asks for one thing that is to be made.
type look struct {
	child, key, name, another string
	wanted                    bool
	// taken says whether it exists and is somebody else's.
	taken func(*pulumi.Context, []pulumi.InvokeOption) bool
}

func (args *ImageGrantArgs) looks() []look {
	looks := []look{{
		child: childRepository, key: "repository.name", name: args.repositoryName(), another: "another name, existing: true",
		wanted: !args.Repository.Existing, taken: args.repositoryTaken,
	}}
	if len(args.Readers) == 0 {
		return looks
	}
	return append(looks, look{
		child: childAccount, key: "serviceAccountId", name: args.serviceAccountID(), another: "another ID", wanted: true, taken: args.accountTaken,
	}, look{
		child: childPool, key: "poolId", name: args.poolID(), another: "another ID, another generation", wanted: true, taken: args.poolTaken,
	})
}

func (args *ImageGrantArgs) repositoryTaken(ctx *pulumi.Context, options []pulumi.InvokeOption) bool {
	request := struct {
		Project    string `pulumi:"project"`
		Location   string `pulumi:"location"`
		Repository string `pulumi:"repositoryId"`
	}{args.Project, args.Location, args.repositoryName()}
	var found struct {
		ID     string            `pulumi:"id"`
		Labels map[string]string `pulumi:"labels"`
	}
	return lookup.Exists(ctx, "gcp:artifactregistry/getRepository:getRepository", &request, &found, options) &&
		found.ID != "" && !args.owner().Owns(found.Labels)
}

// An account has no labels, and neither has a pool: both say in words whose they are.
// An earlier version's words named the customer alone.
func (args *ImageGrantArgs) accountDisplay() string {
	return fmt.Sprintf("Pulls %s for %s", args.Product, args.Customer)
}

func (args *ImageGrantArgs) accountTaken(ctx *pulumi.Context, options []pulumi.InvokeOption) bool {
	request := struct {
		Project string `pulumi:"project"`
		Account string `pulumi:"accountId"`
	}{args.Project, args.serviceAccountID()}
	var found struct {
		ID          string `pulumi:"id"`
		DisplayName string `pulumi:"displayName"`
	}
	return lookup.Exists(ctx, "gcp:serviceaccount/getAccount:getAccount", &request, &found, options) &&
		found.ID != "" && found.DisplayName != args.accountDisplay() && found.DisplayName != "Pulls images for "+args.Customer
}

func (args *ImageGrantArgs) poolDescription() string {
	return fmt.Sprintf("Identities of %s for %s, of nobody else", args.Customer, args.Product)
}

func (args *ImageGrantArgs) poolTaken(ctx *pulumi.Context, options []pulumi.InvokeOption) bool {
	request := struct {
		Project string `pulumi:"project"`
		Pool    string `pulumi:"workloadIdentityPoolId"`
	}{args.Project, args.poolID()}
	var found struct {
		ID          string `pulumi:"id"`
		Description string `pulumi:"description"`
	}
	return lookup.Exists(ctx, "gcp:iam/getWorkloadIdentityPool:getWorkloadIdentityPool", &request, &found, options) &&
		found.ID != "" && found.Description != args.poolDescription() && found.Description != "Identities of "+args.Customer+", of nobody else"
}

// findServiceAgent is the email of Artifact Registry's service agent in the
// project of a repository whose upstream is in another project; empty
// for every other repository. The email holds the project's number, which is
// looked up.
func (args *ImageGrantArgs) findServiceAgent(ctx *pulumi.Context, options []pulumi.InvokeOption) (string, error) {
	if !args.foreignUpstream() {
		return "", nil
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
