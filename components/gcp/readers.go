package gcp

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/iam"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/serviceaccount"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/externalaccount"
	"waybill.example/waybill/components/internal/naming"
)

// The two roles of the chain (docs/facts.md §3); no other is granted.
const (
	impersonate = "roles/iam.workloadIdentityUser"
	read        = "roles/artifactregistry.reader"
)

// nodePattern is a service account of one's own, or Compute Engine's default one
// (https://cloud.google.com/compute/docs/access/service-accounts#default_service_account).
var nodePattern = regexp.MustCompile(
	`^([a-z][a-z0-9-]{4,28}[a-z0-9]@[a-z][a-z0-9.-]*[a-z0-9]\.iam|[0-9]{6,19}-compute@developer)\.gserviceaccount\.com$`)

// Reader is one workload that may read.
type Reader struct {
	// Name tells it from the customer's other readers and stands in the names of
	// its resources: 2 to 12 of a-z, 0-9 and hyphens. One of them may have none, and
	// keeps its names when others come beside it.
	Name string
	// Trust says whose tokens are accepted. Required.
	Trust Trust
	// Waiting is true while the customer has not said who the reader is: neither
	// provider nor binding is made.
	Waiting bool
}

// unnamed ends the provider's ID of a reader without a name.
const unnamed = "provider"

// suffix ends the names of the reader's resources.
func (r Reader) suffix() string {
	if r.Name == "" {
		return ""
	}
	return "-" + r.Name
}

func (args *ImageGrantArgs) validateReaders(p *check.Problems) {
	if len(args.Readers) == 0 && len(args.Nodes) == 0 && !args.NodesWait {
		p.Add("readers", "are missing: want who may read, or nodes")
	}
	if len(args.Readers) > 0 && len(args.Nodes) > 0 {
		p.Add("nodes", "%q: want none beside readers, which they would make pointless", args.Nodes)
	}
	for i, node := range args.Nodes {
		key := fmt.Sprintf("nodes[%d]", i)
		if !nodePattern.MatchString(node) {
			p.Add(key, "%q: want a service account's email, NAME@PROJECT.iam.gserviceaccount.com or NUMBER-compute@developer.gserviceaccount.com", node)
		}
		if first := slices.IndexFunc(args.Nodes, func(other string) bool { return nodeReader(other) == nodeReader(node) }); first < i {
			p.Add(key, "%q: has the same name before the @ as nodes[%d]: want another, or it once", node, first)
		}
	}
	for i, r := range args.Readers {
		key := fmt.Sprintf("readers[%d].", i)
		if r.Name != "" {
			p.Error(key+"name", naming.CheckEnvironment(r.Name))
		}
		if r.Name == unnamed {
			p.Add(key+"name", "%q: want another, the provider of a reader without a name is called so", r.Name)
		}
		if first := slices.IndexFunc(args.Readers, func(other Reader) bool { return other.Name == r.Name }); first < i {
			p.Add(key+"name", "%q: repeats readers[%d]", r.Name, first)
		}
		if r.Trust == nil {
			p.Add(key+"trust", "is missing: want EntraTrust or ClusterTrust")
			continue
		}
		if first := args.Readers[0].Trust; first != nil && first.word() != r.Trust.word() {
			p.Add(key+"trust", "is of another kind than readers[0]'s: want one kind in one pool")
		}
		r.Trust.validate(p, key+"trust.", r)
	}
}

// nodeReader is the child that lets a node's service account read.
func nodeReader(node string) string {
	account, _, _ := strings.Cut(node, "@")
	return childReader + "-" + account
}

func (b *imageGrantBuilder) buildNodeReaders() error {
	for _, node := range b.args.Nodes {
		if b.args.Suspended {
			break
		}
		member, err := b.member(nodeReader(node), pulumi.String("serviceAccount:"+node))
		if err != nil {
			return err
		}
		b.component.WaitFor = append(b.component.WaitFor, member)
	}
	return nil
}

