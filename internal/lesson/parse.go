package lesson

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode"

	"github.com/yuin/goldmark/ast"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"workshop/internal/clean"
)

const (
	// maxSize is the largest file that is read, in bytes. Text for people is
	// far below it; a binary file given by mistake often is not.
	maxSize = 2 << 20
	// maxDepth bounds how deep blocks nest. What is deeper is shown at this
	// depth: beyond it there is no room on a screen anyway.
	maxDepth = 16
	// What tame allows: block marks and links in a line, lines in a paragraph.
	maxMarks = 64
	maxLinks = 100
	maxRun   = 2000
)

// Parse reads one step. The step is never nil: what can be read is there, so
// that a fault costs the learner as little as possible. The error joins one
// *Error for each fault. It is safe for concurrent use.
//
// A page without front matter, as any Markdown file may be, takes its title
// from the first heading and its estimate from a line such as
// "Time Estimate: 15 - 20 minutes"; see adopt for how its foldable blocks are
// read.
func Parse(file string, src []byte) (*Step, error) {
	p := &reading{
		step: &Step{File: file, ID: stepID(file)},
		used: map[string]int{},
	}
	if len(src) > maxSize {
		p.fault(0, "the file is larger than %d MB: is it a step?", maxSize>>20)
		src = src[:maxSize]
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	src = bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))
	src = bytes.ToValidUTF8(src, []byte("\ufffd"))

	front, body, first, ok := splitFrontMatter(src)
	if !ok {
		p.fault(1, "the front matter that starts here has no closing line ---")
	}
	described := false
	if front != nil {
		described = p.frontMatter(front)
		p.src = source{text: body, lines: countLines(body, first)}
	} else {
		p.src = adopt(body, first)
	}
	if len(p.src.lines) == 0 {
		p.src.lines = []int{first}
	}
	p.src.text = append(bytes.TrimRight(p.src.text, "\n"), '\n')
	p.src = tame(p.src)
	for i, c := range p.src.text {
		if c == '\n' {
			p.ends = append(p.ends, i)
		}
	}

	ctx := parser.NewContext()
	doc := markdown().Parse(text.NewReader(p.src.text), parser.WithContext(ctx))
	bad, _ := ctx.Get(malformed).([]int)
	for _, at := range bad {
		p.fault(p.lineAt(at), `this looks like an admonition and is not one: write ??? info "Title", ???+ info "Title" or !!! info "Title"`)
	}
	p.step.Blocks = p.blocks(doc, 0)
	p.head(front != nil, described)
	sort.SliceStable(p.faults, func(i, j int) bool { return p.faults[i].Line < p.faults[j].Line })
	var errs []error
	for _, f := range p.faults {
		errs = append(errs, f)
	}
	return p.step, errors.Join(errs...)
}

// reading is the work on one file.
type reading struct {
	step   *Step
	src    source
	ends   []int // offset of each line's newline
	used   map[string]int
	faults []*Error
}

func (p *reading) fault(line int, format string, args ...any) {
	p.faults = append(p.faults, &Error{File: p.step.File, Line: line, Msg: fmt.Sprintf(format, args...)})
}

// lineAt returns the file's line for an offset into the text.
func (p *reading) lineAt(offset int) int {
	i := sort.SearchInts(p.ends, offset)
	return p.src.lines[min(i, len(p.src.lines)-1)]
}

var stepNumber = regexp.MustCompile(`^\d+[-_.]`)

