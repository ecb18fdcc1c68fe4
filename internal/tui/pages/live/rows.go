package live

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/logline"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/page"
)

// item is something that the cursor can be on, or a part of the page that it cannot.
type item struct {
	of kind
	id string
}

type kind int

const (
	ofHeading    kind = iota
	ofCause           // what is wrong with the service
	ofTask            // by its id
	ofStops           // tasks that stopped in the same way
	ofTarget          // by its address and port
	ofScaling         // a policy, an alarm or an activity, by that word and its name or id
	ofDeployment      // by its id
	ofEvent           // by its words without what differs
)

func stopsItem(g fargate.Stops) item {
	return item{ofStops, g.Last().Revision + " " + g.Text()}
}

// row is one line of what scrolls.
type row struct {
	item   item
	beside item // in the second column, where there is one
	text   string
	draw   func() string // instead of text, for what there can be hundreds of
}

func (r row) has(i item) bool { return r.item == i || r.beside == i }

func (r row) line() string {
	if r.draw != nil {
		return r.draw()
	}
	return r.text
}

// How many of each the page shows; status --json and the account have more.
const (
	membersShown     = 20 // tasks of an opened group
	deploymentsShown = 8
	eventsShown      = 50
)

// rows draws what is below the head, and takes down the items that the cursor can be on.
func (l *Page) rows(w int) []row {
	s := l.Snapshot
	groups := fargate.GroupStops(s.Tasks)
	history := s.History[:min(deploymentsShown, len(s.History))]
	events := foldEvents(s.Events, s.Service.Name)
	events = events[:min(eventsShown, len(events))]

	first := l.taskItems(groups)
	first = append(first, targetItems(s.Targets)...)
	second := scalingItems(s.Scaling)
	for _, x := range history {
		second = append(second, item{ofDeployment, x.ID})
	}
	var last []item
	for _, e := range events {
		last = append(last, item{ofEvent, e.key})
	}
	left, right := split(w)
	if right > 0 && len(second) == 0 && s.Scaling == nil {
		left, right = w, 0 // there is nothing to put beside
	}
	if l.seconds = nil; right > 0 {
		l.items, l.seconds = append(append(first, last...), second...), second
	} else {
		l.items = append(append(first, second...), last...)
	}
	if !slices.Contains(l.items, l.chosen) && len(l.items) > 0 {
		l.chosen = l.items[0]
	}

	d := &drawing{Page: l, w: left}
	if l.ill() && l.open[item{of: ofCause}] {
		d.cause(s.Diagnosis)
	}
	d.tasks(groups)
	d.targets()
	if right == 0 {
		d.scaling()
		d.deployments(history)
		d.events(events)
		l.drawn = d.out
		return d.out
	}
	d.events(events)
	e := &drawing{Page: l, w: right}
	e.scaling()
	e.deployments(history)
	if len(e.out) > 0 && e.out[0].text == "" {
		e.out = e.out[1:] // a column does not begin with an empty line
	}
	l.drawn = l.beside(d.out, e.out, left)
	return l.drawn
}

// taskItems are what the cursor can be on in the table of the tasks.
func (l *Page) taskItems(groups []fargate.Stops) []item {
	var out []item
	for _, x := range l.Snapshot.Tasks {
		if x.Stopped == nil {
			out = append(out, item{ofTask, x.ID})
		}
	}
	for _, g := range groups {
		out = append(out, stopsItem(g))
		if l.open[stopsItem(g)] && len(g.Tasks) > 1 {
			for _, x := range g.Tasks[:min(membersShown, len(g.Tasks))] {
				out = append(out, item{ofTask, x.ID})
			}
		}
	}
	return out
}

// deployments draws the service's last deployments.
func (d *drawing) deployments(history []fargate.ServiceDeployment) {
	if len(history) == 0 {
		return
	}
	d.heading("deployments", "Last deployments")
	for _, x := range history {
		d.deployment(x)
	}
}

// events draws what the service said.
func (d *drawing) events(events []eventFold) {
	d.heading("events", "Events")
	for _, e := range events {
		d.event(e)
	}
	if len(events) == 0 {
		d.add("   " + d.Theme.Dim.Render("none yet"))
	}
}

// drawing collects rows.
type drawing struct {
	*Page
	w   int
	now item
	out []row
}

func (d *drawing) at(i item) { d.now = i }

