package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	kubernetessdk "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// settings are the provider's settings that have a meaning here.
type settings struct {
	context           string
	kubeconfig        string // path or contents; empty means the sandbox's
	namespace         string
	mutableConfigMaps bool
	mutableSecrets    bool
	patchForce        bool
	upsert            bool
}

// Some settings of v4.30 mean nothing in the sandbox and do no harm: its
// clusters are always reachable, it has no Helm hooks, and deprecations arrive
// as the API server's own warnings.
var harmless = []string{
	"clusterIdentifier", "deleteUnreachable", "skipUpdateUnreachable",
	"suppressDeprecationWarnings", "suppressHelmHookWarnings",
}

// engineKeys are put among a provider's inputs by the engine.
var engineKeys = []string{"version", "pluginDownloadURL", "__internal", "__pulumi-go-provider-version"}

// knownSettings are the names of the provider's settings, from the pulumi tags
// of the SDK's own argument struct (docs/facts.md §6).
func knownSettings() []string {
	var names []string
	arguments := kubernetessdk.ProviderArgs{}.ElementType()
	for i := range arguments.NumField() {
		if name, _, _ := strings.Cut(arguments.Field(i).Tag.Get("pulumi"), ","); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// CheckConfig refuses, all at once: settings that v4.30 does not have, settings
// that this provider cannot honour, values of the wrong type, a kubeconfig that
// leads elsewhere, and a context that is missing or unknown.
func (p *Provider) CheckConfig(_ context.Context, req plugin.CheckConfigRequest) (plugin.CheckConfigResponse, error) {
	_, failures := p.read(req.News)
	return plugin.CheckConfigResponse{Properties: req.News, Failures: failures}, nil
}

// Configure sets the connection's cluster. It makes no request yet.
func (p *Provider) Configure(_ context.Context, req plugin.ConfigureRequest) (plugin.ConfigureResponse, error) {
	read, failures := p.read(req.Inputs)
	var problems []error
	for _, failure := range failures {
		problems = append(problems, fmt.Errorf("kubernetes provider: %s", failure.Reason))
	}
	if err := errors.Join(problems...); err != nil {
		return plugin.ConfigureResponse{}, err
	}
	session, err := p.open(read)
	if err != nil {
		return plugin.ConfigureResponse{}, fmt.Errorf("kubernetes provider: %w", err)
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.session = session
	return plugin.ConfigureResponse{}, nil
}

// DiffConfig replaces the provider, and with it everything that it made, when
// the cluster behind it is another one; with clusterIdentifier set, when that
// changed. Everything else is an update.
func (p *Provider) DiffConfig(_ context.Context, req plugin.DiffConfigRequest) (plugin.DiffConfigResponse, error) {
	diff := req.OldInputs.Diff(req.NewInputs)
	if diff == nil {
		return plugin.DiffConfigResponse{Changes: plugin.DiffNone}, nil
	}
	response := plugin.DiffConfigResponse{Changes: plugin.DiffSome, ChangedKeys: diff.ChangedKeys()}
	const identifier = "clusterIdentifier"
	switch {
	case diff.Updated(identifier):
		response.ReplaceKeys = []resource.PropertyKey{identifier}
		return response, nil
	case diff.Same(identifier) && req.NewInputs.HasValue(identifier):
		return response, nil
	}
	replacing := slices.DeleteFunc(slices.Clone(response.ChangedKeys), func(key resource.PropertyKey) bool {
		return key != "context" && key != "kubeconfig"
	})
	if len(replacing) == 0 {
		return response, nil
	}
	before, known := p.target(req.OldInputs)
	after, knownToo := p.target(req.NewInputs)
	unknown := req.NewInputs["context"].ContainsUnknowns() || req.NewInputs["kubeconfig"].ContainsUnknowns()
	if unknown || known && knownToo && !reflect.DeepEqual(before, after) {
		response.ReplaceKeys = replacing
	}
	return response, nil
}

// read takes the settings apart and returns everything that is wrong with them.
func (p *Provider) read(inputs resource.PropertyMap) (settings, []plugin.CheckFailure) {
	var result settings
	var failures []plugin.CheckFailure
	fail := func(key, format string, args ...any) {
		failures = append(failures, plugin.CheckFailure{
			Property: resource.PropertyKey(key), Reason: key + ": " + fmt.Sprintf(format, args...),
		})
	}
	text := map[string]*string{
		"context": &result.context, "kubeconfig": &result.kubeconfig, "namespace": &result.namespace,
	}
	apply := true // enableServerSideApply's default
	flags := map[string]*bool{
		"enableConfigMapMutable": &result.mutableConfigMaps,
		"enableSecretMutable":    &result.mutableSecrets,
		"enablePatchForce":       &result.patchForce,
		"upsertExistingObjects":  &result.upsert,
		"enableServerSideApply":  &apply,
	}
	known := knownSettings()
	for _, property := range slices.Sorted(maps.Keys(inputs)) {
		key, value := string(property), reveal(inputs[property])
		switch {
		case slices.Contains(engineKeys, key) || slices.Contains(harmless, key) || value.IsNull() || value.IsComputed():
		case !slices.Contains(known, key):
			fail(key, "is no setting of the kubernetes provider v%s: want one of %s", version, strings.Join(known, ", "))
		case text[key] != nil && value.IsString():
			*text[key] = value.StringValue()
		case text[key] != nil:
			fail(key, "is %s: want text", value.TypeString())
		case flags[key] != nil:
			flag, ok := asBool(value)
			if !ok {
				fail(key, "is %v: want true or false", value.V)
				continue
			}
			*flags[key] = flag
		default:
			fail(key, "the sandbox's kubernetes provider cannot honour this setting: leave it out")
		}
	}
	if !apply {
		fail("enableServerSideApply", "is false: the sandbox's kubernetes provider updates by server-side apply only")
	}
	if inputs["context"].ContainsUnknowns() || inputs["kubeconfig"].ContainsUnknowns() {
		return result, failures
	}
	config, key, err := p.kubeconfig(result.kubeconfig)
	if err != nil {
		fail(key, "%v", err)
		return result, failures
	}
	contexts := strings.Join(slices.Sorted(maps.Keys(config.Contexts)), ", ")
	switch context := config.Contexts[result.context]; {
	case result.context == "":
		fail("context", "is missing: want one of %s", contexts)
	case context == nil:
		fail("context", "%q is in no kubeconfig: want one of %s", result.context, contexts)
	default:
		if err := p.ours(config.Clusters[context.Cluster]); err != nil {
			fail("kubeconfig", "context %q: %v", result.context, err)
		}
	}
	return result, failures
}

// kubeconfig loads a kubeconfig from its contents or its path, as v4.30 does,
// or the sandbox's own. It returns the name of the setting to blame.
func (p *Provider) kubeconfig(value string) (*api.Config, string, error) {
	if value == "" {
		config, err := clientcmd.LoadFromFile(p.options.Kubeconfig)
		return config, "context", err
	}
	if _, err := os.Stat(value); err == nil {
		config, err := clientcmd.LoadFromFile(value)
		return config, "kubeconfig", err
	}
	config, err := clientcmd.Load([]byte(value))
	if err != nil || len(config.Contexts) == 0 {
		// Neither the value nor the parser's error: it may hold a credential.
		return nil, "kubeconfig", errors.New("is neither the path of a kubeconfig nor the contents of one")
	}
	return config, "kubeconfig", nil
}

// ours is nil for a cluster of the sandbox: same server, same authority.
func (p *Provider) ours(cluster *api.Cluster) error {
	if cluster == nil {
		return errors.New("names a cluster that the kubeconfig does not have")
	}
	sandbox, err := clientcmd.LoadFromFile(p.options.Kubeconfig)
	if err != nil {
		return err
	}
	for _, known := range sandbox.Clusters {
		if known.Server == cluster.Server && slices.Equal(known.CertificateAuthorityData, cluster.CertificateAuthorityData) {
			return nil
		}
	}
	return fmt.Errorf("leads to %s, which is no cluster of this sandbox", cluster.Server)
}

// target is the cluster that the settings lead to, if they are known and right.
func (p *Provider) target(inputs resource.PropertyMap) (*api.Cluster, bool) {
	read, failures := p.read(inputs)
	if len(failures) > 0 || read.context == "" {
		return nil, false
	}
	config, _, err := p.kubeconfig(read.kubeconfig)
	if err != nil || config.Contexts[read.context] == nil {
		return nil, false
	}
	cluster, ok := config.Clusters[config.Contexts[read.context].Cluster]
	if !ok {
		return nil, false
	}
	return &api.Cluster{Server: cluster.Server, CertificateAuthorityData: cluster.CertificateAuthorityData}, true
}

// asBool accepts text too: the engine turns a provider's settings into text.
func asBool(value resource.PropertyValue) (bool, bool) {
	if value.IsBool() {
		return value.BoolValue(), true
	}
	if value.IsString() {
		parsed, err := strconv.ParseBool(value.StringValue())
		return parsed, err == nil
	}
	return false, false
}
