package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/google/renameio/v2/maybe"

	"workshop/internal/operation"
	"workshop/internal/stack"
	"workshop/internal/target"
	"workshop/internal/workspace"
)

// processesFile is where an operation keeps the Terraform processes that it has
// started, so that a later one can end what it left running.
const processesFile = "terraform.json"

// RunOperation makes this process the one of an operation if its environment
// says so, and does not return then. main begins with it.
func RunOperation() {
	dir := os.Getenv(operation.Variable)
	if dir == "" {
		return
	}
	// What Terraform starts may be another workshop command.
	if err := errors.Join(os.Unsetenv(operation.Variable), serve(dir)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(dir string) error {
	w := &worker{}
	return operation.Serve(dir, operation.Work{Run: w.run, Stop: w.stop})
}

// worker does an operation's work in the operation's process.
type worker struct {
	s    *Session
	o    *operation.Operation
	emit func(stack.Event)

	mu     sync.Mutex // guards what follows
	stops  int
	cancel context.CancelFunc // of the work, once it runs
	giveUp context.CancelFunc // of the question what is left as well
}

// stop passes a request to stop on to Terraform; where Terraform does not run,
// the work ends before it starts the next thing. A destroy still asks what is
// left, until the second request.
func (w *worker) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stops++
	if w.s != nil {
		w.s.mu.Lock()
		st := w.s.stack
		w.s.mu.Unlock()
		if st != nil && st.Stop() > 0 {
			return
		}
	}
	if w.cancel != nil {
		w.cancel()
	}
	if w.stops > 1 && w.giveUp != nil {
		w.giveUp()
	}
}

// stopped reports whether the operation was asked to stop.
func (w *worker) stopped() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stops > 0
}

func (w *worker) run(base context.Context, o *operation.Operation, emit func(stack.Event)) (any, error) {
	var in input
	if err := json.Unmarshal(o.Input, &in); err != nil {
		return nil, fmt.Errorf("read what %s is to do: %w", o.Kind, err)
	}
	ws, err := workspace.Existing(in.Workspace)
	if err != nil {
		return nil, err
	}
	base, giveUp := context.WithCancel(base)
	defer giveUp()
	ctx, cancel := context.WithCancel(base)
	defer cancel()
	s := &Session{Workspace: ws, opts: Options{
		Kind: in.Target, Workspace: in.Workspace, Region: in.Region, Terraform: in.Path,
		Offline: in.Offline, Fast: in.Fast,
	}, found: in.Terraform, started: func(p stack.Process) { keepProcess(o, p) }}
	defer s.Close()
	w.mu.Lock()
	w.s, w.o, w.emit, w.cancel, w.giveUp = s, o, emit, cancel, giveUp
	if w.stops > 0 {
		cancel()
	}
	w.mu.Unlock()
	stopWatching := w.watchCredentials(ctx)
	defer stopWatching()
	switch o.Kind {
	case operation.Plan:
		return nil, w.asStopped(w.plan(ctx, in.Destroy))
	case operation.Deploy:
		return w.changed(w.deploy(ctx))
	case operation.Apply:
		return w.changed(w.apply(ctx))
	case operation.Destroy:
		return w.destroy(base, ctx)
	case operation.Push:
		return nil, w.asStopped(w.push(ctx))
	case operation.Move:
		moved, err := w.move(ctx, in.Backend)
		return moved, w.asStopped(err)
	}
	return nil, fmt.Errorf("%s is no operation", o.Kind)
}

