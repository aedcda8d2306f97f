// Package chain holds the ways from a pod to the vendor's registry. Each chain is one
// file with everything that only this chain needs: the configuration that it reads and
// requires, its part of the two documents, the trust anchors that it checks them
// against, the registrations of either half, and the source of the refresher's token.
//
// Other files hold what several chains share: clusters.go (what runs in the customer's
// clusters), aks.go and eks.go (the clouds under them), artifactregistry.go and ecr.go
// (the vendor's half). Only table.go asks for a customer's platform, side or trust.
package chain
