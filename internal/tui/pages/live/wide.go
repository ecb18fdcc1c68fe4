package live

import (
	"strings"

	"workshop/internal/tui/draw"
	"workshop/internal/tui/page"
)

// split returns the widths of the two columns; the second is 0 where there is one. The tasks
// need 100 columns for their figures, and what is beside them 46 for its sentences.
func split(w int) (left, right int) {
	if w < page.WideWidth {
		return w, 0
	}
	right = max(46, min(75, w-104))
	return w - right - 3, right
}

// beside puts the rows of the second column beside those of the first.
func (l *Page) beside(left, right []row, w int) []row {
	t := l.Theme
	line := " " + t.Border.Render(t.Signs.Divider) + " "
	out := make([]row, max(len(left), len(right)))
	for i := range out {
		var a, b row
		if i < len(left) {
			a = left[i]
		}
		if i < len(right) {
			b = right[i]
		}
		out[i] = row{item: a.item, beside: b.item, draw: func() string {
			return strings.TrimRight(draw.Fit(a.line(), w, t)+line+b.line(), " ")
		}}
	}
	return out
}

// across moves the cursor to the other column, to what stands nearest beside it.
func (l *Page) across() {
	if len(l.seconds) == 0 || len(l.items) == len(l.seconds) {
		return
	}
	other := func(r row) item { return r.beside }
	candidates := l.seconds
	if l.inSecond() {
		other = func(r row) item { return r.item }
		candidates = l.items[:len(l.items)-len(l.seconds)]
	}
	at := 0
	for i, r := range l.drawn {
		if r.has(l.chosen) {
			at = i
			break
		}
	}
	selectable := make(map[item]bool, len(candidates))
	for _, it := range candidates {
		selectable[it] = true
	}
	nearest := len(l.drawn)
	for i, r := range l.drawn {
		if far := max(at-i, i-at); far < nearest && selectable[other(r)] {
			nearest, l.chosen, l.moved = far, other(r), true
		}
	}
}

// inSecond reports whether the cursor is in the second column.
func (l *Page) inSecond() bool { return l.at() >= len(l.items)-len(l.seconds) }
