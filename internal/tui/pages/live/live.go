// Package live is the page that shows what runs: the service, its tasks and its
// events.
package live

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/stack"
	"workshop/internal/tui/architecture"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/keys"
	"workshop/internal/tui/page"
	"workshop/internal/tui/widgets"
)

// Session is what the page needs of the session. Methods may block.
type Session interface {
	// StopTask, Scale and Redeploy change what runs.
	StopTask(ctx context.Context, id string) error
	Scale(ctx context.Context, desired int) error
	Redeploy(ctx context.Context) error
}

// sparkLen is how many measurements of a task's CPU are drawn.
const sparkLen = 6

// Page is the page. It belongs to the event loop.
type Page struct {
	*page.Context
	session Session
	diagram *architecture.Diagram
	keys    keys.Table
	chosen  string // id of the task under the cursor
	open    map[string]bool
	cpu     map[string][]float64 // the last measurements, by task id
	scroll  widgets.Scroll
	row     int // where the chosen task is drawn
}

// New returns the page.
func New(c *page.Context, s Session, d *architecture.Diagram) *Page {
	p := &Page{Context: c, session: s, diagram: d, open: map[string]bool{}, cpu: map[string][]float64{}}
	p.keys = p.table()
	return p
}

// Keys returns the page's keys.
func (l *Page) Keys() keys.Table { return l.keys }

func (l *Page) table() keys.Table {
	seen := func() bool { return l.Snapshot != nil }
	chosen := func() bool { return l.chosenAt() >= 0 }
	act := func(pressed, does string, do func()) keys.Key { return keys.On(pressed, does, do) }
	scale := act("s", "scale: how many tasks", l.askScale).If(seen).Hint("scale")
	stop := func(hint string) keys.Key {
		return act("x", "stop the chosen task; asks first", l.stopChosen).If(seen).Hint(hint)
	}
	contexts := l.diagram.Keys(scale, act("x", "stop the chosen task; asks first", func() {
		if l.chosen = l.diagram.TaskChosen(); l.chosen == "" {
			l.Say(page.Attention, "Choose a task first")
			return
		}
		l.stopChosen()
	}).If(seen).Hint("stop task"))
	return append(contexts,
		keys.Context{Name: "The service", When: seen, Rest: keys.Scrolls(l.scroll.Key), Keys: []keys.Key{
			keys.On("enter", "why the chosen task stopped, and all about it", func() {
				id := l.Snapshot.Tasks[l.chosenAt()].ID
				l.open[id] = !l.open[id]
			}).If(chosen).HintFunc(func() string {
				if at := l.chosenAt(); l.Snapshot.Tasks[at].Stopped != nil {
					return "why?"
				}
				return "task"
			}),
			scale,
			stop("stop task"),
			keys.Shown("g", "graph"),
			act("f", "a new deployment; asks first", l.confirmRedeploy).Hint("new deployment"),
			keys.OnCmd("l", "the logs", func() tea.Cmd { return l.Root.Open("logs") }).Hint("logs"),
			keys.On("up k", "the task above", func() { l.choose(-1) }).If(func() bool { return l.chosenAt() > 0 }),
			keys.On("down j", "the task below", func() { l.choose(1) }).If(func() bool { return l.chosenAt()+1 < len(l.Snapshot.Tasks) }),
			keys.On("esc", "close what enter opened", func() { clear(l.open) }).If(func() bool { return len(l.open) > 0 }),
			keys.OnCmd("y", "copy the id of the chosen task", func() tea.Cmd {
				return l.Copy(l.Snapshot.Tasks[l.chosenAt()].ID, "The task's id")
			}).If(chosen),
			keys.OnCmd("u", "copy the URL", func() tea.Cmd { return l.Copy(l.Stack.URL, "The URL") }).If(func() bool { return l.Stack.URL != "" }),
		}},
		keys.Context{Name: "Watching ended", When: func() bool { return l.WatchErr != nil }, Keys: []keys.Key{
			keys.On("r", "watch the service again", l.Root.Watch).HintFunc(func() string {
				if seen() {
					return ""
				}
				return "try again"
			}),
		}},
		keys.Context{When: func() bool { return !seen() && l.WatchErr == nil }, Keys: []keys.Key{keys.Shown(l.Root.Key("deploy"), "deploy")}},
	)
}

