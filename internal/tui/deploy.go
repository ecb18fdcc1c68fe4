package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
)

// deploy is the page where the plan is the gate and the apply a story.
type deploy struct {
	run
	outputs scroll
}

func newDeploy(s *shared) *deploy {
	d := &deploy{run: run{shared: s}}
	d.applied = func() tea.Cmd {
		d.say(noteGood, "Everything that the plan promised is there")
		return nil
	}
	return d
}

func (d *deploy) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	if d.graph.on && !d.showLog {
		if cmd, ok := d.graph.key(k); ok {
			return cmd, true
		}
	} else if k.String() == "g" && !d.showLog {
		d.graph.toggle()
		return nil, true
	}
	if cmd, ok := d.keyCommon(k); ok {
		return cmd, true
	}
	key := k.String()
	switch d.phase {
	case phaseIdle, phaseDone:
		switch key {
		case "enter":
			if d.phase == phaseDone || d.stack.Exists && len(d.stack.Outputs) > 0 {
				return d.copyOutput(), true
			}
			return d.begin(), true
		case "p":
			return d.begin(), true
		case "y":
			return d.copyOutput(), true
		}
		return nil, d.outputs.key(k)
	case phasePlanned:
		switch key {
		case "a":
			if !d.plan.Empty() && d.mayChange() {
				d.confirm()
			}
			return nil, true
		case "esc":
			d.phase = phaseIdle
			return nil, true
		case "r":
			return d.begin(), true
		case "enter":
			if d.plan.Empty() {
				return d.begin(), true
			}
		}
		return nil, d.tree.key(k)
	case phaseWaiting:
		if key == "esc" {
			d.phase = phaseIdle
			return nil, true
		}
	}
	return nil, false
}

// confirm asks before the plan is applied.
func (d *deploy) confirm() {
	p := d.plan
	var does []string
	what := ""
	add := func(n int, verb string) {
		if n > 0 {
			does = append(does, verb+" "+thousands(n))
			what = capital(verb) + " " + count(n, "resource") + "?"
		}
	}
	add(p.Create, "create")
	add(p.Update, "change")
	add(p.Replace, "delete and make again")
	add(p.Delete, "delete")
	var groups []string
	for _, g := range d.tree.groups {
		if !g.drift {
			groups = append(groups, fmt.Sprintf("%s %d", strings.ToLower(g.name), len(g.changes)))
		}
	}
	var body []string
	if len(does) > 1 {
		what = "Apply this plan?"
		body = append(body, "Terraform will "+joinAnd(does)+" of the resources.", "")
	}
	body = append(body,
		"In "+d.where()+": "+strings.Join(groups, ", ")+".",
		"",
		priceSentences(d.price),
		"",
		"Terraform does exactly what the plan on the screen says, and you can remove all of it again on page 5.")
	yes := "Yes, apply it"
	if len(does) == 1 && p.Create > 0 {
		yes = "Yes, create them"
	}
	d.dialog = &dialog{
		title:  what,
		body:   body,
		danger: p.Delete+p.Replace > 0,
		choices: []choice{
			{label: "No, not yet", key: "n"},
			{label: yes, key: "y", do: func(*dialog) tea.Cmd { return d.apply() }},
		},
	}
}

func joinAnd(s []string) string {
	if len(s) < 2 {
		return strings.Join(s, "")
	}
	return strings.Join(s[:len(s)-1], ", ") + " and " + s[len(s)-1]
}

// outputNames are in the order in which they are shown: the URL first.
func (d *deploy) outputNames() []string {
	var names []string
	for n := range d.stack.Outputs {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int {
		if u := strings.Contains(b, "url"); u != strings.Contains(a, "url") {
			if u {
				return 1
			}
			return -1
		}
		return strings.Compare(a, b)
	})
	return names
}

func (d *deploy) copyOutput() tea.Cmd {
	names := d.outputNames()
	if len(names) == 0 {
		return nil
	}
	n := names[min(d.outputs.cursor, len(names)-1)]
	return d.copy(fmt.Sprint(d.stack.Outputs[n]), n)
}

func (d *deploy) moving() time.Duration {
	if d.graph.on {
		return d.graph.moving()
	}
	return d.run.moving()
}

