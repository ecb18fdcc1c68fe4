package tui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/stack"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/keys"
	"workshop/internal/tui/operation"
	"workshop/internal/tui/page"
	"workshop/internal/tui/widgets"
)

// top is the line that says where we are, how it is and what it costs.
func (m *model) top(w int) string {
	t := m.Theme
	left := " " + t.Strong.Render("Fargate workshop")
	if w < 100 {
		left = " " + t.Strong.Render("Workshop")
	}
	badge, name := t.SandboxBadge, "SANDBOX"
	if !m.Info.Sandbox {
		badge, name = t.AWSBadge, "AWS"
	}
	if m.Course != nil {
		left += "   " + badge.Render(name) + " " + t.Dim.Render(m.Info.Region)
		if !m.Info.Sandbox && w >= 100 {
			left += " " + t.Dim.Render(m.Info.Account)
		}
	}
	if m.Info.ReadOnly {
		left += " " + t.Attention.Render("READ ONLY")
	}
	// What is of least use on the right is left out first.
	var right []string
	switch {
	case m.Running != nil:
		doing := map[bool]string{true: "deleting", false: "applying"}[m.Running.Destroy]
		if m.Running.Op != stack.OpApply {
			doing = "planning"
		}
		if m.Running.Op == stack.OpApply {
			if p := m.view().Progress; p != nil {
				doing += fmt.Sprintf(" %d of %d", p.Reading().Done, p.Reading().Total)
			}
		}
		right = append(right, t.Accent.Render(t.Signs.Working+" "+doing))
	default:
		if n, of, ok := m.Service(); ok {
			st := t.Good
			if n < of {
				st = t.Attention
			}
			name := "service"
			if m.Chosen != nil {
				name = draw.Cut(clean.Line(m.Snapshot.Service.Name), 30, t)
			}
			text := fmt.Sprintf(" %s %d/%d", name, n, of)
			if m.Snapshot.Stale != nil {
				st, text = t.Dim, t.Dim.Render(text)
			}
			right = append(right, st.Render(t.Signs.Running)+text)
		} else if m.Course != nil && !m.Ready.Done && m.Ready.Err == nil {
			right = append(right, t.Dim.Render(t.Signs.Working+" getting ready"))
		} else if m.Ready.Err != nil {
			right = append(right, t.Bad.Render(t.Signs.Failed+" not ready"))
		} else if m.Stack.Exists {
			right = append(right, t.Dim.Render(t.Signs.Stopped+" "+draw.Count(m.Stack.Resources, "resource")+" up"))
		} else if m.Stack.Lost {
			right = append(right, t.Attention.Render(t.Signs.Warn+" the state lists nothing"))
		} else if m.Ready.Done && m.Chosen == nil {
			right = append(right, t.Dim.Render(t.Signs.Stopped+" nothing deployed"))
		}
	}
	var optional []string
	if m.Stack.URL != "" {
		optional = append(optional, t.Accent.Render(clean.Line(m.Stack.URL)))
	}
	if m.Stack.Exists && m.Cost.Now != "" {
		optional = append(optional, m.Cost.Now)
	}
	if b := m.Meter(); b.Share != "" { // before the rest: nothing else says it on every page
		st := t.Attention
		if b.Over {
			st = t.Bad
		}
		message := "budget " + b.Share
		if m.Info.Sandbox {
			message = "AWS " + message
		}
		optional = append([]string{st.Render(message)}, optional...)
	}
	if m.Course != nil && len(m.Course.Steps) > 0 && (m.current != 0 || !m.Layout.Compact) {
		optional = append(optional, t.Dim.Render(fmt.Sprintf("%d of %d", m.Step, len(m.Course.Steps))))
	}
	room := w - draw.Width(left) - 3
	used := 0
	for _, r := range right {
		used += draw.Width(r) + 3
	}
	var fits []string
	for _, o := range optional {
		if used+draw.Width(o)+3 <= room {
			used += draw.Width(o) + 3
			fits = append(fits, o)
		}
	}
	return draw.Ends(left, strings.Join(append(right, fits...), "   ")+" ", w, t)
}

// view returns the view of the running operation.
func (m *model) view() *operation.View {
	if m.Running.Destroy {
		return m.destroy
	}
	return m.deploy
}

// noticeLine is the lower rule; what is said in passing stands in it.
func (m *model) noticeLine(w int) string {
	t := m.Theme
	notice := m.Notices.Shown(m.Now())
	if notice.Text == "" {
		if m.problem != "" {
			message := draw.Cut(" "+t.Signs.Failed+" "+clean.Line(m.problem)+" ", w-4, t)
			return t.Border.Render(t.Signs.Rule) + t.Bad.Render(message) + t.Border.Render(strings.Repeat(t.Signs.Rule, max(0, w-1-draw.Width(message))))
		}
		return t.Border.Render(strings.Repeat(t.Signs.Rule, w))
	}
	st, mark := t.Good, t.Signs.Done
	switch notice.Kind {
	case page.Attention:
		st, mark = t.Attention, t.Signs.Warn
	case page.Bad:
		st, mark = t.Bad, t.Signs.Failed
	}
	message := draw.Cut(" "+mark+" "+clean.Line(notice.Text)+" ", w-4, t)
	return t.Border.Render(t.Signs.Rule) + st.Render(message) + t.Border.Render(strings.Repeat(t.Signs.Rule, max(0, w-1-draw.Width(message))))
}