// stepID makes a step's id from its file's name.
func stepID(file string) string {
	name := path.Base(strings.ReplaceAll(file, `\`, "/"))
	name = strings.TrimSuffix(name, path.Ext(name))
	if s := slug(stepNumber.ReplaceAllString(name, "")); s != "" {
		return s
	}
	return "step"
}

// slug makes an identifier of lower-case letters, digits and hyphens, at most
// 48 bytes long.
func slug(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 48 {
			break
		}
	}
	return strings.TrimRight(b.String(), "-")
}

// id returns base, or base with a number where another block has it already.
func (p *reading) id(kind Kind, text string) string {
	base := string(kind)
	if s := slug(text); s != "" {
		base += "-" + s
	}
	p.used[base]++
	if n := p.used[base]; n > 1 {
		return base + "-" + strconv.Itoa(n)
	}
	return base
}

func splitFrontMatter(src []byte) (front, body []byte, first int, ok bool) {
	line, rest, found := bytes.Cut(src, []byte("\n"))
	if !found || string(bytes.TrimRight(line, " \t")) != "---" {
		return nil, src, 1, true
	}
	start, n := rest, 2
	for {
		line, after, more := bytes.Cut(rest, []byte("\n"))
		if t := string(bytes.TrimRight(line, " \t")); t == "---" || t == "..." {
			front = start[:len(start)-len(rest)]
			if front == nil {
				front = []byte{}
			}
			return front, after, n + 1, true
		}
		if !more {
			return nil, src, 1, false
		}
		rest = after
		n++
	}
}

func countLines(src []byte, first int) []int {
	n := bytes.Count(src, []byte("\n")) + 1
	lines := make([]int, n)
	for i := range lines {
		lines[i] = first + i
	}
	return lines
}

// tame bounds what takes goldmark more than linear time and no author writes:
// block marks beyond maxMarks at the start of a line and link openings beyond
// maxLinks in a line lose the character that makes them one, and outside code a
// blank line ends a paragraph of more than maxRun lines.
func tame(in source) source {
	out := source{lines: make([]int, 0, len(in.lines))}
	var b bytes.Buffer
	b.Grow(len(in.text) + 16)
	run, code := 0, false
	for i, line := range bytes.SplitAfter(in.text, []byte("\n")) {
		if len(line) == 0 {
			break
		}
		tameMarks(line)
		for rest, links := line, 0; ; links++ {
			i := bytes.Index(rest, []byte("]("))
			if i < 0 {
				break
			}
			if links >= maxLinks {
				rest[i+1] = ' '
			}
			rest = rest[i+2:]
		}
		text := bytes.TrimSpace(line)
		if bytes.HasPrefix(text, []byte("```")) || bytes.HasPrefix(text, []byte("~~~")) {
			code = !code
		}
		if run++; len(text) == 0 || code {
			run = 0
		}
		at := in.lines[min(i, len(in.lines)-1)]
		if run > maxRun {
			b.WriteByte('\n')
			out.lines = append(out.lines, at)
			run = 1
		}
		b.Write(line)
		out.lines = append(out.lines, at)
	}
	out.text = b.Bytes()
	return out
}

func tameMarks(line []byte) {
	marks := 0
	for i, c := range line {
		spaced := i+1 < len(line) && (line[i+1] == ' ' || line[i+1] == '\t' || line[i+1] == '\n')
		switch {
		case c == ' ' || c == '\t' || c >= '0' && c <= '9':
			continue
		case c == '>', spaced && (c == '-' || c == '*' || c == '+' || c == '.' || c == ')'):
			if marks++; marks > maxMarks {
				line[i] = ' '
			}
		default:
			return
		}
	}
}

var estimateForm = regexp.MustCompile(`(?i)^(\d{1,4})(?:\s*(?:-|–|—|to)\s*(\d{1,4}))?\s*(?:m|mins?|minutes?)?\.?$`)

func parseEstimate(s string) (Estimate, bool) {
	m := estimateForm.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return Estimate{}, false
	}
	e := Estimate{}
	e.Min, _ = strconv.Atoi(m[1])
	e.Max = e.Min
	if m[2] != "" {
		e.Max, _ = strconv.Atoi(m[2])
	}
	if e.Max < e.Min {
		return Estimate{}, false
	}
	return e, true
}

var estimateLine = regexp.MustCompile(`(?i)^time estimate:\s*(.+)$`)

// head takes the title and the estimate out of the blocks, where they are what
// the page begins with.
func (p *reading) head(front, described bool) {
	s := p.step
	if len(s.Blocks) > 0 && s.Blocks[0].Kind == Heading && s.Blocks[0].Level == 1 {
		if t := strings.ReplaceAll(Text(s.Blocks[0].Text), "\n", " "); s.Title == "" || s.Title == t {
			s.Title = t
			s.Blocks = s.Blocks[1:]
		}
	}
	if s.Title == "" {
		for _, b := range s.Blocks {
			if b.Kind == Heading {
				s.Title = strings.ReplaceAll(Text(b.Text), "\n", " ")
				break
			}
		}
	}
	if s.Title == "" {
		s.Title = titleFromID(s.ID)
		if described {
			p.fault(1, "the front matter has no title")
		}
	}
	if !front && len(s.Blocks) > 0 && s.Blocks[0].Kind == Paragraph {
		if m := estimateLine.FindStringSubmatch(Text(s.Blocks[0].Text)); m != nil {
			if e, ok := parseEstimate(m[1]); ok {
				s.Estimate = e
				s.Blocks = s.Blocks[1:]
			}
		}
	}
}

