package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The project of the tests: made-up customers on all platforms whose clouds are
// one world with one cluster, so that one sandbox holds them all.
const (
	worldName     = "fleet"
	clusterName   = "shared"
	clusterIssuer = "https://westeurope.oic.prod-aks.azure.com/3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10/0b6f3c1d-7e58-4b0a-8f25-91c4d6e7a812/"
	eksIssuer     = "https://oidc.eks.eu-central-1.amazonaws.com/id/4A6B8C0D2E4F60718293A4B5C6D7E8F9"
	refresher     = "registry.waybill.example/waybill/refresher:0.1.0"
	vendorProject = "vendor-images"
	vendorAccount = "210987654321"
)

// customer is one of them; its number makes every ID of its own.
type customer struct {
	number   int
	platform string
}

func (c customer) name() string { return fmt.Sprintf("%s-%02d", c.platform, c.number) }

func (c customer) product() string { return fmt.Sprintf("product-%02d", c.number) }

func (c customer) guid(kind int) string {
	return fmt.Sprintf("%08d-0000-4000-8000-%012d", kind, c.number)
}

func (c customer) account() string { return fmt.Sprintf("3%011d", c.number) }

func (c customer) id(prefix string) string { return fmt.Sprintf("%s-%017x", prefix, c.number) }

// file is the customer's stack file.
func (c customer) file() string {
	head := fmt.Sprintf(`config:
  waybill:customer:
    slug: %s
    platform: %s
    product:
      name: %s
      tag: "1.0"
      port: 8080
      healthPath: /health
`, c.name(), c.platform, c.product())
	aws := fmt.Sprintf(`    aws:
      vendor: { account: %q, region: us-east-1, repository: { protect: false } }
      customer: { account: %q, region: eu-central-1 }
`, vendorAccount, c.account())
	kubernetes := func(issuer string) string {
		return fmt.Sprintf(`    environments:
      default:
        cluster: { context: %s, issuer: %q }
        namespace: { protect: false }
    refresher:
      image: %s
`, clusterName, issuer, refresher)
	}
	switch c.platform {
	case "aks":
		return head + fmt.Sprintf(`    azure:
      tenantId: %s
      subscriptionId: %s
      resourceGroup: apps
      location: westeurope
    gcp:
      project: %s
      location: europe-west1
      repository: { protect: false }
`, c.guid(1), c.guid(2), vendorProject) + kubernetes(clusterIssuer)
	case "eks":
		return head + aws + kubernetes(eksIssuer)
	}
	return head + aws + fmt.Sprintf(`    ecs:
      cluster: apps
      cpu: 256
      memory: 512
      subnets: [%s]
      securityGroups: [%s]
      publicIp: true
`, c.id("subnet"), c.id("sg"))
}

// object is one of a JSON document.
type object map[string]any

// world is what existed in everybody's clouds.
func world(customers []customer) object {
	var tenants, accounts []any
	var googleReleases, awsReleases []string
	for _, c := range customers {
		switch c.platform {
		case "aks":
			tenants = append(tenants, object{"id": c.guid(1), "subscriptions": []object{{
				"id": c.guid(2), "resourceGroups": []object{{"name": "apps", "location": "westeurope"}},
			}}})
			googleReleases = append(googleReleases, fmt.Sprintf("europe-west1/%s--%s/%[2]s:1.0", c.name(), c.product()))
		case "eks":
			accounts = append(accounts, object{"id": c.account(), "regions": []string{"eu-central-1", "us-east-1"}, "oidcProviders": []object{{
				"url": eksIssuer, "clientIds": []string{"sts.amazonaws.com"},
			}}})
		default:
			accounts = append(accounts, object{"id": c.account(), "regions": []string{"eu-central-1", "us-east-1"},
				"vpcs":        []object{{"id": c.id("vpc"), "region": "eu-central-1", "subnets": []string{c.id("subnet")}, "securityGroups": []string{c.id("sg")}}},
				"ecsClusters": []object{{"name": "apps", "region": "eu-central-1"}},
			})
			awsReleases = append(awsReleases, fmt.Sprintf("us-east-1/%s/%s:1.0", c.name(), c.product()))
		}
	}
	// The vendor's pipeline may push to every repository of its account and project.
	const pusher = "release-pipeline"
	accounts = append(accounts, object{
		"id": vendorAccount, "regions": []string{"us-east-1"}, "releases": awsReleases, "pusher": pusher,
		"roles": []object{{
			"name":     pusher,
			"trust":    policy(object{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": object{"Service": "codebuild.amazonaws.com"}}),
			"policies": object{"push": policy(object{"Effect": "Allow", "Action": "ecr:*", "Resource": "*"})},
		}},
	})
	return object{
		"azure": object{"tenants": tenants},
		"gcp": object{"projects": []object{{
			"id": vendorProject, "number": "402817365910", "releases": googleReleases, "pusher": pusher,
			"serviceAccounts": []object{{"id": pusher}},
			"bindings": []object{{
				"role": "roles/artifactregistry.writer", "members": []string{"serviceAccount:" + pusher + "@" + vendorProject + ".iam.gserviceaccount.com"},
			}},
			"apis": []string{"iam.googleapis.com", "sts.googleapis.com", "iamcredentials.googleapis.com", "artifactregistry.googleapis.com"},
		}}},
		"aws":        object{"accounts": accounts},
		"kubernetes": object{"clusters": []object{{"context": clusterName, "issuer": clusterIssuer}}},
		"refresher":  refresher,
		"registries": []object{{"host": "registry.waybill.example"}},
	}
}

func policy(statement object) object {
	return object{"Version": "2012-10-17", "Statement": []object{statement}}
}

// makeProject writes a project with a stack file for each customer and a world
// of all of them. What make built stays where it is.
func makeProject(t testing.TB, customers []customer) string {
	t.Helper()
	root := t.TempDir()
	text, err := os.ReadFile(filepath.Join(projectRoot, "Pulumi.yaml"))
	require.NoError(t, err)
	write := func(path string, text []byte) {
		path = filepath.Join(root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, text, 0o600))
	}
	write("Pulumi.yaml", text)
	for _, c := range customers {
		write("Pulumi."+c.name()+".yaml", []byte(c.file()))
	}
	existing, err := json.Marshal(world(customers))
	require.NoError(t, err)
	write(filepath.Join("sandbox", "worlds", worldName+".yaml"), existing)
	built, err := filepath.Abs(filepath.Join(projectRoot, ".build"))
	require.NoError(t, err)
	require.NoError(t, os.Symlink(built, filepath.Join(root, ".build")))
	return root
}

// mixed are customers on all platforms in turn.
func mixed(n int) []customer {
	platforms := []string{"aks", "eks", "ecs"}
	customers := make([]customer, 0, n)
	for number := range n {
		customers = append(customers, customer{number: number + 1, platform: platforms[number%len(platforms)]})
	}
	return customers
}
