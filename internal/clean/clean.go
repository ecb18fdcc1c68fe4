// Package clean makes text from outside safe to show in a terminal.
//
// Log lines, AWS messages, file names and Markdown may carry escape sequences
// that move the cursor, set the title or write to the clipboard. Everything
// that this program prints and did not write itself goes through Text or Line
// where it enters, and what leaves the program through JSON, Frame or a Writer.
package clean

import (
	"fmt"
	"strconv"
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

// Colours is Text for somebody who wants to see a program's own colours. It keeps SGR
// sequences, except those that hide text or let it blink; each line ends its style, and the
// next one begins with it again. Every other control is shown, as `less` does: ^[ for an
// escape, <U+009B> for one outside ASCII. It is safe for concurrent use.
func Colours(s string) string {
	if plain(s) {
		return s
	}
	s = strings.ToValidUTF8(s, "\ufffd")
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	var b strings.Builder
	b.Grow(len(s))
	var on []string // the sequences in force
	later := false  // they are still to be written on this line
	off := func() {
		if len(on) > 0 && !later {
			b.WriteString(noStyle)
		}
	}
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == '\n' {
			off()
			b.WriteByte('\n')
			later = true
			i += n
			continue
		}
		if later {
			b.WriteString(strings.Join(on, ""))
			later = false
		}
		if end := sgr(s[i:]); end > 0 {
			sequence, resets := shown(s[i : i+end])
			if b.WriteString(sequence); resets {
				on = on[:0]
			}
			if sequence != "" && sequence != noStyle && sequence != "\x1b[0m" {
				on = append(on[max(0, len(on)+1-stylesMost):], sequence)
			}
			i += end
			continue
		}
		switch i += n; {
		case r == '\t':
			b.WriteString(strings.Repeat(" ", tabWidth))
		case r < 0x20, r == 0x7f:
			b.WriteByte('^')
			b.WriteRune(r ^ 0x40)
		case unicode.IsControl(r), bidi(r):
			fmt.Fprintf(&b, "<U+%04X>", r)
		default:
			b.WriteRune(r)
		}
	}
	off()
	return b.String()
}

// noStyle is the SGR sequence that ends all styles.
const noStyle = "\x1b[m"

// stylesMost is how many sequences of a style a line begins with at most, styleBytes how
// long one may be: a line must not become many times as long.
const (
	stylesMost = 4
	styleBytes = 40
)

// sgr measures the SGR sequence that s begins with; 0 where there is none.
func sgr(s string) int {
	if !strings.HasPrefix(s, "\x1b[") {
		return 0
	}
	return styling(s[:min(len(s), styleBytes)])
}

// shown returns an SGR sequence without what hides text or lets it blink, and whether it
// ends the styles before it.
func shown(sequence string) (kept string, resets bool) {
	params := strings.Split(sequence[2:len(sequence)-1], ";")
	var keep []string
	for i := 0; i < len(params); i++ {
		n, _ := strconv.Atoi(params[i]) // 0 for none
		end := i + 1
		switch n {
		case 0:
			resets = resets || !strings.Contains(params[i], ":")
		case 5, 6, 8: // blink, fast blink, conceal
			continue
		case 38, 48, 58: // a colour with its own numbers: 5;index or 2;red;green;blue
			if end < len(params) {
				end += map[string]int{"5": 2, "2": 4}[params[end]]
			}
		}
		end = min(end, len(params))
		keep = append(keep, params[i:end]...)
		i = end - 1
	}
	if len(keep) == 0 {
		return "", resets
	}
	return "\x1b[" + strings.Join(keep, ";") + "m", resets
}
