// Package fargate is the agent that runs the containers of tasks: it finds the
// program that stands in for an image, runs it as a child process of ours,
// hands on what it prints and says how it ended.
//
// A child is our own binary executed again (see RunTask), so the sandbox needs
// nothing installed. It listens on a loopback port of its own choice and says
// which; it ends with the process that started it, however that one ends.
package fargate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxLine is the longest piece of a line that becomes one event: containers'
// runtimes cut at 16 KiB, and so does what awslogs sends.
const maxLine = 16 << 10

// Spec is one container to run.
type Spec struct {
	Image        Image
	EntryPoint   []string
	Command      []string
	Env          []string // KEY=value, all that the program sees
	Architecture string   // of the task: amd64 or arm64; empty runs images of any
	// Task names the task that the container belongs to. The containers of one
	// share TaskMemory. Both limits are in bytes, and 0 is none.
	Task               string
	Memory, TaskMemory int64
	CPU                float64 // cores of the task; 0 is no limit. See podinfo.Process
	Check              *Check  // how to find out if it is healthy; nil without a health check
	// Line gets what the container prints, a line or a piece of one at a time,
	// without its newline. It may block: the container then waits. Not called
	// any more once Exited was.
	Line func(at time.Time, text string)
	// Listening is told of every port of the container that the program opens,
	// and of the loopback address behind it.
	Listening func(port int, addr string)
	// Health is told whenever the check's verdict changes.
	Health func(healthy bool)
	// Exited is told once, last, how the program ended.
	Exited func(Exit)
}

// Exit is how a container ended.
type Exit struct {
	Code        int
	OutOfMemory bool // it was killed because it, or its task, used more than it may
}

// Agent runs containers. It is safe for concurrent use.
type Agent struct {
	binary string

	mu      sync.Mutex
	closed  bool
	running map[*Process]struct{}
	wg      sync.WaitGroup
}

// NewAgent returns an agent that starts tasks by executing this program again:
// its main must begin with RunTask.
func NewAgent() (*Agent, error) {
	exe, err := self()
	if err != nil {
		return nil, fmt.Errorf("finding the program to run tasks with: %w", err)
	}
	return &Agent{binary: exe, running: map[*Process]struct{}{}}, nil
}

// self is a path at which this program can be executed again. On Linux it is
// one that stays good when the file is replaced or deleted meanwhile, as an
// upgrade does.
func self() (string, error) {
	const link = "/proc/self/exe"
	if runtime.GOOS == "linux" {
		if _, err := os.Stat(link); err == nil {
			return link, nil
		}
	}
	return os.Executable()
}

// Process is a container that runs. It is safe for concurrent use.
type Process struct {
	cmd      *exec.Cmd // nil for a program that needs no process
	lifeline *os.File  // the child ends when this is closed
	done     chan struct{}
	stop     sync.Once
	quit     chan struct{}

	task               string
	memory, taskMemory int64
	used               atomic.Int64 // bytes, as last seen
	outOfMemory        atomic.Bool

	env []string // of the program; commands of Exec have it too

	mu     sync.Mutex
	ports  map[int]string // of the container, and what they are here
	shells map[Shell]struct{}
	over   bool // the program has ended, and no more shells begin
}

// listening notes where a port of the container is on this machine.
func (p *Process) listening(port int, addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ports[port] = addr
}

// addr is where a port of the container is on this machine.
func (p *Process) addr(port int) (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, ok := p.ports[port]
	return a, ok
}

// errClosed is returned by Start once the agent is closing.
var errClosed = errors.New("the sandbox is stopping")

// Start runs a container. It returns as soon as the process exists; a program
// that the image does not have is a *StartError.
func (a *Agent) Start(spec Spec) (*Process, error) {
	argv := spec.Image.argv(spec.EntryPoint, spec.Command)
	program, err := spec.Image.resolve(argv)
	if err != nil {
		return nil, err
	}
	p := &Process{
		done: make(chan struct{}), quit: make(chan struct{}), ports: map[int]string{}, shells: map[Shell]struct{}{},
		task: spec.Task, memory: spec.Memory, taskMemory: spec.TaskMemory, env: spec.Env,
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, errClosed
	}
	if spec.Image.foreign(spec.Architecture) {
		// The pull succeeds; it is the kernel that refuses to execute the file.
		a.track(p, spec, func() int {
			spec.Line(time.Now(), "exec "+inPath(argv[0])+": exec format error")
			return 255
		})
		return p, nil
	}
	if program == "pause" {
		// Does nothing, so it needs no process to do it in: hundreds of these
		// cost next to nothing.
		a.track(p, spec, func() int {
			<-p.quit
			return 0
		})
		return p, nil
	}
	wait, err := p.start(a.binary, program, argv, spec)
	if err != nil {
		return nil, &StartError{err.Error()}
	}
	a.track(p, spec, wait)
	return p, nil
}

