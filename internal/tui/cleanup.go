package tui

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/sweep"
)

// sweepTime bounds how long the question of what is left may take.
const sweepTime = 2 * time.Minute

// cleanup is the page that leads back to an empty account, and proves it.
type cleanup struct {
	run
	asking  int // generation of the receipt's job
	receipt *Receipt
	rerr    error
	scroll  view
}

func newCleanup(s *shared) *cleanup {
	c := &cleanup{run: run{shared: s, destroy: true}}
	c.applied = func() tea.Cmd { c.ask(); return nil }
	c.failed = c.ask // what is left is asked whatever happened
	c.after = func(w int) []string {
		switch {
		case c.jobs.alive(c.asking):
			return []string{"   " + c.theme.Accent.Render(c.spinner()) + " Asking " + c.where() + " what is left"}
		case c.rerr != nil:
			return indent(3, paragraphs(min(w-6, readWidth), c.theme.Attention, "It is not known what is left: "+clean.Line(c.rerr.Error())))
		case c.receipt != nil:
			return c.viewReceipt(w)
		}
		return nil
	}
	return c
}

// ask asks the account what is left.
func (c *cleanup) ask() {
	c.jobs.drop(c.asking)
	c.receipt, c.rerr = nil, nil
	c.asking = c.jobs.start(func(ctx context.Context, _ int, _ func(any)) (any, error) {
		ctx, cancel := context.WithTimeout(ctx, sweepTime)
		defer cancel()
		return c.session.Receipt(ctx)
	}, func(m any) tea.Cmd {
		e := m.(ended)
		if e.err != nil {
			c.rerr = e.err
		} else {
			r := e.value.(Receipt)
			c.receipt = &r
		}
		return nil
	})
}

func (c *cleanup) moving() time.Duration {
	if c.jobs.alive(c.asking) {
		return spinTime
	}
	return c.run.moving()
}

func (c *cleanup) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	if cmd, ok := c.keyCommon(k); ok {
		return cmd, true
	}
	key := k.String()
	switch c.phase {
	case phaseIdle:
		if key == "enter" {
			return c.begin(), true // what the state has lost is in the plan as well
		}
		if key == "r" && !c.stack.Exists && c.ready.done && !c.jobs.alive(c.asking) {
			c.ask()
			return nil, true
		}
		return nil, c.scroll.key(k)
	case phaseWaiting:
		if key == "esc" {
			c.phase = phaseIdle
			return nil, true
		}
	case phasePlanned:
		switch key {
		case "x":
			if !c.plan.Empty() && c.mayChange() {
				c.confirm()
			}
			return nil, true
		case "esc":
			c.phase = phaseIdle
			return nil, true
		case "r":
			return c.begin(), true
		}
		return nil, c.tree.key(k)
	case phaseDone:
		switch key {
		case "r":
			if !c.jobs.alive(c.asking) {
				c.ask()
			}
			return nil, true
		case "enter":
			if c.receipt != nil && c.receipt.Left > 0 {
				return c.begin(), true
			}
		}
		return nil, c.scroll.key(k)
	}
	return nil, false
}

func (c *cleanup) confirm() {
	c.dialog = &dialog{
		title:  "Delete " + count(c.plan.Delete, "resource") + " in " + c.where() + "?",
		danger: true,
		body: []string{
			"This takes away everything that the list on the screen shows. The app stops answering, and its logs go too.",
			"",
			"Your files and your place in the workshop stay: you can deploy again at any time.",
		},
		word: "destroy",
		choices: []choice{
			{label: "No, keep it"},
			{label: "Yes, delete it all", do: func(*dialog) tea.Cmd { return c.apply() }},
		},
	}
}

