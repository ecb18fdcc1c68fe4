package live

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/stack"
	"workshop/internal/tui/draw"
)

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

// View draws the page: the head stays, what is below it scrolls.
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
	foot := l.viewAge(w)
	head := l.viewHead(w, h)
	head = head[:min(len(head), (h-len(foot))*2/3)]
	room := h - len(foot) - len(head)
	rows := l.rows(w)
	l.settle(rows, room)
	a, b := l.scroll.Window(len(rows), room)
	if a < len(rows) {
		first := slices.IndexFunc(rows, func(r row) bool { return r.item == rows[a].item })
		l.anchor = anchor{rows[a].item, a - first}
	}
	lines := head
	for _, r := range rows[a:b] {
		lines = append(lines, r.line())
	}
	if s.Stale != nil {
		for i, x := range lines {
			lines[i] = t.Dim.Render(draw.Strip(x))
		}
	}
	lines = draw.Block(lines, h-len(foot))
	if below := len(rows) - b; below > 0 && len(foot) > 0 {
		last := len(foot) - 1
		foot[last] = draw.Ends(foot[last], t.Dim.Render(fmt.Sprintf("%s %d more ", t.Signs.Unfolded, below)), w, t)
	}
	return append(lines, foot...)
}

// settle puts the window where it belongs: what was at its top stays there, and the chosen
// item comes in sight when a key has moved the cursor.
func (l *Page) settle(rows []row, room int) {
	if l.scroll.Top > 0 && !l.moved {
		if i := slices.IndexFunc(rows, func(r row) bool { return r.item == l.anchor.item }); i >= 0 {
			l.scroll.Top = i + l.anchor.row
		}
	}
	if l.moved {
		l.moved = false
		first := slices.IndexFunc(rows, func(r row) bool { return r.has(l.chosen) })
		if first < 0 {
			return
		}
		last := first
		for last+1 < len(rows) && rows[last+1].has(l.chosen) {
			last++
		}
		l.scroll.Reveal(last, room)
		l.scroll.Reveal(first, room)
	}
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
	case l.Chosen != nil && l.Chosen.Service == "":
		return l.ChooseFirst()
	case l.Stack.Exists, l.Chosen != nil:
		return []string{"", " " + t.Dim.Render(t.Signs.Working+" Looking at the service")}
	}
	return []string{"", " " + t.Heading.Render("Nothing runs yet"), "", " Press " + t.Key.Render(l.Root.Key("deploy")) + " to deploy. The service and its tasks appear here."}
}

// ill reports whether something is to be said of the service's health.
func (l *Page) ill() bool {
	return l.Snapshot != nil && l.Snapshot.Diagnosis != nil && l.Snapshot.Diagnosis.Cause != nil
}

