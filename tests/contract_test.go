package tests_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	pulumiaws "github.com/pulumi/pulumi-aws/sdk/v6/go/aws"
	azurenative "github.com/pulumi/pulumi-azure-native-sdk/v2"
	pulumigcp "github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp"
	pulumikubernetes "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/components/aws"
	"waybill.example/waybill/components/azure"
	"waybill.example/waybill/components/gcp"
	"waybill.example/waybill/components/kubernetes"
	"waybill.example/waybill/tests/recorder"
)

const (
	tenant = "3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10"
	secret = "the product's secret configuration"
)

// contract is what every component is held to: how to make one for a customer,
// with good arguments and with bad ones.
type contract struct {
	token string
	build func(ctx *pulumi.Context, name, customer string, opts ...pulumi.ResourceOption) error
	// refused makes one that must be refused; missing makes one with no
	// arguments at all.
	refused, missing func(ctx *pulumi.Context) error
	// labelled are the types that carry labels or tags, and the input that
	// holds the customer's slug.
	labelled map[string]string
}

var contracts = map[string]contract{
	"aws.ImageGrant": {
		token: "waybill:aws:ImageGrant",
		build: func(ctx *pulumi.Context, name, customer string, opts ...pulumi.ResourceOption) error {
			_, err := aws.NewImageGrant(ctx, name, amazonGrant(customer), opts...)
			return err
		},
		refused: func(ctx *pulumi.Context) error {
			_, err := aws.NewImageGrant(ctx, "bad", &aws.ImageGrantArgs{})
			return err
		},
		missing: func(ctx *pulumi.Context) error {
			_, err := aws.NewImageGrant(ctx, "bad", nil)
			return err
		},
		labelled: map[string]string{"aws:ecr/repository:": `tags["waybill-customer"]`},
	},
	"aws.Service": {
		token: "waybill:aws:Service",
		build: func(ctx *pulumi.Context, name, customer string, opts ...pulumi.ResourceOption) error {
			_, err := aws.NewService(ctx, name, amazonService(customer), opts...)
			return err
		},
		refused: func(ctx *pulumi.Context) error {
			_, err := aws.NewService(ctx, "bad", &aws.ServiceArgs{})
			return err
		},
		missing: func(ctx *pulumi.Context) error {
			_, err := aws.NewService(ctx, "bad", nil)
			return err
		},
		labelled: map[string]string{
			"aws:iam/role:": `tags["waybill-customer"]`, "aws:iam/policy:": `tags["waybill-customer"]`, "aws:ecs/": `tags["waybill-customer"]`,
			"aws:cloudwatch/": `tags["waybill-customer"]`,
		},
	},
	"aws.ServiceAccountRole": {
		token: "waybill:aws:ServiceAccountRole",
		build: func(ctx *pulumi.Context, name, customer string, opts ...pulumi.ResourceOption) error {
			_, err := aws.NewServiceAccountRole(ctx, name, amazonRole(customer), opts...)
			return err
		},
		refused: func(ctx *pulumi.Context) error {
			_, err := aws.NewServiceAccountRole(ctx, "bad", &aws.ServiceAccountRoleArgs{})
			return err
		},
		missing: func(ctx *pulumi.Context) error {
			_, err := aws.NewServiceAccountRole(ctx, "bad", nil)
			return err
		},
		labelled: map[string]string{
			"aws:iam/role:": `tags["waybill-customer"]`, "aws:iam/policy:": `tags["waybill-customer"]`, "aws:eks/": `tags["waybill-customer"]`,
		},
	},
	"azure.WorkloadIdentity": {
		token: "waybill:azure:WorkloadIdentity",
		build: func(ctx *pulumi.Context, name, customer string, opts ...pulumi.ResourceOption) error {
			_, err := azure.NewWorkloadIdentity(ctx, name, workloadIdentity(customer), opts...)
			return err
		},
		refused: func(ctx *pulumi.Context) error {
			_, err := azure.NewWorkloadIdentity(ctx, "bad", &azure.WorkloadIdentityArgs{})
			return err
		},
		missing: func(ctx *pulumi.Context) error {
			_, err := azure.NewWorkloadIdentity(ctx, "bad", nil)
			return err
		},
		labelled: map[string]string{"azure-native:managedidentity:UserAssignedIdentity": `tags["waybill-customer"]`},
	},
	"gcp.ImageGrant": {
		token: "waybill:gcp:ImageGrant",
		build: func(ctx *pulumi.Context, name, customer string, opts ...pulumi.ResourceOption) error {
			_, err := gcp.NewImageGrant(ctx, name, imageGrant(customer), opts...)
			return err
		},
		refused: func(ctx *pulumi.Context) error {
			_, err := gcp.NewImageGrant(ctx, "bad", &gcp.ImageGrantArgs{})
			return err
		},
		missing: func(ctx *pulumi.Context) error {
			_, err := gcp.NewImageGrant(ctx, "bad", nil)
			return err
		},
		labelled: map[string]string{"gcp:artifactregistry/repository:Repository": `labels["waybill-customer"]`},
	},
	"kubernetes.Namespace": {
		token: "waybill:kubernetes:Namespace",
		build: func(ctx *pulumi.Context, name, customer string, opts ...pulumi.ResourceOption) error {
			_, err := kubernetes.NewNamespace(ctx, name, &kubernetes.NamespaceArgs{Customer: customer, Product: "app", Name: customer + "-app"}, opts...)
			return err
		},
		refused: func(ctx *pulumi.Context) error {
			_, err := kubernetes.NewNamespace(ctx, "bad", &kubernetes.NamespaceArgs{})
			return err
		},
		missing: func(ctx *pulumi.Context) error {
			_, err := kubernetes.NewNamespace(ctx, "bad", nil)
			return err
		},
		labelled: map[string]string{"kubernetes:": `metadata.labels["app.kubernetes.io/instance"]`},
	},
	"kubernetes.PullSecret": {
		token: "waybill:kubernetes:PullSecret",
		build: func(ctx *pulumi.Context, name, customer string, opts ...pulumi.ResourceOption) error {
			_, err := kubernetes.NewPullSecret(ctx, name, pullSecret(customer), opts...)
			return err
		},
		refused: func(ctx *pulumi.Context) error {
			_, err := kubernetes.NewPullSecret(ctx, "bad", &kubernetes.PullSecretArgs{})
			return err
		},
		missing: func(ctx *pulumi.Context) error {
			_, err := kubernetes.NewPullSecret(ctx, "bad", nil)
			return err
		},
		labelled: map[string]string{"kubernetes:": `metadata.labels["app.kubernetes.io/instance"]`},
	},
	"kubernetes.Workload": {
		token: "waybill:kubernetes:Workload",
		build: func(ctx *pulumi.Context, name, customer string, opts ...pulumi.ResourceOption) error {
			_, err := kubernetes.NewWorkload(ctx, name, workload(customer), opts...)
			return err
		},
		refused: func(ctx *pulumi.Context) error {
			_, err := kubernetes.NewWorkload(ctx, "bad", &kubernetes.WorkloadArgs{})
			return err
		},
		missing: func(ctx *pulumi.Context) error {
			_, err := kubernetes.NewWorkload(ctx, "bad", nil)
			return err
		},
		labelled: map[string]string{"kubernetes:": `metadata.labels["app.kubernetes.io/instance"]`},
	},
}

