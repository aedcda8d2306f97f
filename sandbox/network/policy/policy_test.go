package policy_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/yaml"

	"waybill.example/waybill/sandbox/network/policy"
	"waybill.example/waybill/sandbox/world"
)

var (
	pod = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: "refresher", Labels: labels.Set{"app": "refresher", "tier": "back"},
	}}
	outside = policy.Peer{Name: "host", Address: netip.MustParseAddr("203.0.113.80"), Port: 443, Protocol: corev1.ProtocolTCP}
	ipv6    = policy.Peer{Address: netip.MustParseAddr("2001:db8::1"), Port: 443, Protocol: corev1.ProtocolTCP}
	node    = policy.Peer{Address: netip.MustParseAddr("10.0.0.4"), Port: 443, Protocol: corev1.ProtocolTCP, Unblocked: true}
	dns     = policy.Peer{
		Name: "DNS", Address: netip.MustParseAddr("10.244.0.53"), Port: 53, Protocol: corev1.ProtocolUDP,
		Namespace: "kube-system", Labels: labels.Set{"k8s-app": "kube-dns"}, NamespaceLabels: labels.Set{"kubernetes.io/metadata.name": "kube-system"},
	}
	neighbour = policy.Peer{
		Address: netip.MustParseAddr("10.244.0.7"), Port: 443, Protocol: corev1.ProtocolTCP,
		Namespace: "shop", Labels: labels.Set{"app": "shop"}, NamespaceLabels: labels.Set{"kubernetes.io/metadata.name": "shop"},
	}
)

// read reads the specs of policies of the namespace shop, p0, p1 and so on.
func read(t *testing.T, specs ...string) []networkingv1.NetworkPolicy {
	t.Helper()
	var all []networkingv1.NetworkPolicy
	for i, text := range specs {
		p := networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p" + string(rune('0'+i))}}
		require.NoError(t, yaml.UnmarshalStrict([]byte(text), &p.Spec))
		all = append(all, p)
	}
	return all
}

// to is a policy for every pod with one egress rule.
func to(rule string) string {
	return "{podSelector: {}, policyTypes: [Egress], egress: [" + rule + "]}"
}

