package diagram

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"workshop/internal/tui/style"
)

// size is how much room the parts take, in cells.
type size struct {
	users, gate, balancer, zone, side int // widths
	gap                               int // of an arrow
	service, zoneHeight               int // heights
	nested                            bool
}

// sizes are for 80, 120 and 200 columns. Room beyond that goes to the zones and
// to what stands beside the network.
var sizes = []size{
	{16, 20, 26, 70, 36, 8, 5, 14, true},
	{11, 13, 17, 42, 22, 3, 4, 11, true},
	{8, 12, 13, 19, 15, 3, 3, 5, false},
}

// width is what a size takes: everything from left to right, the network's two
// edges, and an arrow out of it. The gateway stands in the network's left edge.
func (s size) width() int {
	return 1 + s.users + s.gap + s.gate + s.gap + s.balancer + s.gap + s.zone + 2 + 1 + s.side
}

func (s size) height() int { return 1 + s.service + 2*s.zoneHeight + 1 }

// Least is the smallest room for a picture; in less, the parts are listed.
const (
	LeastWidth  = 80
	LeastHeight = 15
)

// Height is how high the picture wants to be in w columns.
func Height(w int) int {
	for _, s := range sizes {
		if s.width() <= w {
			return s.height()
		}
	}
	return LeastHeight
}

// Spot is where a part was drawn.
type Spot struct {
	ID         string
	X, Y, W, H int
}

// Picture is a drawn diagram.
type Picture struct {
	Lines []string
	Spots []Spot // of the parts that are in it, in the order of Parts
}

// hop is how long a request is seen on one cell of its way.
const hop = 60 * time.Millisecond

// Moving reports that a request is on its way across the picture.
func Moving(in Input, w int) bool {
	return in.Snapshot != nil && in.Snapshot.Probe != nil && in.Now.Sub(in.Snapshot.Probe.At) < time.Duration(w)*hop && in.Snapshot.Stale == nil
}

// Draw draws the parts in w by h cells, one of them selected. It returns at most
// h lines, none wider than w.
func Draw(in Input, w, h int, chosen string, t style.Theme) Picture {
	parts := Parts(in)
	for _, s := range sizes {
		if s.width() <= w && s.height() <= h {
			d := drawing{in: in, parts: parts, chosen: chosen, c: newCanvas(w, h, t), size: s}
			extra := w - s.width()
			d.size.zone += extra * 2 / 3
			d.size.side += extra / 3
			d.size.zoneHeight += min((h-s.height())/2, 4)
			d.draw()
			return Picture{d.c.render(), d.spots()}
		}
	}
	return list(parts, w, h, chosen, t)
}

type drawing struct {
	in     Input
	parts  []Part
	chosen string
	c      *canvas
	size   size
	where  map[string]rect
}

func (d *drawing) part(id string) Part {
	for _, p := range d.parts {
		if p.ID == id {
			return p
		}
	}
	return Part{ID: id}
}

func (d *drawing) spots() []Spot {
	var out []Spot
	for _, p := range d.parts {
		if r, ok := d.where[p.ID]; ok {
			out = append(out, Spot{p.ID, r.x, r.y, r.w, r.h})
		}
	}
	return out
}

// look is a state's mark and colour.
func look(s State, beat int, t style.Theme) (mark string, r role) {
	switch s {
	case Planned:
		return "+", dim
	case Working:
		f := t.Signs.Spinner
		return f[beat%len(f)], accent
	case Up:
		return t.Signs.Running, good
	case Failing:
		return t.Signs.Failed, bad
	}
	return t.Signs.Open, dim
}

// edge is the colour of a border: what is in the making pulses, the chosen part,
// which its heavy border tells, as well.
func (d *drawing) edge(p Part) role {
	switch {
	case p.State == Working && d.in.Beat/4%2 == 1:
		return dim
	case p.State == Working:
		return accent
	case p.State == Failing:
		return bad
	case p.ID == d.chosen:
		return selected
	case p.State == Absent, p.State == Planned:
		return dim
	}
	return plain
}

