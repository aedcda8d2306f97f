package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
)

// session is a configured connection: one cluster and the settings for it.
type session struct {
	settings settings
	// namespace is where a namespaced object without a namespace goes: the
	// setting's, else the context's, else default.
	namespace string
	dynamic   dynamic.Interface
	typed     kubernetes.Interface
	mapper    *restmapper.DeferredDiscoveryRESTMapper
}

// open makes the clients for the settings' cluster.
func (p *Provider) open(settings settings) (*session, error) {
	kubeconfig, _, err := p.kubeconfig(settings.kubeconfig)
	if err != nil {
		return nil, err
	}
	overrides := &clientcmd.ConfigOverrides{}
	overrides.Context.Namespace = settings.namespace
	loader := clientcmd.NewNonInteractiveClientConfig(*kubeconfig, settings.context, overrides, nil)
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, err
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, err
	}
	// v4.30's own limits: its default kubeClientSettings are 50 and 100 requests
	// a second, https://www.pulumi.com/registry/packages/kubernetes/api-docs/provider/.
	config.QPS, config.Burst = 50, 100
	config.WarningHandlerWithContext = warnings{p.options.Log}

	s := &session{settings: settings, namespace: namespace}
	if s.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return nil, err
	}
	if s.typed, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	disco, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	s.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(disco))
	return s, nil
}

// kindOf reads a type token, kubernetes:GROUP/VERSION:Kind, where the core
// group is written core. Kinds that Kubernetes itself does not define are
// refused, and so are v4.30's List and Patch resources.
func kindOf(token tokens.Type) (schema.GroupVersionKind, error) {
	parts := strings.Split(string(token), ":")
	if len(parts) != 3 || parts[0] != "kubernetes" {
		return schema.GroupVersionKind{}, fmt.Errorf("%s: want a type kubernetes:GROUP/VERSION:Kind", token)
	}
	group, version, ok := strings.Cut(parts[1], "/")
	if !ok {
		return schema.GroupVersionKind{}, fmt.Errorf("%s: is no kind of object; the sandbox's kubernetes provider makes objects only", token)
	}
	if group == "core" {
		group = ""
	}
	kind := schema.GroupVersionKind{Group: group, Version: version, Kind: parts[2]}
	switch {
	case strings.HasSuffix(kind.Kind, "List"):
		return kind, fmt.Errorf("%s: a list cannot be created: want the kind of its items", token)
	case !scheme.Scheme.Recognizes(kind):
		return kind, fmt.Errorf("%s: is no kind that Kubernetes defines; the sandbox's kubernetes provider takes no custom resources and no Patch resources", token)
	}
	return kind, nil
}

// mapping asks the API server for the kind's resource and scope.
func (s *session) mapping(kind schema.GroupVersionKind) (*meta.RESTMapping, error) {
	return s.mapper.RESTMapping(kind.GroupKind(), kind.Version)
}

// client returns the client of the kind in the namespace, which is ignored for
// kinds without one.
func (s *session) client(kind schema.GroupVersionKind, namespace string) (dynamic.ResourceInterface, error) {
	mapping, err := s.mapping(kind)
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() != meta.RESTScopeNameNamespace {
		return s.dynamic.Resource(mapping.Resource), nil
	}
	if namespace == "" {
		namespace = s.namespace
	}
	return s.dynamic.Resource(mapping.Resource).Namespace(namespace), nil
}

// named puts the kind and the object's name before an error, which stays in
// the API server's words.
func named(kind schema.GroupVersionKind, object metav1.Object, err error) error {
	return fmt.Errorf("%s %s: %w", kind.Kind, identifier(object), err)
}

// identifier is an object's ID: namespace/name, or its name alone.
func identifier(object metav1.Object) string {
	if object.GetNamespace() == "" {
		return object.GetName()
	}
	return object.GetNamespace() + "/" + object.GetName()
}

// parseID takes an ID apart; the namespace may be empty.
func parseID(id resource.ID) (namespace, name string, err error) {
	parts := strings.Split(string(id), "/")
	switch {
	case len(parts) == 1 && parts[0] != "":
		return "", parts[0], nil
	case len(parts) == 2 && parts[0] != "" && parts[1] != "":
		return parts[0], parts[1], nil
	}
	return "", "", fmt.Errorf("ID %q: want NAME or NAMESPACE/NAME", id)
}

// warnings hands the API server's warning headers to the user, for example
// those of Pod Security for a workload that would be denied its pods.
type warnings struct {
	log func(resource.URN, string)
}

// HandleWarningHeaderWithContext implements rest.WarningHandlerWithContext.
func (w warnings) HandleWarningHeaderWithContext(ctx context.Context, code int, _ string, text string) {
	// 299 is the only code that Kubernetes uses.
	if urn, ok := ctx.Value(urnKey{}).(resource.URN); ok && code == 299 && text != "" {
		w.log(urn, "warning: "+text)
	}
}
