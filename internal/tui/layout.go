package tui

import "workshop/internal/tui/page"

// The least terminal that has room for what matters, and the width below which
// the list of steps is one line.
const (
	leastWidth  = 60
	leastHeight = 16
	foldWidth   = 100
)

// leastBeside and readBeside are the widths of a page beside another, which has the rest up
// to what its text needs.
const (
	leastBeside = 60
	readBeside  = 120
)

// layOut returns the room of a screen of w by h, of whose rows some are taken by
// an author's mistakes, with or without a page beside the current one.
func layOut(w, h, mistakes int, beside bool) page.Layout {
	l := page.Layout{W: w, H: h, TooSmall: w < leastWidth || h-mistakes < leastHeight, Compact: w < foldWidth,
		Body: page.Rect{X: 0, Y: 2, W: w, H: max(0, h-mistakes-4)}}
	if beside {
		l.Beside = l.Body
		l.Beside.W = max(leastBeside, w-readBeside)
		l.Beside.X = w - l.Beside.W
		l.Body.W = l.Beside.X - 1
	}
	return l
}
