package session

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"workshop/internal/cost"
	"workshop/internal/stack"
	"workshop/internal/sweep"
)

// Kinds of journal entries.
const (
	entryApplying  = "applying"  // an apply began: applying
	entryApplied   = "applied"   // it ended: stack.Summary
	entryDestroyed = "destroyed" // a destroy ended well: Receipt
	entryStopped   = "stopped"   // a task stopped: fargate.Task
)

type applying struct {
	Destroy bool `json:"destroy"`
	// Estimate is what stood before a destroy, for the receipt: afterwards
	// nothing is left to count.
	Estimate *cost.Estimate `json:"estimate,omitempty"`
}

// Plan initialises Terraform and makes a plan, for a destroy where destroy is
// set. It takes the workspace's lock.
func (s *Session) Plan(ctx context.Context, destroy bool, emit func(stack.Event)) (*stack.Plan, error) {
	if err := s.Lock(); err != nil {
		return nil, err
	}
	st, err := s.Stack(ctx, emit)
	if err != nil {
		return nil, err
	}
	if err := st.Init(ctx, emit); err != nil {
		return nil, err
	}
	plan := st.Plan
	if destroy {
		plan = st.PlanDestroy
	}
	p, err := plan(ctx, emit)
	if err == nil {
		s.keepPlan(p)
	}
	return p, err
}

// Details is the plan with the values that only Terraform knows, which takes
// about two seconds more. Where they cannot be had the plan serves as it is.
func (s *Session) Details(ctx context.Context, p *stack.Plan) *stack.Plan {
	st, err := s.Stack(ctx, nil)
	if err != nil || p.Empty() {
		return p
	}
	if detailed, err := st.Details(ctx, p, nil); err == nil {
		return detailed
	}
	return p
}

// Apply does what the plan says and journals it. It takes the workspace's lock.
func (s *Session) Apply(ctx context.Context, p *stack.Plan, emit func(stack.Event)) (*stack.Summary, error) {
	if err := s.Lock(); err != nil {
		return nil, err
	}
	st, err := s.Stack(ctx, emit)
	if err != nil {
		return nil, err
	}
	// A journal that cannot be written must not keep anybody from deleting
	// what costs money.
	entry := applying{Destroy: p.Destroy}
	if e, err := s.Standing(); err == nil && p.Destroy {
		entry.Estimate = &e
	}
	jerr := s.Workspace.Append(entryApplying, entry)
	if jerr != nil && !p.Destroy {
		return nil, jerr
	}
	s.setApplying(p)
	sum, err := st.Apply(ctx, p, emit)
	s.setApplying(nil)
	return sum, errors.Join(err, jerr, s.applied(sum))
}

func (s *Session) applied(sum *stack.Summary) error {
	if sum == nil {
		return nil
	}
	return s.Workspace.Append(entryApplied, sum)
}

// Deploy plans and applies without asking, in one run of Terraform, and journals
// it. It takes the workspace's lock.
func (s *Session) Deploy(ctx context.Context, emit func(stack.Event)) (*stack.Summary, error) {
	if err := s.Lock(); err != nil {
		return nil, err
	}
	st, err := s.Stack(ctx, emit)
	if err != nil {
		return nil, err
	}
	if err := st.Init(ctx, emit); err != nil {
		return nil, err
	}
	if err := s.Workspace.Append(entryApplying, applying{}); err != nil {
		return nil, err
	}
	sum, err := st.ApplyAll(ctx, func(e stack.Event) {
		if e.Type == stack.EventPlanned {
			s.setApplying(e.Plan)
			s.keepPlan(e.Plan)
		}
		emit(e)
	})
	s.setApplying(nil)
	return sum, errors.Join(err, s.applied(sum))
}

func (s *Session) setApplying(p *stack.Plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.applying = p
}

// Stop asks a running operation to stop, or ends it at once where hard is set.
func (s *Session) Stop(hard bool) {
	s.mu.Lock()
	st := s.stack
	s.mu.Unlock()
	if st == nil {
		return
	}
	if n := st.Stop(); hard && n == 1 {
		st.Stop()
	}
}

// Life is what the journal knows of the stack that is up, or was up last.
type Life struct {
	From    time.Time // the first apply's beginning; zero where none was
	To      time.Time // the last destroy's end; zero while it stands
	Created int       // resources, over all applies
	Removed int       // resources, by destroys
	// Estimate is what it cost an hour on AWS when its destroy began.
	Estimate cost.Estimate
}

// Life reads the journal.
func (s *Session) Life() Life {
	var l Life
	for e, err := range s.Workspace.Read(entryApplying, entryApplied, entryDestroyed) {
		if err != nil {
			break
		}
		switch e.Kind {
		case entryApplying:
			var a applying
			if json.Unmarshal(e.Data, &a) != nil {
				continue
			}
			if a.Destroy {
				if a.Estimate != nil && len(a.Estimate.Lines) > 0 {
					l.Estimate = *a.Estimate
				}
				continue
			}
			if !l.To.IsZero() {
				l = Life{}
			}
			if l.From.IsZero() {
				l.From = e.Time
			}
		case entryApplied:
			var sum stack.Summary
			if json.Unmarshal(e.Data, &sum) == nil {
				l.Created += sum.Created
				l.Removed += sum.Deleted
			}
		case entryDestroyed:
			l.To = e.Time
		}
	}
	// What was interrupted while it was made counts as removed, but not as made.
	l.Created = max(l.Created, l.Removed)
	return l
}

// Receipt closes a stack's life: what was, what is left as AWS says, what it
// cost.
type Receipt struct {
	Created int          `json:"created"` // resources
	Removed int          `json:"removed"`
	Left    int          `json:"left"`
	Proven  bool         `json:"proven"` // every question was answered
	From    *time.Time   `json:"from,omitempty"`
	To      *time.Time   `json:"to,omitempty"`
	Report  sweep.Report `json:"sweep"`
	Cost    string       `json:"cost"`
}

// Sweep asks the account what is left and writes the receipt to the journal.
func (s *Session) Sweep(ctx context.Context) (Receipt, error) {
	t, err := s.Target(ctx)
	if err != nil {
		return Receipt{}, err
	}
	rep, err := sweep.Sweep(ctx, t.Config, sweep.Scope{
		WorkspaceID: s.Workspace.ID(), Name: "workshop", Region: t.Region,
	})
	if err != nil {
		return Receipt{}, err
	}
	l := s.Life()
	r := Receipt{Created: l.Created, Removed: l.Removed, Left: len(rep.Left), Proven: rep.Complete(), Report: rep}
	if !l.From.IsZero() {
		r.From = &l.From
	}
	now := time.Now().UTC()
	r.To = &now
	r.Cost = s.bill(l.Estimate, l.From, now)
	if r.Left == 0 && r.Proven {
		if !s.Exists() && !l.From.IsZero() && l.To.IsZero() {
			return r, s.Workspace.Append(entryDestroyed, r)
		}
	}
	return r, nil
}
