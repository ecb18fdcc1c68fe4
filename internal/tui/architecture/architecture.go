// Package architecture shows the diagram of what Terraform deploys, as it stands.
package architecture

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/fargate"
	"workshop/internal/lesson"
	"workshop/internal/stack"
	"workshop/internal/tui/diagram"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/jobs"
	"workshop/internal/tui/keys"
	"workshop/internal/tui/operation"
	"workshop/internal/tui/page"
)

// Session is what the diagram needs of the session.
type Session interface {
	// Sources returns where each resource is written down, by its address without
	// index.
	Sources(ctx context.Context) (map[string]stack.Source, error)
}

// Diagram is the diagram of the architecture, which Deploy and Live show in place
// of their own picture. Both show the same one. It belongs to the event loop.
type Diagram struct {
	*page.Context
	Shown bool

	session    Session
	operations []*operation.View // whose plans and applies are seen in it
	chosen     string
	sources    map[string]stack.Source // by address without index
	picture    diagram.Picture         // the last one that was drawn
}

// New returns the diagram, hidden.
func New(c *page.Context, s Session, operations ...*operation.View) *Diagram {
	return &Diagram{Context: c, session: s, operations: operations}
}

// Toggle shows or hides the diagram.
func (g *Diagram) Toggle() {
	g.Shown = !g.Shown
	if !g.Shown {
		return
	}
	if g.chosen == "" {
		g.chosen = "balancer"
	}
	jobs.Start(g.Jobs, g.session.Sources, func(sources map[string]stack.Source, err error) tea.Cmd {
		if err == nil {
			g.sources = sources
		}
		return nil
	})
}

// input is all that the picture depends on.
func (g *Diagram) input() diagram.Input {
	in := diagram.Input{Resources: map[string]diagram.State{}, Snapshot: g.Snapshot, Network: g.Stack.Network, URL: g.Stack.URL, Now: g.Now(), Beat: g.Beat}
	for _, a := range g.Stack.Addresses {
		in.Resources[a] = diagram.Up
	}
	for _, v := range g.operations {
		switch {
		case v.Phase == operation.Planned && !v.Destroy:
			for _, c := range v.Plan.Changes {
				if c.Action == stack.ActionCreate {
					in.Resources[c.Address] = diagram.Planned
				}
				if cidr, ok := c.Values["cidr_block"].(string); ok && c.Type == "aws_vpc" {
					in.Network = cidr
				}
			}
		case v.Progress != nil && (v.Phase == operation.Applying || v.Phase == operation.Failed):
			in.Deploying = in.Deploying || v.Phase == operation.Applying && !v.Destroy
			for _, x := range v.Progress.Reading().Resources {
				if cidr, ok := x.Values["cidr_block"].(string); ok && x.Type == "aws_vpc" {
					in.Network = cidr
				}
				switch {
				case x.State == stack.Failed:
					in.Resources[x.Address] = diagram.Failing
				case x.State == stack.Working && v.Phase == operation.Applying:
					in.Resources[x.Address] = diagram.Working
				case x.State == stack.Done && x.Action == stack.ActionDelete:
					delete(in.Resources, x.Address)
				case x.State == stack.Done:
					in.Resources[x.Address] = diagram.Up
				case x.Action == stack.ActionCreate:
					in.Resources[x.Address] = diagram.Planned
				}
			}
		}
	}
	return in
}

// Keys returns the diagram's keys, with those that the page adds to them.
func (g *Diagram) Keys(of ...keys.Key) []keys.Context {
	choose := func(dx, dy, by int) func() {
		return func() { g.chosen = g.picture.Next(g.chosen, dx, dy, by) }
	}
	return []keys.Context{{Name: "The diagram", When: func() bool { return g.Shown }, LastHints: true, Keys: append([]keys.Key{
		keys.Shown("arrows", "choose"),
		keys.OnCmd("enter", "open the step that explains the chosen part", g.openStep).Hint("its step"),
		keys.On("g esc", "back from the diagram", g.Toggle).Hint("back"),
		keys.On("tab j", "the next part", choose(0, 0, 1)),
		keys.On("shift+tab k", "the part before", choose(0, 0, -1)),
		keys.On("left", "the part to the left", choose(-1, 0, 0)),
		keys.On("right", "the part to the right", choose(1, 0, 0)),
		keys.On("up", "the part above", choose(0, -1, 0)),
		keys.On("down", "the part below", choose(0, 1, 0)),
	}, of...)}, {When: func() bool { return !g.Shown }, Keys: []keys.Key{
		keys.On("g", "the diagram of the architecture, as it stands", g.Toggle).If(func() bool { return g.Chosen == nil }),
	}}}
}

func (g *Diagram) openStep() tea.Cmd {
	if p, ok := g.part(diagram.Parts(g.input())); ok {
		if s := g.step(p); s != nil {
			return g.Root.OpenStep(s.ID)
		}
	}
	return nil
}

func (g *Diagram) part(parts []diagram.Part) (diagram.Part, bool) {
	for _, p := range parts {
		if p.ID == g.chosen {
			return p, true
		}
	}
	return diagram.Part{}, false
}

// step is the one that explains a part; nil where the course has none.
func (g *Diagram) step(p diagram.Part) *lesson.Step {
	for _, id := range p.Steps {
		if s, ok := g.Course.Step(id); ok {
			return s
		}
	}
	return nil
}

