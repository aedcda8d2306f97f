//go:build !linux

package process

import (
	"errors"
	"runtime"
	"syscall"
)

var errUnsupported = errors.New("containers run on Linux only, not on " + runtime.GOOS + ": use a Linux machine or a virtual one")

// Supported says why containers do not run here.
func Supported() error { return errUnsupported }

func (Spec) attributes() (*syscall.SysProcAttr, error) { return nil, errUnsupported }

func explain(err error) error { return err }

func (*Process) reap() int  { return 255 }
func (*Process) terminate() {}
func (*Process) kill()      {}