func (d *drawing) add(lines ...string) {
	for _, s := range lines {
		d.out = append(d.out, row{item: d.now, text: draw.Cut(s, d.w, d.Theme)})
	}
}

// mark is the cursor's column.
func (d *drawing) mark() string {
	if d.now == d.chosen {
		return " " + d.Theme.Key.Render(d.Theme.Signs.Current) + " "
	}
	return "   "
}

// more says that enter opens the item, in a line that is cut where the room ends.
func (d *drawing) more(text, ask string) {
	t := d.Theme
	if d.open[d.now] {
		ask = ""
	} else {
		ask = "  " + t.Accent.Render(t.Signs.Arrow+" "+ask)
	}
	d.add(draw.Cut(text, d.w-draw.Width(ask)-1, t) + ask)
}

// details draws named texts behind a bar, wrapped.
func (d *drawing) details(pairs ...string) {
	t := d.Theme
	side := "      " + t.Border.Render(t.Signs.Quote) + " "
	room := min(d.w-20, draw.ReadWidth)
	for i := 0; i+1 < len(pairs); i += 2 {
		name, text := pairs[i], pairs[i+1]
		if text == "" {
			continue
		}
		for _, s := range draw.Wrap(text, room) {
			d.add(side + t.Dim.Render(draw.Fit(name, 10, t)) + s)
			name = ""
		}
	}
}

// answer draws what an answer says, and what to do.
func (d *drawing) answer(what, do string) {
	t := d.Theme
	side := "      " + t.Border.Render(t.Signs.Quote) + " "
	d.details("why", t.Strong.Render(clean.Line(what)))
	lead := t.Signs.Arrow + " "
	for _, s := range draw.Wrap(clean.Line(do), min(d.w-22, draw.ReadWidth)) {
		d.add(side + draw.Fit("", 10, t) + t.Good.Render(lead+s))
		lead = strings.Repeat(" ", draw.Width(lead))
	}
}

// cause draws why the service is not well, and what was seen.
func (d *drawing) cause(x *fargate.Diagnosis) {
	t := d.Theme
	d.at(item{of: ofCause})
	d.answer(x.Cause.Means, x.Cause.Do)
	for _, l := range x.Chain {
		text := clean.Line(l.Text)
		if l.Count > 1 {
			text = fmt.Sprintf("%d times until %s: ", l.Count, draw.Clock(l.Until)) + text
		}
		d.details(draw.Clock(l.Time), text)
		if l.Said != "" && l.Said != l.Text {
			d.details(" ", t.Dim.Render(clean.Line(l.Said)))
		}
	}
	d.add("")
}

// tasks draws the table of the tasks, and below it those that have stopped.
func (d *drawing) tasks(groups []fargate.Stops) {
	t, s := d.Theme, d.Snapshot
	d.at(item{ofHeading, "tasks"})
	cols := d.columns(d.w)
	head := draw.Fit(" "+t.Strong.Render("Tasks"), taskLead, t)
	for _, c := range cols {
		head += t.Dim.Render(draw.Fit(c.name, c.w, t)) + " "
	}
	d.add(head)
	for _, x := range s.Tasks {
		if x.Stopped != nil {
			continue
		}
		it := item{ofTask, x.ID}
		d.at(it)
		d.out = append(d.out, row{item: it, draw: func() string {
			d.at(it)
			line := draw.Fit(d.mark()+d.taskID(x)+" "+d.taskState(x), taskLead, t)
			for _, c := range cols {
				line += draw.Fit(c.cell(x), c.w, t) + " "
			}
			return draw.Cut(line, d.w, t)
		}})
		if d.open[d.now] {
			d.task(x)
		}
	}
	for _, g := range groups {
		d.stops(g)
	}
	if len(s.Tasks) == 0 {
		d.add("   " + t.Dim.Render("no task yet"))
	}
	if s.OlderStops > 0 {
		d.at(item{ofHeading, "older"})
		d.add("   " + t.Dim.Render(draw.Count(s.OlderStops, "more task")+" stopped before"))
	}
}

func (d *drawing) taskID(x fargate.Task) string {
	id := page.ShortID(x.ID) + d.Theme.Signs.Ellipsis
	if d.now == d.chosen {
		return d.Theme.Strong.Render(id)
	}
	return id
}