func (c *cleanup) view(w, h int) []string {
	t := c.theme
	if lines, ok := c.viewCommon(w, h); ok {
		return lines
	}
	if c.phase == phasePlanned {
		if c.plan.Empty() {
			if len(c.diags) > 0 { // warnings: something could not be asked
				lines := []string{"", " " + t.Attention.Bold(true).Render(t.Signs.Warn+" Nothing to delete was found, but not everything could be asked"), ""}
				return append(lines, c.diagnosticLines(w-4, 0)...)
			}
			return []string{"", " " + t.Good.Bold(true).Render(t.Signs.Done+" Nothing to delete"), "",
				"   Terraform's state lists nothing, and " + c.where() + " has nothing of this workspace."}
		}
		head := " " + t.Strong.Render("Clean up") + "   " + counts(c.plan, t)
		lines := []string{cut(head, w, t), ""}
		return append(lines, c.tree.view(w, h-len(lines), t)...)
	}
	if c.jobs.alive(c.asking) {
		return []string{"", "  " + t.Accent.Render(c.spinner()) + " " + t.Strong.Render("Asking "+c.where()+" what is left"), "",
			"    " + t.Dim.Render(cut("Not Terraform's state, the account itself: each kind of thing, one question.", w-6, t))}
	}
	if c.rerr != nil {
		lines := []string{"", " " + t.Attention.Bold(true).Render(t.Signs.Warn+" It is not known what is left"), ""}
		lines = append(lines, indent(3, paragraphs(min(w-6, readWidth), t.Text, clean.Line(c.rerr.Error())))...)
		return append(lines, "", "   "+t.Key.Render("r")+" asks again")
	}
	if c.receipt != nil && (c.phase == phaseDone || !c.stack.Exists) {
		lines := c.viewReceipt(w)
		from, to := c.scroll.window(len(lines), h)
		return lines[from:to]
	}
	if c.stack.Exists {
		lines := append([]string{"", " " + t.Heading.Render("The stack is up"), ""}, c.lastRun(w)...)
		up := count(c.stack.Resources, "resource")
		if !c.stack.Created.IsZero() {
			up += fmt.Sprintf(", for %s now", span(c.now().Sub(c.stack.Created)))
		}
		cost := c.cost
		lines = append(lines, "   "+up)
		lines = append(lines, indent(3, paragraphs(w-4, t.Text, "While it stands: "+cost.Whole))...)
		lines = append(lines, indent(3, paragraphs(w-4, t.Dim, cleanLines(cost.Hints)...))...)
		if now := c.meter(); now.SoFar != "" {
			lines = append(lines, indent(3, paragraphs(w-4, t.Text, "So far: "+cleanLine(now.SoFar)))...)
			if now.Warning != "" {
				lines = append(lines, indent(3, paragraphs(w-4, t.Attention, t.Signs.Warn+" "+cleanLine(now.Warning)))...)
			}
		}
		lines = append(lines, "")
		lines = append(lines, indent(3, paragraphs(min(w-6, readWidth), t.Text,
			"Press "+t.Key.Render("enter")+" to see what would be deleted. Nothing goes before you have typed the word."))...)
		longest := 0
		for _, p := range cost.Parts {
			longest = max(longest, width(clean.Line(p.What)))
		}
		lines = append(lines, "")
		for _, p := range cost.Parts {
			lines = append(lines, "     "+t.Dim.Render(fit(clean.Line(p.What), min(longest, w-22), t)+"  "+clean.Line(p.Hourly)))
		}
		return lines
	}
	lines := append([]string{"", " " + t.Heading.Render("Terraform's state lists nothing"), ""}, c.lastRun(w)...)
	return append(lines, indent(3, paragraphs(min(w-6, readWidth), t.Text,
		"Press "+t.Key.Render("r")+" to ask "+c.where()+" whether something is left, or "+t.Key.Render("enter")+" to find and delete it."))...)
}

