package logs

import (
	"fmt"
	"regexp"
	"strings"

	"workshop/internal/fargate"
	"workshop/internal/logline"
	"workshop/internal/tui/draw"
)

// logsHeld is how many log lines the page holds; the oldest go first.
const logsHeld = 100_000

// scanned is how many lines one Update looks through for a filter: a screen
// never waits for the whole of them.
const scanned = 1_500

// bytesHeld bounds their text, so that the screen stays small in memory.
const bytesHeld = 12 << 20

// checks remembers which of the lines held are health checks, a bit for each.
type checks struct {
	bits [(logsHeld + 63) / 64]uint64
	held int // how many of the lines held are
}

func (c *checks) is(n int) bool {
	n %= logsHeld
	return c.bits[n/64]>>(n%64)&1 == 1
}

func (c *checks) set(n int, is bool) {
	i := n % logsHeld
	c.bits[i/64] &^= 1 << (i % 64)
	if is {
		c.bits[i/64] |= 1 << (i % 64)
		c.held++
	}
}

// forget takes the lines from first on, up to next, out of the count.
func (c *checks) forget(first, next int) {
	for n := first; n < next; n++ {
		if c.is(n) {
			c.held--
		}
	}
}

// healthCheck reports whether a line records a request by which a load balancer,
// Kubernetes or the workshop itself asked for the program's health. A request by a person
// is not a health check.
func healthCheck(s string) bool {
	if len(s) == 0 || s[0] != '{' {
		return false
	}
	return strings.Contains(s, fargate.ProbeAgent) ||
		(strings.Contains(s, "ELB-HealthChecker") || strings.Contains(s, "kube-probe")) && (strings.Contains(s, `"/healthz`) || strings.Contains(s, `"/readyz`))
}

// matches are the numbers of the lines that a filter lets through. The lines
// are looked through from the newest back, a part at a time, while new ones
// are added at the other end.
type matches struct {
	needle  string         // lower case; empty lets all through
	pattern *regexp.Regexp // instead of needle; nil for none
	fault   error          // of the pattern
	least   logline.Level
	hidden  *checks // these are not let through; nil for none
	older   []int   // newest first
	newer   []int   // oldest first
	down    int     // lines below this number are still to be looked at
	up      int     // lines from this number on are still to be looked at
}

// newMatches returns the matches of a filter: a text, or after "~" a regular expression.
func newMatches(filter string, least logline.Level, hidden *checks, r *fargate.Ring) matches {
	m := matches{needle: strings.ToLower(filter), least: least, hidden: hidden, down: r.Next(), up: r.Next()}
	if expression, ok := strings.CutPrefix(filter, "~"); ok {
		m.needle = ""
		if m.pattern, m.fault = regexp.Compile("(?i)" + expression); m.fault != nil {
			m.fault = fmt.Errorf("this is no regular expression yet: %w", m.fault)
		}
	}
	return m
}

// scan looks at a part of what is still to be looked at, and reports whether
// something is left.
func (m *matches) scan(r *fargate.Ring) bool {
	budget := scanned
	if m.least > logline.Unknown || m.pattern != nil || rewritten(m.needle) {
		budget /= 5 // which take longer
	}
	for ; m.up < r.Next() && budget > 0; budget-- {
		if m.passes(r, m.up) {
			m.newer = append(m.newer, m.up)
		}
		m.up++
	}
	for ; m.down > r.First() && budget > 0; budget-- {
		m.down--
		if m.passes(r, m.down) {
			m.older = append(m.older, m.down)
		}
	}
	m.forget(r.First())
	return m.up < r.Next() || m.down > r.First()
}

// forget drops numbers that are no longer held.
func (m *matches) forget(first int) {
	for len(m.older) > 0 && m.older[len(m.older)-1] < first {
		m.older = m.older[:len(m.older)-1]
	}
	i := 0
	for i < len(m.newer) && m.newer[i] < first {
		i++
	}
	m.newer = m.newer[i:]
	m.up = max(m.up, first)
}

func (m *matches) passes(r *fargate.Ring, n int) bool {
	if m.hidden != nil && m.hidden.is(n) {
		return false
	}
	if m.needle == "" && m.pattern == nil && m.fault == nil && m.least == logline.Unknown {
		return true
	}
	l, held := r.At(n)
	if !held || m.fault != nil || m.least > logline.Unknown && logline.LevelOf(l.Message) < m.least {
		return false
	}
	if m.pattern != nil {
		return m.pattern.MatchString(l.Message) || m.pattern.MatchString(words(l.Message))
	}
	return m.needle == "" || draw.ContainsFold(l.Message, m.needle) || strings.HasPrefix(l.Task, m.needle) || strings.HasPrefix(l.Container, m.needle) ||
		rewritten(m.needle) && draw.ContainsFold(words(l.Message), m.needle)
}

// rewritten reports whether a text can stand in an event as it is shown and not in what
// the task printed: JSON has its pairs and some of its letters in another way.
func rewritten(needle string) bool {
	return strings.ContainsAny(needle, "=\"\\<>&\t") || strings.ContainsFunc(needle, func(r rune) bool { return r >= 0x80 })
}

func (m *matches) len() int { return len(m.older) + len(m.newer) }

// number returns the number of the i-th match, oldest first.
func (m *matches) number(i int) int {
	if i < len(m.older) {
		return m.older[len(m.older)-1-i]
	}
	return m.newer[i-len(m.older)]
}