// watchCredentials says within seconds that AWS no longer accepts the credentials:
// Terraform's provider goes on asking without a word. It ends with the function
// that it returns.
func (w *worker) watchCredentials(ctx context.Context) (stop func()) {
	t, err := w.s.Target(ctx)
	if err != nil {
		return func() {} // the work says so
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		target.WatchCredentials(ctx, t, func(e target.CredentialsEvent) {
			w.warn(stack.OpApply, "AWS no longer accepts your credentials, since "+e.At.Local().Format("15:04:05"),
				e.Err.Error()+"\nTerraform goes on asking and cannot get any further. Press Ctrl-C to stop it: it saves its state. Sign in, then go on.")
		})
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

func (w *worker) changed(sum *stack.Summary, err error) (any, error) {
	return changed{Summary: sum}, w.asStopped(err)
}

// asStopped is err as callers know it where the operation ended on request
// between two runs of Terraform.
func (w *worker) asStopped(err error) error {
	if err != nil && w.stopped() && !errors.Is(err, stack.ErrStopped) && errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %s", stack.ErrStopped, w.o.Kind)
	}
	return err
}

// keepProcess remembers a Terraform process beside the operation's journal. That
// it cannot be remembered must not keep Terraform from its work.
func keepProcess(o *operation.Operation, p stack.Process) {
	data, err := json.Marshal(append(readProcesses(o), p))
	if err == nil {
		_ = maybe.WriteFile(filepath.Join(o.Dir(), processesFile), data, 0o600)
	}
}

func readProcesses(o *operation.Operation) []stack.Process {
	var ps []stack.Process
	data, err := os.ReadFile(filepath.Join(o.Dir(), processesFile))
	if err != nil || json.Unmarshal(data, &ps) != nil {
		return nil
	}
	return ps
}

// plan makes a plan and keeps it in the operation's folder.
func (w *worker) plan(ctx context.Context, destroy bool) error {
	p, err := w.terraformPlan(ctx, destroy)
	if err != nil {
		return err
	}
	lost, err := w.lost(ctx, destroy)
	if err != nil {
		return err
	}
	p.Add(lost...)
	w.s.keepPlan(p)
	w.emit(stack.Event{Type: stack.EventPlanned, Op: stack.OpPlan, Plan: p})
	return nil
}

// terraformPlan is Terraform's part of a plan, with the values that only
// Terraform knows where they can be had.
func (w *worker) terraformPlan(ctx context.Context, destroy bool) (*stack.Plan, error) {
	if _, err := w.s.Target(ctx); err != nil {
		return nil, err
	}
	if destroy {
		if nothing, err := w.settleState(ctx); err != nil || nothing {
			return &stack.Plan{Destroy: true}, err
		}
	}
	st, err := w.s.Terraform(ctx, w.emit)
	if err != nil {
		return nil, err
	}
	if err := st.Init(ctx, w.emit); err != nil {
		return nil, err
	}
	make := st.Plan
	if destroy {
		make = st.PlanDestroy
	}
	p, err := make(ctx, w.unplanned())
	if err != nil || p.Empty() && len(p.Drift) == 0 {
		return p, err
	}
	if detailed, err := st.Details(ctx, p, w.unplanned()); err == nil {
		return detailed, nil
	}
	return p, nil
}

// push puts back a state that Terraform could not save.
func (w *worker) push(ctx context.Context) error {
	st, err := w.s.Terraform(ctx, w.emit)
	if err != nil {
		return err
	}
	if err := st.Init(ctx, w.emit); err != nil {
		return err
	}
	return st.PushErrored(ctx, w.emit)
}

// unplanned passes on all events but those that show a plan: the plan is not
// whole before what the state has lost is in it.
func (w *worker) unplanned() func(stack.Event) {
	return func(e stack.Event) {
		if e.Type != stack.EventPlanned {
			w.emit(e)
		}
	}
}

// apply does what the operation's plan says.
func (w *worker) apply(ctx context.Context) (*stack.Summary, error) {
	p, err := w.o.Plan()
	if err != nil {
		return nil, err
	}
	st, err := w.s.Terraform(ctx, w.emit)
	if err != nil {
		return nil, err
	}
	if err := w.s.Workspace.Append(entryApplying, applying{}); err != nil {
		return nil, err
	}
	lost, rest := p.Lost()
	removed, err := w.remove(ctx, lost)
	if err != nil {
		return nil, err
	}
	sum, err := st.Apply(ctx, rest, w.emit)
	if sum != nil {
		sum.Deleted += removed
	}
	return sum, errors.Join(err, w.s.applied(sum))
}

// deploy plans and applies in one run of Terraform.
func (w *worker) deploy(ctx context.Context) (*stack.Summary, error) {
	st, err := w.s.Terraform(ctx, w.emit)
	if err != nil {
		return nil, err
	}
	if err := st.Init(ctx, w.emit); err != nil {
		return nil, err
	}
	lost, err := w.lost(ctx, false)
	if err != nil {
		return nil, err
	}
	if err := w.s.Workspace.Append(entryApplying, applying{}); err != nil {
		return nil, err
	}
	if _, err := w.remove(ctx, lost); err != nil {
		return nil, err
	}
	sum, err := st.ApplyAll(ctx, func(e stack.Event) {
		if e.Type == stack.EventPlanned {
			w.s.keepPlan(e.Plan)
		}
		w.emit(e)
	})
	return sum, errors.Join(err, w.s.applied(sum))
}

func (s *Session) applied(sum *stack.Summary) error {
	if sum == nil {
		return nil
	}
	err := s.Workspace.Append(entryApplied, sum)
	s.keepRate()
	return err
}
