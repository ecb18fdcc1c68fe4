package fargate

import (
	"iter"
	"strings"
	"time"
)

// What a Ring holds unless told otherwise.
const (
	DefaultLines = 100_000
	DefaultBytes = 24 << 20
)

// perLine is about what a line costs in memory besides its text, in bytes.
const perLine = 40

// held is a line as a Ring keeps it, in a third of a Line's size.
type held struct {
	at      int64 // Unix microseconds
	from    *source
	message string
}

func (h *held) line() Line {
	return Line{Time: time.UnixMicro(h.at).UTC(), Task: h.from.task, Container: h.from.container, Message: h.message}
}

// Ring keeps the latest log lines within bounds of number and size. Lines have
// numbers that never change: the first ever appended is 0. Appending costs what
// was appended, reading is by number.
//
// It belongs to one goroutine; nothing here is safe for concurrent use. It does
// not keep Line.ID, and times to the microsecond, in UTC.
type Ring struct {
	lines    []held             // a ring once it has grown to its full length
	sources  map[source]*source // that lines share
	first    int                // number of the oldest line that is held
	next     int                // number that the next line gets
	bytes    int
	maxLines int
	maxBytes int
}

// NewRing returns a ring for so many lines and bytes; 0 takes the default. It
// takes memory as it fills.
func NewRing(lines, bytes int) *Ring {
	if lines <= 0 {
		lines = DefaultLines
	}
	if bytes <= 0 {
		bytes = DefaultBytes
	}
	return &Ring{sources: map[source]*source{}, maxLines: lines, maxBytes: bytes}
}

// Append adds lines, dropping the oldest where a bound is reached. The last
// line is always kept, however long.
func (r *Ring) Append(lines ...Line) {
	for i := range lines {
		size := perLine + len(lines[i].Message)
		for r.Len() > 0 && (r.Len() >= r.maxLines || r.bytes+size > r.maxBytes) {
			old := &r.lines[r.first%len(r.lines)]
			r.bytes -= perLine + len(old.message)
			*old = held{}
			r.first++
		}
		if r.Len() == len(r.lines) {
			r.grow()
		}
		from := source{lines[i].Task, lines[i].Container}
		shared := r.sources[from]
		if shared == nil {
			shared = &from
			r.sources[from] = shared
		}
		// A message is a part of the whole answer that brought it, which it must
		// not keep in memory.
		r.lines[r.next%len(r.lines)] = held{lines[i].Time.UnixMicro(), shared, strings.Clone(lines[i].Message)}
		r.bytes += size
		r.next++
	}
}

// grow doubles the room, up to the bound.
func (r *Ring) grow() {
	bigger := make([]held, min(max(2*len(r.lines), 256), r.maxLines))
	for n := r.first; n < r.next; n++ {
		bigger[n%len(bigger)] = r.lines[n%len(r.lines)]
	}
	r.lines = bigger
}

// Len is the number of lines held.
func (r *Ring) Len() int { return r.next - r.first }

// First is the number of the oldest line held, and so the number of lines that
// were dropped.
func (r *Ring) First() int { return r.first }

// Next is the number that the next line will get.
func (r *Ring) Next() int { return r.next }

// Bytes is about how much memory the lines take.
func (r *Ring) Bytes() int { return r.bytes }

// At is the line with that number; it is false where the line was dropped or
// has not come.
func (r *Ring) At(number int) (Line, bool) {
	if number < r.first || number >= r.next {
		return Line{}, false
	}
	return r.lines[number%len(r.lines)].line(), true
}

// All yields the lines held with their numbers, oldest first.
func (r *Ring) All() iter.Seq2[int, Line] {
	return func(yield func(int, Line) bool) {
		for n := r.first; n < r.next; n++ {
			if !yield(n, r.lines[n%len(r.lines)].line()) {
				return
			}
		}
	}
}

// View returns a view of the lines that match, which follows the ring.
func (r *Ring) View(match func(*Line) bool) *View {
	return &View{ring: r, match: match, next: r.first}
}

// View is the part of a ring's lines that match. It looks at each line once:
// Update costs what was appended since the last. Like its ring it belongs to
// one goroutine.
type View struct {
	ring    *Ring
	match   func(*Line) bool
	numbers []int // of the lines that match, from head on
	head    int
	next    int // number of the first line that was not looked at
}

// Update takes in what has happened to the ring. Until it is called again Len
// and At stay as they are, but for lines that the ring drops.
func (v *View) Update() {
	r := v.ring
	for n := max(v.next, r.first); n < r.next; n++ {
		if l := r.lines[n%len(r.lines)].line(); v.match(&l) {
			v.numbers = append(v.numbers, n)
		}
	}
	v.next = r.next
	for v.head < len(v.numbers) && v.numbers[v.head] < r.first {
		v.head++
	}
	// Moving down when half is gone keeps both the cost and the memory in bounds.
	if v.head > len(v.numbers)/2 {
		v.numbers = v.numbers[:copy(v.numbers, v.numbers[v.head:])]
		v.head = 0
	}
}

// Len is the number of lines that match.
func (v *View) Len() int { return len(v.numbers) - v.head }

// At is the i-th line that matches and its number in the ring; it is false
// where there is none, or the ring dropped it since the last Update.
func (v *View) At(i int) (number int, line Line, ok bool) {
	if i < 0 || i >= v.Len() {
		return 0, Line{}, false
	}
	number = v.numbers[v.head+i]
	line, ok = v.ring.At(number)
	return number, line, ok
}
