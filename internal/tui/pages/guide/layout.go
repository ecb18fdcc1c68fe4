package guide

import (
	"workshop/internal/tui/draw"
	"workshop/internal/tui/page"
)

// railWidth is the room of the list of steps, beside the text.
const railWidth = 20

// layout says where the parts of the guide are.
type layout struct {
	head     page.Rect // the step's title; where compact, the rail is folded into it
	read     page.Rect // the step's text
	exercise page.Rect // its checks, hints and questions; empty where it has none
	output   page.Rect // of the block that was run last; empty where none was
}

// layOut computes the layout of the body. exercise returns how many rows the
// checks need in a width.
func layOut(body page.Rect, compact bool, exercise func(w, h int) int, output bool) layout {
	x := 1
	if !compact {
		x = railWidth + 4
	}
	var l layout
	l.head = page.Rect{X: x, Y: body.Y, W: min(body.W-x-1, draw.ReadWidth+2), H: 1} // two more for the reader's scroll bar
	l.read = page.Rect{X: x, Y: body.Y + 2, W: l.head.W, H: max(0, body.H-2)}
	w := min(l.read.W, draw.ReadWidth)
	l.exercise = page.Rect{X: x, W: w, H: exercise(w, body.H)}
	l.read.H -= l.exercise.H
	l.exercise.Y = l.read.Y + l.read.H
	if output {
		h := min(max(body.H/3, 5), 16)
		l.read.H -= h
		l.exercise.Y -= h
		l.output = page.Rect{X: x, Y: l.exercise.Y + l.exercise.H, W: l.read.W, H: h}
	}
	return l
}
