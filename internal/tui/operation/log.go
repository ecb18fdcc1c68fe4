package operation

import (
	"fmt"
	"time"

	"workshop/internal/tui/draw"
	"workshop/internal/tui/style"
	"workshop/internal/tui/widgets"
)

// logHeld bounds what is kept of an operation's own log.
const logHeld = 20_000

// terraformLog is what Terraform itself said while it ran.
type terraformLog struct {
	lines  []logLine
	scroll widgets.Scroll
}

type logLine struct {
	at   time.Time
	text string
}

func (l *terraformLog) reset() { *l = terraformLog{scroll: widgets.Scroll{Follow: true}} }

func (l *terraformLog) len() int { return len(l.lines) }

func (l *terraformLog) add(at time.Time, text string) {
	if len(l.lines) >= logHeld {
		l.lines = append(l.lines[:0], l.lines[logHeld/10:]...)
	}
	l.lines = append(l.lines, logLine{at, text})
}

func (l *terraformLog) view(w, h int, t style.Theme, growing bool) []string {
	state := ""
	if growing && l.scroll.Follow {
		state = "following"
	}
	out := []string{draw.Ends(" "+t.Strong.Render("Terraform's log"), t.Dim.Render(fmt.Sprintf("%s  %s ", draw.Count(len(l.lines), "line"), state)), w, t), ""}
	from, to := l.scroll.Window(len(l.lines), h-len(out))
	for _, x := range l.lines[from:to] {
		out = append(out, draw.Cut(" "+t.Dim.Render(draw.Clock(x.at))+"  "+x.text, w, t))
	}
	return out
}
