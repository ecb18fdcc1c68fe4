package draw

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"workshop/internal/tui/style"
)

// Highlight marks where a line has the needle, which is in lower case. The line may
// have styles and links; what follows a mark has the style that it had.
func Highlight(s, needle string, t style.Theme) string {
	if needle == "" {
		return s
	}
	marks := newFinder(unstyled(s), needle)
	return highlight(s, marks.next, t)
}

// HighlightPattern is Highlight for what a pattern matches.
func HighlightPattern(s string, pattern *regexp.Regexp, t style.Theme) string {
	places := pattern.FindAllStringIndex(unstyled(s), -1)
	return highlight(s, func(int) (at, end int) {
		for len(places) > 0 {
			place := places[0]
			if places = places[1:]; place[0] < place[1] {
				return place[0], place[1]
			}
		}
		return -1, -1
	}, t)
}

func unstyled(s string) string {
	if strings.IndexByte(s, esc) >= 0 {
		return Strip(s)
	}
	return s
}

// highlight marks the places that next returns, one after the other: the first from a
// byte of the text without styles on, -1 for none.
func highlight(s string, next func(from int) (at, end int), t style.Theme) string {
	from, until := next(0)
	if from < 0 {
		return s
	}
	// One rendering for all marks: a screen of them is drawn with every letter typed.
	on, off, _ := strings.Cut(t.Selected.Render("x"), "x")
	var b strings.Builder
	current := ""          // the style sequences in force
	at, marked := 0, false // in plain
	for i, escape := 0, -1; i < len(s); {
		if escape < i {
			escape = index(s, esc, i)
		}
		if escape == i {
			sequence, _, n, _ := ansi.DecodeSequence(s[i:], 0, nil)
			i += n
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
		end, bound := escape, from
		if marked {
			bound = until
		}
		if from >= 0 {
			end = max(i, min(end, i+bound-at))
		}
		b.WriteString(s[i:end])
		at, i = at+end-i, end
		switch {
		case from < 0 || at < bound:
		case !marked:
			b.WriteString(on)
			marked = true
		default:
			b.WriteString(off + current)
			marked = false
			from, until = next(at)
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
	f := newFinder(s, needle)
	return f.next(0)
}

// finder finds the places of a needle in a text one after the other, in one pass over
// the text.
type finder struct {
	s, needle    string
	lower, upper int // where the needle's first letter was found last in each case; -1 before
}

func newFinder(s, needle string) finder { return finder{s, needle, -1, -1} }

// next returns the first place from a byte on, -1 for none.
func (f *finder) next(from int) (at, end int) {
	for i := 0; i < len(f.needle); i++ {
		if f.needle[i] >= utf8.RuneSelf {
			return f.runes(from)
		}
	}
	at = f.ascii(from)
	return at, at + len(f.needle)
}

// runes is next for a needle of any script.
func (f *finder) runes(from int) (at, end int) {
	for at := range f.s[from:] {
		at += from
		end := at
		for _, want := range f.needle {
			r, n := utf8.DecodeRuneInString(f.s[end:])
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

// ascii is next for a needle of ASCII.
func (f *finder) ascii(from int) int {
	s, n := f.s, len(f.needle)
	if n == 0 {
		return from
	}
	lo := f.needle[0]
	up := lo
	if 'a' <= lo && lo <= 'z' {
		up = lo - 'a' + 'A'
	}
	// The next place of each case is looked for at the speed of memory, and only
	// once it has been passed.
	for i := from; ; i++ {
		if f.lower < i {
			f.lower = index(s, lo, i)
		}
		if f.upper < i {
			f.upper = index(s, up, i)
		}
		i = min(f.lower, f.upper)
		if i+n > len(s) {
			return -1
		}
		j := 1
		for j < n {
			c := s[i+j]
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			if c != f.needle[j] {
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
