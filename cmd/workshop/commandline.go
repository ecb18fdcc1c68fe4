package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"workshop/internal/clean"
	"workshop/internal/cost"
	"workshop/internal/diagnose"
	"workshop/internal/fargate"
	"workshop/internal/lesson/kit"
	"workshop/internal/session"
	"workshop/internal/stack"
	"workshop/internal/target"
	"workshop/internal/tui"
)

// commandLine holds the flags that all commands share, and the session that
// they open.
type commandLine struct {
	in     io.Reader
	out    io.Writer // cleans what is written to it
	errOut io.Writer // likewise
	tty    *os.File  // what out writes to, for the screen; nil where that is no file

	target    string
	workspace string
	region    string
	profile   string
	terraform string
	steps     string
	speed     string
	account   string
	json      bool
	version   bool          // of --version
	readOnly  bool          // of --read-only
	noSandbox bool          // the command does not start one
	budget    *cost.Money   // of --budget; nil where it was not given
	backend   moveTo        // of --backend
	viewer    bool          // of the live command
	other     fargate.Place // of --cluster and --service; empty for the workspace's own

	draft   *kit.Draft      // the workshop that is previewed, nil for none
	options session.Options // of the session, once open was called with good flags
	session *session.Session
	// fullScreen: the terminal is the screens', so no command may ask on it.
	fullScreen bool
	closers    []func() error
}

func newCommandLine(in io.Reader, out, errOut io.Writer) *commandLine {
	c := &commandLine{in: in, out: clean.NewWriter(out), errOut: clean.NewWriter(errOut)}
	c.tty, _ = out.(*os.File)
	return c
}

func (c *commandLine) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "workshop",
		Short: "Deploy to AWS Fargate with Terraform, step by step",
		Long: `workshop teaches you to deploy a service to AWS Fargate with Terraform.

Without a command it opens the screen: a guide to read, a plan to approve, the
service as it runs, its logs, and the way back to an empty account. It deploys
into a sandbox on this machine; nothing costs money and no account is needed.
With --target aws it does the same in your own AWS account.`,
		Args:          noArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.version {
				return c.printVersion()
			}
			return c.screen(cmd.Context(), tui.Options{})
		},
	}
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.errOut)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.CompletionOptions.HiddenDefaultCmd = true

	f := root.PersistentFlags()
	f.StringVar(&c.target, "target", string(target.Sandbox), `where to deploy: "sandbox" or "aws"`)
	f.StringVar(&c.workspace, "workspace", "", "folder of your configuration, state and progress (default: one for each target, in your state folder)")
	f.StringVar(&c.region, "region", "", "AWS region (default: the sandbox's eu-west-1, or what your AWS configuration says)")
	f.StringVar(&c.profile, "profile", "", "profile of your AWS configuration, for --target aws (default: AWS_PROFILE)")
	f.StringVar(&c.terraform, "terraform", "", "path of the terraform or tofu to use (default: from PATH, else it is fetched); a folder is the configuration to deploy instead of the bundled one")
	f.StringVar(&c.steps, "steps", "", "folder of another workshop to run; its terraform folder is what it deploys")
	f.StringVar(&c.speed, "speed", os.Getenv("WORKSHOP_SANDBOX_SPEED"), `how fast the sandbox's Fargate is: "real" or "fast"`)
	f.StringVar(&c.account, "account", "", "AWS account number that you mean to deploy to: confirms it, as typing it does")
	f.BoolVar(&c.readOnly, "read-only", false, "look alone: refuse every command and key that changes something")
	f.BoolVar(&c.json, "json", false, "print JSON: one object a line where the command streams, else one object")

	root.Flags().BoolVar(&c.version, "version", false, "print the version of this program")

	deploy := c.deployCommand()
	c.budgetFlag(root.Flags())
	c.budgetFlag(deploy.Flags())
	c.backendFlags(root.Flags())
	c.backendFlags(deploy.Flags())

	root.AddCommand(
		c.planCommand(), deploy, c.destroyCommand(), c.sweepCommand(),
		c.doctorCommand(), c.prefetchCommand(),
		c.ofAnyService(c.statusCommand()), c.ofAnyService(c.diagnoseCommand()), c.ofAnyService(c.logsCommand()), c.liveCommand(),
		c.outputCommand(), c.openCommand(), c.backendCommand(),
		c.ofAnyService(c.scaleCommand()), c.ofAnyService(c.redeployCommand()), c.ofAnyService(c.rollbackCommand()), c.ofAnyService(c.stopTaskCommand()), c.ofAnyService(c.execCommand()),
		c.stepsCommand(), c.showCommand(), c.resetCommand(),
		c.checkCommand(), c.hintCommand(), c.solveCommand(), c.certificateCommand(),
		c.newCommand(), c.lintCommand(), c.previewCommand(),
		c.envCommand(), c.sandboxCommand(), c.versionCommand(),
	)
	return root
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasSubCommands() {
		return usagef("there is no command %q", args[0])
	}
	return usagef("%s takes no argument, but got %q", cmd.Name(), args[0])
}

func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("%s takes one argument: %s", cmd.Name(), what)
		}
		return nil
	}
}

