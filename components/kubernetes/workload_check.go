package kubernetes

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"waybill.example/waybill/components/check"
	"waybill.example/waybill/components/internal/family"
	"waybill.example/waybill/components/internal/naming"
)

// leastPort is the first that needs no privilege to listen on.
const leastPort = 1024

var disruptionPattern = regexp.MustCompile(`^([0-9]|[1-9][0-9]{0,3}|[1-9]?[0-9]%|100%)$`)

// Validate reports every problem of the arguments at once. later names the
// arguments that another resource or a look-up gives after this check.
func (args *WorkloadArgs) Validate(later ...string) error {
	p := check.Of("kubernetes.Workload", later...)
	p.Error("customer", naming.CheckSlug(args.Customer))
	p.Error("product", naming.CheckProduct(args.Product))
	if args.Component != "" {
		p.Error("component", naming.Label.Check(args.objectName()))
	}
	if args.Component == refresherComponent {
		p.Add("component", "%q: want another name, the refresher's pods have it", args.Component)
	}
	for _, input := range []variable{{"namespace", args.Namespace}, {"image", args.Image}} {
		if input.value == nil {
			p.Add(input.name, "is missing")
		}
	}
	family.Check(p, args.children(), args.Children)
	if args.Port < leastPort || args.Port > 65535 {
		p.Add("port", "%d: want %d to 65535; below that a pod without privileges cannot listen", args.Port, leastPort)
	}
	p.Range("servicePort", args.servicePort(), 1, 65535)
	p.Range("replicas", args.replicas(), 1, 1000)
	if args.Autoscaled && args.Replicas != nil {
		p.Add("replicas", "%d: want none where an autoscaler sets their number", *args.Replicas)
	}
	args.Pod.validate(p, "")
	args.Proxy.validate(p, "proxy.")
	checkLabels(p, "objectLabels", args.ObjectLabels, labelValuePattern)
	args.Liveness.validate(p, "liveness")
	args.Readiness.validate(p, "readiness")
	if (args.Config == nil) != (args.ConfigPath == "") {
		p.Add("config", "and configPath: want both or neither")
	}
	if args.ConfigPath != "" && !absolute(args.ConfigPath) {
		p.Add("configPath", "%q: want an absolute path of a file", args.ConfigPath)
	}
	for i, mount := range args.Writable {
		key := fmt.Sprintf("writable[%d].", i)
		if !absolute(mount.Path) {
			p.Add(key+"path", "%q: want an absolute path of a folder other than /", mount.Path)
		}
		if mount.Size != "" {
			validateQuantity(p, key+"size", "ephemeral-storage", mount.Size)
		}
		if slices.ContainsFunc(args.Writable[:i], func(m WritableMount) bool { return path.Clean(m.Path) == path.Clean(mount.Path) }) {
			p.Add(key+"path", "%q: is there already", mount.Path)
		}
		if args.ConfigPath != "" && within(mount.Path, args.ConfigPath) {
			p.Add(key+"path", "%q: is where the configuration file lies, configPath %q: want another folder", mount.Path, args.ConfigPath)
		}
	}
	switch m := args.MaxUnavailable; {
	case m == "", m == noBudget:
	case !disruptionPattern.MatchString(m):
		p.Add("maxUnavailable", "%q: want a number, a percentage, or none", m)
	case strings.TrimRight(m, "0%") == "":
		p.Add("maxUnavailable", "%q: would block every drain of a node, and with it the cluster's upgrades: want 1 or more, 1%% or more, or none for no budget", m)
	}
	if args.Identity != nil {
		args.Identity.validate(p)
	}
	return p.Err()
}

func absolute(path string) bool {
	return strings.HasPrefix(path, "/") && path != "/" && !strings.HasSuffix(path, "/") && !strings.Contains(path, "..")
}

// within says whether a path is another or lies below it.
func within(inner, outer string) bool {
	inner, outer = path.Clean(inner), path.Clean(outer)
	return inner == outer || strings.HasPrefix(inner, outer+"/")
}

func (probe Probe) validate(p *check.Problems, key string) {
	if probe.Path != "" && !strings.HasPrefix(probe.Path, "/") {
		p.Add(key+".path", "%q: want a path that starts with /", probe.Path)
	}
	p.Range(key+".initialDelay", probe.InitialDelay, 0, 3600)
	p.Range(key+".period", probe.Period, 0, 3600)
	p.Range(key+".timeout", probe.Timeout, 0, 3600)
	p.Range(key+".failures", probe.Failures, 0, 100)
}
