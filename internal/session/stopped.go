package session

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"workshop/internal/fargate"
	"workshop/internal/workspace"
)

// entryDesired is the kind of a journal entry: the service came to want another
// number of tasks: desired.
const entryDesired = "desired"

type desired struct {
	Count int `json:"count"`
}

// serviceLog is what the journal has of the service that is up. It reads only
// what was appended since it was last asked.
type serviceLog struct {
	mu      sync.Mutex // guards what follows
	tail    *workspace.Tail
	known   map[string]bool // every stopped task of the journal, by taskKey
	stopped []fargate.Task  // since the last destroy, in the order of the journal
	desired int             // tasks wanted; -1 where the journal does not know
}

func newServiceLog(w *workspace.Workspace) *serviceLog {
	return &serviceLog{tail: w.Tail(entryStopped, entryDesired, entryApplied, entryDestroyed), known: map[string]bool{}, desired: -1}
}

// taskKey tells a task from all others; empty for what is no task.
func taskKey(t fargate.Task) string { return cmp.Or(t.ARN, t.ID) }

// read needs l.mu. Where the journal cannot be read, what was read before stays.
func (l *serviceLog) read() error {
	entries, replaced, err := l.tail.Next()
	if replaced {
		l.known, l.stopped, l.desired = map[string]bool{}, nil, -1
	}
	for _, e := range entries {
		switch e.Kind {
		case entryDestroyed:
			l.stopped, l.desired = nil, -1
		case entryApplied: // Terraform may have set another number
			l.desired = -1
		case entryStopped:
			var t fargate.Task
			if json.Unmarshal(e.Data, &t) != nil || taskKey(t) == "" || l.known[taskKey(t)] {
				continue
			}
			l.known[taskKey(t)] = true
			l.stopped = append(l.stopped, t)
		case entryDesired:
			var d desired
			if json.Unmarshal(e.Data, &d) == nil && d.Count >= 0 {
				l.desired = d.Count
			}
		}
	}
	return err
}

// unknown returns those of the tasks that have stopped and are not in the journal.
func (l *serviceLog) unknown(tasks []fargate.Task) ([]fargate.Task, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.read()
	var out []fargate.Task
	for _, t := range tasks {
		if t.Stopped != nil && !l.known[taskKey(t)] {
			out = append(out, t)
		}
	}
	return out, err
}

// has returns a function that reports whether the journal has something by now.
func (l *serviceLog) has(what func() bool) func() (bool, error) {
	return func() (bool, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		err := l.read()
		return what(), err
	}
}

// keep journals v unless the journal has it. It asks first without keeping
// others out, because nearly always there is nothing new.
func (s *Session) keep(known func() (bool, error), kind string, v any) error {
	if is, err := known(); is || err != nil {
		return err
	}
	return s.Workspace.AppendUnless(known, kind, v)
}

// KeepStopped journals a stopped task: ECS forgets it within about an hour. One
// that is in the journal already, by whichever process, is not written again, and a task
// of another service than the workspace's never is. It is safe for concurrent use.
func (s *Session) KeepStopped(t fargate.Task) error {
	if s.Other() {
		return nil
	}
	l := s.service
	return s.keep(l.has(func() bool { return l.known[taskKey(t)] }), entryStopped, t)
}

// StoppedTasks are the tasks in the journal that stopped since the stack came up,
// last stopped first. It costs what was journalled since the last call, and a
// copy of the list. It is safe for concurrent use.
func (s *Session) StoppedTasks() []fargate.Task {
	l := s.service
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.read() // what is known of the journal serves
	out := slices.Clone(l.stopped)
	slices.Reverse(out)
	return out
}

// Seen journals what a look at the service shows for the first time: tasks that
// have stopped, and another number of tasks wanted. Later checks ask for it. It
// is safe for concurrent use.
func (s *Session) Seen(snap fargate.Snapshot) error {
	if s.Other() {
		return nil
	}
	fresh, err := s.service.unknown(snap.Tasks)
	errs := []error{err}
	for _, t := range fresh {
		errs = append(errs, s.KeepStopped(t))
	}
	if snap.Service.Status != "" {
		l, n := s.service, snap.Service.Desired
		known := l.has(func() bool { return l.desired == n })
		if is, err := known(); err != nil {
			errs = append(errs, err)
		} else if !is {
			errs = append(errs, s.Workspace.AppendUnless(known, entryDesired, desired{n}))
			s.keepRate()
		}
	}
	return errors.Join(errs...)
}
