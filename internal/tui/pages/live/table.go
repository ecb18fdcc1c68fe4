package live

import (
	"fmt"
	"strings"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/tui/draw"
)

// taskState returns the sign and the plain word for the last status of a task.
func (l *Page) taskState(x fargate.Task) string {
	sign, word := l.taskSign(x)
	return sign + " " + word
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
		{"health", 10, 0, l.health},
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
const taskLead = 27