// box draws a part: its name, then as many facts as fit.
func (d *drawing) box(id string, r rect) {
	p := d.part(id)
	d.where[id] = r
	d.c.box(r, d.c.border(p.State, id == d.chosen), d.edge(p), p.State == Up)
	in := r.inner()
	mark, ro := look(p.State, d.in.Beat, d.c.theme)
	name := dim
	if p.State != Absent && p.State != Planned {
		name = strong
	}
	if p.ID == "users" {
		mark = ""
	}
	y := in.y
	room := in.w - 2
	if mark == "" {
		room = in.w
	}
	words := strings.Split(ansi.Wordwrap(p.Name, max(room, 1), " "), "\n")
	for i, l := range words {
		if y >= in.y+in.h {
			return
		}
		x := in.x
		if mark != "" {
			if i == 0 {
				d.c.text(x, y, in.w, mark, ro)
			}
			x += 2
		}
		d.c.text(x, y, in.x+in.w-x, l, name)
		y++
	}
	x := in.x
	if mark != "" {
		x += 2
	}
	if len(words) == 1 && in.h == 1 && len(p.Facts) > 0 { // beside the name, where there is one line
		x += len(words[0]) + 1
		if ansi.StringWidth(p.Facts[0]) <= in.x+in.w-x {
			d.c.text(x, in.y, in.x+in.w-x, p.Facts[0], factRole(p, 0))
		}
		return
	}
	for i, f := range append(p.Facts[:len(p.Facts):len(p.Facts)], p.short) {
		if y >= in.y+in.h {
			return
		}
		at := x
		if ansi.StringWidth(f) > in.x+in.w-at {
			at = in.x
		}
		r := factRole(p, i)
		if i == len(p.Facts) {
			r = dim
		}
		d.c.text(at, y, in.x+in.w-at, f, r)
		y++
	}
}

func factRole(p Part, i int) role {
	switch {
	case i > 0:
		return dim
	case p.State == Failing:
		return bad
	case p.State == Working:
		return accent
	}
	return plain
}

// row draws a part in one line, where there is no room for a box.
func (d *drawing) row(id string, r rect) {
	p := d.part(id)
	d.where[id] = r
	mark, ro := look(p.State, d.in.Beat, d.c.theme)
	name := dim
	if p.State == Up || p.State == Working || p.State == Failing {
		name = plain
	}
	if id == d.chosen {
		d.c.text(r.x, r.y, r.w, d.c.theme.Signs.Current, selected)
		name = selected
	}
	x := r.x + 1
	x += d.c.text(x, r.y, r.x+r.w-x, mark, ro) + 1
	x += d.c.text(x, r.y, r.x+r.w-x, p.Name, name) + 1
	if len(p.Facts) > 0 && strings.HasPrefix(id, "task:") {
		d.c.text(x, r.y, r.x+r.w-x, p.Facts[0], factRole(p, 0))
	}
}

// frame draws a part that holds others, with its name in the border.
func (d *drawing) frame(id, name string, r rect) {
	p := d.part(id)
	d.c.box(r, d.c.border(p.State, id == d.chosen), d.edge(p), false)
	mark, ro := look(p.State, d.in.Beat, d.c.theme)
	x := r.x + 1
	x += d.c.text(x, r.y, r.w-2, " "+mark+" ", ro)
	st := strong
	if p.State == Absent || p.State == Planned {
		st = dim
	}
	d.c.text(x, r.y, r.x+r.w-1-x, name+" ", st)
}

