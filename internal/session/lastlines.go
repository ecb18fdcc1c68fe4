package session

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"workshop/internal/fargate"
)

const (
	// linesKept is how many lines of each container of a stopped task are kept on disk, and
	// linesKeptBytes how much text at most.
	linesKept      = 200
	linesKeptBytes = 1 << 20
	// linesSettle is how long after a task's end its last lines are read: CloudWatch has
	// them a moment later.
	linesSettle = 5 * time.Second
	// linesEvery is the least time between two tasks whose lines are read, and linesWait how
	// many may wait. In a crash loop the others have printed the same.
	linesEvery = 10 * time.Second
	linesWait  = 8
)

// printedShown is how many of a task's last lines explain why it ended.
const printedShown = 5

// LastLines returns the last lines that a task printed, oldest first: five of each of its
// containers, without health checks. Those of a task that stopped while somebody watched are
// kept in the workspace; the others AWS is asked for.
func (s *Session) LastLines(ctx context.Context, task fargate.Task) ([]fargate.Line, error) {
	if kept := s.KeptLines(task.ID); len(kept) > 0 {
		return lastOfEach(kept, printedShown), nil
	}
	cfg, _, err := s.Watched(ctx)
	if err != nil {
		return nil, err
	}
	return fargate.NewClients(cfg).LastLines(ctx, task, printedShown)
}

// KeptLines returns what is kept of the lines that a stopped task printed last, oldest
// first: nothing where nobody watched when it stopped, or where it cannot be read.
func (s *Session) KeptLines(id string) []fargate.Line {
	if s.Other() {
		return nil
	}
	data, err := s.Workspace.KeptLines(id)
	var lines []fargate.Line
	if err != nil || data == nil || json.Unmarshal(data, &lines) != nil {
		return nil
	}
	return lines
}

// KeptLinesOf is KeptLines of every stopped task whose id begins so.
func (s *Session) KeptLinesOf(prefix string) []fargate.Line {
	var lines []fargate.Line
	stopped := s.StoppedTasks()
	for i := len(stopped) - 1; i >= 0; i-- { // oldest first
		if strings.HasPrefix(stopped[i].ID, prefix) {
			lines = append(lines, s.KeptLines(stopped[i].ID)...)
		}
	}
	return lines
}

// lastOfEach returns the last lines of each container.
func lastOfEach(lines []fargate.Line, most int) []fargate.Line {
	left := map[string]int{}
	for _, l := range lines {
		left[l.Container]++
	}
	var out []fargate.Line
	for _, l := range lines {
		if left[l.Container] <= most {
			out = append(out, l)
		}
		left[l.Container]--
	}
	return out
}

// linesKeeper reads the last lines of tasks that have stopped, and keeps them.
type linesKeeper struct {
	stopped chan fargate.Task
}

func newLinesKeeper() *linesKeeper { return &linesKeeper{make(chan fargate.Task, linesWait)} }

// add has the lines of a task kept, unless too many wait or the task ended as it should.
func (k *linesKeeper) add(t fargate.Task) {
	if !t.Failed() {
		return
	}
	select {
	case k.stopped <- t:
	default:
	}
}

// run keeps lines until ctx ends. Where they cannot be read or written, the picture is as
// true without.
func (k *linesKeeper) run(ctx context.Context, s *Session, cfg aws.Config) {
	clients := fargate.NewClientsWith(cfg, &s.calls)
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-k.stopped:
			if !pause(ctx, time.Until(t.Stopped.Add(linesSettle))) {
				return
			}
			if lines, err := clients.LastLines(ctx, t, linesKept); err == nil && len(lines) > 0 {
				_ = s.keepLines(t.ID, lines)
			}
			if !pause(ctx, linesEvery) {
				return
			}
		}
	}
}

// pause reports whether so much time went by before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (s *Session) keepLines(id string, lines []fargate.Line) error {
	for size, i := 0, len(lines)-1; i >= 0; i-- {
		if size += len(lines[i].Message); size > linesKeptBytes {
			lines = lines[i+1:]
			break
		}
	}
	data, err := json.Marshal(lines)
	if err != nil {
		return fmt.Errorf("keep the last lines of task %s: %w", id, err)
	}
	return s.Workspace.KeepLines(id, data)
}
