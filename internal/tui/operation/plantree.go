package operation

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"workshop/internal/clean"
	"workshop/internal/stack"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/style"
	"workshop/internal/tui/widgets"
)

// planTree shows a plan, grouped by purpose. Groups and resources fold.
type planTree struct {
	groups []planGroup
	folded map[stack.Group]bool
	open   map[string]bool // by address: the details of a resource are shown
	scroll widgets.Scroll
	rows   []planRow // what is visible, in order
}

type planGroup struct {
	group   stack.Group
	name    string
	means   string
	changes []stack.Change
	drift   bool
}

type planRow struct {
	group  int
	change int // -1 for the group itself
	detail string
}

// driftGroup stands for what changed outside Terraform.
const driftGroup stack.Group = "drift"

func newPlanTree(p *stack.Plan) planTree {
	t := planTree{scroll: widgets.Scroll{List: true}, folded: map[stack.Group]bool{}, open: map[string]bool{}}
	byGroup := map[stack.Group][]stack.Change{}
	for _, c := range p.Changes {
		if c.Action != stack.ActionNone && c.Action != stack.ActionRead {
			byGroup[c.Group] = append(byGroup[c.Group], c)
		}
	}
	if len(p.Drift) > 0 {
		t.groups = append(t.groups, planGroup{driftGroup, "Changed outside Terraform", "since the last apply", p.Drift, true})
	}
	add := func(g stack.Group, means string) {
		if len(byGroup[g]) > 0 {
			t.groups = append(t.groups, planGroup{g, draw.Capital(string(g)), means, byGroup[g], false})
			delete(byGroup, g)
		}
	}
	for _, g := range stack.Groups {
		add(g, g.Meaning())
	}
	var rest []stack.Change
	for _, c := range p.Changes { // in the plan's order, groups that we do not know
		if _, unknown := byGroup[c.Group]; unknown && c.Action != stack.ActionNone && c.Action != stack.ActionRead {
			rest = append(rest, c)
		}
	}
	if len(rest) > 0 {
		t.groups = append(t.groups, planGroup{"", "Other", "what you have added yourself", rest, false})
	}
	t.fill()
	return t
}

// overview folds every group but the first: the counts are seen at a glance.
func (t *planTree) overview() {
	for i, g := range t.groups {
		t.folded[g.group] = i > 0
	}
	t.fill()
}

func (t *planTree) fill() {
	t.rows = t.rows[:0]
	for gi, g := range t.groups {
		t.rows = append(t.rows, planRow{gi, -1, ""})
		if t.folded[g.group] {
			continue
		}
		for ci, c := range g.changes {
			t.rows = append(t.rows, planRow{gi, ci, ""})
			if t.open[c.Address] {
				for _, d := range details(c) {
					t.rows = append(t.rows, planRow{gi, ci, d})
				}
			}
		}
	}
	t.scroll.Rows(len(t.rows))
}

func details(c stack.Change) []string {
	var out []string
	out = append(out, clean.Line(c.Address))
	for _, f := range c.Drifted {
		out = append(out, clean.Line(f.Name)+" was "+clean.Line(f.Old)+", is "+clean.Line(f.New))
	}
	if len(c.Fields) > 0 && len(c.Drifted) == 0 {
		out = append(out, "changes "+clean.Line(strings.Join(c.Fields, ", ")))
	}
	if c.Reason != "" {
		out = append(out, clean.Line(c.Reason))
	}
	if len(c.Needs) > 0 {
		out = append(out, "waits for "+clean.Line(strings.Join(c.Needs, ", ")))
	}
	return out
}

// at is the row under the cursor with its group.
func (t *planTree) at() (planRow, planGroup) {
	r := t.rows[min(t.scroll.Cursor, len(t.rows)-1)]
	return r, t.groups[r.group]
}

// toggle folds or unfolds the group, or shows or hides the details of the resource,
// under the cursor.
func (t *planTree) toggle() {
	at, g := t.at()
	if at.change < 0 {
		t.folded[g.group] = !t.folded[g.group]
	} else {
		a := g.changes[at.change].Address
		t.open[a] = !t.open[a]
	}
	t.fill()
}

