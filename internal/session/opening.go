package session

import (
	"context"
	"io/fs"
	"slices"

	"workshop/internal/clean"
	"workshop/internal/lesson"
	"workshop/internal/stack"
)

// Opening is what a session knows at once.
type Opening struct {
	Info     Info
	Course   *lesson.Course
	Faults   []error // of steps that could not be read; the others are in Course
	Images   fs.FS   // where the steps' images are found, by the path that they name
	Progress Progress
}

// Info names the target and the workspace.
type Info struct {
	Sandbox   bool
	Account   string // twelve digits
	Region    string
	Workspace string   // folder
	ReadOnly  bool     // another process holds the workspace, or its disk cannot be written
	Holder    string   // the reason in words, where ReadOnly
	Notes     []string // what the learner should know about how the target was opened
}

// Open reads what the first frame of a screen shows, and takes the workspace's
// lock where it is free. It touches no network, starts nothing and takes a few
// milliseconds.
func (s *Session) Open(context.Context) (Opening, error) {
	if s.Other() {
		return Opening{Info: s.info(), Course: &lesson.Course{}}, nil
	}
	course, err := s.Course()
	o := Opening{Info: s.info(), Course: course, Images: s.Steps(), Faults: faults(err)}
	p, err := s.Workspace.LoadProgress()
	if err != nil {
		return o, err
	}
	o.Progress = progressOf(p, course)
	o.Progress.Outputs = map[string]Output{}
	for _, st := range course.Steps {
		if out, ok, err := s.Workspace.Output(st.ID); err == nil && ok { // the step is as good without it
			o.Progress.Outputs[st.ID] = out
		}
	}
	return o, nil
}

func (s *Session) info() Info {
	i := Info{Sandbox: s.Sandbox(), Workspace: s.Workspace.Dir()}
	switch {
	case s.Other(): // which is not in the workspace
		if s.opts.ReadOnly {
			i.ReadOnly, i.Holder = true, ErrReadOnly.Error()
		}
	default:
		if err := s.Lock(); err != nil {
			i.ReadOnly, i.Holder = true, err.Error()
		}
	}
	return i
}

// faults takes a joined error apart.
func faults(err error) []error {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	return []error{err}
}

// Ready starts or finds the sandbox and finds or fetches Terraform. The Info is
// complete also where only Terraform is missing.
func (s *Session) Ready(ctx context.Context, emit func(stack.Event)) (Info, error) {
	i := s.info()
	t, err := s.Target(ctx)
	if err != nil {
		return i, err
	}
	i.Account, i.Region = clean.Line(t.Account), clean.Line(t.Region)
	i.Notes = slices.Concat(s.notes, t.Notes)
	if s.Other() {
		return i, nil
	}
	_, err = s.Terraform(ctx, emit)
	return i, err
}
