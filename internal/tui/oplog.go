package tui

import (
	"fmt"
	"time"

	"workshop/internal/tui/style"
)

// opLogHeld bounds what is kept of an operation's own log.
const opLogHeld = 20_000

// opLog is what Terraform itself said while it ran.
type opLog struct {
	lines  []opLine
	scroll view
}

type opLine struct {
	at   time.Time
	text string
}

func (l *opLog) reset() { *l = opLog{scroll: view{follow: true}} }

func (l *opLog) len() int { return len(l.lines) }

func (l *opLog) add(at time.Time, text string) {
	if len(l.lines) >= opLogHeld {
		l.lines = append(l.lines[:0], l.lines[opLogHeld/10:]...)
	}
	l.lines = append(l.lines, opLine{at, text})
}

func (l *opLog) view(w, h int, t style.Theme, goesOn bool) []string {
	state := ""
	if goesOn && l.scroll.follow {
		state = "following"
	}
	out := []string{ends(" "+t.Strong.Render("Terraform's log"), t.Dim.Render(fmt.Sprintf("%s  %s ", count(len(l.lines), "line"), state)), w, t), ""}
	from, to := l.scroll.window(len(l.lines), h-len(out))
	for _, x := range l.lines[from:to] {
		out = append(out, cut(" "+t.Dim.Render(clock(x.at))+"  "+x.text, w, t))
	}
	return out
}
