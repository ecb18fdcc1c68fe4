package session

import (
	"context"
	"encoding/json"
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

// Lost reports whether the journal has a deployment that made something and no
// destroy after it that left nothing. A state that lists nothing then lost it.
func (s *Session) Lost() bool {
	l := s.Life()
	return !l.From.IsZero() && l.To.IsZero() && l.Created > l.Removed
}

// Receipt closes a stack's life: what was, what is left as AWS says, what it
// cost.
type Receipt struct {
	Created int          `json:"created"` // resources
	Removed int          `json:"removed"`
	Left    int          `json:"left"`          // resources in the account
	Proven  bool         `json:"proven"`        // every question was answered
	From    time.Time    `json:"from,omitzero"` // when the first resource was created; zero where unknown
	To      time.Time    `json:"to,omitzero"`   // when the account was asked
	Sandbox bool         `json:"sandbox"`       // asked the sandbox and not AWS
	Report  sweep.Report `json:"sweep"`
	Cost    string       `json:"cost"` // one sentence: "$0.00 in the sandbox (on AWS this would have been $0.04)"
	// State is where Terraform's state remains, such as s3://bucket/key; empty where
	// that is the workspace, or is gone.
	State string `json:"state,omitempty"`
}

// Sweep asks the account what is left and, where nothing is, writes the receipt
// to the journal.
func (s *Session) Sweep(ctx context.Context) (Receipt, error) {
	rep, err := s.ask(ctx)
	if err != nil {
		return Receipt{}, err
	}
	l := s.Life()
	r := Receipt{Created: l.Created, Removed: l.Removed, Left: len(rep.Left), Proven: rep.Complete(), Sandbox: s.Sandbox(), Report: rep}
	now := time.Now().UTC()
	r.From, r.To = l.From, now
	r.Cost = s.bill(l.Estimate, l.From, now)
	if kept := s.StateKept(); kept != nil && kept.Read != nil {
		r.State = kept.In
	}
	if r.Left == 0 && r.Proven && !s.Exists() && !l.From.IsZero() && l.To.IsZero() {
		return r, s.Workspace.Append(entryDestroyed, r)
	}
	return r, nil
}
