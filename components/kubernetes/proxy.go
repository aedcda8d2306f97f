package kubernetes

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/family"
	"waybill.example/waybill/components/internal/naming"
)

// Proxy is the way from a cluster to the internet where there is no other: a
// forward proxy, the authority of one that looks into TLS, or both.
type Proxy struct {
	// HTTPS is the proxy's URL, http://HOST:PORT, or https://HOST:PORT for a proxy that
	// itself speaks TLS; empty means that connections go out directly. The port is 1 to
	// 65535 and not left out: without one Go's clients take 80 or 443
	// (https://pkg.go.dev/net/http#Transport) and curl takes 1080
	// (https://curl.se/docs/manpage.html#-x). It holds no password: a proxy that asks
	// for one would have to be given a secret here.
	HTTPS string
	// No are hosts, domains (.example.com), addresses and blocks that are reached
	// without the proxy. The API server, names inside the cluster, loopback and the
	// agent of EKS Pod Identity always are.
	No []string
	// Authority is the bundle of certificates that pods trust, in PEM: the private
	// authority's.
	Authority string
	// AuthorityConfigMap and AuthorityKey name a bundle that is in the namespace
	// already, in place of Authority.
	AuthorityConfigMap, AuthorityKey string
}

const (
	authorityDir  = "/etc/waybill-authority"
	authorityKey  = "authority.crt"
	authorityFile = authorityDir + "/" + authorityKey
)

// noProxyPattern is a host or a domain; a number at its end is a part of an address,
// which matches nothing.
var noProxyPattern = regexp.MustCompile(`^(\*?\.)?([A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?\.)*[A-Za-z0-9_]*[A-Za-z_]([A-Za-z0-9_-]*[A-Za-z0-9])?(:[0-9]+)?$`)

// CheckProxyUser refuses a proxy's URL with a user or a password, and shows nothing of it.
func CheckProxyUser(text string) error {
	if strings.Contains(text, "@") {
		return errors.New("holds a user or a password: want http://HOST:PORT without them, such as that of a proxy that knows the cluster by its addresses")
	}
	return nil
}

// validate notes what is wrong; before stands before the keys: "proxy.".
func (proxy *Proxy) validate(p *check.Problems, before string) {
	if proxy == nil {
		return
	}
	if proxy.HTTPS != "" {
		switch parsed, err := url.Parse(proxy.HTTPS); {
		case CheckProxyUser(proxy.HTTPS) != nil:
			p.Error(before+"https", CheckProxyUser(proxy.HTTPS))
		case err != nil || parsed.Hostname() == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") ||
			strings.TrimSuffix(proxy.HTTPS, "/") != parsed.Scheme+"://"+parsed.Host || proxy.port() == 0:
			p.Add(before+"https", "%q: want http://HOST:PORT, or https://HOST:PORT if the proxy itself speaks TLS, and a port of 1 to 65535", proxy.HTTPS)
		}
	}
	if proxy.HTTPS == "" && len(proxy.No) > 0 {
		p.Add(before+"no", "is given and %shttps is not: want the proxy's URL", before)
	}
	for i, host := range proxy.No {
		_, notAddress := netip.ParseAddr(host)
		_, notBlock := netip.ParsePrefix(host)
		_, notPort := netip.ParseAddrPort(host)
		if notAddress != nil && notBlock != nil && notPort != nil && !noProxyPattern.MatchString(host) {
			p.Add(fmt.Sprintf("%sno[%d]", before, i), "%q: want a host, a domain such as .example.com, an address or a block", host)
		}
	}
	if proxy.Authority != "" {
		if proxy.AuthorityConfigMap != "" {
			p.Add(before+"authority", "and a ConfigMap's: want one of them")
		}
		p.Error(before+"authority", checkBundle(proxy.Authority))
	}
	if (proxy.AuthorityConfigMap == "") != (proxy.AuthorityKey == "") {
		p.Add(before+"authorityConfigMap", "and its key: want both or neither")
	}
	if proxy.AuthorityConfigMap != "" {
		p.Error(before+"authorityConfigMap", naming.Subdomain.Check(proxy.AuthorityConfigMap))
		if strings.HasPrefix(proxy.AuthorityKey, "..") || proxy.AuthorityKey == "." {
			p.Add(before+"authorityConfigMap", "and the key %q: want one that a ConfigMap may have, not . and none that starts with ..", proxy.AuthorityKey)
		}
	}
}

