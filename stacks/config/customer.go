package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// DefaultEnvironment adds nothing to any name, so that a customer that starts with
// it adds others without touching it.
const DefaultEnvironment = "default"

// Customer is the object waybill:customer. Its JSON Schema,
// schema/customer.schema.json, says what each key may be; what is said here is
// what empty means.
type Customer struct {
	Version  int      `json:"version"` // 0: 1
	Slug     string   `json:"slug"`
	Side     string   `json:"side"` // empty: both
	Platform string   `json:"platform"`
	Product  Product  `json:"product"`
	Exchange Exchange `json:"exchange"`
	// Environments are where the product runs, by name; empty: the default one.
	Environments map[string]*Environment `json:"environments"`
	Azure        Azure                   `json:"azure"`
	GCP          GCP                     `json:"gcp"`
	AWS          AWS                     `json:"aws"`
	EKS          EKS                     `json:"eks"`
	ECS          ECS                     `json:"ecs"`
	GKE          GKE                     `json:"gke"`
	Refresher    Refresher               `json:"refresher"`
	Workload     Workload                `json:"workload"`
	// Workloads stand in place of Workload where the product has several
	// components.
	Workloads []Component `json:"workloads"`
	// PullSecretOnly ends the stack with the pull secret: what runs is somebody else's.
	PullSecretOnly bool `json:"pullSecretOnly"`
	// Suspended takes the right to read away and leaves everything else as it is.
	Suspended bool `json:"suspended"`
	// Tags are put on every cloud resource beside waybill's own.
	Tags map[string]string `json:"tags"`
	// Labels are put on every Kubernetes object beside waybill's own.
	Labels map[string]string `json:"labels"`
	// Adopt are import IDs by the names of resources.
	Adopt map[string]string `json:"adopt"`
}

// Exchange says where the other party's documents come from.
type Exchange struct {
	Request DocumentSource `json:"request"`
	Grant   DocumentSource `json:"grant"`
	// Accept are changed identities of the other party that are accepted.
	Accept    []string `json:"accept"`
	Withdrawn bool     `json:"withdrawn"`
}

// DocumentSource is where a document is: a file or a stack's output. Neither
// means that it has not come.
type DocumentSource struct {
	File  string `json:"file"`
	Stack string `json:"stack"`
}

// Environment is where the product runs: a cluster and a namespace of it.
type Environment struct {
	// Name is the environment's key in the map.
	Name      string    `json:"-"`
	Cluster   Cluster   `json:"cluster"`
	Namespace Namespace `json:"namespace"`
	// PullSecret is the pull secret's name; empty: ar-pull-secret, or
	// PRODUCT-pull-secret in an existing namespace.
	PullSecret string `json:"pullSecret"`
	// PullSecretAlsoIn are other namespaces, which exist, that get the same pull secret.
	PullSecretAlsoIn []string `json:"pullSecretAlsoIn"`
	EgressPorts      []int    `json:"egressPorts"` // empty: 443, 6443
	// NetworkPolicy is false where the refresher's is left out; nil: true.
	NetworkPolicy *bool `json:"networkPolicy"`
	// Proxy is the cluster's way to the internet; nil: a direct one.
	Proxy    *Proxy   `json:"proxy"`
	Identity Identity `json:"identity"` // empty: azure.identity, its name with the environment's
	Product  Release  `json:"product"`  // empty: product's
	Replicas *int     `json:"replicas"` // nil: the workload's
}

// Proxy is a forward proxy, and the authority of one that looks into TLS.
type Proxy struct {
	HTTPS              string   `json:"https"` // empty: connections go out directly
	No                 []string `json:"no"`
	Authority          string   `json:"authority"`
	AuthorityConfigMap struct {
		Name string `json:"name"`
		Key  string `json:"key"`
	} `json:"authorityConfigMap"`
	// Product gives both to the product too.
	Product bool `json:"product"`
}

// Release is which of a product's images runs: by its tag or by its digest.
type Release struct {
	Tag    string `json:"tag"`
	Digest string `json:"digest"`
}

// Product is what is distributed.
type Product struct {
	Name  string `json:"name"`
	Image string `json:"image"` // empty: Name
	Release
	Port       int    `json:"port"`
	HealthPath string `json:"healthPath"` // empty: no probes
	ConfigPath string `json:"configPath"` // empty: no configuration file
}

