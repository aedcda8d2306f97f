package stacks

import (
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/gcp"
	"waybill.example/waybill/components/kubernetes"
)

// imageGrantArgs are a grant's arguments but for its trust.
func imageGrantArgs(s *settings) *gcp.ImageGrantArgs {
	r := s.GCP.Repository
	return &gcp.ImageGrantArgs{
		Customer: s.Slug, Product: s.Product.Name,
		Project:  s.GCP.Project,
		Location: s.GCP.Location,
		Repository: gcp.Repository{
			Name:        r.Name,
			Existing:    r.Mode == "existing",
			Upstream:    r.Upstream,
			MutableTags: r.MutableTags,
			Protect:     r.Protect,
		},
		Generation:       s.GCP.Generation,
		ServiceAccountID: s.GCP.ServiceAccount,
	}
}

// imagePath is a workload's image in the repository: an ECR repository is one
// image.
func (s *settings) imagePath(w Component) string {
	if s.kind() != kindAmazon {
		return w.Image
	}
	repository, _ := s.vendorRepository() // asked only once it is known
	return repository.Name
}

// propagation is nil where the configuration says nothing.
func propagation(text string) *time.Duration {
	if text == "" {
		return nil
	}
	d := duration(text, 0)
	return &d
}

// findNamespace looks an existing namespace up; nil where the stack makes one.
func findNamespace(ctx *pulumi.Context, namespace Namespace, provider pulumi.ProviderResource) (*kubernetes.ExistingNamespace, error) {
	if !namespace.Existing {
		return nil, nil
	}
	return kubernetes.FindNamespace(ctx, namespace.Name, namespace.WaivePodSecurity, pulumi.Provider(provider))
}

// pullSecretArgs are a pull secret's arguments but for its source.
func pullSecretArgs(s *settings, e environment) *kubernetes.PullSecretArgs {
	return &kubernetes.PullSecretArgs{
		Customer: s.Slug, Product: s.Product.Name,
		Namespace: e.Kubernetes.Namespace.Name,
		Name:      e.Kubernetes.PullSecret,
		Refresher: kubernetes.Refresher{
			Image:       s.Refresher.Image,
			Every:       duration(s.Refresher.Every, 0),
			Deadline:    duration(s.Refresher.Deadline, 0),
			Propagation: propagation(s.Refresher.Propagation),
			Retries:     s.Refresher.Retries,
			Resources:   kubernetes.Resources(s.Refresher.Resources),
		},
		EgressPorts: e.Kubernetes.EgressPorts,
	}
}

// workloadArgs are a workload's arguments but for what the pull secret gives.
func workloadArgs(s *settings, e environment, w Component) *kubernetes.WorkloadArgs {
	args := &kubernetes.WorkloadArgs{
		Customer: s.Slug, Product: s.Product.Name, Component: w.Component,
		Port:           w.Port,
		ServicePort:    w.ServicePort,
		Replicas:       w.Replicas,
		Resources:      kubernetes.Resources(w.Resources),
		Liveness:       probe(w.HealthPath, w.Liveness),
		Readiness:      probe(w.HealthPath, w.Readiness),
		Command:        w.Command,
		Arguments:      w.Args,
		Env:            w.Env,
		ConfigPath:     s.Product.ConfigPath,
		User:           w.User,
		MaxUnavailable: w.MaxUnavailable,
		SpreadOver:     w.SpreadOver,
		Selector:       w.Selector,
	}
	if e.Replicas != nil {
		args.Replicas = e.Replicas
	}
	if s.productConfig != nil {
		args.Config = s.productConfig
	}
	for _, mount := range w.Writable {
		args.Writable = append(args.Writable, kubernetes.WritableMount(mount))
	}
	return args
}

func probe(path string, p Probe) kubernetes.Probe {
	return kubernetes.Probe{
		Path: path, InitialDelay: p.InitialDelay, Period: p.Period, Timeout: p.Timeout, Failures: p.Failures,
	}
}