func (c *cleanup) viewReceipt(w int) []string {
	t, r := c.theme, c.receipt
	rep := r.Report
	var unproven []sweep.Place
	for _, p := range rep.Places {
		if p.Err != "" {
			unproven = append(unproven, p)
		}
	}
	asked := fmt.Sprintf("asked %s at %s, in %s", map[bool]string{true: "the sandbox", false: "AWS"}[c.info.Sandbox],
		clock(rep.AsOf), count(len(rep.Places), "place"))
	var head string
	switch {
	case len(rep.Left) > 0:
		head = t.Bad.Bold(true).Render(t.Signs.Warn + " " + count(len(rep.Left), "thing") + " still there")
	case len(unproven) > 0:
		head = t.Attention.Bold(true).Render(t.Signs.Warn + " Nothing found, but not everything could be asked")
	default:
		head = t.Good.Bold(true).Render(t.Signs.Done + " Everything has been deleted.")
	}
	lines := []string{"", ends(" "+head, t.Dim.Render(asked)+" ", w, t)}
	if width(head)+width(asked)+4 > w {
		lines = []string{"", " " + head, "   " + t.Dim.Render(asked)}
	}
	lines = append(lines, "")
	row := func(name, text string) { lines = append(lines, "   "+t.Dim.Render(fit(name, 9, t))+text) }
	if r.Created > 0 || r.Removed > 0 {
		made := fmt.Sprintf("%s, removed %d", count(r.Created, "resource"), r.Removed)
		if !r.From.IsZero() {
			made = fmt.Sprintf("%s at %s, removed %d at %s", count(r.Created, "resource"), r.From.Local().Format("15:04"), r.Removed, r.To.Local().Format("15:04"))
			made = made + t.Dim.Render("      "+span(r.To.Sub(r.From)))
		}
		row("created", made)
	}
	switch {
	case len(rep.Left) > 0:
		row("left", t.Bad.Render(count(len(rep.Left), "thing")))
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
		lines = append(lines, "", cut("   "+t.Bad.Render(t.Signs.Failed)+" "+clean.Line(l.Kind)+": "+t.Strong.Render(clean.Line(name))+id, w, t))
		if l.Note != "" {
			lines = append(lines, "     "+t.Dim.Render(clean.Line(l.Note)))
		}
	}
	for _, p := range unproven {
		lines = append(lines, "", "   "+t.Attention.Render(t.Signs.Warn+" "+clean.Line(p.Name)+" could not be asked"))
		lines = append(lines, indent(5, paragraphs(min(w-8, readWidth), t.Dim, clean.Line(p.Err)))...)
	}
	var names []string
	for _, p := range rep.Places {
		if p.Err == "" {
			names = append(names, fmt.Sprintf("%s %d", clean.Line(p.Name), p.Found))
		}
	}
	lines = append(lines, "", "   "+t.Dim.Render("asked about"))
	return append(lines, indent(3, paragraphs(min(w-6, readWidth), t.Dim, strings.Join(names, t.Signs.Sep)))...)
}

func (c *cleanup) hints() []hint {
	if c.showLog {
		return []hint{{"esc", "back"}, {"G", "follow"}}
	}
	switch c.phase {
	case phasePlanning:
		return []hint{{"l", "log"}, {"ctrl+c", "stop"}}
	case phasePlanned:
		if c.plan.Empty() {
			return []hint{{"esc", "back"}}
		}
		return []hint{{"x", "delete all of this"}, {"enter", "fold"}, {"esc", "back"}}
	case phaseApplying:
		return []hint{{"l", "log"}, {"ctrl+c", "stop safely"}}
	case phaseFailed:
		if c.repairable() {
			return []hint{{"u", "repair"}, {"r", "plan again"}, {"l", "log"}}
		}
		return []hint{{"r", "plan again"}, {"l", "log"}}
	case phaseDone:
		if c.receipt != nil && c.receipt.Left > 0 {
			return []hint{{"enter", "delete what is left"}, {"r", "ask again"}, {"1", "guide"}}
		}
		return []hint{{"r", "ask again"}, {"1", "guide"}, {"q", "quit"}}
	}
	if c.stack.Exists {
		return []hint{{"enter", "see what would be deleted"}}
	}
	return []hint{{"r", "ask what is left"}, {"enter", "find and delete it"}}
}

var _ page = (*cleanup)(nil)
