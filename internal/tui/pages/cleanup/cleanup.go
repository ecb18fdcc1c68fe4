// Package cleanup is the page that leads back to an empty account, and proves it.
package cleanup

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/session"
	"workshop/internal/sweep"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/jobs"
	"workshop/internal/tui/keys"
	"workshop/internal/tui/operation"
	"workshop/internal/tui/page"
	"workshop/internal/tui/widgets"
)

// Session is what the page needs of the session. Methods may block.
type Session interface {
	// Receipt asks the account what is left after a destroy, and returns what the
	// stack was.
	Receipt(ctx context.Context) (session.Receipt, error)
}

// sweepTime bounds how long the question of what is left may take.
const sweepTime = 2 * time.Minute

// Page is the page. It belongs to the event loop.
type Page struct {
	*page.Context
	session    Session
	op         *operation.View
	keys       keys.Table
	asking     int // generation of the receipt's job
	receipt    *session.Receipt
	receiptErr error
	scroll     widgets.Scroll
}

// New returns the page, which shows the operation that destroys.
func New(c *page.Context, s Session, op *operation.View) *Page {
	p := &Page{Context: c, session: s, op: op}
	op.OnApplied = func() tea.Cmd { p.ask(); return nil }
	op.OnFailed = p.ask // what is left is asked whatever happened
	op.Below = p.below
	p.keys = p.table()
	return p
}

// below draws what is left under a failure.
func (c *Page) below(w int) []string {
	switch {
	case c.Jobs.Alive(c.asking):
		return []string{"   " + c.Theme.Accent.Render(c.Spinner()) + " Asking " + c.Where() + " what is left"}
	case c.receiptErr != nil:
		return draw.Indent(3, draw.Paragraphs(min(w-6, draw.ReadWidth), c.Theme.Attention, "It is not known what is left: "+clean.Line(c.receiptErr.Error())))
	case c.receipt != nil:
		return c.viewReceipt(w)
	}
	return nil
}

// ask asks the account what is left.
func (c *Page) ask() {
	c.Jobs.Drop(c.asking)
	c.receipt, c.receiptErr = nil, nil
	sess := c.session
	c.asking = jobs.Start(c.Jobs, func(ctx context.Context) (session.Receipt, error) {
		ctx, cancel := context.WithTimeout(ctx, sweepTime)
		defer cancel()
		return sess.Receipt(ctx)
	}, func(r session.Receipt, err error) tea.Cmd {
		if c.receiptErr = err; err == nil {
			c.receipt = &r
		}
		return nil
	})
}

// Changes returns how soon the page looks different by time alone.
func (c *Page) Changes() time.Duration {
	if c.Jobs.Alive(c.asking) {
		return page.SpinTime
	}
	return c.op.Changes()
}

// Keys returns the page's keys.
func (c *Page) Keys() keys.Table { return c.keys }

func (c *Page) table() keys.Table {
	op := c.op
	in := func(p operation.Phase, also func() bool) func() bool {
		return func() bool { return op.Phase == p && (also == nil || also()) }
	}
	empty := func() bool { return op.Plan.Empty() }
	full := func() bool { return !op.Plan.Empty() }
	up := func() bool { return c.Stack.Exists }
	back := keys.On("esc", "back; the plan is made anew the next time", func() { op.Phase = operation.Idle }).Hint("back")
	again := keys.OnCmd("r", "plan again", op.Begin)
	ask := func(hint string) keys.Key {
		return keys.On("r", "ask the account what is left", c.ask).If(func() bool { return !c.Jobs.Alive(c.asking) }).Hint(hint)
	}
	scroll := keys.Scrolls(c.scroll.Key)
	contexts := append(op.WorkKeys(),
		keys.Context{Name: "A plan to delete", When: in(operation.Planned, full), Rest: keys.Scrolls(op.ScrollPlan), Keys: append([]keys.Key{
			keys.On("x", "delete all of this; the word must be typed", func() {
				if c.MayChange() {
					c.confirm()
				}
			}).Hint("delete all of this")}, append(op.PlanKeys(), back, again)...)},
		keys.Context{Name: "A plan without anything to delete", When: in(operation.Planned, empty), Keys: []keys.Key{back, again}},
		keys.Context{Name: "After the clean-up", When: in(operation.Done, nil), Rest: scroll, Keys: []keys.Key{
			keys.OnCmd("enter", "delete what is left", op.Begin).If(func() bool { return c.receipt != nil && c.receipt.Left > 0 }).Hint("delete what is left"),
			ask("ask again"),
			keys.Shown(c.Root.Key("guide"), "guide"),
			keys.Shown("q", "quit").If(func() bool { return c.receipt == nil || c.receipt.Left == 0 })}},
		keys.Context{Name: "The stack is up", When: in(operation.Idle, up), Rest: scroll, Keys: []keys.Key{
			keys.OnCmd("enter", "see what would be deleted", op.Begin).Hint("see what would be deleted")}},
		keys.Context{Name: "Nothing is deployed", When: in(operation.Idle, func() bool { return !up() }), Rest: scroll, Keys: []keys.Key{
			ask("ask what is left").If(func() bool { return c.Ready.Done && !c.Jobs.Alive(c.asking) }),
			keys.OnCmd("enter", "find and delete what is left", op.Begin).Hint("find and delete it")}}, // what the state has lost is in the plan as well
	)
	return op.Keys(contexts...)
}

