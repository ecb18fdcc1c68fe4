package draw

import (
	"strings"
	"testing"

	"workshop/internal/tui/style"
)

func FuzzContainsFold(f *testing.F) {
	f.Add("Hello World", "o w")
	f.Add("aaab", "aab")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, s, needle string) {
		for _, x := range []string{s, needle} {
			for _, r := range x {
				if r > 127 {
					t.Skip("it folds ASCII alone")
				}
			}
		}
		needle = strings.ToLower(needle)
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
		{"nothing", "slow", "nothing"},
	} {
		got := Highlight(c.line, c.needle, th)
		if Strip(got) != Strip(c.line) {
			t.Errorf("Highlight(%q) changed the text: %q", c.line, got)
		}
		open, shut, _ := strings.Cut(th.Selected.Render("|"), "|")
		if marked := Strip(strings.NewReplacer(open, "[", shut, "]").Replace(got)); strings.Count(marked, "[") != strings.Count(c.want, "[") {
			t.Errorf("Highlight(%q, %q) = %q, not %q", c.line, c.needle, marked, c.want)
		}
	}
}
