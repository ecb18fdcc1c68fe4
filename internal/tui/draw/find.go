package draw

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"workshop/internal/tui/style"
)

// Highlight marks where a line has the needle, which is in lower case. The line may
// have styles and links; what follows a mark has the style that it had.
func Highlight(s, needle string, t style.Theme) string {
	plain := s
	if strings.IndexByte(s, esc) >= 0 {
		plain = Strip(s)
	}
	from, until := -1, -1
	if needle != "" {
		from, until = IndexFold(plain, needle)
	}
	if from < 0 {
		return s
	}
	// One rendering for all marks: a screen of them is drawn with every letter typed.
	on, off, _ := strings.Cut(t.Selected.Render("x"), "x")
	var b strings.Builder
	current := "" // the style sequences in force
	at, marked := 0, false
	for len(s) > 0 {
		if s[0] == esc {
			sequence, _, n, _ := ansi.DecodeSequence(s, 0, nil)
			s = s[n:]
			switch {
			case !strings.HasSuffix(sequence, "m"):
			case sequence == "\x1b[m" || sequence == "\x1b[0m":
				current = ""
			default:
				current += sequence
			}
			if !marked {
				b.WriteString(sequence)
			}
			continue
		}
		end := len(s)
		if i := strings.IndexByte(s, esc); i >= 0 {
			end = i
		}
		bound := from
		if marked {
			bound = until
		}
		if from >= 0 {
			end = max(0, min(end, bound-at))
		}
		b.WriteString(s[:end])
		at, s = at+end, s[end:]
		switch {
		case from < 0 || at < bound:
		case !marked:
			b.WriteString(on)
			marked = true
		default:
			b.WriteString(off + current)
			marked = false
			if next, end := IndexFold(plain[at:], needle); next >= 0 {
				from, until = at+next, at+end
			} else {
				from = -1
			}
		}
	}
	if marked {
		b.WriteString(off)
	}
	return b.String()
}

const esc = '\x1b'

// ContainsFold is strings.Contains without regard to case; needle is in lower case. It
// does not allocate.
func ContainsFold(s, needle string) bool { at, _ := IndexFold(s, needle); return at >= 0 }

// IndexFold is strings.Index without regard to case, of all scripts; needle is in lower
// case. It returns also where the place ends, since a letter and its capital need not be
// of one length.
func IndexFold(s, needle string) (at, end int) {
	for i := 0; i < len(needle); i++ {
		if needle[i] >= utf8.RuneSelf {
			return indexRunes(s, needle)
		}
	}
	at = indexASCII(s, needle)
	return at, at + len(needle)
}

// indexRunes is IndexFold by runes.
func indexRunes(s, needle string) (at, end int) {
	for at := range s {
		end := at
		for _, want := range needle {
			r, n := utf8.DecodeRuneInString(s[end:])
			if n == 0 || r != want && unicode.ToLower(r) != want {
				end = -1
				break
			}
			end += n
		}
		if end >= 0 {
			return at, end
		}
	}
	return -1, -1
}

// indexASCII is IndexFold for a needle of ASCII.
func indexASCII(s, needle string) int {
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
