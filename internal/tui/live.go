package tui

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/fargate"
)

// sparkLen is how many measurements of a task's CPU are drawn.
const sparkLen = 6

// live is the picture of what runs.
type live struct {
	*shared
	chosen string // id of the task under the cursor
	open   map[string]bool
	cpu    map[string][]float64 // the last measurements, by task id
	scroll view
	rows   int // where the chosen task is drawn, to keep it in sight
}

func newLive(s *shared) *live {
	return &live{shared: s, open: map[string]bool{}, cpu: map[string][]float64{}}
}

// changed takes in a new snapshot; old is the one before, nil for none. It
// says in passing what must not be missed: a task that stopped.
func (l *live) changed(old, now *fargate.Snapshot) {
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
			l.say(noteAttention, "Task "+short(t.ID)+" stopped: "+reason(t))
		}
	}
	if o, n := old.Service.Rollout, now.Service.Rollout; o == "IN_PROGRESS" && n == "FAILED" {
		l.say(noteBad, "The deployment failed; page 3 says why")
	}
}

func short(id string) string {
	if len(id) > 4 {
		return id[:4]
	}
	return id
}

func reason(t fargate.Task) string {
	if t.Answer != nil && t.Answer.What != "" {
		return clean.Line(t.Answer.What)
	}
	if t.StoppedReason != "" {
		return clean.Line(t.StoppedReason)
	}
	return "no reason given"
}

func (l *live) chosenAt() int {
	if l.snap == nil {
		return -1
	}
	for i, t := range l.snap.Tasks {
		if t.ID == l.chosen {
			return i
		}
	}
	return min(0, len(l.snap.Tasks)-1)
}

func (l *live) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	if l.graph.on {
		if cmd, ok := l.graph.key(k); ok {
			return cmd, true
		}
		if k.String() == "x" {
			if l.chosen = l.graph.taskChosen(); l.chosen == "" {
				l.say(noteAttention, "Choose a task first")
				return nil, true
			}
		}
	} else if k.String() == "g" {
		l.graph.toggle()
		return nil, true
	}
	if l.snap == nil {
		return nil, false
	}
	tasks := l.snap.Tasks
	at := l.chosenAt()
	switch k.String() {
	case "up", "k":
		if at > 0 {
			l.chosen = tasks[at-1].ID
		}
		return nil, true
	case "down", "j":
		if at+1 < len(tasks) {
			l.chosen = tasks[at+1].ID
		} else {
			l.scroll.key(k)
		}
		return nil, true
	case "enter":
		if at >= 0 {
			id := tasks[at].ID
			l.open[id] = !l.open[id]
		}
		return nil, true
	case "esc":
		if len(l.open) > 0 {
			clear(l.open)
			return nil, true
		}
	case "x":
		if at >= 0 && tasks[at].Stopped == nil {
			l.confirmStop(tasks[at])
		}
		return nil, true
	case "s":
		l.askScale()
		return nil, true
	case "f":
		l.confirmRedeploy()
		return nil, true
	case "y":
		if at >= 0 {
			return l.copy(tasks[at].ID, "The task's id"), true
		}
	case "u":
		if l.stack.URL != "" {
			return l.copy(l.stack.URL, "The URL"), true
		}
	case "l":
		return l.goTo(logsPage), true
	}
	return nil, l.scroll.key(k)
}

func (l *live) refuse() bool {
	if l.info.ReadOnly {
		l.say(noteAttention, "You can look but not change: "+clean.Line(l.info.Holder))
	}
	return l.info.ReadOnly
}

func (l *live) confirmStop(t fargate.Task) {
	if l.refuse() {
		return
	}
	id := t.ID
	l.dialog = &dialog{
		title: "Stop task " + short(id) + "?",
		body: []string{"ECS sends it SIGTERM and takes it out of the load balancer. The service sees that one is missing and starts another: watch how long that takes.",
			"", "The task's logs are kept."},
		danger: true,
		choices: []choice{{label: "No, leave it", key: "n"}, {label: "Yes, stop it", key: "y", do: func(*dialog) tea.Cmd {
			l.do("Stop task "+short(id), func(ctx context.Context) error { return l.session.StopTask(ctx, id) }, "Task "+short(id)+" is asked to stop")
			return nil
		}}},
	}
}

