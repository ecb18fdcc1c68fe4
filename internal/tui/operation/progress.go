package operation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/stack"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/page"
)

// Progress shows an apply or a destroy while it goes on: what each resource does,
// for how long, and what it waits for.
type Progress struct {
	*page.Context
	destroy bool
	meter   *stack.Meter
	usual   func(stack.Change) time.Duration
	began   time.Time
	ended   time.Time
	order   map[string]int // by address, in which they came to their end
	titles  map[string]string

	at   time.Time // of the reading
	read stack.Reading
}

func newProgress(s *page.Context, p *stack.Plan) *Progress {
	st := &Progress{Context: s, destroy: p.Destroy, began: s.Now(), usual: stack.TypicalAWS, order: map[string]int{}, titles: map[string]string{}}
	if s.Info.Sandbox {
		st.usual = stack.TypicalSandbox
	}
	st.meter = stack.NewMeter(p, s.Now(), st.usual)
	for _, c := range p.Changes {
		if name := stack.Base(c.Address); st.titles[name] == "" {
			st.titles[name] = title(c)
		}
	}
	return st
}

func (s *Progress) receive(e stack.Event) {
	s.meter.Handle(e)
	s.at = time.Time{}
	if e.Type == stack.EventDone || e.Type == stack.EventFailed {
		s.order[e.Resource] = len(s.order)
	}
}

func (s *Progress) end() { s.ended = s.Now() }

// Reading returns how far it is now.
func (s *Progress) Reading() stack.Reading {
	now := s.Now()
	if !s.ended.IsZero() {
		now = s.ended
	}
	if !now.Equal(s.at) {
		s.at, s.read = now, s.meter.At(now)
	}
	return s.read
}

// Elapsed returns for how long the apply has run, or ran.
func (s *Progress) Elapsed() time.Duration { return s.Reading().Elapsed }

func title(c stack.Change) string {
	if c.Title == "" {
		return clean.Line(c.Address)
	}
	return clean.Line(c.Title)
}

// Head draws the line of totals with the bar.
func (s *Progress) Head(w int) string {
	t, r := s.Theme, s.Reading()
	verb := "Applying"
	if s.destroy {
		verb = "Deleting"
	}
	left := fmt.Sprintf(" %s   %s of %d   ", t.Strong.Render(verb), t.Strong.Render(fmt.Sprint(r.Done)), r.Total)
	right := fmt.Sprintf("  %3d%%   %s", r.Percent, draw.Stopwatch(r.Elapsed))
	if s.ended.IsZero() && r.Done < r.Total {
		if r.ETA > 3*time.Second {
			right += t.Dim.Render(", about " + roughly(r.ETA) + " to go")
		} else {
			right += t.Dim.Render(", nearly done")
		}
	}
	st := t.Accent
	if r.Failed > 0 {
		st = t.Bad
	}
	room := w - draw.Width(left) - draw.Width(right) - 2
	return left + draw.Bar(float64(r.Percent)/100, min(room, 60), st, t) + right
}

// roughly rounds to what an estimate deserves.
func roughly(d time.Duration) string {
	if d < 90*time.Second {
		return fmt.Sprintf("%d s", int((d+4*time.Second)/(5*time.Second))*5)
	}
	return fmt.Sprintf("%d min", int((d+29*time.Second)/time.Minute))
}

// view lists the resources: what works is always in sight, what is done gives
// way first.
func (s *Progress) view(w, h int) []string {
	var done, works, waits []stack.ResourceReading
	for _, x := range s.Reading().Resources {
		switch x.State {
		case stack.Done:
			done = append(done, x)
		case stack.Waiting:
			waits = append(waits, x)
		default:
			works = append(works, x)
		}
	}
	slices.SortStableFunc(done, func(a, b stack.ResourceReading) int { return s.order[a.Address] - s.order[b.Address] })
	slices.SortStableFunc(works, func(a, b stack.ResourceReading) int { return int(b.Elapsed - a.Elapsed) })

	works = works[:min(len(works), max(0, h-2))]
	room := h - len(works)
	var trouble []string
	for _, x := range works {
		if x.Type == "aws_ecs_service" && x.State == stack.Working {
			trouble = s.StoppedTasks(w)
			trouble = trouble[:min(len(trouble), max(0, room-2))]
			room -= len(trouble)
		}
	}
	nd, nw := len(done), len(waits)
	if nd+nw > room {
		nw = min(nw, max(room/2, room-nd))
		nd = min(nd, room-nw)
	}
	var out []string
	add := func(rows []stack.ResourceReading) {
		for _, x := range rows {
			out = append(out, s.row(x, w))
			if x.Type == "aws_ecs_service" && x.State == stack.Working {
				out = append(out, trouble...)
			}
		}
	}
	more := func(sign string, n int, what string) {
		out = append(out, s.Theme.Dim.Render(fmt.Sprintf("   %s %d more %s", sign, n, what)))
	}
	if hidden := len(done) - nd; hidden > 0 && nd > 0 {
		more(s.Theme.Signs.Done, hidden+1, "are done")
		add(done[hidden+1:])
	} else {
		add(done[:nd])
	}
	add(works)
	if hidden := len(waits) - nw; hidden > 0 && nw > 0 {
		add(waits[:nw-1])
		more(s.Theme.Signs.Open, hidden+1, "wait")
	} else {
		add(waits[:nw])
	}
	return out
}

