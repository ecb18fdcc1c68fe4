package fargate

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDiagnose has a service in each of the states in which people ask.
func TestDiagnose(t *testing.T) {
	now := time.Unix(1_500_000_000, 0).UTC()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	at := func(d time.Duration) *time.Time { x := ago(d); return &x }
	well := func() Snapshot {
		return Snapshot{
			AsOf: now, TasksAsOf: now,
			Service: Service{Name: "app", Status: "ACTIVE", Desired: 2, Running: 2, Rollout: "COMPLETED",
				Deployments: []Deployment{{ID: "ecs-svc/1", Status: "PRIMARY", Revision: "shop:3", Desired: 2, Running: 2, Rollout: "COMPLETED", Created: ago(time.Hour)}}},
			Tasks:   []Task{{ID: "a", Status: "RUNNING", Health: "HEALTHY", HealthBy: ByTarget}, {ID: "b", Status: "RUNNING", Health: "HEALTHY", HealthBy: ByTarget}},
			History: []ServiceDeployment{{ID: "one", Status: "SUCCESSFUL", Revision: "shop:3", Created: ago(time.Hour), Finished: at(58 * time.Minute)}},
			Probe:   &Probe{At: now, Status: 200},
		}
	}
	stop := func(id, revision, code, reason string, exit int, ago time.Duration) Task {
		x := Task{ID: id, Status: "STOPPED", Revision: revision, StopCode: code, StoppedReason: reason, Created: now.Add(-ago - 20*time.Second), Stopped: at(ago),
			Containers: []Container{{Name: "app", ExitCode: &exit}}}
		x.Answer = Why(x)
		return x
	}
	crash := func(id string, ago time.Duration) Task {
		return stop(id, "shop:3", "EssentialContainerExited", "Essential container in task exited", 255, ago)
	}
	const image = "CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref registry.example/podinfo:9: not found"
	rolled := func(s *Snapshot) {
		s.History = slices.Insert(s.History, 0, ServiceDeployment{ID: "two", Status: "ROLLBACK_SUCCESSFUL", Reason: "Service deployment rolled back because the circuit breaker threshold was exceeded.",
			Revision: "shop:4", Created: ago(10 * time.Minute), Finished: at(2 * time.Minute), Rollback: &Rollback{Revision: "shop:3", Started: ago(3 * time.Minute)}})
	}
	for _, c := range []struct {
		name  string
		with  func(*Snapshot)
		cause string   // id
		chain []string // parts of the texts, in their order
	}{
		{"well", func(*Snapshot) {}, "", []string{"2 of 2 tasks run on shop:3", "status 200"}},
		{"one crash that is over", func(s *Snapshot) { s.Tasks = append(s.Tasks, crash("x", time.Minute)) }, "", []string{"255", "2 of 2"}},
		{"two crashes in five minutes", func(s *Snapshot) { s.Tasks = append(s.Tasks, crash("x", time.Minute), crash("y", 2*time.Minute)) }, "exit-255", []string{"255"}},
		{"two tasks that failed for different reasons", func(s *Snapshot) {
			s.Tasks = append(s.Tasks, crash("x", time.Minute), stop("y", "shop:3", "EssentialContainerExited", "Essential container in task exited", 1, 2*time.Minute))
		}, "", nil},
		{"two crashes of an earlier revision", func(s *Snapshot) {
			s.Service.Deployments[0].Revision, s.History[0].Revision = "shop:4", "shop:4"
			s.Tasks = append(s.Tasks, crash("x", time.Minute), crash("y", 2*time.Minute))
		}, "", nil},
		{"two crashes long ago", func(s *Snapshot) { s.Tasks = append(s.Tasks, crash("x", time.Hour), crash("y", time.Hour)) }, "", nil},
		{"a crash, and a task is missing", func(s *Snapshot) { s.Service.Running = 1; s.Tasks = append(s.Tasks, crash("x", time.Second)) }, "exit-255", []string{"255", "1 of 2"}},
		{"rolled back", func(s *Snapshot) {
			rolled(s)
			s.Tasks = append(s.Tasks,
				stop("x", "shop:4", "EssentialContainerExited", "Essential container in task exited", 1, 4*time.Minute),
				stop("y", "shop:4", "TaskFailedToStart", image, 0, 5*time.Minute),
				stop("z", "shop:4", "TaskFailedToStart", image, 0, 6*time.Minute),
				stop("old", "shop:3", "EssentialContainerExited", "Essential container in task exited", 2, 5*time.Minute))
		}, "image-not-found", []string{"shop:4 began", "no image", "exit code 1", "go back to shop:3", "rollback successful", "2 of 2"}},
		{"rolled back, and ECS has forgotten its tasks", rolled, "breaker-rollback", []string{"shop:4 began", "go back to shop:3"}},
		{"a later deployment went well", func(s *Snapshot) {
			rolled(s)
			s.History = slices.Insert(s.History, 0, ServiceDeployment{ID: "three", Status: "SUCCESSFUL", Revision: "shop:5", Created: ago(time.Minute), Finished: at(time.Second)})
		}, "", nil},
		{"rolling out", func(s *Snapshot) {
			s.Service.Rollout, s.Service.Pending = "IN_PROGRESS", 1
			s.History = slices.Insert(s.History, 0, ServiceDeployment{ID: "two", Status: "IN_PROGRESS", Revision: "shop:4", Created: ago(time.Minute)})
		}, "rolling-out", nil},
		{"rolling out and failing", func(s *Snapshot) {
			s.Service.Rollout = "IN_PROGRESS"
			s.History = slices.Insert(s.History, 0, ServiceDeployment{ID: "two", Status: "IN_PROGRESS", Revision: "shop:4", Created: ago(time.Minute)})
			s.Tasks = append(s.Tasks, stop("y", "shop:4", "TaskFailedToStart", image, 0, 10*time.Second))
		}, "image-not-found", []string{"shop:4 began", "no image"}},
		{"nothing can be placed", func(s *Snapshot) {
			s.Service.Running = 0
			s.Tasks = nil
			s.Events = []ServiceEvent{
				{Time: ago(time.Second), Message: "(service app) was unable to place a task because no container instance met all of its requirements. Reason: No Container Instances were found in your cluster."},
				{Time: ago(time.Minute), Message: "(service app) was unable to place a task because no container instance met all of its requirements. Reason: No Container Instances were found in your cluster."}}
		}, "no-instances", []string{"the cluster has none", "0 of 2"}},
		{"the load balancer's own words explain more", func(s *Snapshot) {
			s.Service.Running = 1
			s.Tasks = append(s.Tasks, stop("y", "shop:3", "ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/73e2d6bc24d8a067)", 137, time.Second))
			s.Events = []ServiceEvent{{Time: ago(2 * time.Second), Message: "(service app) (port 9898) is unhealthy in (target-group arn:x) due to (reason Health checks failed with these codes: [503])."}}
		}, "target-code", nil},
		{"unhealthy by the container", func(s *Snapshot) { s.Tasks[0].Health, s.Tasks[0].HealthBy = "UNHEALTHY", ByContainer }, "container-unhealthy", []string{"unhealthy, says the container's health check"}},
		{"missing", func(s *Snapshot) { s.Service = Service{Name: "app"} }, "service-missing", nil},
		{"deleted", func(s *Snapshot) { s.Service.Status = "DRAINING" }, "service-deleted", nil},
		{"scaled to zero", func(s *Snapshot) { s.Service.Desired, s.Service.Running, s.Probe.Status = 0, 0, 503 }, "scaled-to-zero", nil},
		{"a task is missing", func(s *Snapshot) { s.Service.Running = 1 }, "tasks-missing", nil},
		{"the URL is silent", func(s *Snapshot) { s.Probe = &Probe{At: now, Err: errors.New("i/o timeout")} }, "url-silent", []string{"does not answer"}},
		{"the URL answers with 502", func(s *Snapshot) { s.Probe.Status = 502 }, "url-error", []string{"status 502"}},
		{"a reason that nobody knows", func(s *Snapshot) {
			s.Tasks = append(s.Tasks, stop("x", "shop:3", "New", "Something new.", 0, time.Second), stop("y", "shop:3", "New", "Something new.", 0, time.Second))
			for i := range s.Tasks {
				s.Tasks[i].Answer = nil
			}
		}, "tasks-fail", []string{"Something new."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := well()
			c.with(&s)
			d := Diagnose(s, nil)
			got := ""
			if d.Cause != nil {
				got = d.Cause.ID
				if d.Cause.Title == "" || d.Cause.Means == "" || d.Cause.Do == "" {
					t.Errorf("not whole: %+v", d.Cause)
				}
			}
			if got != c.cause || d.Healthy != (c.cause == "") {
				t.Errorf("cause %q, healthy %v; want %q", got, d.Healthy, c.cause)
			}
			rest := d.Chain
			for _, want := range c.chain {
				i := slices.IndexFunc(rest, func(l Link) bool { return strings.Contains(l.Text, want) })
				if i < 0 {
					t.Fatalf("no %q in order in %+v", want, d.Chain)
				}
				rest = rest[i+1:]
			}
			if !slices.IsSortedFunc(d.Chain[:max(0, len(d.Chain)-2)], func(a, b Link) int { return a.Time.Compare(b.Time) }) {
				t.Errorf("not in the order of time: %+v", d.Chain)
			}
		})
	}
}

func TestGroupStops(t *testing.T) {
	now := time.Unix(1_500_000_000, 0)
	stop := func(id, revision, reason string, at int) Task {
		x := now.Add(time.Duration(at) * time.Second)
		return Task{ID: id, Revision: revision, StoppedReason: reason, Stopped: &x}
	}
	got := ""
	for _, g := range GroupStops([]Task{{ID: "runs"}, stop("a", "x:1", "one", 1), stop("b", "x:1", "two", 2), stop("c", "x:1", "one", 3), stop("d", "x:2", "one", 0)}) {
		got += g.Last().ID + ".." + g.First().ID + " " + g.Text() + "; "
	}
	if want := "c..a one; b..b two; d..d one; "; got != want {
		t.Errorf("got %s want %s", got, want)
	}
	if g := GroupStops(nil); len(g) != 0 {
		t.Errorf("got %v", g)
	}
}
