//go:build unix && !linux

package stack

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// childAttr keeps the terminal's Ctrl-C from the child.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func enlarge(*os.File) {} // only Linux can

// startTime identifies a process among those that had its number: the second of
// its start and its command line. Empty if there is none.
func startTime(pid int) string {
	out, err := exec.Command("ps", "-o", "lstart=,command=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// processGroup lists the programs, without their folders, of the processes in a group.
func processGroup(pgid int) (map[int]string, error) {
	list, err := exec.Command("ps", "-axo", "pid=,pgid=,stat=,comm=").Output()
	if err != nil {
		return nil, err
	}
	out := map[int]string{}
	for line := range strings.Lines(string(list)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[1] != strconv.Itoa(pgid) || strings.HasPrefix(fields[2], "Z") {
			continue
		}
		if pid, err := strconv.Atoi(fields[0]); err == nil {
			out[pid] = filepath.Base(strings.Join(fields[3:], " "))
		}
	}
	return out, nil
}

// interruptedByDeath: nothing tells Terraform that its owner has died.
const interruptedByDeath = false
