package session

import (
	"context"
	"time"

	"workshop/internal/target"
)

// problemEvery is how often Problems asks whether the sandbox works.
const problemEvery = 3 * time.Second

// Problems calls changed with a sentence about what keeps the sandbox from working,
// and with an empty one once the sandbox works again, until ctx ends. On AWS it
// returns at once.
func (s *Session) Problems(ctx context.Context, changed func(string)) {
	last := ""
	for s.Sandbox() {
		st, err := target.SandboxStatus(ctx, s.Workspace.Dir())
		if ctx.Err() != nil {
			return
		}
		now := ""
		switch {
		case err != nil:
			now = err.Error()
		case st.Problem != "":
			now = "The sandbox does not work as it should: " + st.Problem
		}
		if now != last {
			last = now
			changed(now)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(problemEvery):
		}
	}
}

// SandboxRuns reports whether a sandbox runs that outlives the session. One that
// does not answer within a second runs as well.
func (s *Session) SandboxRuns(ctx context.Context) bool {
	if !s.Sandbox() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	st, _ := target.SandboxStatus(ctx, s.Workspace.Dir())
	return st.Running
}