func (l *Page) choose(by int) { l.chosen = l.Snapshot.Tasks[l.chosenAt()+by].ID }

func (l *Page) stopChosen() {
	if at := l.chosenAt(); at >= 0 && l.Snapshot.Tasks[at].Stopped == nil {
		l.confirmStop(l.Snapshot.Tasks[at])
	}
}

// Follow takes in a new snapshot; old is the one before, nil for none. It
// says in passing what must not be missed: a task that stopped.
func (l *Page) Follow(old, now *fargate.Snapshot) {
	if now.Stale == nil {
		for id, u := range now.Usage {
			if old != nil && old.Usage[id].At.Equal(u.At) && !u.At.IsZero() {
				continue // the same measurement, shown again
			}
			c := append(l.cpu[id], u.CPU)
			l.cpu[id] = c[max(0, len(c)-sparkLen):]
		}
	}
	for id := range l.cpu {
		if _, ok := now.Usage[id]; !ok {
			delete(l.cpu, id)
		}
	}
	if old == nil {
		return
	}
	was := map[string]bool{}
	for _, t := range old.Tasks {
		was[t.ID] = t.Stopped != nil
	}
	for _, t := range now.Tasks {
		if before, known := was[t.ID]; t.Stopped != nil && known && !before {
			l.Say(page.Attention, "Task "+page.ShortID(t.ID)+" stopped: "+page.StopReason(t))
		}
	}
	if o, n := old.Service.Rollout, now.Service.Rollout; o == "IN_PROGRESS" && n == "FAILED" {
		l.Say(page.Bad, "The deployment failed; the "+l.Root.Title("live")+" page says why")
	}
}

func (l *Page) chosenAt() int {
	if l.Snapshot == nil {
		return -1
	}
	for i, t := range l.Snapshot.Tasks {
		if t.ID == l.chosen {
			return i
		}
	}
	return min(0, len(l.Snapshot.Tasks)-1)
}

func (l *Page) confirmStop(t fargate.Task) {
	if !l.MayChange() {
		return
	}
	sess, id := l.session, t.ID
	l.Dialog = &widgets.Dialog{
		Title: "Stop task " + page.ShortID(id) + "?",
		Body: []string{"ECS sends it SIGTERM and takes it out of the load balancer. The service sees that one is missing and starts another: watch how long that takes.",
			"", "The task's logs are kept."},
		Danger: true,
		Choices: []widgets.Choice{{Label: "No, leave it", Key: "n"}, {Label: "Yes, stop it", Key: "y", Do: func(*widgets.Dialog) tea.Cmd {
			l.Do("Stop task "+page.ShortID(id), func(ctx context.Context) error { return sess.StopTask(ctx, id) }, "Task "+page.ShortID(id)+" is asked to stop")
			return nil
		}}},
	}
}

// mostTasks is the most that one workshop may ask for: each costs money on AWS.
const mostTasks = 10

func (l *Page) askScale() {
	if !l.MayChange() {
		return
	}
	body := []string{fmt.Sprintf("The service keeps %s alive now. Give another number, from 0 to %d; 0 stops them all and keeps the service.", draw.Count(l.Snapshot.Service.Desired, "task"), mostTasks)}
	if !l.Info.Sandbox {
		body = append(body, "", "On AWS every task costs money while it runs.")
	}
	l.Dialog = &widgets.Dialog{
		Title: "How many tasks?", Body: body, Asks: "Tasks:",
		Input: widgets.Field{Limit: 2},
		Choices: []widgets.Choice{{Label: "As it is"}, {Label: "Scale", Do: func(d *widgets.Dialog) tea.Cmd {
			n, err := strconv.Atoi(strings.TrimSpace(d.Input.Value))
			if err != nil || n < 0 || n > mostTasks {
				l.Say(page.Attention, fmt.Sprintf("%q is not a number from 0 to %d; nothing was changed", d.Input.Value, mostTasks))
				return nil
			}
			sess := l.session
			l.Do("Scale", func(ctx context.Context) error { return sess.Scale(ctx, n) }, "The service is asked for "+draw.Count(n, "task"))
			return nil
		}}},
	}
}

