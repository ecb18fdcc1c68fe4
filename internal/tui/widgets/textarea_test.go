package widgets

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/clean"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/style"
)

var editorKeys = map[string]tea.KeyPressMsg{
	"left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight}, "up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown},
	"home": {Code: tea.KeyHome}, "end": {Code: tea.KeyEnd}, "pgup": {Code: tea.KeyPgUp}, "pgdown": {Code: tea.KeyPgDown},
	"backspace": {Code: tea.KeyBackspace}, "delete": {Code: tea.KeyDelete}, "enter": {Code: tea.KeyEnter}, "tab": {Code: tea.KeyTab},
	"cut": {Code: 'k', Mod: tea.ModCtrl}, "undo": {Code: 'z', Mod: tea.ModCtrl},
	"first": {Code: tea.KeyHome, Mod: tea.ModCtrl}, "last": {Code: tea.KeyEnd, Mod: tea.ModCtrl},
}

func editorKey(name string) tea.KeyPressMsg {
	if k, ok := editorKeys[name]; ok {
		return k
	}
	return tea.KeyPressMsg{Code: tea.KeyExtended, Text: name}
}

func TestTextarea(t *testing.T) {
	for _, c := range []struct{ name, text, keys, want string }{ // | is the cursor
		{"typing", "ab\nc", "x y", "xy|ab\nc"},
		{"within a line", "ab\nc", "right x", "ax|b\nc"},
		{"across lines", "ab\nc", "right right right x", "ab\nx|c"},
		{"back across lines", "ab\nc", "down left x", "abx|\nc"},
		{"the column is kept", "abc\n\nxyz", "end down down !", "abc\n\nxyz!|"},
		{"a new line is indented", "  a", "end enter b", "  a\n  b|"},
		{"a line is split", "ab", "right enter", "a\n|b"},
		{"lines are joined", "a\nb", "down backspace", "a|b"},
		{"and from above", "a\nb", "end delete", "a|b"},
		{"nothing before the first", "a", "backspace left up", "|a"},
		{"nothing behind the last", "a", "end delete right down", "a|"},
		{"the rest of a line", "abc\nd", "right cut", "a|\nd"},
		{"and its end", "abc\nd", "end cut", "abc|d"},
		{"characters of several runes", "e\u0301👩\u200d🔬x", "right right backspace", "e\u0301|x"},
		{"undo", "a", "x y undo", "|a"},
		{"undo a line", "a", "x enter y undo undo", "x|a"},
		{"nothing to undo", "a", "undo undo", "|a"},
		{"two spaces", "a", "tab", "  |a"},
		{"first and last", "a\nb", "last x first y", "y|a\nbx"},
		{"no control characters", "a", "\x1b[31m \u202e", "|a"},
		{"a screen on", strings.Repeat("\n", 30), "pgdown x", strings.Repeat("\n", 9) + "x|" + strings.Repeat("\n", 21)},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := NewTextarea(c.text, 0)
			a.View(40, 10, style.New(true, true))
			for _, k := range strings.Fields(c.keys) {
				a.Key(editorKey(k))
			}
			lines := append([]string(nil), a.lines...)
			lines[a.row] = lines[a.row][:a.col] + "|" + lines[a.row][a.col:]
			if got := strings.Join(lines, "\n"); got != c.want {
				t.Errorf("%q, not %q", got, c.want)
			}
		})
	}
}

func TestTextareaKnowsWhatIsSaved(t *testing.T) {
	a := NewTextarea("a", 0)
	saved := a.id
	a.Key(editorKey("x"))
	if a.id == saved {
		t.Error("typing changes nothing")
	}
	a.Key(editorKey("undo"))
	if a.id != saved {
		t.Error("what was undone counts as a change")
	}
	a.Key(editorKey("end"))
	if a.Key(editorKey("down")) || a.id != saved {
		t.Error("moving counts as a change")
	}
}

// Whatever is pressed, the cursor stands at a character of the text, what is
// drawn fits, and all of it can be undone.
func FuzzTextarea(f *testing.F) {
	f.Add("resource \"a\" {\n  b = 1\n}\n", "xdjk\n\x08\x7f", uint8(20), uint8(5))
	f.Add("漢字\ne\u0301👩\u200d🔬", "rrrbudE", uint8(7), uint8(2))
	names := []string{"left", "right", "up", "down", "home", "end", "pgup", "pgdown", "backspace", "delete", "enter", "tab", "cut", "undo", "first", "last"}
	theme := style.New(true, true)
	f.Fuzz(func(t *testing.T, text, keys string, w, h uint8) {
		text = clean.Text(text)
		a := NewTextarea(text, 1)
		for i := 0; i < len(keys) && i < 400; i++ {
			if n := int(keys[i]); n < len(names)*8 {
				a.Key(editorKey(names[n%len(names)]))
			} else {
				a.Insert(clean.Text(keys[i:min(i+3, len(keys))]))
			}
			if a.row < 0 || a.row >= len(a.lines) || a.col < 0 || a.col > len(a.line()) || !utf8.ValidString(a.Text()) {
				t.Fatalf("the cursor is at %d:%d of %q", a.row, a.col, a.lines)
			}
			out := a.View(int(w)+10, int(h)+1, theme)
			if len(out) > int(h)+1 || a.row < a.top || a.row >= a.top+int(h)+1 {
				t.Fatalf("%d lines in %d; the cursor is on %d, in sight are those from %d", len(out), h+1, a.row, a.top)
			}
			for _, l := range out {
				if n := draw.Width(l); n > int(w)+10+1 { // a wide character at the edge
					t.Fatalf("%d columns in %d: %q", n, int(w)+10, l)
				}
			}
		}
		for range pastMost + 1 {
			a.Key(editorKey("undo"))
		}
		if a.Text() != text {
			t.Errorf("undone, it is %q, not %q", a.Text(), text)
		}
	})
}

// BenchmarkLongLine moves the cursor up and down at the end of long lines; the
// throughput is the same for any length.
func BenchmarkLongLine(b *testing.B) {
	for _, kb := range []int{64, 256} {
		b.Run(fmt.Sprintf("%dKB", kb), func(b *testing.B) {
			line := strings.Repeat("0123456789", kb<<10/10)
			a := NewTextarea(line+"\n"+line, 0)
			a.Key(editorKey("end"))
			b.SetBytes(int64(kb) << 11)
			for b.Loop() {
				a.Key(editorKey("down"))
				a.Key(editorKey("up"))
			}
		})
	}
}
