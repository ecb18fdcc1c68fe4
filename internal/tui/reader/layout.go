package reader

import (
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"workshop/internal/lesson"
)

// lay makes a part's lines, with a blank line below unless it is the last.
func (r *Reader) lay(p *part, last bool) {
	width, _ := r.columns()
	s := &setter{r: r, part: p}
	p.stops = p.stops[:0]
	if p.block.ID == goalsID {
		p.lines = s.goals(p.block, width)
	} else {
		p.lines = s.block(&p.block, width)
	}
	if !last {
		p.lines = append(p.lines, line{})
	}
}

// setter lays out one part. Blocks within blocks return their lines to the one
// around them, which puts its margin before each.
type setter struct {
	r    *Reader
	part *part
}

// stop notes that a block can have the focus, and how many lines it has.
func (s *setter) stop(b *lesson.Block, lines int) {
	s.part.stops = append(s.part.stops, stop{b, 0, lines})
}

// shift moves the stops from the nth on down, because lines are put above them.
func (s *setter) shift(n, by int) {
	for i := n; i < len(s.part.stops); i++ {
		s.part.stops[i].from += by
		s.part.stops[i].to += by
	}
}

// minText is the least width that text is wrapped to; where margins leave less,
// the line is cut at the edge.
const minText = 4

// blocks lays out blocks below one another, with a blank line between, none
// before a list that belongs to the text above it where tight is set.
func (s *setter) blocks(blocks []lesson.Block, width int, tight bool) []line {
	var out []line
	for i := range blocks {
		if i > 0 && !(tight && blocks[i].Kind == lesson.List) {
			out = append(out, line{})
		}
		n := len(s.part.stops)
		lines := s.block(&blocks[i], width)
		s.shift(n, len(out))
		out = append(out, lines...)
	}
	return out
}

func (s *setter) block(b *lesson.Block, width int) []line {
	t := s.r.theme
	width = max(width, minText)
	switch b.Kind {
	case lesson.Heading:
		l := look{role: heading}
		if b.Level > 2 {
			l = look{role: strong}
		}
		return s.wrap(b.Text, width, l)
	case lesson.Paragraph:
		return s.paragraph(b, width)
	case lesson.List:
		return s.list(b, width)
	case lesson.Code:
		return s.code(b, width)
	case lesson.Image:
		return s.picture(b, width)
	case lesson.Table:
		return s.table(b, width)
	case lesson.Admonition:
		return s.admonition(b, width)
	case lesson.Tabs:
		return s.tabs(b, width)
	case lesson.Quote:
		return margin(s.blocks(b.Blocks, width-2, false), seg{t.Signs.Quote + " ", look{role: dim}})
	case lesson.Rule:
		return []line{newLine(seg{strings.Repeat(t.Signs.Rule, width), look{role: border}})}
	case lesson.Footnotes:
		out := []line{newLine(seg{strings.Repeat(t.Signs.Rule, min(width, 12)), look{role: border}})}
		for _, it := range b.Items {
			out = append(out, s.item(it.Blocks, seg{lesson.Text(it.Text) + " ", look{role: dim}}, width, len(out))...)
		}
		return out
	}
	return nil
}

// wrap sets inline text. An outside link is followed by its address, so that it
// can be read and copied where links cannot be followed.
func (s *setter) wrap(spans []lesson.Span, width int, base look) []line {
	var with []lesson.Span
	for _, sp := range spans {
		with = append(with, sp)
		if web(sp.Link) && sp.Link != sp.Text {
			with = append(with, lesson.Span{Text: " (" + sp.Link + ")"})
		}
	}
	var out []line
	for _, l := range lesson.Wrap(with, width) {
		out = append(out, newLine(inline(l, base)...))
	}
	return out
}

