package fault

// The keys of the configuration that change how the refresher reaches the clouds. Faults name them here and nowhere else.
const (
	keyProxy     = "environments.NAME.proxy.https"
	keyNoProxy   = "environments.NAME.proxy.no"
	keyAuthority = "environments.NAME.proxy.authority"
)

const (
	goTransport = "https://pkg.go.dev/net/http#Transport"
	goX509      = "https://pkg.go.dev/crypto/x509#UnknownAuthorityError"
	rfcProxy    = "https://www.rfc-editor.org/rfc/rfc9110#name-connect"
)

const doAllow = "whoever runs the proxy (" + keyProxy + ") allows the host; a host that needs no proxy belongs in " +
	keyNoProxy

// What clients say where nobody answers, or no longer.
const (
	noAnswer = `context deadline exceeded|context canceled|i/o timeout|(?i)timeout awaiting|handshake timeout|Client\.Timeout`
	noLink   = `connection refused|connection reset|broken pipe|\bEOF\b|no route to host|network is unreachable|` +
		`operation not permitted|cannot assign requested address|sent GOAWAY|stream error: |` +
		`the answer broke off`
)

// networkRows explain what comes in place of a cloud's answer: nothing, a proxy's refusal, or a page. Where no answer
// came the words are the client's.
var networkRows = []Row{
	{
		Name: "proxy-login", Words: re(`^the proxy \S+ answered CONNECT with 407\b`), Kind: Lasting,
		Cause: "the proxy requires a user and password, or does not accept the given ones",
		Do: "whoever runs it allows the cluster by its addresses, or set another proxy in " + keyProxy +
			"; a password there would be stored in clear text",
		Source: "https://www.rfc-editor.org/rfc/rfc9110#name-407-proxy-authentication-re",
	},
	{
		Name: "proxy-denied", Words: re(`^the proxy \S+ answered CONNECT with 4\d\d\b`), Kind: Lasting,
		Cause:  "the proxy does not let the cluster reach this host",
		Do:     doAllow,
		Source: rfcProxy,
	},
	{
		Name: "proxy-failing", Words: re(`^the proxy \S+ answered CONNECT with\b`), Kind: Passing,
		Cause:  "the proxy cannot reach this host",
		Do:     "whoever runs the proxy (" + keyProxy + ") checks its own connection to the internet",
		Source: rfcProxy,
	},
	{
		Name: "proxy-unreachable", Words: re(`\bproxyconnect\b`), Kind: Passing,
		Cause:  "the proxy itself does not answer",
		Do:     "check its address in " + keyProxy + ", and whether the network policy lets the pod reach its port",
		Source: goTransport,
	},
	{
		Name: "answer-too-long", Words: re(`the answer is longer than \d+ bytes`), Kind: Lasting,
		Cause: "no answer of the chain is that long: a proxy or firewall sent a web page instead of the cloud's " +
			"answer",
		Do:     doAllow,
		Source: facts + "§5",
	},
	{
		Name: "page-refused", Status: []int{400, 401, 402, 403, 404, 405, 407, 451}, Kind: Lasting,
		Cause:  "a web page, which the cloud's API does not send: a proxy or firewall refused the request",
		Do:     doAllow,
		Source: facts + "§5",
	},
	{
		Name: "redirect", Status: []int{301, 302, 303, 307, 308}, Kind: Lasting,
		Cause: "no hop of the chain redirects its clients: a proxy or firewall on the way does, for example to a " +
			"login page",
		Do:     doAllow,
		Source: facts + "§5",
	},
	{
		Name: "answer-undocumented", Status: []int{200, 201, 202, 203, 204}, Kind: Settling,
		Cause: "the status is good, but the answer is not what the cloud documents: a proxy between the " +
			"cluster and the cloud may have answered, or the answer was cut off",
		Do:     "look at the proxy in " + keyProxy + ", if there is one",
		Source: facts + "§9",
	},
	{
		Name:  "api-authority",
		Hops:  []Hop{HopSecret},
		Words: re(`x509: certificate signed by unknown authority`),
		Kind:  Lasting,
		Cause: "the certificate is not from the cluster's own authority: a proxy is in front of the API server, " +
			"or the cluster's authority was replaced",
		Do:     "the API server's address belongs in " + keyNoProxy + "; a new pod gets the cluster's current authority",
		Source: goX509,
	},
	{
		Name: "tls-inspection", Words: re(`x509: certificate signed by unknown authority`), Kind: Lasting,
		Cause: "the certificate is not from a public authority: a proxy or firewall on the way inspects TLS with " +
			"its own",
		Do:     "put that authority's certificate into " + keyAuthority + ", or have this host excluded from inspection",
		Source: goX509,
	},
	{
		Name: "certificate-time", Words: re(`x509: certificate has expired or is not yet valid`), Kind: Lasting,
		Cause: "the certificate is not valid at the node's time: the node's clock, or an old certificate of a proxy " +
			"that inspects TLS",
		Do:     "compare the node's clock with the times in the message",
		Source: "https://pkg.go.dev/crypto/x509#CertificateInvalidError",
	},
	{
		Name:  "certificate-unfit",
		Words: re(`x509: (certificate (relies on|specifies|is not authorized)|a root or intermediate|invalid signature|too many|issuer)`),
		Kind:  Lasting,
		Cause: "the certificate or its authority is unfit, for the reason in the message: a private authority's, as of a proxy that " +
			"inspects TLS",
		Do:     "whoever runs that authority (" + keyAuthority + ") issues certificates with the host among their DNS names, or has this host excluded",
		Source: "https://pkg.go.dev/crypto/x509#InvalidReason",
	},
	{
		Name: "certificate", Words: re(`x509: `), Kind: Lasting,
		Cause:  "the certificate is for another host: something on the way answers instead of the cloud",
		Do:     "whoever runs the proxy (" + keyProxy + ") or the cluster's DNS finds out what it is",
		Source: "https://pkg.go.dev/crypto/x509#HostnameError",
	},
	{
		Name: "host-outside", Words: re(`host outside the chain`), Kind: Lasting,
		Cause: "an answer sent the refresher to a host that is no part of the chain: something on the way answers instead " +
			"of the cloud",
		Do:     "whoever runs the proxy (" + keyProxy + ") or the cluster's DNS finds out what it is",
		Source: facts + "§9",
	},
	{
		Name: "tls-refused", Kind: Settling,
		Words: re(`\btls: (handshake failure|protocol version|unrecognized name|internal error|bad certificate|certificate required|` +
			`first record does not look like)|HTTP response to HTTPS client|malformed HTTP response`),
		Cause:  "TLS is refused or not spoken where the cloud should be: a firewall that filters by the host's name, or something in its place",
		Do:     "whoever runs the firewall allows the host; check that " + keyProxy + " has the scheme that the proxy itself speaks",
		Source: "https://pkg.go.dev/crypto/tls#AlertError",
	},
	{
		Name: "dns-silent", Words: re(`\blookup \S+( on \S+)?: .*(timeout|refused|deadline)`), Kind: Passing,
		Cause:  "the cluster's DNS does not answer",
		Do:     "check the cluster's DNS, and whether the network policy lets the pod reach it (53, on OpenShift 5353)",
		Source: "https://pkg.go.dev/net#DNSError",
	},
	{
		Name: "dns", Words: re(`no such host|server misbehaving`), Kind: Settling,
		Cause:  "the name does not resolve from the pod",
		Do:     "check the cluster's DNS, and whether the network policy lets the pod reach it (53, on OpenShift 5353)",
		Source: "https://pkg.go.dev/net#DNSError",
	},
	{
		Name:   "timeout",
		Words:  re(noAnswer),
		Kind:   Passing,
		Cause:  "no answer in time",
		Do:     "check the egress firewall, the proxy (" + keyProxy + ") and the network policy: 443 must be open",
		Source: goTransport,
	},
	{
		Name:   "no-connection",
		Words:  re(noLink),
		Kind:   Passing,
		Cause:  "no connection, or one that broke",
		Do:     "check the egress firewall, the proxy (" + keyProxy + ") and the network policy: 443 must be open",
		Source: goTransport,
	},
}
