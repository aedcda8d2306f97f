// Package registry has the registries that images are pulled from: real OCI
// registries (go-containerregistry), on disk, behind the decisions of their
// owners. [Registries.Handler] answers for
//
//   - every LOCATION-docker.pkg.dev, Artifact Registry: a Bearer challenge, a
//     token endpoint for the user oauth2accesstoken, and the roles of the
//     repository's own policy and of the world's for its project, asked at every
//     request, so that a binding that is removed acts at once (docs/facts.md §7);
//   - the public registries of the world, from which anybody may pull and to
//     which nobody may push.
//
// What the world has in its repositories is there from the beginning, as
// placeholders; [Registries.Publish] adds others to the public ones. What a
// repository holds goes with it: one that is deleted and made again starts empty.
//
// Artifact Registry refuses other users than oauth2accesstoken, tokens that do
// not count, anonymous requests where allUsers has no role, whoever has no role
// on that one repository, pushes by readers and into virtual repositories, and
// to move a tag where tags are immutable. A repository that does not exist is always answered like one that may
// not be used, as Google answers callers without such a role. A virtual
// repository reads its upstreams as the service agent of its own project: that is
// artifactregistry.repositories.readViaVirtualRepository, which the agent has
// within the project and must be granted on an upstream in another one
// (https://cloud.google.com/artifact-registry/docs/repositories/virtual-repo and
// https://cloud.google.com/artifact-registry/docs/ar-service-account). Deleting
// images is not modelled, and refused.
package registry
