package reader

import (
	"strings"
	"time"
	"unicode/utf8"

	"charm.land/lipgloss/v2"
	"github.com/alecthomas/chroma/v2"
	"github.com/charmbracelet/x/ansi"

	"workshop/internal/lesson"
	"workshop/internal/tui/style"
)

// role is what a piece of text is, which the theme has a style for.
type role uint8

const (
	text role = iota
	dim
	strong
	heading
	accent
	good
	attention
	bad
	border
	key
	selected
	code
)

// look is how a piece of text is drawn.
type look struct {
	role                 role
	bold, italic, strike bool
	onCode               bool   // on the background of code
	link                 string // target, for terminals that can follow one
}

// seg is a run of text in one look.
type seg struct {
	text string
	look look
}

// line is one row of the laid-out text.
type line struct {
	segs  []seg
	ready string // drawn already, put after segs: a row of a picture
	width int    // in columns, all together
	drawn string // what draw returned
}

func newLine(segs ...seg) line {
	l := line{segs: segs}
	for _, s := range segs {
		l.width += lesson.Width(s.text)
	}
	return l
}

// draw returns the line with its styles. The result is kept: a line is drawn at
// most once for each layout, when it is first seen.
func (l *line) draw(k *looks) string {
	if l.drawn == "" && (len(l.segs) > 0 || l.ready != "") {
		var b strings.Builder
		for _, s := range l.segs {
			b.WriteString(k.draw(s))
		}
		b.WriteString(l.ready)
		l.drawn = b.String()
	}
	return l.drawn
}

// looks draws text in a theme.
type looks struct {
	theme       style.Theme
	styles      map[look]lipgloss.Style
	knob, track string
}

func newLooks(t style.Theme) *looks {
	return &looks{
		theme: t, styles: map[look]lipgloss.Style{},
		knob: t.Dim.Render(t.Signs.Divider), track: " ",
	}
}

// drawable is text as the terminal can show it, as wide as it was.
func (k *looks) drawable(s string) string {
	ascii := true
	for i := 0; i < len(s) && ascii; i++ {
		ascii = s[i] < utf8.RuneSelf
	}
	switch {
	case ascii:
		return s
	case k.theme.Unicode:
		return strings.ReplaceAll(s, "\u00a0", " ")
	}
	var b strings.Builder
	for s != "" {
		g, w := ansi.FirstGraphemeCluster(s, ansi.GraphemeWidth)
		s = s[max(len(g), 1):]
		if r, n := utf8.DecodeRuneInString(g); n == len(g) && plain[r] != 0 {
			b.WriteRune(plain[r])
		} else if r < utf8.RuneSelf {
			b.WriteString(g)
		} else {
			b.WriteString(strings.Repeat("?", w))
		}
	}
	return b.String()
}

// plain has what stands in for the characters that steps use, one for one.
var plain = map[rune]rune{
	'\u00a0': ' ', '–': '-', '—': '-', '…': '.', '‘': '\'', '’': '\'', '“': '"', '”': '"', '×': 'x', '·': '.', '•': '*',
	'→': '>', '←': '<', '↑': '^', '↓': 'v', '✓': 'v', '✗': 'x', '─': '-', '│': '|', '┌': '+', '┐': '+', '└': '+', '┘': '+',
	'├': '+', '┤': '+', '┬': '+', '┴': '+', '┼': '+', '╭': '+', '╮': '+', '╰': '+', '╯': '+', '▸': '>', '▾': 'v', '●': '*', '○': 'o',
}

func (k *looks) draw(s seg) string {
	s.text = k.drawable(s.text)
	l := s.look
	link := l.link
	l.link = ""
	if l == (look{}) && link == "" {
		return s.text
	}
	st, ok := k.styles[l]
	if !ok {
		st = k.style(l)
		k.styles[l] = st
	}
	if link != "" {
		return ansi.SetHyperlink(link) + st.Underline(true).Render(s.text) + ansi.ResetHyperlink()
	}
	return st.Render(s.text)
}

