package stack

import (
	"os"
	"syscall"
)

// childAttr keeps the console's Ctrl-C from the child.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// interrupt: Windows has no signal that Terraform would take as a wish.
func interrupt(p *os.Process) error { return p.Kill() }

func killGroup(p *os.Process) error { return p.Kill() }
