// Package gcp builds the vendor's side of the chain on Google Cloud: the
// repository that a customer may read, the service account that reads it, and
// the workload identity pool whose one trusted subject may become it.
//
// The pool belongs to one customer: a principal names the pool and not the
// provider, so that in a shared pool one customer's administrator could mint
// another's subject (docs/facts.md §3).
//
// It refuses, before anything is registered: IDs off Google's patterns and
// lengths, conditions and audiences that are too long, and trusts that would
// pin less than one workload.
package gcp
