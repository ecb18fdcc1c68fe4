package ec2

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
		if got := match(c.pattern, c.s); got != c.want {
			t.Errorf("match(%q, %q) = %v", c.pattern, c.s, got)
		}
	}
}

// FuzzMatch holds the matcher against regular expressions.
func FuzzMatch(f *testing.F) {
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
		if want := regexp.MustCompile(expr + `\z`).MatchString(s); match(pattern, s) != want {
			t.Errorf("match(%q, %q) = %v", pattern, s, !want)
		}
	})
}

// FuzzBlocks checks that what is taken as a block is one, in canonical form.
func FuzzBlocks(f *testing.F) {
	for _, s := range []string{"10.0.0.0/16", "10.0.0.1/24", "::/0", "1.2.3.4", "10.0.0.0/33", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := block(s, "InvalidVpc.Range"); err == nil && (p != p.Masked() || p.Bits() < 16 || p.Bits() > 28) {
			t.Errorf("block(%q) = %v", s, p)
		}
		for _, v6 := range []bool{false, true} {
			if c, err := cidr(s, v6); err == nil {
				if again, err := cidr(c, v6); err != nil || again != c {
					t.Errorf("cidr(%q) = %q, which is %q, %v", s, c, again, err)
				}
			}
		}
	})
}
