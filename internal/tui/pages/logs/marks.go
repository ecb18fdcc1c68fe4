package logs

import (
	"maps"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/tui/page"
)

// marks are the lines that somebody marked, by number, with the time of those after which
// a moment was marked; that is zero for a line that was marked for itself.
type marks map[int]time.Time

// take adds the marks of another buffer, whose numbers are lower, up to a number.
func (m marks) take(other marks, lower, next int) {
	for n, at := range other {
		if n+lower >= 0 && n+lower < next {
			m[n+lower] = at
		}
	}
}

// next returns the nearest mark below a number for 1, above it for -1, of lines that are
// shown; ok is false where there is none.
func (m marks) next(from, by int, shown func(int) bool) (n int, ok bool) {
	for at := range m {
		if (at-from)*by > 0 && (!ok || (n-at)*by > 0) && shown(at) {
			n, ok = at, true
		}
	}
	return n, ok
}

// mark marks the chosen line, or takes its mark away.
func (l *Page) mark() {
	if n := l.chosen(); l.marked(n) {
		delete(l.marks, n)
		delete(l.rows, n)
	} else {
		l.setMark(n, time.Time{})
	}
}

// markNow marks this moment: it is drawn as a rule below the last line.
func (l *Page) markNow() {
	l.setMark(l.number(l.len()-1), l.Now())
}

func (l *Page) setMark(n int, at time.Time) {
	maps.DeleteFunc(l.marks, func(n int, _ time.Time) bool { return n < l.ring.First() })
	l.marks[n] = at
	delete(l.rows, n) // as it was drawn before
}

// toMark goes to the next mark below, for 1, or above, for -1.
func (l *Page) toMark(by int) tea.Cmd {
	n, ok := l.marks.next(l.chosen(), by, l.shown)
	if !ok {
		where := map[int]string{1: "below", -1: "above"}[by]
		l.Say(page.Attention, "No line "+where+" that is shown is marked")
		return nil
	}
	l.at = n
	l.reveal(n)
	return nil
}

func (l *Page) marked(n int) bool {
	_, ok := l.marks[n]
	return ok
}
