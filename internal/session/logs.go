package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"workshop/internal/clean"
	"workshop/internal/fargate"
)

const (
	tailSince = time.Hour // how far back Tail begins
	tailBatch = 50 * time.Millisecond
)

// reader is the one that Tail has lines for. It is safe for concurrent use.
type reader struct {
	away atomic.Bool
	wake chan struct{} // holds one token
}

func newReader() *reader { return &reader{wake: make(chan struct{}, 1)} }

func (r *reader) again() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// ReadLogs says whether somebody looks at the log lines. While nobody does, Tail asks
// AWS for none; those that came meanwhile follow when somebody looks again.
func (s *Session) ReadLogs(yes bool) {
	if s.reader.away.Swap(!yes) == yes {
		s.reader.again()
	}
}

// RetryLogs has Tail ask for lines at once.
func (s *Session) RetryLogs() { s.reader.again() }

// Tail waits until a service is deployed and then calls lines with its log lines,
// oldest first and in batches, beginning an hour ago, until ctx ends. Whatever keeps it
// from new lines, it goes on trying, and calls how with what it is.
func (s *Session) Tail(ctx context.Context, lines func([]fargate.Line), how func(fargate.Stream)) error {
	if _, err := s.Target(ctx); err != nil {
		return err
	}
	cfg, ref, err := s.awaitRef(ctx)
	if err != nil {
		return err
	}
	if ref.LogGroup == "" && s.Other() {
		return ErrNoLogs
	}
	read := make(chan fargate.Line, 1024)
	var failed error
	go func() { // ends with ctx, or with the sequence
		defer close(read)
		for l, err := range fargate.Tail(ctx, cfg, fargate.TailOptions{
			Group: ref.LogGroup, Since: time.Now().Add(-tailSince), Follow: true, Patient: true,
			Report: how, Wake: s.reader.wake, Hold: s.reader.away.Load, Meter: &s.calls,
		}) {
			var again *fargate.Retrying
			switch {
			case errors.As(err, &again):
				continue
			case err != nil:
				failed = err
				return
			}
			select {
			case read <- l:
			case <-ctx.Done():
				return
			}
		}
	}()
	batches(read, lines)
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

// LogPage reads the log lines next to a time: those from then on, or with after false those
// up to then, of one task or of all where task is nil.
func (s *Session) LogPage(ctx context.Context, at time.Time, after bool, task *fargate.Task) (fargate.LogPage, error) {
	cfg, ref, err := s.Watched(ctx)
	if err != nil {
		return fargate.LogPage{}, err
	}
	return fargate.NewClientsWith(cfg, &s.calls).LogPage(ctx, fargate.LogPageOptions{Group: ref.LogGroup, At: at, After: after, Task: task})
}

// LogTime reads a time as people type it: a length of time before now, which may count
// days and weeks (10m, 2h, 1.5d), a time of day that is past (14:05), or a date with a time.
// What has no zone is in the local one.
func LogTime(s string, now time.Time) (time.Time, error) {
	s = strings.TrimSpace(s)
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if n, err := strconv.ParseFloat(strings.TrimSuffix(s, suffix), 64); err == nil && strings.HasSuffix(s, suffix) && n > 0 && n < 10_000 {
			return now.Add(-time.Duration(n * float64(unit))), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{"15:04", time.TimeOnly} {
		if at, err := time.Parse(layout, s); err == nil {
			y, m, d := now.Local().Date()
			today := func(d int) time.Time { return time.Date(y, m, d, at.Hour(), at.Minute(), at.Second(), 0, time.Local) }
			if today(d).After(now) {
				return today(d - 1), nil
			}
			return today(d), nil
		}
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, "2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: give a length of time such as 10m or 2d, a time of day such as 14:05, or a date such as 2026-11-27T10:00:00Z", s)
}

// SaveLogs writes log lines to a file in the workspace that only its owner can read, and
// returns the file's path.
func (s *Session) SaveLogs(_ context.Context, lines []fargate.Line) (path string, err error) {
	var text bytes.Buffer
	for _, l := range lines {
		text.WriteString(LogText(l, clean.Text))
	}
	return s.Workspace.SaveLog(time.Now().Format("20060102-150405")+".log", text.Bytes())
}

// LogText returns a log line as text for a terminal or a file, with its newline. What a
// task printed in several lines is indented below. Its text is made safe by a function of
// package clean: Text, or Colours.
func LogText(l fargate.Line, safe func(string) string) string {
	lead := fmt.Sprintf("%s  %.8s  ", l.Time.Local().Format("2006-01-02 15:04:05.000 -07:00"), clean.Line(l.Task))
	if l.Container != "" {
		lead += clean.Line(l.Container) + "  "
	}
	below := "\n" + strings.Repeat(" ", len(lead))
	return lead + strings.ReplaceAll(strings.TrimRight(safe(l.Message), "\n"), "\n", below) + "\n"
}
