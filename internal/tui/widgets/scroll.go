// Package widgets holds the parts that pages are made of: scrolling, text
// fields, and questions.
package widgets

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// The keys that move in every list and text.
var (
	LineUp   = key.NewBinding(key.WithKeys("up", "k"), key.WithHelp("up k", "a line up"))
	LineDown = key.NewBinding(key.WithKeys("down", "j"), key.WithHelp("down j", "a line down"))
	PageUp   = key.NewBinding(key.WithKeys("pgup", "ctrl+b"), key.WithHelp("pgup ctrl+b", "a screen up"))
	PageDown = key.NewBinding(key.WithKeys("pgdown", "ctrl+f", "space"), key.WithHelp("pgdown ctrl+f space", "a screen down"))
	HalfUp   = key.NewBinding(key.WithKeys("ctrl+u"), key.WithHelp("ctrl+u", "half a screen up"))
	HalfDown = key.NewBinding(key.WithKeys("ctrl+d"), key.WithHelp("ctrl+d", "half a screen down"))
	First    = key.NewBinding(key.WithKeys("home", "g"), key.WithHelp("home g", "to the first line"))
	Last     = key.NewBinding(key.WithKeys("end", "G"), key.WithHelp("end G", "to the last line"))
)

// Moves lists those keys.
var Moves = []key.Binding{LineUp, LineDown, PageUp, PageDown, HalfUp, HalfDown, First, Last}

// Scroll is the part in sight of something longer than the screen. The keys move
// the text itself, or, with List, a cursor that stays in sight.
type Scroll struct {
	List   bool
	Top    int  // the first row in sight
	Cursor int  // with List, the chosen row
	Follow bool // stay at the end while rows are added; without List

	rows, height int // as they were last drawn
}

// Key moves and reports whether the key was one of Moves.
func (s *Scroll) Key(k tea.KeyPressMsg) bool {
	at, last := &s.Top, max(0, s.rows-s.height)
	if s.List {
		at, last = &s.Cursor, max(0, s.rows-1)
	}
	switch {
	case key.Matches(k, LineUp):
		*at--
	case key.Matches(k, LineDown):
		*at++
	case key.Matches(k, PageUp):
		*at -= max(1, s.height-1)
	case key.Matches(k, PageDown):
		*at += max(1, s.height-1)
	case key.Matches(k, HalfUp):
		*at -= max(1, s.height/2)
	case key.Matches(k, HalfDown):
		*at += max(1, s.height/2)
	case key.Matches(k, First):
		*at = 0
	case key.Matches(k, Last):
		*at = last
	default:
		return false
	}
	*at = max(0, min(*at, last))
	s.Follow = !s.List && *at == last
	return true
}

// Window returns the first row and the one past the last row to draw of so many,
// in h rows of the screen.
func (s *Scroll) Window(rows, h int) (from, to int) {
	s.rows, s.height = rows, h
	last := max(0, rows-h)
	switch {
	case s.List:
		s.Cursor = max(0, min(s.Cursor, rows-1))
		s.reveal(s.Cursor)
	case s.Follow:
		s.Top = last
	}
	s.Top = max(0, min(s.Top, last))
	return s.Top, min(rows, s.Top+h)
}

// Rows sets how many rows there are before they are drawn again, so that keys
// move in what changed.
func (s *Scroll) Rows(n int) { s.rows = n }

// Reveal brings a row into sight of a window of h rows; a row above it gets some
// rows of what stands before it.
func (s *Scroll) Reveal(row, h int) {
	s.height = h
	if row < s.Top {
		row = max(0, row-2)
	}
	s.reveal(row)
}

func (s *Scroll) reveal(row int) {
	if row < s.Top {
		s.Top = row
	}
	if row >= s.Top+s.height {
		s.Top = row - s.height + 1
	}
}

// More reports whether rows are hidden above and below the window.
func (s *Scroll) More() (above, below bool) { return s.Top > 0, s.Top+s.height < s.rows }
