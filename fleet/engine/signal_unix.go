//go:build unix

package engine

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup keeps the terminal's interrupt from the process.
func ownGroup(process *exec.Cmd) { process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func interrupt(process *os.Process) error { return process.Signal(os.Interrupt) }