func titleFromID(id string) string {
	t := strings.ReplaceAll(id, "-", " ")
	return strings.ToUpper(t[:1]) + t[1:]
}

// blocks turns the children of a node into blocks.
func (p *reading) blocks(parent ast.Node, depth int) []Block {
	var out []Block
	var c conditions
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		if h, ok := n.(*ast.HTMLBlock); ok && c.mark(p, p.raw(h), p.line(h)) {
			continue
		}
		when := c.when()
		if last := len(out) - 1; last >= 0 && out[last].Kind == Tabs && out[last].When != when {
			// A tab joins the one before it, but not across a condition.
			out = append(out, p.block(nil, n, depth)...)
			setWhen(out[last+1:], when)
			continue
		}
		before := len(out)
		out = p.block(out, n, depth)
		setWhen(out[before:], when)
	}
	c.end(p)
	return out
}

func setWhen(blocks []Block, when string) {
	for i := range blocks {
		blocks[i].When = when
	}
}

// block appends what the node n becomes to out.
func (p *reading) block(out []Block, n ast.Node, depth int) []Block {
	if depth > maxDepth && n.FirstChild() != nil && n.FirstChild().Type() == ast.TypeBlock {
		return append(out, p.flat(n)...)
	}
	line := p.line(n)
	switch n := n.(type) {
	case *ast.Heading:
		t := p.inline(n)
		out = append(out, Block{Kind: Heading, ID: p.id(Heading, Text(t)), Level: n.Level, Text: t, Line: line})
	case *ast.Paragraph, *ast.TextBlock:
		out = p.paragraph(out, n, line)
	case *ast.List:
		b := Block{Kind: List, ID: p.id(List, ""), Ordered: n.IsOrdered(), Start: n.Start, Loose: !n.IsTight, Line: line}
		for c := n.FirstChild(); c != nil; c = c.NextSibling() {
			it := Item{}
			if box, ok := taskBox(c); ok {
				it.Task, it.Done = true, box.IsChecked
			}
			it.Blocks = p.blocks(c, depth+1)
			b.Items = append(b.Items, it)
		}
		out = append(out, b)
	case *ast.FencedCodeBlock:
		out = append(out, p.fenced(n, line))
	case *ast.CodeBlock:
		out = append(out, Block{Kind: Code, ID: p.id(Code, ""), Source: p.raw(n), Line: line})
	case *ast.Blockquote:
		out = append(out, Block{Kind: Quote, ID: p.id(Quote, ""), Blocks: p.blocks(n, depth+1), Line: line})
	case *ast.ThematicBreak:
		out = append(out, Block{Kind: Rule, ID: p.id(Rule, ""), Line: line})
	case *ast.HTMLBlock:
		if t := strings.TrimSpace(stripTags(p.raw(n))); t != "" {
			out = append(out, Block{Kind: Paragraph, ID: p.id(Paragraph, ""), Text: []Span{{Text: clean.Line(t)}}, Line: line})
		}
	case *east.Table:
		out = append(out, p.table(n, line))
	case *east.FootnoteList:
		b := Block{Kind: Footnotes, ID: p.id(Footnotes, ""), Line: line}
		for c := n.FirstChild(); c != nil; c = c.NextSibling() {
			if f, ok := c.(*east.Footnote); ok {
				b.Items = append(b.Items, Item{Text: []Span{{Text: footnoteMark(f.Index)}}, Blocks: p.blocks(f, depth+1)})
			}
		}
		out = append(out, b)
	case *box:
		out = p.box(out, n, line, depth)
	}
	return out
}

