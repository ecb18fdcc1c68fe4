package session

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/hashicorp/go-version"
	"github.com/muesli/cancelreader"

	"workshop/internal/clean"
	"workshop/internal/datachannel"
	"workshop/internal/fargate"
)

// ExecSandbox is what is different about it in the sandbox.
const ExecSandbox = "In the sandbox it is a process on this machine, with your rights: the container's environment, this machine's files."

// plugin is AWS's client for sessions in containers.
const plugin = "session-manager-plugin"

// Execution is a command that waits in a container for its terminal.
type Execution struct {
	started fargate.Execution
	env     []string // of the plugin
	region  string
	profile string
	url     string // of the sandbox; empty on AWS
}

// Exec has ECS run a command in a container of a task. It is for Attach to connect to it,
// within a minute. ECS splits the command into words as a shell does; the first is the
// program.
func (s *Session) Exec(ctx context.Context, task, container, command string) (*Execution, error) {
	var x Execution
	err := s.act(ctx, func(c *fargate.Clients, ref fargate.Ref) (err error) {
		x.started, err = c.Execute(ctx, ref, task, container, command)
		return err
	})
	if err != nil {
		return nil, err
	}
	t, err := s.Target(ctx)
	if err != nil {
		return nil, err
	}
	cfg, _, err := s.Watched(ctx)
	if err != nil {
		return nil, err
	}
	x.env, x.region, x.url = t.Environ(os.Environ()), cfg.Region, t.Endpoint
	if !s.Sandbox() {
		x.profile = cmp.Or(s.profile(), os.Getenv("AWS_PROFILE"))
	}
	return &x, nil
}

// Attach connects in and out with the command until it has ended; nil says that it did
// by itself, whatever its exit code, which AWS does not tell. In front of a terminal AWS's
// session-manager-plugin does it where it is installed, else Attach itself. A terminal is
// as it was when Attach returns.
func (x *Execution) Attach(ctx context.Context, in io.Reader, out, errOut io.Writer) error {
	keyboard, isFile := in.(*os.File)
	typed := isFile && term.IsTerminal(keyboard.Fd())
	if typed {
		state, err := term.GetState(keyboard.Fd())
		if err != nil {
			return fmt.Errorf("ask the terminal: %w", err)
		}
		defer func() { // the plugin leaves it without line editing
			if err := term.Restore(keyboard.Fd(), state); err != nil {
				fmt.Fprintf(errOut, "The terminal may behave strangely: %s. `reset` repairs it.\n", clean.Line(err.Error()))
			}
		}()
	}
	if path, err := exec.LookPath(plugin); err == nil && typed {
		return x.plugin(ctx, path, in, out, errOut)
	}
	c, err := datachannel.Dial(ctx, x.started.Session)
	if err != nil {
		return fmt.Errorf("connect to the container: %w. Try again; if it stays so, install AWS's %s", err, plugin)
	}
	defer c.Close() //nolint:errcheck // it has nothing to say
	t := datachannel.Terminal{In: in, Out: out}
	if isFile {
		// A read that waits for a key must not outlive the session: the next key is for
		// whoever has the terminal then.
		if r, err := cancelreader.NewReader(keyboard); err == nil {
			defer r.Close() //nolint:errcheck // the file stays open
			defer r.Cancel()
			t.In = r
		}
	}
	if typed {
		if _, err := term.MakeRaw(keyboard.Fd()); err != nil {
			return fmt.Errorf("prepare the terminal: %w", err)
		}
		t.Size = func() (int, int, bool) {
			cols, rows, err := term.GetSize(keyboard.Fd())
			return cols, rows, err == nil
		}
	}
	err = c.Run(ctx, t)
	switch {
	case errors.Is(err, datachannel.ErrLost):
		return fmt.Errorf("%w: the task may have stopped, or the network is away", err)
	case err == nil && typed:
		fmt.Fprint(errOut, "\r\nThe session has ended.\r\n") // the task may have ended it
	}
	return err
}

// plugin runs AWS's client as the aws command line does, which is how it is documented to
// be called.
func (x *Execution) plugin(ctx context.Context, path string, in io.Reader, out, errOut io.Writer) error {
	session, err := json.Marshal(x.started.Session)
	if err != nil {
		return fmt.Errorf("write the session for %s: %w", plugin, err)
	}
	request, err := json.Marshal(map[string]string{"Target": x.started.Target})
	if err != nil {
		return fmt.Errorf("write the session for %s: %w", plugin, err)
	}
	endpoint := x.url
	if endpoint == "" {
		endpoint = "https://ssm." + x.region + ".amazonaws.com"
	}
	response, env := string(session), x.env
	if readsEnvironment(ctx, path) {
		response, env = responseVariable, append(x.env, responseVariable+"="+response)
	}
	cmd := exec.CommandContext(ctx, path, response, x.region, "StartSession", x.profile, string(request), endpoint)
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, errOut
	caught := make(chan os.Signal, 1) // Ctrl-C is for the command in the container
	signal.Notify(caught, os.Interrupt)
	defer signal.Stop(caught)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", plugin, err)
	}
	return nil
}

// responseVariable is where a newer plugin finds the session: others on this machine can
// see a program's arguments, and the session's token is a secret.
const responseVariable = "AWS_SSM_START_SESSION_RESPONSE"

// readsEnvironment reports whether the plugin knows responseVariable.
func readsEnvironment(ctx context.Context, path string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	b, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return false
	}
	v, err := version.NewVersion(strings.TrimSpace(string(b)))
	return err == nil && v.GreaterThanOrEqual(since)
}

// since is the plugin's first version that knows responseVariable, as the aws command
// line has it.
var since = version.Must(version.NewVersion("1.2.497.0"))

// ExecProgram is this program again, as `workshop exec`, with a shell in a task of this
// session: for a screen that gives the terminal away meanwhile.
func (s *Session) ExecProgram(task string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	args := []string{"exec", "--target", string(s.opts.Kind), "--workspace", s.Workspace.Dir(), "--task", task}
	region := s.opts.Region
	s.mu.Lock()
	if o := s.other; o != nil {
		args = append(args, "--cluster", o.place.Cluster, "--service", o.place.Service)
		region = cmp.Or(o.place.Region, region)
	}
	s.mu.Unlock()
	if region != "" {
		args = append(args, "--region", region)
	}
	if profile := s.profile(); profile != "" {
		args = append(args, "--profile", profile)
	}
	return exec.Command(self, args...), nil
}

// CommandLine writes words as one command that ECS splits into the same words; a single
// word is a command as it stands.
func CommandLine(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		if w == "" || strings.ContainsAny(w, " \t\r\n'\"\\#") {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
