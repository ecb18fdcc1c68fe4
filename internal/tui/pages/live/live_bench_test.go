package live

import (
	"fmt"
	"testing"
	"time"

	"workshop/internal/fargate"
	"workshop/internal/tui/page"
	"workshop/internal/tui/style"
)

// BenchmarkView draws a service of 500 tasks, of which 500 more have stopped in ten ways,
// with 100 events.
func BenchmarkView(b *testing.B) {
	now := time.Unix(1_500_000_000, 0)
	s := &fargate.Snapshot{AsOf: now, TasksAsOf: now, Service: fargate.Service{Name: "app", Status: "ACTIVE", Desired: 500, Running: 500, Rollout: "COMPLETED"}}
	for i := range 1000 {
		t := fargate.Task{ID: fmt.Sprintf("%032x", i), Status: "RUNNING", Health: "HEALTHY", Zone: "eu-west-1a", Address: "10.0.0.1", Revision: "shop:3", Created: now}
		if i >= 500 {
			at, code := now.Add(-time.Duration(i)*time.Second), i%10
			t.Status, t.Stopped, t.StopCode, t.StoppedReason = "STOPPED", &at, "EssentialContainerExited", "Essential container in task exited"
			t.Containers = []fargate.Container{{Name: "app", ExitCode: &code}}
			t.Answer = fargate.Why(t)
		}
		s.Tasks = append(s.Tasks, t)
	}
	for i := range 100 {
		s.Events = append(s.Events, fargate.ServiceEvent{ID: fmt.Sprint(i), Time: now, Message: fmt.Sprintf("(service app) has started %d tasks: (task %032x).", i, i)})
	}
	p := &Page{Context: &page.Context{Theme: style.New(true, true), Now: func() time.Time { return now }, Snapshot: s}, open: map[item]bool{}, printed: map[string]printed{}, changes: map[string]changes{}, cpu: map[string][]float64{}}
	b.Run("rows", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.rows(200)
		}
	})
	b.Run("diagnose", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			fargate.Diagnose(*s, nil)
		}
	})
}
