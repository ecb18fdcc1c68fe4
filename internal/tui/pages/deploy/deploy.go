// Package deploy is the page where a plan is read and approved, and its apply is
// followed.
package deploy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/tui/architecture"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/keys"
	"workshop/internal/tui/operation"
	"workshop/internal/tui/page"
	"workshop/internal/tui/widgets"
)

// Page is the page. It belongs to the event loop.
type Page struct {
	*page.Context
	op      *operation.View
	diagram *architecture.Diagram
	outputs widgets.Scroll
	keys    keys.Table
}

// New returns the page, which shows the operation that deploys.
func New(c *page.Context, op *operation.View, d *architecture.Diagram) *Page {
	p := &Page{Context: c, op: op, diagram: d, outputs: widgets.Scroll{List: true}}
	op.OnApplied = func() tea.Cmd {
		p.Say(page.Good, "Everything that the plan promised is there")
		return nil
	}
	p.keys = p.table()
	return p
}

// Keys returns the page's keys.
func (d *Page) Keys() keys.Table { return d.keys }

func (d *Page) table() keys.Table {
	op := d.op
	planned := func(empty bool) func() bool {
		return func() bool { return op.Phase == operation.Planned && op.Plan.Empty() == empty }
	}
	idle := func(deployed bool) func() bool {
		return func() bool {
			return (op.Phase == operation.Idle || op.Phase == operation.Done) && d.Stack.Exists == deployed
		}
	}
	back := keys.On("esc", "back; the plan is made anew the next time", func() { op.Phase = operation.Idle }).Hint("back")
	plan := func(pressed string) keys.Key { return keys.OnCmd(pressed, "make a plan", op.Begin) }
	copied := func(pressed string) keys.Key { return keys.OnCmd(pressed, "copy the chosen output", d.copyOutput) }
	contexts := []keys.Context{{Name: "A plan with changes", When: planned(false), Keys: []keys.Key{
		keys.On("a", "apply this plan; asks first", func() {
			if d.MayChange() {
				d.confirm()
			}
		}).Hint("apply this plan"),
	}}}
	contexts = append(contexts, d.diagram.Keys()...)
	contexts = append(contexts, op.WorkKeys()...)
	scroll := keys.Scrolls(d.outputs.Key)
	return op.Keys(append(contexts,
		keys.Context{Name: "A plan with changes", When: planned(false), Rest: keys.Scrolls(op.ScrollPlan), Keys: append(op.PlanKeys(),
			keys.Shown("g", "graph"), back, keys.OnCmd("r", "plan again", op.Begin))},
		keys.Context{Name: "A plan without changes", When: planned(true), Rest: keys.Scrolls(op.ScrollPlan), Keys: []keys.Key{
			back, keys.OnCmd("r enter", "plan again", op.Begin).Hint("plan again")}},
		keys.Context{Name: "The stack is up", When: idle(true), Rest: scroll, Keys: []keys.Key{
			copied("y").Hint("copy"), plan("p").Hint("plan"), keys.Shown("g", "graph"), keys.Shown(d.Root.Key("live"), "live"),
			copied("enter").If(func() bool { return len(d.Stack.Outputs) > 0 || op.Phase == operation.Done }),
			keys.OnCmd("enter", "", op.Begin)}},
		keys.Context{Name: "Nothing is deployed", When: idle(false), Rest: scroll, Keys: []keys.Key{
			keys.OnCmd("enter", "", d.copyOutput).If(func() bool { return op.Phase == operation.Done }),
			plan("enter p").Hint("make a plan"), copied("y")}},
	)...)
}

// confirm asks before the plan is applied.
func (d *Page) confirm() {
	p := d.op.Plan
	var does []string
	what := ""
	add := func(n int, verb string) {
		if n > 0 {
			does = append(does, verb+" "+draw.Thousands(n))
			what = draw.Capital(verb) + " " + draw.Count(n, "resource") + "?"
		}
	}
	add(p.Create, "create")
	add(p.Update, "change")
	add(p.Replace, "delete and make again")
	add(p.Delete, "delete")
	var body []string
	if len(does) > 1 {
		what = "Apply this plan?"
		body = append(body, "Terraform will "+draw.Join(does)+" of the resources.", "")
	}
	body = append(body,
		"In "+d.Where()+": "+strings.Join(d.op.Groups(), ", ")+".",
		"",
		operation.PriceSentences(d.op.Price),
		"",
		"Terraform does exactly what the plan on the screen says, and you can remove all of it again on the "+d.Root.Title("cleanup")+" page.")
	yes := "Yes, apply it"
	if len(does) == 1 && p.Create > 0 {
		yes = "Yes, create them"
	}
	d.Dialog = &widgets.Dialog{
		Title:  what,
		Body:   body,
		Danger: p.Delete+p.Replace > 0,
		Choices: []widgets.Choice{
			{Label: "No, not yet", Key: "n"},
			{Label: yes, Key: "y", Do: func(*widgets.Dialog) tea.Cmd { return d.op.Apply() }},
		},
	}
}

