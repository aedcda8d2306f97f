package tests_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/components/aws"
	"waybill.example/waybill/components/azure"
	"waybill.example/waybill/components/gcp"
	"waybill.example/waybill/components/kubernetes"
	"waybill.example/waybill/tests/recorder"
)

// alone are programs that use one component and nothing else of waybill.
// docs/components.md quotes what is between the braces of each.
var alone = map[string]pulumi.RunFunc{
	"aws.ImageGrant": func(ctx *pulumi.Context) error {
		grant, err := aws.NewImageGrant(ctx, "images", &aws.ImageGrantArgs{
			Customer: "acme", Product: "shop", Account: "111122223333", Region: "eu-central-1",
			CustomerAccount: "444455556666", RoleARNs: []string{"arn:aws:iam::444455556666:role/shop-pull"},
		})
		if err != nil {
			return err
		}
		ctx.Export("registry", grant.RegistryHost)
		return nil
	},
	"aws.ServiceAccountRole": func(ctx *pulumi.Context) error {
		_, err := aws.NewServiceAccountRole(ctx, "role", &aws.ServiceAccountRoleArgs{
			Customer: "acme", Product: "shop", Account: "444455556666", Region: "eu-central-1",
			Trust:     aws.PodIdentity{ClusterARN: "arn:aws:eks:eu-central-1:444455556666:cluster/apps"},
			Namespace: "shop", ServiceAccount: "shop-refresher",
			Pull: &aws.RepositoryRef{Account: "111122223333", Region: "eu-central-1", Name: "acme/shop"},
		})
		return err
	},
	"aws.Service": func(ctx *pulumi.Context) error {
		_, err := aws.NewService(ctx, "service", &aws.ServiceArgs{
			Customer: "acme", Product: "shop", Account: "444455556666", Region: "eu-central-1",
			Cluster:    pulumi.String("apps"),
			Repository: aws.RepositoryRef{Account: "111122223333", Region: "eu-central-1", Name: "acme/shop"},
			Tag:        "1.4.2", Port: 8080,
			Network: aws.Network{
				Subnets:        pulumi.ToStringArray([]string{"subnet-0123456789abcdef0"}),
				SecurityGroups: pulumi.ToStringArray([]string{"sg-0123456789abcdef0"}),
			},
		})
		return err
	},
	"azure.WorkloadIdentity": func(ctx *pulumi.Context) error {
		identity, err := azure.NewWorkloadIdentity(ctx, "identity", &azure.WorkloadIdentityArgs{
			Customer: "acme", Product: "shop", TenantID: "3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10",
			ResourceGroup: "apps", Name: "shop-pull",
			Subjects: []azure.Subject{{
				Name: "pull", Issuer: "https://issuer.example/cluster/", Namespace: "shop", ServiceAccount: "shop-refresher",
			}},
		})
		if err != nil {
			return err
		}
		ctx.Export("principalId", identity.PrincipalID)
		return nil
	},
	"gcp.ImageGrant": func(ctx *pulumi.Context) error {
		grant, err := gcp.NewImageGrant(ctx, "images", &gcp.ImageGrantArgs{
			Customer: "acme", Product: "shop", Project: "vendor-images", Location: "europe-west1",
			Readers: []gcp.Reader{{Trust: gcp.EntraTrust{
				TenantID:    "3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10",
				Issuer:      azure.Public.Issuer("3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10"),
				Audience:    azure.Public.TokenAudience,
				PrincipalID: pulumi.String("a21a759f-08ca-4d4b-a201-6c944d66294a"),
				ClientID:    pulumi.String("bd2891de-22dc-4efc-a51a-6518fd5c6259"),
			}}},
		})
		if err != nil {
			return err
		}
		ctx.Export("registry", grant.RegistryHost)
		return nil
	},
	"kubernetes.Namespace": func(ctx *pulumi.Context) error {
		_, err := kubernetes.NewNamespace(ctx, "namespace", &kubernetes.NamespaceArgs{Customer: "acme", Product: "shop", Name: "shop"})
		return err
	},
	"kubernetes.PullSecret": func(ctx *pulumi.Context) error {
		_, err := kubernetes.NewPullSecret(ctx, "pull", &kubernetes.PullSecretArgs{
			Customer: "acme", Product: "shop", Namespace: "shop",
			Images:   pulumi.ToStringArray([]string{"europe-west1-docker.pkg.dev/vendor-images/acme/shop:1.4.2"}),
			Registry: pulumi.String("europe-west1-docker.pkg.dev"),
			Source: kubernetes.EntraSource{
				GoogleIdentifiers: kubernetes.GoogleIdentifiers{
					ProjectNumber: pulumi.String("402817365910"), Pool: pulumi.String("acme"), Provider: pulumi.String("acme"),
					ServiceAccount: pulumi.String("acme-pull@vendor-images.iam.gserviceaccount.com"),
				},
				TenantID: "3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10", ClientID: pulumi.String("bd2891de-22dc-4efc-a51a-6518fd5c6259"),
				Authority: azure.Public.Authority, Audience: azure.Public.ExchangeAudience, Scope: azure.Public.Scope(),
			},
			Refresher: kubernetes.Refresher{Image: "registry.vendor.example/refresher:0.1.0"},
			After:     pulumi.Array{pulumi.String("the vendor's binding")},
		})
		return err
	},
	"kubernetes.Workload": func(ctx *pulumi.Context) error {
		_, err := kubernetes.NewWorkload(ctx, "workload", &kubernetes.WorkloadArgs{
			Customer: "acme", Product: "shop", Namespace: pulumi.String("shop"), Port: 8080,
			Image:      pulumi.String("europe-west1-docker.pkg.dev/vendor-images/acme/shop:1.4.2"),
			PullSecret: pulumi.String("ar-pull-secret"),
		})
		return err
	},
}

// The page's programs are these, and these run.
func TestTheComponentsPageShowsProgramsThatRun(t *testing.T) {
	page := read(t, filepath.Join("..", "docs", "components.md"))
	code := read(t, "alone_test.go")
	for name := range contracts {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, alone, name)
			r := &recorder.Recorder{}
			require.NoError(t, r.Run(alone[name]))
			assert.Greater(t, len(r.All()), 1)
			body := regexp.MustCompile(`(?s)\n\t"` + regexp.QuoteMeta(name) + `": func\(ctx \*pulumi\.Context\) error \{\n(.*?)\n\t\},\n`).FindStringSubmatch(code)
			require.NotNil(t, body)
			quoted := regexp.MustCompile(`(?m)^\t\t`).ReplaceAllString(body[1], "")
			assert.True(t, strings.Contains(page, "\n## "+name+"\n"), "a section for it")
			assert.True(t, strings.Contains(page, "```go\n"+quoted+"\n```\n"), "want in docs/components.md:\n%s", quoted)
		})
	}
}
