package stacks

import (
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/components/aws"
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
			Mode:        gcp.Mode(r.Mode),
			Upstream:    r.Upstream,
			MutableTags: r.MutableTags,
			Unprotected: r.Protect != nil && !*r.Protect,
		},
		Generation:       s.GCP.Generation,
		ServiceAccountID: s.GCP.ServiceAccount,
	}
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

// ecrGrantArgs are a grant's arguments but for its readers.
func ecrGrantArgs(s *settings) *aws.ImageGrantArgs {
	vendor := s.AWS.Vendor
	r := vendor.Repository
	return &aws.ImageGrantArgs{
		Customer: s.Slug, Product: s.Product.Name,
		Account: vendor.Account, Region: vendor.Region,
		Repository: aws.Repository{
			Name: r.Name, Mode: aws.Mode(r.Mode), MutableTags: r.MutableTags, Unscanned: r.Unscanned, KMSKey: r.KMSKey,
			Lifecycle:   aws.Lifecycle{KeepTagged: r.KeepTagged, ExpireUntaggedAfterDays: r.ExpireUntaggedAfterDays, Off: r.KeepAll},
			Unprotected: r.Protect != nil && !*r.Protect,
		},
		CustomerAccount: s.AWS.Customer.Account,
	}
}

// pullSecretArgs are a pull secret's arguments but for its source.
func pullSecretArgs(s *settings) *kubernetes.PullSecretArgs {
	return &kubernetes.PullSecretArgs{
		Customer: s.Slug, Product: s.Product.Name,
		Namespace: s.Kubernetes.Namespace.Name,
		Name:      s.Kubernetes.PullSecret,
		Refresher: kubernetes.Refresher{
			Image:       s.Refresher.Image,
			Every:       duration(s.Refresher.Every, 0),
			Deadline:    duration(s.Refresher.Deadline, 0),
			Propagation: propagation(s.Refresher.Propagation),
			Retries:     s.Refresher.Retries,
			Resources:   kubernetes.Resources(s.Refresher.Resources),
		},
		EgressPorts: s.Kubernetes.EgressPorts,
	}
}

// workloadArgs are a workload's arguments but for what the pull secret gives.
func workloadArgs(s *settings) *kubernetes.WorkloadArgs {
	w := s.Workload
	args := &kubernetes.WorkloadArgs{
		Customer: s.Slug, Product: s.Product.Name,
		Port:           s.Product.Port,
		ServicePort:    w.ServicePort,
		Replicas:       w.Replicas,
		Resources:      kubernetes.Resources(w.Resources),
		Liveness:       probe(s.Product.HealthPath, w.Liveness),
		Readiness:      probe(s.Product.HealthPath, w.Readiness),
		Command:        w.Command,
		Arguments:      w.Args,
		Env:            w.Env,
		ConfigPath:     s.Product.ConfigPath,
		User:           w.User,
		MaxUnavailable: w.MaxUnavailable,
		SpreadOver:     w.SpreadOver,
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