func (d *drawing) draw() {
	d.where = map[string]rect{}
	s, c := d.size, d.c
	height := s.height()
	x := 1
	users := rect{x, 0, s.users, 3}
	x += s.users + s.gap
	gate := rect{x, 0, s.gate, 4}
	edge := x + s.gate/2
	x += s.gate + s.gap
	balancer := rect{x, 0, s.balancer, min(6, height-6)}
	x += s.balancer + s.gap
	column := x
	x += s.zone
	network := rect{edge, 0, x + 2 - edge, height}
	side := rect{x + 3, 0, s.side, height}

	middle := height / 2
	for _, r := range []*rect{&users, &gate, &balancer} {
		r.y = middle - r.h/2
	}
	middle = users.y + 1

	vpc := d.part("vpc")
	name := vpc.Name
	if len(vpc.Facts) > 0 {
		name += " " + vpc.Facts[0]
	}
	d.where["vpc"] = rect{network.x, 0, network.w, 1}
	d.frame("vpc", name, network)
	d.box("users", users)
	d.box("gateway", gate)
	d.box("balancer", balancer)
	d.box("service", rect{column, 1, s.zone, s.service})

	zones := Zones(d.in)
	var targets []target
	for z := range 2 {
		r := rect{column, 1 + s.service + z*s.zoneHeight, s.zone, s.zoneHeight}
		label := zones[z]
		if label == "" {
			label = "zone " + []string{"a", "b"}[z]
		}
		l := c.border(Up, false)
		if d.part([]string{"public-0", "public-1"}[z]).State < Working {
			l = c.border(Planned, false)
		}
		c.box(r, l, dim, false)
		c.text(r.x+1, r.y, r.w-2, " "+label+" ", dim)
		d.zone(z, r.inner())
		targets = append(targets, d.target(z, r))
	}

	// The way of a request.
	path := d.arrow(users.x+users.w, gate.x-1, middle)
	path = append(path, d.arrow(gate.x+gate.w, balancer.x-1, middle)...)
	path = append(path, d.fork(balancer.x+balancer.w, column-1, middle, targets)...)
	d.request(path)

	at := 0
	hs := []int{height / 3, height / 3, height - 2*(height/3)}
	for i, id := range []string{"roles", "logs", "metrics"} {
		r := rect{side.x, at, side.w, min(hs[i], 4)}
		d.box(id, r)
		if id == "logs" || id == "metrics" {
			ro := dim
			if d.part(id).State == Up && d.part("service").State == Up {
				ro = plain
			}
			c.put(side.x-1, r.y+1, arrowHead(c.theme), ro)
		}
		at += hs[i]
	}
}

func arrowHead(t style.Theme) string {
	if t.Unicode {
		return "▸"
	}
	return ">"
}

// zone draws the subnets and, in the one that has them, the tasks.
func (d *drawing) zone(z int, r rect) {
	public, priv := "public-"+string(rune('0'+z)), "private-"+string(rune('0'+z))
	home, other := public, priv
	if private(d.in) {
		home, other = priv, public
	}
	var here []Part
	for _, p := range d.parts {
		if strings.HasPrefix(p.ID, "task:") && p.zone == z {
			here = append(here, p)
		}
	}
	if !d.size.nested {
		d.row(home, rect{r.x, r.y, r.w, 1})
		d.tasks(here, rect{r.x, r.y + 1, r.w, r.h - 2})
		d.row(other, rect{r.x, r.y + r.h - 1, r.w, 1})
		return
	}
	w := r.w - 20 // the other holds its name
	a, b := rect{r.x, r.y, w, r.h}, rect{r.x + w, r.y, r.w - w, r.h}
	for _, x := range []struct {
		id string
		r  rect
	}{{home, a}, {other, b}} {
		p := d.part(x.id)
		d.where[x.id] = rect{x.r.x, x.r.y, x.r.w, 1}
		d.frame(x.id, p.Name, x.r)
	}
	d.tasks(here, a.inner())
	d.c.text(b.x+2, b.y+b.h/2, b.w-4, "no tasks here", dim)
}

