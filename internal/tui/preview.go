package tui

import (
	"context"
	"fmt"
	"io/fs"

	"workshop/internal/clean"
	"workshop/internal/lesson"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/jobs"
	"workshop/internal/tui/page"
)

// Draft is a workshop as its author has it now.
type Draft struct {
	Course *lesson.Course
	Images fs.FS
	Faults []error // with file, line and column, the most pressing first
}

const noFaultsText = "Mended: there are no mistakes now"

// follow has every draft shown until ctx ends or there are no more.
func (m *model) follow() {
	if m.drafts == nil {
		return
	}
	drafts := m.drafts
	jobs.Stream(m.Jobs, func(ctx context.Context, emit func(Draft)) (struct{}, error) {
		for {
			select {
			case <-ctx.Done():
				return struct{}{}, nil
			case d, ok := <-drafts:
				if !ok {
					return struct{}{}, nil
				}
				emit(d)
			}
		}
	}, m.receiveDraft, nil)
}

// receiveDraft shows a draft in place of the one before.
func (m *model) receiveDraft(d Draft) {
	before, mended := m.Course, len(m.faults) > 0 && len(d.Faults) == 0
	m.Course, m.faults = d.Course, d.Faults
	each(m, func(p page.Rewriter) { p.Rewritten(before, d.Images) })
	m.layOut(m.Layout.W, m.Layout.H)
	m.StackChanged() // the values that its text asks for
	switch {
	case mended:
		m.Say(page.Good, noFaultsText)
	case len(d.Faults) > 0 && m.Notices.Shown(m.Now()).Text == noFaultsText:
		m.Notices.Clear()
	}
}

// mistakesMost bounds the rows of an author's mistakes: the text matters more.
const mistakesMost = 4

// mistakes are the rows that say what is wrong with the draft, above the line
// of notices, until it is mended.
func (m *model) mistakes(w, h int) []string {
	faults := m.faults
	if len(faults) == 0 || w < leastWidth {
		return nil
	}
	room := min(mistakesMost, h-leastHeight)
	t := m.Theme
	var lines []string
	for i, f := range faults {
		wrapped := draw.Wrap(clean.Line(f.Error()), w-4)
		left := len(faults) - i
		if more := len(lines)+len(wrapped) > room || left > 1 && len(lines)+len(wrapped) == room; more && i > 0 {
			return append(lines, "   "+t.Dim.Render(fmt.Sprintf("and %s more: `workshop lint` names them all", draw.Count(left, "mistake"))))
		}
		for j, l := range wrapped {
			mark := "   "
			if j == 0 {
				mark = " " + t.Bad.Render(t.Signs.Failed) + " "
			}
			lines = append(lines, mark+l)
		}
	}
	return draw.Clip(lines[:min(len(lines), max(room, 0))], w, t)
}
