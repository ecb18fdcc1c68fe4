package session

import (
	"context"
	"encoding/json"
	"time"

	"workshop/internal/lesson"
	"workshop/internal/workspace"
)

// Progress is the learner's place in the workshop.
type Progress struct {
	Step  string               // id of the current one
	Done  []string             // ids of steps, in the course's order
	Begun map[string]time.Time // when a step was first opened
	// LiveBeside: the Live page stands beside the step on a screen that is wide enough.
	LiveBeside bool
	Places     map[string][]byte // scroll and folds by step: JSON that belongs to whoever shows the step

	// What the session itself remembers; Save leaves it alone.
	Outputs map[string]Output          // the last of each step
	Passed  map[string]map[string]bool // checks, by step and id
	Hints   map[string]int             // how many were given, by step
	Answers map[string]map[int][]int   // of the quiz, by step and question
}

// Output is what a step's block printed.
type Output = workspace.Output

func progressOf(p workspace.Progress, course *lesson.Course) Progress {
	out := Progress{Step: p.Current, LiveBeside: p.LiveBeside, Begun: map[string]time.Time{}, Places: map[string][]byte{},
		Passed: map[string]map[string]bool{}, Hints: map[string]int{}, Answers: map[string]map[int][]int{}}
	for _, st := range course.Steps {
		sp, ok := p.Steps[st.ID]
		if !ok {
			continue
		}
		if sp.Done {
			out.Done = append(out.Done, st.ID)
		}
		if !sp.FirstSeen.IsZero() {
			out.Begun[st.ID] = sp.FirstSeen
		}
		if len(sp.Place) > 0 {
			out.Places[st.ID] = sp.Place
		}
		out.Hints[st.ID], out.Answers[st.ID] = sp.Hints, sp.Quiz
		out.Passed[st.ID] = map[string]bool{}
		for id := range sp.Checks {
			out.Passed[st.ID][id] = true
		}
	}
	return out
}

// Save keeps the learner's place, also after ctx has ended: it is the last thing
// that a screen does. Steps that the course no longer has stay as they are.
func (s *Session) Save(_ context.Context, p Progress) error {
	done, ids := map[string]bool{}, map[string]bool{}
	for _, id := range p.Done {
		done[id], ids[id] = true, true
	}
	for id := range p.Begun {
		ids[id] = true
	}
	for id := range p.Places {
		ids[id] = true
	}
	return s.Workspace.UpdateProgress(func(kept *workspace.Progress) error {
		kept.Current, kept.LiveBeside = p.Step, p.LiveBeside
		for id := range ids {
			sp := kept.Steps[id]
			if done[id] && !sp.Done {
				sp.DoneAt = time.Now().UTC()
			}
			sp.Done = done[id]
			if b, ok := p.Begun[id]; ok {
				sp.FirstSeen = b
			}
			if place, ok := p.Places[id]; ok && json.Valid(place) {
				sp.Place = place
			}
			kept.Steps[id] = sp
		}
		return nil
	})
}

// KeepOutput remembers what a step's block printed last.
func (s *Session) KeepOutput(_ context.Context, step string, o Output) error {
	return s.Workspace.KeepOutput(step, o)
}