// viewHead draws what is always in sight: the service, what is wrong, the deployments, and
// the charts where there is room for them.
func (l *Page) viewHead(w, h int) []string {
	t, s := l.Theme, l.Snapshot.Service
	if s.Status == "" {
		return []string{" " + t.Strong.Render("Service") + "   " + t.Dim.Render("does not exist (any more)"), ""}
	}
	name := " " + t.Strong.Render("Service") + " " + clean.Line(s.Name)
	if l.Chosen != nil {
		name += t.Dim.Render(" in " + clean.Line(s.Cluster))
	}
	gap := "     "
	if w < 120 {
		gap = "   "
	}
	line := name
	var lines []string
	for _, p := range l.serviceParts(l.chartLines(h) > 0) {
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
	if l.ill() {
		sign, st := t.Signs.Failed, t.Bad
		if l.Snapshot.Diagnosis.Cause.ID == "rolling-out" {
			sign, st = t.Signs.Working, t.Accent
		}
		ask := "   " + t.Key.Render("w") + t.Dim.Render(" what is wrong?")
		if l.open[item{of: ofCause}] {
			ask = ""
		}
		lines = append(lines, draw.Cut(" "+st.Render(sign+" "+clean.Line(l.Snapshot.Diagnosis.Cause.Title)), w-draw.Width(ask), t)+ask)
	}
	for i := range s.Deployments {
		lines = append(lines, draw.Cut(l.viewDeployment(i), w, t))
	}
	return append(append(lines, ""), l.viewCharts(w, h)...)
}

// serviceParts are what is said of the service on its first line.
func (l *Page) serviceParts(charts bool) []string {
	t, s := l.Theme, l.Snapshot.Service
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
		newest := fargate.ServiceDeployment{}
		if h := l.Snapshot.History; len(h) > 0 {
			newest = h[0]
		}
		switch {
		case l.Snapshot.RollsBack() && newest.Rollback != nil:
			parts = append(parts, t.Bad.Render("rolling back for "+draw.Span(l.Now().Sub(newest.Rollback.Started))))
		case l.Snapshot.RollsBack():
			parts = append(parts, t.Bad.Render("rolling back"))
		case newest.RolledBack() && newest.Finished != nil:
			parts = append(parts, t.Bad.Render("rolled back "+draw.Ago(l.Now().Sub(*newest.Finished))))
		case s.Rollout == "COMPLETED":
			parts = append(parts, t.Dim.Render("rolled out "+draw.Ago(l.Now().Sub(d.Updated))))
		case s.Rollout == "FAILED":
			parts = append(parts, t.Bad.Render("deployment failed"))
		case s.Rollout == "IN_PROGRESS":
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
	if u := l.Snapshot.ServiceUsage; u != nil && !charts {
		parts = append(parts, fmt.Sprintf("cpu %.0f%%, memory %.0f%%", u.CPU, u.Memory))
	}
	return parts
}

// viewDeployment draws one of the revisions that the service runs at the moment.
func (l *Page) viewDeployment(i int) string {
	t, d := l.Theme, l.Snapshot.Service.Deployments[i]
	head := "           "
	if i == 0 {
		head = " " + t.Strong.Render("Deployment") // as wide as the indent
	}
	part := 0.0
	if d.Desired > 0 {
		part = float64(d.Running) / float64(d.Desired)
	}
	record := l.Snapshot.Newest(d.Revision)
	st, word := t.Good, fargate.InWords(clean.Line(d.Rollout))
	switch {
	case d.Rollout == "FAILED":
		st = t.Bad
	case record != nil && record.RolledBack():
		st, word = t.Bad, "failed, its tasks are stopped"
	case i == 0 && l.Snapshot.RollsBack():
		st, word = t.Accent, "the service goes back to it"
	case i > 0:
		st, word = t.Dim, "serves until it is replaced"
	case d.Rollout == "IN_PROGRESS":
		st = t.Accent
	}
	line := fmt.Sprintf("%s  rev %-3s %s  %d/%d  %s", head, revision(d.Revision), draw.Bar(part, 20, st, t), d.Running, d.Desired, st.Render(word))
	if d.Pending > 0 {
		line += t.Dim.Render(fmt.Sprintf(", %d starting", d.Pending))
	}
	if d.Failed > 0 {
		line += t.Bad.Render(fmt.Sprintf(", %d failed", d.Failed))
	}
	if d.Reason != "" && d.Rollout == "FAILED" {
		line += t.Dim.Render("  " + clean.Line(d.Reason))
	}
	return line
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

// viewAge says when the picture was true, and what it costs to look.
func (l *Page) viewAge(w int) []string {
	t, s := l.Theme, l.Snapshot
	calls := fmt.Sprintf("   %s a minute, next in %s", draw.Count(s.Calls.LastMinute, "call"), draw.Span(s.Calls.Interval))
	if s.Stale != nil {
		since := t.Attention.Render(fmt.Sprintf(" %s stale since %s (%s)", t.Signs.Warn, draw.Clock(s.AsOf), draw.Ago(l.Now().Sub(s.AsOf))))
		return []string{draw.Cut("   "+t.Dim.Render(clean.Line(s.Stale.Error())), w, t), since + t.Dim.Render(calls)}
	}
	return []string{t.Dim.Render(" as of " + draw.Clock(s.AsOf) + calls)}
}
