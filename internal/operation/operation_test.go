//go:build unix

package operation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"workshop/internal/stack"
)

// TestMain is the process of an operation where Variable says so, as the
// program's own main is.
func TestMain(m *testing.M) {
	if dir := os.Getenv(Variable); dir != "" {
		stops := make(chan struct{}, 8)
		err := Serve(dir, Work{
			Run: func(ctx context.Context, o *Operation, emit func(stack.Event)) (any, error) {
				return play(o, emit, stops)
			},
			Stop: func() { stops <- struct{}{} },
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// play is the work of the tests' operations: its input is the way it ends.
func play(o *Operation, emit func(stack.Event), stops <-chan struct{}) (any, error) {
	var how string
	if err := json.Unmarshal(o.Input, &how); err != nil {
		return nil, err
	}
	p := &stack.Plan{File: "/x/plan"}
	p.Add(stack.Change{Address: "aws_vpc.main", Action: stack.ActionCreate, Values: map[string]any{"secret": "s"}},
		stack.Change{Address: "aws_lb.main", Action: stack.ActionCreate})
	emit(stack.Event{Type: stack.EventPlanned, Op: stack.OpPlan, Plan: p})
	emit(stack.Event{Type: stack.EventDone, Op: stack.OpApply, Resource: "aws_vpc.main", Action: stack.ActionCreate})
	switch how {
	case "well":
		emit(stack.Event{Type: stack.EventDone, Op: stack.OpApply, Resource: "aws_lb.main", Action: stack.ActionCreate})
		return map[string]int{"answer": 42}, nil
	case "crash":
		fmt.Fprintln(os.Stderr, "panic: out of cheese")
		os.Exit(2)
	case "fail":
		return map[string]int{"answer": 1}, fmt.Errorf("%w: make a new plan", stack.ErrPlanStale)
	}
	<-stops
	emit(stack.Event{Type: stack.EventStopping, Op: stack.OpApply})
	if how == "twice" {
		<-stops
	}
	return nil, fmt.Errorf("%w: terraform apply", stack.ErrStopped)
}

func start(t *testing.T, root, how string) *Operation {
	t.Helper()
	o, err := Start(t.Context(), root, Command{Kind: Apply, By: "workshop deploy", Input: how})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if pid := o.PID(); pid != 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return o
}

// until returns an emit that closes the channel at the first event of a type.
func until(want stack.EventType) (func(stack.Event), <-chan struct{}) {
	seen := make(chan struct{})
	closed := false
	return func(e stack.Event) {
		if e.Type == want && !closed {
			closed = true
			close(seen)
		}
	}, seen
}

func TestFollow(t *testing.T) {
	o := start(t, t.TempDir(), "well")
	for range 2 { // a second reader, after the end, reads the same
		var done []string
		var plan *stack.Plan
		result, err := o.Follow(t.Context(), func(e stack.Event) {
			switch e.Type {
			case stack.EventPlanned:
				plan = e.Plan
			case stack.EventDone:
				done = append(done, e.Resource)
			}
			if e.Time.IsZero() {
				t.Errorf("%s has no time", e.Type)
			}
		})
		if err != nil || string(result) != `{"answer":42}` {
			t.Fatalf("Follow = %s, %v", result, err)
		}
		if strings.Join(done, " ") != "aws_vpc.main aws_lb.main" {
			t.Errorf("done %q", done)
		}
		if plan == nil || plan.File != "/x/plan" || plan.Changes[0].Values["secret"] != "s" {
			t.Errorf("the plan lost what its JSON leaves out: %+v", plan)
		}
	}
	if st := o.Status(); st.State != StateDone || st.Done != 2 || st.Total != 2 || st.By != "workshop deploy" || st.Summary.Created != 2 {
		t.Errorf("status %+v", st)
	}
	journal, err := os.ReadFile(o.path(journalFile))
	if err != nil || bytes.Contains(journal, []byte(`"secret"`)) {
		t.Errorf("the journal has the plan's values (%v)", err)
	}
	for _, name := range []string{journalFile, requestFile, planFile, outputFile, lockFile} {
		if info, err := os.Stat(o.path(name)); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestFailureKeepsItsKind(t *testing.T) {
	o := start(t, t.TempDir(), "fail")
	result, err := o.Follow(t.Context(), nil)
	if !errors.Is(err, stack.ErrPlanStale) || !strings.Contains(err.Error(), "make a new plan") || string(result) != `{"answer":1}` {
		t.Errorf("Follow = %s, %v", result, err)
	}
	if st := o.Status(); st.State != StateFailed || st.Done != 1 {
		t.Errorf("status %+v", st)
	}
}

// A reader that goes away changes nothing; another one sees all.
func TestReadersComeAndGo(t *testing.T) {
	root := t.TempDir()
	o := start(t, root, "stop")
	emit, seen := until(stack.EventDone)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { _, err := o.Follow(ctx, emit); left <- err }()
	<-seen
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("a reader that went away: %v", err)
	}
	again := Running(root)
	if again == nil || again.Dir() != o.Dir() || again.Status().State != StateRunning {
		t.Fatalf("the operation went away with its reader: %+v", again)
	}
	if _, err := Start(t.Context(), root, Command{Kind: Destroy, By: "workshop destroy", Input: "well"}); !errors.Is(err, stack.ErrBusy) || !strings.Contains(err.Error(), "workshop deploy") {
		t.Errorf("a second operation: %v", err)
	}
	if err := again.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Follow(t.Context(), nil); !errors.Is(err, stack.ErrStopped) {
		t.Errorf("after Stop: %v", err)
	}
	if st := again.Status(); st.State != StateStopped {
		t.Errorf("status %+v", st)
	}
	if err := again.Stop(); err != nil {
		t.Errorf("Stop after the end: %v", err)
	}
	// The locks are free at once.
	if _, err := start(t, root, "well").Follow(t.Context(), nil); err != nil {
		t.Errorf("the next operation: %v", err)
	}
}

func TestStopTwice(t *testing.T) {
	o := start(t, t.TempDir(), "twice")
	emit, seen := until(stack.EventStopping)
	end := make(chan error)
	go func() { _, err := o.Follow(t.Context(), emit); end <- err }()
	if err := o.Stop(); err != nil {
		t.Fatal(err)
	}
	<-seen
	if err := o.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := <-end; !errors.Is(err, stack.ErrStopped) {
		t.Error(err)
	}
}

// A closed window is a SIGHUP: it means nothing to the operation.
func TestHangUpMeansNothing(t *testing.T) {
	o := start(t, t.TempDir(), "stop")
	if err := syscall.Kill(o.PID(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	emit, seen := until(stack.EventDone)
	end := make(chan error)
	go func() { _, err := o.Follow(t.Context(), emit); end <- err }()
	<-seen
	if err := o.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := <-end; !errors.Is(err, stack.ErrStopped) {
		t.Error(err)
	}
}

func TestVanished(t *testing.T) {
	t.Run("crashed", func(t *testing.T) {
		o := start(t, t.TempDir(), "crash")
		_, err := o.Follow(t.Context(), nil)
		var gone *VanishedError
		if !errors.As(err, &gone) || !strings.Contains(err.Error(), "out of cheese") || !strings.Contains(err.Error(), "workshop destroy") {
			t.Errorf("Follow = %v", err)
		}
		if st := o.Status(); st.State != StateInterrupted || st.Done != 1 || st.Total != 2 {
			t.Errorf("status %+v", st)
		}
	})
	t.Run("killed", func(t *testing.T) {
		o := start(t, t.TempDir(), "stop")
		if err := syscall.Kill(o.PID(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_, err := o.Follow(t.Context(), nil)
		if gone := (*VanishedError)(nil); !errors.As(err, &gone) || !strings.Contains(err.Error(), "something killed it") {
			t.Errorf("Follow = %v", err)
		}
		if err := o.Stop(); err != nil || o.PID() != 0 {
			t.Errorf("after the end: PID %d, Stop %v", o.PID(), err)
		}
	})
	t.Run("cannot begin", func(t *testing.T) {
		root := t.TempDir()
		if err := os.WriteFile(filepath.Join(root, lockFile), nil, 0); err != nil {
			t.Fatal(err)
		}
		if os.Getuid() == 0 {
			t.Skip("root opens every file")
		}
		if _, err := Start(t.Context(), root, Command{Kind: Plan, By: "workshop plan", Input: "well"}); err == nil || !strings.Contains(err.Error(), "could not begin") {
			t.Errorf("Start = %v", err)
		}
	})
}

// TestBeginning: an operation whose process is about to begin has not been
// interrupted, and readers wait for its events.
func TestBeginning(t *testing.T) {
	o := &Operation{dir: filepath.Join(t.TempDir(), "20260101T000000.000000-apply"), Request: Request{Kind: Apply, Started: time.Now()}}
	if err := o.prepare(nil); err != nil {
		t.Fatal(err)
	}
	if st := o.Status(); st.State != StateRunning || !o.Running() || o.PID() != 0 {
		t.Errorf("status %+v, running %v, process %d", st, o.Running(), o.PID())
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := o.Follow(ctx, nil)
		ended <- err
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Follow = %v", err)
	}
	o.Started = time.Now().Add(-startTime)
	if st := o.Status(); st.State != StateInterrupted {
		t.Errorf("a process that never began is %s", st.State)
	}
}

func TestPrune(t *testing.T) {
	root := t.TempDir()
	base := time.Now().UTC().Add(-time.Hour)
	for i := range kept + 5 {
		o := &Operation{dir: filepath.Join(root, base.Add(time.Duration(i)*time.Second).Format(idLayout)+"-apply")}
		o.Request = Request{Kind: Apply, Started: base, By: "workshop"}
		if err := o.prepare(&stack.Plan{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"notes.txt", "20261126T100000.000000-../x", "elsewhere"} { // nobody's, or not ours
		if err := os.MkdirAll(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	o := start(t, root, "well")
	if _, err := o.Follow(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	ops := List(root)
	if len(ops) != kept || ops[0].Dir() != o.Dir() {
		t.Errorf("%d operations are kept, the newest is %s", len(ops), ops[0].Dir())
	}
	for _, old := range ops[1:] {
		if _, err := old.Plan(); err == nil {
			t.Errorf("%s kept its plan, which may hold secrets", old.Dir())
		}
	}
	for _, name := range []string{"notes.txt", "elsewhere"} {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Errorf("what is no operation was removed: %v", err)
		}
	}
}

// A record that is being written, or that was cut off, is not read.
func TestTornJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), journalFile)
	whole := `{"time":"2026-11-26T10:00:00Z","event":{"type":"done","time":"2026-11-26T10:00:00Z","resource":"a"}}` + "\n"
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := reader{path: path}
	defer r.close()
	n := 0
	count := func(record) { n++ }
	write(whole + whole[:30])
	if err := r.read(count); err != nil || n != 1 {
		t.Fatalf("%d records, %v", n, err)
	}
	write(whole + whole + "nonsense\n" + whole)
	if err := r.read(count); err != nil || n != 3 {
		t.Errorf("%d records, %v", n, err)
	}
}

// A full disk lets a part of a record through: it is taken back and written again.
func TestJournalOnAFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), journalFile)
	j := &journal{path: filepath.Join(path, "no", "folder")}
	if err := j.add(record{Outcome: &outcome{}}); err == nil {
		t.Fatal("wrote without a folder")
	}
	j.path = path
	if err := j.add(record{Event: &stack.Event{Type: stack.EventDone}}); err != nil {
		t.Fatal(err)
	}
	j.close()
	r := reader{path: path}
	defer r.close()
	n := 0
	if err := r.read(func(record) { n++ }); err != nil || n != 2 {
		t.Errorf("%d records were written in the end, %v", n, err)
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"time":"2026-11-26T10:00:00Z","event":{"type":"done"}}` + "\n"))
	f.Add([]byte(`{"outcome":{"failure":{"message":"m","kinds":["stopped","?"],"diagnostics":[{"severity":"error"}]}}}` + "\n{\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := filepath.Join(t.TempDir(), "20261126T101500.123456-apply")
		o := &Operation{dir: dir, Request: Request{Kind: Apply, Started: time.Now()}}
		if err := o.prepare(nil); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(o.path(journalFile), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if st := o.Status(); st.Err != nil {
			_ = st.Err.Error()
		}
	})
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"kind":"apply","started":"2026-11-26T10:00:00Z","by":"workshop"}`))
	f.Add([]byte(`{"kind":"apply"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, requestFile), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if o, err := Open(dir); err == nil && (o.Kind == "" || o.Started.IsZero()) {
			t.Errorf("read %+v", o.Request)
		}
	})
}

// Screens and commands look at the same time whether an operation runs: one that looks
// must not be taken for it.
func TestTwoLookAtOnce(t *testing.T) {
	o := start(t, t.TempDir(), "well")
	if _, err := o.Follow(t.Context(), func(stack.Event) {}); err != nil {
		t.Fatal(err)
	}
	other := flock.New(o.path(lockFile))
	if err := other.RLock(); err != nil { // as Running has it
		t.Fatal(err)
	}
	defer other.Close()
	if o.Running() {
		t.Error("an operation that has ended runs")
	}
}