// tasks puts the tasks into r: boxes where there is room, else a line each,
// else as many as fit in a line.
func (d *drawing) tasks(ps []Part, r rect) {
	if len(ps) == 0 || r.h < 1 {
		if s := d.part("service").State; s == Planned || s == Working && len(ps) == 0 {
			d.c.text(r.x+1, r.y+r.h/2, r.w-2, "tasks come here", dim)
		}
		return
	}
	if each := r.h / len(ps); each >= 3 {
		each = min(each, 5)
		for i, p := range ps {
			d.box(p.ID, rect{r.x, r.y + i*each, r.w, each})
		}
		return
	}
	if len(ps) <= r.h {
		for i, p := range ps {
			d.row(p.ID, rect{r.x, r.y + i, r.w, 1})
		}
		return
	}
	// A line of them: cursor, mark and name.
	const each = 8
	inLine := max(1, r.w/each)
	room := inLine * r.h
	if len(ps) > room {
		room--
		more := fmt.Sprintf("+%d more", len(ps)-room)
		d.c.text(r.x+room%inLine*each+1, r.y+room/inLine, r.w-room%inLine*each-1, more, dim)
	}
	for i, p := range ps[:min(len(ps), room)] {
		d.row(p.ID, rect{r.x + i%inLine*each, r.y + i/inLine, each - 1, 1})
	}
}

// target is where requests reach a zone.
type target struct {
	row  int
	role role
	open bool // a task there answers
}

// target finds the zone's first healthy task, else its first, else its middle.
func (d *drawing) target(z int, r rect) target {
	out := target{row: r.y + r.h/2, role: d.flow()}
	known := false
	for _, p := range d.parts {
		at, drawn := d.where[p.ID]
		if !strings.HasPrefix(p.ID, "task:") || p.zone != z || !drawn || out.open {
			continue
		}
		if p.State == Up || !known {
			out.row = at.y + at.h/2
		}
		known, out.open = true, p.State == Up
	}
	if d.in.Snapshot != nil && !out.open && out.role == good {
		out.role = dim // nothing goes there now
	}
	return out
}

// step is one cell of the way of a request.
type step struct{ x, y int }

// flow is the colour of the arrows.
func (d *drawing) flow() role {
	if _, failed := answer(d.in); failed && !d.in.Deploying {
		return bad
	}
	if d.part("balancer").State == Up && d.part("service").State >= Working {
		return good
	}
	return dim
}

func (d *drawing) arrow(from, to, y int) []step {
	l := d.c.border(Up, false)
	if d.part("balancer").State < Working {
		l = d.c.border(Planned, false)
	}
	var out []step
	for x := from; x <= to; x++ {
		t := l.level
		if x == to {
			t = arrowHead(d.c.theme)
		}
		d.c.put(x, y, t, d.flow())
		out = append(out, step{x, y})
	}
	return out
}