func amazonGrant(customer string) *aws.ImageGrantArgs {
	return &aws.ImageGrantArgs{
		Customer: customer, Product: "app", Account: "111122223333", Region: recorder.AmazonRegion,
		CustomerAccount: recorder.AmazonAccount, RoleARNs: []string{amazonRole(customer).RoleARN()},
	}
}

func amazonRole(customer string) *aws.ServiceAccountRoleArgs {
	repository := amazonRepository(customer)
	return &aws.ServiceAccountRoleArgs{
		Customer: customer, Product: "app", Account: recorder.AmazonAccount, Region: recorder.AmazonRegion,
		Trust:     aws.PodIdentity{ClusterARN: "arn:aws:eks:" + recorder.AmazonRegion + ":" + recorder.AmazonAccount + ":cluster/apps"},
		Namespace: "app", ServiceAccount: "app-refresher", Pull: &repository,
	}
}

func amazonService(customer string) *aws.ServiceArgs {
	return &aws.ServiceArgs{
		Customer: customer, Product: "app", Account: recorder.AmazonAccount, Region: recorder.AmazonRegion,
		Cluster: pulumi.String("apps"), Repository: amazonRepository(customer), Tag: "1", Port: 8080,
		Network: aws.Network{
			Subnets:        pulumi.ToStringArray([]string{"subnet-0123456789abcdef0"}),
			SecurityGroups: pulumi.ToStringArray([]string{"sg-0123456789abcdef0"}),
		},
	}
}

func amazonRepository(customer string) aws.RepositoryRef {
	return aws.RepositoryRef{Account: "111122223333", Region: recorder.AmazonRegion, Name: customer + "/app"}
}

func workloadIdentity(customer string) *azure.WorkloadIdentityArgs {
	return &azure.WorkloadIdentityArgs{
		Customer: customer, Product: customer + "-app", TenantID: tenant, ResourceGroup: "apps", Name: customer + "-pull",
		Subjects: []azure.Subject{{Name: "pull", Issuer: issuer, Namespace: "app", ServiceAccount: "app-refresher"}},
	}
}