func TestEgressIsWhatTheDocumentationSays(t *testing.T) {
	const everything = "{podSelector: {}, policyTypes: [Egress], egress: [{}]}"
	const nothing = "{podSelector: {}, policyTypes: [Egress]}"
	for name, c := range map[string]struct {
		policies []string
		peer     policy.Peer
		allowed  bool
	}{
		"no policy":                                  {nil, outside, true},
		"a policy without rules":                     {[]string{nothing}, outside, false},
		"an empty rule":                              {[]string{everything}, outside, true},
		"several policies add up":                    {[]string{nothing, everything}, outside, true},
		"several policies, none of which allows it":  {[]string{nothing, to("{ports: [{port: 80}]}")}, outside, false},
		"several rules add up":                       {[]string{to("{ports: [{port: 80}]}, {ports: [{port: 443}]}")}, outside, true},
		"another pod's policy":                       {[]string{"{podSelector: {matchLabels: {app: other}}, policyTypes: [Egress]}"}, outside, true},
		"this pod's by its labels":                   {[]string{"{podSelector: {matchLabels: {app: refresher}}, policyTypes: [Egress]}"}, outside, false},
		"this pod's by an expression":                {[]string{"{podSelector: {matchExpressions: [{key: tier, operator: In, values: [back]}]}, policyTypes: [Egress]}"}, outside, false},
		"another pod's by an expression":             {[]string{"{podSelector: {matchExpressions: [{key: tier, operator: DoesNotExist}]}, policyTypes: [Egress]}"}, outside, true},
		"a policy for ingress":                       {[]string{"{podSelector: {}, policyTypes: [Ingress]}"}, outside, true},
		"no types and no egress rules":               {[]string{"{podSelector: {}}"}, outside, true},
		"no types and egress rules":                  {[]string{"{podSelector: {}, egress: [{ports: [{port: 80}]}]}"}, outside, false},
		"the port":                                   {[]string{to("{ports: [{port: 443}]}")}, outside, true},
		"another port":                               {[]string{to("{ports: [{port: 8443}]}")}, outside, false},
		"one of several ports":                       {[]string{to("{ports: [{port: 80}, {port: 443}]}")}, outside, true},
		"a port of another protocol":                 {[]string{to("{ports: [{port: 443, protocol: UDP}]}")}, outside, false},
		"a port is TCP's unless it says otherwise":   {[]string{to("{ports: [{port: 53}]}")}, dns, false},
		"a port of UDP":                              {[]string{to("{ports: [{port: 53, protocol: UDP}]}")}, dns, true},
		"every port of the protocol":                 {[]string{to("{ports: [{protocol: TCP}]}")}, outside, true},
		"every port of another protocol":             {[]string{to("{ports: [{protocol: UDP}]}")}, outside, false},
		"a range of ports":                           {[]string{to("{ports: [{port: 400, endPort: 443}]}")}, outside, true},
		"a range that ends before":                   {[]string{to("{ports: [{port: 400, endPort: 442}]}")}, outside, false},
		"a range that begins after":                  {[]string{to("{ports: [{port: 444, endPort: 500}]}")}, outside, false},
		"a block":                                    {[]string{to("{to: [{ipBlock: {cidr: 203.0.113.0/24}}]}")}, outside, true},
		"another block":                              {[]string{to("{to: [{ipBlock: {cidr: 198.51.100.0/24}}]}")}, outside, false},
		"a block of the other family":                {[]string{to("{to: [{ipBlock: {cidr: '0.0.0.0/0'}}]}")}, ipv6, false},
		"a block of IPv6":                            {[]string{to("{to: [{ipBlock: {cidr: '::/0'}}]}")}, ipv6, true},
		"a block's exception":                        {[]string{to("{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [203.0.113.80/32]}}]}")}, outside, false},
		"beside a block's exception":                 {[]string{to("{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [203.0.113.81/32]}}]}")}, outside, true},
		"an exception is one of its own block":       {[]string{to("{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [203.0.113.80/32]}}, {ipBlock: {cidr: 203.0.113.80/32}}]}")}, outside, true},
		"a block against what no block matches":      {[]string{to("{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}")}, node, false},
		"a port without peers for it":                {[]string{to("{ports: [{port: 443}]}")}, node, true},
		"the block but not the port":                 {[]string{to("{ports: [{port: 80}], to: [{ipBlock: {cidr: 0.0.0.0/0}}]}")}, outside, false},
		"the port but not the block":                 {[]string{to("{ports: [{port: 443}], to: [{ipBlock: {cidr: 10.0.0.0/8}}]}")}, outside, false},
		"pods of the own namespace":                  {[]string{to("{to: [{podSelector: {}}]}")}, neighbour, true},
		"pods of the own namespace by labels":        {[]string{to("{to: [{podSelector: {matchLabels: {app: other}}}]}")}, neighbour, false},
		"pods of the own namespace, not of another":  {[]string{to("{to: [{podSelector: {}}]}")}, dns, false},
		"all pods of a namespace":                    {[]string{to("{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]}")}, dns, true},
		"all pods of another namespace":              {[]string{to("{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: other}}}]}")}, dns, false},
		"pods of a namespace":                        {[]string{to("{to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}]}")}, dns, true},
		"other pods of a namespace":                  {[]string{to("{to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: other}}}]}")}, dns, false},
		"a namespace or pods of the own":             {[]string{to("{to: [{namespaceSelector: {matchLabels: {a: b}}}, {podSelector: {matchLabels: {app: shop}}}]}")}, neighbour, true},
		"all pods of all namespaces are not outside": {[]string{to("{to: [{namespaceSelector: {}}]}")}, outside, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := policy.Egress(read(t, c.policies...), pod, c.peer)
			if c.allowed {
				require.NoError(t, err)
				return
			}
			var denied *policy.Denied
			require.ErrorAs(t, err, &denied)
		})
	}
}

func TestPoliciesOfAnotherNamespaceSelectNoPod(t *testing.T) {
	policies := read(t, "{podSelector: {}, policyTypes: [Egress]}")
	policies[0].Namespace = "other"
	require.NoError(t, policy.Egress(policies, pod, outside))
}

func TestADenialNamesThePoliciesThePodAndThePeer(t *testing.T) {
	err := policy.Egress(read(t, "{podSelector: {}, policyTypes: [Egress]}", to("{ports: [{port: 80}]}")), pod, outside)
	assert.EqualError(t, err, "network policy shop/p0, shop/p1 of pod shop/refresher allows nothing to host at 203.0.113.80:443 (TCP)")
}

func TestIngressIsWhatTheDocumentationSays(t *testing.T) {
	for spec, allowed := range map[string]bool{
		"{podSelector: {}, policyTypes: [Egress]}":                                                                            true,
		"{podSelector: {}}":                                                                                                   false,
		"{podSelector: {}, ingress: [{}]}":                                                                                    true,
		"{podSelector: {}, ingress: [{ports: [{port: 80}]}]}":                                                                 false,
		"{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: shop}}}]}]}":                                   true,
		"{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: other}}}]}]}":                                  false,
		"{podSelector: {}, policyTypes: [Egress], ingress: [{ports: [{port: 80}]}], egress: [{}]}":                            true,
		"{podSelector: {}, policyTypes: [Ingress, Egress], egress: [{}], ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}": true,
	} {
		err := policy.Ingress(read(t, spec), pod, neighbour)
		if allowed {
			require.NoError(t, err, spec)
		} else {
			require.ErrorContains(t, err, "network policy shop/p0 of pod shop/refresher allows nothing in from 10.244.0.7:443 (TCP)", spec)
		}
	}
}

