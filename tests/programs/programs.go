// Package programs holds Pulumi programs that exercise components on the
// sandbox beyond what a customer's stack does with them.
package programs

import (
	"fmt"

	azurenative "github.com/pulumi/pulumi-azure-native-sdk/v2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/azure"
)

// What the programs that deploy a whole chain call the customer and the product.
const (
	slug    = "orchard"
	product = "press"
	// repository is the vendor's on ECR.
	repository = slug + "/" + product
)

// no is for what a component protects by default: the tests take it down again.
var no = false

// Site is where one environment of a customer is.
type Site struct {
	Environment string
	// Context and Issuer are the cluster's.
	Context, Issuer string
	Namespace       string
	// Workloads are components that have a cloud identity of their own.
	Workloads []string
}

// trust is the key of a component in the output workloadTrusts.
func (s Site) trust(component string) string { return product + "_" + s.Environment + "_" + component }

// Credentials gives one identity of the dev world a federated credential for
// each of the numbers.
func Credentials(numbers ...int) pulumi.RunFunc {
	const tenant = "3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10"
	return func(ctx *pulumi.Context) error {
		provider, err := azurenative.NewProvider(ctx, "azure", &azurenative.ProviderArgs{
			TenantId: pulumi.String(tenant), SubscriptionId: pulumi.String("8c1d7e02-90ab-4f36-b1c5-2e4f6a8b0c11"),
		})
		if err != nil {
			return err
		}
		args := &azure.WorkloadIdentityArgs{
			Customer: "example", Product: "hello", TenantID: tenant, ResourceGroup: "example-apps", Location: "westeurope", Name: "many-trusts",
		}
		for _, n := range numbers {
			args.Subjects = append(args.Subjects, azure.Subject{
				Name: fmt.Sprintf("trust-%02d", n), Issuer: "https://issuer.example/", Namespace: "hello", ServiceAccount: fmt.Sprintf("account-%d", n),
			})
		}
		_, err = azure.NewWorkloadIdentity(ctx, "identity", args, pulumi.Providers(provider))
		return err
	}
}

// document begins an access request or an access grant.
func document(kind, platform string) pulumi.Map {
	return pulumi.Map{
		"document": pulumi.String(kind), "version": pulumi.Int(1),
		"customer": pulumi.String(slug), "platform": pulumi.String(platform),
	}
}
