package tui

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
)

// graph is the diagram of the architecture, which Deploy and Live show in place
// of their own picture. Both show the same one.
type graph struct {
	*shared
	runs    []*run // whose plans and applies are seen in it
	on      bool
	chosen  string
	sources map[string]stack.Source // by address without index
	picture diagram.Picture         // the last one that was drawn
}

func (g *graph) toggle() {
	g.on = !g.on
	if !g.on {
		return
	}
	if g.chosen == "" {
		g.chosen = "balancer"
	}
	g.jobs.start(func(ctx context.Context, _ int, _ func(any)) (any, error) {
		return g.session.Sources(ctx)
	}, func(m any) tea.Cmd {
		if e := m.(ended); e.err == nil {
			g.sources, _ = e.value.(map[string]stack.Source)
		}
		return nil
	})
}

// input is all that the picture depends on.
func (g *graph) input() diagram.Input {
	in := diagram.Input{Resources: map[string]diagram.State{}, Snapshot: g.snap, Network: g.stack.Network, URL: g.stack.URL, Now: g.now(), Beat: g.spin}
	for _, a := range g.stack.Addresses {
		in.Resources[a] = diagram.Up
	}
	for _, r := range g.runs {
		switch {
		case r.phase == phasePlanned && !r.destroy:
			for _, c := range r.plan.Changes {
				if c.Action == stack.ActionCreate {
					in.Resources[c.Address] = diagram.Planned
				}
				if cidr, ok := c.Values["cidr_block"].(string); ok && c.Type == "aws_vpc" {
					in.Network = cidr
				}
			}
		case r.story != nil && (r.phase == phaseApplying || r.phase == phaseFailed):
			in.Deploying = in.Deploying || r.phase == phaseApplying && !r.destroy
			for _, x := range r.story.reading().Resources {
				if cidr, ok := x.Values["cidr_block"].(string); ok && x.Type == "aws_vpc" {
					in.Network = cidr
				}
				switch {
				case x.State == stack.Failed:
					in.Resources[x.Address] = diagram.Failing
				case x.State == stack.Working && r.phase == phaseApplying:
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

// key answers the keys of the diagram; others are the page's.
func (g *graph) key(k tea.KeyPressMsg) (tea.Cmd, bool) {
	choose := func(dx, dy, by int) (tea.Cmd, bool) {
		g.chosen = g.picture.Next(g.chosen, dx, dy, by)
		return nil, true
	}
	switch k.String() {
	case "g", "esc":
		g.toggle()
	case "tab", "j":
		return choose(0, 0, 1)
	case "shift+tab", "k":
		return choose(0, 0, -1)
	case "left":
		return choose(-1, 0, 0)
	case "right":
		return choose(1, 0, 0)
	case "up":
		return choose(0, -1, 0)
	case "down":
		return choose(0, 1, 0)
	case "enter":
		if p, ok := g.part(diagram.Parts(g.input())); ok {
			if s := g.step(p); s != nil {
				return g.openStep(s.ID), true
			}
		}
	default:
		return nil, false
	}
	return nil, true
}

func (g *graph) part(parts []diagram.Part) (diagram.Part, bool) {
	for _, p := range parts {
		if p.ID == g.chosen {
			return p, true
		}
	}
	return diagram.Part{}, false
}

// step is the one that explains a part; nil where the course has none.
func (g *graph) step(p diagram.Part) *lesson.Step {
	for _, id := range p.Steps {
		if s, ok := g.course.Step(id); ok {
			return s
		}
	}
	return nil
}

// moving says how soon the picture looks different by time alone.
func (g *graph) moving() time.Duration {
	in := g.input()
	if diagram.Moving(in, g.lay.w) {
		return 60 * time.Millisecond
	}
	for _, p := range diagram.Parts(in) {
		if p.State == diagram.Working {
			return spinTime
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

func (g *graph) view(w, h int) []string {
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
	g.picture = diagram.Draw(in, w, h-rows, g.chosen, g.theme)
	lines := block(g.picture.Lines, min(h-rows, len(g.picture.Lines)+1))
	p, _ := g.part(parts)
	return append(lines, block(g.details(p, w, rows), rows)...)
}

// details is what there is to know of a part, the most needed first.
func (g *graph) details(p diagram.Part, w, rows int) []string {
	t := g.theme
	st := t.Dim
	switch p.State {
	case diagram.Working:
		st = t.Accent
	case diagram.Up:
		st = t.Good
	case diagram.Failing:
		st = t.Bad
	}
	head := " " + t.Key.Render(t.Signs.Current) + " " + t.Strong.Render(capital(p.Name)) + "  " + st.Render(p.State.String())
	if p.ID == "users" {
		head = " " + t.Key.Render(t.Signs.Current) + " " + t.Strong.Render(capital(p.Name))
	}
	right := ""
	if s := g.step(p); s != nil {
		right = t.Key.Render("enter") + t.Dim.Render(" opens \""+clean.Line(s.Title)+"\", which explains it ")
	}
	out := []string{ends(head, right, w, t)}
	code := g.code(p, rows-1)
	if w < codeWidth || len(code) == 0 {
		return append(out, g.told(p, w, rows-1)...)
	}
	left := w / 2
	told := block(g.told(p, left, rows-1), len(code))
	for i, l := range code {
		told[i] = fit(told[i], left, t) + t.Border.Render(t.Signs.Divider) + " " + cut(l, w-left-2, t)
	}
	return append(out, told...)
}

// told is what is true of a part, what it means and where it is written down.
func (g *graph) told(p diagram.Part, w, rows int) []string {
	t := g.theme
	var out []string
	if len(p.Facts) > 0 {
		out = append(out, indent(3, wrap(strings.Join(p.Facts, t.Signs.Sep), w-5))...)
	}
	means := wrap(p.Means, min(w-5, readWidth))
	var files []string
	for _, a := range p.Addresses {
		said := clean.Line(a)
		if src, ok := g.sources[base(a)]; ok {
			said += " " + t.Accent.Render(clean.Line(src.At()))
		}
		if last := len(files) - 1; last >= 0 && width(files[last])+width(said)+3 <= w {
			files[last] += t.Dim.Render(t.Signs.Sep) + said
		} else {
			files = append(files, "   "+said)
		}
	}
	// What it means gives way to what is true of it and where it is written.
	if room := rows - len(out) - len(files); room < len(means) {
		means = means[:max(0, room)]
		if len(means) > 0 {
			means[len(means)-1] += t.Signs.Ellipsis
		}
	}
	out = append(append(out, indent(3, means)...), files...)
	return clip(out[:min(len(out), rows)], w, t)
}

// code is the block that Terraform makes a part's first resource of, in as many
// rows; nil where it is not known.
func (g *graph) code(p diagram.Part, rows int) []string {
	t := g.theme
	if len(p.Addresses) == 0 || rows < 1 {
		return nil
	}
	src, ok := g.sources[base(p.Addresses[0])]
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

func (g *graph) hints() []hint {
	return []hint{{"arrows", "choose"}, {"enter", "its step"}, {"g", "back"}}
}

// taskChosen is the id of the chosen task; empty where another part is chosen.
func (g *graph) taskChosen() string {
	id, ok := strings.CutPrefix(g.chosen, "task:")
	if !ok || g.snap == nil || !slices.ContainsFunc(g.snap.Tasks, func(t fargate.Task) bool { return t.ID == id }) {
		return ""
	}
	return id
}