// mostTasks is the most that one workshop may ask for: each costs money on AWS.
const mostTasks = 10

func (l *live) askScale() {
	if l.refuse() {
		return
	}
	body := []string{fmt.Sprintf("The service keeps %s alive now. Give another number, from 0 to %d; 0 stops them all and keeps the service.", count(l.snap.Service.Desired, "task"), mostTasks)}
	if !l.info.Sandbox {
		body = append(body, "", "On AWS every task costs money while it runs.")
	}
	l.dialog = &dialog{
		title: "How many tasks?", body: body, asks: "Tasks:",
		input: field{limit: 2},
		choices: []choice{{label: "As it is"}, {label: "Scale", do: func(d *dialog) tea.Cmd {
			n, err := strconv.Atoi(strings.TrimSpace(d.input.value))
			if err != nil || n < 0 || n > mostTasks {
				l.say(noteAttention, fmt.Sprintf("%q is not a number from 0 to %d; nothing was changed", d.input.value, mostTasks))
				return nil
			}
			l.do("Scale", func(ctx context.Context) error { return l.session.Scale(ctx, n) }, "The service is asked for "+count(n, "task"))
			return nil
		}}},
	}
}

func (l *live) confirmRedeploy() {
	if l.refuse() {
		return
	}
	l.dialog = &dialog{
		title: "Start a new deployment?",
		body:  []string{"ECS starts a fresh task for every one that runs, waits until it is healthy, and only then stops the old one. The URL answers all the while."},
		choices: []choice{{label: "No", key: "n"}, {label: "Yes, roll", key: "y", do: func(*dialog) tea.Cmd {
			l.do("New deployment", func(ctx context.Context) error { return l.session.Redeploy(ctx) }, "A new deployment has begun")
			return nil
		}}},
	}
}

func (l *live) moving() time.Duration {
	if l.graph.on {
		return l.graph.moving()
	}
	if l.snap != nil {
		return time.Second
	}
	return 0
}

func (l *live) view(w, h int) []string {
	t := l.theme
	s := l.snap
	if l.graph.on {
		foot := []string{}
		if s != nil {
			foot = l.viewAge(w)
		}
		return append(block(l.graph.view(w, h-len(foot)), h-len(foot)), foot...)
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
		lines = append(lines, cut("   "+t.Dim.Render(clock(e.Time))+"  "+l.eventText(e.Message), w, t))
	}
	if len(s.Events) == 0 {
		lines = append(lines, "   "+t.Dim.Render("none yet"))
	}
	foot := l.viewAge(w)
	room := h - len(foot)
	if l.rows != from { // the cursor moved: bring it in sight
		l.rows = from
		if from < l.scroll.top {
			l.scroll.top = max(0, from-2)
		} else if from >= l.scroll.top+room {
			l.scroll.top = from - room + 1
		}
	}
	a, b := l.scroll.window(len(lines), room)
	shown := lines[a:b]
	if s.Stale != nil {
		dim := make([]string, len(shown))
		for i, x := range shown {
			dim[i] = t.Dim.Render(strip(x))
		}
		shown = dim
	}
	return append(block(append([]string(nil), shown...), room), foot...)
}

// coming reports that an apply is on its way to a service.
func (l *live) coming() bool { return l.op != nil && l.op.op == stackApply && !l.op.destroy }

func (l *live) viewNothing(w int) []string {
	t := l.theme
	switch {
	case l.watched != nil:
		lines := []string{"", " " + t.Attention.Bold(true).Render(t.Signs.Warn+" The service cannot be watched"), ""}
		lines = append(lines, indent(3, paragraphs(min(w-6, readWidth), t.Text, clean.Line(l.watched.Error())))...)
		return append(lines, "", "   "+t.Key.Render("r")+" tries again")
	case l.coming():
		return []string{"", " " + t.Heading.Render("Not yet"), "", " Terraform is at work: " + t.Key.Render("2") + " shows how far it is.", " The tasks appear here as soon as the service exists."}
	case l.stack.Exists:
		return []string{"", " " + t.Dim.Render(t.Signs.Working+" Looking at the service")}
	}
	return []string{"", " " + t.Heading.Render("Nothing runs yet"), "", " Press " + t.Key.Render("2") + " to deploy. The service and its tasks appear here."}
}

