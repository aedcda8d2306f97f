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

// locatePool reads the ID of a pool or a provider, and the ways in which an import
// names it: its name, or what stands in it for the project, the pool and the provider,
// where the project may be left to the configuration
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
	parts = poolPath.FindStringSubmatch(id)
	if parts == nil || (parts[3] != "") != wantProvider {
		want := "projects/P/locations/global/workloadIdentityPools/POOL"
		if wantProvider {
			want += "/providers/PROVIDER"
		}
		return "", "", "", fmt.Errorf("ID %q: want %s", id, want)
	}
	return parts[1], parts[2], parts[3], nil
}

func poolType() provider.Type[*Client] {
	return provider.Kind[*Client, poolInputs, Pool]{
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
		Make: func(_ context.Context, client *Client, inputs poolInputs) (string, Pool, error) {
			pool, err := client.createPool(inputs.Project, inputs.PoolSettings)
			return poolName(inputs.Project, inputs.ID), pool, err
		},
		Find: func(client *Client, id string, _ poolInputs) (Pool, error) {
			project, poolID, _, err := client.locatePool(id, false)
			if err != nil {
				return Pool{}, err
			}
			return client.getPool(project, poolID)
		},
		Change: func(_ context.Context, client *Client, _ string, inputs poolInputs) (Pool, error) {
			return client.updatePool(inputs.Project, inputs.PoolSettings)
		},
		Remove: func(_ context.Context, client *Client, _ string, known poolInputs) error {
			return client.deletePool(known.Project, known.ID)
		},
		Show: func(_ *Client, pool Pool, _ poolInputs) map[string]any { return poolOutputs(pool) },
	}.Resource()
}

// poolOutputs describe a pool, disabled or not: one that was deleted is not found.
func poolOutputs(pool Pool) map[string]any {
	outputs := provider.Encode(poolInputs{pool.Project, pool.PoolSettings})
	outputs["name"], outputs["state"] = pool.Name(), "ACTIVE"
	return outputs
}

type poolProviderInputs struct {
	Project string `json:"project"`
	Pool    string `json:"workloadIdentityPoolId"`
	PoolProviderSettings
}

func poolProviderType() provider.Type[*Client] {
	return provider.Kind[*Client, poolProviderInputs, PoolProvider]{
		Type: provider.Type[*Client]{
			Tok:        "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider",
			Args:       iam.WorkloadIdentityPoolProviderArgs{}.ElementType(),
			Computed:   []string{"name", "project", "state"},
			Settled:    []string{"name", "project", "state"},
			Immutable:  []string{"project", "workloadIdentityPoolId", "workloadIdentityPoolProviderId"},
			Complete:   placed,
			Defaults:   map[string]any{"disabled": false},
			Unmodelled: []resource.PropertyKey{"aws", "saml"},
			Validate: func(inputs resource.PropertyMap) []plugin.CheckFailure {
				var found []plugin.CheckFailure
				for _, property := range []resource.PropertyKey{"workloadIdentityPoolId", "workloadIdentityPoolProviderId"} {
					if inputs.HasValue(property) {
						found = append(found, failures(property, checkPoolID(provider.Text(inputs, property)))...)
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
		Make: func(_ context.Context, client *Client, inputs poolProviderInputs) (string, PoolProvider, error) {
			created, err := client.createPoolProvider(inputs.Project, inputs.Pool, inputs.PoolProviderSettings)
			return providerName(poolName(inputs.Project, inputs.Pool), inputs.ID), created, err
		},
		Find: func(client *Client, id string, _ poolProviderInputs) (PoolProvider, error) {
			project, pool, providerID, err := client.locatePool(id, true)
			if err != nil {
				return PoolProvider{}, err
			}
			return client.getPoolProvider(project, pool, providerID)
		},
		Change: func(_ context.Context, client *Client, _ string, inputs poolProviderInputs) (PoolProvider, error) {
			return client.updatePoolProvider(inputs.Project, inputs.Pool, inputs.PoolProviderSettings)
		},
		Remove: func(_ context.Context, client *Client, _ string, known poolProviderInputs) error {
			return client.deletePoolProvider(known.Project, known.Pool, known.ID)
		},
		Show: func(_ *Client, held PoolProvider, _ poolProviderInputs) map[string]any {
			outputs := provider.Encode(poolProviderInputs{held.Project, held.PoolID, held.PoolProviderSettings})
			outputs["name"], outputs["state"] = held.Name(), "ACTIVE"
			return outputs
		},
	}.Resource()
}
