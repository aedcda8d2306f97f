// Package azure is the Azure Resource Manager of the sandbox: subscriptions,
// resource groups, AKS clusters, user-assigned managed identities and their
// federated credentials, in a file that outlives the process.
//
// What existed before comes from the world. [Cloud.Provider] puts the Pulumi
// package azure-native in front of it; [Cloud.IdentityByClientID] shows a token
// server what is deployed.
//
// It refuses what Azure refuses: unknown subscriptions, tenants and resource
// groups, names that are too long, a second credential with the same issuer and
// subject, a twenty-first credential, wildcards, a second audience, and two
// writes to the credentials of one identity at the same time (docs/facts.md §2
// and §7). Error codes and messages are Azure's where Azure publishes them; a
// comment says where it does not.
//
// It knows no role assignments, locks, policies or quotas of a subscription:
// the caller may do everything. It makes up no names.
package azure