func (k *looks) style(l look) lipgloss.Style {
	t := k.theme
	st := [...]lipgloss.Style{
		text: t.Text, dim: t.Dim, strong: t.Strong, heading: t.Heading, accent: t.Accent, good: t.Good,
		attention: t.Attention, bad: t.Bad, border: t.Border, key: t.Key, selected: t.Selected, code: t.Code,
	}[l.role]
	if l.bold {
		st = st.Bold(true)
	}
	if l.italic {
		st = st.Italic(true)
	}
	if l.strike {
		st = st.Strikethrough(true)
	}
	if l.onCode {
		st = st.Background(t.Code.GetBackground())
	}
	return st
}

// inline gives the looks of inline text, on the base of what surrounds it.
func inline(spans []lesson.Span, base look) []seg {
	segs := make([]seg, 0, len(spans))
	for _, s := range spans {
		l := base
		l.bold = l.bold || s.Bold
		l.italic = l.italic || s.Italic
		l.strike = l.strike || s.Strike
		if s.Code {
			l.role = code
		}
		if s.Link != "" {
			l.role = accent
			if web(s.Link) {
				l.link = s.Link
			}
		}
		segs = append(segs, seg{s.Text, l})
	}
	return segs
}

func web(link string) bool {
	return strings.HasPrefix(link, "https://") || strings.HasPrefix(link, "http://")
}

// Code beyond these limits has no colours. The grammars' expressions look ahead,
// so their time grows with the square of a line's length, of the number of blank
// lines, or of what follows a comment that does not end.
const (
	maxHighlight      = 8 << 10 // bytes
	maxHighlightLines = 500
	maxHighlightLine  = 400 // bytes
	maxHighlightTime  = 100 * time.Millisecond
)

// highlightable reports whether code is within the limits of colouring.
func highlightable(source string) bool {
	if len(source) > maxHighlight || strings.Count(source, "\n") >= maxHighlightLines {
		return false
	}
	for line := range strings.SplitSeq(source, "\n") {
		if len(line) > maxHighlightLine {
			return false
		}
	}
	return true
}

// highlight returns the lines of code with the looks of its grammar.
func highlight(source, lang string) [][]seg {
	tokens := tokenise(source, lang)
	lines := [][]seg{nil}
	for _, t := range tokens {
		l := tokenLook(t.Type)
		for i, s := range strings.Split(t.Value, "\n") {
			if i > 0 {
				lines = append(lines, nil)
			}
			if s != "" {
				last := len(lines) - 1
				lines[last] = append(lines[last], seg{s, l})
			}
		}
	}
	// The newline that was added is no line.
	if n := strings.Count(source, "\n") + 1; len(lines) > n {
		lines = lines[:n]
	}
	return lines
}

// tokenise returns the tokens of source, to which it adds a newline: the grammars
// end a comment at the end of its line, which the last line lacks.
func tokenise(source, lang string) []chroma.Token {
	plain := chroma.Token{Type: chroma.Text, Value: source + "\n"}
	lexer := grammar(lang)
	if lexer == nil || !highlightable(source) {
		return []chroma.Token{plain}
	}
	next, err := lexer.Tokenise(nil, plain.Value)
	if err != nil {
		return []chroma.Token{plain}
	}
	var tokens []chroma.Token
	started := time.Now()
	for t := next(); t != chroma.EOF; t = next() {
		tokens = append(tokens, t)
		plain.Value = plain.Value[len(t.Value):]
		if time.Since(started) > maxHighlightTime {
			return append(tokens, plain)
		}
	}
	return tokens
}

// tokenLook maps a grammar's parts onto the few colours that the screens have.
func tokenLook(t chroma.TokenType) look {
	l := look{role: code, onCode: true}
	switch {
	case t.InCategory(chroma.Comment):
		l.role, l.italic = dim, true
	case t == chroma.GenericPrompt:
		l.role = dim
	case t.InCategory(chroma.Keyword), t == chroma.NameBuiltin, t == chroma.NameFunction, t == chroma.NameTag:
		l.role = accent
	case t.InSubCategory(chroma.LiteralString):
		l.role = good
	case t.InSubCategory(chroma.LiteralNumber), t == chroma.NameVariable:
		l.role = attention
	}
	return l
}
