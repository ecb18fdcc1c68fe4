// Package wildcard matches text against AWS's patterns: * stands for any number of
// characters, ? for exactly one.
package wildcard

import (
	"strings"
	"unicode/utf8"
)

// Match reports whether s is what the pattern describes. It takes at most
// len(pattern)*len(s) steps and does not allocate.
func Match(pattern, s string) bool { return match(pattern, s, false) }

// MatchEscaped is Match for EC2's filters, in which a backslash takes the special
// meaning from the character after it.
func MatchEscaped(pattern, s string) bool { return match(pattern, s, true) }

func match(pattern, s string, escapes bool) bool {
	p, i := 0, 0
	star, from := -1, 0 // where to go back to: the last *, and what it has not taken yet
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
			continue
		case p < len(pattern) && pattern[p] == '?':
			_, n := utf8.DecodeRuneInString(s[i:])
			p, i = p+1, i+n
			continue
		case escapes && p < len(pattern) && pattern[p] == '\\':
			if p+1 < len(pattern) && pattern[p+1] == s[i] {
				p, i = p+2, i+1
				continue
			}
		case p < len(pattern) && pattern[p] == s[i]:
			p, i = p+1, i+1
			continue
		}
		if star < 0 {
			return false
		}
		_, n := utf8.DecodeRuneInString(s[from:])
		from += n
		p, i = star+1, from
	}
	return strings.Trim(pattern[p:], "*") == ""
}
