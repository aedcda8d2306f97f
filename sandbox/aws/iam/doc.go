// Package iam holds what AWS IAM holds for the accounts of a world: roles with
// their trust policies, inline and attached policies, boundaries and tags,
// customer managed policies, and OIDC identity providers; and it decides
// requests from them with package policy.
//
// An [Account] has the operations of the IAM API that a provider needs, with
// its rules (docs/facts.md §4 and §7): names, paths, sizes, quotas,
// EntityAlreadyExists, NoSuchEntity, DeleteConflict, LimitExceeded,
// MalformedPolicyDocument. Every refusal is a *fault.Error.
//
// A policy that names a role is stored with the unique ID that the name
// had then ([Cloud.Bind]): a name that does not exist is refused, and one that
// is deleted later stands for nobody, not for another role of the same name
// (docs/facts.md §1, number 11).
//
// The provider in front checks tags. Not modelled: users, groups, access keys, versions
// of managed policies, organizations. A stored policy reads as it was written, where AWS
// shows the unique ID in place of a role that is gone; a policy that is written with a
// unique ID, or names a user, is refused: there is none.
package iam
