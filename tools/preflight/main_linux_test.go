package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// newProject is a project with the stack files named.
func newProject(t *testing.T, stack string, files ...string) project {
	t.Helper()
	root := t.TempDir()
	for _, name := range append(files, "sandbox/worlds/"+strings.TrimSuffix(stack, "-vendor")+".yaml") {
		write(t, filepath.Join(root, name), "config: {}\n")
	}
	return project{root, stack}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// want fails unless there is one problem with the words, or none where there
// are no words.
func want(t *testing.T, problems []string, words ...string) {
	t.Helper()
	if len(words) == 0 && len(problems) > 0 || len(words) > 0 && len(problems) != 1 {
		t.Fatalf("%d problems: %q; want words %q", len(problems), problems, words)
	}
	for _, word := range words {
		if !strings.Contains(problems[0], word) {
			t.Errorf("%q does not say %q", problems[0], word)
		}
	}
}

func TestThisMachineCanRunAStack(t *testing.T) {
	want(t, newProject(t, "dev", "Pulumi.dev.yaml").problems())
	want(t, newProject(t, "acme", "examples/Pulumi.acme.yaml").problems())
}

func TestAnUnknownStackNamesThoseThatAreThere(t *testing.T) {
	want(t, newProject(t, "acmee", "Pulumi.dev.yaml", "examples/Pulumi.acme.yaml").problems(), `stack "acmee"`, "want one of acme, dev")
}

func TestAStackWithoutAWorldIsToldWhatOneIs(t *testing.T) {
	p := newProject(t, "acme-vendor", "Pulumi.acme-vendor.yaml")
	want(t, p.problems())
	if err := os.Remove(filepath.Join(p.root, "sandbox", "worlds", "acme.yaml")); err != nil {
		t.Fatal(err)
	}
	want(t, p.problems(), `stack "acme-vendor"`, "sandbox/worlds/acme.yaml", "copy the world")
}

func TestASandboxThatRunsIsNamedByItsProcess(t *testing.T) {
	for _, stack := range []string{"oscorp-customer", "oscorp-vendor", "oscorp"} {
		p := newProject(t, stack, "Pulumi."+stack+".yaml")
		path := filepath.Join(p.root, ".sandbox", "oscorp", "lock")
		write(t, path, "4711")
		want(t, p.problems())
		lock, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
			t.Fatal(err)
		}
		want(t, p.problems(), "sandbox of oscorp", "process 4711")
		if err := lock.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPodIdentityNeedsItsAddress(t *testing.T) {
	const user, root = "Name:\tgo\nCapEff:\t0000000000000000\n", "Name:\tgo\nCapEff:\t000001ffffffffff\nCapBnd:\t0\n"
	if capable(user, 1<<netAdmin) || !capable(root, 1<<netAdmin|1<<netBindService) || capable("", 1<<netAdmin) {
		t.Error("the capabilities of a user, of root or of nobody are read wrongly")
	}
	p := newProject(t, "umbrella", "Pulumi.umbrella.yaml")
	want(t, p.agent())
	want(t, p.address(true, false))
	want(t, p.address(false, false), "umbrella", agentAddress, "NET_ADMIN")
	want(t, p.address(true, true), "another sandbox", agentAddress)
}

func TestAUserHasAName(t *testing.T) {
	want(t, named(os.Getuid()))
	want(t, named(987654321), "user 987654321", "/etc/passwd")
}

func TestAnAddressIsTakenWhileSomebodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if !taken(address) {
		t.Error("a listener is not noticed")
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if taken(address) {
		t.Error("nobody listens any more")
	}
	if taken("203.0.113.1:80") {
		t.Error("203.0.113.1 is no address of any machine (RFC 5737)")
	}
}