// Changes returns how soon the picture looks different by time alone.
func (g *Diagram) Changes() time.Duration {
	in := g.input()
	if diagram.Moving(in, g.Layout.W) {
		return 60 * time.Millisecond
	}
	for _, p := range diagram.Parts(in) {
		if p.State == diagram.Working {
			return page.SpinTime
		}
	}
	return time.Second
}

// detailRows is how many lines say what there is to know of the chosen part.
// Where the picture leaves room there are more, and beside them stands the block
// that Terraform reads.
const (
	detailRows = 5
	mostRows   = 15
	codeWidth  = 110 // of the screen, from which on there is room for code
)

// View draws the diagram with what there is to know of the chosen part below.
func (g *Diagram) View(w, h int) []string {
	in := g.input()
	rows := min(detailRows, max(2, h-diagram.LeastHeight))
	switch {
	case w < diagram.LeastWidth:
		rows = min(detailRows, h/3)
	case w >= codeWidth:
		rows = max(rows, min(mostRows, h-diagram.Height(w)))
	}
	parts := diagram.Parts(in)
	if _, ok := g.part(parts); !ok { // a task that has gone
		g.chosen = "service"
	}
	g.picture = diagram.Draw(in, w, h-rows, g.chosen, g.Theme)
	lines := draw.Block(g.picture.Lines, min(h-rows, len(g.picture.Lines)+1))
	p, _ := g.part(parts)
	return append(lines, draw.Block(g.details(p, w, rows), rows)...)
}

// details is what there is to know of a part, the most needed first.
func (g *Diagram) details(p diagram.Part, w, rows int) []string {
	t := g.Theme
	st := t.Dim
	switch p.State {
	case diagram.Working:
		st = t.Accent
	case diagram.Up:
		st = t.Good
	case diagram.Failing:
		st = t.Bad
	}
	head := " " + t.Key.Render(t.Signs.Current) + " " + t.Strong.Render(draw.Capital(p.Name)) + "  " + st.Render(p.State.String())
	if p.ID == "users" {
		head = " " + t.Key.Render(t.Signs.Current) + " " + t.Strong.Render(draw.Capital(p.Name))
	}
	right := ""
	if s := g.step(p); s != nil {
		right = t.Key.Render("enter") + t.Dim.Render(" opens \""+clean.Line(s.Title)+"\", which explains it ")
	}
	out := []string{draw.Ends(head, right, w, t)}
	code := g.code(p, rows-1)
	if w < codeWidth || len(code) == 0 {
		return append(out, g.facts(p, w, rows-1)...)
	}
	left := w / 2
	facts := draw.Block(g.facts(p, left, rows-1), len(code))
	for i, l := range code {
		facts[i] = draw.Fit(facts[i], left, t) + t.Border.Render(t.Signs.Divider) + " " + draw.Cut(l, w-left-2, t)
	}
	return append(out, facts...)
}

// facts draws what is true of a part, what it means and where it is written down.
func (g *Diagram) facts(p diagram.Part, w, rows int) []string {
	t := g.Theme
	var out []string
	if len(p.Facts) > 0 {
		out = append(out, draw.Indent(3, draw.Wrap(strings.Join(p.Facts, t.Signs.Sep), w-5))...)
	}
	means := draw.Wrap(p.Means, min(w-5, draw.ReadWidth))
	var files []string
	for _, a := range p.Addresses {
		text := clean.Line(a)
		if src, ok := g.sources[stack.Base(a)]; ok {
			text += " " + t.Accent.Render(clean.Line(src.At()))
		}
		if last := len(files) - 1; last >= 0 && draw.Width(files[last])+draw.Width(text)+3 <= w {
			files[last] += t.Dim.Render(t.Signs.Sep) + text
		} else {
			files = append(files, "   "+text)
		}
	}
	// What it means gives way to what is true of it and where it is written.
	if room := rows - len(out) - len(files); room < len(means) {
		means = means[:max(0, room)]
		if len(means) > 0 {
			means[len(means)-1] += t.Signs.Ellipsis
		}
	}
	out = append(append(out, draw.Indent(3, means)...), files...)
	return draw.Clip(out[:min(len(out), rows)], w, t)
}

// code is the block that Terraform makes a part's first resource of, in as many
// rows; nil where it is not known.
func (g *Diagram) code(p diagram.Part, rows int) []string {
	t := g.Theme
	if len(p.Addresses) == 0 || rows < 1 {
		return nil
	}
	src, ok := g.sources[stack.Base(p.Addresses[0])]
	if !ok || src.Text == "" {
		return nil
	}
	lines := strings.Split(src.Text, "\n")
	digits := len(strconv.Itoa(src.Line + len(lines)))
	var out []string
	for i, l := range lines {
		if i == rows-1 && len(lines) > rows {
			return append(out, t.Dim.Render(strings.Repeat(" ", digits+1)+t.Signs.Ellipsis))
		}
		out = append(out, t.Dim.Render(fmt.Sprintf("%*d ", digits, src.Line+i))+t.Text.Render(clean.Line(l)))
	}
	return out
}

// TaskChosen returns the id of the chosen task; empty where another part is chosen.
func (g *Diagram) TaskChosen() string {
	id, ok := strings.CutPrefix(g.chosen, "task:")
	if !ok || g.Snapshot == nil || !slices.ContainsFunc(g.Snapshot.Tasks, func(t fargate.Task) bool { return t.ID == id }) {
		return ""
	}
	return id
}
