// Package chain holds the ways from a pod to the vendor's registry. Each chain is
// one file, which has all that is the chain's own: what it reads of the
// configuration and asks of it, its part of the two documents, the trust anchors
// that it holds them to, what it registers for either half, and where the refresher
// gets its token.
//
// What several chains share stands beside them: clusters.go (what runs in the
// customer's clusters), aks.go and eks.go (the clouds under them),
// artifactregistry.go and ecr.go (the vendor's half). Package chain asks which
// platform, side or trust a customer has in one place, table.go.
package chain
