package world

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Walk says what a rehearsal of the world has to walk, whatever the program says
// of itself: a program that builds less fails.
type Walk struct {
	// Chain is how the product's image is pulled: entra, clusterIssuer, irsa,
	// podIdentity, vendorRole, eksNodes, gkeNodes or ecs.
	Chain string `json:"chain,omitempty"`
	// Stacks are those of the two parties, by name; empty means one stack that builds
	// both sides.
	Stacks map[string]Party `json:"stacks,omitempty"`
	// Environments are those of the product, by name; a single one is called default.
	Environments map[string]Place `json:"environments,omitempty"`
	// Workloads are the components of the product whose ServiceAccount becomes an
	// identity of its own, in each environment.
	Workloads []Workload `json:"workloads,omitempty"`
	// Leftovers are the names of cases that nobody refuses until somebody deletes what
	// was made by hand (docs/adoption.md).
	Leftovers []string `json:"leftovers,omitempty"`
	// Survives are what a destroy must not delete before the stack says so: repository,
	// namespace, oidcProvider, upstreamReader.
	Survives []string `json:"survives,omitempty"`
	// Product is what the product answers.
	Product Product `json:"product,omitempty"`
}

// Chains are the ways to a pulled image: a refresher's through Entra and Google,
// through Google alone (clusterIssuer), through AWS by IRSA or EKS Pod Identity, or
// by a role in the vendor's account that trusts any cluster's issuer (vendorRole);
// the nodes', with the nodeRole or nodeServiceAccount of their cluster; and that
// of a task on ECS.
var Chains = []string{ChainEntra, ChainClusterIssuer, ChainIRSA, ChainPodIdentity, ChainVendorRole, ChainEKSNodes, ChainGKENodes, ChainECS}

// The Chains.
const (
	ChainEntra         = "entra"
	ChainClusterIssuer = "clusterIssuer"
	ChainIRSA          = "irsa"
	ChainPodIdentity   = "podIdentity"
	ChainVendorRole    = "vendorRole"
	ChainEKSNodes      = "eksNodes"
	ChainGKENodes      = "gkeNodes"
	ChainECS           = "ecs"
)

// Survivors are what others may use too, or what cannot be had again: the vendor's
// repository with its releases, a namespace, the account's OIDC provider, the right of
// Google's account to read for virtual repositories.
var Survivors = []string{"repository", "namespace", "oidcProvider", "upstreamReader"}

// Party is one of two parties' stacks.
type Party struct {
	// Side is vendor or customer.
	Side string `json:"side"`
	// WaitsFor is the other party's stack: this one may wait for its document as
	// long as that one has exported none; empty means that it never waits.
	WaitsFor string `json:"waitsFor,omitempty"`
}

// Place is where the product runs in one environment; empty on ECS.
type Place struct {
	// Context is that of one of kubernetes.clusters.
	Context string `json:"context,omitempty"`
	// Namespace is the product's.
	Namespace string `json:"namespace,omitempty"`
	// AlsoIn are other namespaces in which the refresher writes the pull secret.
	AlsoIn []string `json:"alsoIn,omitempty"`
	// Release is the tag that runs there; empty means the only one.
	Release string `json:"release,omitempty"`
}

// Workload is a component with an identity of its own.
type Workload struct {
	// Account is the name of its ServiceAccount.
	Account string `json:"account"`
	// Hop is where it becomes its identity: entra, or sts for a role in AWS.
	Hop string `json:"hop"`
}

// Product is what the product answers, and what it needs.
type Product struct {
	// Port is the one that it listens on.
	Port int `json:"port,omitempty"`
	// Health is the path of its health check, for example /health; empty means none,
	// so that nobody may ask for it.
	Health string `json:"health,omitempty"`
	// Reads are the variables of its environment that it cannot do without.
	Reads []string `json:"reads,omitempty"`
	// Files are those that it reads, besides those of its image.
	Files []string `json:"files,omitempty"`
	// Services are the addresses at which it is called in its namespace, NAME:PORT.
	Services []string `json:"services,omitempty"`
	// Memory is what a task of it needs on ECS, in MiB; 0 means any.
	Memory int `json:"memory,omitempty"`
	// Writes are the folders that it writes to.
	Writes []string `json:"writes,omitempty"`
	// GoesOut is true where it calls public hosts itself, by the cluster's proxy if
	// there is one.
	GoesOut bool `json:"goesOut,omitempty"`
	// Replicas is how many pods, or tasks, of it are to run; 0 means any number.
	Replicas int `json:"replicas,omitempty"`
	// Autoscaled is true where an autoscaler chooses how many pods there are.
	Autoscaled bool `json:"autoscaled,omitempty"`
	// ARM is true where the vendor builds it for ARM64 besides AMD64.
	ARM bool `json:"arm,omitempty"`
	// Exposed is true where it is reached from outside the cluster, on ECS through a
	// target group.
	Exposed bool `json:"exposed,omitempty"`
}

// Party of a stack: its side, and what it may wait for.
func (w Walk) Party(stack string) Party {
	if party, named := w.Stacks[stack]; named {
		return party
	}
	return Party{Side: "both"}
}

// Customer is the stack that walks the chain of a vendor's.
func (w Walk) Customer() string {
	for _, name := range slices.Sorted(maps.Keys(w.Stacks)) {
		if w.Stacks[name].Side == "customer" {
			return name
		}
	}
	return ""
}

func (w *World) validateWalk(report func(format string, args ...any)) {
	walk := w.Walk
	if walk.Chain == "" && len(walk.Environments) == 0 {
		return // a world that nobody walks in
	}
	if !slices.Contains(Chains, walk.Chain) {
		report("walk.chain %q: want one of %s", walk.Chain, strings.Join(Chains, ", "))
	}
	if len(walk.Environments) == 0 {
		report("walk.environments: want each by its name, default where there is one alone")
	}
	for name, place := range walk.Environments {
		key := "walk.environments." + name
		known := slices.ContainsFunc(w.Kubernetes.Clusters, func(c Cluster) bool { return c.Context == place.Context })
		switch {
		case walk.Chain == ChainECS && (place.Context != "" || place.Namespace != "" || place.AlsoIn != nil):
			report("%s: want {}: ECS has neither contexts nor namespaces", key)
		case walk.Chain != ChainECS && (!known || place.Namespace == ""):
			report("%s: want the context of one of kubernetes.clusters, and a namespace", key)
		}
	}
	if p := walk.Product; p.Port <= 0 || p.Port > 65535 || p.Health != "" && !strings.HasPrefix(p.Health, "/") {
		report("walk.product: want the port that it listens on, and the path of its health check, if it has one")
	}
	for _, word := range walk.Survives {
		oneOf("walk.survives", word, Survivors, report)
	}
	for name, party := range walk.Stacks {
		_, known := walk.Stacks[party.WaitsFor]
		if party.Side != "vendor" && party.Side != "customer" || party.WaitsFor != "" && (!known || party.WaitsFor == name) {
			report("walk.stacks.%s: want the side vendor or customer, and in waitsFor the other stack, or nothing", name)
		}
	}
	for i, workload := range walk.Workloads {
		oneOf(fmt.Sprintf("walk.workloads[%d].hop", i), workload.Hop, []string{"entra", "sts"}, report)
	}
}

// validatePusher checks who pushes releases.
func validatePusher(key, pusher string, releases []string, known bool, report func(format string, args ...any)) {
	if pusher != "" && !known || pusher == "" && len(releases) > 0 {
		report("%s.pusher %q: want the one who pushes the releases, of those that the world has there", key, pusher)
	}
}
