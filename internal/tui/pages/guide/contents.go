package guide

import (
	"workshop/internal/clean"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/page"
	"workshop/internal/tui/reader"
	"workshop/internal/tui/widgets"
)

// contents is the list of a step's headings.
type contents struct {
	*page.Context
	on       bool
	headings []reader.Heading
	scroll   widgets.Scroll
}

// longStep is how many headings make a list of them worth a hint.
const longStep = 3

// begin opens the list at the heading that is read.
func (c *contents) begin(r *reader.Reader) {
	c.headings = r.Headings()
	if len(c.headings) == 0 {
		c.Say(page.Attention, "This step has no headings; / searches all steps")
		return
	}
	c.on, c.scroll = true, widgets.Scroll{List: true}
	for i, h := range c.headings {
		if h.ID == r.Under() {
			c.scroll.Cursor = i
		}
	}
}

func (c *contents) view(title string, w, h int) []string {
	t := c.Theme
	out := []string{draw.Ends(t.Heading.Render(title), t.Dim.Render(draw.Count(len(c.headings), "heading")), w, t), ""}
	least := 6
	for _, x := range c.headings {
		least = min(least, x.Level)
	}
	from, to := c.scroll.Window(len(c.headings), h-len(out))
	for i := from; i < to; i++ {
		x := c.headings[i]
		mark, text := "  ", clean.Line(x.Text)
		for range x.Level - least {
			text = "  " + text
		}
		if i == c.scroll.Cursor {
			mark, text = t.Key.Render(t.Signs.Current)+" ", t.Strong.Render(text)
		}
		out = append(out, draw.Cut(mark+text, w, t))
	}
	return out
}

// choose closes the list and returns the id of the chosen heading.
func (c *contents) choose() string {
	c.on = false
	return c.headings[c.scroll.Cursor].ID
}

// position is where the learner was before a jump.
type position struct {
	step int
	at   []byte // in the reader's words
}

// trailMost bounds the way back.
const trailMost = 100

// jump goes to another step, or nowhere yet in this one, and remembers where it
// came from.
func (g *Page) jump(step int) {
	g.keepPlace()
	g.trail = append(g.trail, position{g.at, g.places[g.step().ID]})
	g.trail = g.trail[max(0, len(g.trail)-trailMost):]
	if step != g.at {
		g.show(step)
		g.save()
	}
}

// goBack returns to where the last jump began.
func (g *Page) goBack() {
	last := len(g.trail) - 1
	if last < 0 {
		g.Say(page.Attention, "There is nowhere to go back to: you have not jumped")
		return
	}
	p := g.trail[last]
	g.trail = g.trail[:last]
	if p.step != g.at {
		g.show(p.step)
		g.save()
	}
	g.reader.Restore(p.at)
}
