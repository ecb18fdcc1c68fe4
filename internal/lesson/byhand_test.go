package lesson

import (
	"bytes"
	"strings"
	"testing"
)

// TestWrittenByHand reads a page whose foldable blocks go on at the margin: all
// of their text is in them, at every width, and nothing beside them.
func TestWrittenByHand(t *testing.T) {
	s := parseFile(t, "by-hand.md")
	if got, want := kinds(s.Blocks), "image admonition(A The image Two) admonition(What A Nobody)"; got != want {
		t.Fatalf("the blocks are %s, want %s", got, want)
	}
	if s.Title != "How it hangs together" || s.Estimate != (Estimate{10, 15}) {
		t.Errorf("%s takes %v", s.Title, s.Estimate)
	}
	for _, width := range []int{40, 80, 120} {
		var b bytes.Buffer
		if err := s.Plain(&b, width, nil); err != nil {
			t.Fatal(err)
		}
		_, boxes, _ := strings.Cut(b.String(), "Info: What is a container?\n")
		first, second, ok := strings.Cut(boxes, "\nInfo: What is a task?\n")
		if !ok {
			t.Fatalf("at %d the boxes are\n%s", width, boxes)
		}
		for _, box := range []struct{ text, last string }{{first, "notice."}, {second, "kept."}} {
			for _, l := range strings.Split(box.text, "\n") {
				if l != "" && !strings.HasPrefix(l, "    ") {
					t.Errorf("at %d this stands beside its box: %s", width, l)
				}
			}
			if !strings.HasSuffix(strings.TrimSpace(box.text), box.last) {
				t.Errorf("at %d the box ends with\n%s", width, box.text)
			}
		}
	}
}
