package stack

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"workshop/internal/clean"
)

const (
	// stopGrace is how long Terraform may take to save its state when the context
	// ends. A provider that ignores the interrupt finishes the call it is making.
	stopGrace = 10 * time.Minute
	// hardGrace is how long Terraform has after a second Stop.
	hardGrace = 5 * time.Second
)

// process is a running Terraform that can be asked, then forced, to stop.
type process struct {
	started func(Process) // called once Terraform runs; may be nil

	mu       sync.Mutex
	cmd      *exec.Cmd
	stops    int
	deadline *time.Timer
	ended    bool
}

// run starts Terraform and hands each line of its output on until it ends. When
// ctx ends Terraform is asked to stop. Afterwards nothing of its process group is
// left: a provider that outlives Terraform would keep some 600 MB. The error is
// nil, or an *exec.ExitError, or says why Terraform did not start.
func (p *process) run(ctx context.Context, t *Terraform, dir string, env, args []string, line func([]byte)) error {
	cmd := exec.Command(t.Path, args...)
	cmd.Dir, cmd.Env = dir, env
	cmd.SysProcAttr = childAttr()
	// The log behind the screen shows what a provider prints as well.
	output, input, err := outputPipe(cmd)
	if err != nil {
		return fmt.Errorf("make a pipe for Terraform's output: %w", err)
	}
	defer output.Close()
	cmd.Stdout, cmd.Stderr = input, input

	// Linux interrupts the child when the thread that started it ends, which
	// must not be before the child itself.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	p.mu.Lock()
	if ctx.Err() != nil || p.stops > 0 {
		p.mu.Unlock()
		_ = input.Close()
		return context.Canceled
	}
	err = cmd.Start()
	closeChildFiles(cmd, input)
	if err != nil {
		p.mu.Unlock()
		return fmt.Errorf("start %s: %w", clean.Line(t.Path), err)
	}
	p.cmd = cmd
	p.mu.Unlock()
	if p.started != nil {
		p.started(identify(cmd.Process.Pid))
	}

	unwatch := context.AfterFunc(ctx, func() {
		p.stop()
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.deadline == nil && !p.ended {
			p.deadline = time.AfterFunc(stopGrace, p.kill)
		}
	})
	var lines sync.WaitGroup
	lines.Go(func() {
		out := &lineWriter{line: line}
		_, _ = io.Copy(out, output) // ends with the last writer, or at the deadline below
		out.flush()
	})
	err = cmd.Wait()
	unwatch()
	p.mu.Lock()
	p.ended = true
	if p.deadline != nil {
		p.deadline.Stop()
	}
	p.mu.Unlock()
	_ = killGroup(cmd.Process) // an error means that nothing of the group is left
	// What left the group, as a provisioner's daemon may, keeps the pipe open.
	_ = output.SetReadDeadline(time.Now().Add(hardGrace))
	lines.Wait()
	return err
}

// stop asks Terraform to stop and save its state; a second call tells it to leave
// at once, and kills it if it does not within hardGrace.
func (p *process) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stops++
	if p.cmd == nil || p.ended {
		return
	}
	switch p.stops {
	case 1:
		_ = interrupt(p.cmd.Process) // an error means that it has ended
	case 2:
		_ = interrupt(p.cmd.Process)
		if p.deadline != nil {
			p.deadline.Stop()
		}
		p.deadline = time.AfterFunc(hardGrace, p.kill)
	}
}

func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		_ = killGroup(p.cmd.Process) // an error means that it has ended
	}
}

// environ is the environment of every Terraform that runs here: ours without
// what would change Terraform's ways behind our back or point it at another
// account, then the additions.
func environ(additions []string) []string {
	credentials := false
	for _, kv := range additions {
		credentials = credentials || strings.HasPrefix(kv, "AWS_ACCESS_KEY_ID=")
	}
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		switch {
		case managed[name], strings.HasPrefix(name, "TF_CLI_ARGS"), strings.HasPrefix(name, "TF_LOG"),
			strings.HasPrefix(name, "AWS_ENDPOINT_URL"):
		// Half of one set of credentials with half of another is neither.
		case credentials && strings.HasPrefix(name, "AWS_"):
		default:
			env = append(env, kv)
		}
	}
	env = append(env, "TF_IN_AUTOMATION=1", "TF_INPUT=0", "CHECKPOINT_DISABLE=1")
	// Each start of the AWS provider builds a schema of hundreds of megabytes.
	// Collecting garbage less often meanwhile saves half a second of computing a
	// time, for a tenth more memory; the limit keeps it from growing after that.
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		env = append(env, "GOGC=400", "GOMEMLIMIT=768MiB")
	}
	return append(env, additions...)
}

var managed = map[string]bool{
	"TF_DATA_DIR":             true,
	"TF_WORKSPACE":            true,
	"TF_INPUT":                true,
	"TF_IN_AUTOMATION":        true,
	"TF_REATTACH_PROVIDERS":   true,
	"TF_DISABLE_PLUGIN_TLS":   true,
	"TF_SKIP_PROVIDER_VERIFY": true,
	"TF_APPEND_USER_AGENT":    true,
	"CHECKPOINT_DISABLE":      true,
	"TF_CLI_CONFIG_FILE":      true, // settled by cliConfig
}
