package kubernetes_test

import (
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/components/kubernetes"
)

// templates are the pods of the refresher and of the product with the same wishes.
func templates(t *testing.T, pod kubernetes.Pod) map[string]resource.PropertyMap {
	t.Helper()
	pull, product := pullSecret(), workload()
	pull.Refresher.Pod, product.Pod = pod, pod
	all := pods(register(t, pull, false))
	_, all["app"] = run(t, product)
	require.Len(t, all, 3)
	return all
}

func TestPodsAreWhatTheClusterAsksInTheSameWords(t *testing.T) {
	for name, template := range templates(t, kubernetes.Pod{
		Labels: map[string]string{"team": "images"}, Annotations: map[string]string{"example.com/owner": "Team Images"},
		NodeSelector: map[string]string{"pool": "general"},
		Tolerations: []kubernetes.Toleration{
			{Key: "dedicated", Value: "dedicated", Effect: "NoSchedule"}, {Key: "spot"}, {Operator: "Exists"},
		},
		PriorityClass: "business-hours", PullSecrets: []string{"mirror.example"}, User: 1000, Group: 2000,
		Resources: kubernetes.Resources{Requests: map[string]string{"cpu": "1"}},
	}) {
		assert.Equal(t, "images", at(template, "metadata.labels.team").StringValue(), name)
		assert.Equal(t, "Team Images", at(template, `metadata.annotations["example.com/owner"]`).StringValue(), name)
		assert.Equal(t, map[string]any{"pool": "general", "kubernetes.io/os": "linux"}, at(template, "spec.nodeSelector").Mappable(), name)
		assert.Equal(t, []any{
			map[string]any{"key": "dedicated", "operator": "Equal", "value": "dedicated", "effect": "NoSchedule"},
			map[string]any{"key": "spot", "operator": "Exists"},
			map[string]any{"operator": "Exists"},
		}, at(template, "spec.tolerations").Mappable(), name)
		assert.Equal(t, "business-hours", at(template, "spec.priorityClassName").StringValue(), name)
		assert.Contains(t, at(template, "spec.imagePullSecrets").Mappable(), map[string]any{"name": "mirror.example"}, name)
		assert.Equal(t, []any{1000.0, 2000.0, 2000.0}, []any{
			at(template, "spec.securityContext.runAsUser").NumberValue(), at(template, "spec.securityContext.runAsGroup").NumberValue(),
			at(template, "spec.securityContext.fsGroup").NumberValue(),
		}, name)
		assert.Equal(t, map[string]any{"cpu": "1"}, at(template, "spec.containers[0].resources.requests").Mappable(), name)
	}
}

// What every cluster admits: nodes with Linux, and limits of CPU and memory
// (AKS's deployment safeguards, Kyverno's policies).
func TestPodsHaveWhatStrictClustersAsk(t *testing.T) {
	for name, template := range templates(t, kubernetes.Pod{}) {
		assert.Equal(t, map[string]any{"kubernetes.io/os": "linux"}, at(template, "spec.nodeSelector").Mappable(), name)
		for _, of := range []string{"requests", "limits"} {
			for _, resource := range []string{"cpu", "memory"} {
				assert.NotEmpty(t, at(template, "spec.containers[0].resources."+of+"."+resource).StringValue(), name)
			}
		}
	}
}

// OpenShift's restricted-v2 gives a namespace a range of users and groups and
// refuses every other number.
func TestUsersCanBeLeftToThePlatform(t *testing.T) {
	for name, template := range templates(t, kubernetes.Pod{PlatformIDs: true}) {
		assert.Equal(t, map[string]any{"runAsNonRoot": true, "seccompProfile": map[string]any{"type": "RuntimeDefault"}},
			at(template, "spec.securityContext").Mappable(), name)
	}
}

func TestAnAutoscalerOwnsTheReplicas(t *testing.T) {
	args := workload()
	args.Autoscaled = true
	r, _ := run(t, args)
	assert.True(t, r.Named("app-deployment").Value("spec.replicas").IsNull())
	assert.Empty(t, r.Of("DeploymentPatch"))
	two := 2
	args.Replicas = &two
	require.ErrorContains(t, args.Validate(), "replicas 2: want none where an autoscaler sets their number")
}

func TestWithoutAPathThePortIsOpened(t *testing.T) {
	args := workload()
	args.Liveness, args.Readiness = kubernetes.Probe{}, kubernetes.Probe{}
	_, template := run(t, args)
	assert.Equal(t, map[string]any{"port": "http"}, at(template, "spec.containers[0].readinessProbe.tcpSocket").Mappable())
	assert.True(t, at(template, "spec.containers[0].livenessProbe").IsNull(), "a port that is slow to open is no reason to kill a product")
	args.Liveness.Period = 30
	_, template = run(t, args)
	assert.Equal(t, map[string]any{"port": "http"}, at(template, "spec.containers[0].livenessProbe.tcpSocket").Mappable())

	pull := pullSecret()
	pull.Refresher.Probes = true
	for name, template := range pods(register(t, pull, false)) {
		for _, probe := range []string{"livenessProbe", "readinessProbe"} {
			assert.Equal(t, []any{"/refresher", "--version"}, at(template, "spec.containers[0]."+probe+".exec.command").Mappable(), name)
		}
	}
}

