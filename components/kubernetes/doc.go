// Package kubernetes builds the cluster's side of the chain: the pull secret, the
// refresher that keeps it fresh, and the product's workload, which waits for the
// first refresh.
//
// All pods are admitted under Pod Security "restricted". The refresher may patch
// the pull secret, one in each namespace that was asked for, and nothing else. It
// has its own ServiceAccount, which no pod of the product uses. It relies on no
// webhook: its pods project their own tokens and set their own environment
// (docs/facts.md §1 rows 5 and 7-10, §8).
package kubernetes
