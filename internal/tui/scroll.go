package tui

import tea "charm.land/bubbletea/v2"

// scroll is a window on a list of rows: the row under the cursor is kept in
// sight. Set rows before use; height is the last drawn one.
type scroll struct {
	top, cursor  int
	rows, height int
}

// key moves the cursor and reports whether the key was one of its own.
func (s *scroll) key(k tea.KeyPressMsg) bool {
	switch k.String() {
	case "up", "k":
		s.cursor--
	case "down", "j":
		s.cursor++
	case "pgup", "ctrl+b":
		s.cursor -= max(1, s.height-1)
	case "pgdown", "ctrl+f", "space":
		s.cursor += max(1, s.height-1)
	case "home", "g":
		s.cursor = 0
	case "end", "G":
		s.cursor = s.rows - 1
	default:
		return false
	}
	s.cursor = max(0, min(s.cursor, s.rows-1))
	return true
}

// window returns the first and the one past the last row to draw in h rows.
func (s *scroll) window(rows, h int) (from, to int) {
	s.rows, s.height = rows, h
	s.cursor = max(0, min(s.cursor, rows-1))
	if s.cursor < s.top {
		s.top = s.cursor
	}
	if s.cursor >= s.top+h {
		s.top = s.cursor - h + 1
	}
	s.top = max(0, min(s.top, rows-h))
	return s.top, min(rows, s.top+h)
}

// view is a window on text that has no cursor: keys move the text itself.
type view struct {
	top          int
	rows, height int
	follow       bool // stay at the end while rows are added
}

func (v *view) key(k tea.KeyPressMsg) bool {
	last := max(0, v.rows-v.height)
	switch k.String() {
	case "up", "k":
		v.top--
	case "down", "j":
		v.top++
	case "pgup", "ctrl+b":
		v.top -= max(1, v.height-1)
	case "pgdown", "ctrl+f", "space":
		v.top += max(1, v.height-1)
	case "home", "g":
		v.top = 0
	case "end", "G":
		v.top = last
	default:
		return false
	}
	v.top = max(0, min(v.top, last))
	v.follow = v.top == last
	return true
}

func (v *view) window(rows, h int) (from, to int) {
	v.rows, v.height = rows, h
	last := max(0, rows-h)
	if v.follow {
		v.top = last
	}
	v.top = max(0, min(v.top, last))
	return v.top, min(rows, v.top+h)
}