func imageGrant(customer string) *gcp.ImageGrantArgs {
	return &gcp.ImageGrantArgs{
		Customer: customer, Product: "app", Project: "vendor-images", Location: "europe-west1",
		Readers: []gcp.Reader{{Trust: gcp.EntraTrust{
			TenantID: tenant, Issuer: azure.Public.Issuer(tenant), Audience: azure.Public.TokenAudience,
			PrincipalID: pulumi.String(recorder.GUID("principal")), ClientID: pulumi.String(recorder.GUID("client")),
		}}},
	}
}

func pullSecret(customer string) *kubernetes.PullSecretArgs {
	return &kubernetes.PullSecretArgs{
		Customer: customer, Product: customer + "-app", Namespace: customer + "-app",
		Images: pulumi.ToStringArray([]string{"europe-west1-docker.pkg.dev/p/r/" + customer + ":1"}),
		Source: kubernetes.EntraSource{
			GoogleIdentifiers: kubernetes.GoogleIdentifiers{
				ProjectNumber: pulumi.String("1"), Pool: pulumi.String("pool"), Provider: pulumi.String("provider"),
				ServiceAccount: pulumi.String("pull@vendor-images.iam.gserviceaccount.com"),
			},
			TenantID: tenant, Authority: azure.Public.Authority, Audience: azure.Public.ExchangeAudience, Scope: azure.Public.Scope(),
			ClientID: pulumi.String(recorder.GUID("client")),
		},
		Registry:  pulumi.String("europe-west1-docker.pkg.dev"),
		Refresher: kubernetes.Refresher{Image: "registry.example/refresher:1"},
		After:     pulumi.Array{pulumi.String("identity")},
	}
}

func workload(customer string) *kubernetes.WorkloadArgs {
	return &kubernetes.WorkloadArgs{
		Customer: customer, Product: customer + "-app", Namespace: pulumi.String(customer + "-app"),
		PullSecret: pulumi.String("ar-pull-secret"),
		Image:      pulumi.String("registry.example/app:1"), Port: 8080,
		Config: pulumi.String(secret), ConfigPath: "/app/config.json",
	}
}

// A component that nobody entered here would be held to nothing.
func TestEveryComponentIsInTheContract(t *testing.T) {
	var entered, registered []string
	declared := families()
	for name, c := range contracts {
		entered = append(entered, c.token)
		assert.Contains(t, declared, name, "the children's names are pinned in families")
	}
	token := regexp.MustCompile(`RegisterComponentResourceV2\("([^"]+)"`)
	for _, file := range goFiles(t, filepath.Join("..", "components")) {
		for _, match := range token.FindAllStringSubmatch(read(t, file), -1) {
			registered = append(registered, match[1])
		}
	}
	assert.ElementsMatch(t, registered, entered)
}

func TestChildrenBelongToTheirComponent(t *testing.T) {
	for name, c := range contracts {
		t.Run(name, func(t *testing.T) {
			r := &recorder.Recorder{}
			require.NoError(t, r.Run(func(ctx *pulumi.Context) error { return c.build(ctx, "one", "acme") }))
			children := 0
			for _, registration := range r.All() {
				if registration.Type == c.token {
					assert.Equal(t, "one", registration.Name)
					continue
				}
				children++
				assert.Equal(t, "one", registration.Parent, "parent of %s", registration.Name)
				assert.True(t, strings.HasPrefix(registration.Name, "one-"), "%s starts with its component's name", registration.Name)
			}
			assert.Positive(t, children)
		})
	}
}

func TestChildrenInheritTheProviderOfTheirComponent(t *testing.T) {
	for name, c := range contracts {
		t.Run(name, func(t *testing.T) {
			r := &recorder.Recorder{}
			require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
				w, err := pulumiaws.NewProvider(ctx, "explicit", &pulumiaws.ProviderArgs{})
				if err != nil {
					return err
				}
				a, err := azurenative.NewProvider(ctx, "explicit", &azurenative.ProviderArgs{})
				if err != nil {
					return err
				}
				g, err := pulumigcp.NewProvider(ctx, "explicit", &pulumigcp.ProviderArgs{})
				if err != nil {
					return err
				}
				k, err := pulumikubernetes.NewProvider(ctx, "explicit", &pulumikubernetes.ProviderArgs{})
				if err != nil {
					return err
				}
				return c.build(ctx, "one", "acme", pulumi.Providers(w, a, g, k))
			}))
			for _, registration := range r.All() {
				if registration.Parent == "one" {
					assert.Equal(t, "explicit", registration.Provider, registration.Name)
				}
			}
		})
	}
}