// flat gives the text of everything below n as paragraphs.
func (p *reading) flat(n ast.Node) []Block {
	var out []Block
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering && n.Type() == ast.TypeBlock && n.Lines() != nil && n.Lines().Len() > 0 {
			if t := clean.Line(strings.TrimSpace(string(n.Lines().Value(p.src.text)))); t != "" {
				out = append(out, Block{Kind: Paragraph, ID: p.id(Paragraph, ""), Text: []Span{{Text: t}}, Line: p.line(n)})
			}
			return ast.WalkSkipChildren, nil
		}
		return ast.WalkContinue, nil
	})
	return out
}

func (p *reading) line(n ast.Node) int {
	if n.Type() == ast.TypeBlock && n.Pos() >= 0 {
		return p.lineAt(n.Pos())
	}
	return 0
}

// raw returns a block's lines as they stand, without the last newline.
func (p *reading) raw(n ast.Node) string {
	return strings.TrimSuffix(clean.Text(string(n.Lines().Value(p.src.text))), "\n")
}

func (p *reading) box(out []Block, n *box, line, depth int) []Block {
	var title []Span
	if t, ok := n.FirstChild().(*boxTitle); ok {
		title = p.inline(t)
		n.RemoveChild(n, t)
	}
	if n.kind == kindTab {
		it := Item{Text: title, Blocks: p.blocks(n, depth+1)}
		if len(it.Blocks) == 0 {
			p.fault(line, "the tab %q has no text: indent what belongs to it by four spaces", Text(title))
		}
		if last := len(out) - 1; last >= 0 && out[last].Kind == Tabs {
			out[last].Items = append(out[last].Items, it)
			return out
		}
		return append(out, Block{Kind: Tabs, ID: p.id(Tabs, Text(title)), Items: []Item{it}, Line: line})
	}
	if title == nil && (!n.titled || n.foldable) {
		title = []Span{{Text: strings.ToUpper(n.style[:1]) + n.style[1:]}}
	}
	b := Block{
		Kind: Admonition, ID: p.id(Admonition, Text(title)), Style: n.style, Text: title,
		Foldable: n.foldable, Open: n.open || !n.foldable, Line: line,
	}
	b.Blocks = p.blocks(n, depth+1)
	if len(b.Blocks) == 0 {
		p.fault(line, "%q has no text: indent what belongs to it by four spaces", Text(title))
	}
	return append(out, b)
}

func (p *reading) table(n *east.Table, line int) Block {
	b := Block{Kind: Table, ID: p.id(Table, ""), Line: line}
	for _, a := range n.Alignments {
		switch a {
		case east.AlignRight, east.AlignCenter:
			b.Align = append(b.Align, a.String())
		default:
			b.Align = append(b.Align, "left")
		}
	}
	for r := n.FirstChild(); r != nil; r = r.NextSibling() {
		var row [][]Span
		for c := r.FirstChild(); c != nil; c = c.NextSibling() {
			row = append(row, p.inline(c))
		}
		b.Rows = append(b.Rows, row)
	}
	return b
}

var (
	offers     = map[Verb]bool{Run: true, Set: true, Open: true, Copy: true, Shell: true}
	infoBraces = regexp.MustCompile(`^([^\s{]*)\s*\{([^}]*)\}\s*$`)
	infoPlain  = regexp.MustCompile(`^([^\s{]*)((?:\s+\S.*)?)$`)
	infoPair   = regexp.MustCompile(`([\w-]+)=(?:"([^"]*)"|'([^']*)'|(\S+))`)
	infoClass  = regexp.MustCompile(`(?:^|\s)\.([\w+#-]+)`)
)

// fenced reads a code block. What follows the fence is what MkDocs takes too:
//
//	bash
//	bash title="name"
//	{ .bash .run title="name" }
//
// The first class that is no action is the language unless one stands before the
// brace. The classes run, set, open, copy and shell make the block an action.
func (p *reading) fenced(n *ast.FencedCodeBlock, line int) Block {
	b := Block{Kind: Code, Line: line, Source: p.raw(n)}
	info := ""
	if n.Info != nil {
		info = strings.TrimSpace(clean.Line(string(n.Info.Segment.Value(p.src.text))))
	}
	rest := ""
	var classes []string
	if m := infoBraces.FindStringSubmatch(info); m != nil {
		b.Lang, rest = m[1], m[2]
		for _, c := range infoClass.FindAllStringSubmatch(infoPair.ReplaceAllString(rest, ""), -1) {
			classes = append(classes, c[1])
			if b.Lang == "" && !offers[Verb(c[1])] {
				b.Lang = c[1]
			}
		}
	} else if m := infoPlain.FindStringSubmatch(info); m != nil {
		b.Lang, rest = m[1], m[2]
	} else if info != "" {
		p.fault(line, "the code block's attributes %q cannot be read: write { .bash .run }", info)
	}
	attrs := map[string]string{}
	for _, kv := range infoPair.FindAllStringSubmatch(rest, -1) {
		attrs[strings.TrimPrefix(kv[1], "data-")] = kv[2] + kv[3] + kv[4]
	}
	if t := attrs["title"]; t != "" {
		b.Text = []Span{{Text: t}}
	}
	p.codeAction(&b, classes, attrs)
	b.ID = p.id(Code, Text(b.Text))
	if !p.fenceClosed(n) {
		p.fault(line, "the code block that starts here is not closed")
	}
	return b
}

