// Package manifests makes the Kubernetes objects of a customer that does not run
// Pulumi: those that `pulumi up` makes, from the same registrations, as kubectl and
// GitOps tools apply them.
//
// What differs, differs because of the tool. An object that Pulumi names at random has
// a name that follows from its contents. A patch stands in the object that it is for.
// What the program leaves to others after it was created, such as what the refresher
// writes into the pull secret, is in no object that is applied: it is in Set.Once, which
// is created once, since the API server takes no pull secret without its key
// (https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets).
//
// It refuses a stack of whose objects something is not known, and says what tells it.
package manifests
