package guide

import (
	"fmt"
	"io/fs"

	"workshop/internal/clean"
	"workshop/internal/lesson"
	"workshop/internal/tui/page"
)

// Rewritten shows the course that its author has changed: it goes on in the step
// that was read, at the same place. was is the course before.
func (g *Page) Rewritten(was *lesson.Course, images fs.FS) {
	step := g.last
	old := g.reader
	if old != nil && step != nil {
		g.places[step.ID] = old.State()
	}
	g.reader, g.images, g.faults = nil, images, nil
	g.contents.on, g.trail = false, nil // they are of the steps as they were
	g.search.renew()
	g.exercise.rewritten(was)
	if len(g.Course.Steps) == 0 {
		g.at = 0
		return
	}
	ending, open := g.ending, g.exercise.open
	g.show(same(g.Course, step, g.at))
	g.ending, g.exercise.open = ending, open
	switch now := g.step(); {
	case step == nil || now.ID != step.ID && now.Title != step.Title:
		if step != nil {
			g.Say(page.Attention, fmt.Sprintf("The step %q is no longer there", clean.Line(step.Title)))
		}
	case old != nil:
		g.reader.Follow(old)
	}
}

// same is the index of a step in another course: by its id, else by its title,
// as a file may have been renamed, else the one in its place.
func same(c *lesson.Course, step *lesson.Step, at int) int {
	by := func(is func(*lesson.Step) bool) int {
		for i, s := range c.Steps {
			if is(s) {
				return i
			}
		}
		return -1
	}
	if step != nil {
		if i := by(func(s *lesson.Step) bool { return s.ID == step.ID }); i >= 0 {
			return i
		}
		if i := by(func(s *lesson.Step) bool { return s.Title == step.Title }); i >= 0 {
			return i
		}
	}
	return max(0, min(at, len(c.Steps)-1))
}

// rewritten forgets what is no longer true of the steps' checks, hints and
// questions.
func (x *exercise) rewritten(was *lesson.Course) {
	x.quiz = false
	for _, s := range x.Course.Steps {
		o := x.state(s)
		o.question = 0
		if o.hints = min(o.hints, len(s.Hints)); o.hints > 0 {
			o.hint = s.Hints[o.hints-1]
		}
		old, ok := was.Step(s.ID)
		if !ok {
			continue
		}
		asked := map[string]string{}
		for _, c := range old.Checks {
			asked[c.ID] = c.That
		}
		for _, c := range s.Checks {
			if that, ok := asked[c.ID]; ok && that != c.That {
				delete(o.results, c.ID)
			}
		}
	}
}