// fenceClosed reports whether a fence follows the code block's last line.
func (p *reading) fenceClosed(n *ast.FencedCodeBlock) bool {
	at := n.Pos()
	if l := n.Lines().Len(); l > 0 {
		at = n.Lines().At(l-1).Stop - 1
	}
	i := sort.SearchInts(p.ends, at) + 1
	if i >= len(p.ends) {
		return false
	}
	line := bytes.Trim(p.src.text[p.ends[i-1]+1:p.ends[i]], " \t>")
	return bytes.HasPrefix(line, []byte("```")) || bytes.HasPrefix(line, []byte("~~~"))
}

func taskBox(item ast.Node) (*east.TaskCheckBox, bool) {
	if item.FirstChild() == nil {
		return nil, false
	}
	box, ok := item.FirstChild().FirstChild().(*east.TaskCheckBox)
	return box, ok
}

func footnoteMark(index int) string { return "[" + strconv.Itoa(index) + "]" }

// paragraph appends a paragraph, and the pictures in it that stand on a line of
// their own as blocks of their own.
func (p *reading) paragraph(out []Block, n ast.Node, line int) []Block {
	var spans []Span
	flush := func() {
		if spans = tidy(spans); len(spans) > 0 {
			out = append(out, Block{Kind: Paragraph, ID: p.id(Paragraph, ""), Text: spans, Action: onlyLink(spans), Line: line})
		}
		spans = nil
	}
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		img, ok := c.(*ast.Image)
		if !ok || !alone(img, p.src.text) {
			spans = p.span(spans, c, Span{})
			continue
		}
		flush()
		alt := p.inline(img)
		at := line
		if pos := img.Pos(); pos >= 0 {
			at = p.lineAt(pos)
		}
		out = append(out, Block{
			Kind: Image, ID: p.id(Image, Text(alt)), Line: at,
			Source: clean.Line(localPath(string(img.Destination))), Text: alt,
		})
		if t, ok := c.NextSibling().(*ast.Text); ok && attributes.Match(t.Value(p.src.text)) {
			c = t
		}
	}
	flush()
	return out
}

// onlyLink is the action of a paragraph that is nothing but one link.
func onlyLink(spans []Span) *Action {
	if a, ok := LinkAction(SoleLink(spans)); ok {
		return &a
	}
	return nil
}

// SoleLink is the target of the one link that a text consists of, empty where
// it is anything else.
func SoleLink(spans []Span) string {
	if len(spans) == 0 {
		return ""
	}
	for _, s := range spans {
		if s.Link != spans[0].Link {
			return ""
		}
	}
	return spans[0].Link
}

// localPath drops what a path beside the step does not need.
func localPath(dest string) string {
	if strings.Contains(dest, "://") || dest == "" {
		return dest
	}
	return path.Clean(dest)
}

// alone reports whether a picture has a line to itself.
func alone(img ast.Node, src []byte) bool {
	if prev := img.PreviousSibling(); prev != nil {
		t, ok := prev.(*ast.Text)
		if !ok || !t.SoftLineBreak() && !t.HardLineBreak() {
			return false
		}
	}
	next := img.NextSibling()
	if next == nil {
		return true
	}
	t, ok := next.(*ast.Text)
	if !ok {
		return false
	}
	rest := bytes.TrimSpace(t.Value(src))
	return (len(rest) == 0 || attributes.Match(rest) && len(attributes.Find(rest)) == len(rest)) &&
		(t.SoftLineBreak() || t.HardLineBreak() || t.NextSibling() == nil)
}

