// Refresher keeps a pull secret fresh. A Kubernetes CronJob runs it: it walks the chain from the pod's ServiceAccount
// token to the vendor's registry, tries the new token on the product's images, and writes the secret that the kubelet
// pulls with.
//
//	refresher refresh        walk, try, write
//	refresher explain        the same walk without writing, shown hop by hop
//	refresher subject-token  the token for Google's token service, for other Google clients
//	refresher --help         the exit codes
//
// The chain ends at Google's Artifact Registry or at AWS's Elastic Container Registry.
//
// It refuses a credential configuration that is not exactly what the identifiers in it render to, an image of another
// registry than the pod's, AWS credentials of another role than the configured one, hosts outside the chain, redirects,
// tokens with less than 40 minutes to live, and tokens that the registry refuses for one of the product's images; it
// never creates the secret, and it never prints a token, a key, a signature or an assertion. It stands on docs/facts.md
// §2, §3, §4, §5, §8 and §9.
package main
