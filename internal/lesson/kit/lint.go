package kit

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"workshop/internal/check"
	"workshop/internal/clean"
	"workshop/internal/lesson"
)

// Lint returns the mistakes in a workshop, sorted by file, line and column; each
// has all three. steps is its folder and terraform that of its configuration; screens
// are the pages that its steps may name. Nothing is run and nobody is asked.
func Lint(steps, terraform fs.FS, screens []lesson.Screen) []*lesson.Error {
	l := &linter{fsys: steps, screens: screens, conf: check.ReadConfiguration(terraform), headings: map[string]map[string]bool{}}
	course, err := lesson.Load(steps)
	l.course = course
	l.faults = splitErrors(err)
	var ids []string
	for _, s := range course.Steps {
		ids = append(ids, s.ID)
		l.headings[s.ID] = anchors(s.Blocks)
	}
	l.schema = l.conf.Schema(ids)
	if len(l.conf.Files) == 0 {
		l.fault(lesson.Manifest, 1, 1, "there is no configuration: write .tf files into %s/", Terraform)
	}
	l.manifest()
	l.unreachable()
	for _, s := range course.Steps {
		l.step(s)
	}
	return addPositions(l.fsys, l.faults)
}

type linter struct {
	fsys     fs.FS
	course   *lesson.Course
	conf     *check.Configuration
	schema   *check.Schema
	screens  []lesson.Screen
	headings map[string]map[string]bool // by step: the anchors of its headings
	faults   []*lesson.Error

	// of the step at hand
	file  string
	lines []string
}

func (l *linter) fault(file string, line, column int, format string, args ...any) {
	l.faults = append(l.faults, &lesson.Error{File: file, Line: line, Column: column, Msg: clean.Line(fmt.Sprintf(format, args...))})
}

// splitErrors takes the error of reading apart.
func splitErrors(err error) (out []*lesson.Error) {
	var many interface{ Unwrap() []error }
	if errors.As(err, &many) {
		for _, e := range many.Unwrap() {
			out = append(out, splitErrors(e)...)
		}
		return out
	}
	var e *lesson.Error
	if errors.As(err, &e) {
		out = append(out, e)
	}
	return out
}

// addPositions gives every fault a line and a column, sorts, and drops what is said
// twice.
func addPositions(fsys fs.FS, faults []*lesson.Error) []*lesson.Error {
	sources := map[string][]string{}
	for _, f := range faults {
		f.Line = max(f.Line, 1)
		if f.Column > 0 {
			continue
		}
		f.Column = 1
		lines, ok := sources[f.File]
		if !ok {
			src, _ := fs.ReadFile(fsys, f.File)
			lines = strings.Split(string(src), "\n")
			sources[f.File] = lines
		}
		if f.Line <= len(lines) {
			text := lines[f.Line-1]
			f.Column = 1 + utf8.RuneCountInString(text[:len(text)-len(strings.TrimLeft(text, " \t"))])
		}
	}
	slices.SortStableFunc(faults, func(a, b *lesson.Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Msg, b.Msg))
	})
	return slices.CompactFunc(faults, func(a, b *lesson.Error) bool { return *a == *b })
}

var manifestKeys = []string{"title", "steps", "variables"}

func (l *linter) manifest() {
	src, err := fs.ReadFile(l.fsys, lesson.Manifest)
	if err != nil {
		return
	}
	var doc yaml.Node
	if yaml.Unmarshal(src, &doc) != nil || len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return // said by Load
	}
	root := doc.Content[0].Content
	for i := 0; i+1 < len(root); i += 2 {
		key, value := root[i], root[i+1]
		switch {
		case !slices.Contains(manifestKeys, key.Value):
			l.fault(lesson.Manifest, key.Line, key.Column, "there is no key %q; there are %s", key.Value, strings.Join(manifestKeys, ", "))
		case key.Value == "variables" && value.Kind == yaml.MappingNode:
			for j := 0; j+1 < len(value.Content); j += 2 {
				l.ownVariable(value.Content[j], value.Content[j+1])
			}
		}
	}
}

// targets are what the fact target can be.
var targets = []string{"sandbox", "aws"}

