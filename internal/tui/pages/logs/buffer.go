package logs

import (
	"workshop/internal/fargate"
)

// buffer is log lines with what is known of them, by number.
type buffer struct {
	ring   *fargate.Ring
	checks checks
	traces traces
	marks  marks
}

// newBuffer returns an empty buffer; lines is at most logsHeld.
func newBuffer(lines, bytes int) *buffer {
	return &buffer{ring: fargate.NewRing(lines, bytes), traces: traces{streams: map[stream]*streamEnd{}}, marks: marks{}}
}

// add takes in a line after the others; the oldest go where there is no more room.
func (b *buffer) add(l *fargate.Line) {
	first, n := b.ring.First(), b.ring.Next()
	b.ring.Append(*l)
	b.checks.forget(first, min(b.ring.First(), n))
	b.checks.set(n, l.HealthCheck())
	b.traces.add(n, l)
}

// lines returns the lines from the first held on, as many as are asked for at most.
func (b *buffer) lines(most int) []fargate.Line {
	out := make([]fargate.Line, min(most, b.ring.Len()))
	for i := range out {
		out[i], _ = b.ring.At(b.ring.First() + i)
	}
	return out
}

// last returns the lines that have the time of the last one.
func (b *buffer) last() []fargate.Line {
	newest, _ := b.ring.At(b.ring.Next() - 1)
	from := b.ring.Next()
	for l, ok := b.ring.At(from - 1); ok && l.Time.Equal(newest.Time); l, ok = b.ring.At(from - 1) {
		from--
	}
	out := make([]fargate.Line, b.ring.Next()-from)
	for i := range out {
		out[i], _ = b.ring.At(from + i)
	}
	return out
}
