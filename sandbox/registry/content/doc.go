// Package content is what the registries of the sandbox have in common, whoever
// owns them: an OCI registry (go-containerregistry) with its blobs and manifests
// on disk, which its owner puts behind decisions of its own.
//
// A [Store] serves requests that are allowed already, and takes what a release
// pipeline publishes without asking anybody. [Placeholder] makes the small image
// that stands for a product's. Deleting is not modelled, and refused.
package content