// hintsMost bounds the keys of a page that the bottom line names: those that
// matter most.
const hintsMost = 4

// hints are the keys that matter now.
func (m *model) hints() []keys.Hint {
	switch {
	case m.Dialog != nil:
		return m.Dialog.Hints()
	case m.help.open:
		return m.help.keys.Hints()
	case m.viewer != nil:
		return []keys.Hint{{Key: "esc", Does: "back"}}
	}
	of := m.pages[m.current].Keys().Hints()
	if p, focused := m.companion(); focused {
		of = append(m.beside.Hints(), p.Keys().Hints()...)
	}
	return append(slices.Clip(of[:min(len(of), hintsMost)]), m.keys.Hints()...)
}

// bottom is the line of keys.
func (m *model) bottom(w int) string {
	t := m.Theme
	hints := m.hints()
	tabs := func(all bool) string {
		line := ""
		m.tabs = m.tabs[:0]
		for i, p := range m.screens {
			line += strings.Repeat(" ", min(1+i, 2))
			from := draw.Width(line)
			line += t.Key.Render(p.Key)
			if i == m.current {
				line += " " + t.Strong.Underline(true).Render(p.Title)
			} else if all {
				line += " " + t.Dim.Render(p.Title)
			}
			m.tabs = append(m.tabs, tab{from, draw.Width(line)})
		}
		return line
	}
	line := func(hs []keys.Hint) string {
		var s []string
		for _, h := range hs {
			s = append(s, t.Key.Render(h.Key)+" "+t.Dim.Render(h.Does))
		}
		return strings.Join(s, t.Dim.Render(t.Signs.Sep)) + " "
	}
	left, right := tabs(true), line(hints)
	if draw.Width(left)+draw.Width(right)+2 > w {
		left = tabs(false)
	}
	for len(hints) > 1 && draw.Width(left)+draw.Width(right)+2 > w {
		hints = append(hints[:len(hints)-2:len(hints)-2], hints[len(hints)-1]) // `?` stays
		right = line(hints)
	}
	return draw.Ends(left, right, w, t)
}

func (m *model) drawTooSmall() string {
	l := m.Layout
	message := []string{
		fmt.Sprintf("This window has %d columns and %d rows.", l.W, l.H),
		fmt.Sprintf("The workshop needs at least %d by %d:", leastWidth, leastHeight),
		"make the window larger or its letters smaller.",
		"",
		"Nothing is lost; q leaves.",
	}
	var lines []string
	for _, s := range message {
		lines = append(lines, draw.Wrap(s, max(1, l.W))...)
	}
	return strings.Join(draw.Block(lines, l.H), "\n")
}

// View returns the frame, drawn anew where something has changed.
func (m *model) View() tea.View {
	if m.stale {
		m.stale = false
		m.frame = clean.Frame(m.draw())
	}
	v := tea.NewView(m.frame)
	v.AltScreen = true
	v.WindowTitle = "workshop"
	v.ProgressBar = m.progress()
	v.ReportFocus = m.desktop.Notify != nil
	if m.mouse {
		v.MouseMode = tea.MouseModeCellMotion
	}
	return v
}

func (m *model) draw() string {
	l := m.Layout
	switch {
	case l.W == 0 || l.H == 0:
		return ""
	case l.TooSmall:
		return m.drawTooSmall()
	}
	t := m.Theme
	rule := t.Border.Render(strings.Repeat(t.Signs.Rule, l.W))
	var body []string
	fits := false
	if m.help.open {
		body = m.viewHelp(l.W, l.Body.H)
	} else if m.viewer != nil {
		body = m.viewer.view(l.Body.W, l.Body.H)
	} else {
		_, fits = m.pages[m.current].(page.Fitter)
		body = m.joinBeside(m.pages[m.current].View(l.Body.W, l.Body.H))
	}
	body = draw.Block(body, l.Body.H)
	if m.Dialog != nil {
		body = widgets.Over(body, m.Dialog.View(l.W, l.Body.H, t), l.W, t)
	}
	var b strings.Builder
	b.Grow(l.W * l.H * 2)
	b.WriteString(m.top(l.W))
	b.WriteByte('\n')
	b.WriteString(rule)
	for _, line := range body {
		b.WriteByte('\n')
		if !fits {
			line = draw.Cut(line, l.W, t)
		}
		b.WriteString(line)
	}
	for _, line := range m.mistakes(l.W, l.H) {
		b.WriteByte('\n')
		b.WriteString(line)
	}
	b.WriteByte('\n')
	b.WriteString(m.noticeLine(l.W))
	b.WriteByte('\n')
	b.WriteString(m.bottom(l.W))
	return b.String()
}
