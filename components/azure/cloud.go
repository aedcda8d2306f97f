package azure

import "fmt"

// Cloud is one of Azure's clouds: who issues tokens there, and for which
// audiences (docs/facts.md §2).
type Cloud struct {
	// Name is the word that the configuration uses.
	Name string
	// Authority is the base URL of the token endpoint, with its trailing slash.
	Authority string
	// ExchangeAudience is the audience of the ServiceAccount tokens that Entra
	// accepts, an application ID URI; its /.default is the scope to ask for.
	ExchangeAudience string
	// TokenAudience is the audience of the tokens that Entra gives for that
	// scope: the application's GUID, never the URI. Empty where it is not
	// documented: then it has to be configured.
	TokenAudience string
	issuerHost    string
}

// The clouds, by name.
var (
	Public = Cloud{
		Name:             "public",
		Authority:        "https://login.microsoftonline.com/",
		ExchangeAudience: "api://AzureADTokenExchange",
		TokenAudience:    "fb60f99c-7a34-4190-8149-302f77469936",
		issuerHost:       "login.microsoftonline.com",
	}
	USGovernment = Cloud{
		Name:             "usgovernment",
		Authority:        "https://login.microsoftonline.us/",
		ExchangeAudience: "api://AzureADTokenExchangeUSGov",
		issuerHost:       "login.microsoftonline.us",
	}
	China = Cloud{
		Name:             "china",
		Authority:        "https://login.chinacloudapi.cn/",
		ExchangeAudience: "api://AzureADTokenExchangeChina",
		issuerHost:       "login.partner.microsoftonline.cn",
	}
)

// Clouds lists them all.
func Clouds() []Cloud { return []Cloud{Public, USGovernment, China} }

// Issuer is the v2.0 issuer of a tenant's tokens.
func (c Cloud) Issuer(tenantID string) string {
	return fmt.Sprintf("https://%s/%s/v2.0", c.issuerHost, tenantID)
}

// Scope is what to ask the token endpoint for.
func (c Cloud) Scope() string { return c.ExchangeAudience + "/.default" }
