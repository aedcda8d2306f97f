package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

func (s Spec) attributes() *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{
		Chroot:    s.Root,
		Setpgid:   true,
		Pdeathsig: syscall.SIGKILL,
		Credential: &syscall.Credential{
			Uid: s.UID, Gid: s.GID, Groups: s.Groups,
		},
	}
	if os.Geteuid() != 0 {
		attributes.Cloneflags = syscall.CLONE_NEWUSER
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: int(s.UID), HostID: os.Geteuid(), Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: int(s.GID), HostID: os.Getegid(), Size: 1}}
		attributes.Credential.Groups = nil
		attributes.Credential.NoSetGroups = true
	}
	return attributes
}

// explain adds what to do where the system denies the namespace or chroot.
func explain(err error) error {
	if !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	if os.Geteuid() == 0 {
		return fmt.Errorf("%w: want CAP_SYS_CHROOT, CAP_SETUID and CAP_SETGID, or a user other than root with user namespaces", err)
	}
	return fmt.Errorf("%w: want user namespaces for users other than root (user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns), or root", err)
}

// reap waits for the program, ends what it left in its process group, and
// returns its exit code.
func (p *Process) reap() int {
	// The group's number is the program's and stays taken until the program has
	// been waited for.
	for errors.Is(unix.Waitid(unix.P_PID, p.ID(), nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
		continue
	}
	p.signal(syscall.SIGKILL)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reaped = true
	var exit *exec.ExitError
	err := p.command.Wait()
	if err != nil && !errors.As(err, &exit) {
		return 255
	}
	status, ok := p.command.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return p.command.ProcessState.ExitCode()
}

func (p *Process) terminate() { p.signal(syscall.SIGTERM) }
func (p *Process) kill()      { p.signal(syscall.SIGKILL) }

// signal reaches the process group, until its number may be another's. An error
// means that it has ended.
func (p *Process) signal(signal syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		_ = syscall.Kill(-p.ID(), signal)
	}
}
