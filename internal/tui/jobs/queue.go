package jobs

import (
	"context"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/fargate"
)

const (
	// linesHeld bounds the log lines that wait for the event loop; a quarter
	// beyond it the oldest are dropped and counted.
	linesHeld = 100_000
	// LinesPerBatch bounds the log lines of one Batch, so that a flood never holds
	// up a key press.
	LinesPerBatch = 8_000
	// linesPause is the least time between two batches of lines alone: the eye
	// cannot tell more, and the terminal need not draw it.
	linesPause = 33 * time.Millisecond
)

// event is something that a job emitted, or its end.
type event struct {
	gen     int
	last    bool
	deliver func() tea.Cmd // called in the event loop
}

// Batch is the message that brings the event loop what jobs have emitted since
// the batch before.
type Batch struct {
	events  []event
	lines   []fargate.Line
	linesOf int
	dropped int // lines
}

// LineBatch returns a batch of log lines of the job of that generation, as Next
// would bring it.
func LineBatch(gen int, lines []fargate.Line) Batch { return Batch{lines: lines, linesOf: gen} }

// Empty reports whether a batch has no events, so that only log lines changed.
func (b Batch) Empty() bool { return len(b.events) == 0 }

// queue carries events from goroutines to the event loop, in order. Every event
// arrives; log lines alone are bounded.
type queue struct {
	mu      sync.Mutex
	events  []event
	lines   []fargate.Line
	linesOf int // generation of the job that emitted them
	dropped int
	full    chan struct{} // holds one token while something is queued
}

func newQueue() *queue { return &queue{full: make(chan struct{}, 1)} }

func (q *queue) put(e event) {
	q.mu.Lock()
	q.events = append(q.events, e)
	q.mu.Unlock()
	q.signal()
}

// putLines queues lines of a job; lines of an earlier generation are discarded.
func (q *queue) putLines(gen int, lines []fargate.Line) {
	q.mu.Lock()
	if gen != q.linesOf {
		q.linesOf, q.lines, q.dropped = gen, nil, 0
	}
	q.lines = append(q.lines, lines...)
	if over := len(q.lines) - linesHeld; over > linesHeld/4 { // seldom, because it copies
		q.lines = append([]fargate.Line(nil), q.lines[over:]...)
		q.dropped += over
	}
	q.mu.Unlock()
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.full <- struct{}{}:
	default:
	}
}

// wait is the command that brings the next batch. Lines alone wait for the end
// of the pause since the last batch; events never do.
func (q *queue) wait(ctx context.Context, last time.Time) tea.Cmd {
	return func() tea.Msg {
		var pause <-chan time.Time
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-q.full:
				if left := linesPause - time.Since(last); left > 0 && q.onlyLines() {
					if pause == nil {
						pause = time.After(left)
					}
					continue
				}
			case <-pause:
			}
			if b, ok := q.take(); ok {
				return b
			}
		}
	}
}

func (q *queue) onlyLines() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.events) == 0
}

func (q *queue) take() (b Batch, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b = Batch{events: q.events, lines: q.lines, linesOf: q.linesOf, dropped: q.dropped}
	q.events, q.lines, q.dropped = nil, nil, 0
	if len(b.lines) > LinesPerBatch {
		q.lines = b.lines[LinesPerBatch:]
		b.lines = b.lines[:LinesPerBatch:LinesPerBatch]
		q.signal()
	}
	return b, len(b.events)+len(b.lines) > 0
}