// ownVariable looks whether an author's variable has a value wherever the
// workshop runs, and a name of its own.
func (l *linter) ownVariable(name, value *yaml.Node) {
	if _, err := check.CompileValue(name.Value, l.schema); err == nil || alwaysKnown[name.Value] {
		l.fault(lesson.Manifest, name.Line, name.Column, "%s is the name of a fact: take another one", name.Value)
	}
	if value.Kind != yaml.MappingNode {
		return
	}
	has, strange := map[string]bool{}, false
	for i := 0; i+1 < len(value.Content); i += 2 {
		t := value.Content[i]
		has[t.Value] = true
		if !slices.Contains(targets, t.Value) {
			strange = true
			l.fault(lesson.Manifest, t.Line, t.Column, "there is no target %q; there are %s", t.Value, strings.Join(targets, ", "))
		}
	}
	for _, t := range targets {
		if !has[t] && !strange {
			l.fault(lesson.Manifest, name.Line, name.Column, "the variable %s has no value for %s", name.Value, t)
		}
	}
}

// unreachable finds Markdown files that are no step of the course.
func (l *linter) unreachable() {
	names, err := fs.Glob(l.fsys, "*.md")
	if err != nil {
		return
	}
	for _, name := range names {
		known := slices.ContainsFunc(l.course.Steps, func(s *lesson.Step) bool { return s.File == name })
		aside := strings.EqualFold(name, "README.md") || strings.EqualFold(name, "index.md")
		if !known && !aside && !slices.ContainsFunc(l.faults, func(e *lesson.Error) bool { return e.File == name }) {
			l.fault(name, 1, 1, "no learner gets here: %s does not list it", lesson.Manifest)
		}
	}
}

var (
	ourKeys = []string{"title", "estimate", "goals", "page", "checks", "hints", "quiz", "solve", "reset"}
	// siteKeys are those of MkDocs and of the Material theme.
	siteKeys = []string{"description", "icon", "status", "subtitle", "tags", "hide", "search", "template", "comments", "authors", "author", "date", "categories", "links", "slug", "draft", "pin", "social", "robots", "canonical_url", "render_macros"}
)

func (l *linter) step(s *lesson.Step) {
	src, err := fs.ReadFile(l.fsys, s.File)
	if err != nil {
		return
	}
	src = bytes.ReplaceAll(bytes.TrimPrefix(src, []byte("\ufeff")), []byte("\r\n"), []byte("\n"))
	l.file, l.lines = s.File, strings.Split(string(src), "\n")
	for _, k := range s.Keys {
		if !slices.Contains(ourKeys, k.Name) && !slices.Contains(siteKeys, k.Name) {
			l.fault(l.file, k.Line, k.Column, "there is no key %q; there are %s", k.Name, strings.Join(ourKeys, ", "))
		}
		if k.Name == "page" && s.Page != "" {
			line, column := l.find(s.Page, k.Line)
			l.page(s.Page, line, column)
		}
	}
	described := len(s.Keys) > 0 || !strings.HasPrefix(l.lines[0], "---") // else it has been said that it cannot be read
	if s.Estimate.Max == 0 && described {
		at := lesson.Key{Line: 1, Column: 1}
		if i := slices.IndexFunc(s.Keys, func(k lesson.Key) bool { return k.Name == "estimate" }); i >= 0 {
			at = s.Keys[i]
		}
		if !slices.ContainsFunc(l.faults, func(e *lesson.Error) bool { return e.File == s.File && e.Line == at.Line && at.Line > 1 }) {
			l.fault(l.file, at.Line, at.Column, "the step has no estimate: write estimate: 10, in minutes")
		}
	}
	for _, c := range s.Checks {
		if strings.Contains(c.Title, "{{") {
			line, column := l.find(c.Title, 1)
			l.fault(l.file, line, column, "the title of a check stays as it is written, {{ }} included")
		}
		l.expression("the check "+c.ID, c.That, c.Line, c.Column, false)
	}
	for _, a := range slices.Concat(s.Solve, s.Reset) {
		l.action(a, a.Line, a.Column)
		if a.If != "" {
			line, column := l.find(a.If, a.Line)
			l.expression("the if of "+string(a.Verb), a.If, line, column, false)
		}
		if a.Until.That != "" {
			l.expression("what "+string(a.Verb)+" waits for", a.Until.That, a.Line, a.Column, false)
		}
	}
	for _, t := range s.Hints {
		l.links(s, t, 1)
	}
	l.blocks(s, s.Blocks)
	l.lookAtLines()
}

// expression compiles an expression that begins at line and column.
func (l *linter) expression(what, src string, line, column int, local bool) {
	e, err := check.Compile(src, l.schema)
	if err == nil {
		if local && !e.Local() {
			l.fault(l.file, line, column, "%s is asked while the page is drawn: only target, region, stack, plan, outputs, vars, history and steps can be", what)
		}
		return
	}
	var many interface{ Unwrap() []error }
	errs := []error{err}
	if errors.As(err, &many) {
		errs = many.Unwrap()
	}
	for _, e := range errs {
		var p *check.Problem
		if !errors.As(e, &p) {
			continue
		}
		at := column
		if p.Line == 1 {
			at += p.Column - 1
		} else {
			at = p.Column
		}
		l.fault(l.file, line+p.Line-1, at, "%s does not compile: %s", what, p.Msg)
	}
}

