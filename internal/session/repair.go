package session

import (
	"context"
	"errors"
	"fmt"

	"workshop/internal/clean"
	"workshop/internal/operation"
	"workshop/internal/stack"
	"workshop/internal/target"
)

// Repair is what can be done about an error before trying again. It changes
// nothing before the person has agreed.
type Repair struct {
	Question string // whether to do it
	Do       func(ctx context.Context, emit func(stack.Event)) error
}

// Repair finds the repair for an error of Plan, Apply or Deploy; ok is false
// where there is none.
func (s *Session) Repair(err error) (r Repair, ok bool) {
	switch {
	case errors.Is(err, stack.ErrErroredState):
		return Repair{
			Question: "The last run could not save Terraform's state, but left a copy. Put that copy back?",
			Do: func(ctx context.Context, emit func(stack.Event)) error {
				_, err := s.operate(ctx, operation.Push, s.input(), nil, emit, nil)
				return err
			},
		}, true
	case errors.Is(err, stack.ErrLockFile):
		return Repair{
			Question: "The dependency lock file (.terraform.lock.hcl) does not fit the providers that are here. Set it aside, so that Terraform writes a new one?",
			Do: func(_ context.Context, emit func(stack.Event)) error {
				if err := s.Lock(); err != nil {
					return err
				}
				st, err := s.State()
				if err != nil {
					return err
				}
				kept, err := st.RemoveLockFile()
				if err == nil && emit != nil {
					emit(stack.Event{Type: stack.EventLog, Op: stack.OpInit, Message: "The lock file is kept in " + clean.Line(kept)})
				}
				return err
			},
		}, true
	}
	return Repair{}, false
}

// ErrNotASandbox refuses to start over where something real would be forgotten.
var ErrNotASandbox = errors.New("only a sandbox can be started over: in an AWS account, `workshop destroy` deletes what was made")

// StartOver brings a sandbox workspace back to new: it stops what runs, ends the
// sandbox, and moves everything of the workspace but earlier copies into kept,
// from where files can be taken back. The session must be closed afterwards.
func (s *Session) StartOver(ctx context.Context) (kept string, err error) {
	if !s.Sandbox() {
		return "", ErrNotASandbox
	}
	if err := s.Lock(); err != nil {
		return "", err
	}
	if o := s.Running(); o != nil {
		s.stopOperation(true)
		if _, err := o.Follow(ctx, nil); ctx.Err() != nil {
			return "", fmt.Errorf("wait for the end of %s: %w", o.Kind, err)
		}
	}
	if err := s.endLeftover(ctx, nil); err != nil {
		return "", err
	}
	if _, err := target.StopSandbox(ctx, s.Workspace.Dir()); err != nil && !errors.Is(err, target.ErrNotRunning) {
		return "", err
	}
	return s.Workspace.StartOver()
}
