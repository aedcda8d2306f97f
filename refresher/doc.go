// Refresher keeps a pull secret fresh. A Kubernetes CronJob runs it: it walks the chain from the pod's
// ServiceAccount token to the vendor's registry, tries the new token on the product's manifest, and writes
// the secret that the kubelet pulls with.
//
//	refresher refresh        walk, try, write
//	refresher explain        the same walk without writing, shown hop by hop
//	refresher subject-token  the token for Google's token service, for other Google clients
//
// The chain ends at Google's Artifact Registry or at AWS's Elastic Container Registry.
//
// It refuses a credential configuration that is not exactly what its identifiers render to, AWS credentials
// that are not the customer's role's, hosts outside the chain, redirects, tokens with less than 40 minutes to
// live, and tokens that do not open the product's manifest; it never creates the secret, and it never prints
// a token, a key, a signature or an assertion. It stands on docs/facts.md §2, §3, §4, §5, §8 and §9.
//
// # Exit codes
//
//	0   done
//	2   arguments, environment or credential configuration refused; nothing was asked of a cloud
//	10  kubernetes: the projected ServiceAccount token
//	11  entra: its exchange for the identity's Entra token
//	12  sts: Google's token service, or the AWS role
//	13  iam: the vendor's service account
//	14  registry: the trial on the product's manifest
//	15  secret: the patch of the pull secret
//	16  ecr: the authorization token of the vendor's Elastic Container Registry
//	20  the deadline passed, or a signal came, while a hop was still being tried
package main
