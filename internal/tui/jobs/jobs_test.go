package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/fargate"
)

// drain delivers everything that is queued and returns how many log lines came
// and were dropped.
func drain(t *testing.T, j *Jobs, linesOf int) (lines, dropped int) {
	t.Helper()
	for {
		b, ok := j.queue.take()
		if !ok {
			return lines, dropped
		}
		if len(b.lines) > LinesPerBatch {
			t.Fatalf("one batch has %d lines", len(b.lines))
		}
		_, l, d := j.Deliver(b, linesOf)
		lines += len(l)
		dropped += d
	}
}

// Events arrive complete and in order, the result last, however slow the event
// loop is; of log lines the newest arrive, and the others are counted.
func TestNoEventIsLost(t *testing.T) {
	j := New(t.Context())
	const events = 5_000
	var got []int
	var result string
	var err error
	Stream(j, func(_ context.Context, emit func(int)) (string, error) {
		for i := range events {
			emit(i)
			j.queue.putLines(7, make([]fargate.Line, 50))
		}
		return "done", errors.New("the end")
	}, func(i int) {
		if result != "" {
			t.Error("an event arrived after the result")
		}
		got = append(got, i)
	}, func(r string, e error) tea.Cmd {
		result, err = r, e
		return nil
	})
	j.Wait() // the event loop sleeps through all of it
	lines, dropped := drain(t, j, 7)
	if len(got) != events || result != "done" || err == nil {
		t.Errorf("%d of %d events arrived, and the end was %q, %v", len(got), events, result, err)
	}
	for i, n := range got {
		if i != n {
			t.Fatalf("event %d came as %d", n, i)
		}
	}
	if lines < linesHeld || lines > linesHeld*5/4 || lines+dropped != events*50 {
		t.Errorf("%d lines arrived and %d were counted as dropped", lines, dropped)
	}
}

// What a dropped job still emits is stale and discarded, and its context ends.
func TestDroppedJobIsNotHeard(t *testing.T) {
	j := New(t.Context())
	var got []string
	dropped, emitted := make(chan struct{}), make(chan struct{})
	gen := Stream(j, func(ctx context.Context, emit func(string)) (int, error) {
		emit("early")
		close(emitted)
		<-dropped
		if ctx.Err() == nil {
			t.Error("the context of a dropped job goes on")
		}
		emit("late")
		return 1, nil
	}, func(s string) { got = append(got, s) }, func(int, error) tea.Cmd {
		t.Error("a dropped job delivered its result")
		return nil
	})
	<-emitted
	drain(t, j, 0)
	j.Drop(gen)
	close(dropped)
	j.Wait()
	if b, _ := j.queue.take(); len(b.events) != 2 {
		t.Errorf("%d events were queued after the drop", len(b.events))
	} else {
		j.Deliver(b, 0)
	}
	if len(got) != 1 || got[0] != "early" {
		t.Errorf("received %q", got)
	}
	if j.Alive(gen) {
		t.Error("a dropped job is alive")
	}
}

// Lines of an earlier stream do not reach the page after a new stream began.
func TestLinesOfAnEarlierStream(t *testing.T) {
	j := New(t.Context())
	for range 2 {
		Lines(j, func(_ context.Context, emit func([]fargate.Line), _ func(struct{})) error {
			emit(make([]fargate.Line, 3))
			return nil
		}, nil, func(error) tea.Cmd { return nil })
		j.Wait()
	}
	if lines, _ := drain(t, j, 1); lines != 0 {
		t.Errorf("%d lines of the first stream arrived", lines)
	}
}

func TestEventsFromManyGoroutines(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	q := newQueue()
	next := map[int]int{}
	n := 0
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				q.put(event{gen: g, deliver: func() tea.Cmd {
					if next[g] != i {
						t.Errorf("goroutine %d: event %d came after %d", g, i, next[g]-1)
					}
					next[g]++
					n++
					return nil
				}})
				q.putLines(1, []fargate.Line{{Message: fmt.Sprint(i)}})
			}
		})
	}
	for n < 8*200 {
		for _, e := range q.wait(ctx, time.Time{})().(Batch).events {
			e.deliver()
		}
	}
	wg.Wait()
}