// attributes is a list such as {width="300"} that a site puts on what stands
// before it. Two braces are a variable instead.
var attributes = regexp.MustCompile(`^\{:?[^{}\n]*\}`)

// inline returns the inline text below n.
func (p *reading) inline(n ast.Node) []Span {
	var spans []Span
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		spans = p.span(spans, c, Span{})
	}
	return tidy(spans)
}

// span appends the inline node n, in the style so far, to spans.
func (p *reading) span(spans []Span, n ast.Node, style Span) []Span {
	switch n := n.(type) {
	case *ast.Text:
		v := n.Value(p.src.text)
		if !n.IsRaw() {
			if prev := n.PreviousSibling(); prev != nil && (prev.Kind() == ast.KindImage || prev.Kind() == ast.KindLink) {
				v = v[len(attributes.Find(v)):]
			}
			v = unescape(v)
		}
		spans = add(spans, style, clean.Line(string(v)))
		if n.HardLineBreak() {
			spans = add(spans, style, "\n")
		} else if n.SoftLineBreak() {
			spans = add(spans, style, " ")
		}
		return spans
	case *ast.String:
		return add(spans, style, clean.Line(string(unescape(n.Value))))
	case *ast.CodeSpan:
		style.Code = true
		var b strings.Builder
		for c := n.FirstChild(); c != nil; c = c.NextSibling() {
			if t, ok := c.(*ast.Text); ok {
				b.Write(t.Value(p.src.text))
			}
		}
		return add(spans, style, clean.Line(strings.ReplaceAll(b.String(), "\n", " ")))
	case *ast.Emphasis:
		style.Bold = style.Bold || n.Level == 2
		style.Italic = style.Italic || n.Level != 2
	case *east.Strikethrough:
		style.Strike = true
	case *ast.Link:
		style.Link = clean.Line(string(n.Destination))
	case *ast.AutoLink:
		style.Link = clean.Line(string(n.URL(p.src.text)))
		return add(spans, style, clean.Line(string(n.Label(p.src.text))))
	case *ast.Image:
		style.Italic = true
	case *ast.RawHTML:
		if t := bytes.ToLower(n.Segments.Value(p.src.text)); bytes.HasPrefix(t, []byte("<br")) {
			return add(spans, style, "\n")
		}
		return spans
	case *east.FootnoteLink:
		return add(spans, style, footnoteMark(n.Index))
	case *east.TaskCheckBox, *east.FootnoteBacklink:
		return spans
	}
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		spans = p.span(spans, c, style)
	}
	return spans
}

func unescape(v []byte) []byte {
	return util.UnescapePunctuations(util.ResolveEntityNames(util.ResolveNumericReferences(v)))
}

// add appends text in a style.
func add(spans []Span, style Span, text string) []Span {
	if text == "" {
		return spans
	}
	style.Text = text
	return append(spans, style)
}

// tidy joins neighbours in the same style, so that no variable is split over
// two spans, and drops the white space at the ends.
func tidy(spans []Span) []Span { return trim(join(spans)) }

func join(spans []Span) []Span {
	out := spans[:0]
	for i := 0; i < len(spans); {
		style := spans[i]
		style.Text = ""
		j := i + 1
		for ; j < len(spans); j++ {
			next := spans[j]
			if next.Text = ""; next != style {
				break
			}
		}
		style.Text = Text(spans[i:j])
		out = append(out, style)
		i = j
	}
	return out
}

// trim drops white space at the ends of inline text.
func trim(spans []Span) []Span {
	for len(spans) > 0 && !spans[0].Code {
		spans[0].Text = strings.TrimLeft(spans[0].Text, " \n")
		if spans[0].Text != "" {
			break
		}
		spans = spans[1:]
	}
	for len(spans) > 0 && !spans[len(spans)-1].Code {
		last := len(spans) - 1
		spans[last].Text = strings.TrimRight(spans[last].Text, " \n")
		if spans[last].Text != "" {
			break
		}
		spans = spans[:last]
	}
	return spans
}

var htmlTag = regexp.MustCompile(`(?s)<!--.*?-->|<[^>]*>`)

func stripTags(s string) string { return htmlTag.ReplaceAllString(s, "") }