// paragraph sets a paragraph; one that is a link alone can have the focus.
func (s *setter) paragraph(b *lesson.Block, width int) []line {
	a := offer(b)
	if a == nil {
		return s.wrap(b.Text, width, look{})
	}
	mark, text := seg{s.r.theme.Signs.Arrow + " ", look{role: accent}}, b.Text
	focused := s.r.focus == b.ID
	if focused {
		mark.look = look{role: selected}
		text = []lesson.Span{{Text: lesson.Text(b.Text)}}
		if a.Verb == lesson.Copy {
			text = b.Text // with the address
		}
	}
	indent := lesson.Width(mark.text)
	out := s.wrap(text, width-indent, mark.look)
	out = hanging(out, mark, blank(indent))
	if focused {
		out[0] = hinted(out[0], offers(a, b.Kind), width, mark.look)
	}
	s.stop(b, len(out))
	return out
}

// offers says what enter does with a link or a block of code.
func offers(a *lesson.Action, kind lesson.Kind) string {
	switch a.Verb {
	case lesson.Run:
		return "enter runs"
	case lesson.Set:
		return "enter sets"
	case lesson.Open, lesson.Shell:
		return "enter opens"
	case lesson.Page, lesson.Visit:
		return "enter goes there"
	}
	if kind == lesson.Paragraph {
		return "enter copies the address"
	}
	return "enter copies"
}

// margin puts a seg before every line.
func margin(lines []line, m seg) []line {
	return hanging(lines, m, m)
}

// hanging puts first before the first line and rest before the others.
func hanging(lines []line, first, rest seg) []line {
	for i := range lines {
		m := rest
		if i == 0 {
			m = first
		}
		l := &lines[i]
		l.segs = append([]seg{m}, l.segs...)
		l.width += lesson.Width(m.text)
	}
	return lines
}

func blank(n int) seg { return seg{text: strings.Repeat(" ", max(n, 0))} }

func (s *setter) goals(b lesson.Block, width int) []line {
	t := s.r.theme
	out := []line{newLine(seg{"After this step you", look{role: dim}})}
	for _, it := range b.Items {
		out = append(out, s.item(it.Blocks, seg{" " + t.Signs.Bullet + " ", look{role: dim}}, width, len(out))...)
	}
	return out
}

func (s *setter) list(b *lesson.Block, width int) []line {
	t := s.r.theme
	var out []line
	digits := len(strconv.Itoa(b.Start + len(b.Items) - 1))
	for i, it := range b.Items {
		if b.Loose && i > 0 {
			out = append(out, line{})
		}
		mark := seg{t.Signs.Bullet + " ", look{role: dim}}
		switch {
		case it.Task && it.Done:
			mark = seg{"[" + t.Signs.Done + "] ", look{role: good}}
		case it.Task:
			mark = seg{"[ ] ", look{role: dim}}
		case b.Ordered:
			n := strconv.Itoa(b.Start + i)
			mark.text = strings.Repeat(" ", max(digits-len(n), 0)) + n + ". "
		}
		out = append(out, s.item(it.Blocks, mark, width, len(out))...)
	}
	return out
}

// item lays out what follows a mark, below lines that are there already.
func (s *setter) item(blocks []lesson.Block, mark seg, width, above int) []line {
	n := len(s.part.stops)
	w := lesson.Width(mark.text)
	lines := s.blocks(blocks, width-w, true)
	if len(lines) == 0 {
		lines = []line{{}}
	}
	s.shift(n, above)
	return hanging(lines, mark, blank(w))
}

// admonitionRole is the colour of a kind of admonition.
func admonitionRole(style string) role {
	switch style {
	case "tip", "success", "hint", "important", "check", "done":
		return good
	case "warning", "caution", "attention", "question", "help", "faq":
		return attention
	case "danger", "error", "failure", "fail", "missing", "bug":
		return bad
	case "quote", "cite", "example", "abstract", "summary", "tldr":
		return dim
	}
	return accent
}