// fork leads from one row to several; the way of a request goes to the first and
// the second by turns, where both have a task that answers.
func (d *drawing) fork(from, to, y int, targets []target) []step {
	t, ro := d.c.theme, d.flow()
	l := d.c.border(Up, false)
	if d.part("balancer").State < Working {
		l = d.c.border(Planned, false)
	}
	bend := from + (to-from)/2
	for x := from; x < bend; x++ {
		d.c.put(x, y, l.level, ro)
	}
	joint := func(unicode string) string {
		if t.Unicode {
			return unicode
		}
		return "+"
	}
	// The bars of those that nothing goes to come first: what two share is drawn
	// as the better one's.
	for _, open := range []bool{false, true} {
		for _, g := range targets {
			if g.open != open {
				continue
			}
			for r := min(g.row, y); r <= max(g.row, y); r++ {
				d.c.put(bend, r, l.upright, g.role)
			}
		}
	}
	top, bottom := targets[0].row, targets[len(targets)-1].row
	for _, g := range targets {
		c := joint("├")
		switch {
		case g.row == top && g.row < y:
			c = joint("╭")
		case g.row == bottom && g.row > y:
			c = joint("╰")
		}
		d.c.put(bend, g.row, c, g.role)
		for x := bend + 1; x <= to; x++ {
			s := l.level
			if x == to {
				s = arrowHead(t)
			}
			d.c.put(x, g.row, s, g.role)
		}
	}
	if bend > from {
		c := joint("┤")
		if top == y || bottom == y {
			c = joint("┼")
		}
		d.c.put(bend, y, c, ro)
	}

	turn := 0
	if p := d.in.Snapshot; p != nil && p.Probe != nil {
		turn = int(p.Probe.At.Unix() / 5 % 2)
	}
	if i := turn % len(targets); !targets[i].open && targets[len(targets)-1-i].open {
		turn = len(targets) - 1 - i
	}
	goal := targets[turn%len(targets)].row
	var out []step
	for x := from; x <= bend; x++ {
		out = append(out, step{x, y})
	}
	for r := y; r != goal; {
		if r < goal {
			r++
		} else {
			r--
		}
		out = append(out, step{bend, r})
	}
	for x := bend + 1; x <= to; x++ {
		out = append(out, step{x, goal})
	}
	return out
}

// request shows the last one that the workshop made, on its way.
func (d *drawing) request(path []step) {
	if !Moving(d.in, d.c.w) || d.in.Now.Before(d.in.Snapshot.Probe.At) {
		return
	}
	at := int(d.in.Now.Sub(d.in.Snapshot.Probe.At) / hop)
	if _, failed := answer(d.in); failed {
		at = min(at, len(path)/2) // it gets no further
	}
	if at < len(path) {
		d.c.put(path[at].x, path[at].y, d.c.theme.Signs.Running, selected)
	}
}

// list is the diagram in words, for where there is no room for boxes.
func list(parts []Part, w, h int, chosen string, t style.Theme) Picture {
	at := 0
	for i, p := range parts {
		if p.ID == chosen {
			at = i
		}
	}
	from := max(0, min(at-h/2, len(parts)-h))
	parts = parts[from:min(len(parts), from+h)]
	c := newCanvas(w, len(parts), t)
	var out Picture
	for y, p := range parts {
		d := drawing{parts: parts, chosen: chosen, c: c, where: map[string]rect{}}
		x := 1
		if strings.HasPrefix(p.ID, "task:") {
			x = 3
		}
		d.row(p.ID, rect{x, y, w - x, 1})
		facts := p.State.String()
		if len(p.Facts) > 0 {
			facts = strings.Join(p.Facts, t.Signs.Sep)
		}
		c.text(26, y, w-27, facts, factRole(p, 1))
		out.Spots = append(out.Spots, Spot{p.ID, 0, y, w, 1})
	}
	out.Lines = c.render()
	return out
}

// Next is the part that the selection goes to from one that was drawn: dx and
// dy say in which direction, or, with both 0, by how many in the order of Parts.
func (p Picture) Next(from string, dx, dy, by int) string {
	if len(p.Spots) == 0 {
		return from
	}
	at := -1
	for i, s := range p.Spots {
		if s.ID == from {
			at = i
		}
	}
	if at < 0 {
		return p.Spots[0].ID
	}
	if dx == 0 && dy == 0 {
		n := len(p.Spots)
		return p.Spots[((at+by)%n+n)%n].ID
	}
	// The nearest in that direction; what lies aside counts as farther, and a
	// cell is twice as high as it is wide.
	a, best, found := p.Spots[at], 0, from
	for _, b := range p.Spots {
		x, y := (2*b.X+b.W)-(2*a.X+a.W), 2*((2*b.Y+b.H)-(2*a.Y+a.H))
		along, aside := x*dx+y*dy, x*dy+y*dx
		if aside < 0 {
			aside = -aside
		}
		if far := along + 2*aside; along > 0 && (found == from || far < best) {
			best, found = far, b.ID
		}
	}
	return found
}
