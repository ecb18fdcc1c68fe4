package session

import (
	"encoding/json"

	"workshop/internal/fargate"
)

// KeepStopped journals a stopped task: ECS forgets it within about an hour.
func (s *Session) KeepStopped(t fargate.Task) error { return s.Workspace.Append(entryStopped, t) }

// StoppedTasks are the tasks in the journal that stopped since the stack came up,
// last stopped first.
func (s *Session) StoppedTasks() []fargate.Task {
	var out []fargate.Task
	for e, err := range s.Workspace.Read(entryStopped, entryDestroyed) {
		if err != nil {
			break
		}
		if e.Kind == entryDestroyed {
			out = nil
			continue
		}
		var t fargate.Task
		if json.Unmarshal(e.Data, &t) == nil {
			out = append([]fargate.Task{t}, out...)
		}
	}
	return out
}
