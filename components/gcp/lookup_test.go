package gcp_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/components/child"
	"waybill.example/waybill/components/gcp"
	"waybill.example/waybill/tests/recorder"
)

// holding is Google Cloud where everything exists already, with these texts.
func holding(product, display, description string) map[string]func(resource.PropertyMap) (resource.PropertyMap, error) {
	answer := func(values map[string]any) func(resource.PropertyMap) (resource.PropertyMap, error) {
		values["id"] = "there"
		return func(resource.PropertyMap) (resource.PropertyMap, error) {
			return resource.NewPropertyMapFromMap(values), nil
		}
	}
	return map[string]func(resource.PropertyMap) (resource.PropertyMap, error){
		"gcp:artifactregistry/getRepository:getRepository":        answer(map[string]any{"labels": map[string]any{"waybill-customer": "acme", "waybill-product": product}}),
		"gcp:serviceaccount/getAccount:getAccount":                answer(map[string]any{"displayName": display}),
		"gcp:iam/getWorkloadIdentityPool:getWorkloadIdentityPool": answer(map[string]any{"description": description}),
	}
}

func TestWhatExistsAlreadyIsRefusedBeforeAnythingIsRegistered(t *testing.T) {
	r := &recorder.Recorder{Functions: holding("other", "by hand", "")}
	err := r.Run(func(ctx *pulumi.Context) error {
		_, err := gcp.NewImageGrant(ctx, "grant", arguments())
		return err
	})
	require.ErrorContains(t, err, `gcp.ImageGrant: repository.name "acme--shop": exists already in project vendor-images and is not of customer acme and product shop: want another name, existing: true, or to adopt it`)
	require.ErrorContains(t, err, `gcp.ImageGrant: serviceAccountId "acme--shop-pull": exists already`)
	require.ErrorContains(t, err, `gcp.ImageGrant: poolId "acme--shop-azure-pool": exists already`)
	assert.Empty(t, r.All())
}

func TestOurOwnAndWhatIsAdoptedIsNoObstacle(t *testing.T) {
	for name, c := range map[string]struct {
		change    func(*gcp.ImageGrantArgs)
		functions map[string]func(resource.PropertyMap) (resource.PropertyMap, error)
	}{
		"our own":              {func(*gcp.ImageGrantArgs) {}, holding("shop", "Pulls shop for acme", "Identities of acme for shop, of nobody else")},
		"an earlier version's": {func(*gcp.ImageGrantArgs) {}, holding("shop", "Pulls images for acme", "Identities of acme, of nobody else")},
		"adopted": {func(args *gcp.ImageGrantArgs) {
			args.Children = map[string]child.Options{"repository": {Import: "r"}, "account": {Import: "a"}, "pool": {Import: "p"}}
		}, holding("", "", "")},
		"existing": {func(args *gcp.ImageGrantArgs) {
			args.Repository.Existing = true
		}, holding("other", "Pulls shop for acme", "Identities of acme for shop, of nobody else")},
		"may not be read": {func(*gcp.ImageGrantArgs) {}, refusing(holding("", "", ""))},
	} {
		t.Run(name, func(t *testing.T) {
			args := arguments()
			c.change(args)
			r := &recorder.Recorder{Functions: c.functions}
			require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
				_, err := gcp.NewImageGrant(ctx, "grant", args)
				return err
			}))
			assert.Len(t, r.Of("WorkloadIdentityPool"), 1)
		})
	}
}

func refusing(functions map[string]func(resource.PropertyMap) (resource.PropertyMap, error)) map[string]func(resource.PropertyMap) (resource.PropertyMap, error) {
	for token := range functions {
		functions[token] = func(resource.PropertyMap) (resource.PropertyMap, error) {
			return nil, errors.New("googleapi: Error 403: Permission denied")
		}
	}
	return functions
}

// What readers wait for keeps its value, so that nothing is replaced and the first
// refresh is not run again.
func TestSuspendedReadersLoseTheirRightAlone(t *testing.T) {
	args := arguments()
	granted, _ := register(t, args)
	args.Suspended = true
	suspended, _ := register(t, args)
	assert.Len(t, granted.Of("RepositoryIamMember"), 1)
	assert.Empty(t, suspended.Of("RepositoryIamMember"))
	assert.Len(t, suspended.All(), len(granted.All())-1)

	nodes := &gcp.ImageGrantArgs{
		Customer: "acme", Product: "shop", Project: "vendor-images", Location: "europe-west1", Suspended: true,
		Nodes: []string{"cluster-nodes@customer-cluster.iam.gserviceaccount.com"},
	}
	assert.Empty(t, foreign(t, nodes).Of("RepositoryIamMember"))
}

