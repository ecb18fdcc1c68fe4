package draw

import (
	"strings"

	"charm.land/lipgloss/v2"

	"workshop/internal/tui/style"
)

// Highlight marks where a line has the needle, which is in lower case.
func Highlight(s, needle string, t style.Theme) string {
	if needle == "" {
		return s
	}
	plain := Strip(s)
	var found []lipgloss.Range
	for from := 0; ; {
		i := IndexFold(plain[from:], needle)
		if i < 0 {
			break
		}
		i += from
		from = i + len(needle)
		at := Width(plain[:i])
		found = append(found, lipgloss.NewRange(at, at+Width(plain[i:from]), t.Selected))
	}
	return lipgloss.StyleRanges(s, found...)
}

// ContainsFold is strings.Contains without regard to ASCII case; needle is in
// lower case. It does not allocate.
func ContainsFold(s, needle string) bool { return IndexFold(s, needle) >= 0 }

// IndexFold is strings.Index without regard to ASCII case; needle is in lower
// case.
func IndexFold(s, needle string) int {
	n := len(needle)
	if n == 0 {
		return 0
	}
	lo := needle[0]
	up := lo
	if 'a' <= lo && lo <= 'z' {
		up = lo - 'a' + 'A'
	}
	// The next place of each case is looked for at the speed of memory, and only
	// once it has been passed.
	nextLo, nextUp := -1, -1
	for i := 0; ; i++ {
		if nextLo < i {
			nextLo = index(s, lo, i)
		}
		if nextUp < i {
			nextUp = index(s, up, i)
		}
		i = min(nextLo, nextUp)
		if i+n > len(s) {
			return -1
		}
		j := 1
		for j < n {
			c := s[i+j]
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			if c != needle[j] {
				break
			}
			j++
		}
		if j == n {
			return i
		}
	}
}

// index is where c stands in s from a place on, and the end of s where it does not.
func index(s string, c byte, from int) int {
	if n := strings.IndexByte(s[from:], c); n >= 0 {
		return from + n
	}
	return len(s)
}
