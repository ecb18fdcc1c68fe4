package widgets

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"workshop/internal/clean"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/style"
)

// Textarea is text that is edited. It draws the lines that are in sight and no
// others: the one of Bubbles lays out and styles all of them at every key, which
// takes longer than a key may take.
type Textarea struct {
	draft
	want      int // column that moving up and down keeps to
	top, left int // first line and column in sight
	height    int // as it was last drawn, 0 before that
	past      []draft
	typing    bool // the last change was a character: the next one joins it
	changes   int
}

// draft is the text and the cursor at one time. Lines are replaced and never
// changed in place.
type draft struct {
	lines []string
	row   int
	col   int // in bytes, at the beginning of a character
	id    int // tells texts apart: every change makes a new one
}

// pastMost bounds what can be undone.
const pastMost = 500

// NewTextarea returns the clean text for editing, with the cursor on a line, from 0.
func NewTextarea(text string, row int) *Textarea {
	a := &Textarea{draft: draft{lines: strings.Split(text, "\n")}}
	a.row = min(max(row, 0), len(a.lines)-1)
	return a
}

// Text returns the text as it stands.
func (a *Textarea) Text() string { return strings.Join(a.lines, "\n") }

func (a *Textarea) line() string { return a.lines[a.row] }

// Key answers a key. It reports whether the key changes text, not only the place.
func (a *Textarea) Key(k tea.KeyPressMsg) (edits bool) {
	page := max(1, a.height-1)
	switch k.String() {
	case "left", "ctrl+b":
		if a.col > 0 {
			a.col = charBefore(a.line(), a.col)
		} else if a.row > 0 {
			a.row--
			a.col = len(a.line())
		}
	case "right", "ctrl+f":
		if a.col < len(a.line()) {
			a.col = charAfter(a.line(), a.col)
		} else if a.row < len(a.lines)-1 {
			a.row, a.col = a.row+1, 0
		}
	case "up", "ctrl+p":
		a.vertical(-1)
		return false
	case "down", "ctrl+n":
		a.vertical(1)
		return false
	case "pgup":
		a.vertical(-page)
		return false
	case "pgdown":
		a.vertical(page)
		return false
	case "home", "ctrl+a":
		a.col = 0
	case "end", "ctrl+e":
		a.col = len(a.line())
	case "ctrl+home":
		a.row, a.col = 0, 0
	case "ctrl+end":
		a.row = len(a.lines) - 1
		a.col = len(a.line())
	default:
		return a.edit(k)
	}
	a.want, a.typing = draw.Width(a.line()[:a.col]), false
	return false
}

// vertical moves the cursor by lines, and to the column that it came from.
func (a *Textarea) vertical(by int) {
	a.row = min(max(a.row+by, 0), len(a.lines)-1)
	a.col, a.typing = 0, false
	for column := 0; a.col < len(a.line()); {
		next := charAfter(a.line(), a.col)
		if column += draw.Width(a.line()[a.col:next]); column > a.want {
			break
		}
		a.col = next
	}
}

func (a *Textarea) edit(k tea.KeyPressMsg) bool {
	switch key := k.String(); key {
	case "backspace", "ctrl+h":
		switch {
		case a.col > 0:
			a.replace(a.row, charBefore(a.line(), a.col), a.row, a.col, "")
		case a.row > 0:
			a.replace(a.row-1, len(a.lines[a.row-1]), a.row, 0, "")
		}
	case "delete", "ctrl+d":
		switch {
		case a.col < len(a.line()):
			a.replace(a.row, a.col, a.row, charAfter(a.line(), a.col), "")
		case a.row < len(a.lines)-1:
			a.replace(a.row, a.col, a.row+1, 0, "")
		}
	case "ctrl+k":
		if a.col < len(a.line()) {
			a.replace(a.row, a.col, a.row, len(a.line()), "")
		} else if a.row < len(a.lines)-1 {
			a.replace(a.row, a.col, a.row+1, 0, "")
		}
	case "ctrl+z", "ctrl+_":
		if n := len(a.past) - 1; n >= 0 {
			a.draft, a.past, a.typing = a.past[n], a.past[:n], false
		}
	case "enter": // the next line begins below this one
		head := a.line()[:a.col]
		a.Insert("\n" + head[:len(head)-len(strings.TrimLeft(head, " "))])
	case "tab":
		a.Insert("  ")
	default:
		text := clean.Line(k.Key().Text)
		if text == "" {
			return false
		}
		joins := a.typing
		a.Insert(text)
		if joins {
			a.past = a.past[:len(a.past)-1]
		}
		a.typing = true
	}
	return true
}

// Insert puts clean text at the cursor.
func (a *Textarea) Insert(text string) { a.replace(a.row, a.col, a.row, a.col, text) }

// replace puts text in the place of what lies between two places, and the cursor
// behind it.
func (a *Textarea) replace(row, col, endRow, endCol int, text string) {
	a.past = append(a.past, a.draft)
	a.past = a.past[max(0, len(a.past)-pastMost):]
	a.changes++
	fresh := strings.Split(a.lines[row][:col]+text, "\n")
	last := len(fresh) - 1
	a.row, a.col, a.id = row+last, len(fresh[last]), a.changes
	fresh[last] += a.lines[endRow][endCol:]
	a.lines = slices.Concat(a.lines[:row], fresh, a.lines[endRow+1:])
	a.want, a.typing = draw.Width(a.line()[:a.col]), false
}

// charAfter returns where the character ends that begins at a byte of a line.
func charAfter(line string, at int) int {
	g, _ := ansi.FirstGraphemeCluster(line[at:], ansi.GraphemeWidth)
	return at + max(len(g), 1)
}

// charBefore returns where the character begins that ends at a byte of a line.
func charBefore(line string, at int) int {
	last := 0
	for i := 0; i < at; i = charAfter(line, i) {
		last = i
	}
	return last
}

// View draws the lines in sight, with their numbers.
func (a *Textarea) View(w, h int, t style.Theme) []string {
	if a.height == 0 { // at first with some lines above the cursor
		a.top = max(0, a.row-h/3)
	}
	a.height = h
	a.top = min(max(a.top, a.row-h+1), a.row)
	digits := max(3, len(strconv.Itoa(len(a.lines))))
	w = max(2, w-digits-2)
	cursor := draw.Width(a.line()[:a.col])
	a.left = min(max(a.left, cursor-w+2), cursor)
	var out []string
	for i := a.top; i < min(len(a.lines), a.top+h); i++ {
		number, text := fmt.Sprintf("%*d  ", digits, i+1), a.lines[i]
		if i != a.row {
			out = append(out, t.Dim.Render(number)+slice(text, a.left, a.left+w))
			continue
		}
		under, rest := " ", ""
		if a.col < len(text) {
			end := charAfter(text, a.col)
			under, rest = text[a.col:end], text[end:]
		}
		out = append(out, t.Key.Render(number)+slice(text[:a.col], a.left, cursor)+t.Text.Reverse(true).Render(under)+
			slice(rest, 0, a.left+w-cursor-draw.Width(under)))
	}
	return out
}

// slice is the part of plain text between two columns.
func slice(s string, from, to int) string {
	if from <= 0 && len(s) <= to { // no character is wider than it has bytes
		return s
	}
	return ansi.Cut(s, from, max(from, to))
}

// ID tells texts apart: every change makes a new one, and an undo brings the old
// one back.
func (a *Textarea) ID() int { return a.id }

// Position returns the line of the cursor, from 1, and how many lines there are.
func (a *Textarea) Position() (line, lines int) { return a.row + 1, len(a.lines) }
