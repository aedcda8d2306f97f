// Package aws builds both sides of the chain on AWS: the vendor's ECR
// repository and the grant that lets a customer's role read it (ImageGrant),
// the role that a customer's ServiceAccount becomes on EKS, or in the vendor's
// account on any cluster (ServiceAccountRole), and the product on ECS with Fargate
// (Service).
//
// Reading another account's repository takes both policies, the vendor's on
// the repository and the customer's on the role (docs/facts.md §1 row 11, §4).
// On EKS the role helps only a refresher that writes a pull secret: the kubelet
// pulls with the node's role, never the pod's (row 6).
//
// It refuses, before anything is registered: wildcards and policy variables
// where one role, repository or secret is meant, accounts and Regions that
// disagree with each other, documents and names longer than AWS allows, sizes
// that Fargate does not offer, an OIDC provider that exists and does not
// accept the audience of EKS, what exists already and is somebody else's, and a
// repository's policy with the statements of others. Partitions and host suffixes
// come from the Region (row 13).
package aws
