package logs

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"workshop/internal/fargate"
	"workshop/internal/logline"
	"workshop/internal/tui/draw"
	"workshop/internal/tui/style"
)

// logsHeld is how many log lines the page holds; the oldest go first.
const logsHeld = 100_000

// scanned is how many lines one Update looks through for a filter and a search: a screen
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

// traces remember which of the lines held continue another one: the lines of a stack
// trace, each of which came as a line of its own, belong to the first.
type traces struct {
	back    [logsHeld]uint32 // how far before a line that first one is; 0 for none
	streams map[stream]*streamEnd
}

// stream is what one container of one task prints.
type stream struct{ task, container string }

// streamEnd is the end of a stream so far.
type streamEnd struct {
	stack logline.Stack
	first int       // number of the line that the last one continues, or its own
	at    time.Time // of the last one
}

// pause is how long after a line one that continues it may come: a stack trace is
// printed at once.
const pause = time.Second

// add takes in the line with that number.
func (t *traces) add(n int, l *fargate.Line) {
	key := stream{l.Task, l.Container}
	end, known := t.streams[key]
	if !known {
		end = &streamEnd{}
		t.streams[key] = end
	}
	if !end.stack.Continues(l.Message) || !known || l.Time.Sub(end.at).Abs() > pause {
		end.first = n
	}
	end.at = l.Time
	t.back[n%logsHeld] = uint32(min(n-end.first, logsHeld)) //nolint:gosec // in bounds
}

// first returns the number of the line that a line belongs to, its own for most.
func (t *traces) first(n int) int { return n - int(t.back[n%logsHeld]) }

// wanted is a text that lines are asked for: a part of what they say, or after "~" a
// regular expression. Empty, every line has it.
type wanted struct {
	needle  string         // lower case
	pattern *regexp.Regexp // instead of needle; nil for none
	fault   error          // of the pattern
}

func newWanted(text string) wanted {
	expression, ok := strings.CutPrefix(text, "~")
	if !ok {
		return wanted{needle: strings.ToLower(text)}
	}
	pattern, err := regexp.Compile("(?i)" + expression)
	if err != nil {
		return wanted{fault: fmt.Errorf("this is no regular expression yet: %w", err)}
	}
	return wanted{pattern: pattern}
}

func (w *wanted) any() bool { return w.needle == "" && w.pattern == nil && w.fault == nil }

// slow reports whether lines have to be read and not only looked through.
func (w *wanted) slow() bool { return w.pattern != nil || rewritten(w.needle) }

// in reports whether a line has the text.
func (w *wanted) in(l *fargate.Line) bool {
	switch {
	case w.fault != nil:
		return false
	case w.pattern != nil:
		return w.pattern.MatchString(l.Message) || w.pattern.MatchString(words(l.Message))
	}
	return w.needle == "" || draw.ContainsFold(l.Message, w.needle) || strings.HasPrefix(l.Task, w.needle) || strings.HasPrefix(l.Container, w.needle) ||
		rewritten(w.needle) && draw.ContainsFold(words(l.Message), w.needle)
}

// mark marks the text in a drawn line.
func (w *wanted) mark(s string, t style.Theme) string {
	if w.pattern != nil {
		return draw.HighlightPattern(s, w.pattern, t)
	}
	return draw.Highlight(s, w.needle, t)
}

// rewritten reports whether a text can stand in an event as it is shown and not in what
// the task printed: JSON has its pairs and some of its letters in another way.
func rewritten(needle string) bool {
	return strings.ContainsAny(needle, "=\"\\<>&\t") || strings.ContainsFunc(needle, func(r rune) bool { return r >= 0x80 })
}

// filter says which lines are shown.
type filter struct {
	text      wanted
	least     logline.Level
	task      string  // the id of the only one; empty for all
	container string  // the name of the only one; empty for all
	hidden    *checks // these are not shown; nil for none
	traces    *traces // what belongs to a line that is shown is shown too
}

