// Package aws is the Amazon Web Services of the sandbox, as far as a chain
// meets them: the accounts of the world with IAM, Amazon ECR, EKS, ECS and
// CloudWatch Logs, each in a store of its own below this package, in files that
// outlive the process. [Cloud.Provider] puts the Pulumi package aws in front of
// them; servers of AWS's protocols read the same stores.
//
// It refuses what AWS refuses (docs/facts.md §4 and §7, and the pages of
// docs.aws.amazon.com that each rule cites), in AWS's words where they are
// known; a comment says where they are not.
//
// The provider acts as an administrator of one account: the one that
// allowedAccountIds names, or the world's only one. It does not model profiles,
// assumed roles, endpoints of one's own, default tags, made-up names, load balancers
// or EC2 capacity, and refuses them, except for settings that only say where
// credentials come from. A change takes effect at once, where AWS needs seconds.
package aws
