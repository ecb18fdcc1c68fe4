package clean

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "GET / 200", "GET / 200"},
		{"colour", "\x1b[31mred\x1b[0m", "red"},
		{"title", "a\x1b]0;owned\x07b", "ab"},
		{"clipboard", "a\x1b]52;c;ZWNobw==\x1b\\b", "ab"},
		{"c1 introducer", "a\u009b31mb", "a31mb"},
		{"bell and backspace", "a\x07\x08b", "ab"},
		{"carriage return", "50%\r100%\r\n", "50%\n100%\n"},
		{"title without an end", "a\x1b]0;title and the rest", "a]0;title and the rest"},
		{"device control without an end", "a\x1bPq and the rest", "aPq and the rest"},
		{"colour without an end", "a\x1b[31", "a[31"},
		{"escape at the end", "a\x1b", "a"},
		{"string that a newline would end", "a\x1b]0;x\nb", "a]0;x\nb"},
		{"tab", "a\tb", "a    b"},
		{"right to left override", "a\u202eb", "ab"},
		{"wide and accented", "é 漢字 ✓", "é 漢字 ✓"},
		{"broken utf8", "a\xffb", "a\ufffdb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Text(c.in); got != c.want {
				t.Errorf("Text(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func TestLine(t *testing.T) {
	if got := Line("one\ntwo\n"); got != "one two" {
		t.Errorf("Line = %q", got)
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\x1b[2Jb\n")
	f.Add("\x9b1;1H\xc2\x9b")
	f.Fuzz(func(t *testing.T, s string) {
		got := Text(s)
		if !utf8.ValidString(got) {
			t.Fatalf("Text(%q) = %q is not UTF-8", s, got)
		}
		if i := strings.IndexFunc(got, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }); i >= 0 {
			t.Fatalf("Text(%q) = %q has a control character at %d", s, got, i)
		}
	})
}

func TestColours(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "GET / 200", "GET / 200"},
		{"colour", "\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"},
		{"colour without an end", "\x1b[1;31mred", "\x1b[1;31mred\x1b[m"},
		{"colour over two lines", "\x1b[31mred\r\nstill\x1b[m\nnot", "\x1b[31mred\x1b[m\n\x1b[31mstill\x1b[m\nnot"},
		{"new after a reset", "\x1b[1ma\x1b[0;32mb\nc", "\x1b[1ma\x1b[0;32mb\x1b[m\n\x1b[0;32mc\x1b[m"},
		{"256 colours", "\x1b[38;5;8;48;2;8;5;6mx\x1b[m", "\x1b[38;5;8;48;2;8;5;6mx\x1b[m"},
		{"colours with colons", "\x1b[38:5:8mx\x1b[m", "\x1b[38:5:8mx\x1b[m"},
		{"cut off colour", "\x1b[38;5mx\x1b[m", "\x1b[38;5mx\x1b[m"},
		{"hidden", "\x1b[8mpass\x1b[0m", "pass\x1b[0m"},
		{"hidden and red, blinking", "\x1b[8;31;5mx\x1b[m", "\x1b[31mx\x1b[m"},
		{"title", "a\x1b]0;owned\x07b", "a^[]0;owned^Gb"},
		{"clear and move", "\x1b[2J\x1b[1;1Hx", "^[[2J^[[1;1Hx"},
		{"a link", "\x1b]8;;http://x\x1b\\x", "^[]8;;http://x^[\\x"},
		{"without an end", "a\x1b[31", "a^[[31"},
		{"escape at the end", "a\x1b", "a^["},
		{"c1 introducer", "a\u009b31mb", "a<U+009B>31mb"},
		{"delete, backspace, nul", "a\x7f\x08\x00b", "a^?^H^@b"},
		{"right to left override", "a\u202eb", "a<U+202E>b"},
		{"broken utf8", "a\xffb", "a\ufffdb"},
		{"tab and return", "a\tb\rc", "a    b\nc"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Colours(c.in); got != c.want {
				t.Errorf("Colours(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

// A terminal gets nothing but text and styles, and each line leaves no style on.
func FuzzColours(f *testing.F) {
	f.Add("a\x1b[2Jb\n\x1b[31;8mred\nmore")
	f.Add("\x9b1;1H\xc2\x9b\x1b[38;5;1m\x1b]8;;x\a")
	f.Fuzz(func(t *testing.T, s string) {
		got := Colours(s)
		if Frame(got) != got {
			t.Fatalf("Colours(%q) = %q has what a frame may not have", s, got)
		}
		if strings.Contains(got, "\x1b]") {
			t.Fatalf("Colours(%q) = %q has a link", s, got)
		}
		if len(got) > (stylesMost*styleBytes+10)*(len(s)+1) {
			t.Fatalf("%d bytes became %d", len(s), len(got))
		}
		for _, line := range strings.Split(got, "\n") {
			if at := strings.LastIndex(line, "\x1b["); at >= 0 && !strings.HasPrefix(line[at:], noStyle) {
				if _, resets := shown(line[at : at+styling(line[at:])]); !resets {
					t.Fatalf("Colours(%q): %q leaves a style on", s, line)
				}
			}
		}
	})
}
