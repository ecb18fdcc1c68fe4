package session

import (
	"context"
	"time"

	"workshop/internal/operation"
	"workshop/internal/stack"
)

// Operation is a run of Terraform that another process started.
type Operation struct {
	ID      string   // for Attach
	Op      stack.Op // OpPlan, OpApply or OpDestroy
	Destroy bool
	By      string // the command that started it
	Started time.Time
	Plan    *stack.Plan // that it applies; nil while it makes one
}

// awaitEvery is how often Await looks for operations of other processes.
const awaitEvery = 500 * time.Millisecond

// Await returns an operation that runs in the workspace and that another process
// started. It waits for one until ctx ends.
func (s *Session) Await(ctx context.Context) (Operation, error) {
	for {
		if ctx.Err() != nil {
			return Operation{}, ctx.Err()
		}
		if o := s.Running(); o != nil && !o.Kind.OfState() && !s.follows(o) {
			out := Operation{ID: o.ID(), Op: stack.OpApply, By: o.By, Started: o.Started}
			if p, err := o.Plan(); err == nil {
				out.Plan = p
			}
			switch o.Kind {
			case operation.Plan:
				out.Op = stack.OpPlan
			case operation.Destroy:
				out.Op, out.Destroy = stack.OpDestroy, true
			}
			return out, nil
		}
		select {
		case <-ctx.Done():
			return Operation{}, ctx.Err()
		case <-time.After(awaitEvery):
		}
	}
}

// follows reports whether this session follows an operation, begins one, or has
// followed this one to its end.
func (s *Session) follows(o *operation.Operation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current != nil || s.operating > 0 || s.lastFollowed == o.Dir()
}
