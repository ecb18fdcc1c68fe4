package lesson

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Wrap breaks inline text into lines of at most width columns (at least 1), at
// spaces, and inside a word only where the word is wider than a line. The styles
// stay with their text. A newline in a span ends the line.
func Wrap(spans []Span, width int) [][]Span {
	w := &wrapper{width: max(width, 1)}
	for _, s := range spans {
		for text := s.Text; text != ""; {
			i := strings.IndexAny(text, " \n")
			if i < 0 {
				w.part(s, text)
				break
			}
			w.part(s, text[:i])
			w.endWord()
			if text[i] == '\n' {
				w.endLine()
			} else {
				w.space(s)
			}
			text = text[i+1:]
		}
	}
	w.endWord()
	if len(w.line) > 0 || len(w.lines) == 0 {
		w.endLine()
	}
	return w.lines
}

// Width returns how many columns text takes on a terminal.
func Width(text string) int {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < 0x20 || c >= 0x7f {
			return ansi.StringWidth(text)
		}
	}
	return len(text)
}

// Head returns the beginning of text that fits into so many columns, and its width.
// With first it begins a line, and has one character at least, however wide. It takes
// time for what it returns, not for what follows.
func Head(text string, columns int, first bool) (head string, width int) {
	for len(head) < len(text) {
		g, _ := ansi.FirstGraphemeCluster(text[len(head):], ansi.GraphemeWidth)
		w := Width(g)
		if width+w > columns && !(first && width == 0) {
			break
		}
		head, width = text[:len(head)+max(len(g), 1)], width+w
	}
	return head, width
}

type wrapper struct {
	width int
	lines [][]Span

	line      []Span
	lineWidth int
	word      []Span // parts of the word that is being read
	wordWidth int
	gap       Span // the space before the word, empty where there is none
}

func (w *wrapper) part(style Span, text string) {
	if text == "" {
		return
	}
	style.Text = text
	w.word = append(w.word, style)
	w.wordWidth += Width(text)
}

func (w *wrapper) space(style Span) {
	if w.lineWidth == 0 {
		return
	}
	style.Text = " "
	w.gap = style
}

func (w *wrapper) endWord() {
	if len(w.word) == 0 {
		return
	}
	gap := len(w.gap.Text)
	if w.lineWidth > 0 && w.lineWidth+gap+w.wordWidth > w.width {
		w.endLine()
		gap = 0
	}
	if gap > 0 {
		w.put(w.gap, gap)
	}
	w.gap = Span{}
	if w.wordWidth > w.width {
		w.breakWord()
	} else {
		for _, p := range w.word {
			w.put(p, 0)
		}
		w.lineWidth += w.wordWidth
	}
	w.word, w.wordWidth = w.word[:0], 0
}

// breakWord puts a word wider than a line on as many lines as it takes.
func (w *wrapper) breakWord() {
	for _, p := range w.word {
		for text := p.Text; text != ""; {
			head, cols := Head(text, w.width-w.lineWidth, w.lineWidth == 0)
			if head != "" {
				piece := p
				piece.Text = head
				w.put(piece, cols)
			}
			if text = text[len(head):]; text != "" {
				w.endLine()
			}
		}
	}
}

// put adds a part to the line, joined to the one before it where the style is
// the same.
func (w *wrapper) put(s Span, width int) {
	w.lineWidth += width
	if last := len(w.line) - 1; last >= 0 {
		was := w.line[last]
		text := was.Text
		if was.Text = s.Text; was == s {
			w.line[last].Text = text + s.Text
			return
		}
	}
	w.line = append(w.line, s)
}

func (w *wrapper) endLine() {
	w.lines = append(w.lines, w.line)
	w.line, w.lineWidth, w.gap = nil, 0, Span{}
}

// Columns returns how wide each column of a table is drawn, in terminal
// columns, so that the table with gap columns between its columns fits into
// width. Columns that are narrow keep their width and the wide ones share what
// is left; none is under 1.
func Columns(rows [][][]Span, width, gap int) []int {
	var cols []int
	for _, row := range rows {
		for len(cols) < len(row) {
			cols = append(cols, 1)
		}
		for i, cell := range row {
			for line := range strings.SplitSeq(Text(cell), "\n") {
				cols[i] = max(cols[i], Width(line))
			}
		}
	}
	room := width - gap*(len(cols)-1)
	settled := make([]bool, len(cols))
	for {
		share, open, changed := room, 0, false
		for i, c := range cols {
			if settled[i] {
				share -= c
			} else {
				open++
			}
		}
		if open == 0 {
			return cols
		}
		for i, c := range cols {
			if !settled[i] && c <= share/open {
				settled[i], changed = true, true
			}
		}
		if changed {
			continue
		}
		extra := max(share, 0) % open
		for i := range cols {
			if !settled[i] {
				cols[i] = max(share/open, 1)
				if extra > 0 {
					cols[i]++
					extra--
				}
			}
		}
		return cols
	}
}
