package controlplane

import (
	"net"
	"strings"
)

// controllers are those that docs/building.md names, and three more that a cloud
// runs: Services get their EndpointSlices and the Endpoints that Pulumi's
// provider waits for, and finished Jobs their clean-up.
// node-lifecycle stays out: it would evict pods from nodes without leases.
var controllers = []string{
	"serviceaccount-controller",
	"root-ca-certificate-publisher-controller",
	"deployment-controller",
	"replicaset-controller",
	"job-controller",
	"cronjob-controller",
	"namespace-controller",
	"garbage-collector-controller",
	"endpoints-controller",
	"endpointslice-controller",
	"ttl-after-finished-controller",
}

func apiServerFlags(config Config, files files, etcd, address string) ([]string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return []string{
		"--etcd-servers=" + etcd,
		"--bind-address=" + host,
		"--secure-port=" + port,
		// Given, so that the server need not find an interface with a default
		// route; nothing may then be published as the endpoint of the service
		// kubernetes, because an Endpoints object must not hold loopback.
		"--advertise-address=" + host,
		"--endpoint-reconciler-type=none",
		"--cert-dir=" + files.certificates,
		"--token-auth-file=" + files.tokens,
		"--authorization-mode=RBAC",
		"--service-account-issuer=" + config.Issuer,
		// The document at the issuer names the keys by this URL.
		"--service-account-jwks-uri=" + strings.TrimSuffix(config.Issuer, "/") + "/openid/v1/jwks",
		"--service-account-signing-key-file=" + files.signingKey,
		"--service-account-key-file=" + files.signingKey,
		"--allow-privileged=true",
		// A managed cluster changes what is deployed; a MutatingAdmissionPolicy does it here.
		"--feature-gates=MutatingAdmissionPolicy=true",
		"--runtime-config=admissionregistration.k8s.io/v1beta1/mutatingadmissionpolicies=true,admissionregistration.k8s.io/v1beta1/mutatingadmissionpolicybindings=true",
		"--profiling=false",
	}, nil
}

func controllerManagerFlags(files files) []string {
	return []string{
		"--kubeconfig=" + files.kubeconfig,
		"--secure-port=0",
		"--leader-elect=false",
		"--root-ca-file=" + files.certificate,
		"--controllers=" + strings.Join(controllers, ","),
		"--profiling=false",
	}
}
