package operation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"workshop/internal/jsonl"
	"workshop/internal/stack"
)

const (
	// lockTime bounds the wait for the operation before to let go of its lock.
	lockTime = 10 * time.Second
	// outcomeTime is how long an outcome that cannot be written is tried again.
	outcomeTime = 2 * time.Minute
	retryTime   = time.Second
)

// Work is what an operation's process does.
type Work struct {
	// Run does what the operation asks for. Its result must fit into JSON, and is
	// kept with an error as well.
	Run func(ctx context.Context, o *Operation, emit func(stack.Event)) (result any, err error)
	// Stop is called whenever the operation is asked to stop, from another
	// goroutine than Run.
	Stop func()
}

// Serve is the main function of an operation's process: it takes the locks, runs
// the work, and writes its events and its outcome to the journal. Interrupts and
// SIGTERM ask the work to stop; SIGHUP means nothing to it. The error is for the
// process's own output: that the outcome could not be written.
func Serve(dir string, w Work) error {
	signal.Ignore(syscall.SIGHUP)
	o, err := Open(dir)
	if err != nil {
		return err
	}
	j := &journal{path: o.path(journalFile)}
	defer j.close()
	root, own := flock.New(o.path("../"+lockFile), flock.SetPermissions(fileMode)), flock.New(o.path(lockFile), flock.SetPermissions(fileMode))
	for _, l := range []*flock.Flock{own, root} {
		ctx, cancel := context.WithTimeout(context.Background(), lockTime)
		got, err := l.TryLockContext(ctx, pause)
		cancel()
		if !got {
			busy := &BusyError{}
			for _, r := range List(o.path("..")) {
				if r.dir != o.dir && r.Running() {
					busy.Running = r.Request
				}
			}
			return errors.Join(busy, err)
		}
		defer l.Unlock()
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
				w.Stop()
			}
		}
	})
	// Whoever started the operation goes on now, and requests to stop are heard.
	if err := writeJSON(o.path(processFile), process{PID: os.Getpid()}); err != nil {
		return fmt.Errorf("start %s: %w", o.Kind, err)
	}
	result, err := w.Run(ctx, o, func(e stack.Event) { j.event(o, e) })
	cancel()
	wg.Wait()
	end := &outcome{Failure: stack.FailureOf(err)}
	if result != nil {
		data, merr := json.Marshal(result)
		if merr != nil {
			return fmt.Errorf("%s: its result: %w", o.Kind, merr)
		}
		end.Result = data
	}
	return j.end(end)
}

// journal is the journal of the operation that this process runs. Records that
// cannot be written wait for the next one. It is safe for concurrent use.
type journal struct {
	path string

	mu      sync.Mutex
	file    *jsonl.Log
	pending []byte
}

// maxPending bounds the records that wait for a disk with space, in bytes; beyond
// it the oldest progress gives way. Outcomes are small.
const maxPending = 8 << 20

func (j *journal) event(o *Operation, e stack.Event) {
	if e.Time.IsZero() {
		e.Time = time.Now().UTC()
	}
	if e.Plan != nil {
		// Readers that find no plan file have the journal's, which lacks values.
		_ = stack.SavePlan(o.path(planFile), e.Plan)
	}
	_ = j.add(record{Time: e.Time, Event: &e}) // waits for the next one
}

// end writes the outcome, trying again for a while.
func (j *journal) end(out *outcome) error {
	err := j.add(record{Time: time.Now().UTC(), Outcome: out})
	for deadline := time.Now().Add(outcomeTime); err != nil && !errors.Is(err, jsonl.ErrTooLong) && time.Now().Before(deadline); {
		time.Sleep(retryTime)
		err = j.write()
	}
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.file.Sync()
}

func (j *journal) add(r record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write the operation's journal: %w", err)
	}
	if len(line) >= journalFormat.MaxLine {
		return fmt.Errorf("write the operation's journal: %w: %d bytes", jsonl.ErrTooLong, len(line))
	}
	j.mu.Lock()
	if len(j.pending) > maxPending {
		j.pending = nil
	}
	j.pending = append(append(j.pending, line...), '\n')
	j.mu.Unlock()
	return j.write()
}

// write writes what waits. A part of a record that a full disk let through is
// taken back, so that readers never see it.
func (j *journal) write() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		f, err := jsonl.OS{}.OpenFile(j.path, os.O_RDWR|os.O_CREATE)
		if err != nil {
			return fmt.Errorf("write the operation's journal: %w", err)
		}
		if j.file, err = journalFormat.Load(f, nil); err != nil {
			return errors.Join(fmt.Errorf("write the operation's journal %s: %w", j.path, err), f.Close())
		}
	}
	if len(j.pending) == 0 {
		return nil
	}
	if _, err := j.file.Append(j.pending); err != nil {
		return fmt.Errorf("write the operation's journal: %w", err)
	}
	j.pending = j.pending[:0]
	return nil
}

func (j *journal) close() {
	if j.file != nil {
		_ = j.file.Close() // the outcome was synced
	}
}
