package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// ownedByAnother says whether a folder that is there is not this user's; root
// may write everywhere.
func ownedByAnother(path string) (owner string, foreign bool) {
	info, err := os.Stat(path)
	if err != nil || os.Geteuid() == 0 {
		return "", false
	}
	id := info.Sys().(*syscall.Stat_t).Uid
	if int(id) == os.Geteuid() {
		return "", false
	}
	owner = strconv.Itoa(int(id))
	if found, err := user.LookupId(owner); err == nil {
		owner = found.Username
	}
	return owner, true
}

// locked says whether another process holds the lock of a file that is there.
func locked(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil
}

// isolated starts a program as the sandbox's kubelet does: in a root directory
// of its own, and where this process is not root in a user namespace.
func isolated() error {
	attributes := &syscall.SysProcAttr{Chroot: "/"}
	if id := os.Geteuid(); id != 0 {
		attributes.Cloneflags = syscall.CLONE_NEWUSER
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: 65532, HostID: id, Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: 65532, HostID: os.Getegid(), Size: 1}}
	}
	command := exec.Command("/proc/self/exe", "-h")
	command.SysProcAttr = attributes
	if err := command.Run(); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	return nil
}

// Capabilities by their bits, capabilities(7).
const (
	netBindService = 10
	netAdmin       = 12
)

// mayAddAddress says whether this process has the capabilities.
func mayAddAddress() bool {
	status, err := os.ReadFile("/proc/self/status")
	return err == nil && capable(string(status), 1<<netAdmin|1<<netBindService)
}

// capable reads the effective capabilities in a status of proc(5).
func capable(status string, wanted uint64) bool {
	_, after, _ := strings.Cut(status, "CapEff:")
	line, _, _ := strings.Cut(after, "\n")
	effective, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	return err == nil && effective&wanted == wanted
}

// taken says whether a process of this machine listens on the address. Whoever answers
// there need not be of this machine: a network's proxy answers for every address.
func taken(address string) bool {
	listener, err := net.Listen("tcp", address)
	if err == nil {
		_ = listener.Close()
	}
	return errors.Is(err, syscall.EADDRINUSE)
}
