package logs

import (
	"context"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/session"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/jobs"
	"workshop/internal/tui/page"
	"workshop/internal/tui/widgets"
)

// How much of the past the page holds at once. What is read at one end goes at the other.
const (
	pastLines = 20_000
	pastBytes = 6 << 20
)

// past is a part of the log that is shown instead of the newest lines. It grows at the end
// where somebody reads on.
type past struct {
	*buffer
	task     *fargate.Task // the stopped task whose last lines these are; nil for all tasks
	from     time.Time     // that was asked for; zero for none
	oldest   bool          // there are no lines before
	newest   bool          // there were none after
	entering bool          // nothing was read yet
	err      error         // why nothing more was read

	// What was read last: lines next to at.
	at    time.Time
	after bool
}

// OpenTask shows the last lines of a stopped task.
func (l *Page) OpenTask(t fargate.Task) tea.Cmd {
	if t.Stopped == nil {
		return nil
	}
	l.showAll()
	l.enter(&past{task: &t, newest: true}, t.Stopped.Add(afterStop), false)
	return l.find()
}

// afterStop is how long after a task has stopped its lines may be dated: what it printed
// last may reach CloudWatch with the clock of another machine.
const afterStop = time.Minute

// askSince asks from when on the lines are shown.
func (l *Page) askSince() {
	l.Dialog = &widgets.Dialog{
		Title: "Lines since when?",
		Body:  []string{"How long ago, such as 10m, 2h or 1d; a time of day such as 14:05; or a date such as 2026-11-27T10:00:00Z."},
		Asks:  "Since:",
		Choices: []widgets.Choice{{Label: "As it is"}, {Label: "Show them", Do: func(d *widgets.Dialog) tea.Cmd {
			at, err := session.LogTime(d.Input.Value, l.Now())
			if err != nil {
				l.Say(page.Attention, err.Error())
				return nil
			}
			l.enter(&past{from: at}, at, true)
			return l.find()
		}}},
	}
}

// enter shows a part of the past of which nothing has been read yet.
func (l *Page) enter(p *past, at time.Time, after bool) {
	p.buffer, p.entering = newBuffer(pastLines, pastBytes), true
	l.turnTo(p)
	l.read(p, at, after)
}

// turnTo shows a part of the past, or with nil the newest lines.
func (l *Page) turnTo(p *past) {
	l.past, l.buffer = p, l.live
	if p != nil {
		l.buffer = p.buffer
	}
	l.follow, l.at, l.bottom = p == nil, -1, 0
	clear(l.rows)
}

// toNewest follows the newest lines again.
func (l *Page) toNewest() tea.Cmd {
	l.reading = nil
	if l.past == nil {
		if l.follow = true; l.search.Value == "" {
			l.at = -1
		}
		return nil
	}
	l.turnTo(nil)
	return l.find()
}

// older reads the lines before those that are held, and then goes up by so many.
func (l *Page) older(by int) {
	p := l.past
	switch {
	case l.reading != nil, l.choosing() && l.found.left(l.ring), !l.some():
		return
	case p == nil:
		p = &past{buffer: l.live}
	case p.oldest:
		l.Say(page.Attention, "There are no older lines: the log begins here")
		return
	}
	at := l.Now()
	if first, ok := l.ring.At(l.ring.First()); ok {
		at = first.Time
	}
	l.read(p, at, false)
	l.onward = by
}

// newer reads the lines after those of the past that are held.
func (l *Page) newer(by int) tea.Cmd {
	switch last, ok := l.ring.At(l.ring.Next() - 1); {
	case l.reading != nil, l.choosing() && l.found.left(l.ring):
	case l.past.newest && l.past.task != nil, !ok:
		l.Say(page.Attention, "There are no newer lines of that task")
	case l.past.newest:
		return l.toNewest()
	default:
		l.read(l.past, last.Time, true)
		l.onward = by
	}
	return nil
}

// read reads lines next to a time for a part of the past.
func (l *Page) read(p *past, at time.Time, after bool) {
	l.reading, p.err, p.at, p.after, l.onward = p, nil, at, after, 0
	sess, task := l.session, p.task
	jobs.Start(l.Jobs, page.Bounded(func(ctx context.Context) (fargate.LogPage, error) {
		return sess.LogPage(ctx, at, after, task)
	}), func(read fargate.LogPage, err error) tea.Cmd {
		if l.reading != p {
			return nil // somebody went elsewhere meanwhile
		}
		l.reading = nil
		if err != nil {
			l.onward = 0
		}
		switch {
		case err != nil && l.past != p:
			l.Say(page.Bad, "Older lines: "+clean.Line(err.Error()))
			return nil
		case err != nil:
			p.err = err
			return nil
		case after:
			if l.append(p, read) == 0 && p.newest && !p.entering {
				return l.toNewest()
			}
		default:
			l.prepend(p, read)
		}
		if p.entering {
			p.entering = false
			if l.bottom = p.ring.First(); p.from.IsZero() {
				l.bottom = p.ring.Next() - 1
			}
		}
		return l.find()
	})
}

