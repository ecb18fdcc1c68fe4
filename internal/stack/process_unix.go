//go:build unix

package stack

import (
	"errors"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// outputPipe makes the pipe for a child's output. The child gets the reading end
// too: otherwise, when its owner dies, Terraform dies of SIGPIPE at its next line
// instead of saving its state.
func outputPipe(cmd *exec.Cmd) (output, input *os.File, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	enlarge(w)
	// A descriptor that a child inherits blocks, and one that blocks has no
	// deadline. Both are of one pipe, and the child never reads.
	dup, err := unix.FcntlInt(r.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(dup, true)
	}
	if err != nil {
		return nil, nil, errors.Join(err, r.Close(), w.Close())
	}
	cmd.ExtraFiles = []*os.File{r}
	return os.NewFile(uintptr(dup), "terraform"), w, nil
}

// closeChildFiles closes what only the child needs.
func closeChildFiles(cmd *exec.Cmd, input *os.File) {
	_ = input.Close()
	for _, f := range cmd.ExtraFiles {
		_ = f.Close()
	}
}

func interrupt(p *os.Process) error { return p.Signal(os.Interrupt) }

// killGroup ends Terraform and the plug-ins that it started.
func killGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }

func interruptPID(pid int) error { return syscall.Kill(pid, syscall.SIGINT) }

func killPID(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) }

// ownedByUser reports whether a file belongs to the user of this process: in a
// folder that all share, somebody else may have put it there.
func ownedByUser(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}
