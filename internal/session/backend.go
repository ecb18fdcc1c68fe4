package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"workshop/internal/doctor"
	"workshop/internal/operation"
	"workshop/internal/stack"
	"workshop/internal/target"
)

// ErrNoS3: the target has no S3 to keep Terraform's state in.
var ErrNoS3 = errors.New("the sandbox has no S3 to keep Terraform's state in; with --target aws the state can be moved")

// StateKept says where Terraform's state is kept, where that is not the local
// file.
type StateKept struct {
	In string `json:"in"` // such as s3://bucket/key
	// Read is when the state was read last: what is shown of it is as old as that.
	// It is nil before the first time.
	Read *time.Time `json:"read"`
}

// StateKept returns where the state is kept; nil where that is the local file. It
// reads files only.
func (s *Session) StateKept() *StateKept {
	st, err := s.State()
	if err != nil || !st.Remote() {
		return nil
	}
	kept := &StateKept{In: st.KeptIn()}
	if at, ok := st.StateRead(); ok {
		kept.Read = &at
	}
	return kept
}

// MoveState moves Terraform's state into an S3 object, or back into the workspace
// where to is the zero Backend. A bucket without a Region is in the target's. It
// takes the workspace's lock. Errors wrap ErrNoS3, are those of Preflight where
// the person's rules refuse the account, or those of stack.Move.
func (s *Session) MoveState(ctx context.Context, to stack.Backend, emit func(stack.Event)) (*stack.Moved, error) {
	t, err := s.Target(ctx)
	if err != nil {
		return nil, err
	}
	if !to.Local() {
		if t.Kind == target.Sandbox {
			return nil, ErrNoS3
		}
		// The account's number need not be typed for it: nothing is created there.
		var notYet *doctor.NotConfirmedError
		if err := s.Preflight(ctx); err != nil && !errors.As(err, &notYet) {
			return nil, err
		}
		if to.Region == "" {
			to.Region = t.Region
		}
	}
	in := s.input()
	in.Backend = to
	var moved *stack.Moved
	if _, err = s.operate(ctx, operation.Move, in, nil, emit, &moved); err != nil {
		return nil, fmt.Errorf("move Terraform's state to %s: %w", to, err)
	}
	return moved, nil
}

func (w *worker) move(ctx context.Context, to stack.Backend) (*stack.Moved, error) {
	st, err := w.s.Terraform(ctx, w.emit)
	if err != nil {
		return nil, err
	}
	return st.Move(ctx, to, w.emit)
}

// readRemote reads a state that is kept elsewhere before a destroy decides by it.
// One that this Terraform cannot read, or whose bucket is gone, lists nothing:
// unread reports that.
func (w *worker) readRemote(ctx context.Context) (unread bool, err error) {
	local, err := w.s.State()
	if err != nil || !local.Remote() {
		return false, err
	}
	st, err := w.s.Terraform(ctx, w.emit)
	if err != nil {
		return false, err
	}
	err = st.Init(ctx, w.emit)
	switch {
	case errors.Is(err, stack.ErrStateDamaged), errors.Is(err, stack.ErrStateNewer), errors.Is(err, stack.ErrNoBucket):
		if ferr := st.ForgetRemote(); ferr != nil {
			return false, errors.Join(err, ferr)
		}
		w.emit(stack.Event{Type: stack.EventDiagnostic, Op: stack.OpPlan, Diagnostic: &stack.Diagnostic{
			Severity: "warning", Summary: "Terraform's state cannot be used: " + err.Error(),
			Detail: "What it listed is looked for in the account instead.",
		}})
		return true, nil
	case err != nil && ctx.Err() == nil:
		return false, fmt.Errorf("%w\nWithout the state in %s Terraform cannot delete anything. Where it is lost for good, `workshop sweep` lists by their tags what it listed, and deletes it with --yes", err, st.KeptIn())
	}
	return false, err
}