// Azure is the customer's Azure side.
type Azure struct {
	Cloud          string   `json:"cloud"` // empty: public
	TenantID       string   `json:"tenantId"`
	SubscriptionID string   `json:"subscriptionId"`
	ResourceGroup  string   `json:"resourceGroup"`
	Location       string   `json:"location"` // empty: the group's
	NewLocation    bool     `json:"newLocation"`
	Trust          string   `json:"trust"` // empty: entra
	Identity       Identity `json:"identity"`
	Token          Token    `json:"token"`
	// WorkloadIdentities are what workloads become that have an identity.
	WorkloadIdentities WorkloadIdentities `json:"workloadIdentities"`
}

// WorkloadIdentities are identities that share a product's workloads out among
// them; all empty means new ones that are named after the product.
type WorkloadIdentities struct {
	Name         string        `json:"name"`
	Existing     []string      `json:"existing"`
	Applications []Application `json:"applications"`
}

// Cluster is a Kubernetes cluster: how its administrator reaches it, and who
// issues its tokens, by the cluster's name in its cloud or by the issuer itself.
type Cluster struct {
	Context       string `json:"context"`
	ID            string `json:"id"` // empty: not checked
	Name          string `json:"name"`
	ResourceGroup string `json:"resourceGroup"` // empty: azure.resourceGroup
	Issuer        string `json:"issuer"`        // empty: looked up by Name
	KeySet        string `json:"keySet"`        // empty: what the issuer publishes
}

// Identity is the identity that pulls; all empty means a new one that is named
// after the product.
type Identity struct {
	Name        string       `json:"name"`
	Existing    string       `json:"existing"`
	Application *Application `json:"application"`
}

// Application is an app registration.
type Application struct {
	ClientID    string `json:"clientId"`
	PrincipalID string `json:"principalId"`
}

// Token describes Entra's tokens where they are not the default.
type Token struct {
	Version  string `json:"version"`  // empty: v2
	Issuer   string `json:"issuer"`   // empty: the tenant's v2.0 issuer
	Audience string `json:"audience"` // empty: the token exchange's GUID
	Scope    string `json:"scope"`    // empty: the token exchange's
}

// GCP is the vendor's side on Google Cloud.
type GCP struct {
	Project        string     `json:"project"`
	ProjectNumber  string     `json:"projectNumber"` // the customer's anchor
	Location       string     `json:"location"`
	NewLocation    bool       `json:"newLocation"`
	Repository     Repository `json:"repository"`
	ServiceAccount string     `json:"serviceAccount"` // empty: SLUG--PRODUCT-pull
	Pool           string     `json:"pool"`           // empty: derived from slug and product
	Generation     int        `json:"generation"`     // 0: 1
}

// Repository is the one repository that the customer reads.
type Repository struct {
	Name                    string `json:"name"` // empty: SLUG--PRODUCT
	Existing                bool   `json:"existing"`
	Upstream                string `json:"upstream"` // empty: the repository holds images itself
	MutableTags             bool   `json:"mutableTags"`
	KMSKey                  string `json:"kmsKey"`                  // empty: a key of Google's
	Expire                  *bool  `json:"expire"`                  // nil: true
	KeepTagged              int    `json:"keepTagged"`              // 0: all
	ExpireUntaggedAfterDays int    `json:"expireUntaggedAfterDays"` // 0: 14, never with MutableTags
	Protect                 *bool  `json:"protect"`                 // nil: true
}

// AWS is the vendor's side on AWS, and the customer's where the product runs there.
type AWS struct {
	Vendor struct {
		AWSSite
		Repository ECRRepository `json:"repository"`
		// Role and OIDCProvider are for clusters outside AWS.
		Role         Role         `json:"role"`
		OIDCProvider OIDCProvider `json:"oidcProvider"`
	} `json:"vendor"`
	Customer AWSSite `json:"customer"`
}

// AWSSite is one party's account and Region.
type AWSSite struct {
	Account   string `json:"account"`
	Region    string `json:"region"`
	NewRegion bool   `json:"newRegion"`
	Profile   string `json:"profile"` // empty: the environment's credentials
}

// ECRRepository is the one repository that the customer reads.
type ECRRepository struct {
	Name                    string `json:"name"` // empty: SLUG/PRODUCT
	Existing                bool   `json:"existing"`
	MutableTags             bool   `json:"mutableTags"`
	Scan                    *bool  `json:"scan"`                    // nil: true
	KMSKey                  string `json:"kmsKey"`                  // empty: AES-256
	Expire                  *bool  `json:"expire"`                  // nil: true
	KeepTagged              int    `json:"keepTagged"`              // 0: all
	ExpireUntaggedAfterDays int    `json:"expireUntaggedAfterDays"` // 0: 14, never with MutableTags
	Protect                 *bool  `json:"protect"`                 // nil: true
}

