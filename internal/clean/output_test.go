package clean

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// hostile is text that a terminal would obey, or show as other text.
const hostile = "\x1b[2J\x1b]52;c;ZWNobw==\x07\x1bP1$q\x1b\\\u009b31m\u009d52;c;x\u009c\x7f\u202e\u2066\u200f\u061c\a\b\x00"

// safe reports the first character in s that no terminal should get.
func safe(s string, more func(r rune) bool) (bad rune, ok bool) {
	for _, r := range s {
		if r != '\n' && unicode.IsControl(r) && !more(r) || unicode.Is(unicode.Bidi_Control, r) {
			return r, false
		}
	}
	return 0, utf8.ValidString(s)
}

func TestJSON(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", `{"a":"x"}`, `{"a":"x"}`},
		{"letters", `"é 漢字 ✓"`, `"é 漢字 ✓"`},
		{"C1", "\"\u009b\u0080\"", `"\u009b\u0080"`},
		{"DEL", "\"\x7f\"", `"\u007f"`},
		{"bidirectional", "\"\u202e\u2066\u200f\"", `"\u202e\u2066\u200f"`},
		{"separators", "\"\u2028\u2029\"", `"\u2028\u2029"`},
		{"zero width", "\"\u200b\ufeff\"", `"\u200b\ufeff"`},
		{"above 16 bits", "\"\U000e0041\"", `"\udb40\udc41"`},
		{"no UTF-8", "\"\x9b\xff\"", `"\ufffd\ufffd"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(JSON([]byte(c.in))); got != c.want {
				t.Errorf("JSON(%q) = %s, want %s", c.in, got, c.want)
			}
		})
	}
}

func FuzzJSON(f *testing.F) {
	f.Add(hostile)
	f.Add("\U000e0041\xff")
	f.Fuzz(func(t *testing.T, s string) {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		got := JSON(text)
		if bad, ok := safe(string(got), func(rune) bool { return false }); !ok {
			t.Errorf("JSON(%q) = %q has %U", text, got, bad)
		}
		var was, is string
		if err := json.Unmarshal(text, &was); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(got, &is); err != nil || was != is {
			t.Errorf("JSON(%q) = %q has the value %q, %v", text, got, is, err)
		}
	})
}

func TestFrame(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "a\nb │ 漢字", "a\nb │ 漢字"},
		{"style", "\x1b[1;38;2;1;2;3mx\x1b[0m\x1b[m\x1b[4:3my", "\x1b[1;38;2;1;2;3mx\x1b[0m\x1b[m\x1b[4:3my"},
		{"a link", "\x1b]8;;http://x\x1b\\x\x1b]8;;\a", "\x1b]8;;http://x\x1b\\x\x1b]8;;\a"},
		{"a link without end", "\x1b]8;;http://x", "]8;;http://x"},
		{"a link with a control in it", "\x1b]8;;\u009bx\x1b\\", "]8;;x\\"},
		{"clipboard", "\x1b]52;c;x\a", "]52;c;x"},
		{"clear", "\x1b[2J", "[2J"},
		{"private mode", "\x1b[?25lm", "[?25lm"},
		{"C1, DEL, bidirectional", "a\u009b31mb\x7f\u202ec", "a31mbc"},
		{"no UTF-8", "a\x9bb", "a\ufffdb"},
		{"C0", "a\r\t\b\x00b", "ab"},
		{"an escape alone", "a\x1b", "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Frame(c.in); got != c.want {
				t.Errorf("Frame(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(hostile)
	f.Add("\x1b[31mx\x1b]8;;http://x\x1b\\y")
	f.Fuzz(func(t *testing.T, s string) {
		got := Frame(s)
		if again := Frame(got); again != got {
			t.Fatalf("Frame(%q) = %q, and of that %q", s, got, again)
		}
		for rest := got; ; {
			i := strings.IndexByte(rest, 0x1b)
			if i < 0 {
				if bad, ok := safe(rest, func(r rune) bool { return r == '\a' }); !ok {
					t.Fatalf("Frame(%q) = %q has %U", s, got, bad)
				}
				return
			}
			n := styling(rest[i:])
			if n == 0 {
				t.Fatalf("Frame(%q) = %q has another escape sequence", s, got)
			}
			rest = rest[:i] + rest[i+n:]
			if i > 0 {
				rest = rest[i:]
			}
		}
	})
}

func TestWriter(t *testing.T) {
	for name, parts := range map[string][]string{
		"whole":            {"a\tb é✓" + hostile + "c\r\n"},
		"a byte at a time": strings.Split("a\tb é✓", ""),
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			w := NewWriter(&out)
			for _, p := range parts {
				for i := range len(p) {
					if n, err := w.Write([]byte{p[i]}); n != 1 || err != nil {
						t.Fatal(n, err)
					}
				}
			}
			if bad, ok := safe(out.String(), func(r rune) bool { return r == '\t' }); !ok || !strings.HasPrefix(out.String(), "a\tb é✓") {
				t.Errorf("%q has %U", out.String(), bad)
			}
		})
	}
}

func FuzzWriter(f *testing.F) {
	f.Add([]byte(hostile+"é"), 3)
	f.Fuzz(func(t *testing.T, data []byte, at int) {
		at = min(max(at, 0), len(data))
		var out bytes.Buffer
		w := NewWriter(&out)
		for _, p := range [][]byte{data[:at], data[at:]} {
			if n, err := w.Write(p); n != len(p) || err != nil {
				t.Fatal(n, err)
			}
		}
		if bad, ok := safe(out.String(), func(r rune) bool { return r == '\t' }); !ok {
			t.Errorf("%q became %q with %U", data, out.String(), bad)
		}
	})
}

func BenchmarkFrame(b *testing.B) {
	line := "\x1b[1m│\x1b[0m " + strings.Repeat("a word ", 26) + "\x1b[38;5;240m│\x1b[m\n"
	frame := strings.Repeat(line, 60)
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		Frame(frame)
	}
}
