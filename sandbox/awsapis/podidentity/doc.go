// Package podidentity is the EKS Pod Identity agent, which runs on every node of
// a cluster that has the add-on: pods ask http://169.254.170.23/v1/credentials,
// with their ServiceAccount token as the whole Authorization header, and the agent
// asks the EKS Auth API, with the credentials of its node
// (https://github.com/aws/eks-pod-identity-agent,
// https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html).
//
// # How pods reach it
//
// Containers of the sandbox's kubelet share this machine's network. So
// [Agent.Listen] does what the real agent does on a node: it adds the link-local
// address to an interface of the machine, here the loopback interface, and
// listens on its port 80; [Listener.Close] takes the address away again. That
// needs root, or CAP_NET_ADMIN and CAP_NET_BIND_SERVICE: [ErrPrivilege] says so.
// An HTTP proxy is no way around it: a client that is careful shows its
// ServiceAccount token to no proxy, and neither does the real agent stand behind
// one.
//
// One machine has one such address, so that one sandbox at a time can have the
// agent; another is refused while it runs. The address carries a label, by which
// one that a killed sandbox left behind is known, used again and taken away.
//
// # Differences
//
// One agent stands on the nodes of all clusters of the world: the issuer of the
// token says whose pod asks. Nothing is cached, and the addresses of IPv6 are not
// served.
//
// The agent refuses, in the words of the real one, requests to another address,
// without a token, with what is no token, or with one whose time is over. All
// else is up to the EKS Auth API, whose refusals are passed on.
package podidentity
