package stack

import "syscall"

// childAttr keeps the terminal's Ctrl-C from the child, and the child from
// outliving us.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