// track owns the process until it has ended. The lock must be held.
func (a *Agent) track(p *Process, spec Spec, wait func() int) {
	a.running[p] = struct{}{}
	a.wg.Go(func() {
		ctx, cancel := context.WithCancel(context.Background())
		var companions sync.WaitGroup
		if spec.Check != nil {
			companions.Go(func() {
				spec.Check.watch(ctx, func(ctx context.Context) int { return spec.Image.probe(ctx, spec.Check.Command, p.addr) }, spec.Health)
			})
		}
		if p.cmd != nil && (p.memory > 0 || p.taskMemory > 0) {
			companions.Go(func() { a.watchMemory(ctx, p) })
		}
		code := wait()
		cancel()
		p.endShells()
		companions.Wait()
		spec.Exited(Exit{code, p.outOfMemory.Load()})
		a.mu.Lock()
		delete(a.running, p)
		a.mu.Unlock()
		close(p.done)
	})
}

// watchMemory kills the process when it uses more memory than it may, or when
// its task does and it is the largest there. It returns when ctx ends.
func (a *Agent) watchMemory(ctx context.Context, p *Process) {
	every := 250 * time.Millisecond
	if runtime.GOOS != "linux" {
		every = time.Second // it takes a process to find out
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		u, ok := Measure([]int{p.PID()})[p.PID()]
		if !ok {
			continue // it is about to be gone
		}
		n := u.Memory
		p.used.Store(n)
		sum, largest := int64(0), true
		if p.taskMemory > 0 {
			a.mu.Lock()
			for o := range a.running {
				if o.task == p.task {
					sum += o.used.Load()
					largest = largest && o.used.Load() <= n
				}
			}
			a.mu.Unlock()
		}
		if p.memory > 0 && n > p.memory || p.taskMemory > 0 && sum > p.taskMemory && largest {
			p.outOfMemory.Store(true)
			p.cmd.Process.Kill()
			return
		}
	}
}

// start starts the child; the function that it returns waits for the end.
func (p *Process) start(binary, program string, argv []string, spec Spec) (wait func() int, err error) {
	var files []*os.File
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	var ours [3]*os.File // the ends that we read
	var theirs [3]*os.File
	for i := range ours {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, fmt.Errorf("opening a pipe: %w", err)
		}
		ours[i], theirs[i] = r, w
		files = append(files, r, w)
	}
	stdin, lifeline, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("opening a pipe: %w", err)
	}
	files = append(files, stdin, lifeline)

	args := argv[1:]
	if program == "busybox" && applets[argv[0]] != nil {
		args = argv
	}
	cmd := exec.Command(binary, args...)
	cmd.Args[0] = argv[0]
	cores := strconv.FormatFloat(spec.CPU, 'g', -1, 64)
	cmd.Env = append([]string{envTask + "=" + program, envTag + "=" + spec.Image.Tag, envCores + "=" + cores}, spec.Env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, theirs[0], theirs[1]
	cmd.ExtraFiles = []*os.File{theirs[2]}
	isolate(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the container's process: %w", err)
	}
	for _, f := range append(theirs[:], stdin) {
		f.Close()
	}
	files = nil
	p.cmd, p.lifeline = cmd, lifeline

	return func() int {
		var wg sync.WaitGroup
		var mu sync.Mutex // one line at a time, of whichever stream
		for _, r := range ours[:2] {
			wg.Go(func() {
				defer r.Close()
				readLines(r, func(text string) {
					mu.Lock()
					defer mu.Unlock()
					spec.Line(time.Now(), text)
				})
			})
		}
		wg.Go(func() {
			defer ours[2].Close()
			readReports(ours[2], func(port int, addr string) {
				p.listening(port, addr)
				spec.Listening(port, addr)
			})
		})
		wg.Wait() // all ends closed: the child is gone or about to be
		cmd.Wait()
		lifeline.Close()
		return exitCode(cmd.ProcessState)
	}, nil
}

// readLines calls line for every line of r and for pieces of those that are
// longer than maxLine. Empty lines are left out, as CloudWatch takes none.
func readLines(r io.Reader, line func(string)) {
	in := bufio.NewReaderSize(r, maxLine)
	for {
		b, err := in.ReadSlice('\n')
		if err == nil {
			b = b[:len(b)-1]
		}
		if len(b) > 0 {
			line(strings.ToValidUTF8(string(b), "\uFFFD"))
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// Stop asks the program to end (SIGTERM) and kills it when it has not within
// grace. It does not wait; only the first call counts.
func (p *Process) Stop(grace time.Duration) {
	p.stop.Do(func() {
		close(p.quit)
		if p.cmd == nil {
			return
		}
		terminate(p.cmd.Process)
		go func() {
			select {
			case <-p.done:
			case <-time.After(grace):
				p.cmd.Process.Kill()
			}
		}()
	})
}

// PID is the process id of the container, 0 for one that has no process.
func (p *Process) PID() int {
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// Done is closed when the program has ended and Exited has returned.
func (p *Process) Done() <-chan struct{} { return p.done }

// Close stops every container, killing those that have not ended within grace,
// and returns when all are gone. Nothing can be started afterwards.
func (a *Agent) Close(grace time.Duration) {
	a.mu.Lock()
	a.closed = true
	for p := range a.running {
		p.Stop(grace)
		if p.cmd != nil { // Stop may have been asked for earlier, with a longer grace
			kill := time.AfterFunc(grace, func() { p.cmd.Process.Kill() })
			a.wg.Go(func() {
				<-p.done
				kill.Stop()
			})
		}
	}
	a.mu.Unlock()
	a.wg.Wait()
}
