package gcp

import (
	"fmt"
	"slices"

	"waybill.example/waybill/sandbox/world"
)

// Client is the cloud as one configured provider resource sees it.
type Client struct {
	cloud *Cloud
	// project and region are used where a resource names none; may be empty.
	project string
	region  string
	// labels are the configured default labels.
	labels map[string]string
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
		return world.Project{}, serviceDisabled(found.Number, service)
	}
	return found, nil
}
