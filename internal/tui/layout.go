package tui

import "workshop/internal/tui/page"

// The least terminal that has room for what matters, and the width below which
// the list of steps is one line.
const (
	leastWidth  = 60
	leastHeight = 16
	foldWidth   = 100
)

// layOut returns the room of a screen of w by h, of whose rows some are taken by
// an author's mistakes.
func layOut(w, h, mistakes int) page.Layout {
	return page.Layout{W: w, H: h, TooSmall: w < leastWidth || h-mistakes < leastHeight, Compact: w < foldWidth,
		Body: page.Rect{X: 0, Y: 2, W: w, H: max(0, h-mistakes-4)}}
}
