// Package azure builds the customer's side of the chain on Azure: the identity
// for which Entra issues tokens, and the federated credentials that say which
// Kubernetes ServiceAccounts may ask for them.
//
// Before it registers anything, it refuses more than 20 credentials for one
// identity, two credentials with the same issuer and subject, names that do not
// fit Azure's patterns, and issuers that are not https URLs (docs/facts.md §2).
package azure
