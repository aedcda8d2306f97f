// Package provider is the sandbox's Pulumi provider `kubernetes`: it behaves as
// pulumi-kubernetes v4.30 does, against the real API servers of the sandbox.
//
// What is the provider's own is built here after its published source,
// https://github.com/pulumi/pulumi-kubernetes (provider/pkg/provider/provider.go
// and diff.go, provider/pkg/metadata/naming.go, provider/pkg/await): automatic
// names, POST on create and server-side apply on update, which changes replace
// an object, ignoreChanges beside another field manager, previews as dry runs,
// secret outputs, awaits. What is the cluster's is asked of the cluster.
//
// It is stricter than v4.30 in four places, so that a mistake is found here:
//   - a field that the API server does not know is refused (fieldValidation
//     Strict), where v4.30 drops or warns;
//   - the provider's configuration must name a context, a setting that is not
//     one of kubernetes.ProviderArgs is refused, and so is one that this
//     provider would have to ignore;
//   - only the built-in kinds that the API server serves are taken: no custom
//     resources, no Helm, YAML or Patch resources, no functions;
//   - a kubeconfig may only lead to the sandbox's clusters: a developer's own
//     KUBECONFIG is never acted upon.
//
// In a dry-run preview of a create the UID, the resource version and the time
// of creation are unknown; v4.30 hands out the values of the dry run, which the
// created object never has.
package provider
