package tui

import (
	"context"
	"fmt"
	"io/fs"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/lesson"
)

// Draft is a workshop as its author has it now.
type Draft struct {
	Course *lesson.Course
	Images fs.FS
	Faults []error // with file, line and column, the most pressing first
}

const mendedNow = "Mended: there are no mistakes now"

// preview shows a workshop while it is being written.
type preview struct {
	drafts <-chan Draft // nil where nobody writes
	faults []error      // of the last one
	step   *lesson.Step // the one that was read last, also where there is none now
}

// follow has every draft shown until ctx ends or there are no more.
func (m *model) follow() {
	if m.preview.drafts == nil {
		return
	}
	m.jobs.start(func(ctx context.Context, _ int, say func(any)) (any, error) {
		for {
			select {
			case <-ctx.Done():
				return nil, nil
			case d, ok := <-m.preview.drafts:
				if !ok {
					return nil, nil
				}
				say(d)
			}
		}
	}, func(what any) tea.Cmd {
		if d, ok := what.(Draft); ok {
			m.renewed(d)
		}
		return nil
	})
}

// renewed shows a draft in place of the one before.
func (m *model) renewed(d Draft) {
	was, mended := m.course, len(m.preview.faults) > 0 && len(d.Faults) == 0
	if s := m.guide.step(); s != nil {
		m.preview.step = s
	}
	m.course, m.preview.faults = d.Course, d.Faults
	m.guide.rewritten(was, m.preview.step, d)
	m.layOut(m.lay.w, m.lay.h)
	m.stackMovedNow() // the values that its text asks for
	switch {
	case mended:
		m.say(noteGood, mendedNow)
	case len(d.Faults) > 0 && m.notice.text == mendedNow:
		m.notice = notice{}
	}
}

// rewritten goes on in the step that was read, at the same place.
func (g *guide) rewritten(was *lesson.Course, step *lesson.Step, d Draft) {
	old := g.reader
	if old != nil {
		g.places[step.ID] = old.State()
	}
	g.reader, g.images, g.faults = nil, d.Images, nil
	g.contents.on, g.trail = false, nil // they are of the steps as they were
	g.search.renew()
	g.teach.rewritten(was)
	if len(g.course.Steps) == 0 {
		g.at = 0
		return
	}
	ending, open := g.ending, g.teach.open
	g.show(same(g.course, step, g.at))
	g.ending, g.teach.open = ending, open
	switch now := g.step(); {
	case step == nil || now.ID != step.ID && now.Title != step.Title:
		if step != nil {
			g.say(noteAttention, fmt.Sprintf("The step %q is no longer there", clean.Line(step.Title)))
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
func (t *teach) rewritten(was *lesson.Course) {
	t.quiz = false
	for _, s := range t.course.Steps {
		o := t.of(s)
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

// renew has the search look through the steps as they are now.
func (s *search) renew() {
	s.passages, s.hits = nil, nil
	if s.on {
		typed := s.field
		s.begin()
		s.field = typed
		s.find()
	}
}

// mistakesMost bounds the rows of an author's mistakes: the text matters more.
const mistakesMost = 4

// mistakes are the rows that say what is wrong with the draft, above the line
// of notices, until it is mended.
func (m *model) mistakes(w, h int) []string {
	faults := m.preview.faults
	if len(faults) == 0 || w < leastWidth {
		return nil
	}
	room := min(mistakesMost, h-leastHeight)
	t := m.theme
	var lines []string
	for i, f := range faults {
		says := wrap(clean.Line(f.Error()), w-4)
		left := len(faults) - i
		if more := len(lines)+len(says) > room || left > 1 && len(lines)+len(says) == room; more && i > 0 {
			return append(lines, "   "+t.Dim.Render(fmt.Sprintf("and %s more: `workshop lint` names them all", count(left, "mistake"))))
		}
		for j, l := range says {
			mark := "   "
			if j == 0 {
				mark = " " + t.Bad.Render(t.Signs.Failed) + " "
			}
			lines = append(lines, mark+l)
		}
	}
	return clip(lines[:min(len(lines), max(room, 0))], w, t)
}
