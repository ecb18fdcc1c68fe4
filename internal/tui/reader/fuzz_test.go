package reader

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"workshop/internal/lesson"
	"workshop/internal/tui/keys"
	"workshop/internal/tui/style"
	"workshop/steps"
)

// harmless is all that a reader may say to a terminal beside text: colours and
// links.
var harmless = regexp.MustCompile("\x1b\\[[0-9;:]*m|\x1b\\]8;;[^\\x00-\\x1f\\x7f-\u009f]*\x07")

// FuzzReader shows any text at any size, folds, tabs and follows it: it fills
// its rectangle and sends nothing but text, colours and links.
func FuzzReader(f *testing.F) {
	for _, name := range []string{dialect, "../../lesson/testdata/by-hand.md"} {
		src, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src, uint8(80), []byte("j\t\r"))
	}
	names, err := steps.Files.ReadDir(".")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range names {
		if src, err := steps.Files.ReadFile(e.Name()); err == nil {
			f.Add(src, uint8(60), []byte("\t\r\t\rG\t"))
		}
	}
	f.Add([]byte("``` { .\x1b[2J .run title=\"\x9b2J\" }\n\x1b]52;c;x\x07\n```\n\n![\x1b](a.png)\n\n=== \"\x1b[31m\"\n\n    a\u202e\u0301\n"), uint8(7), []byte("\t\r"))
	f.Fuzz(func(t *testing.T, src []byte, size uint8, pressed []byte) {
		if len(src) > 1<<16 || len(pressed) > 64 {
			t.Skip()
		}
		s, _ := lesson.Parse("x.md", src)
		w, h := 1+int(size), 1+int(size)%37
		var last *Reader
		for _, unicodeToo := range []bool{true, false} {
			r := New(s, style.New(true, unicodeToo), steps.Files)
			r.SetProfile(colorprofile.TrueColor)
			r.SetVars(func(name string) (string, bool) { return "a\x1b[2J\nb", len(name)%2 == 0 })
			r.SetSize(w, h)
			table := keys.Table(Keys(func() *Reader { return r }, func(Request) tea.Cmd { return nil }))
			if last != nil {
				r.Follow(last)
			}
			for i := -1; i < len(pressed); i++ {
				if i >= 0 {
					k := tea.KeyPressMsg{Code: rune(pressed[i]), Text: string(rune(pressed[i]))}
					if code, ok := map[byte]rune{'\t': tea.KeyTab, '\r': tea.KeyEnter, ' ': tea.KeyPgDown}[pressed[i]]; ok {
						k = tea.KeyPressMsg{Code: code}
					}
					table.Press(k)
				}
				filled(t, r, w, h)
			}
			r.Restore(r.State())
			filled(t, r, w, h)
			last = r
		}
	})
}

func filled(t *testing.T, r *Reader, w, h int) {
	t.Helper()
	v := r.View()
	lines := strings.Split(v, "\n")
	if len(lines) != h {
		t.Fatalf("%d rows, want %d", len(lines), h)
	}
	for _, l := range lines {
		if n := ansi.StringWidth(l); n != w {
			t.Fatalf("%d columns, want %d: %q", n, w, l)
		}
		if i := strings.IndexFunc(harmless.ReplaceAllString(l, ""), unicode.IsControl); i >= 0 {
			t.Fatalf("this says more than text, colours and links: %q", l)
		}
	}
}
