package gcp

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/provider"
)

type poolInputs struct {
	Project string `json:"project"`
	PoolSettings
}

// poolPath is the ID of a pool or a provider as Pulumi knows it, with what
// the program calls the project.
var poolPath = regexp.MustCompile(`^projects/([^/]+)/locations/global/workloadIdentityPools/([^/]+)(?:/providers/([^/]+))?$`)

func parsePool(id string, wantProvider bool) (project, pool, providerID string, err error) {
	parts := poolPath.FindStringSubmatch(id)
	if parts == nil || (parts[3] != "") != wantProvider {
		want := "projects/P/locations/global/workloadIdentityPools/POOL"
		if wantProvider {
			want += "/providers/PROVIDER"
		}
		return "", "", "", fmt.Errorf("ID %q: want %s", id, want)
	}
	return parts[1], parts[2], parts[3], nil
}

// locatePool reads the ways in which an import names a pool or a provider: its
// name, or what stands in it for the project, the pool and the provider, where
// the project may be left to the configuration
// (https://www.pulumi.com/registry/packages/gcp/api-docs/iam/workloadidentitypool/#import).
func (c *Client) locatePool(id string, wantProvider bool) (project, pool, providerID string, err error) {
	parts := strings.Split(id, "/")
	if len(parts) == 1 && !wantProvider || len(parts) == 2 && wantProvider {
		parts = append([]string{c.project}, parts...)
	}
	switch {
	case len(parts) == 2 && !wantProvider:
		return parts[0], parts[1], "", nil
	case len(parts) == 3 && wantProvider:
		return parts[0], parts[1], parts[2], nil
	}
	return parsePool(id, wantProvider)
}

func poolType() provider.Type[*Client] {
	return provider.Kind[*Client, poolInputs, heldPool]{
		Type: provider.Type[*Client]{
			Tok:       "gcp:iam/workloadIdentityPool:WorkloadIdentityPool",
			Args:      iam.WorkloadIdentityPoolArgs{}.ElementType(),
			Computed:  []string{"name", "project", "state"},
			Settled:   []string{"name", "project", "state"},
			Immutable: []string{"project", "workloadIdentityPoolId"},
			Complete:  placed,
			Defaults:  map[string]any{"disabled": false},
			Validate: func(inputs resource.PropertyMap) []plugin.CheckFailure {
				const property = "workloadIdentityPoolId"
				if !inputs.HasValue(property) {
					return nil
				}
				return failures(property, checkPoolID(provider.Text(inputs, property)))
			},
			Adopted: func(outputs map[string]any) string {
				return poolName(fmt.Sprint(outputs["project"]), fmt.Sprint(outputs["workloadIdentityPoolId"]))
			},
		},
		Noun: "WorkloadIdentityPool", Word: worded, Gone: isNotFound,
		Make: func(_ context.Context, client *Client, inputs poolInputs) (string, heldPool, error) {
			pool, err := client.createPool(inputs.Project, inputs.PoolSettings)
			return poolName(inputs.Project, inputs.ID), heldPool{inputs.Project, pool}, err
		},
		Find: func(client *Client, id string, _ poolInputs) (heldPool, error) {
			project, poolID, _, err := client.locatePool(id, false)
			if err != nil {
				return heldPool{}, err
			}
			pool, err := client.getPool(project, poolID)
			return heldPool{project, pool}, err
		},
		Change: func(_ context.Context, client *Client, _ string, inputs poolInputs) (heldPool, error) {
			pool, err := client.updatePool(inputs.Project, inputs.PoolSettings)
			return heldPool{inputs.Project, pool}, err
		},
		Remove: func(_ context.Context, client *Client, id string, _ poolInputs) error {
			project, poolID, _, err := parsePool(id, false)
			if err != nil {
				return err
			}
			return client.deletePool(project, poolID)
		},
		Show: func(_ *Client, held heldPool, _ poolInputs) map[string]any {
			outputs := provider.Encode(poolInputs{held.project, held.PoolSettings})
			outputs["name"], outputs["state"] = held.Name(), resourceState(held.DeletedAt != nil)
			return outputs
		},
	}.Resource()
}

// heldPool is a pool, and how the program names its project.
type heldPool struct {
	project string
	Pool
}

// resourceState is the output state of pools and providers, which a disabled
// one does not change.
func resourceState(deleted bool) string {
	if deleted {
		return "DELETED"
	}
	return "ACTIVE"
}

type poolProviderInputs struct {
	Project string `json:"project"`
	Pool    string `json:"workloadIdentityPoolId"`
	PoolProviderSettings
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
			created, err := client.createPoolProvider(inputs.Project, inputs.Pool, inputs.PoolProviderSettings)
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
			updated, err := client.updatePoolProvider(inputs.Project, inputs.Pool, inputs.PoolProviderSettings)
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
			outputs := provider.Encode(poolProviderInputs{held.project, held.pool, held.PoolProviderSettings})
			outputs["name"], outputs["state"] = held.Name(), resourceState(held.DeletedAt != nil)
			return outputs
		},
	}.Resource()
}

// heldProvider is a provider, and how the program names its project and its pool.
type heldProvider struct {
	project, pool string
	PoolProvider
}
