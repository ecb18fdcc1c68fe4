package stack

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// childAttr keeps the terminal's Ctrl-C from the child. When the thread that
// started it dies, Linux interrupts the child: Terraform then saves its state and
// ends together with its providers.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT}
}

// interruptedByDeath: the system interrupts Terraform when its owner dies.
const interruptedByDeath = true

// pipeSize is what Terraform can print, in bytes, after nobody reads any more:
// its last lines, and a state that it can save nowhere else. It is what Linux
// allows every user.
const pipeSize = 1 << 20

func enlarge(pipe *os.File) {
	_, _ = unix.FcntlInt(pipe.Fd(), unix.F_SETPIPE_SZ, pipeSize) // 64 KB are enough for most
}

// startTime identifies a process among all that had its number since the machine
// was built: the boot and the clock tick of its start. Empty if there is none.
func startTime(pid int) string {
	fields, ok := statFields(pid)
	if !ok {
		return ""
	}
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(boot)) + "/" + fields[19]
}

// statFields returns the fields of /proc/PID/stat from the third on, the state.
// The second, the program's name, may hold spaces and parentheses. A zombie has
// none: it has ended.
func statFields(pid int) ([]string, bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, false
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return nil, false
	}
	return fields, true
}

// processGroup lists the programs, without their folders, of the processes in a group.
func processGroup(pgid int) (map[int]string, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	out := map[int]string{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if fields, ok := statFields(pid); ok && fields[2] == strconv.Itoa(pgid) {
			command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			program, _, _ := strings.Cut(string(command), "\x00")
			out[pid] = filepath.Base(program)
		}
	}
	return out, nil
}