func (f *filter) all() bool {
	return f.text.any() && f.least == logline.Unknown && f.task == "" && f.container == ""
}

// shows reports whether a line is shown, apart from hidden.
func (f *filter) shows(l *fargate.Line) bool {
	return (f.task == "" || l.Task == f.task) && (f.container == "" || l.Container == f.container) &&
		(f.least == logline.Unknown || logline.LevelOf(l.Message) >= f.least) && f.text.in(l)
}

// matches are the numbers of the lines that a filter shows and, of those, that have the
// text of a search. The lines are looked through from the newest back, a part at a time,
// while new ones are added at the other end.
type matches struct {
	filter filter
	search wanted
	older  []int // newest first
	newer  []int // oldest first
	down   int   // lines below this number are still to be looked at
	up     int   // lines from this number on are still to be looked at

	// first is the line that the line looked at last belongs to, and shown whether the
	// filter shows it.
	first int
	shown bool
}

func newMatches(f filter, search wanted, r *fargate.Ring) matches {
	return matches{filter: f, search: search, down: r.Next(), up: r.Next(), first: -1}
}

// scan looks at so many lines of what is still to be looked at, and reports whether
// something is left.
func (m *matches) scan(r *fargate.Ring, budget int) bool {
	if m.filter.least > logline.Unknown || m.filter.text.slow() || m.search.slow() {
		budget /= 5 // which take longer
	}
	for m.up < r.Next() && budget > 0 {
		passes, cost := m.passes(r, m.up)
		if passes {
			m.newer = append(m.newer, m.up)
		}
		m.up++
		budget -= cost
	}
	for m.down > r.First() && budget > 0 {
		m.down--
		passes, cost := m.passes(r, m.down)
		if passes {
			m.older = append(m.older, m.down)
		}
		budget -= cost
	}
	m.forget(r.First())
	return m.left(r)
}

// left reports whether lines are still to be looked at.
func (m *matches) left(r *fargate.Ring) bool { return m.up < r.Next() || m.down > r.First() }

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

// usual is how many bytes a line has that counts as one of those scanned.
const usual = 512

// passes reports whether a line is a match, and as how many lines it counts.
func (m *matches) passes(r *fargate.Ring, n int) (passes bool, cost int) {
	if m.filter.hidden != nil && m.filter.hidden.is(n) {
		return false, 1
	}
	if m.filter.all() && m.search.any() {
		return true, 1
	}
	l, held := r.At(n)
	return held && m.search.in(&l) && (m.filter.shows(&l) || m.belongs(r, n)), 1 + len(l.Message)/usual
}

// belongs reports whether a line belongs to another one that the filter shows.
func (m *matches) belongs(r *fargate.Ring, n int) bool {
	first := m.filter.traces.first(n)
	if first == n {
		return false
	}
	if first != m.first {
		l, held := r.At(first)
		m.first, m.shown = first, held && m.filter.shows(&l)
	}
	return m.shown
}

func (m *matches) len() int { return len(m.older) + len(m.newer) }

// number returns the number of the i-th match, oldest first.
func (m *matches) number(i int) int {
	if i < len(m.older) {
		return m.older[len(m.older)-1-i]
	}
	return m.newer[i-len(m.older)]
}

// index returns the index of the first match whose number is at least n.
func (m *matches) index(n int) int {
	return sort.Search(m.len(), func(i int) bool { return m.number(i) >= n })
}

// only is the one of several things that is shown, or all of them.
type only struct {
	name  string // empty for all
	first string // the one that was chosen first
}

// next chooses the one that is in view, then the others one after the other, and then
// all of them again.
func (o *only) next(names []string, inView string) {
	if o.name == "" {
		*o = only{inView, inView}
		return
	}
	if o.name = names[(slices.Index(names, o.name)+1)%len(names)]; o.name == o.first {
		*o = only{}
	}
}
