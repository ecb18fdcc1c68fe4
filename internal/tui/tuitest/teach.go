package tuitest

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"workshop/internal/check"
	"workshop/internal/lesson"
	"workshop/internal/session"
	"workshop/internal/stack"
)

// teaching is what the deploy step teaches with.
func teaching(s *lesson.Step) *lesson.Step {
	text := func(t string) []lesson.Span { return []lesson.Span{{Text: t}} }
	s.Checks = []lesson.Check{
		{Check: check.Check{ID: "up", Title: "everything in the plan exists", That: `stack.state == "up"`}},
		{Check: check.Check{ID: "answers", Title: "the URL answers", That: "http(outputs.url).status == 200"}},
	}
	s.Hints = [][]lesson.Span{text("Press enter on the Deploy page."), text("a applies the plan that you see.")}
	s.Quiz = []lesson.Question{{Ask: text("What does Terraform do when an apply fails half-way?"), Answers: []lesson.Answer{
		{Text: text("It deletes what it made."), Why: text("No. Nothing is rolled back.")},
		{Text: text("It keeps what it made."), Right: true, Why: text("Yes. The next plan holds what is still missing.")},
	}}}
	s.Reset = []lesson.Action{{Verb: lesson.Restore, Names: []string{lesson.RestoreAll}, Say: text("Take the configuration back to what it was.")}}
	s.Solve = []lesson.Action{{Verb: lesson.Deploy, Say: text("Plan and apply the configuration.")}}
	return s
}

func (s *Session) TextValues(context.Context) (session.TextValues, error) { return s.Known, nil }

func (s *Session) Check(ctx context.Context, step *lesson.Step, report func(check.Result)) ([]check.Result, error) {
	s.call("check %s", step.ID)
	if err := s.sleep(ctx, 300*time.Millisecond); err != nil {
		return nil, err
	}
	s.mu.Lock()
	made, up := len(s.created), s.desired > 0
	s.mu.Unlock()
	var results []check.Result
	for _, c := range step.Checks {
		r := check.Result{ID: c.ID, Title: c.Title, OK: up}
		switch {
		case r.OK:
		case c.ID == "up":
			r.Expected, r.Found = `stack.state == "up"`, `stack.state is "none"`
			r.Message = fmt.Sprintf("Terraform has made %d resources so far.", made)
		default:
			r.Expected, r.Found, r.Message = "http(outputs.url).status == 200", "outputs.url is not known", "Give the tasks ten seconds, then press c."
		}
		results = append(results, r)
		if report != nil {
			report(r)
		}
	}
	return results, nil
}

func (s *Session) Hint(_ context.Context, step *lesson.Step) ([]lesson.Span, int, error) {
	s.call("hint %s", step.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(step.Hints) == 0 {
		return nil, 0, nil
	}
	s.hints = min(s.hints+1, len(step.Hints))
	return step.Hints[s.hints-1], s.hints, nil
}

func (s *Session) Answer(_ context.Context, step *lesson.Step, question, answer int) error {
	s.call("answer %s %d %d", step.ID, question, answer)
	return nil
}

// Solve plans and applies.
func (s *Session) Solve(ctx context.Context, step *lesson.Step, h session.Helper) error {
	s.call("solve %s", step.ID)
	if err := s.locked(); err != nil {
		return err
	}
	for _, a := range step.Solve {
		say(h, a)
	}
	p, err := s.Plan(ctx, false, func(stack.Event) {})
	if err != nil {
		return err
	}
	if h.Approve == nil {
		return session.ErrDeclined
	}
	if ok, err := h.Approve(p); err != nil || !ok {
		return cmp.Or(err, session.ErrDeclined)
	}
	emit := h.Event
	if emit == nil {
		emit = func(stack.Event) {}
	}
	_, err = s.Apply(ctx, p, emit)
	return err
}

func say(h session.Helper, a lesson.Action) {
	if h.Say != nil {
		h.Say(a)
	}
}

// Certificate returns one of a learner who has done two steps.
func (s *Session) Certificate(context.Context) (*lesson.Certificate, error) {
	date := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC) // the same day in nearly every time zone
	c := &lesson.Certificate{Course: s.Course.Title, Place: "on a real AWS account", Date: date}
	if s.Info.Sandbox {
		c.Place = "in the sandbox"
	}
	minutes := map[string]time.Duration{"welcome": 2 * time.Minute, "deploy": 14 * time.Minute}
	for _, st := range s.Course.Steps {
		d := lesson.Done{Title: st.Title, Estimate: st.Estimate, Of: len(st.Checks), Took: minutes[st.ID]}
		if d.Done = d.Took > 0; d.Done {
			d.At, d.Checks = date, len(st.Checks)
		}
		c.Steps = append(c.Steps, d)
	}
	return c, nil
}