// stops draws tasks that stopped in the same way.
func (d *drawing) stops(g fargate.Stops) {
	t, x := d.Theme, g.Last()
	d.at(stopsItem(g))
	ago := draw.Ago(d.Now().Sub(*x.Stopped))
	sign := t.Dim.Render(t.Signs.Stopped)
	if x.Failed() {
		sign = t.Bad.Render(t.Signs.Failed)
	}
	lead := d.mark() + d.taskID(x) + " " + sign + " " + t.Dim.Render("stopped "+ago) + "  "
	if n := len(g.Tasks); n > 1 {
		lead = d.mark() + sign + fmt.Sprintf(" %d ", n) + t.Signs.Times + t.Dim.Render(" stopped, last "+ago) + "  "
	}
	d.more(lead+page.StopReason(x), "why?")
	if !d.open[d.now] {
		return
	}
	d.task(x)
	if len(g.Tasks) == 1 {
		return
	}
	for _, x := range g.Tasks[:min(membersShown, len(g.Tasks))] {
		d.at(item{ofTask, x.ID})
		line := "   " + d.mark() + d.taskID(x) + " " + t.Dim.Render("stopped at "+draw.Clock(*x.Stopped))
		if x.Started != nil {
			line += t.Dim.Render(", after " + draw.Span(x.Stopped.Sub(*x.Started)))
		}
		d.add(line)
		if d.open[d.now] {
			d.task(x)
		}
	}
	if n := len(g.Tasks) - membersShown; n > 0 {
		d.add("      " + t.Dim.Render(fmt.Sprintf("%d more before", n)))
	}
}

// task draws what there is to know of one task.
func (d *drawing) task(x fargate.Task) {
	t := d.Theme
	if x.Answer != nil {
		d.answer(x.Answer.What, x.Answer.Do)
	}
	d.lastLines(x)
	if x.StoppedReason != "" {
		said := clean.Line(x.StoppedReason)
		if x.StopCode != "" {
			said += " (" + clean.Line(x.StopCode) + ")"
		}
		d.details("AWS says", said)
	}
	for _, c := range x.Containers {
		s := clean.Line(c.Name) + ": " + strings.ToLower(clean.Line(c.Status))
		if c.ExitCode != nil {
			s += fmt.Sprintf(", exit code %d", *c.ExitCode)
		}
		if c.Reason != "" {
			s += ", " + clean.Line(c.Reason)
		}
		d.details("container", s+t.Dim.Render("  "+clean.Line(c.Image)), "digest", t.Dim.Render(clean.Line(c.Digest)))
	}
	if x.Stopped == nil && x.ContainerHealth != "" && (x.ContainerHealth != "UNKNOWN" || strings.Contains(x.HealthBy, fargate.ByContainer)) {
		d.details("check", "the containers' own health check says "+strings.ToLower(clean.Line(x.ContainerHealth)))
	}
	if x.Target != "" || x.TargetReason != "" {
		s := "target " + clean.Line(x.Target)
		if x.TargetReason != "" {
			s += ": " + clean.Line(x.TargetReason)
		}
		d.details("balancer", s)
	}
	times := "made " + draw.Clock(x.Created)
	if x.Started != nil {
		times += ", running since " + draw.Clock(*x.Started)
	}
	if x.Stopped != nil {
		times += ", stopped " + draw.Clock(*x.Stopped)
	}
	var phases []string
	for _, p := range x.Timeline(d.Now()) {
		s := p.Name + " " + draw.Span(p.Took)
		if p.Going {
			s += " so far"
		}
		phases = append(phases, s)
	}
	if x.Platform != "" {
		d.details("platform", "FARGATE "+clean.Line(x.Platform))
	}
	d.details("task", t.Dim.Render(clean.Line(x.ID)), "times", t.Dim.Render(times), "spent on", strings.Join(phases, t.Signs.Sep))
	d.defined(x.Revision)
}

// lastLines draws what a task printed last, once it was asked for.
func (d *drawing) lastLines(x fargate.Task) {
	t := d.Theme
	p, asked := d.printed[x.ID]
	switch {
	case !asked:
	case p.err != nil:
		d.details("printed", t.Dim.Render("cannot be read: "+clean.Line(p.err.Error())))
	case !p.ready:
		d.details("printed", t.Dim.Render("reading its last lines"))
	case len(p.lines) == 0:
		d.details("printed", t.Dim.Render("nothing"))
	}
	name := "printed"
	for _, l := range p.lines {
		d.details(name, t.Dim.Render(draw.Clock(l.Time))+"  "+clean.Line(logline.Short(l.Message)))
		name = " "
	}
}

