package live

import (
	"fmt"
	"strings"
	"time"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/tui/draw"
)

// ShowsScaling reports that the page shows what scales the service.
func (l *Page) ShowsScaling() bool { return !l.diagram.Shown }

// activitiesShown is how many activities of Application Auto Scaling the page lists.
const activitiesShown = 3

// scaling draws what scales the service: the limits, each policy with its alarms, and what
// was done last.
func (d *drawing) scaling() {
	s := d.Snapshot.Scaling
	if s == nil {
		return
	}
	t := d.Theme
	d.heading("scaling", "Scaling")
	if !s.Scalable && len(s.Unknown) == 0 {
		d.add("   " + t.Dim.Render("nothing scales this service: the number of tasks stays as set"))
		return
	}
	for i, p := range s.Policies {
		d.policy(i, p)
		for _, a := range p.Alarms {
			d.alarm(p, a)
		}
	}
	if s.Scalable {
		d.at(item{ofHeading, "range"})
		text := fmt.Sprintf("%d to %s, desired %d", s.Min, draw.Count(s.Max, "task"), d.Snapshot.Service.Desired)
		if len(s.Suspended) > 0 {
			text += "   " + t.Attention.Render(t.Signs.Warn+" switched off: "+clean.Line(strings.Join(s.Suspended, ", ")))
		}
		d.named("range", text)
	}
	for _, a := range s.Activities[:min(activitiesShown, len(s.Activities))] {
		d.activity(a)
	}
	d.at(item{ofHeading, "unknown"})
	for _, g := range s.Unknown {
		d.named("", t.Attention.Render(t.Signs.Warn+" "+clean.Line(g.Part)+" unknown: ")+t.Dim.Render(clean.Line(g.Err)))
	}
}

// heading begins a section.
func (d *drawing) heading(id, title string) {
	d.at(item{ofHeading, id})
	d.add("", " "+d.Theme.Strong.Render(title))
}

// nameWidth is the room of the names in the sections beside the tasks.
const nameWidth = 11

// named draws a named text, wrapped.
func (d *drawing) named(name, text string) {
	lead := d.mark()
	for _, s := range draw.Wrap(text, d.w-draw.Width(lead)-nameWidth) {
		d.add(lead + d.Theme.Dim.Render(draw.Fit(name, nameWidth, d.Theme)) + s)
		lead, name = strings.Repeat(" ", draw.Width(lead)), ""
	}
}

// figure writes a number with its unit.
func figure(v float64, unit string) string {
	s := fmt.Sprintf("%.4g", v)
	if unit != "" {
		s += " " + unit
	}
	return s
}

func (d *drawing) policy(i int, p fargate.ScalingPolicy) {
	t, s := d.Theme, d.Snapshot.Scaling
	d.at(item{ofScaling, "policy " + p.Name})
	name := "target"
	if i > 0 {
		name = "and"
	}
	text := clean.Line(p.Type) + " " + clean.Line(p.Name)
	if p.Target > 0 {
		text = figure(p.Target, p.Unit()) + " of " + clean.Line(p.MetricInWords())
		if p.Unit() == "" {
			text = figure(p.Target, "") + " " + clean.Line(p.MetricInWords())
		}
		switch {
		case p.Value == nil:
			text += t.Dim.Render(", now unknown")
		default:
			st := t.Text
			if *p.Value > p.Target {
				st = t.Attention
			}
			text += ", now " + st.Render(fmt.Sprintf("%.3g", *p.Value)+strings.TrimSuffix(" "+p.Unit(), " "))
		}
	}
	sum := d.wants(p)
	if sum != "" && draw.Width(text+sum) < d.w-nameWidth-6 {
		text, sum = text+"   "+t.Dim.Render(sum), ""
	}
	d.named(name, text)
	if sum != "" {
		d.named("", t.Dim.Render(sum))
	}
	if !d.open[d.now] {
		return
	}
	d.details("policy", clean.Line(p.Name), "type", clean.Line(p.Type), "metric", clean.Line(p.Metric),
		"cooldown", "scale-out "+cooldown(p.OutCooldown)+", scale-in "+cooldown(p.InCooldown))
	if p.At != nil {
		d.details("measured", "in the minute from "+draw.Clock(*p.At))
	}
	if p.NoScaleIn {
		d.details("scale-in", t.Attention.Render("is switched off in the policy"))
	}
	d.details("read at", t.Dim.Render(draw.Clock(s.AsOf)))
}

