package operation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"workshop/internal/jsonl"
	"workshop/internal/stack"
)

// journalFormat is the format of an operation's journal. Version 0 had no header.
var journalFormat = &jsonl.Format{Name: "workshop operation", MaxLine: 16 << 20, Upgrades: []func([]byte) ([]byte, error){nil}}

// record is one line of a journal: an event or, last of all, the outcome.
type record struct {
	Time    time.Time    `json:"time"`
	Event   *stack.Event `json:"event,omitempty"`
	Outcome *outcome     `json:"outcome,omitempty"`
}

// outcome is how an operation ended.
type outcome struct {
	Failure *stack.Failure  `json:"failure,omitempty"` // nil for a good end
	Result  json.RawMessage `json:"result,omitempty"`  // also of a bad one, where there is something to tell
}

// reader reads a journal while it is written.
type reader struct {
	path string
	file *os.File
	in   *jsonl.Reader
}

// read hands on the records that have been written since the last call.
func (r *reader) read(handle func(record)) error {
	if r.file == nil {
		f, err := os.Open(r.path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the operation's journal: %w", err)
		}
		r.file, r.in = f, journalFormat.NewReader(f, jsonl.Position{})
	}
	for l, err := range r.in.All() {
		if err != nil {
			return fmt.Errorf("read the operation's journal %s: %w", r.path, err)
		}
		var rec record
		if l.Err == nil && json.Unmarshal(l.Text, &rec) == nil {
			handle(rec)
		}
	}
	return nil
}

func (r *reader) close() {
	if r.file != nil {
		_ = r.file.Close() // it was only read
	}
}

// Follow hands on the operation's events from its beginning, those that were
// written before the call included, until it ends. It returns what the work
// returned; errors keep the sentinels and types of package stack. A process that
// ended without an outcome gives a *VanishedError. When ctx ends, Follow returns
// its error and the operation goes on.
func (o *Operation) Follow(ctx context.Context, emit func(stack.Event)) (json.RawMessage, error) {
	r := reader{path: o.path(journalFile)}
	defer r.close()
	var end *outcome
	handle := func(rec record) {
		switch {
		case rec.Outcome != nil:
			end = rec.Outcome
		case rec.Event != nil && emit != nil:
			e := *rec.Event
			if e.Plan != nil {
				if p, err := stack.LoadPlan(o.path(planFile)); err == nil {
					e.Plan = p
				}
			}
			emit(e)
		}
	}
	for {
		running := o.Running() // before reading: what it wrote last is read then
		if err := r.read(handle); err != nil {
			return nil, err
		}
		switch {
		case end != nil:
			// The next operation may begin once the locks are free.
			for deadline := time.Now().Add(lockTime); o.Running() && time.Now().Before(deadline) && ctx.Err() == nil; {
				time.Sleep(pause)
			}
			return end.Result, end.Failure.Err()
		case !running:
			return nil, o.vanished("ended in the middle")
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// Plan is the plan that the operation made, or was started with.
func (o *Operation) Plan() (*stack.Plan, error) { return stack.LoadPlan(o.path(planFile)) }