// deployment draws one of the service's last deployments.
func (d *drawing) deployment(x fargate.ServiceDeployment) {
	t := d.Theme
	d.at(item{ofDeployment, x.ID})
	sign, word := t.Accent.Render(t.Signs.Working), fargate.InWords(clean.Line(x.Status))
	switch {
	case x.RolledBack():
		sign = t.Bad.Render(t.Signs.Failed)
		switch x.Status {
		case "ROLLBACK_SUCCESSFUL":
			word = "rolled back"
		case "ROLLBACK_IN_PROGRESS":
			word = "rolling back"
		}
	case x.Status == "SUCCESSFUL":
		sign, word = t.Good.Render(t.Signs.Done), "completed"
	case x.Over():
		sign = t.Attention.Render(t.Signs.Warn)
	}
	text := d.mark() + sign + " rev " + draw.Fit(revision(x.Revision), 4, t) + " "
	if x.Finished != nil {
		text += draw.Fit(word, 12, t) + t.Dim.Render(" "+draw.Ago(d.Now().Sub(*x.Finished))+", took "+draw.Span(x.Finished.Sub(x.Created)))
	} else {
		text += draw.Fit(word, 12, t) + t.Dim.Render(" for "+draw.Span(d.Now().Sub(x.Created)))
	}
	ask := "details"
	if x.Cause != nil {
		text, ask = text+"  "+clean.Line(x.Cause.Title()), "why?"
	}
	d.more(text, ask)
	if !d.open[d.now] {
		return
	}
	if x.Cause != nil {
		d.answer(x.Cause.What, x.Cause.Do)
	}
	times := "began " + draw.Clock(x.Created)
	if b := x.Rollback; b != nil {
		times += ", went back to revision " + revision(b.Revision) + " at " + draw.Clock(b.Started)
	}
	if x.Finished != nil {
		times += ", ended " + draw.Clock(*x.Finished)
	}
	d.details("AWS says", clean.Line(x.Reason), "status", clean.Line(x.Status), "revision", clean.Line(x.Revision), "times", times, "id", t.Dim.Render(clean.Line(x.ID)))
	d.changesOf(x.Revision)
}

// eventFold is a line of the service's events, with those that say the same.
type eventFold struct {
	key  string
	text string
	all  []fargate.ServiceEvent // newest first
}

// varies is what differs in events that say the same: ids and numbers.
var varies = regexp.MustCompile(`[0-9a-f]{16,}|[0-9]+`)

// foldEvents puts events that say the same together, in the order of the newest of each.
func foldEvents(events []fargate.ServiceEvent, service string) []eventFold {
	var out []eventFold
	at := map[string]int{}
	for _, e := range events {
		text := eventText(e.Message, service)
		key := varies.ReplaceAllString(text, "#")
		i, known := at[key]
		if !known {
			i = len(out)
			at[key] = i
			out = append(out, eventFold{key: key, text: text})
		}
		out[i].all = append(out[i].all, e)
	}
	return out
}

// eventText leaves out the "(service web) " or "(service web, taskSet ts) " that every event
// begins with.
func eventText(s, service string) string {
	s = clean.Line(s)
	if rest, ok := strings.CutPrefix(s, "(service "+service); ok {
		if lead, rest, ok := strings.Cut(rest, ") "); ok && (lead == "" || strings.HasPrefix(lead, ", ")) {
			return rest
		}
	}
	return s
}

// eventTimesShown is how many times of equal events an opened one lists.
const eventTimesShown = 10

func (d *drawing) event(e eventFold) {
	t := d.Theme
	d.at(item{ofEvent, e.key})
	times := ""
	if n := len(e.all); n > 1 {
		times = fmt.Sprintf("%d %s ", n, t.Signs.Times)
	}
	d.add(d.mark() + t.Dim.Render(draw.Clock(e.all[0].Time)) + "  " + t.Accent.Render(times) + e.text)
	if !d.open[d.now] {
		return
	}
	if a, ok := d.session.Explain(e.all[0]); ok {
		d.answer(a.What, a.Do)
	}
	d.details("AWS says", e.text)
	if len(e.all) > 1 {
		var at []string
		for _, x := range e.all[:min(eventTimesShown, len(e.all))] {
			at = append(at, draw.Clock(x.Time))
		}
		if n := len(e.all) - eventTimesShown; n > 0 {
			at = append(at, fmt.Sprintf("and %d before", n))
		}
		d.details("times", strings.Join(at, ", "))
	}
}