func (l *linter) blocks(s *lesson.Step, blocks []lesson.Block) {
	for _, b := range blocks {
		if b.When != "" {
			l.condition(b)
		}
		if b.Action != nil {
			line, column := l.find("```", b.Line)
			if b.Kind != lesson.Code {
				line, column = b.Line, 1
			}
			l.action(*b.Action, line, column)
			if b.Action.Verb == lesson.Run && !shells[b.Lang] {
				l.fault(l.file, line, column, "a %q block cannot be run: commands are { .bash .run }", b.Lang)
			}
		}
		if b.Kind == lesson.Image && strings.TrimSpace(lesson.Text(b.Text)) == "" {
			line, column := l.find("![", b.Line)
			l.fault(l.file, line, column, "the picture %s has no description: write ![what it shows](%s)", b.Source, b.Source)
		}
		l.links(s, b.Text, b.Line)
		for _, it := range b.Items {
			l.links(s, it.Text, b.Line)
			l.blocks(s, it.Blocks)
		}
		for _, row := range b.Rows {
			for _, cell := range row {
				l.links(s, cell, b.Line)
			}
		}
		l.blocks(s, b.Blocks)
	}
}

var shells = map[string]bool{"": true, "bash": true, "sh": true, "shell": true, "console": true}

// conditionMark finds where a block's conditions are written.
var conditionMark = regexp.MustCompile(`<!--\s*if\s+(\S.*?)\s*-->`)

// condition compiles the nearest condition above a block. Those that enclose it
// are met with other blocks.
func (l *linter) condition(b lesson.Block) {
	for n := min(b.Line, len(l.lines)); n > 0; n-- {
		m := conditionMark.FindStringSubmatchIndex(l.lines[n-1])
		if m == nil {
			continue
		}
		src := l.lines[n-1][m[2]:m[3]]
		if !strings.Contains(b.When, src) {
			continue
		}
		l.expression("the condition", src, n, 1+utf8.RuneCountInString(l.lines[n-1][:m[2]]), true)
		return
	}
}

// find returns where text stands, from a line on; else the line's beginning.
func (l *linter) find(text string, from int) (line, column int) {
	for n := max(from, 1); n <= len(l.lines); n++ {
		if i := strings.Index(l.lines[n-1], text); i >= 0 {
			return n, 1 + utf8.RuneCountInString(l.lines[n-1][:i])
		}
	}
	return max(from, 1), 1
}

// footnote is a reference that found no footnote: one that did is a number.
var footnote = regexp.MustCompile(`\[\^[^\]\s]+\]`)

// links looks where the links of a text lead.
func (l *linter) links(s *lesson.Step, spans []lesson.Span, from int) {
	said := map[string]bool{}
	for _, sp := range spans {
		if m := footnote.FindString(sp.Text); m != "" && !sp.Code {
			line, column := l.find(m, from)
			l.fault(l.file, line, column, "there is no footnote %s: write %s: and its text on a line of its own", m, m)
		}
		if sp.Link == "" || said[sp.Link] || strings.Contains(sp.Link, "{{") {
			continue
		}
		said[sp.Link] = true
		line, column := l.find("]("+sp.Link, from)
		if column > 1 || line > from {
			column += len("](")
		}
		l.link(s, sp.Link, line, column)
	}
}

func (l *linter) link(s *lesson.Step, link string, line, column int) {
	if a, ok := lesson.LinkAction(link); ok {
		if a.Verb == lesson.Visit {
			file, _, _ := strings.Cut(link, "#")
			if st, ok := l.course.Step(a.Name); !ok || path.Base(st.File) != path.Clean(file) {
				if _, err := fs.Stat(l.fsys, path.Clean(file)); err != nil || !ok {
					l.fault(l.file, line, column, "the link leads nowhere: there is no step %s", file)
					return
				}
			}
			if a.Anchor != "" && !l.headings[a.Name][a.Anchor] {
				l.fault(l.file, line, column, "the link leads nowhere: %s has no heading #%s", file, a.Anchor)
			}
			return
		}
		l.action(a, line, column)
		return
	}
	if strings.Contains(link, "://") || strings.HasPrefix(link, "mailto:") {
		return
	}
	if anchor, ok := strings.CutPrefix(link, "#"); ok {
		if anchor != "" && !l.headings[s.ID][anchor] {
			l.fault(l.file, line, column, "the link leads nowhere: this step has no heading #%s", anchor)
		}
		return
	}
	file, _, _ := strings.Cut(link, "#")
	if _, err := fs.Stat(l.fsys, path.Clean(file)); err != nil {
		l.fault(l.file, line, column, "the link leads nowhere: there is no file %s", file)
	}
}

