//go:build unix && !linux

package child

import "syscall"

// Attributes: only Linux can tie a child's life to its parent's.
func Attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
