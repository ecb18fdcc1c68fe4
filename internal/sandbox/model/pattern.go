package model

import (
	"regexp"
	"regexp/syntax"
	"sort"
	"unicode/utf8"
)

var unicodeEscape = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)

// Expression is Go's form of a pattern of Java's that must match a whole text.
func Expression(pattern string) string {
	return `\A(?:` + unicodeEscape.ReplaceAllString(pattern, `\x{$1}`) + `)\z`
}

// matcher returns what matches Expression(pattern), which must be valid. Most patterns
// are one class of characters, repeated: those need no automaton, which would take
// longer than the rest of a call.
func matcher(pattern string) func(text string) bool {
	expression := Expression(pattern)
	re, err := syntax.Parse(expression, syntax.Perl)
	if err == nil {
		if class, empty, ok := repeated(re); ok {
			return class.matcher(empty)
		}
	}
	return regexp.MustCompile(expression).MatchString
}

// repeated returns the class of characters of which, repeated, an expression is made,
// and whether none of them is enough.
func repeated(re *syntax.Regexp) (class class, empty, ok bool) {
	switch re.Op {
	case syntax.OpCapture:
		return repeated(re.Sub[0])
	case syntax.OpConcat:
		var only *syntax.Regexp
		for _, sub := range re.Sub {
			switch {
			case sub.Op == syntax.OpBeginText || sub.Op == syntax.OpEndText:
			case only != nil:
				return nil, false, false
			default:
				only = sub
			}
		}
		if only != nil {
			return repeated(only)
		}
	case syntax.OpStar, syntax.OpPlus:
		if of := re.Sub[0]; of.Op == syntax.OpCharClass {
			return of.Rune, re.Op == syntax.OpStar, true
		}
	}
	return nil, false, false
}

// class is a set of characters: pairs of the first and the last of a range, sorted.
type class []rune

func (c class) has(r rune) bool {
	n := sort.Search(len(c)/2, func(n int) bool { return c[2*n+1] >= r })
	return 2*n < len(c) && c[2*n] <= r
}

func (c class) matcher(empty bool) func(string) bool {
	var ascii [utf8.RuneSelf]bool
	for r := range ascii {
		ascii[r] = c.has(rune(r))
	}
	return func(text string) bool {
		for _, r := range text {
			if r < utf8.RuneSelf && !ascii[r] || r >= utf8.RuneSelf && !c.has(r) {
				return false
			}
		}
		return empty || text != ""
	}
}
