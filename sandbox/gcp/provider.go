package gcp

import (
	"fmt"
	"slices"
	"strings"

	pulumigcp "github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/provider"
	"waybill.example/waybill/sandbox/world"
)

// Package is the Pulumi package that stands in front of this cloud.
const Package = "gcp"

// version is that of the SDK in go.mod.
const version = "7.38.0"

// Provider returns the package gcp in front of the cloud, as far as the
// sandbox knows it.
func (c *Cloud) Provider() *provider.Definition[*Client] {
	return &provider.Definition[*Client]{
		Name:      Package,
		Version:   version,
		Config:    pulumigcp.ProviderArgs{}.ElementType(),
		Configure: c.configure,
		Stateful:  true,
		Types: []provider.Type[*Client]{
			poolType(), poolProviderType(), accountType(), accountMemberType(), repositoryType(), repositoryMemberType(),
		},
		Functions: []provider.Function[*Client]{getAccount(), getPool(), getProject(), getRepository()},
	}
}

func (c *Cloud) configure(config map[string]any) (*Client, error) {
	if _, given := config["defaultLabels"]; given {
		return nil, provider.NotModelled("defaultLabels")
	}
	client := &Client{cloud: c}
	client.project, _ = config["project"].(string)
	client.region, _ = config["region"].(string)
	if zone, _ := config["zone"].(string); client.region == "" && strings.Count(zone, "-") == 2 {
		client.region = zone[:strings.LastIndex(zone, "-")]
	}
	return client, nil
}

// placed supplies the configured project where a resource names none.
func placed(client *Client, inputs resource.PropertyMap) map[string]string {
	if client.project == "" || inputs.HasValue("project") {
		return nil
	}
	return map[string]string{"project": client.project}
}

// located supplies the configured project and region where a resource names none.
func located(client *Client, inputs resource.PropertyMap) map[string]string {
	supplied := map[string]string{}
	if client.project != "" && !inputs.HasValue("project") {
		supplied["project"] = client.project
	}
	if client.region != "" && !inputs.HasValue("location") {
		supplied["location"] = client.region
	}
	return supplied
}

// failures are messages about one property, for Check.
func failures(property resource.PropertyKey, messages []string) []plugin.CheckFailure {
	result := make([]plugin.CheckFailure, len(messages))
	for i, message := range messages {
		result[i] = plugin.CheckFailure{Property: property, Reason: fmt.Sprintf("%s: %s", property, message)}
	}
	return result
}

// worded words failed requests as the gcp provider does.
func worded(doing, noun, id string, err error) error {
	switch doing {
	case "creating":
		return fmt.Errorf("Error creating %s: %w", noun, err)
	case "updating":
		return fmt.Errorf("Error updating %s %q: %w", noun, id, err)
	}
	return err
}

// Client is the cloud as one configured provider resource sees it.
type Client struct {
	cloud *Cloud
	// project and region are used where a resource names none; may be empty.
	project string
	region  string
}

// use finds a project, by ID or number, in which a service is enabled.
func (c *Client) use(project, service string) (world.Project, error) {
	if project == "" {
		return world.Project{}, fmt.Errorf("project: required field is not set: name it on the resource or in the provider's configuration")
	}
	found, exists := c.cloud.Project(project)
	if !exists {
		return world.Project{}, consumerInvalid(project, service)
	}
	if !slices.Contains(found.APIs, service) {
		return world.Project{}, ServiceDisabled(found.Number, service)
	}
	return found, nil
}