// fold hides details, and then the group; the cursor goes up to what was folded.
func (t *planTree) fold() {
	at, g := t.at()
	if at.change >= 0 && t.open[g.changes[at.change].Address] {
		delete(t.open, g.changes[at.change].Address)
	} else {
		t.folded[g.group] = true
	}
	for i, r := range t.rows {
		if r.group == at.group && (r.change == at.change || r.change < 0 && t.folded[g.group]) {
			t.scroll.Cursor = i
			break
		}
	}
	t.fill()
}

// unfold shows a group or the details of a resource.
func (t *planTree) unfold() {
	at, g := t.at()
	if at.change < 0 {
		t.folded[g.group] = false
	} else {
		t.open[g.changes[at.change].Address] = true
	}
	t.fill()
}

// sign returns the mark of an action, as Terraform draws it, in its colour.
func sign(a stack.Action, t style.Theme) (string, lipgloss.Style) {
	switch a {
	case stack.ActionCreate:
		return "+", t.Good
	case stack.ActionUpdate:
		return "~", t.Attention
	case stack.ActionReplace:
		return "-/+", t.Attention
	case stack.ActionDelete:
		return "-", t.Bad
	case stack.ActionRead:
		return "<=", t.Dim
	}
	return " ", t.Dim
}

func (t *planTree) view(w, h int, th style.Theme) []string {
	nameWidth := 0
	for _, g := range t.groups {
		nameWidth = max(nameWidth, draw.Width(g.name))
	}
	from, to := t.scroll.Window(len(t.rows), h)
	var out []string
	for i := from; i < to; i++ {
		r := t.rows[i]
		g := t.groups[r.group]
		here := i == t.scroll.Cursor
		var l string
		switch {
		case r.change < 0:
			fold := th.Signs.Unfolded
			if t.folded[g.group] {
				fold = th.Signs.Folded
			}
			name := th.Strong.Render(draw.Fit(g.name, nameWidth, th))
			if g.drift {
				name = th.Attention.Bold(true).Render(draw.Fit(g.name, nameWidth, th))
			}
			l = fmt.Sprintf("   %s %s  %s   %s", fold, name, th.Strong.Render(fmt.Sprintf("%3d", len(g.changes))), th.Dim.Render(g.means))
		case r.detail != "":
			l = "           " + th.Border.Render(th.Signs.Quote) + " " + th.Dim.Render(r.detail)
		default:
			c := g.changes[r.change]
			mark, st := sign(c.Action, th)
			left, after := fmt.Sprintf("     %s ", st.Render(fmt.Sprintf("%3s", mark))), ""
			if c.Action == stack.ActionReplace && c.Reason != "" {
				after = th.Attention.Render("  because " + clean.Line(c.Reason))
			} else if c.Action == stack.ActionUpdate && len(c.Fields) > 0 {
				after = th.Dim.Render("  changes " + clean.Line(strings.Join(c.Fields, ", ")))
			}
			name, address := title(c), clean.Line(c.Address)
			room := w - draw.Width(left+after) - 4 - draw.Width(address)
			// The address says more than what AWS's word means, where there is room for one.
			if short, _, ok := strings.Cut(name, ": "); ok && draw.Width(name) > room && draw.Width(short) <= room {
				name = short
			}
			if l = left + name + after; draw.Width(name) <= room {
				l = draw.Ends(l, th.Dim.Render(address)+" ", w, th)
			}
		}
		if here {
			l = pick(l, w, th)
		}
		out = append(out, draw.Cut(l, w, th))
	}
	return out
}

// pick marks the line that has the cursor, by a sign at its left and by colour.
func pick(l string, w int, t style.Theme) string {
	return " " + t.Key.Render(t.Signs.Current) + t.Strong.Render(draw.Cut(ansi.TruncateLeft(l, 2, ""), w-2, t))
}

// Counts returns a plan in one line: what it creates, changes and deletes.
func Counts(p *stack.Plan, t style.Theme) string {
	part := func(n int, st lipgloss.Style, what string) string {
		if n == 0 {
			return t.Dim.Render("0 " + what)
		}
		return st.Render(draw.Thousands(n)) + " " + what
	}
	if p.Destroy && p.Create+p.Update+p.Replace == 0 {
		return part(p.Delete, t.Bad, "to delete")
	}
	s := []string{part(p.Create, t.Good, "to create"), part(p.Update, t.Attention, "to change")}
	if p.Replace > 0 {
		s = append(s, part(p.Replace, t.Attention, "to replace"))
	}
	return strings.Join(append(s, part(p.Delete, t.Bad, "to delete")), t.Dim.Render(t.Signs.Sep))
}