// StoppedTasks draws, under the service, what Terraform does not: why tasks stop while
// it waits for them, and that ECS has given up.
func (s *Progress) StoppedTasks(w int) []string {
	if s.Snapshot == nil || s.destroy || len(s.Snapshot.Service.Deployments) == 0 {
		return nil
	}
	t := s.Theme
	lead := strings.Repeat(" ", 7)
	var out []string
	add := func(st lipgloss.Style, mark, text string) {
		for i, l := range draw.Wrap(text, min(w-len(lead)-draw.Width(mark)-2, draw.ReadWidth)) {
			if i > 0 {
				mark = strings.Repeat(" ", draw.Width(mark))
			}
			out = append(out, lead+st.Render(mark+" "+l))
		}
	}
	rev := s.Snapshot.Service.Deployments[0].Revision
	var last *fargate.Task
	n := 0
	for i, x := range s.Snapshot.Tasks {
		if x.Stopped == nil || x.Revision != rev || x.Created.Before(s.began) {
			continue
		}
		if n++; last == nil { // the last stopped comes first
			last = &s.Snapshot.Tasks[i]
		}
	}
	if last != nil {
		add(t.Bad, t.Signs.Failed, draw.Count(n, "task")+" stopped: "+page.StopReason(*last))
		if last.Answer != nil && last.Answer.Do != "" {
			add(t.Good, t.Signs.Arrow, clean.Line(last.Answer.Do))
		}
	}
	if s.Snapshot.Service.Rollout == "FAILED" {
		add(t.Attention, t.Signs.Warn, "ECS has given up; Terraform goes on waiting: ctrl+c stops it safely")
	}
	return out
}

// wideProgress is the width from which there is room to say how long something usually takes.
const wideProgress = 112

func (s *Progress) row(x stack.ResourceReading, w int) string {
	t := s.Theme
	nameWidth, elapsedWidth := min(44, max(27, w/3)), 7
	if w >= wideProgress {
		elapsedWidth = 28
	}
	name := draw.Capital(title(x.Change))
	verb := 0
	if s.destroy || x.Action == stack.ActionDelete {
		verb = 1
	}
	var mark, status, elapsed string
	switch x.State {
	case stack.Done:
		room := w - 5 - elapsedWidth - 1
		return "   " + t.Good.Render(t.Signs.Done) + " " + t.Dim.Render(draw.Fit(name, room, t)+" "+draw.Span(max(x.Elapsed, time.Second)))
	case stack.Failed:
		mark, elapsed = t.Bad.Render(t.Signs.Failed), t.Dim.Render(draw.Span(max(x.Elapsed, time.Second)))
		name, status = t.Bad.Render(name), t.Bad.Render("failed")
	case stack.Working:
		mark, elapsed = t.Accent.Render(s.Spinner()), draw.Span(x.Elapsed)
		switch {
		case !s.ended.IsZero():
			mark, status = t.Attention.Render(t.Signs.Warn), "not finished"
		case x.Action == stack.ActionUpdate:
			status = "changing"
		default:
			action := [2]stack.Action{stack.ActionCreate, stack.ActionDelete}[verb]
			if status, _ = stack.Waits(x.Type, action); status == "" {
				status = [2]string{"creating", "deleting"}[verb]
			}
		}
		if u := s.usual(x.Change); u >= 10*time.Second && w >= wideProgress && s.ended.IsZero() {
			elapsed = draw.Fit(elapsed, 8, t) + t.Dim.Render("usually about "+roughly(u))
		}
	default:
		mark, name, status = t.Dim.Render(t.Signs.Open), t.Dim.Render(name), "waits for its turn"
		if !s.ended.IsZero() {
			status = [2]string{"not made", "still there"}[verb]
		} else if len(x.Behind) > 0 {
			status = "waits for " + s.titles[x.Behind[0]]
		}
		status = t.Dim.Render(status)
	}
	room := w - 5 - nameWidth - 2 - elapsedWidth - 1
	return "   " + mark + " " + draw.Fit(name, nameWidth, t) + "  " + draw.Fit(status, room, t) + " " + elapsed
}
