package wildcard

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"", "a", false}, {"a", "a", true}, {"a", "A", false}, {"a", "", false},
		{"*", "", true}, {"*", "abc", true}, {"a*c", "abbc", true}, {"a*c", "abcd", false}, {"*b*", "abc", true},
		{"a?c", "abc", true}, {"a?c", "ac", false}, {"?", "é", true}, {"**", "x", true}, {"a*b*c", "aXbXbXc", true},
		{`\*`, "*", true}, {`\*`, "a", false}, {`\?x`, "?x", true}, {`a\\b`, `a\b`, true}, {"[a]", "[a]", true}, {"a/*", "a/b/c", true},
	} {
		if got := MatchEscaped(c.pattern, c.s); got != c.want {
			t.Errorf("MatchEscaped(%q, %q) = %v", c.pattern, c.s, got)
		}
	}
}

// FuzzMatchEscaped holds the matcher against regular expressions.
func FuzzMatchEscaped(f *testing.F) {
	for _, s := range [][2]string{{"a*b?", "axxbc"}, {"**a", "ba"}, {`\*?`, "*x"}, {"*a*a*a*a*b", strings.Repeat("a", 40)}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if !utf8.ValidString(pattern) || !utf8.ValidString(s) || len(pattern) > 100 || len(s) > 1000 || strings.HasSuffix(strings.ReplaceAll(pattern, `\\`, ""), `\`) {
			t.Skip()
		}
		expr := `(?s)\A`
		for rest := []rune(pattern); len(rest) > 0; rest = rest[1:] {
			switch {
			case rest[0] == '*':
				expr += ".*"
			case rest[0] == '?':
				expr += "."
			case rest[0] == '\\':
				rest = rest[1:]
				expr += regexp.QuoteMeta(string(rest[0]))
			default:
				expr += regexp.QuoteMeta(string(rest[0]))
			}
		}
		if want := regexp.MustCompile(expr + `\z`).MatchString(s); MatchEscaped(pattern, s) != want {
			t.Errorf("MatchEscaped(%q, %q) = %v", pattern, s, !want)
		}
	})
}
