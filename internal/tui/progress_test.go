package tui_test

import (
	"encoding/json"
	"testing"
	"time"

	"workshop/internal/session"
	"workshop/internal/tui"
	"workshop/internal/tui/tuitest"
)

// FuzzProgress opens the screens with whatever a session remembers, and shows
// the steps, their checks and their questions.
func FuzzProgress(f *testing.F) {
	f.Add([]byte(`{"quiz":{"0":[-5]},"hints":-1}`))
	f.Add([]byte(`{"quiz":{"-1":[0],"0":[99],"99":[1]},"hints":99,"place":"eyJibG9jayI6Ii0iLCJvZmZzZXQiOi05fQ=="}`))
	f.Add([]byte(`{"output":{"lines":"\u001b[2Jx","dropped":-3,"code":-1,"took":-9223372036854775808}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var p struct {
			Quiz   map[int][]int   `json:"quiz"`
			Hints  int             `json:"hints"`
			Place  []byte          `json:"place"`
			Output session.Output  `json:"output"`
			Passed map[string]bool `json:"passed"`
		}
		if json.Unmarshal(data, &p) != nil {
			return
		}
		drive(t, func() *tuitest.Session {
			s := tuitest.New()
			s.Progress = session.Progress{
				Places: map[string][]byte{}, Passed: map[string]map[string]bool{}, Hints: map[string]int{},
				Answers: map[string]map[int][]int{}, Outputs: map[string]session.Output{},
			}
			for _, st := range s.Course.Steps {
				s.Progress.Places[st.ID], s.Progress.Passed[st.ID], s.Progress.Hints[st.ID] = p.Place, p.Passed, p.Hints
				s.Progress.Answers[st.ID], s.Progress.Outputs[st.ID] = p.Quiz, p.Output
			}
			return s
		}, 100, 40, tui.Options{}, func(st *driver) {
			for range st.s.Course.Steps {
				st.press("c", "h", "a", "1", "enter", "esc", "o", "down", "esc")
				st.wait(100 * time.Millisecond)
				st.press("n")
			}
		})
	})
}
