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
	// Programs that draw a progress in place return the carriage; some end lines so.
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	s = strip(s)
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

// Lines is Text for something of several lines, one by one; there is one at least.
// It is safe for concurrent use.
func Lines(s string) []string { return strings.Split(strings.TrimRight(Text(s), "\n"), "\n") }

// strip takes escape sequences out. Of one that never ends only the escape goes, so that
// it does not take the rest of the text with it.
func strip(s string) string {
	const escape = "\x1b"
	var b strings.Builder
	for {
		before, _, found := strings.Cut(s, escape)
		if b.WriteString(before); !found {
			return b.String()
		}
		s = s[len(before):]
		sequence, _, n, _ := ansi.DecodeSequence(s, ansi.NormalState, nil)
		if !ended(sequence) {
			n = len(escape)
		}
		s = s[n:]
	}
}

// ended reports whether an escape sequence has its end.
func ended(s string) bool {
	if len(s) < 2 {
		return false
	}
	switch s[1] {
	case ']', 'P', '_', '^', 'X':
		return len(s) > 2 && (s[len(s)-1] == '\a' || strings.HasSuffix(s, "\x1b\\"))
	case '[':
		return len(s) > 2 && s[len(s)-1] >= 0x40 && s[len(s)-1] <= 0x7e
	}
	return true
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
