package reader

import (
	"strings"
	"testing"

	"workshop/internal/tui/style"
)

// What was on top is on top again, whatever its author has done to the text.
func TestFollow(t *testing.T) {
	paragraphs := func(s string) string { return strings.Join(strings.Fields(s), "\n\n") + "\n" }
	for _, c := range []struct{ name, now, top string }{
		{"nothing", "a b c d e f g h", "d"},
		{"one before", "a x b c d e f g h", "d"},
		{"one before and one behind", "a x b c d e x f g h", "d"},
		{"two less before", "c d e f g h i j", "d"},
		{"changed", "a b c D e f g h", "D"},
		{"changed, and one behind it", "a b c D e x f g h", "D"},
		{"gone", "a b c e f g h i", "e"},
		{"a shorter text", "a b", "a"},
		{"another text", "k l m n o p q r s", "n"},
		{"no text", "", ""},
	} {
		old := New(parse(t, paragraphs("a b c d e f g h")), style.New(true, true), nil)
		old.SetSize(20, 5)
		old.View()
		press(t, old, "down", "down", "down", "down", "down", "down")
		if v := show(t, old); !strings.HasPrefix(v, "d") {
			t.Fatalf("the top is not d:\n%s", v)
		}
		r := New(parse(t, paragraphs(c.now)), style.New(true, true), nil)
		r.SetSize(20, 5)
		r.Follow(old)
		if v := show(t, r); !strings.HasPrefix(v, c.top) {
			t.Errorf("%s: the top is not %s:\n%s", c.name, c.top, v)
		}
	}
}
