// Package world reads what existed in the customer's and the vendor's clouds
// before waybill came: tenants, clusters and their issuers, projects and their
// numbers, namespaces. A world is written by hand, worlds/<stack>.yaml, and is
// never derived from the stack's configuration, so that a wrong value in the
// configuration is found.
package world

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// World is everything that the embedded clouds hold before the first update.
type World struct {
	Azure      Azure      `json:"azure,omitzero"`
	GCP        GCP        `json:"gcp,omitzero"`
	AWS        AWS        `json:"aws,omitzero"`
	Kubernetes Kubernetes `json:"kubernetes,omitzero"`
	// Refresher is the reference under which the refresher's image was
	// published, in one of the registries, as HOST/NAME:TAG.
	Refresher string `json:"refresher,omitempty"`
	// Registries are public: anybody may pull from them.
	Registries []Registry `json:"registries,omitempty"`
	// Walk is what a rehearsal walks; empty means nothing.
	Walk Walk `json:"walk,omitempty"`
}

// Azure holds the tenants of the customer's side.
type Azure struct {
	Tenants []Tenant `json:"tenants,omitempty"`
}

// Tenant is one Entra tenant with its subscriptions.
type Tenant struct {
	// ID is the tenant's GUID.
	ID string `json:"id"`
	// Cloud is the Azure cloud that the tenant belongs to: public, usgovernment or
	// china; empty means public.
	Cloud         string         `json:"cloud,omitempty"`
	Subscriptions []Subscription `json:"subscriptions,omitempty"`
	// Applications are the app registrations that were made by hand.
	Applications []Application `json:"applications,omitempty"`
}

// AzureClouds are the clouds that a tenant can belong to (docs/facts.md §2).
var AzureClouds = []string{"public", "usgovernment", "china"}

// Application is an app registration with its service principal in the tenant.
type Application struct {
	// ClientID is the registration's application ID, a GUID.
	ClientID string `json:"clientId"`
	// PrincipalID is the object ID of its service principal, a GUID: sub and
	// oid of its tokens.
	PrincipalID string `json:"principalId"`
	// IdentifierURI is the application ID URI under which tokens for this
	// application are asked for; empty means none.
	IdentifierURI string `json:"identifierUri,omitempty"`
	// AccessTokenVersion is the form of the tokens for this application, 1 or
	// 2; 0 means 1, as for a registration where nobody set it.
	AccessTokenVersion int `json:"accessTokenVersion,omitempty"`
	// FederatedCredentials say whose tokens may become the application.
	FederatedCredentials []FederatedCredential `json:"federatedCredentials,omitempty"`
}

// FederatedCredential is a federated identity credential of an app registration
// or a managed identity.
type FederatedCredential struct {
	Name string `json:"name"`
	// Issuer is that of the tokens.
	Issuer string `json:"issuer"`
	// Subject is that of the tokens.
	Subject string `json:"subject"`
	// Audience is that of the tokens.
	Audience string `json:"audience"`
}

// Subscription is a subscription with its resource groups.
type Subscription struct {
	// ID is the subscription's GUID.
	ID             string          `json:"id"`
	ResourceGroups []ResourceGroup `json:"resourceGroups,omitempty"`
}

// ResourceGroup is a resource group with what was made in it by hand.
type ResourceGroup struct {
	Name string `json:"name"`
	// Location is the region's short name, for example westeurope.
	Location   string       `json:"location"`
	Clusters   []AKSCluster `json:"clusters,omitempty"`
	Identities []Identity   `json:"identities,omitempty"`
}

// AKSCluster is an AKS managed cluster.
type AKSCluster struct {
	Name string `json:"name"`
	// Issuer is the cluster's OIDC issuer URL with its trailing slash; empty
	// means that the cluster was created without one.
	Issuer string `json:"issuer,omitempty"`
	// KubernetesVersion is the control plane's version; empty means 1.34.2, the
	// version of the sandbox's own control plane.
	KubernetesVersion string `json:"kubernetesVersion,omitempty"`
}

// Identity is a user-assigned managed identity that exists already.
type Identity struct {
	Name string `json:"name"`
	// ClientID is a GUID.
	ClientID string `json:"clientId"`
	// PrincipalID is a GUID: sub and oid of the identity's tokens.
	PrincipalID string `json:"principalId"`
	// Location is the region's short name; empty means the resource group's.
	Location string            `json:"location,omitempty"`
	Tags     map[string]string `json:"tags,omitempty"`
	// FederatedCredentials say whose tokens may become the identity.
	FederatedCredentials []FederatedCredential `json:"federatedCredentials,omitempty"`
}

// Kubernetes holds the clusters that a kubeconfig of the customer's can reach.
type Kubernetes struct {
	Clusters []Cluster `json:"clusters,omitempty"`
}

