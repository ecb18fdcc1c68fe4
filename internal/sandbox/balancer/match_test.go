package balancer

import (
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
)

func TestWildcard(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		fold, want bool
	}{
		{"/img/*", "/img/", false, true},
		{"/img/*", "/img/picture.png", false, true},
		{"/img/*", "/img", false, false},
		{"/img/*/pics", "/img/a/b/pics", false, true},
		{"/img/*/pics", "/img/a/b/pics/", false, false},
		{"/a?c", "/abc", false, true},
		{"/a?c", "/ac", false, false},
		{"*", "", false, true},
		{"**a**", "bab", false, true},
		{"/API", "/api", false, false},
		{"*.Example.com", "www.EXAMPLE.com", true, true},
		{"", "", false, true},
		{"", "x", false, false},
		{strings.Repeat("*a", 20) + "b", strings.Repeat("a", 2000), false, false},
	} {
		if got := matches(c.pattern, c.s, c.fold); got != c.want {
			t.Errorf("matches(%q, %.20q, %t) = %t, want %t", c.pattern, c.s, c.fold, got, c.want)
		}
	}
}

// FuzzWildcard holds the patterns against path.Match where the two languages are
// the same.
func FuzzWildcard(f *testing.F) {
	f.Add("/img/*", "/img/x")
	f.Add("a?c*", "abcd")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		got := matches(pattern, s, false)
		if strings.ContainsAny(pattern+s, `[]\/`) || strings.ContainsFunc(pattern+s, func(r rune) bool { return r > 127 }) {
			return
		}
		want, err := path.Match(pattern, s)
		if err == nil && got != want {
			t.Errorf("matches(%q, %q) = %t, path.Match says %t", pattern, s, got, want)
		}
	})
}

func TestParseCodes(t *testing.T) {
	for _, c := range []struct {
		in      string
		yes, no []int
	}{
		{"200", []int{200}, []int{201, 199}},
		{"200,302", []int{200, 302}, []int{201, 301}},
		{"200-299", []int{200, 250, 299}, []int{300}},
		{"200-204, 404", []int{204, 404}, []int{205}},
	} {
		codes, err := ParseCodes(c.in)
		if err != nil {
			t.Errorf("ParseCodes(%q): %v", c.in, err)
		}
		for _, n := range c.yes {
			if !codes.match(n) {
				t.Errorf("%q does not match %d", c.in, n)
			}
		}
		for _, n := range c.no {
			if codes.match(n) {
				t.Errorf("%q matches %d", c.in, n)
			}
		}
	}
	for _, bad := range []string{"", "ok", "199", "500", "299-200", "200-", "2e2", "+20"} {
		if _, err := ParseCodes(bad); err == nil {
			t.Errorf("ParseCodes(%q) accepted it", bad)
		}
	}
}

func FuzzParseCodes(f *testing.F) {
	f.Add("200-299,301")
	f.Fuzz(func(t *testing.T, s string) {
		codes, err := ParseCodes(s)
		if err == nil && (len(codes) == 0 || codes.match(199) || codes.match(500)) {
			t.Errorf("ParseCodes(%q) = %v", s, codes)
		}
	})
}

func TestConditions(t *testing.T) {
	r := httptest.NewRequest("GET", "http://Shop.example.com:18080/api/v1/items?lang=en&debug", nil)
	r.Header.Add("User-Agent", "Mozilla/5.0 (phone)")
	r.RemoteAddr = "127.0.0.1:5555"
	for name, c := range map[string]struct {
		condition Condition
		want      bool
	}{
		"path":               {Condition{Field: "path-pattern", Values: []string{"/x", "/api/*"}}, true},
		"other path":         {Condition{Field: "path-pattern", Values: []string{"/api"}}, false},
		"host, without port": {Condition{Field: "host-header", Values: []string{"shop.*.com"}}, true},
		"other host":         {Condition{Field: "host-header", Values: []string{"example.com"}}, false},
		"header":             {Condition{Field: "http-header", Header: "user-agent", Values: []string{"*PHONE*"}}, true},
		"absent header":      {Condition{Field: "http-header", Header: "X-None", Values: []string{"*"}}, false},
		"method":             {Condition{Field: "http-request-method", Values: []string{"POST", "GET"}}, true},
		"other method":       {Condition{Field: "http-request-method", Values: []string{"get"}}, false},
		"query":              {Condition{Field: "query-string", Query: []Pair{{"LANG", "e?"}}}, true},
		"query, any key":     {Condition{Field: "query-string", Query: []Pair{{"", "en"}}}, true},
		"other query":        {Condition{Field: "query-string", Query: []Pair{{"lang", "de"}}}, false},
		"source":             {Condition{Field: "source-ip", Values: []string{"10.0.0.0/8", "127.0.0.0/8"}}, true},
		"other source":       {Condition{Field: "source-ip", Values: []string{"10.0.0.0/8"}}, false},
		"unknown":            {Condition{Field: "moon-phase", Values: []string{"*"}}, false},
	} {
		if got := c.condition.holds(r); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
	both := Rule{Conditions: []Condition{{Field: "http-request-method", Values: []string{"GET"}}, {Field: "path-pattern", Values: []string{"/no"}}}}
	if both.matches(r) {
		t.Error("a rule matched with one of its two conditions")
	}
	if !(&Rule{}).matches(&http.Request{}) {
		t.Error("a rule without conditions must match all")
	}
}

func TestLatency(t *testing.T) {
	var s groupStats
	for i := 1; i <= 1000; i++ {
		s.answered(200, ms(i))
	}
	l := s.snapshot().Latency
	for q, want := range map[float64]int{0.5: 500, 0.9: 900, 0.99: 990, 1: 1000} {
		if got := l.Quantile(q); got < ms(want) || got > ms(want)*5/4 {
			t.Errorf("quantile %g = %v, want %d ms and at most a quarter more", q, got, want)
		}
	}
	if l.Count != 1000 || l.Sum != ms(500500) {
		t.Errorf("count %d, sum %v", l.Count, l.Sum)
	}
	if d := l.Sub(l); d.Count != 0 || d.Quantile(1) != 0 {
		t.Errorf("a snapshot less itself is %+v", d)
	}
}
