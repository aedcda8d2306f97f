// Package sandbox runs the program's production environment on one machine,
// without an account: a real Kubernetes control plane for each cluster of the
// stack's world, embedded clouds, and their Pulumi providers, attached to the
// real engine.
//
// It is independent of the program: it runs it as a process and takes nothing
// from components or stacks, so that it cannot share their mistakes. What it
// shows is consistency with the documented rules, not more.
package sandbox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	clientgo "k8s.io/client-go/kubernetes"

	"waybill.example/waybill/internal/steps"
	"waybill.example/waybill/sandbox/aws"
	"waybill.example/waybill/sandbox/awsapis"
	"waybill.example/waybill/sandbox/awsapis/podidentity"
	"waybill.example/waybill/sandbox/azure"
	"waybill.example/waybill/sandbox/engine"
	"waybill.example/waybill/sandbox/entra"
	"waybill.example/waybill/sandbox/gcp"
	"waybill.example/waybill/sandbox/googleapis"
	"waybill.example/waybill/sandbox/kubelet"
	"waybill.example/waybill/sandbox/kubernetes/controlplane"
	kubernetes "waybill.example/waybill/sandbox/kubernetes/provider"
	"waybill.example/waybill/sandbox/network"
	"waybill.example/waybill/sandbox/network/policy"
	"waybill.example/waybill/sandbox/oidc"
	"waybill.example/waybill/sandbox/provider"
	"waybill.example/waybill/sandbox/registry"
	"waybill.example/waybill/sandbox/rehearsal"
	"waybill.example/waybill/sandbox/state"
	"waybill.example/waybill/sandbox/world"
)

// Options say which stack's sandbox to start.
type Options struct {
	// Root is the project's folder: it holds Pulumi.yaml, the stack files and
	// sandbox/worlds.
	Root string
	// Stack is the name in Pulumi.<name>.yaml.
	Stack string
	// World is the world's file; empty means sandbox/worlds/<stack>.yaml, or, where
	// there is none, that of the customer whose party the stack is of:
	// acme-customer and acme-vendor share sandbox/worlds/acme.yaml.
	World string
	// State is the state directory; empty means .sandbox/<stack>, or the customer's
	// where the world is.
	State string
	// Tools holds what `make tools` built or downloaded; empty means .build.
	Tools string
	// Executable is the program; empty means bin/waybill in Tools.
	Executable string
	// Program runs in place of Executable; nil means Executable.
	Program pulumi.RunFunc
	// Propagation stands in place of the stack's refresher.propagation, such as 5s;
	// empty leaves it.
	Propagation string
	// Refresher is the OCI layout of the refresher's image; empty means
	// refresher-image in Tools.
	Refresher string
	// DeleteUnreachable is the operator's PULUMI_K8S_DELETE_UNREACHABLE.
	DeleteUnreachable bool
	// Progress is told what starts and what is worth knowing; nil for nobody.
	Progress func(message string)
}

func (o *Options) setDefaults() {
	of := o.Stack
	if _, err := os.Stat(o.worldOf(of)); errors.Is(err, fs.ErrNotExist) {
		of = customerOf(of)
	}
	orElse(&o.World, o.worldOf(of))
	orElse(&o.State, filepath.Join(o.Root, ".sandbox", of))
	orElse(&o.Tools, filepath.Join(o.Root, ".build"))
	orElse(&o.Executable, filepath.Join(o.Tools, "bin", "waybill"))
	orElse(&o.Refresher, filepath.Join(o.Tools, "refresher-image"))
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
}

// WorldFile is the file of the stack's world.
func (o Options) WorldFile() string {
	o.setDefaults()
	return o.World
}

