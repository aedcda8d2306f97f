// Package aws builds both sides of the chain on AWS: the vendor's ECR repository
// and the grant that lets a customer's role read it (ImageGrant); the role that a
// ServiceAccount assumes, in the customer's account on EKS or in the vendor's
// account on any cluster (ServiceAccountRole); and the product on ECS with
// Fargate (Service).
//
// To read another account's repository, both policies must allow it: the vendor's
// on the repository and the customer's on the role (docs/facts.md §1 row 11, §4).
// On EKS the role only helps a refresher that writes a pull secret: the kubelet
// pulls with the node's role, never the pod's (row 6).
//
// Before it registers anything, it refuses
//   - wildcards and policy variables where one role, repository or secret is meant;
//   - accounts and Regions that disagree with each other;
//   - documents and names longer than AWS allows;
//   - sizes that Fargate does not offer;
//   - an existing OIDC provider that does not accept the audience of EKS;
//   - existing resources that belong to somebody else, and a repository's policy
//     with other parties' statements.
//
// Partitions and host suffixes follow from the Region (row 13).
package aws
