// Package gcp builds the vendor's side of the chain on Google Cloud: the
// repository that a customer may read, the service account that reads it, and
// the workload identity pool. One trusted subject of the pool for each environment
// may impersonate the account.
//
// The pool belongs to one customer. A principal names the pool and not the
// provider, so in a shared pool one customer's administrator could mint
// another's subject (docs/facts.md §3).
//
// Before it registers anything, it refuses IDs that do not fit Google's patterns
// and lengths, conditions and audiences that are too long, and trusts that would
// admit more than one workload.
package gcp
