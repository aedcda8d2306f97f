package child

import "syscall"

// attributes: SIGKILL, because a process that lost its etcd can hang in an
// orderly end; etcd's writes are in the kernel's hands by then.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