// page looks whether there is a page of that name.
func (l *linter) page(name string, line, column int) {
	var slugs []string
	for _, s := range l.screens {
		slugs = append(slugs, s.Slug)
	}
	if !slices.Contains(slugs, name) {
		l.fault(l.file, line, column, "there is no page %q; there are %s", name, strings.Join(slugs, ", "))
	}
}

// action looks whether an action can be carried out.
func (l *linter) action(a lesson.Action, line, column int) {
	switch a.Verb {
	case lesson.Run:
		if strings.TrimSpace(a.Command) == "" {
			l.fault(l.file, line, column, "there is no command to run")
		}
	case lesson.Page:
		l.page(a.Name, line, column)
	case lesson.Set:
		for _, set := range a.Settings {
			if _, ok := l.conf.Variables[set.Name]; !ok {
				l.fault(l.file, line, column, "the configuration has no variable %q; it has %s", set.Name, l.names())
			} else if why := l.conf.Refusal(set.Name, set.Value); why != "" && !strings.Contains(set.Value, "{{") {
				l.fault(l.file, line, column, "%s", why)
			}
		}
	case lesson.Restore:
		for _, name := range a.Names {
			_, isVariable := l.conf.Variables[name]
			_, isFile := l.conf.Files[name]
			if name != lesson.RestoreAll && !isVariable && !isFile {
				l.fault(l.file, line, column, "there is nothing named %q to restore: name a variable, a .tf file, or %s", name, lesson.RestoreAll)
			}
		}
	case lesson.Open:
		src, ok := l.conf.Files[a.File]
		switch {
		case a.File == check.ValuesFile: // the learner's own, which is made when it is first written
		case !ok:
			l.fault(l.file, line, column, "the configuration has no file %q; it has %s", a.File, strings.Join(slices.Sorted(maps.Keys(l.conf.Files)), ", "))
		case a.At > bytes.Count(src, []byte("\n"))+1:
			l.fault(l.file, line, column, "%s has no line %d", a.File, a.At)
		case a.Find != "" && !bytes.Contains(src, []byte(a.Find)):
			l.fault(l.file, line, column, "%s has no line with %q", a.File, a.Find)
		}
	}
}

func (l *linter) names() string {
	if len(l.conf.Variables) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(l.conf.Variables)), ", ")
}

var variable = regexp.MustCompile(`\{\{[ \t]*([A-Za-z][\w-]*(?:\.[\w-]+)*)[ \t]*\}\}`)

// alwaysKnown are variables that the session has.
var alwaysKnown = map[string]bool{"target": true, "account": true, "region": true, "workspace": true}

// lookAtLines goes through the file as it is written: its {{ name }}, what
// follows the fences of its code blocks, and its pictures.
func (l *linter) lookAtLines() {
	front := strings.TrimRight(l.lines[0], " \t") == "---"
	section, fence := "", ""
	for i, text := range l.lines {
		if front {
			if t := strings.TrimRight(text, " \t"); i > 0 && (t == "---" || t == "...") {
				front = false
			}
			if m := topKey.FindStringSubmatch(text); m != nil {
				section = m[1]
			}
			l.values(i+1, text, section)
			continue
		}
		l.values(i+1, text, "")
		m := fenceLine.FindStringSubmatchIndex(text)
		switch {
		case m != nil && fence == "":
			fence = text[m[2]:m[3]]
			if m[4] >= 0 {
				l.attributes(i+1, text, m[4], m[5])
			}
		case m != nil && strings.HasPrefix(text[m[2]:m[3]], fence) && strings.TrimSpace(text[m[3]:]) == "":
			fence = ""
		case fence == "":
			if m := bareTitle.FindStringSubmatch(text); m != nil && !placing.MatchString(m[2]) {
				l.fault(l.file, i+1, 1+len(m[1]), "the title of a box stands in quotes: write %q", strings.TrimSpace(m[2]))
			}
			bare := codeSpan.ReplaceAllStringFunc(text, func(code string) string { return strings.Repeat(" ", len(code)) })
			if at := strings.Index(bare, "!["); at >= 0 && strings.TrimSpace(bare[:at]) != "" && picture.MatchString(bare[at:]) {
				l.fault(l.file, i+1, 1+utf8.RuneCountInString(text[:at]), "a picture stands on a line of its own: within text only its description is shown")
			}
		}
	}
}

