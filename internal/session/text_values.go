package session

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"workshop/internal/lesson"
	"workshop/internal/target"
)

// TextValues fill in the steps' texts.
type TextValues struct {
	Values map[string]string // by the name in {{ name }}
	Holds  map[string]bool   // by condition
}

// Names has what the names in a step's text, {{ name }}, stand for.
type Names struct {
	Info    Info
	Outputs map[string]any    // of Terraform's root module
	Values  map[string]string // others, by name; may be nil
	Course  *lesson.Course    // with the course's own variables; may be nil
	Screens []lesson.Screen
}

// outputPrefix begins the names of Terraform's outputs.
const outputPrefix = "outputs."

// Value returns the value of a name, such as target, account or outputs.url. ok is
// false where the name has no value yet, or none at all.
func (n Names) Value(name string) (value string, ok bool) {
	kind := target.AWS
	if n.Info.Sandbox {
		kind = target.Sandbox
	}
	switch name {
	case "target":
		return string(kind), true
	case "workspace":
		return n.Info.Workspace, true
	case "region":
		return n.Info.Region, n.Info.Region != ""
	case "account":
		return n.Info.Account, n.Info.Account != ""
	}
	if output, ok := strings.CutPrefix(name, outputPrefix); ok {
		if v, ok := n.Outputs[output]; ok {
			return fmt.Sprint(v), true
		}
	}
	if v, ok := n.Values[name]; ok {
		return v, true
	}
	if v, ok := lesson.ScreenVariable(n.Screens, name); ok {
		return v, true
	}
	if n.Course == nil {
		return "", false
	}
	return n.Course.Variable(name, string(kind))
}

// TextValues looks up every name and condition that the steps have. It reads files and
// asks nobody.
func (s *Session) TextValues(ctx context.Context) (TextValues, error) {
	course, _ := s.Course() // Open returns its faults
	w := TextValues{Values: map[string]string{}, Holds: map[string]bool{}}
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
