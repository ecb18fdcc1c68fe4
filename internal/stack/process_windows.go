package stack

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// childAttr keeps the console's Ctrl-C from the child.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

func outputPipe(*exec.Cmd) (output, input *os.File, err error) { return os.Pipe() }

func closeChildFiles(_ *exec.Cmd, input *os.File) { _ = input.Close() }

// interrupt: Windows has no signal that Terraform would take as a wish.
func interrupt(p *os.Process) error { return p.Kill() }

func killGroup(p *os.Process) error { return p.Kill() }

func interruptPID(pid int) error { return killPID(pid) }

func killPID(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Kill()
}

// startTime identifies a process among those that had its number: the time of
// its start. Empty if there is none.
func startTime(pid int) string {
	h, err := syscall.OpenProcess(syscall.PROCESS_QUERY_INFORMATION, false, uint32(pid))
	if err != nil {
		return ""
	}
	defer syscall.CloseHandle(h)
	var created, exited, kernel, user syscall.Filetime
	if syscall.GetProcessTimes(h, &created, &exited, &kernel, &user) != nil || exited.Nanoseconds() > 0 {
		return ""
	}
	return strconv.FormatInt(created.Nanoseconds(), 10)
}

// processGroup: Windows has no process groups of this kind.
func processGroup(int) (map[int]string, error) { return nil, nil }

func ownedByUser(os.FileInfo) bool { return true } // its temporary folder is the user's own

// interruptedByDeath: nothing tells Terraform that its owner has died.
const interruptedByDeath = false
