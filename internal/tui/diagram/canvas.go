package diagram

import (
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"workshop/internal/tui/style"
)

// rect is a part of the canvas, in cells.
type rect struct{ x, y, w, h int }

func (r rect) inner() rect { return rect{r.x + 1, r.y + 1, r.w - 2, r.h - 2} }

// role is a style of the canvas.
type role uint8

const (
	plain role = iota
	dim
	strong
	accent
	good
	bad
	selected
	roles
)

// cell is one character with its look.
type cell struct {
	text string // empty for a blank
	role role
	fill bool
}

// canvas is a field of cells. What lies outside it is not drawn.
type canvas struct {
	w, h  int
	cells []cell
	theme style.Theme
}

func newCanvas(w, h int, t style.Theme) *canvas {
	return &canvas{w: w, h: h, cells: make([]cell, max(0, w*h)), theme: t}
}

func (c *canvas) put(x, y int, text string, r role) {
	if x < 0 || y < 0 || x >= c.w || y >= c.h {
		return
	}
	at := &c.cells[y*c.w+x]
	at.text, at.role = text, r
}

// text writes within w cells, and returns how many it took.
func (c *canvas) text(x, y, w int, s string, r role) int {
	if w <= 0 {
		return 0
	}
	if ansi.StringWidth(s) > w {
		s = ansi.Truncate(s, w, c.theme.Signs.Ellipsis)
	}
	n := 0
	for _, ch := range s {
		t := string(ch)
		switch ansi.StringWidth(t) {
		case 0:
			continue
		case 2: // a cell has room for one
			t = "?"
		}
		c.put(x+n, y, t, r)
		n++
	}
	return n
}

// lines are the characters of a border: level, upright, and the four corners.
type lines struct{ level, upright, nw, ne, sw, se string }

func (c *canvas) border(s State, chosen bool) lines {
	if !c.theme.Unicode {
		switch {
		case chosen:
			return lines{"=", "#", "#", "#", "#", "#"}
		case s == Absent || s == Planned:
			return lines{".", ":", ".", ".", ":", ":"}
		}
		return lines{"-", "|", "+", "+", "+", "+"}
	}
	switch {
	case chosen:
		return lines{"━", "┃", "┏", "┓", "┗", "┛"}
	case s == Absent || s == Planned:
		return lines{"╌", "╎", "╭", "╮", "╰", "╯"}
	}
	return lines{"─", "│", "╭", "╮", "╰", "╯"}
}

// box draws a border and fills what is in it.
func (c *canvas) box(r rect, l lines, ro role, fill bool) {
	for x := r.x + 1; x < r.x+r.w-1; x++ {
		c.put(x, r.y, l.level, ro)
		c.put(x, r.y+r.h-1, l.level, ro)
	}
	for y := r.y + 1; y < r.y+r.h-1; y++ {
		c.put(r.x, y, l.upright, ro)
		c.put(r.x+r.w-1, y, l.upright, ro)
		for x := r.x + 1; x < r.x+r.w-1; x++ {
			if x >= 0 && y >= 0 && x < c.w && y < c.h {
				c.cells[y*c.w+x] = cell{fill: fill}
			}
		}
	}
	c.put(r.x, r.y, l.nw, ro)
	c.put(r.x+r.w-1, r.y, l.ne, ro)
	c.put(r.x, r.y+r.h-1, l.sw, ro)
	c.put(r.x+r.w-1, r.y+r.h-1, l.se, ro)
}

// render returns the rows, without what is blank at their ends.
func (c *canvas) render() []string {
	t := c.theme
	base := [roles]lipgloss.Style{plain: t.Text, dim: t.Dim, strong: t.Strong, accent: t.Accent, good: t.Good, bad: t.Bad, selected: t.Key}
	var open, shut [2][roles]string
	for fill := range 2 {
		for r, st := range base {
			if fill == 1 {
				st = st.Background(t.Code.GetBackground())
			}
			open[fill][r], shut[fill][r], _ = strings.Cut(st.Render("x"), "x")
		}
	}
	out := make([]string, c.h)
	for y := range c.h {
		row := c.cells[y*c.w:][:c.w]
		end := len(row)
		for end > 0 && row[end-1].text == "" && !row[end-1].fill {
			end--
		}
		var b strings.Builder
		for x := 0; x < end; {
			fill, r := row[x].fill, row[x].role
			if row[x].text == "" {
				r = plain
			}
			f := 0
			if fill {
				f = 1
			}
			b.WriteString(open[f][r])
			for ; x < end && row[x].fill == fill && (row[x].text == "" || row[x].role == r); x++ {
				if row[x].text == "" {
					b.WriteByte(' ')
				} else {
					b.WriteString(row[x].text)
				}
			}
			b.WriteString(shut[f][r])
		}
		out[y] = b.String()
	}
	return out
}
