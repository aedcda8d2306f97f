package azure

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"waybill.example/waybill/sandbox/state"
)

const (
	identityKind   = "Microsoft.ManagedIdentity/userAssignedIdentities"
	credentialKind = identityKind + "/federatedIdentityCredentials"
)

// Identity is a user-assigned managed identity.
type Identity struct {
	SubscriptionID string `json:"subscriptionId"`
	ResourceGroup  string `json:"resourceGroup"`
	IdentityProperties
	// Credentials are in the order of their creation.
	Credentials []Credential `json:"credentials,omitempty"`
}

// IdentityProperties are what Azure shows of an identity. The json names are those of
// the Pulumi type's properties.
type IdentityProperties struct {
	TenantID string            `json:"tenantId"`
	Name     string            `json:"name"`
	Location string            `json:"location"`
	Tags     map[string]string `json:"tags,omitempty"`
	// ClientID names the identity's application in token requests: azp of its tokens.
	ClientID string `json:"clientId"`
	// PrincipalID is its service principal's object ID: sub and oid of its tokens.
	PrincipalID string `json:"principalId"`
}

// ID is the resource ID in the spelling that Azure answers with, which has
// resourcegroups in lower case.
func (i Identity) ID() string {
	return identityID(i.SubscriptionID, i.ResourceGroup, i.Name)
}

func identityID(subscription, group, name string) string {
	return fmt.Sprintf("/subscriptions/%s/resourcegroups/%s/providers/%s/%s", subscription, group, identityKind, name)
}

// identityName is the naming rule of user-assigned identities, 3 to 128
// characters:
// https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftmanagedidentity
var identityName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{2,127}$`)

// getIdentity finds an identity.
func (c *Client) getIdentity(group, name string) (Identity, error) {
	if _, _, err := c.group(group); err != nil {
		return Identity{}, err
	}
	identity, found := c.cloud.store.Read().Identities[key(identityID(c.subscription, group, name))]
	if !found {
		return Identity{}, resourceNotFound(identityKind, name, group)
	}
	return identity, nil
}

// putIdentity creates an identity or updates its tags.
func (c *Client) putIdentity(wish identityInputs) (Identity, error) {
	tenant, holder, err := c.group(wish.ResourceGroup)
	if err != nil {
		return Identity{}, err
	}
	if !identityName.MatchString(wish.Name) {
		return Identity{}, &Error{http.StatusBadRequest, "InvalidResourceName", fmt.Sprintf(
			"The resource name '%s' is invalid: a user-assigned identity's name has 3 to 128 letters, digits, hyphens and underscores, and starts with a letter or digit.", wish.Name)}
	}
	if err := checkTags(wish.Tags); err != nil {
		return Identity{}, err
	}
	region := normalLocation(wish.Location)
	if !slices.Contains(regions, region) {
		return Identity{}, &Error{http.StatusBadRequest, "LocationNotAvailableForResourceType", fmt.Sprintf(
			"The provided location '%s' is not available for resource type '%s'. List of available regions for the resource type is '%s'.",
			wish.Location, identityKind, strings.Join(regions, ","))}
	}
	id := key(identityID(c.subscription, wish.ResourceGroup, wish.Name))
	var result Identity
	err = c.cloud.store.Update(func(held *contents) error {
		identity, exists := held.Identities[id]
		if !exists {
			identity = Identity{SubscriptionID: c.subscription, ResourceGroup: holder.Name, IdentityProperties: IdentityProperties{
				TenantID: tenant, Name: wish.Name, Location: region, ClientID: uuid.NewString(), PrincipalID: uuid.NewString(),
			}}
			c.cloud.fresh.Made(id, time.Now())
		}
		if identity.Location != region {
			return &Error{http.StatusConflict, "InvalidResourceLocation", fmt.Sprintf(
				"The resource '%s' already exists in location '%s' in resource group '%s'. A resource with the same name cannot be created in location '%s'. Please select a new resource name.",
				identity.Name, identity.Location, identity.ResourceGroup, region)}
		}
		identity.Tags = wish.Tags
		held.Identities[id] = identity
		result = identity
		return nil
	})
	return result, err
}

// deleteIdentity deletes an identity and its federated credentials.
func (c *Client) deleteIdentity(group, name string) error {
	if _, _, err := c.group(group); err != nil {
		return err
	}
	return state.Remove(c.cloud.store, contents.identities, key(identityID(c.subscription, group, name)), resourceNotFound(identityKind, name, group))
}

// checkTags applies the limits of
// https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations:
// 50 tags, names of 512 and values of 256 characters, and the characters that
// a name may not hold.
func checkTags(tags map[string]string) error {
	if len(tags) > 50 {
		return &Error{http.StatusBadRequest, "TooManyTags", fmt.Sprintf("The resource has %d tags: at most 50 are allowed.", len(tags))}
	}
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		switch {
		case name == "" || len(name) > 512 || len(tags[name]) > 256:
			return &Error{http.StatusBadRequest, "InvalidTag", fmt.Sprintf(
				"The tag '%s' is invalid: a tag's name has 1 to 512 characters and its value at most 256.", name)}
		case strings.ContainsAny(name, `<>%&\?/`):
			return &Error{http.StatusBadRequest, "InvalidTagNameCharacters", fmt.Sprintf(
				`The tag name '%s' has reserved characters '<,>,%%,&,\,?,/' or control characters.`, name)}
		}
	}
	return nil
}

// normalLocation is a region's short name: Azure takes "West Europe" for westeurope.
func normalLocation(location string) string {
	return strings.ToLower(strings.ReplaceAll(location, " ", ""))
}

// regions are the regions of the public, government and China clouds:
// https://learn.microsoft.com/azure/reliability/regions-list and
// https://learn.microsoft.com/azure/azure-government/documentation-government-overview-dod
var regions = []string{
	"australiacentral", "australiacentral2", "australiaeast", "australiasoutheast", "austriaeast", "belgiumcentral",
	"brazilsouth", "brazilsoutheast", "canadacentral", "canadaeast", "centralindia", "centralus", "chilecentral",
	"chinaeast", "chinaeast2", "chinaeast3", "chinanorth", "chinanorth2", "chinanorth3", "denmarkeast", "eastasia", "eastus",
	"eastus2", "francecentral", "francesouth", "germanynorth", "germanywestcentral", "indonesiacentral", "israelcentral",
	"italynorth", "japaneast", "japanwest", "jioindiacentral", "jioindiawest", "koreacentral", "koreasouth",
	"malaysiawest", "mexicocentral", "newzealandnorth", "northcentralus", "northeurope", "norwayeast", "norwaywest",
	"polandcentral", "qatarcentral", "southafricanorth", "southafricawest", "southcentralus", "southeastasia",
	"southindia", "spaincentral", "swedencentral", "switzerlandnorth", "switzerlandwest", "uaecentral", "uaenorth",
	"uksouth", "ukwest", "usdodcentral", "usdodeast", "usgovarizona", "usgovtexas", "usgovvirginia", "westcentralus",
	"westeurope", "westindia", "westus", "westus2", "westus3",
}
