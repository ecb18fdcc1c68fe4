package widgets

import (
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"workshop/internal/tui/draw"
	"workshop/internal/tui/keys"
	"workshop/internal/tui/style"
)

// Dialog asks before something that creates, costs or deletes. The first
// Choice is the safe one: it has the focus, and esc means it.
type Dialog struct {
	Title   string
	Body    []string // paragraphs
	Danger  bool
	Choices []Choice

	Word  string // where set, the word that must be typed for the last Choice
	Asks  string // where set, the words before a field that must be filled in
	Input Field

	focus int
}

// Choice is one answer. An empty Key leaves it to the focus; a nil Do only closes
// the dialog.
type Choice struct {
	Label string
	Key   string
	Do    func(d *Dialog) tea.Cmd
}

// Keys describes the keys of every dialog for the help.
func (*Dialog) Keys() []keys.Hint {
	return []keys.Hint{{Key: "tab left right", Does: "choose an answer"}, {Key: "enter", Does: "give the chosen answer"},
		{Key: "esc", Does: "the safe answer, which comes first"}}
}

// Hints names those that matter in the bottom line.
func (*Dialog) Hints() []keys.Hint {
	return []keys.Hint{{Key: "tab", Does: "choose"}, {Key: "enter", Does: "do it"}, {Key: "esc", Does: "back"}}
}

// Update answers a key with a command and whether the dialog is over.
func (d *Dialog) Update(k tea.KeyPressMsg) (cmd tea.Cmd, over bool) {
	choose := func(c Choice) (tea.Cmd, bool) {
		if c.Do == nil {
			return nil, true
		}
		return c.Do(d), true
	}
	typing := d.Word != "" || d.Asks != ""
	switch key := k.String(); key {
	case "esc":
		return choose(d.Choices[0])
	case "tab", "right", "down":
		d.focus = (d.focus + 1) % len(d.Choices)
		return nil, false
	case "shift+tab", "left", "up":
		d.focus = (d.focus + len(d.Choices) - 1) % len(d.Choices)
		return nil, false
	case "enter":
		last := len(d.Choices) - 1
		if typing && !d.ready() && (d.focus == last || d.Input.Value != "") {
			return nil, false // half a word is neither a yes nor a no
		}
		return choose(d.Choices[d.focus])
	default:
		if typing {
			if d.Input.Update(k) {
				d.settle()
			}
			return nil, false
		}
		switch key {
		case "l", "j":
			d.focus = (d.focus + 1) % len(d.Choices)
		case "h", "k":
			d.focus = (d.focus + len(d.Choices) - 1) % len(d.Choices)
		}
		for _, c := range d.Choices {
			if c.Key != "" && c.Key == key {
				return choose(c)
			}
		}
	}
	return nil, false
}

// settle moves the focus to where what was typed leads.
func (d *Dialog) settle() {
	d.focus = 0
	if d.ready() {
		d.focus = len(d.Choices) - 1
	}
}

// ready reports whether what had to be typed was typed.
func (d *Dialog) ready() bool {
	switch {
	case d.Word != "":
		return strings.EqualFold(strings.TrimSpace(d.Input.Value), d.Word)
	case d.Asks != "":
		return d.Input.Value != ""
	}
	return true
}

// View draws the dialog as a box for a body of w by h.
func (d *Dialog) View(w, h int, t style.Theme) []string {
	inner := min(w-8, 66)
	edge := t.Accent
	if d.Danger {
		edge = t.Bad
	}
	var body []string
	for _, p := range d.Body {
		body = append(body, draw.Wrap(p, inner)...)
	}
	lines := []string{t.Strong.Render(draw.Cut(d.Title, inner, t)), ""}
	tail := []string{""}
	switch {
	case d.Word != "":
		tail = append(tail, "Type "+t.Strong.Render(d.Word)+" to go on:  "+d.Input.View(t), "")
	case d.Asks != "":
		tail = append(tail, d.Asks+"  "+d.Input.View(t), "")
	}
	var buttons []string
	for i, c := range d.Choices {
		st, label := t.Text, " "+c.Label+" "
		if i == d.focus {
			st, label = t.Selected, t.Signs.Current+label
		} else {
			label = " " + label
		}
		if i == len(d.Choices)-1 && !d.ready() {
			st = t.Dim
		}
		buttons = append(buttons, st.Render(label))
	}
	row := strings.Join(buttons, "  ")
	if draw.Width(row) <= inner {
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
		out = append(out, side+"  "+draw.Fit(l, inner, t)+"  "+side)
	}
	return append(out, edge.Render(c[2]+rule+c[3]))
}

// Over draws box in the middle of base, which it dims.
func Over(base, box []string, w int, t style.Theme) []string {
	bw := 0
	for _, l := range box {
		bw = max(bw, draw.Width(l))
	}
	x, y := max(0, (w-bw)/2), max(0, (len(base)-len(box))/2)
	out := make([]string, len(base))
	for i, l := range base {
		plain := draw.Fit(ansi.Strip(l), w, t)
		if i < y || i >= y+len(box) {
			out[i] = t.Dim.Render(plain)
			continue
		}
		out[i] = t.Dim.Render(ansi.Cut(plain, 0, x)) + box[i-y] + t.Dim.Render(ansi.Cut(plain, x+bw, w))
	}
	return out
}

// Paste adds text to what is typed.
func (d *Dialog) Paste(text string) {
	d.Input.Add(text)
	d.settle()
}
