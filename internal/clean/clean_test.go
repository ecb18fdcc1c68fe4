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