func (c *Page) confirm() {
	c.Dialog = &widgets.Dialog{
		Title:  "Delete " + draw.Count(c.op.Plan.Delete, "resource") + " in " + c.Where() + "?",
		Danger: true,
		Body: []string{
			"This takes away everything that the list on the screen shows. The app stops answering, and its logs go too.",
			"",
			"Your files and your place in the workshop stay: you can deploy again at any time.",
		},
		Word: "destroy",
		Choices: []widgets.Choice{
			{Label: "No, keep it"},
			{Label: "Yes, delete it all", Do: func(*widgets.Dialog) tea.Cmd { return c.op.Apply() }},
		},
	}
}

// View draws the page.
func (c *Page) View(w, h int) []string {
	t := c.Theme
	if lines, ok := c.op.Draw(w, h); ok {
		return lines
	}
	if c.op.Phase == operation.Planned {
		if c.op.Plan.Empty() {
			if warnings := c.op.Diagnostics(w - 4); len(warnings) > 0 { // something could not be asked
				lines := []string{"", " " + t.Attention.Bold(true).Render(t.Signs.Warn+" Nothing to delete was found, but not everything could be asked"), ""}
				return append(lines, warnings...)
			}
			return []string{"", " " + t.Good.Bold(true).Render(t.Signs.Done+" Nothing to delete"), "",
				"   Terraform's state lists nothing, and " + c.Where() + " has nothing of this workspace."}
		}
		head := " " + t.Strong.Render("Clean up") + "   " + operation.Counts(c.op.Plan, t)
		lines := append([]string{draw.Cut(head, w, t), ""}, c.op.Notes(w)...)
		return append(lines, c.op.Tree(w, h-len(lines))...)
	}
	if c.Jobs.Alive(c.asking) {
		return []string{"", "  " + t.Accent.Render(c.Spinner()) + " " + t.Strong.Render("Asking "+c.Where()+" what is left"), "",
			"    " + t.Dim.Render(draw.Cut("Not Terraform's state, the account itself: each kind of thing, one question.", w-6, t))}
	}
	if c.receiptErr != nil {
		lines := []string{"", " " + t.Attention.Bold(true).Render(t.Signs.Warn+" It is not known what is left"), ""}
		lines = append(lines, draw.Indent(3, draw.Paragraphs(min(w-6, draw.ReadWidth), t.Text, clean.Line(c.receiptErr.Error())))...)
		return append(lines, "", "   "+t.Key.Render("r")+" asks again")
	}
	if c.receipt != nil && (c.op.Phase == operation.Done || !c.Stack.Exists) {
		lines := c.viewReceipt(w)
		from, to := c.scroll.Window(len(lines), h)
		return lines[from:to]
	}
	if c.Stack.Exists {
		lines := append([]string{"", " " + t.Heading.Render("The stack is up"), ""}, c.LastRun(w)...)
		up := draw.Count(c.Stack.Resources, "resource")
		if !c.Stack.Created.IsZero() {
			up += fmt.Sprintf(", for %s now", draw.Span(c.Now().Sub(c.Stack.Created)))
		}
		cost := c.Cost
		lines = append(lines, "   "+up)
		lines = append(lines, draw.Indent(3, draw.Paragraphs(w-4, t.Text, "While it stands: "+cost.Whole))...)
		lines = append(lines, draw.Indent(3, draw.Paragraphs(w-4, t.Dim, draw.CleanLines(cost.Hints)...))...)
		if now := c.Meter(); now.SoFar != "" {
			lines = append(lines, draw.Indent(3, draw.Paragraphs(w-4, t.Text, "So far: "+clean.Line(now.SoFar)))...)
			if now.Warning != "" {
				lines = append(lines, draw.Indent(3, draw.Paragraphs(w-4, t.Attention, t.Signs.Warn+" "+clean.Line(now.Warning)))...)
			}
		}
		lines = append(lines, "")
		lines = append(lines, draw.Indent(3, draw.Paragraphs(min(w-6, draw.ReadWidth), t.Text,
			"Press "+t.Key.Render("enter")+" to see what would be deleted. Nothing goes before you have typed the word."))...)
		longest := 0
		for _, p := range cost.Parts {
			longest = max(longest, draw.Width(clean.Line(p.What)))
		}
		lines = append(lines, "")
		for _, p := range cost.Parts {
			lines = append(lines, "     "+t.Dim.Render(draw.Fit(clean.Line(p.What), min(longest, w-22), t)+"  "+clean.Line(p.Hourly)))
		}
		return lines
	}
	lines := append([]string{"", " " + t.Heading.Render("Terraform's state lists nothing"), ""}, c.LastRun(w)...)
	return append(lines, draw.Indent(3, draw.Paragraphs(min(w-6, draw.ReadWidth), t.Text,
		"Press "+t.Key.Render("r")+" to ask "+c.Where()+" whether something is left, or "+t.Key.Render("enter")+" to find and delete it."))...)
}

