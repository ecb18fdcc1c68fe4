package ecs

import (
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"workshop/internal/sandbox/disk/disktest"
	"workshop/internal/sandbox/store"
)

// TestFullDisk has the disk fail while a service runs. A StopTask that is refused
// stops no process; a task that ends is replaced as always, and what happened is
// in the journal once the disk takes it.
func TestFullDisk(t *testing.T) {
	path, d := filepath.Join(t.TempDir(), "journal"), &disktest.Disk{}
	var ended string
	synctest.Test(t, func(t *testing.T) {
		st, err := store.OpenFS(d, path)
		if err != nil {
			t.Fatal(err)
		}
		w := open(t, st)
		w.start()
		w.service()
		w.until("steady", steady)
		d.Fail(syscall.ENOSPC, 0, 25)

		before := w.machine.count()
		w.look(func() {
			for _, task := range w.tasks.All() {
				if _, err := w.stopTask(t.Context(), &ecs.StopTaskInput{Cluster: aws.String("c"), Task: task.Task.TaskArn}); err != nil {
					t.Error(err)
				}
				if err := st.Commit(); err == nil {
					t.Error("acknowledged on a full disk")
				}
			}
		})
		time.Sleep(10 * time.Second)
		if n := w.machine.count(); n != before {
			t.Errorf("%d of %d containers run after StopTask was refused", n, before)
		}
		w.look(func() {
			for _, task := range w.tasks.All() {
				if task.status() != running {
					t.Errorf("a task is %s after StopTask was refused", task.status())
				}
			}
		})

		f := w.machine.any()
		ended = f.spec.Task
		f.end(3)
		writes := d.Writes()
		time.Sleep(10 * time.Second)
		w.until("steady with another task", steady)
		if d.Writes() != writes {
			t.Errorf("the scheduler tried the full disk %d times by itself", d.Writes()-writes)
		}
		d.Fail(nil, 0, 0)
		st.Retry()
		if reason, _, impaired := st.Impaired(); impaired {
			t.Error(reason)
		}
		w.halt()
	})
	synctest.Test(t, func(t *testing.T) { // what a kill would have left
		st, err := store.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		w := open(t, st)
		task, ok := w.tasks.Get(ended)
		if !ok || *task.Task.DesiredStatus != stopped || *task.Task.Containers[0].ExitCode != 3 {
			t.Errorf("the task that ended while the disk was full: %v %+v", ok, task)
		}
	})
}
