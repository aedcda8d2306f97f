package child

import "syscall"

// Attributes tie a process to this one. SIGKILL, because a process that lost its etcd can hang in an
// orderly end; etcd's writes are in the kernel's hands by then.
func Attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
