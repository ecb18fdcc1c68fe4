package guide

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"workshop/internal/clean"
	"workshop/internal/session"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/jobs"
	"workshop/internal/tui/style"
	"workshop/internal/tui/widgets"
)

// output is what a code block printed when it was run, or what else was done.
type output struct {
	command string
	title   string // what was done where that was no command
	lines   []string
	dropped int
	job     int // generation
	began   time.Time
	elapsed time.Duration
	code    int
	err     error
	running bool
	earlier bool // of an earlier start of the program
	scroll  widgets.Scroll
}

const (
	// outputHeld bounds the lines that are held of a run.
	outputHeld = 5_000
	// outputKept and outputBytes bound what is remembered of a step's last output.
	outputKept  = 200
	outputBytes = 64 << 10
	// saveTime bounds the write of an output.
	saveTime = 5 * time.Second
)

func following() widgets.Scroll { return widgets.Scroll{Follow: true} }

// remembered returns an output as it was kept.
func remembered(k session.Output) *output {
	o := &output{command: k.Command, title: k.Title, dropped: k.Dropped, code: k.Code, began: k.At, elapsed: k.Elapsed, earlier: true, scroll: following()}
	if k.Err != "" {
		o.err = errors.New(k.Err)
	}
	if k.Lines != "" {
		for l := range strings.SplitSeq(k.Lines, "\n") {
			o.add(l)
		}
	}
	return o
}

func (o *output) add(line string) {
	if len(o.lines) >= outputHeld {
		o.lines = o.lines[outputHeld/10:]
		o.dropped += outputHeld / 10
	}
	o.lines = append(o.lines, clean.Line(line))
}

func (o *output) end(err error, now time.Time) {
	o.running, o.err, o.elapsed = false, err, now.Sub(o.began)
}

// showOutput shows an output below the step, and keeps it for coming back.
func (g *Page) showOutput(o *output) {
	g.output, g.onOutput = o, false
	if s := g.step(); s != nil {
		g.outputs[s.ID] = o
	}
}

// closeOutput takes the output from the screen, unless it still grows.
func (g *Page) closeOutput() {
	if g.output.running {
		return
	}
	if id := g.step().ID; g.outputs[id] == g.output {
		delete(g.outputs, id)
	}
	g.output, g.onOutput = nil, false
}

// keepOutput has the last output of a step remembered.
func (g *Page) keepOutput(step string, o *output) {
	if g.Info.ReadOnly {
		return
	}
	lines := o.lines[max(0, len(o.lines)-outputKept):]
	for size, i := 0, len(lines)-1; i >= 0; i-- {
		if size += len(lines[i]) + 1; size > outputBytes {
			lines = lines[i+1:]
			break
		}
	}
	k := session.Output{Command: o.command, Title: o.title, Lines: strings.Join(lines, "\n"), Dropped: o.dropped + len(o.lines) - len(lines),
		Code: o.code, At: o.began, Elapsed: o.elapsed}
	if o.err != nil {
		k.Err = o.err.Error()
	}
	sess := g.session
	jobs.Do(g.Jobs, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, saveTime)
		defer cancel()
		return sess.KeepOutput(ctx, step, k)
	}, nil) // a failure loses only the sight of the output
}

func (o *output) view(w, h int, t style.Theme, focused bool, spinner string, now time.Time) []string {
	state := ""
	switch {
	case o.running:
		state = t.Accent.Render(spinner+" runs ") + t.Dim.Render(draw.Stopwatch(now.Sub(o.began)))
	case errors.Is(o.err, context.Canceled):
		state = t.Attention.Render("stopped")
	case o.err != nil:
		state = t.Bad.Render(t.Signs.Failed + " " + clean.Line(o.err.Error()))
	case o.code != 0:
		state = t.Bad.Render(fmt.Sprintf("%s ended with code %d", t.Signs.Failed, o.code))
	case o.earlier:
		state = t.Good.Render(t.Signs.Done+" done") + t.Dim.Render(" "+o.began.Format("2 Jan 15:04"))
	default:
		state = t.Good.Render(t.Signs.Done+" done") + t.Dim.Render(" in "+draw.Span(o.elapsed))
	}
	st := t.Border
	if focused {
		st = t.Accent
	}
	what, lead := clean.Line(o.title), ""
	if what == "" {
		what, lead = clean.Line(strings.ReplaceAll(o.command, "\n", "; ")), t.Dim.Render("$ ")
	}
	title := st.Render(strings.Repeat(t.Signs.Rule, 2)) + " " + lead + t.Strong.Render(draw.Cut(what, max(10, w/2), t)) + " "
	title += st.Render(strings.Repeat(t.Signs.Rule, max(0, w-draw.Width(title)-draw.Width(state)-1))) + " " + state
	out := []string{draw.Cut(title, w, t)}
	lines := o.lines
	if o.title != "" { // sentences, where a command's lines are cut
		lines = nil
		for _, l := range o.lines {
			lines = append(lines, draw.Wrap(l, w)...)
		}
	}
	from, to := o.scroll.Window(len(lines), h-1)
	for _, l := range lines[from:to] {
		out = append(out, draw.Cut(l, w, t))
	}
	if len(o.lines) == 0 && !o.running {
		out = append(out, t.Dim.Render("it printed nothing"))
	}
	return draw.Block(out, h)
}