func (b *imageGrantBuilder) buildReaders(shared pulumi.StringArray) error {
	account, err := serviceaccount.NewAccount(b.ctx, b.children.Name(childAccount), &serviceaccount.AccountArgs{
		Project:     pulumi.String(b.args.Project),
		AccountId:   pulumi.String(b.args.serviceAccountID()),
		DisplayName: pulumi.String(b.args.accountDisplay()),
	}, b.children.Options(childAccount)...)
	if err != nil {
		return err
	}
	pool, err := iam.NewWorkloadIdentityPool(b.ctx, b.children.Name(childPool), &iam.WorkloadIdentityPoolArgs{
		Project:                pulumi.String(b.args.Project),
		WorkloadIdentityPoolId: pulumi.String(b.args.poolID()),
		Description:            pulumi.String(b.args.poolDescription()),
	}, b.children.Options(childPool, b.explains(childPool, explainReusedPool(b.args)))...)
	if err != nil {
		return err
	}
	// The pool's name carries the project's number; a principal needs the
	// number, and taking it from here leaves no second place to get it wrong.
	b.component.ProjectNumber = pool.Name.ApplyT(projectNumber).(pulumi.StringOutput)
	b.component.Pool = pool.WorkloadIdentityPoolId
	b.component.ServiceAccount = account.Email
	// What readers wait for is the binding's ID, and the same text while there is none.
	right := pulumi.Sprintf("projects/%s/locations/%s/repositories/%s/%s/serviceAccount:%s",
		b.args.Project, b.args.Location, b.repository, read, account.Email)
	if !b.args.Suspended {
		reader, err := b.member(childReader, pulumi.Sprintf("serviceAccount:%s", account.Email), b.settles(childReader))
		if err != nil {
			return err
		}
		b.component.WaitFor = append(b.component.WaitFor, reader)
		right = pulumi.OutputWithDependencies(b.ctx.Context(), right, reader).(pulumi.StringOutput)
	}
	shared = append(shared, right)
	for _, r := range b.args.Readers {
		if r.Waiting {
			continue
		}
		if err := b.buildReader(r, pool, account, shared); err != nil {
			return err
		}
	}
	return nil
}

// buildReader registers what one reader has of its own: the provider that trusts
// it, and the binding that lets its principal become the service account.
func (b *imageGrantBuilder) buildReader(r Reader, pool *iam.WorkloadIdentityPool, account *serviceaccount.Account, shared pulumi.StringArray) error {
	trust := r.Trust.provider(r)
	provider, err := iam.NewWorkloadIdentityPoolProvider(b.ctx, b.children.Name(childProvider+r.suffix()), &iam.WorkloadIdentityPoolProviderArgs{
		Project:                        pulumi.String(b.args.Project),
		WorkloadIdentityPoolId:         pool.WorkloadIdentityPoolId,
		WorkloadIdentityPoolProviderId: pulumi.String(b.args.providerID(r)),
		AttributeMapping:               pulumi.ToStringMap(map[string]string{"google.subject": trust.mapping}),
		AttributeCondition:             trust.condition,
		Oidc:                           trust.oidc,
	}, b.children.Options(childProvider+r.suffix(), b.settles(childProvider+r.suffix()),
		b.explains(childProvider+r.suffix(), explainReusedProvider(b.args, r)))...)
	if err != nil {
		return err
	}
	impersonation, err := serviceaccount.NewIAMMember(b.ctx, b.children.Name(childImpersonation+r.suffix()), &serviceaccount.IAMMemberArgs{
		ServiceAccountId: account.Name,
		Role:             pulumi.String(impersonate),
		Member:           pulumi.Sprintf("principal://iam.googleapis.com/%s/subject/%s", pool.Name, trust.subject),
	}, b.children.Options(childImpersonation+r.suffix(), b.settles(childImpersonation+r.suffix()))...)
	if err != nil {
		return err
	}
	granted := ReaderGrant{Provider: provider.WorkloadIdentityPoolProviderId}
	granted.CredentialConfig = externalaccount.Inputs{
		ProjectNumber: b.component.ProjectNumber, Pool: b.component.Pool, Provider: granted.Provider, ServiceAccount: b.component.ServiceAccount,
	}.Render(r.Trust.source())
	granted.Ready = append(pulumi.StringArray{
		provider.Name, trust.condition, pulumi.String(trust.accepts), impersonation.ID().ToStringOutput(),
	}, shared...).ToStringArrayOutput()
	b.component.Readers[r.Name] = granted
	return nil
}

// projectNumber takes N out of projects/N/locations/global/workloadIdentityPools/P.
func projectNumber(pool string) (string, error) {
	parts := strings.Split(pool, "/")
	if ok, err := path.Match("projects/[0-9]*/locations/global/workloadIdentityPools/*", pool); err != nil || !ok {
		return "", fmt.Errorf("gcp.ImageGrant: the pool's name is %q: want projects/NUMBER/locations/global/workloadIdentityPools/ID", pool)
	}
	return parts[1], nil
}