func (l *Page) confirmRedeploy() {
	if !l.MayChange() {
		return
	}
	l.Dialog = &widgets.Dialog{
		Title: "Start a new deployment?",
		Body:  []string{"ECS starts a fresh task for every one that runs, waits until it is healthy, and only then stops the old one. The URL answers all the while."},
		Choices: []widgets.Choice{{Label: "No", Key: "n"}, {Label: "Yes, roll", Key: "y", Do: func(*widgets.Dialog) tea.Cmd {
			l.Do("New deployment", l.session.Redeploy, "A new deployment has begun")
			return nil
		}}},
	}
}

// Changes returns how soon the page looks different by time alone.
func (l *Page) Changes() time.Duration {
	if l.diagram.Shown {
		return l.diagram.Changes()
	}
	if l.Snapshot != nil {
		return time.Second
	}
	return 0
}

// View draws the page.
func (l *Page) View(w, h int) []string {
	t := l.Theme
	s := l.Snapshot
	if l.diagram.Shown {
		foot := []string{}
		if s != nil {
			foot = l.viewAge(w)
		}
		return append(draw.Block(l.diagram.View(w, h-len(foot)), h-len(foot)), foot...)
	}
	if s == nil || l.coming() && s.Service.Status == "" && len(s.Tasks) == 0 {
		return l.viewNothing(w)
	}
	var lines []string
	lines = append(lines, l.viewService(w)...)
	chosen := l.chosenAt()
	head, rows, at := l.viewTasks(w, chosen)
	lines = append(lines, head)
	from := len(lines) + at
	lines = append(lines, rows...)
	if len(s.Tasks) == 0 {
		lines = append(lines, "   "+t.Dim.Render("no task yet"))
	}
	lines = append(lines, "", " "+t.Strong.Render("Events"))
	for _, e := range s.Events {
		lines = append(lines, draw.Cut("   "+t.Dim.Render(draw.Clock(e.Time))+"  "+l.eventText(e.Message), w, t))
	}
	if len(s.Events) == 0 {
		lines = append(lines, "   "+t.Dim.Render("none yet"))
	}
	foot := l.viewAge(w)
	room := h - len(foot)
	if l.row != from { // the cursor moved: bring it in sight
		l.row = from
		l.scroll.Reveal(from, room)
	}
	a, b := l.scroll.Window(len(lines), room)
	shown := lines[a:b]
	if s.Stale != nil {
		dim := make([]string, len(shown))
		for i, x := range shown {
			dim[i] = t.Dim.Render(draw.Strip(x))
		}
		shown = dim
	}
	return append(draw.Block(append([]string(nil), shown...), room), foot...)
}

// coming reports that an apply is on its way to a service.
func (l *Page) coming() bool {
	return l.Running != nil && l.Running.Op == stack.OpApply && !l.Running.Destroy
}

func (l *Page) viewNothing(w int) []string {
	t := l.Theme
	switch {
	case l.WatchErr != nil:
		lines := []string{"", " " + t.Attention.Bold(true).Render(t.Signs.Warn+" The service cannot be watched"), ""}
		lines = append(lines, draw.Indent(3, draw.Paragraphs(min(w-6, draw.ReadWidth), t.Text, clean.Line(l.WatchErr.Error())))...)
		return append(lines, "", "   "+t.Key.Render("r")+" tries again")
	case l.coming():
		return []string{"", " " + t.Heading.Render("Not yet"), "", " Terraform is at work: " + t.Key.Render(l.Root.Key("deploy")) + " shows how far it is.", " The tasks appear here as soon as the service exists."}
	case l.Stack.Exists:
		return []string{"", " " + t.Dim.Render(t.Signs.Working+" Looking at the service")}
	}
	return []string{"", " " + t.Heading.Render("Nothing runs yet"), "", " Press " + t.Key.Render(l.Root.Key("deploy")) + " to deploy. The service and its tasks appear here."}
}

// taskSign returns the sign and the plain word for the last status of a task.
func (l *Page) taskSign(x fargate.Task) (sign, word string) {
	t := l.Theme
	switch x.Status {
	case "RUNNING":
		if x.DesiredStatus == "STOPPED" {
			return t.Attention.Render(t.Signs.Working), "stopping"
		}
		return t.Good.Render(t.Signs.Running), "running"
	case "STOPPED":
		return t.Dim.Render(t.Signs.Stopped), "stopped"
	case "PROVISIONING", "PENDING", "ACTIVATING":
		return t.Accent.Render(t.Signs.Working), strings.ToLower(x.Status)
	}
	return t.Attention.Render(t.Signs.Working), strings.ToLower(clean.Line(x.Status))
}

