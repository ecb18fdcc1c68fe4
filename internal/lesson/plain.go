package lesson

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Plain writes the step as text that reads well in a pipe or through a screen
// reader: no colour, no box, no sign that only looks say what it means;
// everything that folds is open. Lines are at most width columns (at least 20)
// where the content allows: code is never broken. vars gives values for
// variables, and may be nil. It returns the first error of writing.
func (s *Step) Plain(w io.Writer, width int, vars func(name string) (string, bool)) error {
	b := bufio.NewWriter(w)
	p := &plain{w: b, width: max(width, 20)}
	p.text("", []Span{{Text: s.Title}})
	p.line("", strings.Repeat("=", min(max(Width(s.Title), 1), p.width)))
	if e := s.Estimate; e.Max > 0 {
		p.line("", "Estimated time: "+strings.TrimSuffix(e.String(), " min")+" minutes")
	}
	if len(s.Goals) > 0 {
		p.gap()
		p.line("", "Goals:")
		for _, g := range s.Goals {
			p.item("", "- ", []Block{{Kind: Paragraph, Text: []Span{{Text: Fill(g, vars)}}}})
		}
	}
	p.blocks("", Expand(s.Blocks, vars), true)
	return b.Flush()
}

// plain is the state of writing one step. Errors stay in the bufio.Writer.
type plain struct {
	w     *bufio.Writer
	width int
	hang  string // the list mark that the next line starts with
}

func (p *plain) line(indent, text string) {
	if p.hang != "" {
		indent = indent[:max(len(indent)-len(p.hang), 0)] + p.hang
		p.hang = ""
	}
	fmt.Fprintln(p.w, strings.TrimRight(indent+text, " "))
}

func (p *plain) gap() {
	if p.hang == "" {
		fmt.Fprintln(p.w)
	}
}

func (p *plain) room(indent string) int { return max(p.width-len(indent), 20) }

func (p *plain) text(indent string, spans []Span) {
	for _, l := range Wrap(marked(spans), p.room(indent)) {
		p.line(indent, Text(l))
	}
}

// marked puts into words what styles would say.
func marked(spans []Span) []Span {
	var out []Span
	for _, s := range spans {
		t := s.Text
		if s.Code {
			t = "`" + t + "`"
		}
		if s.Link != "" && s.Link != s.Text && !strings.HasPrefix(s.Link, "#") {
			t += " <" + s.Link + ">"
		}
		out = append(out, Span{Text: t})
	}
	return out
}

// blocks writes blocks, with a blank line before each, or between them only.
func (p *plain) blocks(indent string, blocks []Block, before bool) {
	for i, b := range blocks {
		if before || i > 0 {
			p.gap()
		}
		p.block(indent, b)
	}
}

func (p *plain) block(indent string, b Block) {
	switch b.Kind {
	case Heading:
		p.text(indent, b.Text)
		if b.Level <= 2 {
			p.line(indent, strings.Repeat("-", min(max(Width(Text(b.Text)), 1), p.room(indent))))
		}
	case Paragraph:
		p.text(indent, b.Text)
	case Image:
		p.text(indent, []Span{{Text: "[Picture: " + Text(b.Text) + "]"}})
	case Code:
		if len(b.Text) > 0 {
			p.text(indent, append(append([]Span(nil), b.Text...), Span{Text: ":"}))
		}
		for line := range strings.SplitSeq(b.Source, "\n") {
			p.line(indent+"    ", line)
		}
	case List:
		for i, it := range b.Items {
			if b.Loose && i > 0 {
				p.gap()
			}
			mark := "- "
			if b.Ordered {
				mark = strconv.Itoa(b.Start+i) + ". "
			}
			if it.Task {
				mark += map[bool]string{true: "[x] ", false: "[ ] "}[it.Done]
			}
			p.item(indent, mark, it.Blocks)
		}
	case Quote:
		p.blocks(indent+"> ", b.Blocks, false)
	case Rule:
		p.line(indent, strings.Repeat("-", min(p.room(indent), 20)))
	case Admonition:
		if len(b.Text) > 0 {
			kind := strings.ToUpper(b.Style[:1]) + b.Style[1:]
			if Text(b.Text) != kind {
				p.text(indent, append([]Span{{Text: kind + ": "}}, b.Text...))
			} else {
				p.text(indent, []Span{{Text: kind + ":"}})
			}
		}
		p.blocks(indent+"    ", b.Blocks, false)
	case Tabs:
		for i, it := range b.Items {
			if i > 0 {
				p.gap()
			}
			p.text(indent, append(append([]Span(nil), it.Text...), Span{Text: ":"}))
			p.blocks(indent+"    ", it.Blocks, false)
		}
	case Footnotes:
		for _, it := range b.Items {
			p.item(indent, Text(it.Text)+" ", it.Blocks)
		}
	case Table:
		p.table(indent, b)
	}
}

func (p *plain) item(indent, mark string, blocks []Block) {
	p.hang += mark
	inner := indent + strings.Repeat(" ", len(mark))
	for i, b := range blocks {
		if i > 0 && b.Kind != List {
			p.gap()
		}
		p.block(inner, b)
	}
	if p.hang != "" {
		p.line(inner, "")
	}
}

func (p *plain) table(indent string, b Block) {
	const gap = 2
	rows := make([][][]Span, len(b.Rows))
	for r, row := range b.Rows {
		for _, cell := range row {
			rows[r] = append(rows[r], marked(cell))
		}
	}
	cols := Columns(rows, p.room(indent), gap)
	for r, row := range rows {
		for _, line := range TableLines(row, cols) {
			var out strings.Builder
			for i, cell := range line {
				if i > 0 {
					out.WriteString(strings.Repeat(" ", gap))
				}
				left, right := Pad(Width(Text(cell)), cols[i], b.Align, i)
				out.WriteString(strings.Repeat(" ", left) + Text(cell) + strings.Repeat(" ", right))
			}
			p.line(indent, out.String())
		}
		if r == 0 {
			var rule []string
			for _, c := range cols {
				rule = append(rule, strings.Repeat("-", c))
			}
			p.line(indent, strings.Join(rule, strings.Repeat(" ", gap)))
		}
	}
}

// TableLines wraps the cells of a row to the columns' widths. Each line has one
// entry a column, empty where the cell has ended.
func TableLines(row [][]Span, cols []int) [][][]Span {
	var lines [][][]Span
	for i, cell := range row {
		for n, l := range Wrap(cell, cols[i]) {
			if n == len(lines) {
				lines = append(lines, make([][]Span, len(cols)))
			}
			lines[n][i] = l
		}
	}
	return lines
}

// Pad returns the spaces left and right of text of the given width in column i
// of a table, as the column is aligned.
func Pad(text, col int, align []string, i int) (left, right int) {
	free := max(col-text, 0)
	switch {
	case i < len(align) && align[i] == "right":
		return free, 0
	case i < len(align) && align[i] == "center":
		return free / 2, free - free/2
	}
	return 0, free
}
