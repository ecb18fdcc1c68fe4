package tui

import (
	"fmt"
	"strings"
)

// top is the line that says where we are, how it is and what it costs.
func (m *model) top(w int) string {
	t := m.theme
	left := " " + t.Strong.Render("Fargate workshop")
	if w < 100 {
		left = " " + t.Strong.Render("Workshop")
	}
	badge, name := t.SandboxBadge, "SANDBOX"
	if !m.info.Sandbox {
		badge, name = t.AWSBadge, "AWS"
	}
	if m.course != nil {
		left += "   " + badge.Render(name) + " " + t.Dim.Render(m.info.Region)
		if !m.info.Sandbox && w >= 100 {
			left += " " + t.Dim.Render(m.info.Account)
		}
	}
	if m.info.ReadOnly {
		left += " " + t.Attention.Render("READ ONLY")
	}
	// What is of least use on the right is left out first.
	var right []string
	switch {
	case m.op != nil:
		doing := map[bool]string{true: "deleting", false: "applying"}[m.op.destroy]
		if m.op.op != stackApply {
			doing = "planning"
		}
		if m.op.op == stackApply {
			if s := m.story(); s != nil {
				doing += fmt.Sprintf(" %d of %d", s.reading().Done, s.reading().Total)
			}
		}
		right = append(right, t.Accent.Render(t.Signs.Working+" "+doing))
	default:
		if n, of, ok := m.service(); ok {
			st := t.Good
			if n < of {
				st = t.Attention
			}
			says := fmt.Sprintf(" service %d/%d", n, of)
			if m.snap.Stale != nil {
				st, says = t.Dim, t.Dim.Render(says)
			}
			right = append(right, st.Render(t.Signs.Running)+says)
		} else if m.course != nil && !m.ready.done && m.ready.err == nil {
			right = append(right, t.Dim.Render(t.Signs.Working+" getting ready"))
		} else if m.ready.err != nil {
			right = append(right, t.Bad.Render(t.Signs.Failed+" not ready"))
		} else if m.stack.Exists {
			right = append(right, t.Dim.Render(t.Signs.Stopped+" "+count(m.stack.Resources, "resource")+" up"))
		} else if m.stack.Lost {
			right = append(right, t.Attention.Render(t.Signs.Warn+" the state lists nothing"))
		} else if m.ready.done {
			right = append(right, t.Dim.Render(t.Signs.Stopped+" nothing deployed"))
		}
	}
	var optional []string
	if m.stack.URL != "" {
		optional = append(optional, t.Accent.Render(cleanLine(m.stack.URL)))
	}
	if m.stack.Exists && m.cost.Now != "" {
		optional = append(optional, m.cost.Now)
	}
	if b := m.meter(); b.Share != "" { // before the rest: nothing else says it on every page
		st := t.Attention
		if b.Over {
			st = t.Bad
		}
		says := "budget " + b.Share
		if m.info.Sandbox {
			says = "AWS " + says
		}
		optional = append([]string{st.Render(says)}, optional...)
	}
	if m.course != nil && len(m.course.Steps) > 0 && (m.page != guidePage || !m.lay.compact) {
		optional = append(optional, t.Dim.Render(fmt.Sprintf("%d of %d", m.guide.at+1, len(m.course.Steps))))
	}
	room := w - width(left) - 3
	used := 0
	for _, r := range right {
		used += width(r) + 3
	}
	var fits []string
	for _, o := range optional {
		if used+width(o)+3 <= room {
			used += width(o) + 3
			fits = append(fits, o)
		}
	}
	return ends(left, strings.Join(append(right, fits...), "   ")+" ", w, t)
}

func (m *model) story() *story {
	if m.op.destroy {
		return m.cleanup.story
	}
	return m.deploy.story
}

// noticeLine is the lower rule; what is said in passing stands in it.
func (m *model) noticeLine(w int) string {
	t := m.theme
	if m.notice.text == "" || !m.now().Before(m.notice.until) {
		m.notice.text = ""
		if m.problem != "" {
			says := cut(" "+t.Signs.Failed+" "+cleanLine(m.problem)+" ", w-4, t)
			return t.Border.Render(t.Signs.Rule) + t.Bad.Render(says) + t.Border.Render(strings.Repeat(t.Signs.Rule, max(0, w-1-width(says))))
		}
		return t.Border.Render(strings.Repeat(t.Signs.Rule, w))
	}
	st, mark := t.Good, t.Signs.Done
	switch m.notice.kind {
	case noteAttention:
		st, mark = t.Attention, t.Signs.Warn
	case noteBad:
		st, mark = t.Bad, t.Signs.Failed
	}
	says := cut(" "+mark+" "+cleanLine(m.notice.text)+" ", w-4, t)
	return t.Border.Render(t.Signs.Rule) + st.Render(says) + t.Border.Render(strings.Repeat(t.Signs.Rule, max(0, w-1-width(says))))
}

// bottom is the line of keys.
func (m *model) bottom(w int) string {
	t := m.theme
	hints := append(m.pages[m.page].hints(), hint{"?", "keys"})
	switch {
	case m.dialog != nil:
		hints = []hint{{"tab", "choose"}, {"enter", "do it"}, {"esc", "back"}}
	case m.help, m.viewer != nil:
		hints = []hint{{"esc", "back"}}
	}
	tabs := func(all bool) string {
		var s []string
		for i, name := range pageNames {
			label := fmt.Sprint(i + 1)
			if pageID(i) == m.page {
				s = append(s, t.Key.Render(label)+" "+t.Strong.Underline(true).Render(name))
			} else if all {
				s = append(s, t.Key.Render(label)+" "+t.Dim.Render(name))
			} else {
				s = append(s, t.Key.Render(label))
			}
		}
		return " " + strings.Join(s, "  ")
	}
	line := func(hs []hint) string {
		var s []string
		for _, h := range hs {
			s = append(s, t.Key.Render(h.key)+" "+t.Dim.Render(h.does))
		}
		return strings.Join(s, t.Dim.Render(t.Signs.Sep)) + " "
	}
	left, right := tabs(true), line(hints)
	if width(left)+width(right)+2 > w {
		left = tabs(false)
	}
	for len(hints) > 1 && width(left)+width(right)+2 > w {
		hints = append(hints[:len(hints)-2:len(hints)-2], hints[len(hints)-1]) // `?` stays
		right = line(hints)
	}
	return ends(left, right, w, t)
}

func (m *model) drawTooSmall() string {
	l := m.lay
	says := []string{
		fmt.Sprintf("This window has %d columns and %d rows.", l.w, l.h),
		fmt.Sprintf("The workshop needs at least %d by %d:", leastWidth, leastHeight),
		"make the window larger or its letters smaller.",
		"",
		"Nothing is lost; q leaves.",
	}
	var lines []string
	for _, s := range says {
		lines = append(lines, wrap(s, max(1, l.w))...)
	}
	return strings.Join(block(lines, l.h), "\n")
}
