package session

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"workshop/internal/fargate"
	"workshop/internal/target"
	"workshop/internal/workspace"
)

func stopped(n int) []fargate.Task {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	tasks := make([]fargate.Task, n)
	for i := range tasks {
		id := fmt.Sprintf("%032x", i)
		tasks[i] = fargate.Task{
			ID: id, ARN: "arn:aws:ecs:eu-west-1:123456789012:task/workshop/" + id, Status: "STOPPED", Stopped: &at,
			StopCode: "EssentialContainerExited", StoppedReason: "Essential container in task exited",
			Containers: []fargate.Container{{Name: "app", Image: "podinfo", Status: "STOPPED"}},
		}
	}
	return tasks
}

func journalled(t testing.TB, w *workspace.Workspace, kind string) int {
	t.Helper()
	n := 0
	for _, err := range w.Read(kind) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// Two processes, each with a watcher that also journals what a look shows, see
// the same tasks stop.
func TestWatchersJournalATaskOnce(t *testing.T) {
	first := open(t, target.Sandbox)
	second, err := Open(Options{Kind: target.Sandbox, Workspace: first.Workspace.Dir(), Configuration: fstest.MapFS{"main.tf": {Data: []byte("# nothing\n")}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { second.Close() })
	snap := fargate.Snapshot{Service: fargate.Service{Status: "ACTIVE", Desired: 2}, Tasks: stopped(5)}
	var watchers sync.WaitGroup
	for _, s := range []*Session{first, second, first, second} {
		watchers.Go(func() {
			for _, task := range snap.Tasks {
				if err := s.KeepStopped(task); err != nil {
					t.Error(err)
				}
			}
		})
		watchers.Go(func() {
			if err := s.Seen(snap); err != nil {
				t.Error(err)
			}
		})
	}
	watchers.Wait()
	if n := journalled(t, first.Workspace, entryStopped); n != 5 {
		t.Errorf("the journal has %d entries of 5 stopped tasks", n)
	}
	if n := journalled(t, first.Workspace, entryDesired); n != 1 {
		t.Errorf("the journal has %d entries of one number of tasks wanted", n)
	}
	if got := second.StoppedTasks(); len(got) != 5 {
		t.Errorf("the second process knows %d stopped tasks", len(got))
	}
}

func TestStoppedTasksFollowTheJournal(t *testing.T) {
	s := open(t, target.Sandbox)
	ids := func() string {
		var out string
		for _, task := range s.StoppedTasks() {
			out += task.ID + " "
		}
		return out
	}
	note := func(kind string, v any) {
		t.Helper()
		if err := s.Workspace.Append(kind, v); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		name string
		do   func()
		want string
	}{
		{"an empty journal", func() {}, ""},
		{"two tasks, as another process writes them", func() {
			note(entryStopped, fargate.Task{ID: "a"})
			note(entryStopped, fargate.Task{ID: "b"})
		}, "b a "},
		{"written twice by an older version", func() { note(entryStopped, fargate.Task{ID: "a"}) }, "b a "},
		{"entries that are no task", func() {
			note(entryStopped, "text")
			note(entryStopped, fargate.Task{})
		}, "b a "},
		{"a line that is still being written", func() {
			f, err := os.OpenFile(filepath.Join(s.Workspace.Dir(), "journal.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(f, `{"time":"2026-03-04T05:06:07Z","kind":"stopped","data":{"id":"c"`)
			f.Close()
		}, "b a "},
		{"the rest of it", func() {
			f, err := os.OpenFile(filepath.Join(s.Workspace.Dir(), "journal.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(f, "}}")
			f.Close()
		}, "c b a "},
		{"a destroy", func() { note(entryDestroyed, Receipt{}) }, ""},
		{"ECS still lists a task of the deleted stack", func() {
			if err := s.KeepStopped(fargate.Task{ID: "a"}); err != nil {
				t.Fatal(err)
			}
		}, ""},
		{"the journal is replaced", func() {
			if err := os.Remove(filepath.Join(s.Workspace.Dir(), "journal.jsonl")); err != nil {
				t.Fatal(err)
			}
			note(entryStopped, fargate.Task{ID: "a"})
		}, "a "},
	} {
		if step.do(); ids() != step.want {
			t.Errorf("%s: %q, want %q", step.name, ids(), step.want)
		}
	}
}

// BenchmarkSeen is what a watcher costs a second with 3,000 stopped tasks in the
// journal and in the answers of ECS.
func BenchmarkSeen(b *testing.B) {
	s, err := Open(Options{Kind: target.Sandbox, Workspace: b.TempDir(), Configuration: fstest.MapFS{"main.tf": {Data: []byte("# nothing\n")}}})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	snap := fargate.Snapshot{Service: fargate.Service{Status: "ACTIVE", Desired: 2}, Tasks: stopped(3000)}
	if err := s.Seen(snap); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := s.Seen(snap); err != nil {
			b.Fatal(err)
		}
	}
	if n := journalled(b, s.Workspace, entryStopped); n != 3000 {
		b.Errorf("the journal has %d stopped tasks", n)
	}
}