func (l *Page) health(x fargate.Task) string {
	t := l.Theme
	switch {
	case x.Health == "UNHEALTHY":
		return t.Bad.Render("unhealthy")
	case x.Health == "HEALTHY":
		return t.Good.Render("healthy")
	case x.Target == "initial", strings.Contains(x.HealthBy, fargate.ByContainer):
		return t.Accent.Render("checking")
	case x.Target == "draining":
		return t.Attention.Render("draining")
	case x.Target == "":
		return t.Dim.Render("-")
	}
	return clean.Line(x.Target)
}

func (l *Page) viewService(w int) []string {
	t, s := l.Theme, l.Snapshot.Service
	if s.Status == "" {
		return []string{" " + t.Strong.Render("Service") + "   " + t.Dim.Render("does not exist (any more)"), ""}
	}
	st := t.Good
	if s.Running < s.Desired {
		st = t.Attention
	}
	parts := []string{st.Render(fmt.Sprintf("%d of %d running", s.Running, s.Desired))}
	if s.Pending > 0 {
		parts = append(parts, t.Accent.Render(fmt.Sprintf("%d starting", s.Pending)))
	}
	if s.Status != "ACTIVE" {
		parts = append(parts, t.Attention.Render(strings.ToLower(clean.Line(s.Status))))
	}
	if len(s.Deployments) > 0 {
		d := s.Deployments[0]
		parts = append(parts, "revision "+revision(d.Revision))
		switch s.Rollout {
		case "COMPLETED":
			parts = append(parts, t.Dim.Render("rolled out "+draw.Ago(l.Now().Sub(d.Updated))))
		case "FAILED":
			parts = append(parts, t.Bad.Render("deployment failed"))
		case "IN_PROGRESS":
			parts = append(parts, t.Accent.Render("rolling out for "+draw.Span(l.Now().Sub(d.Created))))
		}
	}
	if p := l.Snapshot.Probe; p != nil {
		switch {
		case p.Err != nil:
			parts = append(parts, t.Bad.Render("does not answer"))
		case p.Status >= 500:
			parts = append(parts, t.Bad.Render(fmt.Sprintf("answers with %d", p.Status)))
		case p.Status >= 400:
			parts = append(parts, t.Attention.Render(fmt.Sprintf("answers with %d", p.Status)))
		default:
			parts = append(parts, t.Good.Render("answers in "+latency(p.Latency)))
		}
	}
	if u := l.Snapshot.ServiceUsage; u != nil {
		parts = append(parts, fmt.Sprintf("cpu %.0f%%, memory %.0f%%", u.CPU, u.Memory))
	}
	name := " " + t.Strong.Render("Service") + " " + clean.Line(s.Name)
	gap := "     "
	if w < 120 {
		gap = "   "
	}
	line := name
	var lines []string
	for _, p := range parts {
		if draw.Width(line)+draw.Width(gap)+draw.Width(p) > w-1 {
			lines = append(lines, line)
			line = strings.Repeat(" ", draw.Width(name))
		}
		line += gap + p
	}
	lines = append(lines, line)
	if ttl := l.Stack.TTL; ttl != nil {
		indent := draw.Width(name + gap)
		lines = append(lines, draw.Indent(indent, draw.Paragraphs(min(w-indent-1, draw.ReadWidth), t.Attention, ttl.Sentence(l.Now())))...)
	}

	for i, d := range s.Deployments {
		head := "           "
		if i == 0 {
			head = " " + t.Strong.Render("Deployment") // as wide as the indent
		}
		part := 0.0
		if d.Desired > 0 {
			part = float64(d.Running) / float64(d.Desired)
		}
		st, word := t.Good, strings.ToLower(strings.ReplaceAll(clean.Line(d.Rollout), "_", " "))
		switch d.Rollout {
		case "FAILED":
			st = t.Bad
		case "IN_PROGRESS":
			st = t.Accent
		}
		if i > 0 {
			st = t.Dim
			word = "being replaced"
		}
		l := fmt.Sprintf("%s  rev %-3s %s  %d/%d  %s", head, revision(d.Revision), draw.Bar(part, 20, st, t), d.Running, d.Desired, st.Render(word))
		if d.Pending > 0 {
			l += t.Dim.Render(fmt.Sprintf(", %d starting", d.Pending))
		}
		if d.Failed > 0 {
			l += t.Bad.Render(fmt.Sprintf(", %d failed", d.Failed))
		}
		if d.Reason != "" && d.Rollout == "FAILED" {
			l += t.Dim.Render("  " + clean.Line(d.Reason))
		}
		lines = append(lines, draw.Cut(l, w, t))
	}
	return append(lines, "")
}

