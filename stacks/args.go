package stacks

import (
	"time"

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
