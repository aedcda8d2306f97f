package gcp

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/provider"
)

type poolProviderInputs struct {
	Project     string            `json:"project"`
	Pool        string            `json:"workloadIdentityPoolId"`
	ID          string            `json:"workloadIdentityPoolProviderId"`
	DisplayName string            `json:"displayName"`
	Description string            `json:"description"`
	Disabled    bool              `json:"disabled"`
	Mapping     map[string]string `json:"attributeMapping"`
	Condition   string            `json:"attributeCondition"`
	OIDC        struct {
		IssuerURI        string   `json:"issuerUri"`
		AllowedAudiences []string `json:"allowedAudiences"`
		JWKS             string   `json:"jwksJson"`
	} `json:"oidc"`
}

func (i poolProviderInputs) provider() PoolProvider {
	return PoolProvider{
		ID: i.ID, DisplayName: i.DisplayName, Description: i.Description, Disabled: i.Disabled,
		IssuerURI: i.OIDC.IssuerURI, AllowedAudiences: i.OIDC.AllowedAudiences, JWKS: i.OIDC.JWKS,
		Mapping: i.Mapping, Condition: i.Condition,
	}
}

func poolProviderType() provider.Type[*Client] {
	return provider.Kind[*Client, poolProviderInputs, heldProvider]{
		Type: provider.Type[*Client]{
			Tok:       "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider",
			Args:      iam.WorkloadIdentityPoolProviderArgs{}.ElementType(),
			Computed:  []string{"name", "project", "state"},
			Settled:   []string{"name", "project", "state"},
			Immutable: []string{"project", "workloadIdentityPoolId", "workloadIdentityPoolProviderId"},
			Complete:  placed,
			Defaults:  map[string]any{"disabled": false},
			Validate: func(inputs resource.PropertyMap) []plugin.CheckFailure {
				var found []plugin.CheckFailure
				for _, property := range []resource.PropertyKey{"workloadIdentityPoolId", "workloadIdentityPoolProviderId"} {
					if inputs.HasValue(property) {
						found = append(found, failures(property, checkPoolID(provider.Text(inputs, property)))...)
					}
				}
				for _, property := range []resource.PropertyKey{"aws", "saml"} {
					if inputs.HasValue(property) {
						found = append(found, plugin.CheckFailure{
							Property: property,
							Reason:   fmt.Sprintf("%s: the sandbox models OIDC providers only: use oidc", property),
						})
					}
				}
				return found
			},
			Adopted: func(outputs map[string]any) string {
				return providerName(poolName(fmt.Sprint(outputs["project"]), fmt.Sprint(outputs["workloadIdentityPoolId"])),
					fmt.Sprint(outputs["workloadIdentityPoolProviderId"]))
			},
		},
		Noun: "WorkloadIdentityPoolProvider", Word: worded, Gone: isNotFound,
		Make: func(_ context.Context, client *Client, inputs poolProviderInputs) (string, heldProvider, error) {
			created, err := client.createPoolProvider(inputs.Project, inputs.Pool, inputs.provider())
			return providerName(poolName(inputs.Project, inputs.Pool), inputs.ID), heldProvider{inputs.Project, inputs.Pool, created}, err
		},
		Find: func(client *Client, id string, _ poolProviderInputs) (heldProvider, error) {
			project, pool, providerID, err := client.locatePool(id, true)
			if err != nil {
				return heldProvider{}, err
			}
			found, err := client.getPoolProvider(project, pool, providerID)
			return heldProvider{project, pool, found}, err
		},
		Change: func(_ context.Context, client *Client, _ string, inputs poolProviderInputs) (heldProvider, error) {
			updated, err := client.updatePoolProvider(inputs.Project, inputs.Pool, inputs.provider())
			return heldProvider{inputs.Project, inputs.Pool, updated}, err
		},
		Remove: func(_ context.Context, client *Client, id string, _ poolProviderInputs) error {
			project, pool, providerID, err := parsePool(id, true)
			if err != nil {
				return err
			}
			return client.deletePoolProvider(project, pool, providerID)
		},
		Show: func(_ *Client, held heldProvider, _ poolProviderInputs) map[string]any {
			return poolProviderOutputs(held.project, held.pool, held.PoolProvider)
		},
	}.Resource()
}

// heldProvider is a provider, and how the program names its project and its pool.
type heldProvider struct {
	project, pool string
	PoolProvider
}

func poolProviderOutputs(project, pool string, found PoolProvider) map[string]any {
	oidc := map[string]any{"issuerUri": found.IssuerURI}
	optional(oidc, "jwksJson", found.JWKS)
	if len(found.AllowedAudiences) > 0 {
		oidc["allowedAudiences"] = found.AllowedAudiences
	}
	outputs := map[string]any{
		"attributeMapping":               found.Mapping,
		"disabled":                       found.Disabled,
		"name":                           found.Name(),
		"oidc":                           oidc,
		"project":                        project,
		"state":                          resourceState(found.DeletedAt != nil),
		"workloadIdentityPoolId":         pool,
		"workloadIdentityPoolProviderId": found.ID,
	}
	optional(outputs, "attributeCondition", found.Condition)
	optional(outputs, "displayName", found.DisplayName)
	optional(outputs, "description", found.Description)
	return outputs
}
