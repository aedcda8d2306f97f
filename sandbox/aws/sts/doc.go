// Package sts stands in for AWS STS: sts.REGION.SUFFIX of every Region and
// partition, and sts.amazonaws.com.
//
//   - AssumeRoleWithWebIdentity exchanges a token of an OIDC provider of the
//     role's account for temporary credentials, as IRSA does;
//   - GetCallerIdentity says who signed the request;
//   - [Server.Assume] is AssumeRole as an AWS service calls it for a role that
//     trusts it, with session tags and source keys. It has no endpoint: ECS and
//     EKS call from inside.
//
// [Sessions] makes temporary credentials and checks signed requests to any
// service. A session token holds its session, encrypted and authenticated by a
// key on disk, so that it outlives the process; it ends with its time and with
// its role.
//
// Refused is what docs/facts.md §4, §5 and §7 and
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
// say: an issuer without a provider in the account, audiences that it does not
// list, signatures that the issuer's published keys did not make, expired
// tokens, roles whose trust policy does not admit the token, durations beyond
// the role's. The order in which AWS looks at a request with several mistakes is
// not documented.
//
// Not modelled, and refused: session policies, tokens that carry session tags,
// identity providers without an ARN, AssumeRole by users and roles, presigned
// requests, keys of users.
package sts
