package draw

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"workshop/internal/clean"
	"workshop/internal/tui/style"
)

func FuzzContainsFold(f *testing.F) {
	f.Add("Hello World", "o w")
	f.Add("aaab", "aab")
	f.Add("", "")
	f.Add("ОШИБКА базы", "ошибка")
	f.Add("ÜBERLAUF", "überl")
	f.Fuzz(func(t *testing.T, s, needle string) {
		if !utf8.ValidString(s) || !utf8.ValidString(needle) {
			t.Skip("a log line is valid")
		}
		needle = strings.ToLower(needle)
		for _, r := range s {
			if r > 127 && unicode.ToLower(r) <= 127 {
				t.Skip("the Kelvin sign and such, which a needle of ASCII does not find")
			}
		}
		if got, want := ContainsFold(s, needle), strings.Contains(strings.ToLower(s), needle); got != want {
			t.Errorf("ContainsFold(%q, %q) = %v", s, needle, got)
		}
	})
}

func TestHighlight(t *testing.T) {
	th := style.New(true, true)
	for _, c := range []struct{ line, needle, want string }{
		{"a Slow one, slow", "slow", "a [Slow] one, [slow]"},
		{th.Bad.Render("err") + "or", "error", "[error]"},
		{"häß slow", "slow", "häß [slow]"},
		{"ОШИБКА, ошибка", "ошибка", "[ОШИБКА], [ошибка]"},
		{"ÜBERLAUF", "über", "[ÜBER]LAUF"},
		{"ẞtraße", "ß", "[ẞ]tra[ß]e"}, // of three bytes and two
		{"nothing", "slow", "nothing"},
		{"slowslow", "slow", "[slow][slow]"},
		{th.Bad.Render("a slow") + " end", "low e", "a s[low e]nd"},
		{"a\x07slow", "slow", "a\x07[slow]"},
	} {
		got := Highlight(c.line, c.needle, th)
		if Strip(got) != Strip(c.line) {
			t.Errorf("Highlight(%q) changed the text: %q", c.line, got)
		}
		open, shut, _ := strings.Cut(th.Selected.Render("|"), "|")
		if marked := Strip(strings.NewReplacer(open, "[", shut, "]").Replace(got)); marked != c.want {
			t.Errorf("Highlight(%q, %q) = %q, not %q", c.line, c.needle, marked, c.want)
		}
	}
}

// What follows a mark has the style that the line had there.
func TestHighlightKeepsTheStyle(t *testing.T) {
	th := style.New(true, true)
	on, off, _ := strings.Cut(th.Bad.Render("|"), "|")
	open, shut, _ := strings.Cut(th.Selected.Render("|"), "|")
	if got, want := Highlight(th.Bad.Render("a slow one"), "slow", th), on+"a "+open+"slow"+shut+on+" one"+off; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

func FuzzHighlight(f *testing.F) {
	f.Add("a slow", " one", "slow o")
	f.Fuzz(func(t *testing.T, styled, plain, needle string) {
		if !utf8.ValidString(needle) {
			t.Skip("what is typed and pasted is valid")
		}
		th := style.New(true, true)
		s := th.Bad.Render(clean.Line(styled)) + clean.Line(plain)
		if got := Highlight(s, needle, th); Strip(got) != Strip(s) {
			t.Errorf("the text of %q is %q with marks", s, got)
		}
	})
}