// open opens the workspace for a command; close ends it.
func (c *commandLine) open() (*session.Session, error) {
	if c.session != nil {
		return c.session, nil
	}
	kind, err := target.ParseKind(c.target)
	if err != nil {
		return nil, &usageError{err}
	}
	if c.speed != "" && c.speed != "real" && c.speed != "fast" {
		return nil, usagef(`--speed is "real" or "fast", not %q`, c.speed)
	}
	if c.profile != "" && kind != target.AWS {
		return nil, usagef("--profile goes with --target aws: the sandbox has no profiles")
	}
	if c.other.Cluster == "" && c.other.Service != "" {
		return nil, usagef("--service needs --cluster: the cluster that the service is in")
	}
	if c.other.Service == "" && c.other.Cluster != "" && !c.viewer {
		return nil, usagef("--cluster needs --service; `workshop live --cluster %s` lists those that there are", clean.Line(c.other.Cluster))
	}
	what, err := c.content()
	if err != nil {
		return nil, err
	}
	dir, err := c.workspaceDir(kind, what)
	if err != nil {
		return nil, err
	}
	program := c.terraform
	if configured(program) {
		program = ""
	}
	o := session.Options{
		Kind: kind, Workspace: dir, Region: c.region, Profile: c.profile, Terraform: program,
		Fast: c.speed == "fast", NoSandbox: c.noSandbox, ReadOnly: c.readOnly,
		Configuration: what.terraform, Steps: what.steps, Screens: tui.Pages(),
	}
	if c.draft != nil {
		o.Course = c.draft.Course
	}
	if c.viewer || c.other != (fargate.Place{}) {
		o.Other = &c.other
	}
	switch {
	case c.viewer:
		o.Face = tui.ViewerFace
	case c.fullScreen:
		o.Face = tui.Face
	case o.Other != nil:
		o.Face = diagnose.Other
	}
	if !c.fullScreen && c.terminal() {
		o.MFACode = c.mfaCode
	}
	c.options = o
	s, err := session.Open(o)
	if err != nil {
		return nil, err
	}
	c.session = s
	c.printNotes(s.Notes())
	c.closers = append(c.closers, s.Close)
	if c.budget != nil {
		if err := s.SetBudget(*c.budget); err != nil {
			return nil, fmt.Errorf("keep the budget: %w", err)
		}
	}
	return s, nil
}

// reach opens the workspace and its target, and says what the learner should
// know about it. The session is there also where only the target fails.
func (c *commandLine) reach(ctx context.Context) (*session.Session, *target.Target, error) {
	s, err := c.open()
	if err != nil {
		return nil, nil, err
	}
	t, err := s.Target(ctx)
	if err != nil {
		return s, nil, err
	}
	c.printNotes(t.Notes)
	return s, t, nil
}

func (c *commandLine) close() error {
	var errs []error
	for i := len(c.closers) - 1; i >= 0; i-- {
		errs = append(errs, c.closers[i]())
	}
	c.closers = nil
	if c.session != nil {
		c.printNotes(c.session.Workspace.Notes())
	}
	return errors.Join(errs...)
}

// note tells the person something that is not the command's result.
func (c *commandLine) note(format string, args ...any) {
	fmt.Fprintf(c.errOut, format+"\n", args...)
}

func (c *commandLine) printNotes(notes []string) {
	for _, n := range notes {
		c.note("%s", n)
	}
}

func (c *commandLine) printf(format string, args ...any) { fmt.Fprintf(c.out, format, args...) }

// emit prints one JSON object on a line.
func (c *commandLine) emit(v any) error { return encode(c.out, v) }

// encode writes one JSON object on a line, in which a terminal finds nothing to obey.
func encode(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	if err == nil {
		_, err = w.Write(clean.JSON(b.Bytes()))
	}
	if err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

// terminal reports whether the person can be asked.
func (c *commandLine) terminal() bool {
	in, ok := c.in.(*os.File)
	return ok && term.IsTerminal(in.Fd())
}

// interruptible returns a context that Ctrl-C ends, for commands that have
// nothing to lose.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt)
}

// stopping lets Ctrl-C and SIGTERM stop the operation in two stages while f runs.
// When the terminal goes away (SIGHUP) the command ends, and the operation goes on.
func (c *commandLine) stopping(ctx context.Context, s *session.Session, f func(context.Context) error) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	// SIGTERM ends ctx as well; the end of the operation is waited for all the same.
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), tui.ErrHungUp) {
			cancel(tui.ErrHungUp)
		}
	})()

	var wg sync.WaitGroup
	defer wg.Wait()
	done := make(chan struct{})
	defer close(done)
	interrupted := false
	var mu sync.Mutex
	wg.Go(func() {
		for n := 1; ; n++ {
			select {
			case <-done:
				return
			case <-signals:
			}
			mu.Lock()
			interrupted = true
			mu.Unlock()
			switch {
			case !s.Busy():
				cancel(nil)
			case n == 1:
				c.note("Stopping: Terraform starts nothing new and saves its state; what was half made is replaced by the next apply. Ctrl-C again stops at once: what AWS is making right now could then be missing from the state.")
				s.Stop(false)
			default:
				c.note("Stopping at once. `workshop destroy` also finds what the state has lost.")
				s.Stop(true)
			}
		}
	})
	err := f(work)
	mu.Lock()
	defer mu.Unlock()
	switch {
	case errors.Is(context.Cause(work), tui.ErrHungUp):
		return tui.ErrHungUp
	case interrupted && errors.Is(err, stack.ErrStopped) && s.Exists():
		return fmt.Errorf("%w: Terraform's state lists what was made. `workshop deploy` goes on from there, `workshop destroy` deletes it", errInterrupted)
	case interrupted && err != nil:
		return errInterrupted
	}
	return err
}
