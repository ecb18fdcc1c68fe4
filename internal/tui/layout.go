package tui

import "workshop/internal/tui/reader"

// The least terminal that has room for what matters.
const (
	leastWidth  = 60
	leastHeight = 16
	// below foldWidth the rail is one line
	foldWidth = 100
	// readWidth is the widest text that reads well.
	readWidth = reader.MaxWidth
	railWidth = 20
)

// rect is a part of the screen, in cells from the top left.
type rect struct{ x, y, w, h int }

// layout says where everything is. It is the only place that knows.
type layout struct {
	w, h     int
	tooSmall bool
	compact  bool // the rail is folded to one line
	body     rect // between the two rules
	rail     rect // of the guide; none where compact
	head     rect // the step's title; where compact, the rail is folded into it
	read     rect // the step's text
	teach    rect // of its checks, hints and questions; empty where it has none
	output   rect // of the block that was run last; empty where none was
}

// lay computes the rectangles for a screen of w by h; teach says how many rows
// of a width a step's checks need, and output asks for a pane under the text.
func lay(w, h int, teach func(w, h int) int, output bool) layout {
	l := layout{w: w, h: h, tooSmall: w < leastWidth || h < leastHeight, compact: w < foldWidth}
	l.body = rect{0, 2, w, max(0, h-4)}
	x := 1
	if !l.compact {
		l.rail = rect{1, 2, railWidth, l.body.h}
		x = railWidth + 4
	}
	l.head = rect{x, 2, min(w-x-1, readWidth+2), 1} // two more for the reader's scroll bar
	l.read = rect{x, 4, l.head.w, max(0, l.body.h-2)}
	l.teach = rect{l.read.x, 0, min(l.read.w, readWidth), teach(min(l.read.w, readWidth), l.body.h)}
	l.read.h -= l.teach.h
	l.teach.y = l.read.y + l.read.h
	if output {
		oh := min(max(l.body.h/3, 5), 16)
		l.read.h -= oh
		l.teach.y -= oh
		l.output = rect{l.read.x, l.teach.y + l.teach.h, l.read.w, oh}
	}
	return l
}
