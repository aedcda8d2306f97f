// Command preflight says, before anything is built or started, what keeps this
// machine from running a stack's sandbox: one line for each problem, with the
// way out. It needs nothing but Go, and answers within a second or two.
//
//	preflight [-root DIR] [-json] -stack STACK
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

func main() {
	var p project
	flag.StringVar(&p.root, "root", ".", "the project's `folder`")
	flag.StringVar(&p.stack, "stack", "", "the `name` in Pulumi.<name>.yaml")
	asJSON := flag.Bool("json", false, "print the problems as the JSON document of `make up` on stdout")
	flag.Parse()
	problems := p.problems()
	if len(problems) == 0 {
		return
	}
	for _, problem := range problems {
		fmt.Fprintln(os.Stderr, "error:", problem)
	}
	if *asJSON {
		empty := []string{}
		document := map[string]any{
			"stack": p.stack, "platform": "", "side": "", "resources": empty, "outputs": map[string]any{},
			"hops": empty, "refusals": empty, "errors": problems, "ok": false,
		}
		if err := json.NewEncoder(os.Stdout).Encode(document); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
		}
	}
	os.Exit(1)
}

// project is where the stack's files are.
type project struct {
	root, stack string
}

// problems are in the order in which they are best solved. On a system that
// cannot run the sandbox at all nothing else matters.
func (p project) problems() []string {
	if runtime.GOOS != "linux" {
		return []string{fmt.Sprintf("the sandbox needs Linux, whose chroot and user namespaces its pods run in; this is %s: "+
			"use a Linux machine, a virtual machine or a container", runtime.GOOS)}
	}
	return slices.Concat(p.files(), p.owners(), p.running(), named(os.Getuid()), isolation(), p.agent())
}

// files misses the stack's file, or its world.
func (p project) files() []string {
	if p.file() == "" {
		known := []string{}
		for _, pattern := range []string{"Pulumi.*.yaml", "examples/Pulumi.*.yaml"} {
			files, _ := filepath.Glob(filepath.Join(p.root, pattern)) // fails on a bad pattern only
			for _, file := range files {
				known = append(known, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml"))
			}
		}
		slices.Sort(known)
		return []string{fmt.Sprintf("stack %q: has no Pulumi.%[1]s.yaml, at the root or in examples: want one of %s",
			p.stack, strings.Join(slices.Compact(known), ", "))}
	}
	for _, name := range p.names() {
		if _, err := os.Stat(filepath.Join(p.root, "sandbox", "worlds", name+".yaml")); err == nil {
			return nil
		}
	}
	return []string{fmt.Sprintf("stack %q: has no world, sandbox/worlds/%s.yaml: want what is in its two parties' clouds before waybill comes "+
		"(clusters, issuers, tenants, projects, accounts); copy the world of the nearest example and fill it in (docs/sandbox.md)",
		p.stack, p.names()[len(p.names())-1])}
}

// file is the stack's; empty where there is none.
func (p project) file() string {
	for _, folder := range []string{"", "examples"} {
		path := filepath.Join(p.root, folder, "Pulumi."+p.stack+".yaml")
		if _, err := os.Stat(path); err == nil && p.stack != "" {
			return path
		}
	}
	return ""
}

// names are the stack's and that of the customer whose party it is of: the two
// stacks of one customer share a world and a sandbox.
func (p project) names() []string {
	for _, party := range []string{"-customer", "-vendor"} {
		if customer, cut := strings.CutSuffix(p.stack, party); cut && customer != "" {
			return []string{p.stack, customer}
		}
	}
	return []string{p.stack}
}

// owners are other users who made the folders that `make` writes to.
func (p project) owners() (problems []string) {
	for _, name := range []string{".build", ".sandbox"} {
		path := filepath.Join(p.root, name)
		if owner, foreign := ownedByAnother(path); foreign {
			problems = append(problems, fmt.Sprintf("%s belongs to user %s: `sudo chown -R $USER %[1]s`, or run `make clean` as that user", name, owner))
		}
	}
	return problems
}

// running is another sandbox of the stack.
func (p project) running() []string {
	for _, name := range p.names() {
		lock := filepath.Join(p.root, ".sandbox", name, "lock")
		if locked(lock) {
			owner, _ := os.ReadFile(lock)
			return []string{fmt.Sprintf("the sandbox of %s is in use by process %s: stop that one first (it may be a `make serve`)", name, owner)}
		}
	}
	return nil
}

// named wants a name for the user, whom Pulumi's CLI looks up by number. Containers, and
// OpenShift, run processes as users that have none.
func named(uid int) []string {
	if _, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return nil
	}
	return []string{fmt.Sprintf("user %d has no name, which Pulumi needs: give it a line in /etc/passwd, or run as a user that has one", uid)}
}

// isolation is what pods run in: a root directory of their own.
func isolation() []string {
	err := isolated()
	switch {
	case err == nil:
		return nil
	case os.Geteuid() == 0:
		return []string{fmt.Sprintf("root may not chroot here (%v): run in a container with the capability SYS_CHROOT", errors.Unwrap(err))}
	default:
		return []string{fmt.Sprintf("this user may not make a user namespace (%v): run as root, or allow it with "+
			"`sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` (Ubuntu) or `kernel.unprivileged_userns_clone=1` (Debian)", errors.Unwrap(err))}
	}
}

// agentAddress is that of the EKS Pod Identity agent.
// https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html
const agentAddress = "169.254.170.23"

// agent is the address that a stack with EKS Pod Identity needs on this machine.
func (p project) agent() []string {
	text, err := os.ReadFile(p.file())
	if err != nil || !strings.Contains(string(text), "podIdentity") {
		return nil
	}
	return p.address(mayAddAddress(), taken(agentAddress+":80"))
}

func (p project) address(may, taken bool) []string {
	switch {
	case !may:
		return []string{fmt.Sprintf("stack %s uses EKS Pod Identity, whose agent needs the address %s on the loopback interface: "+
			"run as root, or with the capabilities NET_ADMIN and NET_BIND_SERVICE", p.stack, agentAddress)}
	case taken:
		return []string{fmt.Sprintf("another sandbox on this machine has the EKS Pod Identity agent's address %s: stop that one first", agentAddress)}
	}
	return nil
}