func (d *deploy) view(w, h int) []string {
	t := d.theme
	if d.graph.on && !d.showLog {
		return append(d.graphHead(w), d.graph.view(w, h-len(d.graphHead(w)))...)
	}
	if lines, ok := d.viewCommon(w, h); ok {
		return lines
	}
	switch d.phase {
	case phasePlanned:
		return d.viewPlan(w, h)
	case phaseDone:
		head := fmt.Sprintf("%s Done in %s", t.Signs.Done, watch(d.story.elapsed()))
		var did []string
		if s := d.summary; s != nil {
			for _, x := range []struct {
				n    int
				what string
			}{{s.Created, "created"}, {s.Updated, "changed"}, {s.Replaced, "replaced"}, {s.Deleted, "deleted"}} {
				if x.n > 0 {
					did = append(did, fmt.Sprintf("%d %s", x.n, x.what))
				}
			}
		}
		lines := []string{"", " " + t.Good.Bold(true).Render(head) + t.Dim.Render("   "+strings.Join(did, t.Signs.Sep)), ""}
		lines = append(lines, d.viewOutputs(w)...)
		return append(lines, "", "   "+t.Key.Render("3")+" shows the tasks as they live, "+t.Key.Render("4")+" what they say.")
	}
	if d.stack.Exists {
		since := ""
		if !d.stack.Created.IsZero() {
			since = ", since " + d.stack.Created.Local().Format("15:04")
		}
		lines := []string{"", " " + t.Good.Bold(true).Render(t.Signs.Running+" The stack is up") +
			t.Dim.Render(fmt.Sprintf("   %s%s", count(d.stack.Resources, "resource"), since)), ""}
		lines = append(lines, d.lastRun(w)...)
		if now := d.meter(); now.Sentence != "" {
			lines = append(lines, indent(3, paragraphs(min(w-6, readWidth), t.Text, cleanLine(now.Sentence)))...)
			if now.Warning != "" {
				lines = append(lines, indent(3, paragraphs(min(w-6, readWidth), t.Attention, t.Signs.Warn+" "+cleanLine(now.Warning)+" Press 5 to clean up."))...)
			}
			lines = append(lines, "")
		}
		lines = append(lines, d.viewOutputs(w)...)
		lines = append(lines, "")
		return append(lines, indent(3, paragraphs(min(w-6, readWidth), t.Text,
			"Changed something in the configuration? "+t.Key.Render("p")+" makes a new plan: it shows what is different before anything is done."))...)
	}
	lines := []string{"", " " + t.Heading.Render("Nothing is deployed yet"), ""}
	lines = append(lines, d.lastRun(w)...)
	lines = append(lines, indent(1, paragraphs(min(w-4, readWidth), t.Text,
		"Terraform first makes a plan: a list of everything it would create, and why. Nothing is created until you have read that list and said yes."))...)
	lines = append(lines, "", " Press "+t.Key.Render("enter")+" to make the plan. It takes a few seconds.", "")
	cost := "Cost: nothing in the sandbox; the plan says what it would be on AWS."
	if !d.info.Sandbox {
		cost = "Cost: the plan says what it will be. Making the plan costs nothing."
	}
	lines = append(lines, indent(1, paragraphs(min(w-4, readWidth), t.Dim,
		"Where: "+d.where()+".", cost, "Files: "+clean.Line(d.info.Workspace)))...)
	if !d.ready.done && d.ready.err == nil {
		lines = append(lines, "", " "+t.Dim.Render(t.Signs.Working+" "+d.ready.says))
	}
	if d.ready.err != nil {
		lines = append(lines, d.viewNotReady(w)...)
	}
	return lines
}

// graphHead says above the diagram what must not be missed beside it.
func (d *deploy) graphHead(w int) []string {
	t := d.theme
	switch d.phase {
	case phaseApplying:
		head := []string{d.story.head(w)}
		for _, l := range d.story.trouble(w) {
			head = append(head, cut(l, w, t))
		}
		return head[:min(len(head), 3)]
	case phasePlanned:
		return []string{cut(" "+t.Strong.Render("Plan")+"   "+counts(d.plan, t), w, t)}
	case phaseFailed:
		return []string{cut(" "+t.Bad.Render(t.Signs.Failed+" Terraform could not do all of it")+t.Dim.Render("   g says why"), w, t)}
	}
	return nil
}