// EKS is how an EKS cluster pulls.
type EKS struct {
	Pull         string       `json:"pull"`     // empty: pullSecret
	Trust        string       `json:"trust"`    // empty: irsa
	IPFamily     string       `json:"ipFamily"` // empty: ipv4
	OIDCProvider OIDCProvider `json:"oidcProvider"`
	NodeRoles    []string     `json:"nodeRoles"`
	Role         Role         `json:"role"`
}

// OIDCProvider is the account's IAM provider for a cluster's issuer.
type OIDCProvider struct {
	Existing *bool `json:"existing"` // nil: true for the cluster's own account
	Protect  *bool `json:"protect"`  // nil: true
}

// ECS is the service on Fargate.
type ECS struct {
	Cluster          string            `json:"cluster"`
	CPU              int               `json:"cpu"`          // 0: 512
	Memory           int               `json:"memory"`       // 0: 1024
	Architecture     string            `json:"architecture"` // empty: X86_64
	Subnets          []string          `json:"subnets"`
	SecurityGroups   []string          `json:"securityGroups"`
	TargetGroups     []string          `json:"targetGroups"`
	HealthGrace      int               `json:"healthGraceSeconds"`
	PublicIP         bool              `json:"publicIp"`
	LogRetentionDays int               `json:"logRetentionDays"` // 0: 30
	Secrets          map[string]string `json:"secrets"`
	SecretKeys       []string          `json:"secretKeys"`
	Health           Health            `json:"health"`
	ExecutionRole    Role              `json:"executionRole"`
	TaskRole         Role              `json:"taskRole"`
}

// Health says how ECS asks a container whether it is well; seconds, 0: ECS's default.
type Health struct {
	Command     []string `json:"command"` // empty: curl at product.healthPath
	Interval    int      `json:"interval"`
	Timeout     int      `json:"timeout"`
	Retries     int      `json:"retries"`
	StartPeriod int      `json:"startPeriod"`
}

// Role says how an IAM role is made.
type Role struct {
	Name                string `json:"name"` // empty: derived from the slug
	Path                string `json:"path"` // empty: /
	PermissionsBoundary string `json:"permissionsBoundary"`
	MaxSessionSeconds   int    `json:"maxSessionSeconds"` // 0: 3600
	Inline              bool   `json:"inline"`
}

// GKE says which nodes pull by themselves; all empty: none.
type GKE struct {
	Project             string   `json:"project"`
	ProjectNumber       string   `json:"projectNumber"` // the anchor of the default service account
	NodeServiceAccounts []string `json:"nodeServiceAccounts"`
}

// Namespace is the product's namespace.
type Namespace struct {
	Name             string `json:"name"` // empty: the product's name
	Existing         bool   `json:"existing"`
	Protect          *bool  `json:"protect"` // nil: true
	WaivePodSecurity bool   `json:"waivePodSecurity"`
}

// Refresher is the program that keeps the pull secret fresh.
type Refresher struct {
	Image    string `json:"image"`
	Every    string `json:"every"`    // empty: 15m, from ECR 30m
	Deadline string `json:"deadline"` // empty: 4m
	// Images are what a new token is tried on; empty: what runs, and with
	// PullSecretOnly the product's.
	Images []TriedImage `json:"images"`
	// Propagation is how long refusals that may pass are tried again.
	Propagation string `json:"propagation"` // empty: 90s, for the first refresh 480s
	Retries     *int   `json:"retries"`     // nil: 2
	Probes      bool   `json:"probes"`
	Pod
}

// Pod is what a cluster asks of pods: the same words for the refresher and every
// workload.
type Pod struct {
	Labels        map[string]string `json:"labels"`
	Annotations   map[string]string `json:"annotations"`
	NodeSelector  map[string]string `json:"nodeSelector"` // besides Linux
	Tolerations   []Toleration      `json:"tolerations"`
	PriorityClass string            `json:"priorityClass"`
	PullSecrets   []string          `json:"pullSecrets"`
	User          int               `json:"user"`  // 0: 65532
	Group         int               `json:"group"` // 0: the user's number
	PlatformIDs   bool              `json:"platformIds"`
	Resources     Resources         `json:"resources"`
}

// TriedImage is an image, or another OCI artefact, of the vendor's repository.
type TriedImage struct {
	Image string `json:"image"` // empty: the product's
	Release
}

// Toleration lets pods run on nodes with a taint.
type Toleration struct {
	Key      string `json:"key"`
	Operator string `json:"operator"` // empty: Equal with a value, otherwise Exists
	Value    string `json:"value"`
	Effect   string `json:"effect"` // empty: all
}

// Resources are a container's requests and limits.
type Resources struct {
	Requests map[string]string `json:"requests"`
	Limits   map[string]string `json:"limits"`
}

