// Package process runs one program in a root directory of its own, as a user of
// its own: with chroot where this process is root, inside a user namespace that
// maps the program's user to this process' where it is not. Linux only.
//
// That gives a program the paths and the user that it has in a pod. It is no
// wall: there are no cgroup limits, no seccomp filter, no network, process or
// mount namespace, and a program that runs as root as a child of root could
// leave its directory.
package process

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// How often, and after which pause, a busy program is started again.
const (
	busyAttempts = 50
	busyPause    = 20 * time.Millisecond
)

// Spec says what to run.
type Spec struct {
	// Root is the root directory.
	Root string
	// Args are the program's path inside the root and its arguments.
	Args []string
	// Env is the whole environment, KEY=VALUE.
	Env []string
	// Dir is the working directory inside the root.
	Dir string
	// UID and GID are the program's user and group, Groups its further groups,
	// of which it has none where this process is not root.
	UID, GID uint32
	Groups   []uint32
	// Output takes stdout and stderr. It may be closed once Start has returned.
	Output *os.File
}

// Process is a running program with what it started.
type Process struct {
	command *exec.Cmd
	done    chan struct{}
	code    int // valid when done is closed

	mu     sync.Mutex // held while the process group is signalled or given up
	reaped bool
}

// Start starts the program. It dies with this process.
func Start(spec Spec) (*Process, error) {
	command, err := start(spec, spec.attributes())
	if err != nil {
		return nil, explain(err)
	}
	p := &Process{command: command, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.code = p.reap()
	}()
	return p, nil
}

// start tries again while the program is busy: another child of this process,
// between its fork and its exec, can still hold the file open for writing that
// was unpacked a moment ago (https://go.dev/issue/22315).
func start(spec Spec, attributes *syscall.SysProcAttr) (*exec.Cmd, error) {
	for attempt := 0; ; attempt++ {
		command := &exec.Cmd{
			Path: spec.Args[0], Args: spec.Args, Dir: spec.Dir,
			// Not nil: that would be this process' environment.
			Env:         append([]string{}, spec.Env...),
			Stdout:      spec.Output,
			Stderr:      spec.Output,
			SysProcAttr: attributes,
		}
		err := command.Start()
		if attempt == busyAttempts || !errors.Is(err, syscall.ETXTBSY) {
			return command, err
		}
		time.Sleep(busyPause)
	}
}

// ID is the process ID.
func (p *Process) ID() int { return p.command.Process.Pid }

// Done is closed when the program has ended and everything that it left in its
// process group was killed.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitCode is the exit code of a program that is done, 128 and the signal's
// number where a signal ended it.
func (p *Process) ExitCode() int { return p.code }

// Stop asks the program to end (SIGTERM), kills it with its group after the
// grace period or when ctx ends, and returns when it is done. Without a grace
// period it is killed at once.
func (p *Process) Stop(ctx context.Context, grace time.Duration) {
	if grace > 0 {
		p.terminate()
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-p.done:
			return
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	p.kill()
	<-p.done
}
