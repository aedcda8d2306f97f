// Package entra is the token service of Microsoft Entra ID in the sandbox: it
// answers for login.microsoftonline.com and the authorities of the other Azure
// clouds, exchanges a cluster's ServiceAccount token for a token of a deployed
// managed identity or of an app registration of the world, and publishes its
// keys for whoever trusts the tenant (docs/facts.md §2).
//
// It decides from what is deployed in package azure, from the world, and from
// the issuer's own discovery document and keys, fetched over the sandbox's
// network. It refuses by the rules of docs/facts.md §7, with the codes of
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes and
// of §5; where a code or a text is not documented, a comment beside it says
// where it was seen. Which code wins when several things are wrong is not
// documented either: look at the family, not at the number.
//
// It knows one grant, client_credentials with a federated assertion. There are
// no users, secrets, certificates of clients, consent, roles or policies.
package entra