// authority is a certificate in PEM.
var authority = func() string {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}()

// variables are a container's, by name.
func variables(template resource.PropertyMap) map[string]string {
	all := map[string]string{}
	for _, v := range at(template, "spec.containers[0].env").ArrayValue() {
		if value := v.ObjectValue()["value"]; value.IsString() {
			all[v.ObjectValue()["name"].StringValue()] = value.StringValue()
		}
	}
	return all
}

func TestAProxyAndAPrivateAuthorityReachTheRefresherAndTheProduct(t *testing.T) {
	proxy := &kubernetes.Proxy{HTTPS: "http://proxy.corp.example:3128", No: []string{".corp.example", "10.0.0.0/8"}, Authority: authority}
	pull := pullSecret()
	pull.Proxy = proxy
	r := register(t, pull, false)
	for name, template := range pods(r) {
		v := variables(template)
		assert.Equal(t, "http://proxy.corp.example:3128", v["HTTPS_PROXY"], name)
		assert.Contains(t, v["NO_PROXY"], "$(KUBERNETES_SERVICE_HOST),", name)
		assert.Contains(t, v["NO_PROXY"], ",169.254.170.23,fd00:ec2::23,.corp.example,10.0.0.0/8", name)
		assert.Equal(t, "/etc/waybill-authority/authority.crt", v["WAYBILL_AUTHORITY_FILE"], name)
		assert.NotNil(t, volume(t, template, "authority")["configMap"], name)
	}
	assert.Equal(t, authority, r.Named("pull-authority").Text(`data["authority.crt"]`))
	assert.Contains(t, r.Named("pull-egress").Value("spec.egress[1].ports").Mappable(), map[string]any{"protocol": "TCP", "port": 3128.0})

	args := workload()
	args.Proxy = &kubernetes.Proxy{HTTPS: proxy.HTTPS, AuthorityConfigMap: "corp-ca", AuthorityKey: "ca-bundle.crt"}
	args.Env = map[string]string{"NO_PROXY": "mine"}
	_, template := run(t, args)
	assert.Equal(t, map[string]string{"HTTPS_PROXY": proxy.HTTPS, "NO_PROXY": "mine", "SSL_CERT_FILE": "/etc/waybill-authority/authority.crt"}, variables(template))
	assert.Equal(t, map[string]any{"name": "corp-ca", "items": []any{map[string]any{"key": "ca-bundle.crt", "path": "authority.crt"}}},
		volume(t, template, "authority")["configMap"])
}

// A proxy or a server at a port of the metadata services does not open these.
func TestAPlainPortLeavesTheNodesIdentityOutOfReach(t *testing.T) {
	for _, port := range []int{80, 32526} {
		behind, direct := pullSecret(), pullSecret()
		behind.Proxy = &kubernetes.Proxy{HTTPS: fmt.Sprintf("http://proxy.corp.example:%d", port)}
		direct.EgressPorts = []int{port}
		for _, pull := range []*kubernetes.PullSecretArgs{behind, direct} {
			rule := register(t, pull, false).Named("pull-egress").Value("spec.egress[1]")
			assert.Equal(t, []any{map[string]any{"protocol": "TCP", "port": float64(port)}}, rule.ObjectValue()["ports"].Mappable())
			assert.Equal(t, []any{
				map[string]any{"ipBlock": map[string]any{"cidr": "0.0.0.0/0", "except": []any{"169.254.169.254/32", "168.63.129.16/32"}}},
				map[string]any{"ipBlock": map[string]any{"cidr": "::/0", "except": []any{"fd00:ec2::254/128"}}},
			}, rule.ObjectValue()["to"].Mappable())
		}
	}
}

func TestTheNetworkPolicyCanBeLeftOut(t *testing.T) {
	pull := pullSecret()
	pull.NoNetworkPolicy = true
	assert.Empty(t, register(t, pull, false).Of("NetworkPolicy"))
}

func TestLabelsOfTheCustomersOwnAreOnEveryObject(t *testing.T) {
	pull, product := pullSecret(), workload()
	pull.ObjectLabels = map[string]string{"cost-center": "42"}
	product.ObjectLabels = pull.ObjectLabels
	ofProduct, _ := run(t, product)
	for _, registration := range append(register(t, pull, false).All(), ofProduct.All()...) {
		if registration.Inputs.HasValue("metadata") && registration.Name != "app-replicas" { // part of the Deployment
			assert.Equal(t, "42", registration.Text(`metadata.labels["cost-center"]`), registration.Name)
			assert.Equal(t, "shop", registration.Text(`metadata.labels["app.kubernetes.io/name"]`), registration.Name)
		}
	}
}