// Validate has the program check the stack file: what the file alone can tell is
// refused before anything starts.
func Validate(ctx context.Context, options Options) error {
	options.setDefaults()
	if _, err := os.Stat(options.World); errors.Is(err, fs.ErrNotExist) {
		return options.noWorld()
	}
	existing, err := world.Load(options.World)
	if err != nil {
		return err
	}
	of, err := engine.Describe(options.Root, options.Stack)
	if err != nil {
		return err
	}
	if of.Side != "both" && existing.Walk.Party(options.Stack).Side != of.Side {
		return fmt.Errorf("world %s: walk.stacks does not have %s with the side %s: want both stacks of the two parties, "+
			"each with its side, and with waitsFor if it waits for the other", options.World, options.Stack, of.Side)
	}
	if image := of.Refresher.Image; image != "" && !existing.Publishes(image) {
		host, _, _ := strings.Cut(image, "/")
		return fmt.Errorf("refresher.image %q: nobody has published it in the world %s: want it there:\n  refresher: %[1]s\n  registries:\n    - host: %[3]s", image, options.World, host)
	}
	if options.Program != nil {
		return nil
	}
	program, err := filepath.Abs(options.Executable)
	if err != nil {
		return err
	}
	var stderr strings.Builder
	command := exec.CommandContext(ctx, program, "validate", options.Stack)
	command.Dir, command.Stderr = options.Root, &stderr
	if err := command.Run(); err != nil {
		return errors.New(cmp.Or(strings.TrimSpace(strings.TrimPrefix(stderr.String(), "error: ")), err.Error()))
	}
	return nil
}

// Forget deletes the state of a stack's sandbox, unless one is running, and gives
// the folder in which it was; "" where there was none. Two parties' stacks share one,
// which the customer's name names too.
func Forget(options Options) (string, error) {
	options.setDefaults()
	if !slices.ContainsFunc(parties, func(party string) bool {
		_, err := engine.StackFile(options.Root, options.Stack+party)
		return err == nil
	}) {
		if _, err := engine.StackFile(options.Root, options.Stack); err != nil {
			return "", err
		}
	}
	if _, err := os.Stat(options.State); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	dir, err := state.Open(options.State)
	if err != nil {
		return "", err
	}
	return options.State, errors.Join(os.RemoveAll(options.State), dir.Close())
}

func (o *Options) worldOf(name string) string {
	return filepath.Join(o.Root, "sandbox", "worlds", name+".yaml")
}

// noWorld says what is missing, and which world is the nearest to the stack's.
func (o *Options) noWorld() error {
	of, _ := engine.Describe(o.Root, o.Stack) // a stack without a file is like the smallest
	nearest := cmp.Or(map[string]string{"eks": "initech", "ecs": "stark", "kubernetes": "wayne"}[of.Platform], "dev")
	return fmt.Errorf("stack %q: has no world %s: want what its two parties have in their clouds before waybill comes "+
		"(clusters, issuers, tenants, projects, accounts); copy %s, the nearest, and fill it in", o.Stack, o.World, o.worldOf(nearest))
}

// parties end the names of the stacks of two parties.
var parties = []string{"-customer", "-vendor"}

// customerOf takes off the name of a stack which party's it is.
func customerOf(stack string) string {
	for _, party := range parties {
		if customer, cut := strings.CutSuffix(stack, party); cut && customer != "" {
			return customer
		}
	}
	return stack
}

func orElse(value *string, fallback string) {
	if *value == "" {
		*value = fallback
	}
}

// Sandbox is one stack's running sandbox.
type Sandbox struct {
	// Azure and GCP are the embedded clouds, empty where the world has none of
	// them; AWS and AWSAPIs, its endpoints and agents, are nil there. Entra is
	// the token server that the rehearsal mints with.
	Azure   *azure.Cloud
	GCP     *gcp.Cloud
	AWS     *aws.Cloud
	Entra   *entra.Server
	AWSAPIs *awsapis.APIs
	// Clusters are the control planes in the order of the world; a world of ECS
	// alone has none.
	Clusters []*controlplane.Cluster
	// Network is how every client reaches the hosts of the clouds.
	Network *network.Network

	options     Options
	world       *world.World
	state       *state.Dir
	policies    []*policy.Cluster // of Clusters
	egresses    []*network.Egress // of Clusters; nil for one without a proxy
	kubelets    []*kubelet.Kubelet
	podIdentity *podidentity.Listener
	google      *googleapis.Server
	cli         engine.CLI
	plugin      kubernetes.Plugin
	providers   []attached
	record      *rehearsal.Record
	pipeline    *rehearsal.Pipeline
	// stopPipeline is nil until the pipeline was started; updates are when engines
	// were opened, each for one update or none.
	stopPipeline func()
	updates      []time.Time
	close        func() error
}

// attached is a provider that engines attach to.
type attached interface {
	Attachment() string
	Close() error
}

// settling is how long other resources may meet something new as missing, once each.
const settling = time.Minute

