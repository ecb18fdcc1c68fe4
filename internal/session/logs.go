package session

import (
	"context"
	"errors"
	"time"

	"workshop/internal/fargate"
)

const (
	tailSince = time.Hour // how far back Tail begins
	tailBatch = 50 * time.Millisecond
)

// Tail waits until a service is deployed and then calls more with its log lines,
// oldest first and in batches, beginning an hour ago, until ctx ends.
func (s *Session) Tail(ctx context.Context, more func([]fargate.Line)) error {
	t, err := s.Target(ctx)
	if err != nil {
		return err
	}
	ref, err := s.awaitRef(ctx)
	if err != nil {
		return err
	}
	lines := make(chan fargate.Line, 1024)
	var failed error
	go func() { // ends with ctx, or with the sequence
		defer close(lines)
		for l, err := range fargate.Tail(ctx, t.Config, fargate.TailOptions{Group: ref.LogGroup, Since: time.Now().Add(-tailSince), Follow: true}) {
			var again *fargate.Retrying
			switch {
			case errors.As(err, &again):
				continue
			case err != nil:
				failed = err
				return
			}
			select {
			case lines <- l:
			case <-ctx.Done():
				return
			}
		}
	}()
	batches(lines, more)
	return failed
}

// batches hands lines on until they are closed, at most once in tailBatch: a screen
// is drawn no more often.
func batches(lines <-chan fargate.Line, more func([]fargate.Line)) {
	for l := range lines {
		batch := []fargate.Line{l}
		for end := time.After(tailBatch); end != nil; {
			select {
			case l, ok := <-lines:
				if !ok {
					end = nil
					break
				}
				batch = append(batch, l)
			case <-end:
				end = nil
			}
		}
		more(batch)
	}
}
