package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/tui/draw"
	"workshop/internal/tui/keys"
	"workshop/internal/tui/widgets"
)

// help lists the keys over the page: first those that work now, then the rest.
type help struct {
	open      bool
	filtering bool
	filter    widgets.Field
	scroll    widgets.Scroll
	keys      keys.Table
}

func (m *model) openHelp() {
	h := &m.help
	*h = help{open: true}
	h.keys = keys.Table{
		{When: func() bool { return h.filtering }, Text: true, Modal: true, Keys: []keys.Key{
			keys.On("enter", "", func() { h.filtering = false }).Hint("keep"),
			keys.On("esc", "", func() { h.filtering, h.filter = false, widgets.Field{} }).Hint("all keys"),
		}, Rest: func(k tea.KeyPressMsg) (tea.Cmd, bool) {
			h.scroll.Top = 0
			return nil, h.filter.Update(k)
		}},
		{Rest: keys.Scrolls(h.scroll.Key), Keys: []keys.Key{
			keys.On("esc ? q", "", func() { h.open = false }).Hint("back"),
			keys.On("/", "", func() { h.filtering = true }).Hint("filter"),
		}},
	}
}

// press answers a key and reports whether the key was for the help; the keys of
// the pages are not.
func (h *help) press(k tea.KeyPressMsg) bool {
	if _, handled := h.keys.Press(k); handled {
		return true
	}
	return k.String() < "1" || k.String() > "9"
}

// groups lists all keys in the order of the help: those of the state that the page
// is in, of every page, of the other states, and of the other pages.
func (m *model) groups() []keys.Group {
	var now, later []keys.Group
	for _, g := range m.pages[m.current].Keys().Groups() {
		if g.Name == "" {
			g.Name = m.specs[m.current].title
		}
		if g.Active {
			now = append(now, g)
		} else {
			later = append(later, g)
		}
	}
	all := append(now, m.keys.Groups()...)
	all = append(all, later...)
	for i, p := range m.pages {
		if i == m.current {
			continue
		}
		for _, g := range p.Keys().Groups() {
			g.Name, g.Active = strings.TrimSuffix(m.specs[i].title+": "+g.Name, ": "), false
			all = append(all, g)
		}
	}
	return all
}

// filtered keeps the keys that have the needle, in lower case, in what they do, in
// their names or in the name of their group.
func filtered(groups []keys.Group, needle string) []keys.Group {
	var out []keys.Group
	for _, g := range groups {
		kept := g
		kept.Keys = nil
		for _, k := range g.Keys {
			if draw.ContainsFold(g.Name+" "+k.Key+" "+k.Does, needle) {
				kept.Keys = append(kept.Keys, k)
			}
		}
		if len(kept.Keys) > 0 {
			out = append(out, kept)
		}
	}
	return out
}

// helpColumn is the width of a column of the help.
const helpColumn = 62

func (m *model) viewHelp(w, h int) []string {
	t := m.Theme
	needle := strings.ToLower(strings.TrimSpace(m.help.filter.Value))
	groups := filtered(m.groups(), needle)
	n := max(1, min(3, w/helpColumn))
	width := w/n - 1
	var lines []string
	for _, g := range groups {
		name := t.Heading.Render(g.Name)
		if !g.Active {
			name = t.Strong.Render(g.Name)
		}
		if len(lines) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, name)
		for _, k := range g.Keys {
			lines = append(lines, "  "+t.Key.Render(draw.Fit(k.Key, 18, t))+" "+draw.Cut(k.Does, width-22, t))
		}
	}
	if len(lines) == 0 {
		lines = []string{t.Dim.Render("No key has this.")}
	}
	rows := (len(lines) + n - 1) / n
	head := []string{draw.Ends(" "+t.Strong.Render("Keys"), t.Dim.Render(fmt.Sprintf("what works now comes first%s/ filters ", t.Signs.Sep)), w, t)}
	if m.help.filtering || needle != "" {
		head[0] = " " + t.Key.Render("/") + m.help.filter.View(t)
	}
	head = append(head, "")
	room := h - len(head) - 1
	from, to := m.help.scroll.Window(rows, room)
	out := head
	for i := from; i < to; i++ {
		row := ""
		for c := range n {
			if at := c*rows + i; at < len(lines) {
				row += " " + draw.Fit(lines[at], width, t)
			}
		}
		out = append(out, row)
	}
	if _, below := m.help.scroll.More(); below {
		out = append(draw.Block(out, h-1), " "+t.Dim.Render(fmt.Sprintf("%s %s more below", t.Signs.Ellipsis, draw.Count(rows-to, "row"))))
	}
	return out
}
