package session

import (
	"slices"
	"strings"

	"workshop/internal/fargate"
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