func (d *deploy) viewPlan(w, h int) []string {
	t := d.theme
	p := d.plan
	if p.Empty() {
		lines := []string{"", " " + t.Good.Bold(true).Render(t.Signs.Done+" Nothing to change"), ""}
		lines = append(lines, indent(3, paragraphs(min(w-6, readWidth), t.Text,
			"What is up is exactly what the configuration asks for. Terraform compared every resource with AWS just now."))...)
		if len(p.Drift) > 0 {
			lines = append(lines, "")
			return append(lines, d.tree.view(w, h-len(lines), t)...)
		}
		return lines
	}
	cost := d.price
	head := " " + t.Strong.Render("Plan") + "   " + counts(p, t)
	lines := []string{ends(head, t.Dim.Render(cost.Whole)+" ", w, t)}
	if width(head)+width(cost.Whole)+4 > w {
		lines = []string{cut(head, w, t), cut("        "+t.Dim.Render(cost.Whole), w, t)}
	}
	lines = append(lines, indent(8, d.caveats(d.price, w-9))...)
	lines = append(lines, "")
	return append(lines, d.tree.view(w, h-len(lines), t)...)
}

// priceSentences say in a dialog what a plan costs.
func priceSentences(c Cost) string {
	all := append([]string{"Cost: " + c.Whole + "."}, c.Hints...)
	return cleanLine(strings.TrimSpace(strings.Join(append(all, c.Warning), " ")))
}

func (d *deploy) viewOutputs(w int) []string {
	t := d.theme
	names := d.outputNames()
	if len(names) == 0 {
		return nil
	}
	nw := 0
	for _, n := range names {
		nw = max(nw, width(n))
	}
	nw = min(nw, 28)
	lines := []string{"   " + t.Strong.Render("Outputs"), ""}
	d.outputs.rows = len(names)
	for i, n := range names {
		v := clean.Line(fmt.Sprint(d.stack.Outputs[n]))
		st := t.Text
		if strings.HasPrefix(v, "http") {
			st = t.Accent.Underline(true)
		}
		l := "     " + fit(clean.Line(n), nw, t) + "  " + st.Render(cut(v, w-nw-9, t))
		if i == d.outputs.cursor {
			l = "   " + t.Key.Render(t.Signs.Current) + " " + t.Strong.Render(fit(clean.Line(n), nw, t)) + "  " + st.Render(cut(v, w-nw-9, t))
		}
		lines = append(lines, l)
	}
	return lines
}

func (d *deploy) hints() []hint {
	if d.showLog {
		return []hint{{"esc", "back"}, {"G", "follow"}}
	}
	if d.graph.on {
		hs := d.graph.hints()
		if d.phase == phasePlanned && !d.plan.Empty() {
			hs = append([]hint{{"a", "apply this plan"}}, hs...)
		}
		return hs
	}
	switch d.phase {
	case phaseWaiting:
		return []hint{{"esc", "not now"}}
	case phasePlanning:
		return []hint{{"l", "log"}, {"ctrl+c", "stop"}}
	case phasePlanned:
		if d.plan.Empty() {
			return []hint{{"esc", "back"}, {"r", "plan again"}}
		}
		return []hint{{"a", "apply this plan"}, {"enter", "fold"}, {"g", "graph"}, {"esc", "back"}}
	case phaseApplying:
		return []hint{{"l", "log"}, {"g", "graph"}, {"ctrl+c", "stop safely"}}
	case phaseFailed:
		if d.repairable() {
			return []hint{{"u", "repair"}, {"r", "plan again"}, {"l", "log"}}
		}
		return []hint{{"r", "plan again"}, {"l", "log"}}
	}
	if d.stack.Exists {
		return []hint{{"y", "copy"}, {"p", "plan"}, {"g", "graph"}, {"3", "live"}}
	}
	return []hint{{"enter", "make a plan"}}
}

var _ page = (*deploy)(nil)
