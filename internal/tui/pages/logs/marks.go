package logs

import "time"

// marks are the lines that somebody marked, by number, with the time of those after which
// a moment was marked; that is zero for a line that was marked for itself.
type marks map[int]time.Time

// take adds marks of another buffer whose numbers are by lower, up to the number next.
func (m marks) take(other marks, by, next int) {
	for n, at := range other {
		if n+by >= 0 && n+by < next {
			m[n+by] = at
		}
	}
}

// from returns the nearest mark below a number for 1, above it for -1, of lines that are
// shown; ok is false where there is none.
func (m marks) from(n, by int, shown func(int) bool) (nearest int, ok bool) {
	for at := range m {
		if (at-n)*by > 0 && (!ok || (nearest-at)*by > 0) && shown(at) {
			nearest, ok = at, true
		}
	}
	return nearest, ok
}