// Workload is how the product runs; everything has a default.
type Workload struct {
	Replicas   *int `json:"replicas"` // nil: 2
	Autoscaled bool `json:"autoscaled"`
	Pod
	ServicePort    int               `json:"servicePort"` // 0: 80
	Liveness       Probe             `json:"liveness"`
	Readiness      Probe             `json:"readiness"`
	Command        []string          `json:"command"`
	Args           []string          `json:"args"`
	Env            map[string]string `json:"env"`
	Writable       []WritableMount   `json:"writable"`
	MaxUnavailable string            `json:"maxUnavailable"` // empty: 1
	SpreadOver     []string          `json:"spreadOver"`     // nil: zones and nodes
	Selector       map[string]string `json:"selector"`       // empty: waybill's
	Identity       bool              `json:"identity"`
	// Policies are what the workload's role may do on AWS, by name.
	Policies map[string]json.RawMessage `json:"policies"`
}

// Component is one part of a product that has several.
type Component struct {
	Component  string `json:"component"`  // empty: the whole product
	Image      string `json:"image"`      // empty: the product's
	Port       int    `json:"port"`       // 0: the product's
	HealthPath string `json:"healthPath"` // empty: the product's
	// Environments are where it runs; empty: in all of them.
	Environments []string `json:"environments"`
	// Key is where the configuration describes it, such as workloads[0].
	Key string `json:"-"`
	Workload
}

// Probe says when product.healthPath is asked, in seconds.
type Probe struct {
	InitialDelay int `json:"initialDelay"`
	Period       int `json:"period"`
	Timeout      int `json:"timeout"`
	Failures     int `json:"failures"`
}

// WritableMount is a path that the product may write.
type WritableMount struct {
	Path string `json:"path"`
	Size string `json:"size"`
}

// setDefaults fills in what follows from other keys.
func (c *Customer) setDefaults() {
	c.Side = cmp.Or(c.Side, "both")
	c.Product.Image = cmp.Or(c.Product.Image, c.Product.Name)
	c.Azure.Cloud = cmp.Or(c.Azure.Cloud, "public")
	if w := &c.Azure.WorkloadIdentities; len(w.Existing) == 0 && len(w.Applications) == 0 {
		w.Name = cmp.Or(w.Name, c.Product.Name+"-workloads")
	}
	if len(c.Workloads) == 0 && !c.PullSecretOnly {
		c.Workloads = []Component{{Workload: c.Workload, Key: "workload"}}
	}
	for i := range c.Workloads {
		w := &c.Workloads[i]
		w.Key = cmp.Or(w.Key, fmt.Sprintf("workloads[%d]", i))
		w.Image = cmp.Or(w.Image, c.Product.Image)
		w.HealthPath = cmp.Or(w.HealthPath, c.Product.HealthPath)
		w.Port = cmp.Or(w.Port, c.Product.Port)
	}
	for i := range c.Refresher.Images {
		c.Refresher.Images[i].Image = cmp.Or(c.Refresher.Images[i].Image, c.Product.Image)
	}
	if c.Environments == nil {
		c.Environments = map[string]*Environment{DefaultEnvironment: {Name: DefaultEnvironment}}
	}
	for _, e := range c.Environments {
		e.Cluster.ResourceGroup = cmp.Or(e.Cluster.ResourceGroup, c.Azure.ResourceGroup)
		e.Namespace.Name = cmp.Or(e.Namespace.Name, c.Product.Name)
		if e.Product == (Release{}) {
			e.Product = c.Product.Release
		}
	}
}

// Sorted are the environments by name, the default one first.
func (c *Customer) Sorted() []*Environment {
	return slices.SortedFunc(maps.Values(c.Environments), func(a, b *Environment) int {
		return cmp.Compare(a.Own(), b.Own())
	})
}

// Own is the environment's name, and nothing for the default one.
func (e *Environment) Own() string {
	if e.Name == DefaultEnvironment {
		return ""
	}
	return e.Name
}

// Suffix ends the names of what is the environment's.
func (e *Environment) Suffix() string {
	if own := e.Own(); own != "" {
		return "-" + own
	}
	return ""
}

// Key is one of the environment's keys in the configuration.
func (e *Environment) Key(key string) string { return "environments." + e.Name + "." + key }

// WorkloadsIn are the components that run in an environment.
func (c *Customer) WorkloadsIn(e *Environment) []Component {
	var all []Component
	for _, w := range c.Workloads {
		if w.RunsIn(e) {
			all = append(all, w)
		}
	}
	return all
}

// RunsIn says whether the component runs in an environment.
func (w Component) RunsIn(e *Environment) bool {
	return len(w.Environments) == 0 || slices.Contains(w.Environments, e.Name)
}
