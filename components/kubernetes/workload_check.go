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
	checkOwnLabels(p, "objectLabels", args.ObjectLabels)
	args.Liveness.validate(p, "liveness")
	args.Readiness.validate(p, "readiness")
	if (args.Config == nil) != (args.ConfigPath == "") {
		p.Add("config", "and configPath: want both or neither")
	}
	switch taken := systemPath(args.ConfigPath); {
	case args.ConfigPath == "":
	case !absolute(args.ConfigPath):
		p.Add("configPath", "%q: want an absolute path of a file", args.ConfigPath)
	case taken != "":
		p.Add("configPath", "%q: want another path, %s", args.ConfigPath, taken)
	}
	for i, mount := range args.Writable {
		key := fmt.Sprintf("writable[%d].", i)
		if !absolute(mount.Path) {
			p.Add(key+"path", "%q: want an absolute path of a folder other than /", mount.Path)
		}
		if taken := systemPath(mount.Path); taken != "" {
			p.Add(key+"path", "%q: want another path, %s", mount.Path, taken)
		} else if slices.Contains(imageFolders, path.Clean(mount.Path)) {
			p.Add(key+"path", "%q: want a folder in it, since an empty one would hide what the image has there", mount.Path)
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
	for i, key := range args.SpreadOver {
		if !isLabelKey(key) {
			p.Add(fmt.Sprintf("spreadOver[%d]", i), "%q: want a node label's key, such as topology.kubernetes.io/zone", key)
		}
	}
	for _, name := range []string{"KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"} {
		if value, given := args.Env[name]; given {
			p.Add("env."+name, "%q: is set by Kubernetes, for every client of the API server: want none here", value)
		}
	}
	if args.Identity != nil {
		args.Identity.validate(p)
	}
	return p.Err()
}

// absolute says whether a path is an absolute one below /, as short as it can be, which
// a volume may be mounted at: a colon there ends the path for the kubelet.
func absolute(text string) bool {
	return path.IsAbs(text) && text != "/" && path.Clean(text) == text && !strings.Contains(text, ":")
}

var (
	// kernelFolders are the kernel's, where container runtimes refuse a mount or the
	// program loses its devices; shared memory alone is often mounted anew.
	kernelFolders = []string{"/proc", "/sys", "/dev"}
	sharedMemory  = "/dev/shm"
	// kubeletFiles are what the kubelet itself mounts into each container.
	kubeletFiles = []string{"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", apiTokenDir, authorityDir}
	// imageFolders hold the image's own programs and settings.
	imageFolders = []string{"/bin", "/boot", "/etc", "/lib", "/lib64", "/sbin", "/usr", "/usr/bin", "/usr/lib", "/usr/local/bin", "/usr/sbin"}
)

// systemPath says whose a path is that nothing may be mounted at; empty for any other.
func systemPath(text string) string {
	below := func(folder string) bool { return within(text, folder) }
	switch {
	case within(text, sharedMemory):
		return ""
	case slices.ContainsFunc(kernelFolders, below):
		return "those in /proc, /sys and /dev are the kernel's"
	case slices.ContainsFunc(kubeletFiles, below):
		return "something else is mounted there in every pod"
	}
	return ""
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
