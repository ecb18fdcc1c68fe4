//go:build unix

package fargate

import (
	"os"
	"os/exec"
	"syscall"
)

// isolate keeps a terminal's Ctrl-C from the child: when to stop is the
// agent's to say.
func isolate(cmd *exec.Cmd) {
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

func terminate(p *os.Process) { p.Signal(syscall.SIGTERM) }

// exitCode is how a container's end is told: 128 and the signal's number for
// one that a signal ended.
func exitCode(s *os.ProcessState) int {
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return s.ExitCode()
}
