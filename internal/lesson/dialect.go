package lesson

import (
	"bytes"
	"regexp"
	"sync"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// bodyIndent is how far the body of an admonition or a tab is indented in
// Python-Markdown, which MkDocs builds on.
const bodyIndent = 4

var (
	// Python-Markdown's admonition and PyMdown's details share this form; words
	// after the first ("inline end") place the box and mean nothing here.
	admonitionHead = regexp.MustCompile(`^(!!!|\?\?\?\+?)[ \t]*([A-Za-z][\w-]*)?((?:[ \t]+[A-Za-z][\w-]*)*)(?:[ \t]+"(.*)")?[ \t]*$`)
	likeAdmonition = regexp.MustCompile(`^(!!!|\?\?\?\+?)[ \t]*[\w"]`)
	tabHead        = regexp.MustCompile(`^===[+!]{0,2}[ \t]+"(.+)"[ \t]*$`)
)

// markdown is the parser of the dialect, made once. goldmark's parser is safe
// for concurrent use.
var markdown = sync.OnceValue(func() parser.Parser {
	return goldmark.New(
		goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.TaskList, extension.Footnote),
		goldmark.WithParserOptions(
			parser.WithAttribute(),
			parser.WithBlockParsers(
				util.Prioritized(&boxParser{}, 90),
			),
		),
	).Parser()
})

var (
	kindAdmonition = ast.NewNodeKind("Admonition")
	kindTab        = ast.NewNodeKind("Tab")
	kindTitle      = ast.NewNodeKind("BoxTitle")
)

// malformed holds the offsets ([]int) of lines that start like an admonition
// and cannot be read as one; they are shown as text.
var malformed = parser.NewContextKey()

// box is an admonition or a tab: a title line and an indented body.
type box struct {
	ast.BaseBlock
	kind     ast.NodeKind
	style    string
	foldable bool
	open     bool
	titled   bool // an empty title, "", is a title too: it asks for none
}

func (b *box) Kind() ast.NodeKind { return b.kind }

func (b *box) Dump(source []byte, level int) { ast.DumpHelper(b, source, level, nil, nil) }

// boxTitle is the first child of a box and holds its title, so that goldmark
// reads the inline Markdown in it.
type boxTitle struct{ ast.BaseBlock }

func (b *boxTitle) Kind() ast.NodeKind { return kindTitle }

func (b *boxTitle) Dump(source []byte, level int) { ast.DumpHelper(b, source, level, nil, nil) }

// boxParser reads admonitions and content tabs. It is safe for concurrent use.
type boxParser struct{}

func (*boxParser) Trigger() []byte { return []byte{'!', '?', '='} }

func (*boxParser) Open(_ ast.Node, reader text.Reader, pc parser.Context) (ast.Node, parser.State) {
	line, segment := reader.PeekLine()
	pos := pc.BlockOffset()
	if pos < 0 {
		return nil, parser.NoChildren
	}
	head := bytes.TrimRight(line[pos:], "\r\n")
	b := &box{}
	var title []int // where in head
	if m := tabHead.FindSubmatchIndex(head); m != nil {
		b.kind, b.titled, title = kindTab, true, m[2:4]
	} else if m := admonitionHead.FindSubmatchIndex(head); m != nil {
		sign := head[m[2]:m[3]]
		b.kind, b.foldable, b.open = kindAdmonition, sign[0] == '?', len(sign) == 4
		b.style = "note"
		if m[4] >= 0 {
			b.style = string(bytes.ToLower(head[m[4]:m[5]]))
		}
		if m[8] >= 0 {
			b.titled, title = true, m[8:10]
		}
	} else {
		if likeAdmonition.Match(head) {
			bad, _ := pc.Get(malformed).([]int)
			pc.Set(malformed, append(bad, segment.Start))
		}
		return nil, parser.NoChildren
	}
	if title != nil && title[1] > title[0] {
		t := &boxTitle{}
		at := segment.Start + pos - segment.Padding
		t.Lines().Append(text.NewSegment(at+title[0], at+title[1]))
		b.AppendChild(b, t)
	}
	// The parser looks for children on the rest of this line: leave it nothing
	// but the line's end.
	n := len(line)
	if n > 0 && line[n-1] == '\n' {
		n--
	}
	reader.Advance(n)
	return b, parser.HasChildren
}

func (*boxParser) Continue(_ ast.Node, reader text.Reader, _ parser.Context) parser.State {
	line, _ := reader.PeekLine()
	if util.IsBlank(line) {
		return parser.Continue | parser.HasChildren
	}
	pos, padding := util.IndentPosition(line, reader.LineOffset(), bodyIndent)
	if pos < 0 {
		return parser.Close
	}
	reader.AdvanceAndSetPadding(pos, padding)
	return parser.Continue | parser.HasChildren
}

func (*boxParser) Close(ast.Node, text.Reader, parser.Context) {}

func (*boxParser) CanInterruptParagraph() bool { return true }

func (*boxParser) CanAcceptIndentedLine() bool { return false }

// source is Markdown and, for each of its lines, the line of the file that it
// comes from, counted from 1.
type source struct {
	text  []byte
	lines []int
}

