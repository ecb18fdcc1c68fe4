// Command workshop is a terminal companion for the workshop "Deploy to AWS
// Fargate with Terraform".
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"workshop/internal/clean"
	"workshop/internal/sandbox"
	"workshop/internal/session"
	"workshop/internal/stack"
	"workshop/internal/target"
	"workshop/internal/tui"
)

// Exit codes: scripts rely on them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitCheckFailed = 3
	exitHungUp      = 129
	exitInterrupted = 130
)

func main() {
	private()
	sandbox.RunTask()      // does not return in a process that is a task of the sandbox
	target.RunSandbox()    // does not return in a process that is the sandbox
	session.RunOperation() // does not return in a process that runs Terraform
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main without the process around it.
func run(args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, stop := untilSignal()
	defer stop()
	c := newCommandLine(in, out, errOut)
	root := c.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	err = errors.Join(err, c.close())
	var u *usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errReported):
		return exitFailed
	case errors.Is(err, errCheckFailed):
		return exitCheckFailed
	case errors.As(err, &u):
		fmt.Fprintf(errOut, "workshop: %s\nRun `workshop --help` for what there is.\n", clean.Text(u.Error()))
		return exitUsage
	case errors.Is(err, tui.ErrHungUp):
		return exitHungUp
	case errors.Is(err, errInterrupted), errors.Is(err, stack.ErrStopped), ctx.Err() != nil:
		fmt.Fprintf(errOut, "workshop: %s\n", clean.Text(err.Error()))
		return exitInterrupted
	}
	fmt.Fprintf(errOut, "workshop: %s\n", clean.Text(err.Error()))
	return exitFailed
}

// untilSignal returns a context that SIGTERM ends, and SIGHUP with the cause
// tui.ErrHungUp. Ctrl-C is each command's own matter.
func untilSignal() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP)
	go func() { // ends with ctx
		select {
		case <-ctx.Done():
		case s := <-signals:
			if s == syscall.SIGHUP {
				cancel(tui.ErrHungUp)
			} else {
				cancel(context.Canceled)
			}
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel(context.Canceled) }
}

var (
	// errInterrupted ends a command that the person stopped.
	errInterrupted = errors.New("interrupted")
	// errReported ends a command that has said already what went wrong.
	errReported = errors.New("reported")
)

// usageError is a command that was put wrongly.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}