// taskWord says a task's last status in a plain word.
func (l *live) taskSign(x fargate.Task) (sign, word string) {
	t := l.theme
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

func (l *live) health(x fargate.Task) string {
	t := l.theme
	switch x.Target {
	case "healthy":
		return t.Good.Render("healthy")
	case "unhealthy":
		return t.Bad.Render("unhealthy")
	case "initial":
		return t.Accent.Render("checking")
	case "draining":
		return t.Attention.Render("draining")
	case "":
		if x.Health == "HEALTHY" {
			return t.Good.Render("healthy")
		}
		if x.Health == "UNHEALTHY" {
			return t.Bad.Render("unhealthy")
		}
		return t.Dim.Render("-")
	}
	return clean.Line(x.Target)
}

func (l *live) viewService(w int) []string {
	t, s := l.theme, l.snap.Service
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
			parts = append(parts, t.Dim.Render("rolled out "+ago(l.now().Sub(d.Updated))))
		case "FAILED":
			parts = append(parts, t.Bad.Render("deployment failed"))
		case "IN_PROGRESS":
			parts = append(parts, t.Accent.Render("rolling out for "+span(l.now().Sub(d.Created))))
		}
	}
	if p := l.snap.Probe; p != nil {
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
	if u := l.snap.ServiceUsage; u != nil {
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
		if width(line)+width(gap)+width(p) > w-1 {
			lines = append(lines, line)
			line = strings.Repeat(" ", width(name))
		}
		line += gap + p
	}
	lines = append(lines, line)

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
			word = "on its way out"
		}
		l := fmt.Sprintf("%s  rev %-3s %s  %d/%d  %s", head, revision(d.Revision), bar(part, 20, st, t), d.Running, d.Desired, st.Render(word))
		if d.Pending > 0 {
			l += t.Dim.Render(fmt.Sprintf(", %d starting", d.Pending))
		}
		if d.Failed > 0 {
			l += t.Bad.Render(fmt.Sprintf(", %d failed", d.Failed))
		}
		if d.Reason != "" && d.Rollout == "FAILED" {
			l += t.Dim.Render("  " + clean.Line(d.Reason))
		}
		lines = append(lines, cut(l, w, t))
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

func (l *live) columns(w int) []column {
	t := l.theme
	all := []column{
		{"zone", 11, 0, func(x fargate.Task) string { return clean.Line(x.Zone) }},
		{"address", 14, 76, func(x fargate.Task) string { return clean.Line(x.Address) }},
		{"health", 11, 0, l.health},
		{"cpu", 13, 100, func(x fargate.Task) string {
			u, ok := l.snap.Usage[x.ID]
			if !ok {
				return t.Dim.Render("-")
			}
			return t.Accent.Render(l.spark(x.ID)) + fmt.Sprintf("%4.0f%%", u.CPU)
		}},
		{"memory", 9, 100, func(x fargate.Task) string {
			u, ok := l.snap.Usage[x.ID]
			if !ok {
				return t.Dim.Render("-")
			}
			return fmt.Sprintf("%.0f MB", u.Memory)
		}},
		{"revision", 10, 120, func(x fargate.Task) string { return revision(x.Revision) }},
		{"up", 9, 0, func(x fargate.Task) string {
			if x.Started != nil {
				return span(l.now().Sub(*x.Started))
			}
			return t.Dim.Render("for " + span(l.now().Sub(x.Created)))
		}},
	}
	var out []column
	for _, c := range all {
		if len(l.snap.Usage) == 0 && (c.name == "cpu" || c.name == "memory") {
			continue // only enhanced Container Insights knows them of each task
		}
		if w >= c.least {
			out = append(out, c)
		}
	}
	return out
}