func (c *Page) viewReceipt(w int) []string {
	t, r := c.Theme, c.receipt
	rep := r.Report
	var unproven []sweep.Place
	for _, p := range rep.Places {
		if p.Err != "" {
			unproven = append(unproven, p)
		}
	}
	asked := fmt.Sprintf("asked %s at %s, in %s", map[bool]string{true: "the sandbox", false: "AWS"}[c.Info.Sandbox],
		draw.Clock(rep.AsOf), draw.Count(len(rep.Places), "place"))
	var head string
	switch {
	case len(rep.Left) > 0:
		head = t.Bad.Bold(true).Render(t.Signs.Warn + " " + draw.Count(len(rep.Left), "thing") + " still there")
	case len(unproven) > 0:
		head = t.Attention.Bold(true).Render(t.Signs.Warn + " Nothing found, but not everything could be asked")
	default:
		head = t.Good.Bold(true).Render(t.Signs.Done + " Everything has been deleted.")
	}
	lines := []string{"", draw.Ends(" "+head, t.Dim.Render(asked)+" ", w, t)}
	if draw.Width(head)+draw.Width(asked)+4 > w {
		lines = []string{"", " " + head, "   " + t.Dim.Render(asked)}
	}
	lines = append(lines, "")
	row := func(name, text string) { lines = append(lines, "   "+t.Dim.Render(draw.Fit(name, 9, t))+text) }
	if r.Created > 0 || r.Removed > 0 {
		made := fmt.Sprintf("%s, removed %d", draw.Count(r.Created, "resource"), r.Removed)
		if !r.From.IsZero() {
			made = fmt.Sprintf("%s at %s, removed %d at %s", draw.Count(r.Created, "resource"), r.From.Local().Format("15:04"), r.Removed, r.To.Local().Format("15:04"))
			made = made + t.Dim.Render("      "+draw.Span(r.To.Sub(r.From)))
		}
		row("created", made)
	}
	switch {
	case len(rep.Left) > 0:
		row("left", t.Bad.Render(draw.Count(len(rep.Left), "thing")))
	case len(unproven) > 0:
		row("left", t.Attention.Render("not proven"))
	default:
		row("left", t.Good.Render("nothing"))
	}
	if r.Cost != "" {
		row("cost", clean.Line(r.Cost))
	}
	if r.State != "" && r.Left == 0 && len(unproven) == 0 {
		row("state", "stays in "+clean.Line(r.State)+", which workshop does not delete")
	}
	for _, l := range rep.Left {
		name := l.Name
		id := t.Dim.Render("  " + clean.Line(l.ID))
		if name == "" || name == l.ID {
			name, id = l.ID, ""
		}
		lines = append(lines, "", draw.Cut("   "+t.Bad.Render(t.Signs.Failed)+" "+clean.Line(l.Kind)+": "+t.Strong.Render(clean.Line(name))+id, w, t))
		if l.Note != "" {
			lines = append(lines, "     "+t.Dim.Render(clean.Line(l.Note)))
		}
	}
	for _, p := range unproven {
		lines = append(lines, "", "   "+t.Attention.Render(t.Signs.Warn+" "+clean.Line(p.Name)+" could not be asked"))
		lines = append(lines, draw.Indent(5, draw.Paragraphs(min(w-8, draw.ReadWidth), t.Dim, clean.Line(p.Err)))...)
	}
	var names []string
	for _, p := range rep.Places {
		if p.Err == "" {
			names = append(names, fmt.Sprintf("%s %d", clean.Line(p.Name), p.Found))
		}
	}
	lines = append(lines, "", "   "+t.Dim.Render("asked about"))
	return append(lines, draw.Indent(3, draw.Paragraphs(min(w-6, draw.ReadWidth), t.Dim, strings.Join(names, t.Signs.Sep)))...)
}
