package controlplane

import "syscall"

// childAttributes: SIGKILL, because a process that lost its etcd can hang in an
// orderly end; etcd's writes are in the kernel's hands by then.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
