package tui

import (
	tea "charm.land/bubbletea/v2"

	"workshop/internal/tui/page"
)

// wheelRows is how many rows a notch of the wheel moves.
const wheelRows = 3

// tab is where the name of a page stands in the bottom line, in columns.
type tab struct{ from, to int }

// toggleMouse turns the mouse on or off. It is off at first: people want to select text.
func (m *model) toggleMouse() {
	m.mouse = !m.mouse
	if m.mouse {
		m.Say(page.Good, "The mouse is on: its wheel scrolls, a click chooses. Most terminals still select text while shift is held")
	} else {
		m.Say(page.Good, "The mouse is the terminal's again: it selects text")
	}
}

// wheel moves as the arrow keys do.
func (m *model) wheel(at tea.Mouse) tea.Cmd {
	key := tea.KeyPressMsg{Code: tea.KeyDown}
	switch at.Button {
	case tea.MouseWheelDown:
	case tea.MouseWheelUp:
		key.Code = tea.KeyUp
	default:
		return nil
	}
	if m.Dialog != nil || m.Layout.TooSmall || m.viewer != nil {
		return nil
	}
	var cmds []tea.Cmd
	for range wheelRows {
		cmds = append(cmds, m.press(key))
	}
	return tea.Batch(cmds...)
}

// click opens the page whose name is in the bottom line, or is the page's.
func (m *model) click(at tea.Mouse) tea.Cmd {
	if at.Button != tea.MouseLeft || m.Dialog != nil || m.Layout.TooSmall || m.help.open || m.viewer != nil {
		return nil
	}
	if at.Y == m.Layout.H-1 {
		for i, t := range m.tabs {
			if at.X >= t.from && at.X < t.to {
				return m.show(i)
			}
		}
		return nil
	}
	b := m.Layout.Body
	p, ok := m.pages[m.current].(page.Clicker)
	if !ok || at.Y < b.Y || at.Y >= b.Y+b.H {
		return nil
	}
	return p.Click(at.X-b.X, at.Y-b.Y)
}