// foreign registers a grant whose upstream may be in another project.
func foreign(t *testing.T, args *gcp.ImageGrantArgs) *recorder.Recorder {
	t.Helper()
	r := &recorder.Recorder{Functions: map[string]func(resource.PropertyMap) (resource.PropertyMap, error){
		"gcp:organizations/getProject:getProject": func(resource.PropertyMap) (resource.PropertyMap, error) {
			return resource.NewPropertyMapFromMap(map[string]any{"number": recorder.ProjectNumber}), nil
		},
	}}
	require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
		_, err := gcp.NewImageGrant(ctx, "grant", args)
		return err
	}))
	return r
}

// A binding is one for all stacks that name it.
func TestTheUpstreamsReaderOutlivesTheStack(t *testing.T) {
	args := arguments()
	args.Repository.Upstream = strings.Replace(upstream, "vendor-images", "vendor-releases", 1)
	r := foreign(t, args)
	assert.True(t, r.Named("grant-upstream-reader").RPC.GetRetainOnDelete())
	assert.False(t, r.Named("grant-reader").RPC.GetRetainOnDelete(), "the customer's own")
}

func TestWhatRefersToSomethingNewIsTriedAgain(t *testing.T) {
	args := arguments()
	args.Repository.Upstream = strings.Replace(upstream, "vendor-images", "vendor-releases", 1)
	r := foreign(t, args)
	for _, name := range []string{"grant-upstream-reader", "grant-reader", "grant-provider", "grant-impersonation"} {
		assert.Contains(t, r.Named(name).RPC.GetHooks().GetOnError(), name+"-settles")
	}
}

// A pool that keeps its ID takes a provider of another kind, whose ID is another.
func TestThePoolStaysWhenTheTrustBecomesAnother(t *testing.T) {
	args := arguments()
	args.PoolID = "acme--shop-azure-pool"
	args.Readers[0].Trust = gcp.ClusterTrust{Issuer: "https://issuer.example/cluster", Namespace: "shop", ServiceAccount: "shop-refresher"}
	_, outputs := register(t, args)
	assert.Equal(t, "acme--shop-azure-pool", outputs["pool"])
	assert.Equal(t, "acme-k8s-provider", outputs["provider"])
	args.Generation = 2
	_, outputs = register(t, args)
	assert.Equal(t, "acme--shop-azure-pool", outputs["pool"])
	assert.Equal(t, "acme-k8s-2-provider", outputs["provider"])
}

// cleanup is what the repository deletes by itself, each policy as text.
func cleanup(t *testing.T, repository gcp.Repository) []string {
	t.Helper()
	args := arguments()
	args.Repository = repository
	r, _ := register(t, args)
	made := r.Named("grant-repository")
	var policies []string
	if value := made.Value("cleanupPolicies"); value.IsArray() {
		for _, policy := range value.ArrayValue() {
			of := policy.ObjectValue().Mappable()
			text := of["id"].(string) + " " + of["action"].(string)
			if condition, found := of["condition"].(map[string]any); found {
				text += " " + condition["tagState"].(string)
				if older, found := condition["olderThan"].(string); found {
					text += " " + older
				}
			}
			if recent, found := of["mostRecentVersions"].(map[string]any); found {
				assert.InDelta(t, 30, recent["keepCount"], 0)
			}
			policies = append(policies, text)
		}
	}
	return policies
}

func TestNothingThatMayRunIsDeleted(t *testing.T) {
	assert.Equal(t, []string{"untagged-go DELETE UNTAGGED 1209600s"}, cleanup(t, gcp.Repository{}))
	assert.Empty(t, cleanup(t, gcp.Repository{MutableTags: true}), "what had a tag before may still run")
	assert.Empty(t, cleanup(t, gcp.Repository{Cleanup: gcp.Cleanup{Expire: &no}}))
	assert.Equal(t, []string{"untagged-go DELETE UNTAGGED 172800s", "tagged-go DELETE TAGGED", "newest-stay KEEP"},
		cleanup(t, gcp.Repository{MutableTags: true, Cleanup: gcp.Cleanup{KeepTagged: 30, ExpireUntaggedAfterDays: 2}}))
	assert.Empty(t, cleanup(t, gcp.Repository{Upstream: upstream}), "it holds nothing")
}