func (s *setter) admonition(b *lesson.Block, width int) []line {
	t := s.r.theme
	role := admonitionRole(b.Style)
	bar := seg{t.Signs.Quote + " ", look{role: role}}
	if !b.Foldable {
		var out []line
		if len(b.Text) > 0 {
			out = s.wrap(b.Text, width-2, look{role: role, bold: true})
		}
		n := len(s.part.stops)
		body := s.blocks(b.Blocks, width-2, false)
		s.shift(n, len(out))
		return margin(append(out, body...), bar)
	}
	open, focused := s.r.open(b), s.r.focus == b.ID
	sign, hint := t.Signs.Folded, "enter opens"
	if open {
		sign, hint = t.Signs.Unfolded, "enter folds"
	}
	at := len(s.part.stops)
	s.stop(b, 0)
	l := look{role: role, bold: true}
	if focused {
		l = look{role: selected}
	}
	out := s.wrap(b.Text, width-2, l)
	out = hanging(out, seg{sign + " ", l}, blank(2))
	if focused {
		out[0] = hinted(out[0], hint, width, l)
	}
	if open {
		n := len(s.part.stops)
		body := s.blocks(b.Blocks, width-4, false)
		s.shift(n, len(out))
		bar.text = "  " + bar.text
		out = append(out, margin(body, bar)...)
	}
	s.part.stops[at].to = len(out)
	return out
}

// hinted writes what a key does at the right end of a line, where there is room.
func hinted(l line, hint string, width int, base look) line {
	free := width - l.width - lesson.Width(hint)
	if free < 2 {
		return l
	}
	pad := blank(free)
	pad.look = base
	return newLine(append(append([]seg(nil), l.segs...), pad, seg{hint, base})...)
}

func (s *setter) tabs(b *lesson.Block, width int) []line {
	t := s.r.theme
	at := len(s.part.stops)
	s.stop(b, 0)
	focused, current := s.r.focus == b.ID, s.r.tab(b)
	var head []lesson.Span
	for i, it := range b.Items {
		label := strings.ReplaceAll(lesson.Text(it.Text), " ", "\u00a0")
		if i == current {
			head = append(head, lesson.Span{Text: "[" + label + "]", Bold: true})
		} else {
			head = append(head, lesson.Span{Text: "\u00a0" + label + "\u00a0"})
		}
		head = append(head, lesson.Span{Text: " "})
	}
	l := look{role: dim}
	if focused {
		l = look{role: accent}
	}
	out := s.wrap(head, width, l)
	if focused && len(b.Items) > 1 {
		out[0] = hinted(out[0], "enter next tab", width, look{role: accent})
	}
	n := len(s.part.stops)
	body := s.blocks(b.Items[current].Blocks, width-2, false)
	s.shift(n, len(out))
	out = append(out, margin(body, seg{t.Signs.Quote + " ", look{role: border}})...)
	s.part.stops[at].to = len(out)
	return out
}

