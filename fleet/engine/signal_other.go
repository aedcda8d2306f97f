//go:build !unix

package engine

import (
	"os"
	"os/exec"
)

// ownGroup does nothing where there are no process groups.
func ownGroup(*exec.Cmd) {}

// interrupt can only kill where there are no signals.
func interrupt(process *os.Process) error { return process.Kill() }