func (l *live) spark(id string) string {
	marks := l.theme.Signs.Spark
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
func (l *live) viewTasks(w, chosen int) (head string, rows []string, at int) {
	t := l.theme
	cols := l.columns(w)
	head = fit(" "+t.Strong.Render("Tasks"), taskLead, t)
	for _, c := range cols {
		head += t.Dim.Render(fit(c.name, c.w, t)) + " "
	}
	for i, x := range l.snap.Tasks {
		sign, word := l.taskSign(x)
		mark := "   "
		id := short(x.ID) + t.Signs.Ellipsis
		if i == chosen {
			at = len(rows)
			mark = " " + t.Key.Render(t.Signs.Current) + " "
			id = t.Strong.Render(id)
		}
		line := fit(mark+id+" "+sign+" "+word, taskLead, t)
		if x.Stopped != nil {
			line = mark + id + " " + sign + " " + t.Dim.Render("stopped "+ago(l.now().Sub(*x.Stopped))) + "  "
			ask := "  " + t.Accent.Render(t.Signs.Arrow+" why?")
			if l.open[x.ID] {
				ask = ""
			}
			line += cut(reason(x), w-width(line)-width(ask)-1, t) + ask
		} else {
			for _, c := range cols {
				line += fit(c.cell(x), c.w, t) + " "
			}
		}
		rows = append(rows, cut(line, w, t))
		if l.open[x.ID] {
			rows = append(rows, l.viewTask(x, w)...)
		}
	}
	return cut(head, w, t), rows, at
}

// viewTask draws what there is to know of one task.
func (l *live) viewTask(x fargate.Task, w int) []string {
	t := l.theme
	side := "      " + t.Border.Render(t.Signs.Quote) + " "
	room := min(w-10, readWidth)
	var out []string
	add := func(name, text string) {
		if text == "" {
			return
		}
		for i, s := range wrap(text, room-10) {
			n := name
			if i > 0 {
				n = ""
			}
			out = append(out, side+t.Dim.Render(fit(n, 10, t))+s)
		}
	}
	if x.Answer != nil {
		add("why", t.Strong.Render(clean.Line(x.Answer.What)))
		for i, s := range wrap(clean.Line(x.Answer.Do), room-12) {
			lead := t.Signs.Arrow + " "
			if i > 0 {
				lead = strings.Repeat(" ", width(lead))
			}
			out = append(out, side+fit("", 10, t)+t.Good.Render(lead+s))
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
	if x.Target != "" || x.TargetReason != "" {
		s := "target " + clean.Line(x.Target)
		if x.TargetReason != "" {
			s += ": " + clean.Line(x.TargetReason)
		}
		add("balancer", s)
	}
	add("task", t.Dim.Render(clean.Line(x.ID)))
	times := "made " + clock(x.Created)
	if x.Started != nil {
		times += ", running since " + clock(*x.Started)
	}
	if x.Stopped != nil {
		times += ", stopped " + clock(*x.Stopped)
	}
	add("times", t.Dim.Render(times))
	return out
}

// eventText leaves out the "(service web) " that every event begins with.
func (l *live) eventText(s string) string {
	s = clean.Line(s)
	return strings.TrimPrefix(s, "(service "+l.snap.Service.Name+") ")
}

// viewAge says when the picture was true, and what it costs to look.
func (l *live) viewAge(w int) []string {
	t, s := l.theme, l.snap
	calls := fmt.Sprintf("%s a minute, next in %s ", count(s.Calls.LastMinute, "call"), span(s.Calls.Interval))
	if s.Stale != nil {
		since := t.Attention.Render(fmt.Sprintf(" %s stale since %s (%s)", t.Signs.Warn, clock(s.AsOf), ago(l.now().Sub(s.AsOf))))
		return []string{cut("   "+t.Dim.Render(clean.Line(s.Stale.Error())), w, t), ends(since, t.Dim.Render(calls), w, t)}
	}
	return []string{ends(t.Dim.Render(" as of "+clock(s.AsOf)), t.Dim.Render(calls), w, t)}
}

func (l *live) hints() []hint {
	if l.graph.on {
		return append(l.graph.hints(), hint{"s", "scale"}, hint{"x", "stop task"})
	}
	if l.snap == nil {
		if l.watched != nil {
			return []hint{{"r", "try again"}}
		}
		return []hint{{"2", "deploy"}}
	}
	enter := "task"
	if at := l.chosenAt(); at >= 0 && l.snap.Tasks[at].Stopped != nil {
		enter = "why?"
	}
	return []hint{{"enter", enter}, {"s", "scale"}, {"f", "new deployment"}, {"x", "stop task"}, {"g", "graph"}, {"l", "logs"}}
}

func (l *live) paste(string) {}
func (l *live) typing() bool { return false }

var _ page = (*live)(nil)
