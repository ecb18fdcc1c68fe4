package reader

import (
	"strings"

	"workshop/internal/lesson"
)

// Follow takes over the place of another reader, that of an earlier text of the
// step: folds, tabs and focus as far as they are there still, and on top the
// block that was on top, also where others came or went before it.
func (r *Reader) Follow(old *Reader) {
	r.Restore(old.State())
	at := old.anchor()
	if at.Block == "" || len(r.parts) == 0 {
		return
	}
	i := 0
	for j, p := range old.parts {
		if p.block.ID == at.Block {
			i = j
		}
	}
	i = again(partTexts(old.parts), partTexts(r.parts), i)
	r.place = &anchor{r.parts[min(i, len(r.parts)-1)].block.ID, at.Offset}
}

// again is where was[i] is in now: the nearest that says the same, else what
// stands in its place.
func again(was, now []string, i int) int {
	for d := range len(now) + i {
		for _, j := range []int{i + d, i - d} {
			if j >= 0 && j < len(now) && now[j] == was[i] {
				return j
			}
		}
	}
	// It was rewritten or is gone. What did not change in front of it and behind
	// it says where it was.
	same := 0
	for same < min(len(was), len(now)) && was[same] == now[same] {
		same++
	}
	rest := 0
	for rest < min(len(was), len(now))-same && was[len(was)-1-rest] == now[len(now)-1-rest] {
		rest++
	}
	if i >= len(was)-rest {
		return i + len(now) - len(was)
	}
	return i
}

// partTexts is the text of every part, by which it is known again.
func partTexts(parts []part) []string {
	out := make([]string, len(parts))
	for i, p := range parts {
		var b strings.Builder
		say(&b, p.block)
		out[i] = b.String()
	}
	return out
}

func say(b *strings.Builder, block lesson.Block) {
	b.WriteString(string(block.Kind) + "\n" + lesson.Text(block.Text) + "\n" + block.Source + "\n")
	for _, row := range block.Rows {
		for _, cell := range row {
			b.WriteString(lesson.Text(cell) + "\n")
		}
	}
	for _, inner := range block.Blocks {
		say(b, inner)
	}
	for _, it := range block.Items {
		b.WriteString(lesson.Text(it.Text) + "\n")
		for _, inner := range it.Blocks {
			say(b, inner)
		}
	}
}
