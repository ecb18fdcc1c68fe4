package tui

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

// What jobs say arrives complete and in order, the end last, however slow the
// event loop is; of log lines the newest arrive, and the others are counted.
func TestMailboxLosesNoLetter(t *testing.T) {
	ctx := t.Context()
	j := newJobs(ctx)
	const says = 5_000
	var got []int
	var err error
	j.start(func(_ context.Context, _ int, say func(any)) (any, error) {
		for i := range says {
			say(i)
			j.box.putLines(7, make([]fargate.Line, 50))
		}
		return nil, errors.New("the end")
	}, func(m any) tea.Cmd {
		switch m := m.(type) {
		case int:
			got = append(got, m)
		case ended:
			err = m.err
		}
		return nil
	})
	j.wg.Wait() // the loop sleeps through all of it
	lines, dropped := 0, 0
	for {
		m, any := j.box.take()
		if !any {
			break
		}
		if len(m.lines) > linesPerMail {
			t.Fatalf("one mail has %d lines", len(m.lines))
		}
		lines += len(m.lines)
		dropped += m.dropped
		for _, l := range m.letters {
			j.deliver(l)
		}
	}
	if len(got) != says || err == nil {
		t.Errorf("%d of %d letters arrived, and the end was %v", len(got), says, err)
	}
	for i, n := range got {
		if i != n {
			t.Fatalf("letter %d came as %d", n, i)
		}
	}
	if lines < linesHeld || lines > linesHeld*5/4 || lines+dropped != says*50 {
		t.Errorf("%d lines arrived and %d were counted as dropped", lines, dropped)
	}
}

// What a dropped job still says is stale, and is not heard.
func TestStaleLettersAreDropped(t *testing.T) {
	j := newJobs(t.Context())
	heard := 0
	go1, said := make(chan struct{}), make(chan struct{})
	gen := j.start(func(ctx context.Context, _ int, say func(any)) (any, error) {
		say("early")
		close(said)
		<-go1
		if ctx.Err() == nil {
			t.Error("a dropped job's context goes on")
		}
		say("late")
		return nil, nil
	}, func(any) tea.Cmd { heard++; return nil })
	<-said
	m, _ := j.box.take()
	for _, l := range m.letters {
		j.deliver(l)
	}
	j.drop(gen)
	close(go1)
	j.wg.Wait()
	m, _ = j.box.take()
	for _, l := range m.letters {
		j.deliver(l)
	}
	if heard != 1 || len(m.letters) != 2 {
		t.Errorf("heard %d letters, and %d came later", heard, len(m.letters))
	}
	if j.alive(gen) {
		t.Error("a dropped job is alive")
	}
}

func TestMailboxFromManySides(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b := newMailbox()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				b.put(letter{g, i})
				b.putLines(1, []fargate.Line{{Message: fmt.Sprint(i)}})
			}
		})
	}
	next := map[int]int{}
	for n := 0; n < 8*200; {
		m := b.wait(ctx, time.Time{})().(mailMsg)
		for _, l := range m.letters {
			if l.what != next[l.gen] {
				t.Fatalf("side %d said %v after %d", l.gen, l.what, next[l.gen]-1)
			}
			next[l.gen]++
			n++
		}
	}
	wg.Wait()
}
