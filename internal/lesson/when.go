package lesson

import (
	"regexp"
	"strings"
)

// marker is a comment that makes a part of the text conditional. A site shows
// every part and none of the markers:
//
//	<!-- if target == "aws" -->
//	<!-- else -->
//	<!-- end -->
var marker = regexp.MustCompile(`^<!--\s*(?:if\s+(\S.*?)|(else)|(end))\s*-->\s*$`)

// conditions are the ifs that are open while the blocks of one container are
// read, outermost first.
type conditions struct {
	open []condition
}

type condition struct {
	expr      string
	otherwise bool // behind the else
	line      int
}

// mark takes in an HTML block; it is false where that is no marker.
func (c *conditions) mark(p *reading, html string, line int) bool {
	m := marker.FindStringSubmatch(strings.TrimSpace(html))
	if m == nil {
		return false
	}
	last := len(c.open) - 1
	switch {
	case m[1] != "":
		c.open = append(c.open, condition{expr: m[1], line: line})
	case last < 0:
		p.fault(line, "nothing is conditional here: <!-- if … --> is missing")
	case m[2] != "" && c.open[last].otherwise:
		p.fault(line, "a second <!-- else --> for the if on line %d", c.open[last].line)
	case m[2] != "":
		c.open[last].otherwise = true
	default:
		c.open = c.open[:last]
	}
	return true
}

// when is the expression under which a block is shown here.
func (c *conditions) when() string {
	var parts []string
	for _, o := range c.open {
		e := "(" + o.expr + ")"
		if o.otherwise {
			e = "!" + e
		}
		parts = append(parts, e)
	}
	return strings.Join(parts, " && ")
}

func (c *conditions) end(p *reading) {
	for _, o := range c.open {
		p.fault(o.line, "<!-- if %s --> has no <!-- end --> in the same part of the text", o.expr)
	}
}

// Select returns blocks without those whose condition does not hold. The blocks
// given are left as they are; what loses nothing is shared with them. holds is
// asked about each condition; it decides what to do about one that it cannot
// evaluate.
func Select(blocks []Block, holds func(when string) bool) []Block {
	known := map[string]bool{}
	return selected(blocks, func(when string) bool {
		if _, ok := known[when]; !ok {
			known[when] = holds(when)
		}
		return known[when]
	})
}

func selected(blocks []Block, holds func(string) bool) []Block {
	out, changed := make([]Block, 0, len(blocks)), false
	for _, b := range blocks {
		if b.When != "" && !holds(b.When) {
			changed = true
			continue
		}
		if in := selected(b.Blocks, holds); len(in) != len(b.Blocks) || len(in) > 0 && &in[0] != &b.Blocks[0] {
			b.Blocks, changed = in, true
		}
		var items []Item
		for i, it := range b.Items {
			in := selected(it.Blocks, holds)
			if items == nil && len(in) == len(it.Blocks) && (len(in) == 0 || &in[0] == &it.Blocks[0]) {
				continue
			}
			if items == nil {
				items = append(make([]Item, 0, len(b.Items)), b.Items[:i]...)
			}
			it.Blocks = in
			items = append(items, it)
		}
		if items != nil {
			b.Items, changed = items, true
		}
		out = append(out, b)
	}
	if !changed {
		return blocks
	}
	return out
}
