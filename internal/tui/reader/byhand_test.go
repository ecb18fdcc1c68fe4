package reader

import (
	"strings"
	"testing"

	"workshop/internal/tui/style"
)

// A page whose foldable blocks go on at the margin folds them with all of their
// text, at every width.
func TestWrittenByHand(t *testing.T) {
	for _, width := range []int{60, 80, 200} {
		r := New(step(t, "../../lesson/testdata/by-hand.md"), style.New(true, true), nil)
		r.SetSize(width, 60)
		if folded := strings.Fields(show(t, r)); strings.Join(folded, " ") != "[picture: The parts] ▸ What is a container? ▸ What is a task?" {
			t.Errorf("folded at %d it reads %q", width, folded)
		}
		press(t, r, "tab", "enter", "tab", "enter")
		boxes := 0
		for _, l := range strings.Split(show(t, r), "\n") {
			switch text := strings.TrimSpace(l); {
			case strings.HasPrefix(text, "▾"):
				boxes++
			case boxes > 0 && text != "" && !strings.HasPrefix(text, "│"):
				t.Errorf("unfolded at %d this stands beside its box: %s", width, l)
			}
		}
		if v := show(t, r); boxes != 2 || !strings.Contains(v, "notice.") || !strings.Contains(v, "is kept.") {
			t.Errorf("unfolded at %d it reads\n%s", width, v)
		}
	}
}
