// Package lesson reads the workshop's steps: Markdown in the dialect of MkDocs
// Material, with YAML front matter, into blocks that a screen can draw.
package lesson

import "fmt"

// Course is a workshop: its steps in the order in which they are taught. It is
// immutable once loaded.
type Course struct {
	Title string
	Steps []*Step
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
	Title    string
	Estimate Estimate
	Goals    []string
	Page     string // the screen that this step works with: deploy, live, logs, cleanup; empty for none
	Blocks   []Block
	File     string // the path that it was read from
}

// Estimate is how long a step takes, in minutes. Min equals Max where the
// author gave one number; both are 0 where none was given.
type Estimate struct{ Min, Max int }

// Kind names what a Block is.
type Kind string

const (
	Heading    Kind = "heading"    // Level, Text
	Paragraph  Kind = "paragraph"  // Text
	List       Kind = "list"       // Ordered, Items; an item's Blocks may nest
	Code       Kind = "code"       // Lang, Source, Run
	Image      Kind = "image"      // Source is the path below steps/, Text the alternative text
	Table      Kind = "table"      // Rows, the first is the head
	Admonition Kind = "admonition" // Style, Text is the title, Foldable, Open, Blocks
	Tabs       Kind = "tabs"       // Items: Text is the label
	Quote      Kind = "quote"      // Blocks
	Rule       Kind = "rule"
	Footnotes  Kind = "footnotes" // Items
)

// Block is one part of a step. Which fields are set depends on Kind.
type Block struct {
	Kind     Kind
	ID       string // unique within the step and stable over runs: keeps folds and scroll
	Level    int    // of a heading, 1 to 6
	Text     []Span // inline text
	Source   string // code's text without the final newline, or an image's path
	Lang     string
	Run      bool // the code block may be run in place
	Ordered  bool
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

// Span is a run of inline text in one style.
type Span struct {
	Text   string // may hold {{ name }} until Expand has filled it in
	Bold   bool
	Italic bool
	Code   bool
	Strike bool
	Link   string // target of a link
}

// Error is a fault in a step, with the place to mend it.
type Error struct {
	File string
	Line int // from 1; 0 where the whole file is meant
	Msg  string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Msg)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Msg)
}
