package azure

import (
	"fmt"
	"regexp"
	"strings"

	azurenative "github.com/pulumi/pulumi-azure-native-sdk/v2"

	"waybill.example/waybill/sandbox/provider"
	"waybill.example/waybill/sandbox/world"
)

// Package is the Pulumi package that stands in front of this cloud.
const Package = "azure-native"

// version is that of the SDK in go.mod.
const version = "2.81.0"

// Provider returns the package azure-native in front of the cloud, as far as
// the sandbox knows it.
func (c *Cloud) Provider() *provider.Definition[*Client] {
	return &provider.Definition[*Client]{
		Name:      Package,
		Version:   version,
		Config:    azurenative.ProviderArgs{}.ElementType(),
		Configure: c.configure,
		Types:     []provider.Type[*Client]{identityType(), credentialType()},
		Functions: functions(),
	}
}

func (c *Cloud) configure(config map[string]any) (*Client, error) {
	text := func(key string) string {
		value, _ := config[key].(string)
		return value
	}
	client := &Client{
		cloud:        c,
		subscription: text("subscriptionId"),
		tenant:       text("tenantId"),
		location:     text("location"),
	}
	if client.subscription == "" {
		return nil, fmt.Errorf("subscriptionId: want the subscription's GUID: the sandbox has no Azure CLI sign-in to take one from")
	}
	return client, nil
}

// path is a parsed resource ID.
type path struct {
	subscription, group, identity, credential string
}

var identityPath = regexp.MustCompile(`(?i)^/subscriptions/([^/]+)/resourcegroups/([^/]+)/providers/Microsoft\.ManagedIdentity/userAssignedIdentities/([^/]+)(?:/federatedIdentityCredentials/([^/]+))?$`)

func parseID(id string, credential bool) (path, error) {
	parts := identityPath.FindStringSubmatch(id)
	if parts == nil || (parts[4] != "") != credential {
		want := "a user-assigned identity"
		if credential {
			want = "a federated identity credential"
		}
		return path{}, fmt.Errorf("resource ID %q: want the ID of %s", id, want)
	}
	return path{subscription: parts[1], group: parts[2], identity: parts[3], credential: parts[4]}, nil
}

// parse reads a resource ID that the client is to work on. A resource belongs
// to the subscription in its ID, whatever the configuration says by now.
func (c *Client) parse(id string, credential bool) (path, error) {
	parsed, err := parseID(id, credential)
	if err == nil && key(parsed.subscription) != key(c.subscription) {
		return path{}, fmt.Errorf("resource ID %q is in subscription %s, but the provider is configured for %s", id, parsed.subscription, c.subscription)
	}
	return parsed, err
}

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
