//go:build unix

package detach

import "syscall"

// attributes put the process into a session of its own, which has no terminal.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
