package azure

import (
	"fmt"
	"regexp"

	azurenative "github.com/pulumi/pulumi-azure-native-sdk/v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"waybill.example/waybill/sandbox/provider"
)

// Package is the Pulumi package that stands in front of this cloud.
const Package = "azure-native"

// version is that of the SDK in go.mod.
const version = "2.81.0"

// createBeforeDelete marks, in the inputs, a resource whose name is random, so
// that a replacement need not delete the old one first. The mark is azure-native's own.
const createBeforeDelete = "__createBeforeDelete"

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

// defaultName gives a random name where the program gives none.
func defaultName(request plugin.CheckRequest, inputs resource.PropertyMap, property resource.PropertyKey) error {
	if inputs.HasValue(property) {
		return nil
	}
	name, err := provider.AutoName(request, property)
	if err != nil || name == "" {
		return err
	}
	inputs[property] = resource.NewStringProperty(name)
	inputs[createBeforeDelete] = resource.NewBoolProperty(true)
	return nil
}

// deleteFirst is azure-native's rule for replacements: names are unique, so the
// old resource goes first, unless its name was random.
func deleteFirst(oldInputs resource.PropertyMap) bool {
	random := oldInputs[createBeforeDelete]
	return !random.IsBool() || !random.BoolValue()
}

// alreadyExists is azure-native's refusal to adopt a resource silently: Azure
// itself would take the write as an update.
func alreadyExists(id string) error {
	return fmt.Errorf("cannot create already existing resource '%s'", id)
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
