// Package network is the sandbox's inner network: a CONNECT proxy behind which
// the embedded clouds answer under their real host names, over TLS, with
// certificates of an authority of its own, which is kept in the state directory.
//
// Nothing is ever forwarded. A host that has no handler is refused with 502 and
// "the sandbox has no host …", another port than 443 and plain http with 403, a
// request for another host than the tunnel's with 421. The library proxies for
// Go forward what they are not told to intercept; here the far end of every
// tunnel is net/http's own server, so that there is no path to the outside.
//
// A customer's cluster may have a proxy of its own in between, [Network.Egress].
package network
