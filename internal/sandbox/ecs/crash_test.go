package ecs

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"workshop/internal/sandbox/store"
)

// moment is what a kill -9 would have left, and what was acknowledged before it.
type moment struct {
	at          time.Time
	journal     []byte
	service     bool
	desired     int32
	definitions []string
	tasks       []string // of RunTask, that nobody stopped
}

// TestKilledAtAnyMoment kills the sandbox at many moments of a busy life, starts
// another on what is left each time, and holds that it has everything that was
// acknowledged and gets to where the first one was going.
func TestKilledAtAnyMoment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	var moments []moment
	synctest.Test(t, func(t *testing.T) {
		st, err := store.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		w := open(t, st)
		w.start()
		var now moment
		// live lets time pass, and keeps what is on the disk every now and then.
		live := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(317 * time.Millisecond) {
				m := now
				m.at = time.Now()
				if m.journal, err = os.ReadFile(path); err != nil {
					t.Fatal(err)
				}
				moments = append(moments, m)
			}
		}
		w.service()
		now.service, now.desired, now.definitions = true, 2, []string{"web:1"}
		live(12 * time.Second)
		must(w, w.updateService, &ecs.UpdateServiceInput{Cluster: aws.String("c"), Service: aws.String("web"), DesiredCount: aws.Int32(3), TaskDefinition: aws.String(w.register(image))})
		now.desired, now.definitions = 3, []string{"web:1", "web:2"}
		live(9 * time.Second)
		job := must(w, w.runTask, &ecs.RunTaskInput{Cluster: aws.String("c"), TaskDefinition: aws.String("web"), LaunchType: types.LaunchTypeFargate, NetworkConfiguration: vpc("subnet-a1")}).Tasks[0].TaskArn
		now.tasks = []string{*job}
		live(7 * time.Second)
		must(w, w.stopTask, &ecs.StopTaskInput{Cluster: aws.String("c"), Task: job})
		now.tasks = nil
		live(4 * time.Second)
		w.machine.any().end(1)
		live(6 * time.Second)
		w.halt()
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	})
	if len(moments) < 100 {
		t.Fatalf("only %d moments", len(moments))
	}
	for i, m := range moments {
		if i%3 != 0 && !testing.Short() || i%20 != 0 && testing.Short() {
			continue
		}
		left := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := os.WriteFile(left, m.journal, 0o600); err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(m.at)) // every bubble's time begins anew
			st, err := store.Open(left)
			if err != nil {
				t.Fatalf("moment %d: %v", i, err)
			}
			defer st.Close()
			w := open(t, st)
			runs := 0
			for _, task := range w.tasks.All() {
				if s := task.status(); s == running || s == activating || s == pending && task.Task.PullStoppedAt != nil {
					runs++
				}
			}
			if notes := w.Notes(); (len(notes) > 0) != (runs > 0) {
				t.Errorf("moment %d: %d tasks ran, and the notes are %q", i, runs, notes)
			}
			w.start()
			defer w.halt()
			for _, name := range m.definitions {
				must(w, w.describeTaskDefinition, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(name)})
			}
			if s := w.describe(); s.DesiredCount != m.desired {
				t.Errorf("moment %d: desired %d, not %d", i, s.DesiredCount, m.desired)
			}
			time.Sleep(time.Minute)
			w.until("steady again", steady)
			for _, arn := range m.tasks {
				if task := w.task(&arn); *task.LastStatus != running {
					t.Errorf("moment %d: the task of RunTask is %s", i, *task.LastStatus)
				}
			}
			if n := w.machine.count(); n != int(m.desired)+len(m.tasks) {
				t.Errorf("moment %d: %d containers for %d tasks", i, n, int(m.desired)+len(m.tasks))
			}
		})
	}
}
