package live

import (
	"fmt"
	"strings"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/page"
)

// targetsShown is how many targets the page lists, those that are not healthy first.
const targetsShown = 12

func targetItem(x fargate.Target) item { return item{ofTarget, address(x)} }

func address(x fargate.Target) string { return fmt.Sprintf("%s:%d", x.Address, x.Port) }

func targetItems(targets []fargate.Target) []item {
	var out []item
	for _, x := range targets[:min(targetsShown, len(targets))] {
		out = append(out, targetItem(x))
	}
	return out
}

// targets draws where the load balancer may send requests.
func (d *drawing) targets() {
	t, targets := d.Theme, d.Snapshot.Targets
	if len(targets) == 0 {
		return
	}
	counts := map[string]int{}
	var order []string
	for _, x := range targets {
		if counts[x.State]++; counts[x.State] == 1 {
			order = append(order, x.State)
		}
	}
	var sum []string
	for _, state := range order {
		sum = append(sum, fmt.Sprintf("%d %s", counts[state], clean.Line(state)))
	}
	meaning := ""
	if d.w >= 100 {
		meaning = "   where the load balancer may send requests"
	}
	d.heading("targets", "Targets"+t.Dim.Render("   "+strings.Join(sum, ", ")+meaning))
	for _, x := range targets[:min(targetsShown, len(targets))] {
		d.target(x)
	}
	if n := len(targets) - targetsShown; n > 0 {
		d.at(item{ofHeading, "more targets"})
		d.add("   " + t.Dim.Render(fmt.Sprintf("%d more", n)))
	}
}

func (d *drawing) target(x fargate.Target) {
	t := d.Theme
	d.at(targetItem(x))
	sign, st := t.Signs.Working, t.Attention
	switch x.State {
	case "healthy":
		sign, st = t.Signs.Running, t.Good
	case "initial":
		st = t.Accent
	case "unhealthy":
		sign, st = t.Signs.Failed, t.Bad
	}
	text := draw.Fit(clean.Line(address(x)), 21, t) + " "
	if d.w >= 76 {
		text += draw.Fit(clean.Line(x.Zone), 11, t) + " "
	}
	text += draw.Fit(st.Render(sign+" "+clean.Line(x.State)), 12, t)
	said := ""
	if x.State != "healthy" {
		said = x.Description
		if x.Answer != nil {
			said = x.Answer.Title()
		}
		if x.Task == "" {
			said = strings.TrimPrefix(said+"; no task runs there any more", "; ")
		}
	}
	d.add(d.mark() + text + " " + t.Dim.Render(clean.Line(said)))
	if !d.open[d.now] {
		return
	}
	if x.Answer != nil {
		d.answer(x.Answer.What, x.Answer.Do)
	}
	d.details("AWS says", strings.TrimSpace(clean.Line(x.Description)), "code", t.Dim.Render(clean.Line(x.Reason)))
	task := "none: it has ended, or is not one of this service"
	if x.Task != "" {
		task = page.ShortID(x.Task) + t.Dim.Render("  "+clean.Line(x.Task))
	}
	d.details("task", task)
}