func latency(d time.Duration) string {
	if d < time.Millisecond {
		return "under 1 ms"
	}
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func revision(s string) string {
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		s = s[i+1:]
	}
	return clean.Line(s)
}

// column is one of the table of tasks; it is left out where the screen is narrower.
type column struct {
	name  string
	w     int
	least int
	cell  func(x fargate.Task) string
}

func (l *Page) columns(w int) []column {
	t := l.Theme
	all := []column{
		{"zone", 11, 0, func(x fargate.Task) string { return clean.Line(x.Zone) }},
		{"address", 14, 76, func(x fargate.Task) string { return clean.Line(x.Address) }},
		{"health", 11, 0, l.health},
		{"cpu", 13, 100, func(x fargate.Task) string {
			u, ok := l.Snapshot.Usage[x.ID]
			if !ok {
				return t.Dim.Render("-")
			}
			return t.Accent.Render(l.spark(x.ID)) + fmt.Sprintf("%4.0f%%", u.CPU)
		}},
		{"memory", 9, 100, func(x fargate.Task) string {
			u, ok := l.Snapshot.Usage[x.ID]
			if !ok {
				return t.Dim.Render("-")
			}
			return fmt.Sprintf("%.0f MB", u.Memory)
		}},
		{"revision", 10, 120, func(x fargate.Task) string { return revision(x.Revision) }},
		{"up", 9, 0, func(x fargate.Task) string {
			if x.Started != nil {
				return draw.Span(l.Now().Sub(*x.Started))
			}
			return t.Dim.Render("for " + draw.Span(l.Now().Sub(x.Created)))
		}},
	}
	var out []column
	for _, c := range all {
		if len(l.Snapshot.Usage) == 0 && (c.name == "cpu" || c.name == "memory") {
			continue // only enhanced Container Insights knows them of each task
		}
		if w >= c.least {
			out = append(out, c)
		}
	}
	return out
}

func (l *Page) spark(id string) string {
	marks := l.Theme.Signs.Spark
	var b strings.Builder
	c := l.cpu[id]
	b.WriteString(strings.Repeat(" ", max(0, sparkLen-len(c))))
	for _, v := range c {
		b.WriteString(marks[min(max(int(v/100*float64(len(marks))), 0), len(marks)-1)])
	}
	return b.String()
}

// taskLead is how wide the columns before the others are: cursor, id, sign and state.
const taskLead = 24

// viewTasks draws the table; at is the row of the chosen task.
func (l *Page) viewTasks(w, chosen int) (head string, rows []string, at int) {
	t := l.Theme
	cols := l.columns(w)
	head = draw.Fit(" "+t.Strong.Render("Tasks"), taskLead, t)
	for _, c := range cols {
		head += t.Dim.Render(draw.Fit(c.name, c.w, t)) + " "
	}
	for i, x := range l.Snapshot.Tasks {
		sign, word := l.taskSign(x)
		mark := "   "
		id := page.ShortID(x.ID) + t.Signs.Ellipsis
		if i == chosen {
			at = len(rows)
			mark = " " + t.Key.Render(t.Signs.Current) + " "
			id = t.Strong.Render(id)
		}
		line := draw.Fit(mark+id+" "+sign+" "+word, taskLead, t)
		if x.Stopped != nil {
			line = mark + id + " " + sign + " " + t.Dim.Render("stopped "+draw.Ago(l.Now().Sub(*x.Stopped))) + "  "
			ask := "  " + t.Accent.Render(t.Signs.Arrow+" why?")
			if l.open[x.ID] {
				ask = ""
			}
			line += draw.Cut(page.StopReason(x), w-draw.Width(line)-draw.Width(ask)-1, t) + ask
		} else {
			for _, c := range cols {
				line += draw.Fit(c.cell(x), c.w, t) + " "
			}
		}
		rows = append(rows, draw.Cut(line, w, t))
		if l.open[x.ID] {
			rows = append(rows, l.viewTask(x, w)...)
		}
	}
	return draw.Cut(head, w, t), rows, at
}

