// Package jobs runs the blocking work of the screens outside the event loop and
// brings its events and results back into it.
//
// Work is a function of values: it must not read a page or the root model, which
// belong to the event loop. What it emits and what it returns are typed, and
// reach the callbacks of Start and Stream inside the event loop, in order.
package jobs

import (
	"context"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/fargate"
)

// Jobs is the set of running jobs. Its methods, and Start and Stream, belong to
// the event loop.
type Jobs struct {
	ctx     context.Context
	queue   *queue
	wg      sync.WaitGroup
	last    int // the newest generation
	running map[int]context.CancelFunc
}

// New returns an empty set of jobs, which are cancelled when ctx ends.
func New(ctx context.Context) *Jobs {
	return &Jobs{ctx: ctx, queue: newQueue(), running: map[int]context.CancelFunc{}}
}

// Context returns the context that ends with all jobs.
func (j *Jobs) Context() context.Context { return j.ctx }

// Start runs work in a goroutine and returns the job's generation. end receives
// the result, unless the job is dropped before. A nil end ignores the result.
func Start[T any](j *Jobs, work func(context.Context) (T, error), end func(T, error) tea.Cmd) int {
	return Stream(j, func(ctx context.Context, _ func(struct{})) (T, error) { return work(ctx) }, nil, end)
}

// Do is Start for work without a result.
func Do(j *Jobs, work func(context.Context) error, end func(error) tea.Cmd) int {
	return Start(j, func(ctx context.Context) (struct{}, error) { return struct{}{}, work(ctx) }, func(_ struct{}, err error) tea.Cmd {
		if end == nil {
			return nil
		}
		return end(err)
	})
}

// Stream is Start for work that emits events: on receives each of them, before
// end receives the result. No event is lost, however slow the event loop is.
func Stream[E, T any](j *Jobs, work func(ctx context.Context, emit func(E)) (T, error), on func(E), end func(T, error) tea.Cmd) int {
	return j.start(func(ctx context.Context, gen int) {
		result, err := work(ctx, emitter(j, gen, on))
		j.queue.put(event{gen: gen, last: true, deliver: func() tea.Cmd {
			if end == nil {
				return nil
			}
			return end(result, err)
		}})
	})
}

// Lines is Stream for work that emits log lines as well, which arrive with a Batch. Lines
// alone may be dropped when they come faster than the event loop takes them.
func Lines[E any](j *Jobs, work func(ctx context.Context, lines func([]fargate.Line), emit func(E)) error, on func(E), end func(error) tea.Cmd) int {
	return j.start(func(ctx context.Context, gen int) {
		err := work(ctx, func(lines []fargate.Line) { j.queue.putLines(gen, lines) }, emitter(j, gen, on))
		j.queue.put(event{gen: gen, last: true, deliver: func() tea.Cmd { return end(err) }})
	})
}

// emitter returns what a job emits its events with.
func emitter[E any](j *Jobs, gen int, on func(E)) func(E) {
	return func(e E) { j.queue.put(event{gen: gen, deliver: func() tea.Cmd { on(e); return nil }}) }
}

func (j *Jobs) start(work func(ctx context.Context, gen int)) int {
	j.last++
	gen := j.last
	ctx, cancel := context.WithCancel(j.ctx)
	j.running[gen] = cancel
	j.wg.Go(func() {
		defer cancel()
		work(ctx, gen)
	})
	return gen
}

// Drop cancels a job; events and results that it still produces are discarded.
func (j *Jobs) Drop(gen int) {
	if cancel, ok := j.running[gen]; ok {
		cancel()
		delete(j.running, gen)
	}
}

// DropAll drops every job but those of the given generations.
func (j *Jobs) DropAll(except ...int) {
	for gen := range j.running {
		keep := false
		for _, k := range except {
			keep = keep || k == gen
		}
		if !keep {
			j.Drop(gen)
		}
	}
}

// Alive reports whether a job has neither ended nor been dropped.
func (j *Jobs) Alive(gen int) bool {
	_, ok := j.running[gen]
	return ok
}

// Wait blocks until the work of every job has returned. It may be called outside
// the event loop.
func (j *Jobs) Wait() { j.wg.Wait() }

// Next returns the command that brings the next Batch. There must be one at a
// time; last is when the batch before arrived.
func (j *Jobs) Next(last time.Time) tea.Cmd { return j.queue.wait(j.ctx, last) }

// Deliver calls the callbacks that a batch is for. Events of dropped jobs are
// stale and discarded. lines are the log lines of the job of generation linesOf.
func (j *Jobs) Deliver(b Batch, linesOf int) (cmd tea.Cmd, lines []fargate.Line, dropped int) {
	var cmds []tea.Cmd
	for _, e := range b.events {
		cancel, ok := j.running[e.gen]
		if !ok {
			continue
		}
		if e.last {
			cancel()
			delete(j.running, e.gen)
		}
		cmds = append(cmds, e.deliver())
	}
	if b.linesOf == linesOf {
		lines, dropped = b.lines, b.dropped
	}
	return tea.Batch(cmds...), lines, dropped
}
