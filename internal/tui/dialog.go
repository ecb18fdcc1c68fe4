package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"workshop/internal/clean"
	"workshop/internal/tui/style"
)

// dialog asks before something that creates, costs or deletes. The first
// choice is the safe one: it has the focus, and esc means it.
type dialog struct {
	title   string
	body    []string
	danger  bool
	choices []choice
	focus   int

	word  string // where set, the word that must be typed for the last choice
	asks  string // where set, a number is asked for
	input field
}

// choice is one answer. An empty key leaves it to the focus.
type choice struct {
	label string
	key   string
	do    func(d *dialog) tea.Cmd
}

// update answers with a command and whether the dialog is over.
func (d *dialog) update(k tea.KeyPressMsg) (cmd tea.Cmd, over bool) {
	choose := func(c choice) (tea.Cmd, bool) {
		if c.do == nil {
			return nil, true
		}
		return c.do(d), true
	}
	typing := d.word != "" || d.asks != ""
	switch key := k.String(); key {
	case "esc":
		return choose(d.choices[0])
	case "tab", "right", "down":
		d.focus = (d.focus + 1) % len(d.choices)
		return nil, false
	case "shift+tab", "left", "up":
		d.focus = (d.focus + len(d.choices) - 1) % len(d.choices)
		return nil, false
	case "enter":
		last := len(d.choices) - 1
		if typing && !d.ready() && (d.focus == last || d.input.value != "") {
			return nil, false // half a word is neither a yes nor a no
		}
		return choose(d.choices[d.focus])
	default:
		if typing {
			if d.input.update(k) {
				d.settle()
			}
			return nil, false
		}
		switch key {
		case "l", "j":
			d.focus = (d.focus + 1) % len(d.choices)
		case "h", "k":
			d.focus = (d.focus + len(d.choices) - 1) % len(d.choices)
		}
		for _, c := range d.choices {
			if c.key != "" && c.key == key {
				return choose(c)
			}
		}
	}
	return nil, false
}

// settle moves the focus to where what was typed leads.
func (d *dialog) settle() {
	d.focus = 0
	if d.ready() {
		d.focus = len(d.choices) - 1
	}
}

// ready reports whether what had to be typed was typed.
func (d *dialog) ready() bool {
	switch {
	case d.word != "":
		return strings.EqualFold(strings.TrimSpace(d.input.value), d.word)
	case d.asks != "":
		return d.input.value != ""
	}
	return true
}

func (d *dialog) view(w, h int, t style.Theme) []string {
	inner := min(w-8, 66)
	edge := t.Accent
	if d.danger {
		edge = t.Bad
	}
	var body []string
	for _, p := range d.body {
		body = append(body, wrap(p, inner)...)
	}
	lines := []string{t.Strong.Render(cut(d.title, inner, t)), ""}
	tail := []string{""}
	switch {
	case d.word != "":
		tail = append(tail, "Type "+t.Strong.Render(d.word)+" to go on:  "+d.input.view(t), "")
	case d.asks != "":
		tail = append(tail, d.asks+"  "+d.input.view(t), "")
	}
	var buttons []string
	for i, c := range d.choices {
		st, label := t.Text, " "+c.label+" "
		if i == d.focus {
			st, label = t.Selected, t.Signs.Current+label
		} else {
			label = " " + label
		}
		if i == len(d.choices)-1 && !d.ready() {
			st = t.Dim
		}
		buttons = append(buttons, st.Render(label))
	}
	row := strings.Join(buttons, "  ")
	if width(row) <= inner {
		tail = append(tail, row)
	} else {
		tail = append(tail, buttons...)
	}
	room := h - 2 - len(lines) - len(tail)
	if len(body) > room {
		body = body[:max(0, room)]
	}
	lines = append(append(lines, body...), tail...)

	c := t.Signs.Corners
	rule := strings.Repeat(t.Signs.Rule, inner+4)
	out := []string{edge.Render(c[0] + rule + c[1])}
	side := edge.Render(t.Signs.Divider)
	for _, l := range lines {
		out = append(out, side+"  "+fit(l, inner, t)+"  "+side)
	}
	return append(out, edge.Render(c[2]+rule+c[3]))
}

// over draws box in the middle of base, which it dims.
func over(base, box []string, w int, t style.Theme) []string {
	bw := 0
	for _, l := range box {
		bw = max(bw, width(l))
	}
	x, y := max(0, (w-bw)/2), max(0, (len(base)-len(box))/2)
	out := make([]string, len(base))
	for i, l := range base {
		plain := fit(ansi.Strip(l), w, t)
		if i < y || i >= y+len(box) {
			out[i] = t.Dim.Render(plain)
			continue
		}
		out[i] = t.Dim.Render(ansi.Cut(plain, 0, x)) + box[i-y] + t.Dim.Render(ansi.Cut(plain, x+bw, w))
	}
	return out
}

// field is one line of typed text.
type field struct {
	value string
	limit int // in characters; 0 for 80
}

// update reports whether the text changed.
func (f *field) update(k tea.KeyPressMsg) bool {
	before := f.value
	switch k.String() {
	case "backspace", "ctrl+h":
		if r := []rune(f.value); len(r) > 0 {
			f.value = string(r[:len(r)-1])
		}
	case "ctrl+u":
		f.value = ""
	case "ctrl+w":
		f.value = strings.TrimRight(f.value, " ")
		f.value = f.value[:strings.LastIndex(f.value, " ")+1]
	default:
		f.add(k.Key().Text)
	}
	return f.value != before
}

func (f *field) add(s string) {
	limit := f.limit
	if limit == 0 {
		limit = 80
	}
	r := append([]rune(f.value), []rune(clean.Line(s))...)
	f.value = string(r[:min(len(r), limit)])
}

func (f *field) view(t style.Theme) string {
	return t.Accent.Render(f.value) + t.Accent.Reverse(true).Render(" ")
}
