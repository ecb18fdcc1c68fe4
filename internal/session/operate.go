package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"workshop/internal/doctor"
	"workshop/internal/operation"
	"workshop/internal/stack"
	"workshop/internal/target"
	"workshop/internal/workspace"
)

// leftoverTime bounds the end of a Terraform whose operation died; stack.EndLeftover
// waits twice for it to save its state.
const leftoverTime = 2 * time.Minute

// input is what an operation's process needs to work as this session would.
type input struct {
	Target    target.Kind      `json:"target"`
	Workspace string           `json:"workspace"`
	Region    string           `json:"region,omitempty"`
	Path      string           `json:"path,omitempty"`      // of the terraform that was asked for
	Terraform *stack.Terraform `json:"terraform,omitempty"` // found already
	Offline   bool             `json:"offline,omitempty"`
	Fast      bool             `json:"fast,omitempty"`

	Destroy bool          `json:"destroy,omitempty"` // of a plan
	Backend stack.Backend `json:"backend,omitzero"`  // of a move
}

func (s *Session) input() input {
	in := input{
		Target: s.opts.Kind, Workspace: s.Workspace.Dir(), Region: s.opts.Region, Path: s.opts.Terraform,
		Offline: s.opts.Offline, Fast: s.opts.Fast,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stack != nil {
		in.Terraform = s.stack.Terraform()
	}
	return in
}

// operations is the folder of the workspace's operations.
func (s *Session) operations() string { return filepath.Join(s.Workspace.Dir(), "operations") }

// operate starts an operation in a process of its own and follows it. The
// operation goes on when ctx ends. What the work returned is decoded into result,
// also of an operation that failed.
func (s *Session) operate(ctx context.Context, kind operation.Kind, in input, p *stack.Plan, emit func(stack.Event), result any) (*operation.Operation, error) {
	if err := s.Lock(); err != nil {
		return nil, err
	}
	if err := s.endLeftover(ctx, emit); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.operating++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.operating--
		s.mu.Unlock()
	}()
	// The target's environment goes along: a session that MFA opened is in it.
	t, err := s.Target(ctx)
	if err != nil {
		return nil, err
	}
	o, err := operation.Start(ctx, s.operations(), operation.Command{
		Kind: kind, By: commandName(), Input: in, Plan: p, Env: t.Environ(os.Environ()),
	})
	if err != nil {
		return nil, err
	}
	return o, s.follow(ctx, o, emit, result)
}

// commandName is this process as its user typed it, without the program's folder.
func commandName() string {
	return strings.Join(append([]string{filepath.Base(os.Args[0])}, os.Args[1:]...), " ")
}

func (s *Session) follow(ctx context.Context, o *operation.Operation, emit func(stack.Event), result any) error {
	s.mu.Lock()
	s.current, s.lastFollowed = o, o.Dir()
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.current = nil
		s.mu.Unlock()
		s.setApplying(nil)
	}()
	if o.Kind == operation.Apply {
		if p, err := o.Plan(); err == nil {
			s.setApplying(p)
		}
	}
	return s.followed(ctx, o, emit, result)
}

func (s *Session) followed(ctx context.Context, o *operation.Operation, emit func(stack.Event), result any) error {
	data, err := o.Follow(ctx, func(e stack.Event) {
		if e.Type == stack.EventPlanned && o.Kind == operation.Deploy {
			s.setApplying(e.Plan)
		}
		if emit != nil {
			emit(e)
		}
	})
	if gone := (*operation.VanishedError)(nil); errors.As(err, &gone) && s.Lock() == nil {
		// Terraform outlives its operation until it has saved its state.
		err = errors.Join(err, s.endLeftover(context.WithoutCancel(ctx), emit))
	}
	if len(data) > 0 && result != nil {
		if jerr := json.Unmarshal(data, result); jerr != nil {
			err = errors.Join(err, fmt.Errorf("read what %s returned: %w", o.Kind, jerr))
		}
	}
	return err
}

// Attach follows an operation, whoever started it, from its beginning to its end, also
// one that has ended meanwhile. Of a plan it returns the plan.
func (s *Session) Attach(ctx context.Context, id string, emit func(stack.Event)) (*stack.Plan, error) {
	o, err := operation.Open(filepath.Join(s.operations(), filepath.Base(id)))
	if err != nil {
		return nil, err
	}
	var c changed
	err = s.follow(ctx, o, emit, &c)
	s.mu.Lock()
	s.receipt = c.Receipt
	s.mu.Unlock()
	if err != nil || o.Kind != operation.Plan {
		return nil, err
	}
	return o.Plan()
}

// Running is the operation that runs in the workspace, nil where none does.
func (s *Session) Running() *operation.Operation { return operation.Running(s.operations()) }

// LastOperation is the newest operation that changed something or was to, running
// or over; ok is false where there was none.
func (s *Session) LastOperation() (st operation.Status, ok bool) {
	o := operation.Latest(s.operations(), changes)
	if o == nil {
		return operation.Status{}, false
	}
	return o.Status(), true
}

// changes reports whether an operation changes what is deployed, or was to.
func changes(o *operation.Operation) bool {
	return o.Kind != operation.Plan && !o.Kind.OfState()
}

