// Package azure builds the customer's Azure side of the chain: the identity
// that Entra issues tokens for, and the federated credentials that say which
// Kubernetes ServiceAccounts may ask for them.
//
// It refuses, before anything is registered: more than 20 credentials for one
// identity, two credentials with the same issuer and subject, names off
// Azure's patterns, and issuers that are no https URL (docs/facts.md §2).
package azure
