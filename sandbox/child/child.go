// Package child runs the sandbox's own servers as processes, each with its
// log. None outlives this process: an orderly end stops them, and the kernel
// kills them when this process was killed. Linux only.
package child

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	// stopGrace is how long a process may take after SIGTERM.
	stopGrace = 20 * time.Second
	// pollInterval is how often readiness is asked for.
	pollInterval = 50 * time.Millisecond
	// TailSize is how much of a log, in bytes, an error carries.
	TailSize = 4 << 10
)

// Spec says what to run.
type Spec struct {
	// Name is what errors call the process.
	Name string
	// Path is the executable, and Args are its arguments.
	Path string
	Args []string
	// Env is the whole environment, KEY=VALUE; nil means this process'.
	Env []string
	// Log is the file that both outputs are appended to.
	Log string
}

// Process is one child with its log.
type Process struct {
	name    string
	logPath string
	command *exec.Cmd
	logFrom int64         // where this run's part of the log begins
	ended   chan struct{} // closed when the child has been waited for
	result  error         // set before ended is closed
	// stopping ends before the first signal: an end after it is orderly.
	stopping context.Context
	stop     context.CancelFunc
}

// Start starts the process. It has a process group of its own, so that a
// Ctrl-C reaches it through Stop and in order, and dies when this process dies.
func Start(spec Spec) (*Process, error) {
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	info, err := log.Stat()
	if err != nil {
		return nil, err
	}
	stopping, stop := context.WithCancel(context.Background())
	command := exec.CommandContext(stopping, spec.Path, spec.Args...) //nolint:gosec // runs a binary that make built, or that the operator installed
	command.Env = spec.Env
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = Attributes()
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = stopGrace

	p := &Process{
		name: spec.Name, logPath: spec.Log, command: command, logFrom: info.Size(),
		ended: make(chan struct{}), stopping: stopping, stop: stop,
	}
	started := make(chan error)
	go func() {
		// Linux ties the parent-death signal to the thread that started the
		// child: it must live as long as the child does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := command.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		p.result = command.Wait()
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("%s: %w", spec.Name, err)
	}
	return p, nil
}

// Attributes tie a process to this one. SIGKILL, because a process that lost its etcd
// can hang in an orderly end; etcd's writes are in the kernel's hands by then.
func Attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// ID is the process ID.
func (p *Process) ID() int { return p.command.Process.Pid }

// Ended is closed when the process has ended, whether by Stop or by itself.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Await polls ready until it has no error, the process ends or ctx does.
func (p *Process) Await(ctx context.Context, ready func(context.Context) error) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return p.Failure()
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %w\n%s", p.name, ctx.Err(), err, p.Tail())
		case <-ticker.C:
		}
	}
}

// Failure is the error of a process that ended without being asked to, with the
// end of its log.
func (p *Process) Failure() error {
	select {
	case <-p.ended:
	default:
		return nil
	}
	if p.stopping.Err() != nil {
		return nil
	}
	result := p.result
	if result == nil {
		result = errors.New("exit status 0")
	}
	return fmt.Errorf("%s ended early: %w; the end of %s:\n%s", p.name, result, p.logPath, p.Tail())
}

// Stop asks the process to end (SIGTERM), and kills it when it does not within
// a grace period, which is an error.
func (p *Process) Stop() error {
	select {
	case <-p.ended:
		return nil
	default:
	}
	p.stop()
	<-p.ended
	if status, ok := p.command.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		return fmt.Errorf("%s (process %d) did not end within %s of SIGTERM and was killed", p.name, p.ID(), stopGrace)
	}
	return nil
}

// Tail is the end of this run's part of the log, TailSize at most.
func (p *Process) Tail() string {
	log, err := os.Open(p.logPath)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = log.Close() }()
	from := p.logFrom
	if info, err := log.Stat(); err == nil && info.Size()-TailSize > from {
		from = info.Size() - TailSize
	}
	if _, err := log.Seek(from, io.SeekStart); err != nil {
		return err.Error()
	}
	text, err := io.ReadAll(io.LimitReader(log, TailSize))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text))
}