var (
	fenceLine  = regexp.MustCompile("^ {0,3}(`{3,}|~{3,})")
	atxHeading = regexp.MustCompile(`^#{1,6}([ \t]|$)`)
	setextLine = regexp.MustCompile(`^(=+|-+)[ \t]*$`)
)

// adopt gives the foldable blocks of a plain page the paragraphs that their
// author meant for them.
//
// Pages written by hand often indent only the first paragraph after a
// `??? info "Title"` and go on at the margin. Python-Markdown would leave those
// paragraphs outside; the author sees them as the block's text. A page is read
// the author's way when it says so itself, that is when all of these hold:
//
//   - it has no front matter: a workshop's own steps have it, and indent;
//   - in at least one `???` block, a line at the margin follows an indented one
//     with no blank line between. Nobody who separates the two on purpose
//     writes that;
//   - no `???` block has a second indented paragraph: somebody who wrote one
//     knows what the indent is for.
//
// Then every `???` block that has an indented first paragraph takes all that
// follows, up to the next `???`, `!!!` or `===` head, heading of any level, or
// the page's end. A step from the indent to the margin starts a paragraph.
func adopt(src []byte, first int) source {
	lines := bytes.SplitAfter(src, []byte("\n"))
	if n := len(lines); n > 0 && len(lines[n-1]) == 0 {
		lines = lines[:n-1]
	}
	out := source{text: src, lines: make([]int, 0, len(lines)+8)}
	if !indentsOnce(lines) {
		for i := range lines {
			out.lines = append(out.lines, first+i)
		}
		return out
	}
	var b bytes.Buffer
	add := func(i int, prefix string) {
		b.WriteString(prefix)
		b.Write(lines[i])
		out.lines = append(out.lines, first+i)
	}
	const indent = "    "
	before := outside
	walkFolds(lines, func(i int, in foldState) {
		switch {
		case in == adopted && before == own:
			b.WriteByte('\n')
			out.lines = append(out.lines, first+i)
			add(i, indent)
		case in == adopted:
			add(i, indent)
		default:
			add(i, "")
		}
		before = in
	})
	out.text = b.Bytes()
	return out
}

// foldState is where a line stands with respect to the foldable blocks.
type foldState int

const (
	outside foldState = iota
	own               // the block's head, its indented first paragraph, blank lines around it
	adopted           // at the margin or after a line that was, taken into the block
)

// walkFolds calls f for every line, in order, with its place if margins are
// read the author's way.
func walkFolds(lines [][]byte, f func(i int, in foldState)) {
	in, hasBody := outside, false
	fence := ""
	for i, line := range lines {
		bare := bytes.TrimRight(line, " \t\r\n")
		if fence != "" {
			if t := bytes.TrimSpace(bare); len(t) >= len(fence) && bytes.HasPrefix(t, []byte(fence)) && len(bytes.Trim(t, fence[:1])) == 0 {
				fence = ""
			}
			f(i, in)
			continue
		}
		switch {
		case len(bare) == 0, indented(bare):
			hasBody = hasBody || in != outside && len(bare) > 0
		case bytes.HasPrefix(bare, []byte("???")) && admonitionHead.Match(bare):
			in, hasBody = own, false
			f(i, own)
			continue
		case admonitionHead.Match(bare), tabHead.Match(bare), atxHeading.Match(bare), setextAt(lines, i):
			in = outside
		case in == own && hasBody:
			in = adopted
		case in == own:
			in = outside
		}
		if m := fenceLine.FindSubmatch(bytes.TrimLeft(bare, " ")); m != nil {
			fence = string(m[1])
		}
		f(i, in)
	}
}

// indentsOnce reports whether the page is one that adopt is for.
func indentsOnce(lines [][]byte) bool {
	broken, careful := false, false
	walkFolds(lines, func(i int, in foldState) {
		if i == 0 || in == outside || len(bytes.TrimSpace(lines[i])) == 0 {
			return
		}
		blankBefore := len(bytes.TrimSpace(lines[i-1])) == 0
		switch {
		case in == adopted && !indented(lines[i]) && !blankBefore && indented(lines[i-1]):
			broken = true
		case in == own && indented(lines[i]) && blankBefore && !firstInBody(lines, i):
			careful = true
		}
	})
	return broken && !careful
}

// firstInBody reports whether only blank lines stand between line i and the
// head of the block that it is in.
func firstInBody(lines [][]byte, i int) bool {
	for i--; i >= 0; i-- {
		if len(bytes.TrimSpace(lines[i])) > 0 {
			return !indented(lines[i])
		}
	}
	return true
}

func indented(line []byte) bool {
	return line != nil && (bytes.HasPrefix(line, []byte("    ")) || bytes.HasPrefix(line, []byte("\t"))) && len(bytes.TrimSpace(line)) > 0
}

// setextAt reports whether line i is the text of a heading that the next line
// underlines.
func setextAt(lines [][]byte, i int) bool {
	if i+1 >= len(lines) || len(bytes.TrimSpace(lines[i])) == 0 {
		return false
	}
	if i > 0 && len(bytes.TrimSpace(lines[i-1])) > 0 {
		return false
	}
	return setextLine.Match(bytes.TrimRight(lines[i+1], " \t\r\n"))
}