func TestResourcesSayWhoseTheyAre(t *testing.T) {
	for name, c := range contracts {
		t.Run(name, func(t *testing.T) {
			r := &recorder.Recorder{}
			require.NoError(t, r.Run(func(ctx *pulumi.Context) error { return c.build(ctx, "one", "acme") }))
			found := 0
			for _, registration := range r.All() {
				for prefix, path := range c.labelled {
					if strings.HasPrefix(registration.Type, prefix) {
						found++
						assert.Equal(t, "acme", registration.Text(path), "%s of %s", path, registration.Name)
					}
				}
			}
			assert.Positive(t, found)
		})
	}
}

// Two customers of one program share no name, neither in Pulumi nor in a cloud.
func TestTwoInstancesDoNotCollide(t *testing.T) {
	for name, c := range contracts {
		t.Run(name, func(t *testing.T) {
			r := &recorder.Recorder{}
			require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
				if err := c.build(ctx, "one", "acme"); err != nil {
					return err
				}
				return c.build(ctx, "two", "globex")
			}))
			seen := map[string]string{}
			for _, registration := range r.All() {
				for _, key := range []string{registration.Name, physical(registration)} {
					if key == "" {
						continue
					}
					key = registration.Type + " " + key
					assert.Empty(t, seen[key], "%s is also %s", key, registration.Name)
					seen[key] = registration.Name + " of " + registration.Parent
				}
			}
		})
	}
}

// physical is a resource's name in its cloud, with what it is unique within.
func physical(registration recorder.Registration) string {
	if strings.HasPrefix(registration.Type, "waybill:") {
		return "" // a component is in no cloud
	}
	var parts []string
	for _, path := range []string{
		"metadata.namespace", "metadata.name", "resourceName", "federatedIdentityCredentialResourceName",
		"name", "family", "repositoryId", "accountId", "workloadIdentityPoolId", "workloadIdentityPoolProviderId",
	} {
		if value := registration.Text(path); value != "" {
			parts = append(parts, value)
		}
	}
	if strings.HasPrefix(registration.Type, "kubernetes:") && registration.Text("metadata.name") == "" {
		return "" // named by Pulumi
	}
	return strings.Join(parts, "/")
}

func TestARefusalRegistersNothing(t *testing.T) {
	for name, c := range contracts {
		for kind, program := range map[string]func(*pulumi.Context) error{"bad arguments": c.refused, "no arguments": c.missing} {
			t.Run(name+" with "+kind, func(t *testing.T) {
				r := &recorder.Recorder{}
				err := r.Run(program)
				require.Error(t, err)
				assert.Empty(t, r.All())
				// The engine's own first line and bullet are not the component's.
				_, text, found := strings.Cut(err.Error(), "* ")
				require.True(t, found, err.Error())
				for line := range strings.Lines(strings.TrimSpace(text)) {
					assert.True(t, strings.HasPrefix(line, name+": "), "%q says whose it is", line)
				}
			})
		}
	}
}

func TestSecretsStaySecret(t *testing.T) {
	r := &recorder.Recorder{}
	require.NoError(t, r.Run(func(ctx *pulumi.Context) error {
		args := workload("acme")
		args.Config = pulumi.String(secret) // not marked by the caller
		_, err := kubernetes.NewWorkload(ctx, "one", args)
		return err
	}))
	found := false
	for _, registration := range r.All() {
		for _, value := range registration.Inputs {
			found = found || containsSecret(value)
			assert.NotContains(t, open(value), secret, "an input of %s holds the secret in the clear", registration.Name)
		}
	}
	assert.True(t, found, "the secret reaches the product")
}

func containsSecret(value resource.PropertyValue) bool {
	switch {
	case value.IsSecret():
		return strings.Contains(recorder.Plain(value).String(), secret)
	case value.IsObject():
		for _, inner := range value.ObjectValue() {
			if containsSecret(inner) {
				return true
			}
		}
	case value.IsArray():
		for _, inner := range value.ArrayValue() {
			if containsSecret(inner) {
				return true
			}
		}
	}
	return false
}

// open is a value as text without anything secret in it.
func open(value resource.PropertyValue) string {
	switch {
	case value.IsSecret():
		return ""
	case value.IsObject():
		var text strings.Builder
		for _, inner := range value.ObjectValue() {
			text.WriteString(open(inner))
		}
		return text.String()
	case value.IsArray():
		var text strings.Builder
		for _, inner := range value.ArrayValue() {
			text.WriteString(open(inner))
		}
		return text.String()
	}
	return value.String()
}