// endLeftover ends what operations whose process died have left running, and
// journals what they had done.
func (s *Session) endLeftover(ctx context.Context, emit func(stack.Event)) error {
	ctx, cancel := context.WithTimeout(ctx, leftoverTime)
	defer cancel()
	for _, o := range operation.List(s.operations()) {
		if o.Running() {
			continue
		}
		processes := readProcesses(o)
		for _, p := range processes {
			if p.Alive() && emit != nil {
				emit(stack.Event{Type: stack.EventHeld, Time: time.Now().UTC(),
					Message: "Waiting until the Terraform of the " + string(o.Kind) + " that was interrupted has saved its state. This takes seconds, at most 2 minutes."})
			}
			if _, err := stack.EndLeftover(ctx, p); err != nil {
				return err
			}
		}
		if st := o.Status(); st.State == operation.StateInterrupted && len(processes) > 0 {
			// That it cannot be journalled must not keep anybody from deleting.
			_ = s.applied(&st.Summary)
		}
		if err := os.Remove(filepath.Join(o.Dir(), processesFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("forget the processes of an operation that is over: %w", err)
		}
	}
	return nil
}

// leftLock reports whether a lock of the state was taken by this user on this
// computer while an operation of this workspace ran that did not come to its end,
// so that its Terraform, which endLeftover has ended, cannot have released it.
func (s *Session) leftLock(l stack.StateLock) bool {
	u, err := user.Current()
	host, herr := os.Hostname()
	if err != nil || herr != nil || l.Who != u.Username+"@"+host {
		return false
	}
	for _, o := range operation.List(s.operations()) {
		st := o.Status()
		switch {
		case st.State != operation.StateInterrupted && st.State != operation.StateStopped && !errors.Is(st.Err, stack.ErrKilled):
		case errors.Is(st.Err, stack.ErrStateLocked): // by another Terraform
		case !l.Created.Before(st.Started) && !l.Created.After(st.Ended):
			return true
		}
	}
	return false
}

// Stop asks the operation that runs to stop and to keep its state, or ends it at
// once where hard is set. While this session solves or resets a step and follows no
// operation, Stop ends that instead. It does not wait for the end.
func (s *Session) Stop(hard bool) {
	s.mu.Lock()
	cancel := s.solving
	s.mu.Unlock()
	if cancel != nil && !s.Busy() {
		cancel()
		return
	}
	s.stopOperation(hard)
}

func (s *Session) stopOperation(hard bool) {
	s.mu.Lock()
	o := s.current
	s.mu.Unlock()
	if o == nil {
		if o = s.Running(); o == nil {
			return
		}
	}
	// Where the process cannot be reached it has ended, or the operation's end
	// says what happened.
	_ = o.Stop()
	if hard {
		_ = o.Stop()
	}
}

// Busy reports whether an operation runs that this session follows.
func (s *Session) Busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current != nil || s.operating > 0
}

func (s *Session) setApplying(p *stack.Plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.applying = p
}

// Plan initialises Terraform and makes a plan, for a destroy where destroy is
// set. A plan to deploy knows the values that only Terraform knows. Things of this
// workspace that Terraform's state has lost are part of a plan as deletions of the
// group stack.GroupLost. It takes the workspace's lock.
func (s *Session) Plan(ctx context.Context, destroy bool, emit func(stack.Event)) (*stack.Plan, error) {
	in := s.input()
	in.Destroy = destroy
	o, err := s.operate(ctx, operation.Plan, in, nil, emit, nil)
	if err != nil {
		return nil, err
	}
	return o.Plan()
}

// Apply does what the plan says. What creates is refused where Preflight refuses
// it; a destroy never is. A destroy ends with the question what is left;
// Receipt has the answer. It takes the workspace's lock.
func (s *Session) Apply(ctx context.Context, p *stack.Plan, emit func(stack.Event)) (*stack.Summary, error) {
	if p.Destroy {
		return s.change(ctx, operation.Destroy, p, emit)
	}
	if err := s.Preflight(ctx); err != nil && !emulated(err) {
		return nil, err
	}
	return s.change(ctx, operation.Apply, p, emit)
}

// emulated reports whether err only says that nobody has confirmed an account
// that no real one can have: nothing there costs money.
func emulated(err error) bool {
	var notYet *doctor.NotConfirmedError
	return errors.As(err, &notYet) && notYet.Emulated
}

// Deploy plans and applies without asking, in one run of Terraform. It takes the
// workspace's lock.
func (s *Session) Deploy(ctx context.Context, emit func(stack.Event)) (*stack.Summary, error) {
	if err := s.Preflight(ctx); err != nil && !emulated(err) {
		return nil, err
	}
	return s.change(ctx, operation.Deploy, nil, emit)
}

// changed is what an operation that changes something returns.
type changed struct {
	Summary *stack.Summary `json:"summary,omitempty"`
	Receipt *Receipt       `json:"receipt,omitempty"` // of a destroy
}

func (s *Session) change(ctx context.Context, kind operation.Kind, p *stack.Plan, emit func(stack.Event)) (*stack.Summary, error) {
	s.mu.Lock()
	s.receipt = nil
	s.mu.Unlock()
	if kind != operation.Destroy {
		// `destroy --all` finds the workspace; nothing else depends on it.
		_ = workspace.Remember(workspace.Known{Dir: s.Workspace.Dir(), Target: string(s.opts.Kind)})
	}
	var c changed
	_, err := s.operate(ctx, kind, s.input(), p, emit, &c)
	s.mu.Lock()
	s.receipt = c.Receipt
	s.mu.Unlock()
	return c.Summary, err
}

// Receipt says what is left in the account: the answer with which the last
// destroy of this session ended, once, else a new one.
func (s *Session) Receipt(ctx context.Context) (Receipt, error) {
	s.mu.Lock()
	r := s.receipt
	s.receipt = nil
	s.mu.Unlock()
	if r != nil {
		return *r, nil
	}
	return s.Sweep(ctx)
}
