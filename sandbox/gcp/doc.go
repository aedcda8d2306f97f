// Package gcp is the Google Cloud of the sandbox, as far as the vendor's side
// of a chain needs it: projects, workload identity pools and their providers,
// service accounts, Artifact Registry repositories and their IAM policies, in
// a file that outlives the process.
//
// What existed before comes from the world. [Cloud.Provider] puts the Pulumi
// package gcp in front of it; the look-ups of [Cloud] and the methods of
// [PoolProvider] and [Policy] show token servers and registries what is
// deployed and what it decides.
//
// It refuses what Google refuses (docs/facts.md §3 and §7): unknown projects,
// APIs that are not enabled, IDs and texts that are too long, the ID of a pool
// or provider that was deleted less than 30 days ago, attribute mappings and
// conditions that are too long or use what Google does not document, roles
// that a resource does not take, members that do not exist. Artifact Registry's
// service agent of a project exists once the project has had a repository.
// Messages are Google's where they are known; a comment says where they are not.
//
// It models OIDC providers, and standard and virtual repositories of the
// format Docker. AWS and SAML providers, groups and functions for parts of texts in
// attribute mappings, remote repositories, other formats, default labels and IAM
// Conditions are refused as not modelled. The caller may do
// everything, and a change takes effect at once, where Google documents up to minutes.
// What is settling, though, is met as missing once: see [Open].
package gcp