func TestWhatIsNotModelledIsNotAllowed(t *testing.T) {
	onHost := pod.DeepCopy()
	onHost.Spec.HostNetwork = true
	for _, c := range []struct {
		pod        *corev1.Pod
		spec, want string
	}{
		{pod, to("{ports: [{port: 443}, {port: https}]}"), `network policy shop/p0: port "https": want a number`},
		{pod, to("{ports: [{port: 443}], to: [{ipBlock: {cidr: everywhere}}]}"), `network policy shop/p0: ipBlock "everywhere": want a CIDR`},
		{pod, "{podSelector: {matchExpressions: [{key: a, operator: Near}]}}", "network policy shop/p0: "},
		{onHost, to("{}"), "network policy shop/p0: selects pod shop/refresher of the host's network"},
	} {
		err := policy.Egress(read(t, c.spec), c.pod, outside)
		require.ErrorContains(t, err, c.want)
		var denied *policy.Denied
		assert.NotErrorAs(t, err, &denied)
	}
}

// The network of a cluster decides at which addresses and ports policies see what
// every pod needs.
func TestAClustersNetworkDecidesWhatPoliciesSee(t *testing.T) {
	const (
		blocks = "{ports: [{port: 443}, {port: 6443}], to: [{ipBlock: {cidr: 0.0.0.0/0}}]}"
		names  = "{ports: [{port: 53}, {port: 53, protocol: UDP}]}"
		ports  = "{ports: [{port: 443}, {port: 6443}]}"
	)
	for name, c := range map[string]struct {
		network   world.Network
		spec      string
		api, host string // what is denied
	}{
		"a managed cluster":                 {world.Network{}, to(names + ", " + blocks), "", ""},
		"a managed cluster without DNS":     {world.Network{}, to(blocks), "", "host.example cannot be resolved: network policy shop/p0 of pod shop/refresher allows nothing to DNS at 10.244.0.53:53 (UDP)"},
		"a managed cluster, 6443 alone":     {world.Network{}, to(names + ", {ports: [{port: 6443}]}"), "the API server at 10.0.0.4:443 (TCP)", "host.example at 203.0.113.80:443 (TCP)"},
		"a port of its own":                 {world.Network{APIServer: "10.1.1.1:8443"}, to(names + ", " + blocks), "the API server at 10.1.1.1:8443 (TCP)", ""},
		"kube-dns by its labels":            {world.Network{}, to("{to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}]}, " + blocks), "", ""},
		"OpenShift":                         {world.Network{Kind: world.OpenShift}, to(names + ", " + blocks), "", "DNS at 10.244.0.53:5353 (UDP)"},
		"OpenShift's DNS by its namespace":  {world.Network{Kind: world.OpenShift}, to("{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: openshift-dns}}}]}, " + blocks), "", ""},
		"Cilium":                            {world.Network{Kind: world.Cilium}, to(names + ", " + blocks), "the API server at 10.0.0.4:6443 (TCP)", ""},
		"Cilium, by the port":               {world.Network{Kind: world.Cilium}, to(names + ", " + ports), "", ""},
		"Cilium, DNS by a block of its own": {world.Network{Kind: world.Cilium}, to("{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}"), "the API server", "DNS at 10.244.0.53:53 (UDP)"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := policy.ForCluster(fake.NewClientset(&read(t, c.spec)[0]), c.network, func(string) {})
			for want, err := range map[*string]error{&c.api: cluster.APIServer(t.Context(), pod), &c.host: cluster.Host(t.Context(), pod, "host.example")} {
				if *want == "" {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, *want)
				}
			}
		})
	}
}

// On Cilium the agent is the node, which no block of addresses is.
func TestThePodIdentityAgentListensOnTheNode(t *testing.T) {
	for kind, denied := range map[string]bool{world.Standard: false, world.Cilium: true} {
		spec := to("{ports: [{port: 80}], to: [{ipBlock: {cidr: 169.254.170.23/32}}]}")
		cluster := policy.ForCluster(fake.NewClientset(&read(t, spec)[0], pod), world.Network{Kind: kind}, func(string) {})
		err := cluster.Agent(t.Context(), pod.Namespace, pod.Name, netip.MustParseAddrPort("169.254.170.23:80"))
		assert.Equal(t, denied, err != nil, "%s: %v", kind, err)
	}
}

func TestADenialIsReportedOnce(t *testing.T) {
	var told []string
	cluster := policy.ForCluster(fake.NewClientset(&read(t, to("{ports: [{port: 53}]}"))[0], pod), world.Network{}, func(message string) {
		told = append(told, message)
	})
	for range 2 {
		require.Error(t, cluster.Host(t.Context(), pod, "host.example"))
		require.Error(t, cluster.Host(t.Context(), pod, "another.example"))
		require.Error(t, cluster.Agent(t.Context(), pod.Namespace, pod.Name, netip.MustParseAddrPort("169.254.170.23:80")))
	}
	assert.Equal(t, []string{
		"network policy shop/p0 of pod shop/refresher allows nothing to DNS at 10.244.0.53:53 (UDP)",
		"network policy shop/p0 of pod shop/refresher allows nothing to the Pod Identity agent at 169.254.170.23:80 (TCP)",
	}, told)
	require.NoError(t, cluster.Neighbour(t.Context(), pod, nil, 443), "the policy is for egress")
}