// Start brings the stack's sandbox up. What an earlier one left in the state
// directory is found again.
func Start(ctx context.Context, options Options) (_ *Sandbox, err error) {
	options.setDefaults()
	existing, err := world.Load(options.World)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, options.noWorld()
	}
	if err != nil {
		return nil, err
	}
	dir, err := state.Open(options.State)
	if err != nil {
		return nil, err
	}
	s := &Sandbox{options: options, world: existing, state: dir, record: &rehearsal.Record{}}
	s.close = sync.OnceValue(s.stop)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := dir.Claim(); err != nil {
		return nil, fmt.Errorf("%w: run `make reset STACK=%s`", err, options.Stack)
	}
	if err := s.findTools(ctx); err != nil {
		return nil, err
	}
	if s.Azure, err = azure.Open(dir.Path("azure.json"), existing.Azure, azure.WriteTime, settling); err != nil {
		return nil, err
	}
	if s.GCP, err = gcp.Open(dir.Path("gcp.json"), existing.GCP, time.Now, settling); err != nil {
		return nil, err
	}
	if err := s.openAWS(); err != nil {
		return nil, err
	}
	if s.Network, err = network.Open(dir.Path("network")); err != nil {
		return nil, err
	}
	if err := s.startClusters(ctx); err != nil {
		return nil, err
	}
	if err := s.startNetwork(ctx); err != nil {
		return nil, err
	}
	if err := s.startKubelets(ctx); err != nil {
		return nil, err
	}
	return s, s.serveProviders(ctx)
}

func (s *Sandbox) startClusters(ctx context.Context) error {
	for _, cluster := range s.world.Kubernetes.Clusters {
		s.options.Progress("starting Kubernetes for " + cluster.Context)
		egress, bundle, err := s.egress(cluster)
		if err != nil {
			return err
		}
		s.egresses = append(s.egresses, egress)
		running, err := controlplane.Start(ctx, controlplane.Config{
			Binary:     filepath.Join(s.options.Tools, "bin", "controlplane"),
			Dir:        s.state.Path("kubernetes", cluster.Context),
			Context:    cluster.Context,
			Issuer:     cluster.Issuer,
			Namespaces: cluster.Namespaces,
			Objects:    append(bundle, cluster.Objects...),
		})
		if err != nil {
			return err
		}
		s.Clusters = append(s.Clusters, running)
		admin, err := clientgo.NewForConfig(running.RESTConfig())
		if err != nil {
			return err
		}
		s.policies = append(s.policies, policy.ForCluster(admin, cluster.Network, s.options.Progress))
	}
	if len(s.Clusters) == 0 {
		return nil
	}
	return controlplane.WriteKubeconfig(s.Kubeconfig(), s.Clusters...)
}

// egress is the proxy of a cluster, and the ConfigMap with its authority's
// certificate; nil where there is none.
func (s *Sandbox) egress(cluster world.Cluster) (*network.Egress, []json.RawMessage, error) {
	if cluster.Network.Proxy == nil {
		return nil, nil, nil
	}
	egress, err := s.Network.Egress(s.state.Path("egress", cluster.Context), *cluster.Network.Proxy)
	namespace, name, bundled := strings.Cut(cluster.Network.Proxy.Bundle, "/")
	if err != nil || !bundled {
		return egress, nil, err
	}
	bundle, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]string{"namespace": namespace, "name": name},
		"data": map[string]string{world.BundleKey: egress.Authority()},
	})
	return egress, []json.RawMessage{bundle}, err
}

// startNetwork starts the network and gives every host its server: the
// clusters' issuers, Entra, Google's token servers, the registries, AWS.
func (s *Sandbox) startNetwork(ctx context.Context) (err error) {
	var issuers []oidc.Source
	for _, cluster := range s.Clusters {
		source, err := oidc.FromCluster(cluster.Issuer(), cluster.RESTConfig())
		if err != nil {
			return err
		}
		issuers = append(issuers, source)
	}
	handlers, err := oidc.Publish(issuers...)
	if err != nil {
		return err
	}
	if s.Entra, err = entra.New(entra.Config{
		Cloud: s.Azure, World: s.world.Azure, Dir: s.state.Path("entra"), Client: s.Network.Client(), Now: time.Now,
	}); err != nil {
		return err
	}
	for _, host := range s.Entra.Hosts() {
		handlers[host] = s.Entra
	}
	keys, err := s.state.Sub("google")
	if err != nil {
		return err
	}
	if s.google, err = googleapis.New(googleapis.Config{Cloud: s.GCP, Dir: keys, Client: s.Network.Client(), Now: time.Now}); err != nil {
		return err
	}
	maps.Copy(handlers, s.google.Handlers())
	for host, handler := range handlers {
		s.Network.Handle(host, s.record.Watch(host, handler))
	}
	registries, err := registry.Open(ctx, registry.Config{
		Cloud: s.GCP, World: s.world, Tokens: s.google.Tokens, Dir: s.state.Path("registries"), Now: time.Now,
	})
	if err != nil {
		return err
	}
	s.handle(registries.Handler)
	if err := s.publishRefresher(ctx, registries); err != nil {
		return err
	}
	if err := s.answerForAWS(ctx); err != nil {
		return err
	}
	if err := s.Network.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	s.startPipeline(ctx)
	return nil
}

