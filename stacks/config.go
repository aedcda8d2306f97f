package stacks

import "encoding/json"

// Customer is the object waybill:customer. Its JSON Schema,
// schema/customer.schema.json, says what each key may be; what is said here is
// what empty means.
type Customer struct {
	Slug     string   `json:"slug"`
	Side     string   `json:"side"` // empty: both
	Platform string   `json:"platform"`
	Product  Product  `json:"product"`
	Exchange Exchange `json:"exchange"`
	// Environments stand in place of the cluster of azure or eks and of
	// kubernetes; empty: one, which those describe.
	Environments []Environment `json:"environments"`
	Azure        Azure         `json:"azure"`
	GCP          GCP           `json:"gcp"`
	AWS          AWS           `json:"aws"`
	EKS          EKS           `json:"eks"`
	ECS          ECS           `json:"ecs"`
	GKE          GKE           `json:"gke"`
	Kubernetes   Kubernetes    `json:"kubernetes"`
	Refresher    Refresher     `json:"refresher"`
	Workload     Workload      `json:"workload"`
	// Workloads stand in place of Workload where the product has several
	// components.
	Workloads []Component `json:"workloads"`
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

// Environment is one of several environments of a customer.
type Environment struct {
	Name       string     `json:"name"`
	Cluster    Cluster    `json:"cluster"`
	Identity   Identity   `json:"identity"` // empty: azure.identity, its name with the environment's
	Kubernetes Kubernetes `json:"kubernetes"`
	Product    struct {
		Tag    string `json:"tag"`    // empty: product's
		Digest string `json:"digest"` // empty: product's
	} `json:"product"`
	Replicas *int `json:"replicas"` // nil: the workload's
}

// Product is what is distributed.
type Product struct {
	Name       string `json:"name"`
	Image      string `json:"image"` // empty: Name
	Tag        string `json:"tag"`
	Digest     string `json:"digest"`
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
	Cluster        Cluster  `json:"cluster"`
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

// Cluster is an AKS or EKS cluster, by name or by issuer.
type Cluster struct {
	Name          string `json:"name"`
	ResourceGroup string `json:"resourceGroup"` // empty: azure.resourceGroup
	Issuer        string `json:"issuer"`
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
	Repository     Repository `json:"repository"`
	ServiceAccount string     `json:"serviceAccount"` // empty: SLUG-pull
	Generation     int        `json:"generation"`     // 0: 1
}

// Repository is the one repository that the customer reads.
type Repository struct {
	Name        string `json:"name"` // empty: the slug
	Mode        string `json:"mode"` // empty: standard
	Upstream    string `json:"upstream"`
	MutableTags bool   `json:"mutableTags"`
	Protect     *bool  `json:"protect"` // nil: true
}

// AWS is both sides on AWS.
type AWS struct {
	Vendor struct {
		AWSSite
		Repository ECRRepository `json:"repository"`
	} `json:"vendor"`
	Customer AWSSite `json:"customer"`
}

// AWSSite is one party's account and Region.
type AWSSite struct {
	Account string `json:"account"`
	Region  string `json:"region"`
	Profile string `json:"profile"` // empty: the environment's credentials
}

// ECRRepository is the one repository that the customer reads.
type ECRRepository struct {
	Name                    string `json:"name"` // empty: the slug
	Mode                    string `json:"mode"` // empty: standard
	MutableTags             bool   `json:"mutableTags"`
	Unscanned               bool   `json:"unscanned"`
	KMSKey                  string `json:"kmsKey"`                  // empty: AES-256
	KeepTagged              int    `json:"keepTagged"`              // 0: 100
	ExpireUntaggedAfterDays int    `json:"expireUntaggedAfterDays"` // 0: 14
	KeepAll                 bool   `json:"keepAll"`
	Protect                 *bool  `json:"protect"` // nil: true
}

// EKS is the EKS cluster, and how it pulls.
type EKS struct {
	Cluster        Cluster  `json:"cluster"`
	Pull           string   `json:"pull"`  // empty: pullSecret
	Trust          string   `json:"trust"` // empty: irsa
	CreateProvider bool     `json:"createProvider"`
	NodeRoles      []string `json:"nodeRoles"`
	Role           Role     `json:"role"`
}

// ECS is the service on Fargate.
type ECS struct {
	Cluster          string            `json:"cluster"`
	CPU              int               `json:"cpu"`          // 0: 512
	Memory           int               `json:"memory"`       // 0: 1024
	Architecture     string            `json:"architecture"` // empty: X86_64
	Subnets          []string          `json:"subnets"`
	SecurityGroups   []string          `json:"securityGroups"`
	PublicIP         bool              `json:"publicIp"`
	LogRetentionDays int               `json:"logRetentionDays"` // 0: 30
	Secrets          map[string]string `json:"secrets"`
	ExecutionRole    Role              `json:"executionRole"`
	TaskRole         Role              `json:"taskRole"`
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
	NodeServiceAccounts []string `json:"nodeServiceAccounts"`
}

// Kubernetes is the cluster as its administrator reaches it.
type Kubernetes struct {
	Context     string    `json:"context"`
	Namespace   Namespace `json:"namespace"`
	PullSecret  string    `json:"pullSecret"`  // empty: ar-pull-secret
	EgressPorts []int     `json:"egressPorts"` // empty: 443
	Issuer      string    `json:"issuer"`
	KeySet      string    `json:"keySet"` // empty: what the issuer publishes
}

// Namespace is the product's namespace.
type Namespace struct {
	Name             string `json:"name"` // empty: the product's name
	Existing         bool   `json:"existing"`
	WaivePodSecurity bool   `json:"waivePodSecurity"`
}

// Refresher is the program that keeps the pull secret fresh.
type Refresher struct {
	Image    string `json:"image"`
	Every    string `json:"every"`    // empty: 15m
	Deadline string `json:"deadline"` // empty: 4m
	// Propagation is how long refusals that may pass are tried again.
	Propagation string    `json:"propagation"` // empty: 90s
	Retries     *int      `json:"retries"`     // nil: 2
	Resources   Resources `json:"resources"`
}

// Resources are a container's requests and limits.
type Resources struct {
	Requests map[string]string `json:"requests"`
	Limits   map[string]string `json:"limits"`
}

// Workload is how the product runs; everything has a default.
type Workload struct {
	Replicas       *int              `json:"replicas"` // nil: 2
	Resources      Resources         `json:"resources"`
	ServicePort    int               `json:"servicePort"` // 0: 80
	Liveness       Probe             `json:"liveness"`
	Readiness      Probe             `json:"readiness"`
	Command        []string          `json:"command"`
	Args           []string          `json:"args"`
	Env            map[string]string `json:"env"`
	Writable       []WritableMount   `json:"writable"`
	User           int               `json:"user"`           // 0: 65532
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

// The words of the configuration that decide something in Go.
const (
	sideVendor     = "vendor"
	sideCustomer   = "customer"
	platformAKS    = "aks"
	platformEKS    = "eks"
	platformECS    = "ecs"
	platformOther  = "kubernetes"
	clusterTrust   = "cluster"
	pullSecretMode = "pullSecret"
	nodeRoleMode   = "nodeRole"
	irsaTrust      = "irsa"
	podIdentity    = "podIdentity"
)

// setDefaults fills in what follows from other keys.
func (c *Customer) setDefaults() {
	orElse(&c.Side, "both")
	orElse(&c.Product.Image, c.Product.Name)
	orElse(&c.Azure.Cloud, "public")
	orElse(&c.Azure.Trust, "entra")
	orElse(&c.EKS.Pull, pullSecretMode)
	orElse(&c.EKS.Trust, irsaTrust)
	if w := &c.Azure.WorkloadIdentities; len(w.Existing) == 0 && len(w.Applications) == 0 {
		orElse(&w.Name, c.Product.Name+"-workloads")
	}
	if len(c.Workloads) == 0 {
		c.Workloads = []Component{{Workload: c.Workload}}
	}
	for i := range c.Workloads {
		w := &c.Workloads[i]
		orElse(&w.Image, c.Product.Image)
		orElse(&w.HealthPath, c.Product.HealthPath)
		if w.Port == 0 {
			w.Port = c.Product.Port
		}
	}
}

// customers says whether the stack builds the customer's half, vendors whether
// it builds the vendor's.
func (c *Customer) customers() bool { return c.Side != sideVendor }
func (c *Customer) vendors() bool   { return c.Side != sideCustomer }

// nodesPull says whether nodes pull with their own identity, and no refresher.
func (c *Customer) nodesPull() bool {
	return c.GKE.Project != "" || c.Platform == platformEKS && c.EKS.Pull == nodeRoleMode
}

// kind of chain: the words are those of the documents' schemas.
func (c *Customer) kind() string {
	switch {
	case c.Platform == platformEKS || c.Platform == platformECS:
		return kindAmazon
	case c.GKE.Project != "":
		return kindNodes
	case c.Platform == platformOther || c.Azure.Trust == clusterTrust:
		return kindCluster
	default:
		return kindEntra
	}
}

func orElse(value *string, fallback string) {
	if *value == "" {
		*value = fallback
	}
}

// reference is the image of a repository's as it ends a reference: PATH with
// the product's tag or digest.
func (p Product) reference(path string) string {
	if p.Digest != "" {
		return path + "@" + p.Digest
	}
	return path + ":" + p.Tag
}
