package session

import (
	"context"
	"slices"

	"workshop/internal/lesson"
)

// Words fill in the steps' texts.
type Words struct {
	Values map[string]string // by the name in {{ name }}
	Holds  map[string]bool   // by condition
}

// Words looks up every name and condition that the steps have. It reads files and
// asks nobody.
func (s *Session) Words(ctx context.Context) (Words, error) {
	course, _ := s.Course() // Open returns its faults
	w := Words{Values: map[string]string{}, Holds: map[string]bool{}}
	value := func(name string) (string, bool) {
		v, ok := w.Values[name]
		if !ok {
			if v, ok = s.Value(course, name); ok {
				w.Values[name] = v
			}
		}
		return v, ok
	}
	holds := s.Holds()
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