// handle gives hosts their servers, whose answers are recorded.
func (s *Sandbox) handle(match func(host string) http.Handler) {
	s.Network.HandleFunc(func(host string) http.Handler { return s.record.Watch(host, match(host)) })
}

// startPipeline has the vendor push its releases, each once its repository is
// there: one update makes the repository and wants what is in it.
func (s *Sandbox) startPipeline(ctx context.Context) {
	s.pipeline = &rehearsal.Pipeline{
		World: s.world, Client: s.Network.Client(), Google: &rehearsal.Google{Cloud: s.GCP, Tokens: s.google.Tokens}, Amazon: s.amazon(), Progress: s.options.Progress,
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	over := make(chan struct{})
	s.stopPipeline = func() { stop(); <-over }
	go func() {
		defer close(over)
		for ctx.Err() == nil {
			_ = s.pipeline.Release(ctx) // who waits for it calls Release
			select {
			case <-ctx.Done():
			case <-time.After(pipelinePause):
			}
		}
	}()
}

// pipelinePause is how long a repository waits at most for the vendor's push.
const pipelinePause = 200 * time.Millisecond

// Release waits until everything is pushed whose repository is there. Its error is
// the registry's refusal.
func (s *Sandbox) Release(ctx context.Context) error { return s.pipeline.Release(ctx) }

// publishRefresher puts the refresher's image, which `make` built, where the
// world says that it was published.
func (s *Sandbox) publishRefresher(ctx context.Context, registries *registry.Registries) error {
	if s.world.Refresher == "" {
		return nil
	}
	index, err := layout.ImageIndexFromPath(s.options.Refresher)
	if err != nil {
		return fmt.Errorf("sandbox: the refresher's image is not in %s (run `make tools`): %w", s.options.Refresher, err)
	}
	return registries.Publish(ctx, s.world.Refresher, index)
}

func (s *Sandbox) startKubelets(ctx context.Context) error {
	for i, cluster := range s.Clusters {
		running, err := kubelet.Start(ctx, kubelet.Config{
			REST:        cluster.RESTConfig(),
			Dir:         s.state.Path("kubelet", cluster.Context()),
			Node:        "sandbox",
			Labels:      s.world.Kubernetes.Clusters[i].Nodes.Labels,
			Taints:      s.world.Kubernetes.Clusters[i].Nodes.Taints,
			Network:     s.Network,
			Egress:      s.egresses[i],
			Policies:    s.policies[i],
			Credentials: s.nodeLogin(cluster.Context()),
			Progress:    s.options.Progress,
		})
		if err != nil {
			return err
		}
		s.kubelets = append(s.kubelets, running)
	}
	return nil
}

func (s *Sandbox) serveProviders(ctx context.Context) error {
	server, err := kubernetes.Serve(kubernetes.Config{
		Plugin: s.plugin, Kubeconfig: s.Kubeconfig(), Proxy: s.Network.Proxy(), Dir: s.state.Path("provider"),
		DeleteUnreachable: s.options.DeleteUnreachable,
	})
	if err != nil {
		return err
	}
	s.providers = append(s.providers, server)
	packages := map[string]func() plugin.Provider{
		azure.Package: s.Azure.Provider().Open,
		gcp.Package:   s.GCP.Provider().Open,
	}
	if s.hasAWS() {
		packages[aws.Package] = s.AWS.Provider().Open
	}
	for name, open := range packages {
		server, err := provider.Serve(context.WithoutCancel(ctx), name, open)
		if err != nil {
			return err
		}
		s.providers = append(s.providers, server)
	}
	return nil
}

// Rehearsal reads the chains that the world walks, each on its cluster, of what
// the stack deployed.
func (s *Sandbox) Rehearsal(ctx context.Context, outputs map[string]any) (*rehearsal.Rehearsal, error) {
	of, err := engine.Describe(s.options.Root, s.options.Stack)
	if err != nil {
		return nil, err
	}
	var resources []apitype.ResourceV3
	for _, stack := range append(s.otherParty(s.options.Stack), s.options.Stack) {
		deployed, err := engine.Deployed(s.state.Path(), stack)
		if err != nil {
			return nil, err
		}
		resources = append(resources, deployed...)
	}
	return rehearsal.New(ctx, rehearsal.Config{
		Clusters:         s.Clusters,
		Pipeline:         s.pipeline,
		Entra:            s.Entra,
		Record:           s.record,
		Updates:          s.updates,
		Network:          s.Network,
		ShortPropagation: s.options.Propagation+of.Refresher.Propagation != "",
		Resources:        resources,
		Outputs:          outputs,
	})
}

// Diagnose tells how far the refresher came when it last ran since then, on any
// cluster of the world.
func (s *Sandbox) Diagnose(ctx context.Context, since time.Time) ([]rehearsal.Hop, error) {
	return rehearsal.Diagnose(ctx, since, s.Clusters)
}

// Kubeconfig is the path of a kubeconfig with a context for each cluster.
func (s *Sandbox) Kubeconfig() string { return s.state.Path("kubeconfig") }

// Providers is the value of PULUMI_DEBUG_PROVIDERS.
func (s *Sandbox) Providers() string {
	attachments := make([]string, 0, len(s.providers))
	for _, server := range s.providers {
		attachments = append(attachments, server.Attachment())
	}
	slices.Sort(attachments)
	return strings.Join(attachments, ",")
}

// Engine opens the stack for operations; observe sees each step as it ends.
func (s *Sandbox) Engine(ctx context.Context, observe func(steps.Resource)) (*engine.Engine, error) {
	return s.EngineFor(ctx, s.options.Stack, observe)
}

// EngineFor opens another stack of the project on the same clouds and in the same
// backend, so that the stacks of two parties can read each other's outputs.
func (s *Sandbox) EngineFor(ctx context.Context, stack string, observe func(steps.Resource)) (*engine.Engine, error) {
	s.updates = append(s.updates, time.Now())
	return engine.Open(ctx, engine.Options{
		CLI:         s.cli,
		Project:     s.options.Root,
		Stack:       stack,
		Propagation: s.options.Propagation,
		Beside:      s.otherParty(stack),
		State:       s.state,
		Providers:   s.Providers(),
		Executable:  s.options.Executable,
		Program:     s.options.Program,
		Observe:     observe,
	})
}

// otherParty is the stack of the same customer's other half, where the project
// has one.
func (s *Sandbox) otherParty(stack string) []string {
	customer := customerOf(stack)
	for _, party := range parties {
		other := customer + party
		_, err := engine.StackFile(s.options.Root, other)
		if customer != stack && other != stack && err == nil {
			return []string{other}
		}
	}
	return nil
}

// Environment is what other clients need to meet the sandbox.
func (s *Sandbox) Environment() (map[string]string, error) {
	environment, err := engine.Environment(s.state, s.Providers())
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	environment["KUBECONFIG"] = s.Kubeconfig()
	environment["HTTPS_PROXY"] = s.Network.Proxy()
	environment["SSL_CERT_FILE"] = s.Network.CAFile()
	environment["CURL_CA_BUNDLE"] = s.Network.CAFile() // curl reads no other where it was built with a bundle of its own
	return environment, nil
}

// Close stops everything; the state stays. Calls after the first return its
// result.
func (s *Sandbox) Close() error { return s.close() }

func (s *Sandbox) stop() error {
	var problems []error
	if s.stopPipeline != nil {
		s.stopPipeline()
	}
	for _, server := range s.providers {
		problems = append(problems, server.Close())
	}
	for _, running := range s.kubelets {
		problems = append(problems, running.Stop())
	}
	if s.podIdentity != nil {
		problems = append(problems, s.podIdentity.Close())
	}
	if s.Network != nil {
		problems = append(problems, s.Network.Close())
	}
	for _, cluster := range s.Clusters {
		problems = append(problems, cluster.Stop())
	}
	problems = append(problems, s.state.Close())
	return errors.Join(problems...)
}
