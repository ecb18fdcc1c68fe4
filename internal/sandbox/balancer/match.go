package balancer

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"workshop/internal/sandbox/wildcard"
)

// matches reports whether all conditions hold.
func (r *Rule) matches(req *http.Request) bool {
	for i := range r.Conditions {
		if !r.Conditions[i].holds(req) {
			return false
		}
	}
	return true
}

func (c *Condition) holds(r *http.Request) bool {
	switch c.Field {
	case "path-pattern":
		return c.matchesAny(r.URL.EscapedPath(), false)
	case "host-header":
		return c.matchesAny(hostname(r.Host), true)
	case "http-header":
		for _, v := range r.Header.Values(c.Header) {
			if c.matchesAny(v, true) {
				return true
			}
		}
		return strings.EqualFold(c.Header, "Host") && c.matchesAny(r.Host, true)
	case "http-request-method":
		for _, v := range c.Values {
			if v == r.Method {
				return true
			}
		}
	case "query-string":
		return c.query(r.URL.RawQuery)
	case "source-ip":
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil {
			return false
		}
		for _, v := range c.Values {
			if p, err := netip.ParsePrefix(v); err == nil && p.Contains(from.Addr().Unmap()) {
				return true
			}
		}
	}
	return false
}

func (c *Condition) matchesAny(s string, fold bool) bool {
	for _, v := range c.Values {
		if matches(v, s, fold) {
			return true
		}
	}
	return false
}

// query looks for a parameter as it stands in the URL: AWS compares it without
// decoding.
func (c *Condition) query(raw string) bool {
	for part := range strings.SplitSeq(raw, "&") {
		k, v, _ := strings.Cut(part, "=")
		for _, want := range c.Query {
			if (want.Key == "" || matches(want.Key, k, true)) && matches(want.Value, v, true) && part != "" {
				return true
			}
		}
	}
	return false
}

// hostname cuts the port off a Host header.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return host
}

// matches compares with a pattern, without regard to case where fold is set.
func matches(pattern, s string, fold bool) bool {
	if fold {
		pattern, s = strings.ToLower(pattern), strings.ToLower(s)
	}
	return wildcard.Match(pattern, s)
}
