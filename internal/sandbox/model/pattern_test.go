package model

import (
	"regexp"
	"testing"
)

// FuzzMatches finds that a text matches a pattern where Go's regexp says so.
func FuzzMatches(f *testing.F) {
	type pair struct {
		pattern string
		fast    func(string) bool
		slow    *regexp.Regexp
	}
	var pairs []pair
	seen := map[string]bool{}
	for _, s := range Services() {
		for _, sh := range s.Shapes {
			if sh.Pattern != "" && !seen[sh.Pattern] {
				seen[sh.Pattern] = true
				pairs = append(pairs, pair{sh.Pattern, matcher(sh.Pattern), regexp.MustCompile(Expression(sh.Pattern))})
			}
		}
	}
	for _, text := range []string{"", "a", "/a/b/", "a b", "a\n", "é", "\xff", "arn:aws:iam::123456789012:role/a", "HTTP", "#{protocol}", "v1.a", "200"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range pairs {
			if fast, slow := p.fast(text), p.slow.MatchString(text); fast != slow {
				t.Errorf("%q matches %s: %v, want %v", text, p.pattern, fast, slow)
			}
		}
	})
}

func TestFind(t *testing.T) {
	for _, c := range []struct{ target, signing, version, want string }{
		{"TrentService", "kms", "", "AWS Key Management Service (KMS)"},
		{"AmazonEC2ContainerRegistry_V20150921", "", "", "Amazon Elastic Container Registry (ECR)"},
		{"", "s3", "", "Amazon Simple Storage Service (S3)"},
		{"", "lambda", "", "AWS Lambda"},
		{"", "elasticloadbalancing", "2012-06-01", "Elastic Load Balancing"},
		{"", "", "", ""},
		{"", "nothing", "2012-06-01", ""},
	} {
		got := ""
		if e := Find(c.target, c.signing, c.version); e != nil {
			got = e.Name()
		}
		if got != c.want {
			t.Errorf("%v: %q", c, got)
		}
	}
}
