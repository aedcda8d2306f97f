package controlplane

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
	// logTail is how much of a log, in bytes, an error carries.
	logTail = 4 << 10
)

// process is one child with its log.
type process struct {
	role    string
	logPath string
	command *exec.Cmd
	logFrom int64         // where this run's part of the log begins
	ended   chan struct{} // closed when the child has been waited for
	result  error         // set before ended is closed
	// stopping is closed before the first signal: an end after it is orderly.
	stopping chan struct{}
}

// startProcess starts `binary role args...` with both outputs appended to the
// log. The child has a process group of its own, so that a Ctrl-C reaches it
// through stop and in order, and dies when this process dies.
func startProcess(binary, role string, args []string, logPath string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	info, err := log.Stat()
	if err != nil {
		return nil, err
	}
	command := exec.Command(binary, append([]string{role}, args...)...) //nolint:gosec // runs the binary that make built
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = childAttributes()

	p := &process{
		role: role, logPath: logPath, command: command, logFrom: info.Size(),
		ended: make(chan struct{}), stopping: make(chan struct{}),
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
		return nil, fmt.Errorf("%s: %w", role, err)
	}
	return p, nil
}

// await polls ready until it has no error, the process ends or ctx does.
func (p *process) await(ctx context.Context, ready func(context.Context) error) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return p.failure()
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %w\n%s", p.role, ctx.Err(), err, p.tail())
		case <-ticker.C:
		}
	}
}

// failure is the error of a process that ended without being asked to.
func (p *process) failure() error {
	select {
	case <-p.ended:
	default:
		return nil
	}
	select {
	case <-p.stopping:
		return nil
	default:
	}
	result := p.result
	if result == nil {
		result = errors.New("exit status 0")
	}
	return fmt.Errorf("%s ended early: %w; the end of %s:\n%s", p.role, result, p.logPath, p.tail())
}

// stop asks the process to end and kills it when it does not.
func (p *process) stop() error {
	select {
	case <-p.ended:
		return nil
	default:
	}
	close(p.stopping)
	// An error means that it has ended in the meantime.
	_ = p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopGrace):
	}
	_ = p.command.Process.Kill()
	<-p.ended
	return fmt.Errorf("%s (process %d) did not end within %s of SIGTERM and was killed", p.role, p.command.Process.Pid, stopGrace)
}

// lostPort reports whether this run ended because its port was taken.
func (p *process) lostPort() bool {
	return strings.Contains(p.tail(), "address already in use")
}

// tail returns the end of this run's part of the log.
func (p *process) tail() string {
	log, err := os.Open(p.logPath)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = log.Close() }()
	from := p.logFrom
	if info, err := log.Stat(); err == nil && info.Size()-logTail > from {
		from = info.Size() - logTail
	}
	if _, err := log.Seek(from, io.SeekStart); err != nil {
		return err.Error()
	}
	text, err := io.ReadAll(io.LimitReader(log, logTail))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text))
}