// viewTask draws what there is to know of one task.
func (l *Page) viewTask(x fargate.Task, w int) []string {
	t := l.Theme
	side := "      " + t.Border.Render(t.Signs.Quote) + " "
	room := min(w-10, draw.ReadWidth)
	var out []string
	add := func(name, text string) {
		if text == "" {
			return
		}
		for i, s := range draw.Wrap(text, room-10) {
			n := name
			if i > 0 {
				n = ""
			}
			out = append(out, side+t.Dim.Render(draw.Fit(n, 10, t))+s)
		}
	}
	if x.Answer != nil {
		add("why", t.Strong.Render(clean.Line(x.Answer.What)))
		for i, s := range draw.Wrap(clean.Line(x.Answer.Do), room-12) {
			lead := t.Signs.Arrow + " "
			if i > 0 {
				lead = strings.Repeat(" ", draw.Width(lead))
			}
			out = append(out, side+draw.Fit("", 10, t)+t.Good.Render(lead+s))
		}
	}
	if x.StoppedReason != "" {
		said := clean.Line(x.StoppedReason)
		if x.StopCode != "" {
			said += " (" + clean.Line(x.StopCode) + ")"
		}
		add("AWS says", said)
	}
	for _, c := range x.Containers {
		s := clean.Line(c.Name) + ": " + strings.ToLower(clean.Line(c.Status))
		if c.ExitCode != nil {
			s += fmt.Sprintf(", exit code %d", *c.ExitCode)
		}
		if c.Reason != "" {
			s += ", " + clean.Line(c.Reason)
		}
		add("container", s+t.Dim.Render("  "+clean.Line(c.Image)))
	}
	if x.Stopped == nil && x.ContainerHealth != "" && (x.ContainerHealth != "UNKNOWN" || strings.Contains(x.HealthBy, fargate.ByContainer)) {
		add("check", "the containers' own health check says "+strings.ToLower(clean.Line(x.ContainerHealth)))
	}
	if x.Target != "" || x.TargetReason != "" {
		s := "target " + clean.Line(x.Target)
		if x.TargetReason != "" {
			s += ": " + clean.Line(x.TargetReason)
		}
		add("balancer", s)
	}
	add("task", t.Dim.Render(clean.Line(x.ID)))
	times := "made " + draw.Clock(x.Created)
	if x.Started != nil {
		times += ", running since " + draw.Clock(*x.Started)
	}
	if x.Stopped != nil {
		times += ", stopped " + draw.Clock(*x.Stopped)
	}
	add("times", t.Dim.Render(times))
	return out
}

// eventText leaves out the "(service web) " that every event begins with.
func (l *Page) eventText(s string) string {
	s = clean.Line(s)
	return strings.TrimPrefix(s, "(service "+l.Snapshot.Service.Name+") ")
}

// viewAge says when the picture was true, and what it costs to look.
func (l *Page) viewAge(w int) []string {
	t, s := l.Theme, l.Snapshot
	calls := fmt.Sprintf("%s a minute, next in %s ", draw.Count(s.Calls.LastMinute, "call"), draw.Span(s.Calls.Interval))
	if s.Stale != nil {
		since := t.Attention.Render(fmt.Sprintf(" %s stale since %s (%s)", t.Signs.Warn, draw.Clock(s.AsOf), draw.Ago(l.Now().Sub(s.AsOf))))
		return []string{draw.Cut("   "+t.Dim.Render(clean.Line(s.Stale.Error())), w, t), draw.Ends(since, t.Dim.Render(calls), w, t)}
	}
	return []string{draw.Ends(t.Dim.Render(" as of "+draw.Clock(s.AsOf)), t.Dim.Render(calls), w, t)}
}
