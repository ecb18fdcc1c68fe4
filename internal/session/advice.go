package session

import (
	"slices"
	"strings"

	"workshop/internal/diagnose"
	"workshop/internal/fargate"
	"workshop/internal/stack"
)

// carried is what the sandbox's registry has, for people who tried another
// image there: on AWS theirs may well exist.
const carried = " The sandbox itself carries only podinfo: ghcr.io/stefanprodan/podinfo with a tag such as 6.9.2."

// Answers returns the tasks with what is true of this target alone added to the
// answers. The tasks given stay as they are.
func (s *Session) Answers(tasks []fargate.Task) []fargate.Task {
	if !s.Sandbox() {
		return tasks
	}
	out := slices.Clone(tasks)
	for i, t := range out {
		if t.Answer != nil && strings.HasPrefix(t.StoppedReason, "CannotPullContainerError") && !strings.HasSuffix(t.Answer.Do, carried) {
			a := t.Answer.With(carried)
			out[i].Answer = &a
		}
	}
	return out
}

// Advice returns what to do about a diagnostic, written for the session's face;
// empty where nothing better is known than the diagnostic's own words.
func (s *Session) Advice(d stack.Diagnostic) string {
	a, _ := d.Advice(s.face())
	return a.Do
}

// Explain says what an event of the service means, and what to do, for the session's face;
// ok is false where the catalogue does not know it. It asks nobody.
func (s *Session) Explain(e fargate.ServiceEvent) (a fargate.Answer, ok bool) {
	a, ok = diagnose.Event(e.Message)
	return a.On(s.face()), ok
}

func (s *Session) face() diagnose.Face {
	if s.opts.Face == (diagnose.Face{}) {
		return diagnose.Command
	}
	return s.opts.Face
}

// answered returns the tasks with their answers completed for the target and
// written for the session's face. The tasks given stay as they are.
func (s *Session) answered(tasks []fargate.Task) []fargate.Task {
	out := slices.Clone(s.Answers(tasks))
	for i, t := range out {
		if t.Answer != nil {
			a := t.Answer.On(s.face())
			out[i].Answer = &a
		}
	}
	return out
}
