package azure

import (
	"strings"

	"waybill.example/waybill/sandbox/world"
)

// Client is the cloud as one configured provider resource sees it.
type Client struct {
	cloud *Cloud
	// subscription is a GUID.
	subscription string
	// tenant is the tenant that the caller's tokens come from; empty means the
	// subscription's own, as with a caller that signed in with the Azure CLI.
	tenant string
	// location is the configured default region, or empty.
	location string
}

// account finds the subscription and the tenant that owns it.
func (c *Client) account() (tenant string, subscription world.Subscription, err error) {
	for _, owner := range c.cloud.world.Tenants {
		for _, subscription := range owner.Subscriptions {
			if !strings.EqualFold(subscription.ID, c.subscription) {
				continue
			}
			if c.tenant != "" && !strings.EqualFold(c.tenant, owner.ID) {
				return "", world.Subscription{}, wrongTenant(c.tenant, owner.ID)
			}
			return owner.ID, subscription, nil
		}
	}
	return "", world.Subscription{}, subscriptionNotFound(c.subscription)
}

// group finds a resource group. Azure compares their names without regard to case.
func (c *Client) group(name string) (tenant string, group world.ResourceGroup, err error) {
	tenant, subscription, err := c.account()
	if err != nil {
		return "", world.ResourceGroup{}, err
	}
	for _, group := range subscription.ResourceGroups {
		if strings.EqualFold(group.Name, name) {
			return tenant, group, nil
		}
	}
	return "", world.ResourceGroup{}, resourceGroupNotFound(name)
}
