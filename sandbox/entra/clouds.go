package entra

import (
	"slices"
	"strings"
)

// exchangeApplication is the application behind the token exchange URI, and the
// audience of its tokens (docs/facts.md §2). That page gives it for the public
// cloud; no other is documented for the sovereign ones.
const exchangeApplication = "fb60f99c-7a34-4190-8149-302f77469936"

// azureCloud is one of Azure's clouds: docs/facts.md §2 and
// https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
type azureCloud struct {
	// name is the world's word for it.
	name string
	// authority is the host of the token endpoint.
	authority string
	// hosts are all the names that the cloud's token service has: the authority,
	// and the aliases that instance discovery publishes.
	hosts []string
	// issuer is the host of v2.0 issuers, v1Issuer that of v1.0 issuers.
	issuer, v1Issuer string
	// exchange is the URI whose /.default asks for an exchangeable token, and
	// the only audience of federated assertions.
	exchange string
	// managers are the URIs of the Azure Resource Manager.
	managers []string
}

var azureClouds = []azureCloud{
	{
		name:      "public",
		authority: "login.microsoftonline.com",
		hosts:     []string{"login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"},
		issuer:    "login.microsoftonline.com", v1Issuer: "sts.windows.net",
		exchange: "api://AzureADTokenExchange",
		managers: []string{"https://management.azure.com", "https://management.core.windows.net"},
	},
	{
		name:      "usgovernment",
		authority: "login.microsoftonline.us",
		hosts:     []string{"login.microsoftonline.us", "login.usgovcloudapi.net", "sts.windows.net"},
		issuer:    "login.microsoftonline.us", v1Issuer: "sts.windows.net",
		exchange: "api://AzureADTokenExchangeUSGov",
		managers: []string{"https://management.usgovcloudapi.net", "https://management.core.usgovcloudapi.net"},
	},
	{
		name:      "china",
		authority: "login.chinacloudapi.cn",
		hosts:     []string{"login.chinacloudapi.cn", "login.partner.microsoftonline.cn", "sts.chinacloudapi.cn"},
		issuer:    "login.partner.microsoftonline.cn", v1Issuer: "sts.chinacloudapi.cn",
		exchange: "api://AzureADTokenExchangeChina",
		managers: []string{"https://management.chinacloudapi.cn", "https://management.core.chinacloudapi.cn"},
	},
}

// cloudNamed finds a cloud by the world's word, which was checked; empty means public.
func cloudNamed(name string) azureCloud {
	at := slices.IndexFunc(azureClouds, func(c azureCloud) bool { return c.name == name })
	return azureClouds[max(at, 0)]
}

// allHosts are the names of every cloud's token service, sorted.
func allHosts() []string {
	var hosts []string
	for _, cloud := range azureClouds {
		hosts = append(hosts, cloud.hosts...)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// issuedByEntra says whether an issuer is a tenant of any Azure cloud.
func issuedByEntra(issuer string) bool {
	return slices.ContainsFunc(allHosts(), func(host string) bool {
		return strings.HasPrefix(strings.ToLower(issuer), "https://"+host+"/")
	})
}

func (c azureCloud) issuerURL(tenant string) string {
	return "https://" + c.issuer + "/" + tenant + "/v2.0"
}

func (c azureCloud) v1IssuerURL(tenant string) string {
	return "https://" + c.v1Issuer + "/" + tenant + "/"
}
