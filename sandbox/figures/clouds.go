package figures

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"k8s.io/apimachinery/pkg/util/validation"

	"waybill.example/waybill/sandbox/azure"
	"waybill.example/waybill/sandbox/gcp"
	"waybill.example/waybill/sandbox/world"
)

// clouds answer a program that runs without an engine: the embedded providers of
// a world that has what the configuration names. They keep what is refused.
type clouds struct {
	providers  map[string]plugin.Provider
	mutex      sync.Mutex
	registered int
	refused    []string
}

// named is the part of a configuration that names what exists already.
type named struct {
	Azure struct {
		TenantID       string `json:"tenantId"`
		SubscriptionID string `json:"subscriptionId"`
		ResourceGroup  string `json:"resourceGroup"`
	} `json:"azure"`
	GCP struct {
		Project       string `json:"project"`
		ProjectNumber string `json:"projectNumber"`
	} `json:"gcp"`
	Environments map[string]struct {
		Cluster struct {
			Name string `json:"name"`
		} `json:"cluster"`
	} `json:"environments"`
}

// newClouds makes the world of a configuration. One that cannot be read names
// nothing, and is refused before anything is asked.
func newClouds(ctx context.Context, customer string) (*clouds, error) {
	var of named
	_ = json.Unmarshal([]byte(customer), &of)
	group := world.ResourceGroup{Name: of.Azure.ResourceGroup, Location: "westeurope"}
	for _, environment := range of.Environments {
		group.Clusters = append(group.Clusters, world.AKSCluster{
			Name: environment.Cluster.Name, Issuer: "https://issuer.example/cluster/",
		})
	}
	azureCloud, err := azure.Open("", world.Azure{Tenants: []world.Tenant{{
		ID: of.Azure.TenantID, Subscriptions: []world.Subscription{{ID: of.Azure.SubscriptionID, ResourceGroups: []world.ResourceGroup{group}}},
	}}}, 0, 0)
	if err != nil {
		return nil, err
	}
	gcpCloud, err := gcp.Open("", world.GCP{Projects: []world.Project{{ID: of.GCP.Project, Number: "123456789012", APIs: []string{
		"iam.googleapis.com", "artifactregistry.googleapis.com", "cloudresourcemanager.googleapis.com",
	}}}}, time.Now, 0)
	if err != nil {
		return nil, err
	}
	c := &clouds{providers: map[string]plugin.Provider{
		azure.Package: azureCloud.Provider().Open(), gcp.Package: gcpCloud.Provider().Open(),
	}}
	for name, config := range map[string]map[string]any{
		azure.Package: {"subscriptionId": of.Azure.SubscriptionID}, gcp.Package: {"project": of.GCP.Project},
	} {
		inputs := resource.NewPropertyMapFromMap(config)
		if _, err := c.providers[name].Configure(ctx, plugin.ConfigureRequest{Inputs: inputs}); err != nil {
			delete(c.providers, name) // nothing of this cloud can be registered
		}
	}
	return c, nil
}

// of is the provider of a token.
func (c *clouds) of(token string) (plugin.Provider, error) {
	name, _, _ := strings.Cut(token, ":")
	provider, found := c.providers[name]
	if !found {
		return nil, fmt.Errorf("figures: no provider for %s", token)
	}
	return provider, nil
}

// Call answers look-ups.
func (c *clouds) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	provider, err := c.of(args.Token)
	if err != nil {
		return nil, err
	}
	response, err := provider.Invoke(context.Background(), plugin.InvokeRequest{Tok: tokens.ModuleMember(args.Token), Args: args.Args})
	return response.Properties, err
}

// NewResource checks and creates as an engine does, and answers a read with an
// object that enforces Pod Security. What is refused is kept, and answered with
// its inputs: the program goes on and shows what else would be.
func (c *clouds) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	switch {
	case args.ReadRPC != nil:
		return args.ID, resource.NewPropertyMapFromMap(map[string]any{"metadata": map[string]any{
			"name": args.ID, "labels": map[string]any{"pod-security.kubernetes.io/enforce": "restricted"},
		}}), nil
	case args.TypeToken == "pulumi:pulumi:Stack":
		return args.Name, args.Inputs, nil
	case strings.HasPrefix(args.TypeToken, "kubernetes:"):
		return c.object(args)
	}
	provider, err := c.of(args.TypeToken)
	if err != nil { // a component or a provider
		c.note(args.Name)
		return args.Name + "-id", args.Inputs, nil
	}
	ctx, token := context.Background(), tokens.Type(args.TypeToken)
	urn := resource.NewURN("fuzz", "waybill", "", token, args.Name)
	checked, err := provider.Check(ctx, plugin.CheckRequest{URN: urn, Name: args.Name, Type: token, News: args.Inputs})
	var problems []string
	for _, failure := range checked.Failures {
		problems = append(problems, failure.Reason)
	}
	if err != nil || len(problems) > 0 {
		c.note(args.Name, append(problems, text(err)...)...)
		return args.Name + "-id", args.Inputs, nil
	}
	made, err := provider.Create(ctx, plugin.CreateRequest{URN: urn, Name: args.Name, Type: token, Properties: checked.Properties})
	c.note(args.Name, text(err)...)
	if err != nil {
		return args.Name + "-id", args.Inputs, nil
	}
	return string(made.ID), made.Properties, nil
}

func text(err error) []string {
	if err == nil {
		return nil
	}
	return []string{err.Error()}
}

// object answers with an object as an API server returns it, and keeps which of
// its names and labels that server would refuse.
func (c *clouds) object(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	state := maps.Clone(args.Inputs)
	metadata := resource.PropertyMap{"name": resource.NewProperty(args.Name + "-12345678"), "uid": resource.NewProperty("3f2b9d54-6a1e-4d0c-9a77-5b8e1c0f2a10")}
	if given := state["metadata"]; given.IsObject() {
		maps.Copy(metadata, given.ObjectValue())
	}
	state["metadata"] = resource.NewProperty(metadata)
	kind, name := args.TypeToken[strings.LastIndex(args.TypeToken, ":")+1:], metadata["name"].StringValue()
	problems := validation.IsDNS1123Subdomain(name)
	switch {
	case kind == "Namespace":
		problems = validation.IsDNS1123Label(name)
	case kind == "Service":
		problems = validation.IsDNS1035Label(name)
	case kind == "CronJob" && len(name) > cronJobName:
		problems = []string{"want at most 52 characters"}
	}
	if labels := metadata["labels"]; labels.IsObject() {
		for key, value := range labels.ObjectValue() {
			problems = append(problems, validation.IsQualifiedName(string(key))...)
			if value.IsString() {
				problems = append(problems, validation.IsValidLabelValue(value.StringValue())...)
			}
		}
	}
	c.note(args.Name, problems...)
	return args.Name + "-id", state, nil
}

// cronJobName is the longest name of a CronJob: its Jobs' names are eleven
// characters longer. https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/
const cronJobName = 52

func (c *clouds) note(name string, problems ...string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.registered++
	for _, problem := range problems {
		c.refused = append(c.refused, name+": "+problem)
	}
}

func (c *clouds) count() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.registered
}

func (c *clouds) refusals() []string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return slices.Sorted(slices.Values(c.refused))
}
