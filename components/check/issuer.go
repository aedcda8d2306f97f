package check

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The host and the path of an issuer. Google names projects of a domain with a colon in
// the paths of GKE's issuers.
var (
	hostPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\.?$`)
	pathPattern = regexp.MustCompile(`^(/[A-Za-z0-9._~:-]+)*/?$`)
)

// belowIssuer are the documents that stand below an issuer: what OpenID Connect
// Discovery and RFC 8414 name, and where Kubernetes, EKS and GKE publish keys.
var belowIssuer = regexp.MustCompile(
	`^(https://.*?)/(\.well-known(/.*)?|openid/v1(/jwks)?|openid-configuration|jwks(\.json)?)/?$|^(https://oidc[.-]eks\..*?)/keys/?$`)

// reservedDomains end the names that no public DNS answers: RFC 6761, RFC 6762, RFC
// 8375, ICANN's internal, and what networks and clusters use for themselves. The
// names of documentation, .example, stand for public ones.
var reservedDomains = []string{
	"alt", "arpa", "cluster", "corp", "default", "domain", "home", "internal", "intra", "intranet", "invalid", "lan", "local", "localdomain",
	"localhost", "onion", "private", "svc", "test",
}

// sharedAddresses are those of carriers' networks (RFC 6598).
var sharedAddresses = netip.MustParsePrefix("100.64.0.0/10")

// IsIssuer says whether text is a plain https URL: none with user information,
// a query or a fragment is.
func IsIssuer(text string) bool {
	parsed, err := url.Parse(text)
	if err != nil || !strings.HasPrefix(text, "https://") || text != "https://"+parsed.Host+parsed.Path {
		return false
	}
	address, err := netip.ParseAddr(parsed.Hostname())
	named := err != nil && hostPattern.MatchString(parsed.Hostname())
	return (named || err == nil && address.Zone() == "") && isPort(parsed) && pathPattern.MatchString(parsed.Path)
}

func hasWrongPort(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && !isPort(parsed)
}

// isPort says whether a URL's port, if it has one, is a number that TCP has.
func isPort(parsed *url.URL) bool {
	if parsed.Port() == "" {
		return !strings.HasSuffix(parsed.Host, ":")
	}
	port, err := strconv.ParseUint(parsed.Port(), 10, 16)
	return err == nil && port != 0
}

// IssuerAbove gives the issuer whose discovery document or key set a URL names,
// without a slash at its end; empty where the URL names neither.
func IssuerAbove(text string) string {
	parts := belowIssuer.FindStringSubmatch(text)
	if parts == nil {
		return ""
	}
	return strings.TrimRight(parts[1]+parts[6], "/")
}

// Unreachable says why no cloud can ask an issuer for its keys, by the form of its
// host; empty where a cloud may.
func Unreachable(issuer string) string {
	parsed, err := url.Parse(issuer)
	if err != nil {
		return "it is no URL"
	}
	host := strings.TrimSuffix(parsed.Hostname(), ".")
	if address, err := netip.ParseAddr(host); err == nil {
		if address.IsGlobalUnicast() && !address.IsPrivate() && !sharedAddresses.Contains(address) {
			return ""
		}
		return host + " is no public address"
	}
	labels := strings.Split(host, ".")
	switch last := labels[len(labels)-1]; {
	case len(labels) == 1:
		return host + " is a name of one part, which no public DNS has"
	case slices.Contains(reservedDomains, last), strings.Trim(last, "0123456789") == "":
		return "." + last + " is no domain of the public DNS"
	}
	return ""
}

// Issuer notes a value that is no issuer, or that names a document below one.
func (p *Problems) Issuer(key, value string) {
	above := IssuerAbove(value)
	switch {
	case !IsIssuer(value) && hasWrongPort(value):
		p.Add(key, "%q: want a port of 1 to 65535, or none", value)
	case !IsIssuer(value):
		p.Add(key, "%q: want an https issuer URL without query, fragment or user", value)
	case above != "":
		p.Add(key, "%q: is a document of an issuer: want the issuer exactly as in its tokens, %q or with a slash at its end", value, above)
	}
}

// PublicIssuer is Issuer for one whose keys a cloud fetches; remedy says what helps
// where it cannot.
func (p *Problems) PublicIssuer(key, value, remedy string) {
	p.Issuer(key, value)
	if why := Unreachable(value); why != "" && IsIssuer(value) && IssuerAbove(value) == "" {
		p.Add(key, "%q: no cloud can reach it, for %s: want %s", value, why, remedy)
	}
}
