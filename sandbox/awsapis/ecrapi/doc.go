// Package ecrapi is Amazon ECR as its clients meet it:
//
//   - api.ecr.REGION.SUFFIX, of whose operations the sandbox has
//     GetAuthorizationToken alone,
//   - ACCOUNT.dkr.ecr.REGION.SUFFIX, each account's registry: a real OCI registry
//     (go-containerregistry), on disk.
//
// Who holds an authorization token is asked at every request what it may do: by
// its identity policies and boundary and, from another account, by the
// repository's policy too. So a policy that changes acts at once, on tokens that
// were issued before as well. The actions of pulls and pushes are those of
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html and
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
//
// A token lives 12 hours, whatever is left of the session that asked for it. It
// works on every registry in its Region that its principal may read, and on none
// in another one: "Authentication requests are tied to specific regions"
// (https://docs.aws.amazon.com/AmazonECR/latest/userguide/common-errors-docker.html#error-403).
//
// Refused are other users than AWS, tokens that are not from here, are expired or
// of another Region, whatever policies do not allow, repositories, images and
// layers that do not exist, and to move a tag where tags are immutable. Layers
// are served by the registry itself, where ECR redirects to S3. Deleting images,
// referrers, pull-through caches, replication, registry policies and scanning are
// not modelled.
package ecrapi