// outputNames are in the order in which they are shown: the URL first.
func (d *Page) outputNames() []string {
	var names []string
	for n := range d.Stack.Outputs {
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

func (d *Page) copyOutput() tea.Cmd {
	names := d.outputNames()
	if len(names) == 0 {
		return nil
	}
	n := names[min(d.outputs.Cursor, len(names)-1)]
	return d.Copy(fmt.Sprint(d.Stack.Outputs[n]), n)
}

// Changes returns how soon the page looks different by time alone.
func (d *Page) Changes() time.Duration {
	if d.diagram.Shown {
		return d.diagram.Changes()
	}
	return d.op.Changes()
}

// View draws the page.
func (d *Page) View(w, h int) []string {
	t := d.Theme
	if d.diagram.Shown && !d.op.ShowsLog() {
		return append(d.graphHead(w), d.diagram.View(w, h-len(d.graphHead(w)))...)
	}
	if lines, ok := d.op.Draw(w, h); ok {
		return lines
	}
	switch d.op.Phase {
	case operation.Planned:
		return d.viewPlan(w, h)
	case operation.Done:
		head := fmt.Sprintf("%s Done in %s", t.Signs.Done, draw.Stopwatch(d.op.Progress.Elapsed()))
		var did []string
		if s := d.op.Summary; s != nil {
			did = s.Counts()
		}
		lines := []string{"", " " + t.Good.Bold(true).Render(head) + t.Dim.Render("   "+strings.Join(did, t.Signs.Sep)), ""}
		lines = append(lines, d.viewOutputs(w)...)
		return append(lines, "", "   "+t.Key.Render(d.Root.Key("live"))+" shows the tasks as they live, "+t.Key.Render(d.Root.Key("logs"))+" what they say.")
	}
	if d.Stack.Exists {
		since := ""
		if !d.Stack.Created.IsZero() {
			since = ", since " + d.Stack.Created.Local().Format("15:04")
		}
		lines := []string{"", " " + t.Good.Bold(true).Render(t.Signs.Running+" The stack is up") +
			t.Dim.Render(fmt.Sprintf("   %s%s", draw.Count(d.Stack.Resources, "resource"), since)), ""}
		lines = append(lines, d.LastRun(w)...)
		if now := d.Meter(); now.Sentence != "" {
			lines = append(lines, draw.Indent(3, draw.Paragraphs(min(w-6, draw.ReadWidth), t.Text, clean.Line(now.Sentence)))...)
			if now.Warning != "" {
				lines = append(lines, draw.Indent(3, draw.Paragraphs(min(w-6, draw.ReadWidth), t.Attention, t.Signs.Warn+" "+clean.Line(now.Warning)+" Press "+d.Root.Key("cleanup")+" to clean up."))...)
			}
			lines = append(lines, "")
		}
		if ttl := d.Stack.TTL; ttl != nil {
			lines = append(lines, draw.Indent(3, draw.Paragraphs(min(w-6, draw.ReadWidth), t.Attention, ttl.Sentence(d.Now())))...)
			lines = append(lines, "")
		}
		lines = append(lines, d.viewOutputs(w)...)
		lines = append(lines, "")
		return append(lines, draw.Indent(3, draw.Paragraphs(min(w-6, draw.ReadWidth), t.Text,
			"Changed something in the configuration? "+t.Key.Render("p")+" makes a new plan: it shows what is different before anything is done."))...)
	}
	lines := []string{"", " " + t.Heading.Render("Nothing is deployed yet"), ""}
	lines = append(lines, d.LastRun(w)...)
	lines = append(lines, draw.Indent(1, draw.Paragraphs(min(w-4, draw.ReadWidth), t.Text,
		"Terraform first makes a plan: a list of everything it would create, and why. Nothing is created until you have read that list and said yes."))...)
	lines = append(lines, "", " Press "+t.Key.Render("enter")+" to make the plan. It takes a few seconds.", "")
	cost := "Cost: nothing in the sandbox; the plan says what it would be on AWS."
	if !d.Info.Sandbox {
		cost = "Cost: the plan says what it will be. Making the plan costs nothing."
	}
	lines = append(lines, draw.Indent(1, draw.Paragraphs(min(w-4, draw.ReadWidth), t.Dim,
		"Where: "+d.Where()+".", cost, "Files: "+clean.Line(d.Info.Workspace)))...)
	if !d.Ready.Done && d.Ready.Err == nil {
		lines = append(lines, "", " "+t.Dim.Render(t.Signs.Working+" "+d.Ready.Message))
	}
	if d.Ready.Err != nil {
		lines = append(lines, d.op.NotReady(w)...)
	}
	return lines
}

// graphHead says above the diagram what must not be missed beside it.
func (d *Page) graphHead(w int) []string {
	t := d.Theme
	switch d.op.Phase {
	case operation.Applying:
		head := []string{d.op.Progress.Head(w)}
		for _, l := range d.op.Progress.StoppedTasks(w) {
			head = append(head, draw.Cut(l, w, t))
		}
		return head[:min(len(head), 3)]
	case operation.Planned:
		return []string{draw.Cut(" "+t.Strong.Render("Plan")+"   "+operation.Counts(d.op.Plan, t), w, t)}
	case operation.Failed:
		return []string{draw.Cut(" "+t.Bad.Render(t.Signs.Failed+" Terraform could not do all of it")+t.Dim.Render("   g says why"), w, t)}
	}
	return nil
}

func (d *Page) viewPlan(w, h int) []string {
	t := d.Theme
	p := d.op.Plan
	if p.Empty() {
		lines := []string{"", " " + t.Good.Bold(true).Render(t.Signs.Done+" Nothing to change"), ""}
		lines = append(lines, draw.Indent(3, draw.Paragraphs(min(w-6, draw.ReadWidth), t.Text,
			"What is up is exactly what the configuration asks for. Terraform compared every resource with AWS just now."))...)
		if notes := d.op.Notes(w); len(notes) > 0 {
			lines = append(append(lines, ""), notes...)
		}
		if len(p.Drift) > 0 {
			lines = append(lines, "")
			return append(lines, d.op.Tree(w, h-len(lines))...)
		}
		return lines
	}
	cost := d.op.Price
	head := " " + t.Strong.Render("Plan") + "   " + operation.Counts(p, t)
	lines := []string{draw.Ends(head, t.Dim.Render(cost.Whole)+" ", w, t)}
	if draw.Width(head)+draw.Width(cost.Whole)+4 > w {
		lines = []string{draw.Cut(head, w, t), draw.Cut("        "+t.Dim.Render(cost.Whole), w, t)}
	}
	lines = append(lines, draw.Indent(8, d.Caveats(d.op.Price, w-9))...)
	lines = append(lines, "")
	lines = append(lines, d.op.Notes(w)...)
	return append(lines, d.op.Tree(w, h-len(lines))...)
}

func (d *Page) viewOutputs(w int) []string {
	t := d.Theme
	names := d.outputNames()
	if len(names) == 0 {
		return nil
	}
	nw := 0
	for _, n := range names {
		nw = max(nw, draw.Width(n))
	}
	nw = min(nw, 28)
	lines := []string{"   " + t.Strong.Render("Outputs"), ""}
	d.outputs.Rows(len(names))
	for i, n := range names {
		v := clean.Line(fmt.Sprint(d.Stack.Outputs[n]))
		st := t.Text
		if strings.HasPrefix(v, "http") {
			st = t.Accent.Underline(true)
		}
		l := "     " + draw.Fit(clean.Line(n), nw, t) + "  " + st.Render(draw.Cut(v, w-nw-9, t))
		if i == d.outputs.Cursor {
			l = "   " + t.Key.Render(t.Signs.Current) + " " + t.Strong.Render(draw.Fit(clean.Line(n), nw, t)) + "  " + st.Render(draw.Cut(v, w-nw-9, t))
		}
		lines = append(lines, l)
	}
	return lines
}
