// Package lesson reads the workshop's steps: Markdown in the dialect of MkDocs
// Material, with YAML front matter, into blocks that a screen can draw.
//
// Everything that it hands out is clean: no text, code, link or path in a Step
// holds an escape sequence or a control character, apart from newlines.
package lesson

import (
	"fmt"
	"strings"
)

// Course is a workshop: its steps in the order in which they are taught. It is
// immutable once loaded.
type Course struct {
	Title string
	Steps []*Step
	// Variables are the author's own, for use in text as {{ name }}: a value for
	// each target, and under "" the one for all others.
	Variables map[string]map[string]string
}

// Variable returns the value of an author's variable for a target.
func (c *Course) Variable(name, target string) (string, bool) {
	byTarget, ok := c.Variables[name]
	if !ok {
		return "", false
	}
	v, ok := byTarget[target]
	if !ok {
		v, ok = byTarget[""]
	}
	return v, ok
}

// Step returns the step with that id, and whether there is one.
func (c *Course) Step(id string) (*Step, bool) {
	for _, s := range c.Steps {
		if s.ID == id {
			return s, true
		}
	}
	return nil, false
}

// Step is one page of the workshop. It is immutable once parsed.
type Step struct {
	ID       string // from the file's name, without the number: 04-deploy.md is "deploy"
	Title    string // Blocks do not repeat it
	Estimate Estimate
	Goals    []string
	Page     string // the screen that this step works with: deploy, live, logs, cleanup; empty for none
	Checks   []Check
	Hints    [][]Span // shown one at a time, in this order
	Quiz     []Question
	Solve    []Action // does the step for those who fell behind
	Reset    []Action // brings the learner's work back to before the step
	Blocks   []Block
	File     string // the path that it was read from
	Keys     []Key  // of the front matter, known or not
}

// Key is a key of the front matter, with its place in the file, from 1.
type Key struct {
	Name         string
	Line, Column int
}

// Estimate is how long a step takes, in minutes. Min equals Max where the
// author gave one number; both are 0 where none was given.
type Estimate struct{ Min, Max int }

// String returns the estimate for people, "15 min" or "15-20 min", empty where
// none was given.
func (e Estimate) String() string {
	switch {
	case e.Max == 0:
		return ""
	case e.Min == e.Max:
		return fmt.Sprintf("%d min", e.Max)
	}
	return fmt.Sprintf("%d-%d min", e.Min, e.Max)
}

// Kind names what a Block is.
type Kind string

const (
	Heading    Kind = "heading"    // Level, Text
	Paragraph  Kind = "paragraph"  // Text
	List       Kind = "list"       // Ordered, Start, Loose, Items; an item's Blocks may nest
	Code       Kind = "code"       // Lang, Source, Action, Text is the title if it has one
	Image      Kind = "image"      // Source is the path below steps/ or a URL, Text the alternative text
	Table      Kind = "table"      // Rows, the first is the head; Align
	Admonition Kind = "admonition" // Style, Text is the title, Foldable, Open, Blocks
	Tabs       Kind = "tabs"       // Items: Text is the label
	Quote      Kind = "quote"      // Blocks
	Rule       Kind = "rule"
	Footnotes  Kind = "footnotes" // Items: Text is the mark that the text refers to
)

// Block is one part of a step. Which fields are set depends on Kind.
type Block struct {
	Kind     Kind
	ID       string // unique within the step and stable over runs: keeps folds and scroll
	Level    int    // of a heading, 1 to 6
	Text     []Span // inline text
	Source   string // code's text without the final newline, or an image's path
	Lang     string
	Run      bool    // the code block may be run in place: its Action is Run
	Action   *Action // what can be done here at a key, nil for nothing: of code, and of a paragraph that is one action's link
	When     string  // the expression under which the block is shown, empty for always: see Select
	Ordered  bool
	Start    int    // an ordered list's first number
	Loose    bool   // a list whose items have blank lines between them
	Style    string // of an admonition: info, tip, warning, note, danger, ...
	Foldable bool
	Open     bool
	Items    []Item
	Rows     [][][]Span // rows, cells, spans
	Align    []string   // of a table's columns: left, right, center
	Blocks   []Block
	Line     int // in the source, from 1
}

// Item is one entry of a list, a tab or a footnote.
type Item struct {
	Text   []Span // a tab's label; a list item's text is in Blocks
	Task   bool   // a task list's item
	Done   bool
	Blocks []Block
}

// Span is a run of inline text in one style. A newline in Text is a line break
// that the author asked for.
type Span struct {
	Text   string // may hold {{ name }} until Expand has filled it in
	Bold   bool
	Italic bool
	Code   bool
	Strike bool
	Link   string // target of a link
}

// Text returns the text of spans without their styles.
func Text(spans []Span) string {
	if len(spans) == 1 {
		return spans[0].Text
	}
	var b strings.Builder
	for _, s := range spans {
		b.WriteString(s.Text)
	}
	return b.String()
}

// Error is a fault in a step, with the place to mend it.
type Error struct {
	File   string
	Line   int // from 1; 0 where the whole file is meant
	Column int // in characters, from 1; 0 where the whole line is meant
	Msg    string
}

func (e *Error) Error() string {
	switch {
	case e.Line == 0:
		return fmt.Sprintf("%s: %s", e.File, e.Msg)
	case e.Column > 0:
		return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Msg)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Msg)
}
