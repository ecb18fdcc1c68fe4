package main

import (
	"bytes"
	"context"
	"os/exec"
	"slices"

	"workshop/internal/check"
	"workshop/internal/clean"
	"workshop/internal/lesson"
	"workshop/internal/session"
	"workshop/internal/stack"
	"workshop/internal/tui"
)

// Words looks up every name and condition that the steps have.
func (s *screen) Words(ctx context.Context) (tui.Words, error) {
	course, _ := s.session.Course() // its faults are told by Open
	w := tui.Words{Values: map[string]string{}, Holds: map[string]bool{}}
	value := func(name string) (string, bool) {
		v, ok := w.Values[name]
		if !ok {
			if v, ok = s.session.Value(course, name); ok {
				w.Values[name] = v
			}
		}
		return v, ok
	}
	holds := s.session.Holds()
	for _, st := range course.Steps {
		if ctx.Err() != nil {
			return w, ctx.Err()
		}
		lesson.Select(st.Blocks, func(when string) bool {
			w.Holds[when] = holds(when)
			return true
		})
		lesson.Expand(st.Blocks, value)
		for _, g := range st.Goals {
			lesson.Fill(g, value)
		}
		for _, h := range st.Hints {
			lesson.FillSpans(h, value)
		}
		for _, q := range st.Quiz {
			lesson.FillSpans(q.Ask, value)
			for _, a := range q.Answers {
				lesson.FillSpans(a.Text, value)
				lesson.FillSpans(a.Why, value)
			}
		}
		for _, a := range slices.Concat(st.Solve, st.Reset) {
			lesson.FillSpans(a.Say, value)
		}
	}
	return w, nil
}

func (s *screen) Check(ctx context.Context, step *lesson.Step, report func(check.Result)) error {
	_, err := s.session.Check(ctx, step, report)
	return err
}

func (s *screen) Hint(_ context.Context, step *lesson.Step) ([]lesson.Span, int, error) {
	return s.session.Hint(step)
}

func (s *screen) Answer(_ context.Context, step *lesson.Step, question, answer int) error {
	return s.session.Answer(step, question, answer)
}

func (s *screen) Solve(ctx context.Context, step *lesson.Step, h tui.Help) error {
	return s.carryOut(ctx, step, h, s.session.Solve)
}

func (s *screen) Reset(ctx context.Context, step *lesson.Step, h tui.Help) error {
	return s.carryOut(ctx, step, h, s.session.ResetStep)
}

func (s *screen) carryOut(ctx context.Context, step *lesson.Step, h tui.Help, do func(context.Context, *lesson.Step, session.Helper) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.solving.Store(&cancel)
	defer s.solving.Store(nil)
	return do(ctx, step, session.Helper{
		Say:     func(a lesson.Action) { h.Say(clean.Line(lesson.PlainText(a.Say))) },
		Line:    func(line string) { h.Say("  " + line) },
		Event:   h.Event,
		Approve: func(p *stack.Plan) (bool, error) { return h.Approve(p), nil },
	})
}

func (s *screen) Certificate(context.Context) (string, error) {
	course, err := s.session.Course()
	if course == nil {
		return "", err
	}
	c, err := s.session.Certificate(course, "")
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = c.Markdown(&b)
	return b.String(), err
}

func (s *screen) Set(_ context.Context, settings []lesson.Setting) ([]string, error) {
	return s.session.Change(settings)
}

func (s *screen) ReadFile(_ context.Context, a lesson.Action) (tui.File, error) {
	f, err := s.session.ReadFile(a)
	return asFile(f), err
}

func (s *screen) WriteFile(_ context.Context, name, text string) (tui.File, string, error) {
	f, kept, err := s.session.WriteFile(name, text)
	return asFile(f), kept, err
}

func asFile(f session.File) tui.File {
	return tui.File{Name: f.Name, Path: f.Path, Text: f.Text, Line: f.Line, Fault: (*tui.Fault)(f.Fault)}
}

func (s *screen) Editor(f tui.File) *exec.Cmd {
	return s.session.Editor(session.File{Name: f.Name, Path: f.Path, Line: f.Line})
}

func (s *screen) Shell(ctx context.Context) (*exec.Cmd, error) { return s.session.Shell(ctx) }

func (s *screen) KeepOutput(_ context.Context, step string, o tui.Output) error {
	return s.session.Workspace.KeepOutput(step, o)
}