// wants is the arithmetic of target tracking; empty where it asks for nothing.
func (d *drawing) wants(p fargate.ScalingPolicy) string {
	s, desired := d.Snapshot.Scaling, d.Snapshot.Service.Desired
	exact, n, ok := s.Wants(p, desired)
	if !ok {
		return ""
	}
	text := fmt.Sprintf("%d %s %.3g %s %.4g = %.3g, so %s", desired, d.Theme.Signs.Times, *p.Value, d.Theme.Signs.Divided, p.Target, exact, draw.Count(n, "task"))
	if n > s.Max && s.Scalable {
		text += fmt.Sprintf(", at most %d", s.Max)
	}
	return text
}

func cooldown(seconds *int) string {
	if seconds == nil {
		return "300 s, AWS's default"
	}
	return fmt.Sprintf("%d s", *seconds)
}

func (d *drawing) alarm(p fargate.ScalingPolicy, a fargate.ScalingAlarm) {
	t := d.Theme
	d.at(item{ofScaling, "alarm " + a.Name})
	name := clean.Line(a.Short())
	st := t.Text
	switch a.State {
	case "ALARM":
		if a.Above() || a.Asks(*d.Snapshot.Scaling, d.Snapshot.Service.Desired) {
			st = t.Attention
		}
	case "":
		d.named(name, t.Dim.Render("state unknown"))
		return
	case "OK":
		st = t.Good
	default:
		st = t.Dim
	}
	past := "below "
	if a.Above() {
		past = "above "
	}
	text := st.Render(clean.Line(a.State))
	if !a.Since.IsZero() {
		text += " since " + draw.Clock(a.Since)
	}
	text += t.Dim.Render(": goes off " + past + figure(a.Threshold, p.Unit()) + " for " + draw.Span(time.Duration(a.Window)*time.Second))
	d.named(name, text)
	if d.open[d.now] {
		d.details("AWS says", clean.Line(a.Reason), "alarm", t.Dim.Render(clean.Line(a.Name)))
	}
}

func (d *drawing) activity(a fargate.ScalingActivity) {
	t := d.Theme
	d.at(item{ofScaling, "activity " + a.ID})
	text := clean.Line(a.Description)
	if to := a.To(); to != "" {
		text = "desired count to " + to
	}
	switch {
	case a.Unscaled() != "":
		text = t.Dim.Render("nothing changed: " + clean.Line(a.Unscaled()))
	case a.Status == "InProgress" || a.Status == "Pending":
		text += t.Accent.Render("  in progress for " + draw.Span(d.Now().Sub(a.Started)))
	case a.Status == "Successful" && a.Ended != nil:
		text += t.Dim.Render("  done in " + draw.Span(a.Ended.Sub(a.Started)))
	case a.Status != "":
		text += "  " + t.Bad.Render(strings.ToLower(clean.Line(a.Status)))
	}
	d.named(draw.Clock(a.Started), text)
	if d.open[d.now] {
		d.details("why", clean.Line(a.CauseInWords()), "asked for", clean.Line(a.Description), "status", clean.Line(a.Status), "AWS says", clean.Line(a.Message))
	}
}

// scalingItems are what the cursor can be on in the section.
func scalingItems(s *fargate.Scaling) []item {
	if s == nil {
		return nil
	}
	var out []item
	for _, p := range s.Policies {
		out = append(out, item{ofScaling, "policy " + p.Name})
		for _, a := range p.Alarms {
			if a.State != "" {
				out = append(out, item{ofScaling, "alarm " + a.Name})
			}
		}
	}
	for _, a := range s.Activities[:min(activitiesShown, len(s.Activities))] {
		out = append(out, item{ofScaling, "activity " + a.ID})
	}
	return out
}
