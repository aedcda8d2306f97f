// Package manifests makes the Kubernetes objects of a customer without Pulumi: those
// that `pulumi up` makes, from the same registrations, in the form that kubectl and
// GitOps tools apply.
//
// The differences follow from the tools. An object that Pulumi names at random has a
// name that follows from its contents. A patch is merged into its object. An applied
// object never has a field that others own after its creation, such as the refresher's
// data of the pull secret. Set.Once holds the pull secret, which is created once,
// because the API server takes no pull secret without its key
// (https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets).
//
// If a value of an object is not known, it refuses the stack and names the value's
// source.
package manifests