func TestBadWishesOfAClusterAreNamed(t *testing.T) {
	for want, pod := range map[string]kubernetes.Pod{
		`labels["app.kubernetes.io/name"] "x": want a key that does not start with`: {Labels: map[string]string{"app.kubernetes.io/name": "x"}},
		`labels["a b"] "x": want a key of at most 63`:                               {Labels: map[string]string{"a b": "x"}},
		`labels["a"] "x y": want at most 63 letters`:                                {Labels: map[string]string{"a": "x y"}},
		`annotations["/a"] "x": want a key`:                                         {Annotations: map[string]string{"/a": "x"}},
		`nodeSelector["kubernetes.io/os"] "windows": want linux`:                    {NodeSelector: map[string]string{"kubernetes.io/os": "windows"}},
		`tolerations[0].operator "In": want Exists or Equal`:                        {Tolerations: []kubernetes.Toleration{{Key: "a", Operator: "In"}}},
		`tolerations[0].key is missing`:                                             {Tolerations: []kubernetes.Toleration{{Value: "a"}}},
		`tolerations[0].value "a": want none with the operator Exists`:              {Tolerations: []kubernetes.Toleration{{Key: "k", Value: "a", Operator: "Exists"}}},
		`tolerations[0].effect "Never"`:                                             {Tolerations: []kubernetes.Toleration{{Key: "k", Effect: "Never"}}},
		`priorityClass "High"`:                                                      {PriorityClass: "High"},
		`pullSecrets[0] "Mirror"`:                                                   {PullSecrets: []string{"Mirror"}},
		`platformIds true: want neither user nor group`:                             {PlatformIDs: true, Group: 5},
		`user -1: want 1 to 2147483647`:                                             {User: -1},
	} {
		pull, product := pullSecret(), workload()
		pull.Refresher.Pod, product.Pod = pod, pod
		require.ErrorContains(t, pull.Validate(), "kubernetes.PullSecret: refresher."+want)
		require.ErrorContains(t, product.Validate(), "kubernetes.Workload: "+want)
	}
	for want, proxy := range map[string]kubernetes.Proxy{
		`proxy.https holds a user or a password`:              {HTTPS: "http://me:secret@proxy.example:3128"},
		`proxy.https "proxy.example:3128": want http://`:      {HTTPS: "proxy.example:3128"},
		`proxy.https "socks5://proxy.example:1080": want ht`:  {HTTPS: "socks5://proxy.example:1080"},
		`proxy.https "http://proxy.example": want http://`:    {HTTPS: "http://proxy.example"},
		`proxy.https "https://proxy.example": want http://`:   {HTTPS: "https://proxy.example"},
		`proxy.https "http://proxy.example:0": want http://`:  {HTTPS: "http://proxy.example:0"},
		`proxy.https "http://p.example:65536": want http://`:  {HTTPS: "http://p.example:65536"},
		`proxy.https "http://p.example:80/a": want http://`:   {HTTPS: "http://p.example:80/a"},
		`proxy.no is given and proxy.https is not`:            {No: []string{"a.example"}},
		`proxy.no[0] "https://a.example": want a host`:        {HTTPS: "http://p:1", No: []string{"https://a.example"}},
		`proxy.authority is no PEM`:                           {Authority: "MIIB"},
		`proxy.authority and a ConfigMap's: want one of them`: {Authority: authority, AuthorityConfigMap: "a", AuthorityKey: "b"},
		`proxy.authorityConfigMap and its key: want both`:     {AuthorityConfigMap: "a"},
	} {
		pull := pullSecret()
		pull.Proxy = &proxy
		err := pull.Validate()
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "secret@")
	}
}

func TestAnIPv6ClustersAgentIsReached(t *testing.T) {
	pull := pullSecret()
	role := kubernetes.ECRRole{RoleARN: pulumi.String("arn:aws:iam::1:role/r"), Region: "eu-west-1"}
	pull.Source = kubernetes.PodIdentitySource{ECRRole: role, IPv6: true}
	r := register(t, pull, false)
	for name, template := range pods(r) {
		assert.Equal(t, "http://[fd00:ec2::23]/v1/credentials", variables(template)["AWS_CONTAINER_CREDENTIALS_FULL_URI"], name)
	}
	assert.Equal(t, []any{map[string]any{"ipBlock": map[string]any{"cidr": "fd00:ec2::23/128"}}},
		r.Named("pull-egress").Value("spec.egress[2].to").Mappable())
}
