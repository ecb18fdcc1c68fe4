package draw

import (
	"fmt"
	"strings"
	"testing"

	"workshop/internal/tui/style"
)

// BenchmarkLongLine measures what a page does with a line; the throughput is the same
// for any length.
func BenchmarkLongLine(b *testing.B) {
	t := style.New(true, true)
	for _, bench := range []struct {
		name string
		do   func(line string)
	}{
		{"wrap", func(line string) { Wrap(line, 80) }},
		{"cut", func(line string) { Cut(line, 80, t) }},
		{"highlight", func(line string) { Highlight(line, "a", t) }},
		{"highlight-script", func(line string) { Highlight(line, "ß", t) }},
	} {
		for _, kb := range []int{64, 256} {
			b.Run(fmt.Sprintf("%s/%dKB", bench.name, kb), func(b *testing.B) {
				line := t.Bad.Render("level") + strings.Repeat("012a45678ß", kb<<10/11)
				b.SetBytes(int64(len(line)))
				for b.Loop() {
					bench.do(line)
				}
			})
		}
	}
}