// code sets a code block: one that does something in a frame, one to read behind
// a bar.
func (s *setter) code(b *lesson.Block, width int) []line {
	t := s.r.theme
	focused := s.r.focus == b.ID
	lines, ok := s.r.code[b.ID]
	if !ok {
		lines = highlight(b.Source, b.Lang)
		s.r.code[b.ID] = lines
	}
	edge := look{role: border}
	if focused {
		edge = look{role: accent}
	}
	title := lesson.Text(b.Text)
	var out []line
	if a := offer(b); a.Verb != lesson.Copy {
		inner := 0
		for _, l := range lines {
			inner = max(inner, newLine(l...).width)
		}
		switch {
		case title == "":
			title = strings.TrimSpace(string(a.Verb) + " " + a.File)
		case a.Verb != lesson.Open: // its title is about the file already
			title = string(a.Verb) + ": " + title
		}
		hint := ""
		if focused {
			hint = " " + offers(a, b.Kind) + t.Signs.Sep + "y copies "
		}
		inner = min(max(inner, 56, lesson.Width(title)+lesson.Width(hint)+4), width-4)
		body := codeLines(lines, max(inner, minText))
		inner = max(inner, minText)
		out = append(out, s.edge(title, hint, inner+2, edge))
		for _, l := range body {
			segs := append([]seg{{t.Signs.Divider, edge}, {" ", look{role: code, onCode: true}}}, l...)
			segs = append(segs, seg{strings.Repeat(" ", inner+1-newLine(l...).width), look{role: code, onCode: true}}, seg{t.Signs.Divider, edge})
			out = append(out, newLine(segs...))
		}
		c := t.Signs.Corners
		out = append(out, newLine(seg{c[2] + strings.Repeat(t.Signs.Rule, inner+2) + c[3], edge}))
	} else {
		if title != "" {
			out = append(out, newLine(seg{ansi.Truncate(title, width, t.Signs.Ellipsis), look{role: dim}}))
		}
		body := codeLines(lines, max(width-3, minText))
		for i, l := range body {
			pad := width - 2 - newLine(l...).width
			segs := append([]seg{{t.Signs.Quote, edge}, {" ", look{role: code, onCode: true}}}, l...)
			if hint := "enter copies "; focused && i == 0 && pad > lesson.Width(hint)+1 {
				segs = append(segs, seg{strings.Repeat(" ", pad-lesson.Width(hint)), look{role: code, onCode: true}}, seg{hint, look{role: accent, onCode: true}})
			} else {
				segs = append(segs, seg{strings.Repeat(" ", max(pad, 0)), look{role: code, onCode: true}})
			}
			out = append(out, newLine(segs...))
		}
	}
	s.stop(b, len(out))
	return out
}

// edge is the upper edge of a frame, with a title and, at its right, a hint.
func (s *setter) edge(title, hint string, inner int, edge look) line {
	t := s.r.theme
	c := t.Signs.Corners
	room := inner - lesson.Width(hint) - 4
	if room < 3 {
		hint, room = "", inner-4
	}
	title = " " + ansi.Truncate(title, max(room, 0), t.Signs.Ellipsis) + " "
	fill := max(inner-1-lesson.Width(title)-lesson.Width(hint), 0)
	after := 0
	if hint != "" && fill > 0 {
		fill, after = fill-1, 1
	}
	return newLine(
		seg{c[0] + t.Signs.Rule, edge}, seg{title, look{role: dim}},
		seg{strings.Repeat(t.Signs.Rule, fill), edge}, seg{hint, look{role: key}},
		seg{strings.Repeat(t.Signs.Rule, after) + c[1], edge},
	)
}

// codeLines breaks code that is wider than the room for it.
func codeLines(lines [][]seg, width int) [][]seg {
	var out [][]seg
	for _, l := range lines {
		n := 0
		var row []seg
		for _, sg := range l {
			for sg.text != "" {
				head, w := lesson.Head(sg.text, width-n, n == 0)
				if head != "" {
					row = append(row, seg{head, sg.look})
					n += w
				}
				if sg.text = sg.text[len(head):]; sg.text != "" {
					out, row, n = append(out, row), nil, 0
				}
			}
		}
		out = append(out, row)
	}
	return out
}

func (s *setter) table(b *lesson.Block, width int) []line {
	const gap = 2
	cols := lesson.Columns(b.Rows, width, gap)
	var out []line
	for r, row := range b.Rows {
		base := look{}
		if r == 0 {
			base = look{role: strong}
		}
		for _, cells := range lesson.TableLines(row, cols) {
			var segs []seg
			for i, cell := range cells {
				left, right := lesson.Pad(lesson.Width(lesson.Text(cell)), cols[i], b.Align, i)
				if i > 0 {
					left += gap
				}
				if left > 0 {
					segs = append(segs, blank(left))
				}
				segs = append(segs, inline(cell, base)...)
				if right > 0 && i < len(cells)-1 {
					segs = append(segs, blank(right))
				}
			}
			out = append(out, newLine(segs...))
		}
		if r == 0 {
			n := gap * (len(cols) - 1)
			for _, c := range cols {
				n += c
			}
			out = append(out, newLine(seg{strings.Repeat(s.r.theme.Signs.Rule, max(n, 0)), look{role: border}}))
		}
	}
	return out
}
