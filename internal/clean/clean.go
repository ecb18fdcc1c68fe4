// Package clean makes text from outside safe to show in a terminal.
//
// Log lines, AWS messages, file names and Markdown may carry escape sequences
// that move the cursor, set the title or write to the clipboard. Everything
// that this program prints and did not write itself goes through Text or Line
// where it enters, and what leaves the program through JSON, Frame or a Writer.
package clean

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// tabWidth is the number of columns that a tab becomes: terminals place tab
// stops by absolute column, which a laid-out screen cannot know.
const tabWidth = 4

// Text returns s without escape sequences and control characters, keeping
// newlines; tabs become spaces and invalid UTF-8 becomes U+FFFD. It is safe for
// concurrent use.
func Text(s string) string { return text(s, strings.Repeat(" ", tabWidth)) }

func text(s, tab string) string {
	if plain(s) {
		return s
	}
	s = strings.ToValidUTF8(s, "\ufffd")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	s = ansi.Strip(s)
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteRune(r)
		case r == '\t':
			b.WriteString(tab)
		case unicode.IsControl(r), bidi(r):
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Line is Text for something that must stay on one line: newlines become
// spaces. It is safe for concurrent use.
func Line(s string) string {
	s = Text(s)
	if !strings.Contains(s, "\n") {
		return s
	}
	return strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", " ")
}

// plain reports whether s has nothing to clean, so that the common case costs
// one pass and no allocation.
func plain(s string) bool {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c < 0x20 && c != '\n' || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || unicode.IsControl(r) || bidi(r) {
			return false
		}
		i += n
	}
	return true
}

// bidi reports the characters that reorder the text around them; in a log line
// they can make one thing look like another (CVE-2021-42574).
func bidi(r rune) bool {
	return r >= 0x061c && unicode.Is(unicode.Bidi_Control, r)
}
