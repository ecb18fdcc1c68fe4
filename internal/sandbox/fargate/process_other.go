//go:build !unix

package fargate

import (
	"os"
	"os/exec"
)

func isolate(*exec.Cmd) {}

// There is no gentle way to ask.
func terminate(p *os.Process) { p.Kill() }

func exitCode(s *os.ProcessState) int { return s.ExitCode() }