// append adds lines behind those of the past, and returns how many are new.
func (l *Page) append(p *past, read fargate.LogPage) int {
	fresh := fargate.Join(read.Lines, p.last())
	for i := range fresh {
		p.add(&fresh[i])
		l.meet(&fresh[i])
	}
	p.oldest = p.oldest && p.ring.First() == 0
	p.newest = read.End
	return len(fresh)
}

// prepend puts lines before those of a part of the past, which is shown from then on.
func (l *Page) prepend(p *past, read fargate.LogPage) {
	before := p.buffer
	held := before.lines(pastLines)
	fresh := fargate.Join(read.Lines, held)
	if l.past != p { // these are the first lines before the newest ones
		if len(fresh) == 0 {
			l.Say(page.Attention, "There are no older lines: the log begins here")
			return
		}
		defer func(follow bool, bottom, at int) {
			l.turnTo(p)
			if follow {
				bottom = before.ring.Next() - 1
			}
			l.bottom, l.at = bottom-before.ring.First()+len(fresh), at-before.ring.First()+len(fresh)
		}(l.follow, l.bottom, l.at)
	} else {
		by := len(fresh) - before.ring.First()
		l.bottom, l.at = l.bottom+by, l.at+by
	}
	p.buffer = newBuffer(pastLines, pastBytes)
	p.oldest = read.End
	for i, x := range append(fresh, held...) {
		if i == pastLines || p.ring.Bytes() > pastBytes*3/4 {
			p.newest = false
			break
		}
		p.add(&x)
		l.meet(&x)
	}
	p.marks.take(before.marks, len(fresh)-before.ring.First(), p.ring.Next())
	if l.past == p {
		l.buffer = p.buffer
		clear(l.rows)
	}
}

// some reports whether there is a service whose lines can be read.
func (l *Page) some() bool { return l.Stack.Exists || l.Chosen != nil && l.Chosen.Service != "" }

// again tries again what failed: to read more of the past, or new lines.
func (l *Page) again() {
	if p := l.past; p != nil {
		l.read(p, p.at, p.after)
		return
	}
	l.Root.RetryLogs()
}

// failed returns why no more lines come; nil where they do.
func (l *Page) failed() error {
	if l.past != nil {
		return l.past.err
	}
	return l.stream.Err
}

// viewPast says in one line what part of the past is shown.
func (l *Page) viewPast() string {
	t, p := l.Theme, l.past
	switch {
	case p.err != nil:
		return " " + t.Dim.Render(clean.Line(p.err.Error()))
	case p.task == nil:
		return ""
	}
	stopped := *p.task.Stopped
	return " " + t.Attention.Render("Stopped at "+l.clock(stopped)+", "+draw.Ago(l.Now().Sub(stopped))+": ") + page.StopReason(*p.task)
}

// clock returns a time of day, with the date where that is not today.
func (l *Page) clock(at time.Time) string {
	at = at.Local()
	if at.Format(time.DateOnly) != l.Now().Local().Format(time.DateOnly) {
		return at.Format("2 Jan 15:04:05")
	}
	return draw.Clock(at)
}

// span says from when to when the lines are that are held.
func (l *Page) span() string {
	first, ok := l.ring.At(l.ring.First())
	if !ok {
		return ""
	}
	if l.past == nil {
		return "since " + l.clock(first.Time)
	}
	last, _ := l.ring.At(l.ring.Next() - 1)
	to := l.clock(last.Time)
	if first.Time.Local().Format(time.DateOnly) == last.Time.Local().Format(time.DateOnly) {
		to = draw.Clock(last.Time)
	}
	return fmt.Sprintf("from %s to %s", l.clock(first.Time), to)
}

// viewReading says what is read where no line is shown.
func (l *Page) viewReading() string {
	p := l.past
	switch {
	case p.task != nil && l.reading == p:
		return "Reading what task " + page.ShortID(clean.Line(p.task.ID)) + " printed last"
	case p.task != nil:
		return "CloudWatch has no line of task " + page.ShortID(clean.Line(p.task.ID)) + ": it printed nothing, or its lines have expired."
	case l.reading == p:
		return "Reading the lines since " + l.clock(p.from)
	}
	return "There is no line since " + l.clock(p.from) + "."
}
