package lesson

import (
	"regexp"
	"strings"

	"workshop/internal/clean"
)

// variable is {{ name }} or {{ group.name }}. Docker's {{.Names}} and the like
// are not ours and stay as they are.
var variable = regexp.MustCompile(`\{\{[ \t]*([A-Za-z][\w-]*(?:\.[\w-]+)*)[ \t]*\}\}`)

// Variables returns the names that text asks for, each once, in order.
func Variables(text string) []string {
	if !strings.Contains(text, "{{") {
		return nil
	}
	var names []string
	seen := map[string]bool{}
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		if !seen[m[1]] {
			seen[m[1]] = true
			names = append(names, m[1])
		}
	}
	return names
}

// Fill replaces the variables in text with their values, and those without one
// by words that say so. vars may be nil: then nothing has a value.
func Fill(text string, vars func(name string) (string, bool)) string {
	if !strings.Contains(text, "{{") {
		return text
	}
	return variable.ReplaceAllStringFunc(text, func(m string) string {
		name := variable.FindStringSubmatch(m)[1]
		if vars != nil {
			if v, ok := vars(name); ok {
				return clean.Line(v)
			}
		}
		if strings.HasPrefix(name, "outputs.") {
			return "(after deploy)"
		}
		return "(not known yet)"
	})
}

// FillSpans is Fill for inline text. The spans given are left as they are.
func FillSpans(spans []Span, vars func(name string) (string, bool)) []Span {
	if !strings.Contains(Text(spans), "{{") && !linksHoldVariable(spans) {
		return spans
	}
	out := append([]Span(nil), spans...)
	for i := range out {
		out[i].Text, out[i].Link = Fill(out[i].Text, vars), Fill(out[i].Link, vars)
	}
	return out
}

// Expand returns blocks with their variables filled in, as Fill does it. The
// blocks given are left as they are; what holds no variable is shared with them.
func Expand(blocks []Block, vars func(name string) (string, bool)) []Block {
	var out []Block
	for i, b := range blocks {
		e, changed := expandBlock(b, vars)
		if changed && out == nil {
			out = append(make([]Block, 0, len(blocks)), blocks[:i]...)
		}
		if out != nil {
			out = append(out, e)
		}
	}
	if out == nil {
		return blocks
	}
	return out
}

func expandBlock(b Block, vars func(string) (string, bool)) (Block, bool) {
	changed := false
	fill := func(s *string) {
		if strings.Contains(*s, "{{") {
			*s, changed = Fill(*s, vars), true
		}
	}
	spans := func(s *[]Span) {
		if !strings.Contains(Text(*s), "{{") && !linksHoldVariable(*s) {
			return
		}
		cp := append([]Span(nil), *s...)
		for i := range cp {
			fill(&cp[i].Text)
			fill(&cp[i].Link)
		}
		*s, changed = cp, true
	}
	inner := func(bs *[]Block) {
		if e := Expand(*bs, vars); len(e) > 0 && &e[0] != &(*bs)[0] {
			*bs, changed = e, true
		}
	}
	fill(&b.Source)
	if b.Action != nil && strings.Contains(b.Action.Command, "{{") {
		a := *b.Action
		fill(&a.Command)
		b.Action = &a
	}
	spans(&b.Text)
	inner(&b.Blocks)
	for i := range b.Items {
		it := b.Items[i]
		was := changed
		changed = false
		spans(&it.Text)
		inner(&it.Blocks)
		if changed {
			b.Items = append([]Item(nil), b.Items...)
			b.Items[i] = it
		}
		changed = changed || was
	}
	for r := range b.Rows {
		for c := range b.Rows[r] {
			cell := b.Rows[r][c]
			was := changed
			changed = false
			spans(&cell)
			if changed {
				b.Rows = append([][][]Span(nil), b.Rows...)
				b.Rows[r] = append([][]Span(nil), b.Rows[r]...)
				b.Rows[r][c] = cell
			}
			changed = changed || was
		}
	}
	return b, changed
}

func linksHoldVariable(spans []Span) bool {
	for _, s := range spans {
		if strings.Contains(s.Link, "{{") {
			return true
		}
	}
	return false
}