// Cluster is one Kubernetes cluster, whoever runs it.
type Cluster struct {
	// Context is the kubeconfig context that reaches it.
	Context string `json:"context"`
	// Issuer is the issuer of its ServiceAccount tokens: for an AKS cluster the
	// same URL as in azure.
	Issuer     string      `json:"issuer"`
	Network    Network     `json:"network,omitzero"`
	Nodes      Nodes       `json:"nodes,omitzero"`
	Namespaces []Namespace `json:"namespaces,omitempty"`
	// Policies are the sets of admission policies that the cluster enforces, by the
	// names of the files in sandbox/world/policies.
	Policies []string `json:"policies,omitempty"`
	// Objects are the manifests that somebody applied by hand, in this order,
	// after the namespaces were made.
	Objects []json.RawMessage `json:"objects,omitempty"`
}

// Nodes are those of a cluster, all alike but for those in others.
type Nodes struct {
	// Labels are those besides what the kubelet sets on every node.
	Labels map[string]string `json:"labels,omitempty"`
	// Taints are those of Kubernetes: key, value, effect.
	Taints []corev1.Taint `json:"taints,omitempty"`
	// Others are pools on which nothing of the program may run: in no case nodes of
	// Windows, of which every cluster may have some.
	Others []Pool `json:"others,omitempty"`
}

// Pool is nodes of one kind.
type Pool struct {
	// Labels are those of its nodes.
	Labels map[string]string `json:"labels,omitempty"`
	// Taints are those of Kubernetes: key, value, effect.
	Taints []corev1.Taint `json:"taints,omitempty"`
}

// Namespace is one that exists already.
type Namespace struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
}

// Load reads and checks a world. Unknown keys are refused; every problem is
// reported at once.
func Load(path string) (*World, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("world: %w", err)
	}
	var w World
	if err := w.read(text); err != nil {
		return nil, fmt.Errorf("world %s:\n%w", path, err)
	}
	return &w, nil
}

func (w *World) read(text []byte) error {
	var keys any
	if err := yaml.Unmarshal(text, &keys); err != nil {
		return err
	}
	var unknown, wrong problems
	checkKeys("", keys, reflect.TypeFor[World](), &unknown, &wrong)
	if len(unknown) > 0 {
		return errors.Join(unknown...)
	}
	if err := yaml.UnmarshalStrict(text, w); err != nil {
		return err
	}
	w.validate(wrong.report)
	return errors.Join(wrong...)
}

func (w *World) validate(report func(format string, args ...any)) {
	for i, cluster := range w.Kubernetes.Clusters {
		issuer, err := url.Parse(cluster.Issuer)
		if err != nil || issuer.Scheme != "https" || issuer.Host == "" {
			report("kubernetes.clusters[%d].issuer %q: want an https URL", i, cluster.Issuer)
		}
		if slices.IndexFunc(w.Kubernetes.Clusters, func(c Cluster) bool { return c.Context == cluster.Context }) != i {
			report("kubernetes.clusters[%d].context %q: names another cluster already", i, cluster.Context)
		}
		for j, taint := range cluster.Nodes.Taints {
			effects := []corev1.TaintEffect{corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute}
			if !slices.Contains(effects, taint.Effect) {
				report("kubernetes.clusters[%d].nodes.taints[%d].effect %q: want one of %q", i, j, taint.Effect, effects)
			}
		}
		w.Kubernetes.Clusters[i].enforce(fmt.Sprintf("kubernetes.clusters[%d]", i), report)
		cluster.Network.validate(fmt.Sprintf("kubernetes.clusters[%d].network", i), report)
	}
	w.validateObjects(report)
	w.validateGCP(report)
	w.validateRegistries(report)
	w.validateAWS(report)
	w.validateWalk(report)
	for i, tenant := range w.Azure.Tenants {
		oneOf(fmt.Sprintf("azure.tenants[%d].cloud", i), tenant.Cloud, AzureClouds, report)
		for j, application := range tenant.Applications {
			if version := application.AccessTokenVersion; version < 0 || version > 2 {
				report("azure.tenants[%d].applications[%d].accessTokenVersion %d: want 1 or 2", i, j, version)
			}
		}
	}
}

// validateObjects checks that every manifest names its kind and itself; the API
// server checks the rest.
func (w *World) validateObjects(report func(format string, args ...any)) {
	for i, cluster := range w.Kubernetes.Clusters {
		for j, text := range cluster.Objects {
			var object struct {
				APIVersion string `json:"apiVersion"`
				Kind       string `json:"kind"`
				Metadata   struct {
					Name string `json:"name"`
				} `json:"metadata"`
			}
			if err := json.Unmarshal(text, &object); err != nil || object.APIVersion == "" || object.Kind == "" || object.Metadata.Name == "" {
				report("kubernetes.clusters[%d].objects[%d]: want a manifest with apiVersion, kind and metadata.name", i, j)
			}
		}
	}
}