// checkBundle wants certificates in PEM. What stands between them is for people.
func checkBundle(text string) error {
	rest, count := []byte(text), 0
	for {
		block, after := pem.Decode(rest)
		if block == nil {
			break
		}
		count++
		if _, err := x509.ParseCertificate(block.Bytes); block.Type != "CERTIFICATE" || err != nil {
			return fmt.Errorf("holds no certificate in its PEM block %d, %s: want certificates alone", count, block.Type)
		}
		rest = after
	}
	switch begun := strings.Count(text, "-----BEGIN "); {
	case count == 0:
		return errors.New("is no PEM: want -----BEGIN CERTIFICATE----- and what follows")
	case count != begun:
		return fmt.Errorf("has %d PEM blocks that begin, and %d that are whole: want each with its end and nothing cut off", begun, count)
	}
	return nil
}

// port is the proxy's TCP port; 0 where there is no proxy, or none with a port of TCP.
func (proxy *Proxy) port() int {
	if proxy == nil || proxy.HTTPS == "" {
		return 0
	}
	parsed, err := url.Parse(proxy.HTTPS)
	if err != nil {
		return 0
	}
	number, err := strconv.ParseUint(parsed.Port(), 10, 16)
	if err != nil {
		return 0
	}
	return int(number)
}

// noProxy is the list of what is reached without the proxy. Kubernetes puts the
// API server's address in the place of its variable
// (https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/).
func (proxy *Proxy) noProxy() string {
	return strings.Join(append([]string{
		"$(KUBERNETES_SERVICE_HOST)", "localhost", "127.0.0.1", "::1", ".svc", ".cluster.local", "kubernetes.default", podIdentityAgent, podIdentityAgentV6,
	}, proxy.No...), ",")
}

// trusts says whether pods are given a bundle of certificates.
func (proxy *Proxy) trusts() bool {
	return proxy != nil && (proxy.Authority != "" || proxy.AuthorityConfigMap != "")
}

// environment are the variables of programs that read the upper-case names.
func (proxy *Proxy) environment(authority string) []variable {
	var variables []variable
	if proxy != nil && proxy.HTTPS != "" {
		variables = append(variables, variable{"HTTPS_PROXY", pulumi.String(proxy.HTTPS)}, variable{"NO_PROXY", pulumi.String(proxy.noProxy())})
	}
	if proxy.trusts() {
		variables = append(variables, variable{authority, pulumi.String(authorityFile)})
	}
	return variables
}

// childAuthority is the child of a PullSecret, and of a Workload, that holds the
// bundle: kubernetes:core/v1:ConfigMap.
const childAuthority = "authority"

func (proxy *Proxy) children() []string {
	if proxy != nil && proxy.Authority != "" {
		return []string{childAuthority}
	}
	return nil
}

// mountAuthority registers the bundle where it is given as text, and adds it to a pod's
// volumes and its container's mounts. Metadata is the ConfigMap's, without a name.
func mountAuthority(
	ctx *pulumi.Context, proxy *Proxy, children *family.Family, metadata *metav1.ObjectMetaArgs, volumes *corev1.VolumeArray, mounts *corev1.VolumeMountArray,
) error {
	if !proxy.trusts() {
		return nil
	}
	name, key := pulumi.String(proxy.AuthorityConfigMap).ToStringPtrOutput(), proxy.AuthorityKey
	if proxy.Authority != "" {
		bundle, err := corev1.NewConfigMap(ctx, children.Name(childAuthority), &corev1.ConfigMapArgs{
			Metadata: metadata, Data: pulumi.StringMap{authorityKey: pulumi.String(proxy.Authority)}, Immutable: pulumi.Bool(true),
		}, children.Options(childAuthority)...)
		if err != nil {
			return err
		}
		name, key = bundle.Metadata.Name(), authorityKey
	}
	*volumes = append(*volumes, &corev1.VolumeArgs{
		Name: pulumi.String(childAuthority),
		ConfigMap: &corev1.ConfigMapVolumeSourceArgs{
			Name:  name,
			Items: corev1.KeyToPathArray{&corev1.KeyToPathArgs{Key: pulumi.String(key), Path: pulumi.String(authorityKey)}},
		},
	})
	*mounts = append(*mounts, readOnlyMount(childAuthority, authorityDir))
	return nil
}
