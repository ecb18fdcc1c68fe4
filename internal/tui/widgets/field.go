package widgets

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/tui/style"
)

// Field is one line of typed text, edited at its end.
type Field struct {
	Value string
	Limit int // in characters; 0 for 80
}

// Update answers a key and reports whether the text changed.
func (f *Field) Update(k tea.KeyPressMsg) bool {
	before := f.Value
	switch k.String() {
	case "backspace", "ctrl+h":
		f.Value = f.Value[:charBefore(f.Value, len(f.Value))]
	case "ctrl+u":
		f.Value = ""
	case "ctrl+w":
		f.Value = strings.TrimRight(f.Value, " ")
		f.Value = f.Value[:strings.LastIndex(f.Value, " ")+1]
	default:
		f.Add(k.Key().Text)
	}
	return f.Value != before
}

// Add appends text, cleaned and up to the limit.
func (f *Field) Add(s string) {
	limit := f.Limit
	if limit == 0 {
		limit = 80
	}
	text := f.Value + clean.Line(s)
	end := 0
	for n := 0; n < limit && end < len(text); n++ {
		end = charAfter(text, end)
	}
	f.Value = text[:end]
}

// View draws the text with a cursor behind it.
func (f *Field) View(t style.Theme) string {
	return t.Accent.Render(f.Value) + t.Accent.Reverse(true).Render(" ")
}
