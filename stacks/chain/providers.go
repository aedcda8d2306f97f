package chain

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	azurenative "github.com/pulumi/pulumi-azure-native-sdk/v2"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp"
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	awscomponents "waybill.example/waybill/components/aws"
	"waybill.example/waybill/stacks/config"
)

// The explicit providers take their values from the configuration; who the
// operator is, they learn from the environment. Default providers are disabled
// in Pulumi.yaml.

func newAzureProvider(ctx *pulumi.Context, s *config.Settings) (*azurenative.Provider, error) {
	return azurenative.NewProvider(ctx, "azure", &azurenative.ProviderArgs{
		Environment:    pulumi.String(s.Azure.Cloud),
		TenantId:       pulumi.String(s.Azure.TenantID),
		SubscriptionId: pulumi.String(s.Azure.SubscriptionID),
	})
}

func newGoogleProvider(ctx *pulumi.Context, s *config.Settings) (*gcp.Provider, error) {
	return gcp.NewProvider(ctx, "gcp", &gcp.ProviderArgs{Project: pulumi.String(s.GCP.Project)})
}

func newKubernetesProvider(ctx *pulumi.Context, s *config.Settings, e *config.Environment) (*kubernetes.Provider, error) {
	args := &kubernetes.ProviderArgs{
		Context: pulumi.String(e.Cluster.Context),
		// The ConfigMap that names the product's image is updated in place.
		EnableConfigMapMutable: pulumi.Bool(true),
	}
	inCluster := func(name string) bool {
		return strings.HasPrefix(name, "pull-") || strings.HasPrefix(name, "workload-") || strings.HasPrefix(name, "namespace-")
	}
	if slices.ContainsFunc(slices.Collect(maps.Keys(s.Adopt)), inCluster) {
		// Whoever made an object by hand owns its fields: they are taken over too.
		args.EnablePatchForce = pulumi.Bool(true)
	}
	return kubernetes.NewProvider(ctx, "kubernetes"+e.Suffix(), args)
}

// newAWSProvider registers the provider of one party. It acts in that party's
// account or not at all.
func newAWSProvider(ctx *pulumi.Context, name string, site config.AWSSite) (*aws.Provider, error) {
	args := &aws.ProviderArgs{
		Region:            pulumi.String(site.Region),
		AllowedAccountIds: pulumi.ToStringArray([]string{site.Account}),
	}
	// The provider knows the Regions of its own time: the sovereign cloud and what is
	// declared as newer it would refuse.
	if partition, err := awscomponents.PartitionOf(site.Region); site.NewRegion || err == nil && partition.Name == "aws-eusc" {
		args.SkipRegionValidation = pulumi.Bool(true)
	}
	if site.Profile != "" {
		args.Profile = pulumi.String(site.Profile)
	}
	return aws.NewProvider(ctx, name, args)
}

// RefuseProviderKeys reports provider settings of the stack file: explicit
// providers ignore them (docs/facts.md §6), so that they would mislead.
func RefuseProviderKeys(ctx *pulumi.Context, problems *config.Problems) {
	for _, provider := range []struct {
		pkg  string
		args pulumi.Input
	}{
		{"aws", aws.ProviderArgs{}},
		{"azure-native", azurenative.ProviderArgs{}},
		{"gcp", gcp.ProviderArgs{}},
		{"kubernetes", kubernetes.ProviderArgs{}},
	} {
		for _, key := range settingsOf(provider.args) {
			if _, found := ctx.GetConfig(provider.pkg + ":" + key); found {
				problems.Add(provider.pkg+":"+key, "is set, and the explicit providers ignore it: want it in %s", config.CustomerKey)
			}
		}
	}
}

// settingsOf are the names of a provider's settings, sorted.
func settingsOf(args pulumi.Input) []string {
	var names []string
	for _, field := range reflect.VisibleFields(args.ElementType()) {
		if name := field.Tag.Get("pulumi"); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
