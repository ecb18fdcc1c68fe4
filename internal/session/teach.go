package session

import (
	"context"
	"io/fs"
	"strings"
	"time"

	"workshop/internal/check"
	"workshop/internal/lesson"
	"workshop/internal/workspace"
)

// Check runs a step's checks and remembers those that pass. report, which may be
// nil, gets each result as it becomes final. The error is about remembering:
// what could not be checked says so in its result.
func (s *Session) Check(ctx context.Context, step *lesson.Step, report func(check.Result)) ([]check.Result, error) {
	var checks []check.Check
	for _, c := range step.Checks {
		c.Else = s.fillOwnVariables(c.Else)
		checks = append(checks, c.Check)
	}
	results := check.Run(ctx, checks, s.Facts, report)
	return results, s.remember(step.ID, func(p *workspace.StepProgress) bool {
		changed := false
		for _, r := range results {
			if _, passed := p.Checks[r.ID]; r.OK && !passed {
				if p.Checks == nil {
					p.Checks = map[string]time.Time{}
				}
				p.Checks[r.ID] = time.Now().UTC()
				changed = true
			}
		}
		return changed
	})
}

// fillOwnVariables fills in the pages and the course's variables in a check's message, and
// leaves the facts, which have a dot or are found by the check itself.
func (s *Session) fillOwnVariables(text string) string {
	var course *lesson.Course
	return lesson.Fill(text, func(name string) (string, bool) {
		if v, ok := lesson.ScreenVariable(s.opts.Screens, name); ok {
			return v, true
		}
		if !strings.Contains(name, ".") {
			if course == nil {
				course, _ = s.Course() // faults are told where it is shown
			}
			if v, ok := s.Value(course, name); ok {
				return v, true
			}
		}
		return "{{ " + name + " }}", true
	})
}

// Hint gives the next hint of a step and remembers that it was given; after the
// last one that again. n counts from 1 and is 0 where the step has no hints.
func (s *Session) Hint(_ context.Context, step *lesson.Step) (hint []lesson.Span, n int, err error) {
	if len(step.Hints) == 0 {
		return nil, 0, nil
	}
	err = s.remember(step.ID, func(p *workspace.StepProgress) bool {
		n = min(max(p.Hints, 0)+1, len(step.Hints))
		changed := p.Hints != n
		p.Hints = n
		return changed
	})
	return step.Hints[max(n, 1)-1], max(n, 1), err
}

// Answer remembers the choice of an answer; both count from 0.
func (s *Session) Answer(_ context.Context, step *lesson.Step, question, answer int) error {
	return s.remember(step.ID, func(p *workspace.StepProgress) bool {
		p.Answer(question, answer)
		return true
	})
}

// Solve does a step for the learner and remembers that it did. Stop ends it.
func (s *Session) Solve(ctx context.Context, step *lesson.Step, h Helper) error {
	ctx, done := s.stoppable(ctx)
	defer done()
	if err := s.Do(ctx, step.Solve, h); err != nil {
		return err
	}
	return s.remember(step.ID, func(p *workspace.StepProgress) bool {
		p.SolvedAt = time.Now().UTC()
		return true
	})
}

// Reset brings the learner's work back to before a step, as its author says how,
// and forgets that the step was done: its checks, hints and answers. Stop ends it.
func (s *Session) Reset(ctx context.Context, step *lesson.Step, h Helper) error {
	ctx, done := s.stoppable(ctx)
	defer done()
	if err := s.Do(ctx, step.Reset, h); err != nil {
		return err
	}
	return s.remember(step.ID, func(p *workspace.StepProgress) bool {
		*p = workspace.StepProgress{FirstSeen: p.FirstSeen, Place: p.Place}
		return true
	})
}

// stoppable returns a context that Stop ends, until done is called.
func (s *Session) stoppable(ctx context.Context) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	s.solving = cancel
	s.mu.Unlock()
	return ctx, func() {
		s.mu.Lock()
		s.solving = nil
		s.mu.Unlock()
		cancel()
	}
}

// remember changes what is kept of a step; change reports whether there is
// anything to save.
func (s *Session) remember(step string, change func(*workspace.StepProgress) bool) error {
	return s.Workspace.UpdateProgress(func(p *workspace.Progress) error {
		sp := p.Steps[step]
		if change(&sp) {
			p.Steps[step] = sp
		}
		return nil
	})
}

// Certificate returns what was done of the course so far, without a name.
func (s *Session) Certificate(context.Context) (*lesson.Certificate, error) {
	course, err := s.Course()
	if course == nil {
		return nil, err
	}
	p, err := s.Workspace.LoadProgress()
	if err != nil {
		return nil, err
	}
	c := &lesson.Certificate{Course: course.Title, Date: time.Now(), Place: "on a real AWS account"}
	if s.Sandbox() {
		c.Place = "in the sandbox"
	}
	for _, st := range course.Steps {
		sp := p.Steps[st.ID]
		d := lesson.Done{Title: st.Title, Done: sp.Done, At: sp.DoneAt, Estimate: st.Estimate, Of: len(st.Checks)}
		for _, ch := range st.Checks {
			if sp.Passed(ch.ID) {
				d.Checks++
			}
		}
		// Who comes back another day has not worked all the while.
		if took := sp.DoneAt.Sub(sp.FirstSeen); !sp.FirstSeen.IsZero() && sp.Done && took > 0 && took < longest {
			d.Took = took
		}
		c.Steps = append(c.Steps, d)
	}
	return c, nil
}

// longest is the most that one step can take in one go.
const longest = 6 * time.Hour

// NextHint is what Hint would give, without giving it.
func (s *Session) NextHint(step *lesson.Step) ([]lesson.Span, error) {
	if len(step.Hints) == 0 {
		return nil, nil
	}
	p, err := s.Workspace.LoadProgress()
	n := min(max(p.Steps[step.ID].Hints, 0), len(step.Hints)-1)
	return step.Hints[n], err
}

// Steps is where the course and its pictures are read from.
func (s *Session) Steps() fs.FS { return s.opts.Steps }