var (
	topKey    = regexp.MustCompile(`^([a-z_]+):`)
	fenceLine = regexp.MustCompile("^[ \\t>]*(`{3,}|~{3,})[ \\t]*(?:[\\w+#-]*[ \\t]*\\{([^}]*)\\})?")
	bareTitle = regexp.MustCompile(`^(\s*(?:!!!|\?\?\?\+?)[ \t]+[\w-]+[ \t]+)([A-Za-z][\w \t-]*)$`)
	placing   = regexp.MustCompile(`^(inline|inline[ \t]+end)[ \t]*$`) // where a site puts the box
	codeSpan  = regexp.MustCompile("`[^`]*`")
	picture   = regexp.MustCompile(`^!\[[^\]]*\]\(`)
)

// values looks at every {{ name }} of a line. A check's message may use any
// fact, other text what is known without asking, and a title nothing.
func (l *linter) values(line int, text, section string) {
	for _, m := range variable.FindAllStringSubmatchIndex(text, -1) {
		name := text[m[2]:m[3]]
		column := 1 + utf8.RuneCountInString(text[:m[2]])
		if section == "title" {
			l.fault(l.file, line, column, "a title stays as it is written, {{ }} included")
			continue
		}
		if _, own := l.course.Variables[name]; own || alwaysKnown[name] {
			continue
		}
		if group, slug, ok := strings.Cut(name, "."); ok && (group == "pages" || group == "keys") {
			l.page(slug, line, column)
			continue
		}
		e, err := check.CompileValue(name, l.schema)
		switch {
		case err != nil:
			var p *check.Problem
			msg := err.Error()
			if errors.As(err, &p) {
				msg = p.Msg
			}
			l.fault(l.file, line, column, "there is no value {{ %s }}: %s", name, msg)
		case section != "checks" && !e.Local():
			l.fault(l.file, line, column, "{{ %s }} is not known while the page is drawn; only checks may ask for it", name)
		}
	}
}

var (
	class     = regexp.MustCompile(`(?:^|\s)\.([\w+#-]+)`)
	attribute = regexp.MustCompile(`([\w-]+)=(?:"[^"]*"|'[^']*'|\S+)`)
	// blockActions are the classes that make a code block an action, and
	// siteClasses those that a site knows; blockKeys are the attributes of both.
	blockActions = []string{"run", "set", "open", "copy", "shell"}
	siteClasses  = []string{"annotate", "no-annotate", "no-copy", "select", "no-select", "no-select-line"}
	blockKeys    = []string{"title", "file", "find", "line", "linenums", "hl_lines", "anchor_linenums", "linespans"}
)

// attributes looks at what stands in the braces behind a fence, from one byte of
// the line to another.
func (l *linter) attributes(line int, text string, from, to int) {
	braces := text[from:to]
	column := func(at int) int { return 1 + utf8.RuneCountInString(text[:from+at]) }
	for _, m := range attribute.FindAllStringSubmatchIndex(braces, -1) {
		if name := strings.TrimPrefix(braces[m[2]:m[3]], "data-"); !slices.Contains(blockKeys, name) {
			l.fault(l.file, line, column(m[2]), "there is no attribute %q; there are %s", name, strings.Join(blockKeys, ", "))
		}
	}
	bare := attribute.ReplaceAllStringFunc(braces, func(kv string) string { return strings.Repeat(" ", len(kv)) })
	lang := !strings.HasSuffix(strings.TrimRight(text[:from-1], " \t"), "`") && !strings.HasSuffix(strings.TrimRight(text[:from-1], " \t"), "~")
	for _, m := range class.FindAllStringSubmatchIndex(bare, -1) {
		switch name := bare[m[2]:m[3]]; {
		case slices.Contains(blockActions, name) || slices.Contains(siteClasses, name):
		case !lang:
			lang = true // the first of the others is the language
		default:
			l.fault(l.file, line, column(m[2]), "there is no action %q; there are %s", name, strings.Join(blockActions, ", "))
		}
	}
}

// anchors are the identifiers of headings, as MkDocs makes them: a repeated one
// gets a number.
func anchors(blocks []lesson.Block) map[string]bool {
	out := map[string]bool{}
	for b := range lesson.Within(blocks) {
		if b.Kind != lesson.Heading {
			continue
		}
		id := lesson.Anchor(b.Text)
		for n, base := 1, id; out[id]; n++ {
			id = base + "_" + strconv.Itoa(n)
		}
		out[id] = true
	}
	return out
}
