package fargate

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"workshop/internal/sandbox/podinfo"
)

// The environment through which the agent tells the child what it is. It is
// taken out before the program sees its own.
const (
	envTask  = "WORKSHOP_SANDBOX_TASK"  // name of the program
	envTag   = "WORKSHOP_SANDBOX_TAG"   // of its image
	envCores = "WORKSHOP_SANDBOX_CORES" // of its task
)

// killed is the exit code of a container that was killed: 128 and SIGKILL.
const killed = 137

// reports is the file descriptor on which a child says where it listens.
const reports = 3

var programs = map[string]func(podinfo.Process) int{
	"podinfo": podinfo.Main,
	"busybox": busybox,
}

// RunTask makes this process the program of a task if its environment says so,
// and then never returns. It belongs at the top of main and of TestMain of
// every binary that runs an Agent: the agent starts tasks by executing its own
// binary again.
func RunTask() {
	name := os.Getenv(envTask)
	if name == "" {
		return
	}
	tag := os.Getenv(envTag)
	cores, err := strconv.ParseFloat(os.Getenv(envCores), 64)
	if err != nil {
		cores = 0
	}
	for _, own := range []string{envTask, envTag, envCores} {
		os.Unsetenv(own)
	}
	program := programs[name]
	if program == nil {
		fmt.Fprintf(os.Stderr, "%s=%s names no program\n", envTask, name)
		os.Exit(1)
	}
	// A small service: rather a few more collections than a large heap.
	debug.SetGCPercent(50)
	debug.FreeOSMemory() // what the packages of a large binary left behind when they came up
	runtime.GOMAXPROCS(2)
	// Standard input is a pipe that only the agent's process can write to, and
	// never does: it ends when that process does, however that happens.
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(killed)
	}()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	hostname := os.Getenv("HOSTNAME")
	report := os.NewFile(reports, "reports")
	os.Exit(program(podinfo.Process{
		Args: os.Args[1:], Env: os.Environ(), Hostname: hostname, Version: tag, Cores: cores,
		Stdout: os.Stdout, Stderr: os.Stderr, Signals: signals, Exit: os.Exit,
		// A port of the container is any port of this machine: the agent maps
		// the container's address to it, so that equal ports of tasks do not
		// collide and nothing but the balancer's map leads to them.
		Listen: func(port int) (net.Listener, error) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(report, "%d %s\n", port, l.Addr())
			return l, nil
		},
	}))
}

// readReports calls listening for every line of a child's reports.
func readReports(r io.Reader, listening func(port int, addr string)) {
	in := bufio.NewScanner(r)
	for in.Scan() {
		p, addr, ok := strings.Cut(in.Text(), " ")
		port, err := strconv.Atoi(p)
		host, _, serr := net.SplitHostPort(addr)
		if ok && err == nil && serr == nil && host == "127.0.0.1" {
			listening(port, addr)
		}
	}
}

// applets are the commands that the sandbox's busybox has.
var applets = map[string]func(p podinfo.Process, args []string) int{
	"true":  func(podinfo.Process, []string) int { return 0 },
	"false": func(podinfo.Process, []string) int { return 1 },
	"echo": func(p podinfo.Process, args []string) int {
		fmt.Fprintln(p.Stdout, strings.Join(args, " "))
		return 0
	},
	"sleep": func(p podinfo.Process, args []string) int {
		if len(args) != 1 {
			fmt.Fprintln(p.Stderr, "sleep: needs one number of seconds")
			return 1
		}
		d := time.Duration(1<<63 - 1)
		if args[0] != "infinity" {
			seconds, err := strconv.ParseFloat(args[0], 64)
			if err != nil || seconds < 0 {
				fmt.Fprintf(p.Stderr, "sleep: invalid number '%s'\n", args[0])
				return 1
			}
			d = time.Duration(min(seconds, 1e9) * float64(time.Second))
		}
		select {
		case <-time.After(d):
			return 0
		case <-p.Signals:
			return 128 + int(syscall.SIGTERM)
		}
	},
	"exit": func(p podinfo.Process, args []string) int {
		if len(args) == 0 {
			return 0
		}
		n, err := strconv.Atoi(args[0])
		if err != nil {
			fmt.Fprintf(p.Stderr, "sh: exit: Illegal number: %s\n", args[0])
			return 2
		}
		return n & 0xff
	},
	"sh": nil, // see init: it runs the others
}

func init() { applets["sh"] = shell }

// shell runs `sh -c "one; two; three"` of the other applets, without quoting.
func shell(p podinfo.Process, args []string) int {
	if len(args) == 0 {
		return 0 // no terminal: end of input at once
	}
	if len(args) < 2 || args[0] != "-c" {
		fmt.Fprintln(p.Stderr, "sh: the sandbox's shell knows only -c")
		return 2
	}
	code := 0
	for command := range strings.SplitSeq(args[1], ";") {
		words := strings.Fields(command)
		if len(words) == 0 {
			continue
		}
		run := applets[path.Base(words[0])]
		if run == nil || words[0] == "sh" {
			fmt.Fprintf(p.Stderr, "sh: %s: not found\n", words[0])
			code = 127
			continue
		}
		code = run(p, words[1:])
		if words[0] == "exit" || len(p.Signals) > 0 {
			break
		}
	}
	return code
}

// busybox runs the applet that its first argument names.
func busybox(p podinfo.Process) int {
	args := p.Args
	if len(args) == 0 {
		return 0
	}
	run := applets[path.Base(args[0])]
	if run == nil {
		fmt.Fprintf(p.Stderr, "%s: applet not found\n", args[0])
		return 127
	}
	return run(p, args[1:])
}
