// Package kubernetes builds the cluster's side of the chain: the pull secret
// with the refresher that keeps it fresh, and the product's workload, which
// waits for the first refresh.
//
// Everything is admitted under Pod Security "restricted". The refresher may
// patch the one pull secret and nothing else; it has a ServiceAccount of its
// own, which no pod of the product holds. No webhook is relied on: the
// refresher's pods project their own tokens and set their own environment
// (docs/facts.md §1 rows 5 and 7-10, §8).
package kubernetes
