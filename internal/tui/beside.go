package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/tui/draw"
	"workshop/internal/tui/keys"
	"workshop/internal/tui/page"
)

// companion returns the page that is shown beside the current one, and whether the keys go
// to it; nil for none.
func (m *model) companion() (p page.Page, focused bool) {
	c, ok := m.pages[m.current].(page.Companion)
	if !ok || m.Layout.W < page.WideWidth {
		return nil, false
	}
	slug, focused := c.Beside()
	at, ok := m.specs.at(slug)
	if !ok {
		return nil, false
	}
	return m.pages[at], focused
}

// besideKeys are the keys of the page beside the current one while the keys go to it.
func (m *model) besideKeys() keys.Table {
	back := func() { m.pages[m.current].(page.Companion).LeaveBeside() }
	return keys.Table{
		{When: func() bool { _, focused := m.companion(); return focused }, Keys: []keys.Key{
			keys.On("tab", "back to the page on the left", back).Hint("back to the step"),
		}},
	}
}

// pressBeside gives a key to the page beside the current one, if the keys go there.
func (m *model) pressBeside(k tea.KeyPressMsg) (cmd tea.Cmd, handled bool) {
	p, focused := m.companion()
	if !focused {
		return nil, false
	}
	if cmd, handled = m.beside.Press(k); handled {
		return cmd, true
	}
	if cmd, handled = p.Keys().Press(k); !handled && k.String() == "esc" {
		m.pages[m.current].(page.Companion).LeaveBeside()
	}
	return cmd, true
}

// changes returns how soon the screen looks different by time alone; 0 for never.
func (m *model) changes() time.Duration {
	d := m.pages[m.current].Changes()
	if p, _ := m.companion(); p != nil {
		if c := p.Changes(); d == 0 || c > 0 && c < d {
			d = c
		}
	}
	return d
}

// joinBeside puts the page that is shown beside the current one at its right.
func (m *model) joinBeside(body []string) []string {
	p, focused := m.companion()
	if p == nil {
		return body
	}
	t, at := m.Theme, m.Layout.Beside
	line := t.Border.Render(t.Signs.Divider)
	if focused {
		line = t.Key.Render(t.Signs.Divider)
	}
	body = draw.Block(body, at.H)
	for i, s := range draw.Block(p.View(at.W, at.H), at.H) {
		body[i] = draw.Fit(body[i], at.X-1, t) + line + draw.Cut(s, at.W, t)
	}
	return body
}
