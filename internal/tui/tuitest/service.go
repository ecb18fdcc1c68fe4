package tuitest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"slices"
	"time"

	"workshop/internal/diagnose"
	"workshop/internal/fargate"
	"workshop/internal/tui"
)

const cluster = "fargate-workshop"

// gaveUp is how many failed tasks the circuit breaker bears.
const gaveUp = 3

// up makes the service's tasks run since then.
func (s *Session) up(then time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.desired, s.rev, s.rolled = 2, 3, then
	for i := range 2 {
		s.start(then, i)
	}
	s.event(then.Add(2*time.Second), "(service web) has started 2 tasks.")
	if s.BadImage {
		return
	}
	s.event(then.Add(20*time.Second), "(service web) registered 2 targets in (target-group fargate-workshop).")
	s.event(then.Add(30*time.Second), "(service web) has reached a steady state.")
}

var ids = []string{"7f3a1c", "c01b44", "99de07", "2b8810", "e41f93", "50a7d2"}

func (s *Session) start(at time.Time, n int) {
	id := fmt.Sprintf("%s%026x", ids[n%len(ids)], n+1)
	zone := []string{"eu-west-1a", "eu-west-1b"}[n%2]
	s.tasks = append(s.tasks, fargate.Task{
		ID: id, ARN: "arn:aws:ecs:eu-west-1:123456789012:task/" + cluster + "/" + id,
		Status: "PROVISIONING", DesiredStatus: "RUNNING", Zone: zone, Address: fmt.Sprintf("10.0.%d.%d", n%2, 23+n*64%200),
		Revision: fmt.Sprintf("web:%d", s.rev), Created: at,
		Containers: []fargate.Container{{Name: "web", Image: "ghcr.io/stefanprodan/podinfo:6.9.2", Status: "PENDING"}},
	})
}

func (s *Session) event(at time.Time, m string) {
	s.events = append([]fargate.ServiceEvent{{ID: fmt.Sprint(len(s.events)), Time: at, Message: m}}, s.events...)
}

// step moves the tasks on to where they are at now.
func (s *Session) step(now time.Time) {
	for i := range s.tasks {
		t := &s.tasks[i]
		if t.Stopped != nil {
			continue
		}
		age := now.Sub(t.Created)
		switch {
		case s.BadImage && age > 2*time.Second:
			at := now
			t.Stopped, t.Status, t.DesiredStatus = &at, "STOPPED", "STOPPED"
			t.StopCode, t.StoppedReason = "TaskFailedToStart", "CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref ghcr.io/stefanprodan/podinfo:6.9.x: not found"
			t.Containers[0].Status = "STOPPED"
			explain(t)
			s.failed++
		case t.DesiredStatus == "STOPPED":
			if t.Target = "draining"; age > 0 && now.Sub(s.asOf) >= 0 {
				at, code := now, 0
				t.Stopped, t.Status, t.Target = &at, "STOPPED", ""
				t.StopCode, t.StoppedReason = "UserInitiated", "Task stopped by the learner"
				t.Containers[0].Status, t.Containers[0].ExitCode = "STOPPED", &code
				explain(t)
				s.event(now, "(service web) has stopped 1 running task: (task "+t.ID+").")
			}
		case age > 4*time.Second:
			if t.Started == nil {
				at := t.Created.Add(4 * time.Second)
				t.Started = &at
			}
			t.Status, t.Health, t.Target = "RUNNING", "HEALTHY", "healthy"
			t.Containers[0].Status = "RUNNING"
			if age < 9*time.Second {
				t.Target, t.TargetReason = "initial", "Target registration is in progress"
			} else {
				t.TargetReason = ""
			}
		case age > 2*time.Second:
			t.Status = "PENDING"
		}
	}
	live := 0
	for _, t := range s.tasks {
		if t.Stopped == nil && t.DesiredStatus == "RUNNING" {
			live++
		}
	}
	for ; live < s.desired && s.failed < gaveUp; live++ {
		s.start(now, len(s.tasks))
		s.event(now, "(service web) has started 1 tasks.")
	}
}

func (s *Session) snapshot(now time.Time) fargate.Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stale == nil {
		s.step(now)
		s.asOf = now
	}
	out := fargate.Snapshot{AsOf: s.asOf, Stale: s.stale, Usage: map[string]fargate.Usage{},
		Calls: fargate.CallRate{LastMinute: 14, Interval: 4 * time.Second}, Probe: &fargate.Probe{At: now, Status: 200, Latency: 3 * time.Millisecond}}
	for _, e := range s.events {
		if !e.Time.After(now) {
			out.Events = append(out.Events, e)
		}
	}
	running, pending := 0, 0
	var stopped []fargate.Task
	for i, t := range s.tasks {
		if t.Stopped != nil {
			stopped = append([]fargate.Task{t}, stopped...)
			continue
		}
		if t.Status == "RUNNING" {
			running++
			out.Usage[t.ID] = fargate.Usage{CPU: float64((now.Unix()*7+int64(i)*13)%30) + 1, Memory: 30 + float64(i)}
		} else {
			pending++
		}
		out.Tasks = append(out.Tasks, t)
	}
	out.Tasks = append(out.Tasks, stopped...)
	rollout := "COMPLETED"
	if running < s.desired {
		rollout = "IN_PROGRESS"
	}
	if s.failed >= gaveUp {
		rollout = "FAILED"
	}
	out.Service = fargate.Service{Name: "web", Status: "ACTIVE", Desired: s.desired, Running: running, Pending: pending, Rollout: rollout,
		Deployments: []fargate.Deployment{{ID: "ecs-svc/1", Status: "PRIMARY", Revision: fmt.Sprintf("web:%d", s.rev), Desired: s.desired, Running: running, Pending: pending, Rollout: rollout, Created: s.rolled, Updated: s.rolled}}}
	if len(s.tasks) == 0 {
		out.Service = fargate.Service{}
		out.Probe = nil
	}
	out.Metrics = s.metrics(now)
	out.Targets = slices.Clone(s.targets)
	for _, t := range out.Tasks {
		if len(s.targets) > 0 && t.Target != "" {
			out.Targets = append(out.Targets, fargate.Target{Address: t.Address, Port: 9898, Zone: t.Zone, State: t.Target, Description: t.TargetReason, Task: t.ID})
		}
	}
	out.Scaling = s.scalingNow(out.Metrics)
	out.History = slices.Clone(s.history)
	d := fargate.Diagnose(out, func(a diagnose.Answer) diagnose.Answer { return a.On(tui.Face) })
	out.Diagnosis = &d
	return out
}

// metrics are those of a service that gets more and more requests, and fails some.
func (s *Session) metrics(now time.Time) *fargate.Metrics {
	m := &fargate.Metrics{To: now.Truncate(time.Minute)}
	for i := range 15 {
		v := math.NaN()
		if i != 4 && i < 14 {
			v = float64(i * i)
		}
		m.CPU, m.Memory = append(m.CPU, v/3), append(m.Memory, 6+v/100)
		m.Requests, m.Errors, m.Latency = append(m.Requests, v/4), append(m.Errors, float64(i/12)), append(m.Latency, 0.004+v/1e5)
	}
	return m
}

// RollBack has the last deployment be one of a revision whose image does not exist, which
// ECS has taken back.
func (s *Session) RollBack() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for i := range 12 {
		id := fmt.Sprintf("%04x%028x", 0xbad0+i, i)
		at := now.Add(time.Duration(i-20) * time.Second)
		t := fargate.Task{ID: id, Status: "STOPPED", DesiredStatus: "STOPPED", Revision: "web:9", Created: at.Add(-10 * time.Second), Stopped: &at, StopCode: "TaskFailedToStart",
			StoppedReason: "CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref ghcr.io/stefanprodan/podinfo:6.9.x: not found"}
		explain(&t)
		s.tasks = append(s.tasks, t)
		s.event(at, "(service web) was unable to place a task. Reason: "+t.StoppedReason+".")
	}
	s.event(now.Add(-8*time.Second), "(service web) (deployment ecs-svc/2) deployment failed: tasks failed to start.")
	s.event(now.Add(-8*time.Second), "(service web) rolling back to deployment ecs-svc/1.")
	ended := now.Add(-2 * time.Second)
	first := s.rolled.Add(time.Minute)
	d := fargate.ServiceDeployment{ID: "two", Status: "ROLLBACK_SUCCESSFUL", Reason: "Service deployment rolled back because the circuit breaker threshold was exceeded.", Revision: "web:9",
		Created: now.Add(-40 * time.Second), Finished: &ended, Rollback: &fargate.Rollback{Revision: fmt.Sprintf("web:%d", s.rev), Started: now.Add(-8 * time.Second)}}
	d.Cause = d.FirstCause(s.tasks)
	s.history = []fargate.ServiceDeployment{d, {ID: "one", Status: "SUCCESSFUL", Revision: fmt.Sprintf("web:%d", s.rev), Created: s.rolled, Finished: &first}}
}

// explain gives a stopped task the answer that the real session gives to a screen.
func explain(t *fargate.Task) {
	if t.Answer = fargate.Why(*t); t.Answer != nil {
		a := t.Answer.On(tui.Face)
		t.Answer = &a
	}
}

// Crash makes the oldest running task stop with exit code 255, as the app's /panic does.
func (s *Session) Crash() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.tasks {
		t := &s.tasks[i]
		if t.Stopped == nil {
			at, code := time.Now(), 255
			t.Stopped, t.Status, t.DesiredStatus, t.Target, t.Health = &at, "STOPPED", "STOPPED", "", "UNKNOWN"
			t.StopCode, t.StoppedReason = "EssentialContainerExited", "Essential container in task exited"
			t.Containers[0].Status, t.Containers[0].ExitCode = "STOPPED", &code
			explain(t)
			return
		}
	}
}

// Stale makes the picture old, or with nil new again.
func (s *Session) Stale(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = err
}

// LastLines is a method of the session that the screens want.
func (s *Session) LastLines(_ context.Context, t fargate.Task) ([]fargate.Line, error) {
	return []fargate.Line{
		{Time: *t.Stopped, Task: t.ID, Message: `{"level":"info","msg":"request started","path":"/panic"}`},
		{Time: *t.Stopped, Task: t.ID, Message: "panic: the last words"},
	}, nil
}

// Changes is a method of the session that the screens want.
func (s *Session) Changes(_ context.Context, revision string) (string, []fargate.Change, error) {
	s.call("changes of %s", revision)
	return "web:8", []fargate.Change{
		{Field: "web: image", Old: "ghcr.io/stefanprodan/podinfo:6.9.2", New: "ghcr.io/stefanprodan/podinfo:6.9.x"},
		{Field: "web: environment PODINFO_UI_MESSAGE", Old: "hello"},
		{Field: "web: environment API_TOKEN", New: "(hidden)"},
	}, nil
}

// Definition is a method of the session that the screens want.
func (s *Session) Definition(_ context.Context, revision string) ([]fargate.Field, error) {
	return []fargate.Field{{Name: "cpu", Value: "256"}, {Name: "memory", Value: "512"}, {Name: "web: environment API_TOKEN", Value: "(hidden)"}, {Name: "web: environment PODINFO_UI_MESSAGE", Value: "hello"}, {Name: "web: image", Value: "ghcr.io/stefanprodan/podinfo:6.9.2"}}, nil
}

// Explain is a method of the session that the screens want.
func (s *Session) Explain(e fargate.ServiceEvent) (fargate.Answer, bool) {
	return diagnose.Event(e.Message)
}

func (s *Session) Watch(ctx context.Context, changed func(fargate.Snapshot)) error {
	s.call("watch")
	for {
		changed(s.snapshot(time.Now()))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// Stream is how the log lines do from now on; none come while it has an error.
func (s *Session) Stream(how fargate.Stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stream = how
}

func (s *Session) ReadLogs(yes bool) {}
func (s *Session) RetryLogs()        { s.call("retry logs") }

// ReadScaling is a method of the session that the screens want.
func (s *Session) ReadScaling(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readsScaling = yes
}

// Autoscale has target tracking keep the service's CPU at 60 %, or at another value, between
// 2 and 6 tasks. The error is what keeps the activities from being seen; nil for nothing.
func (s *Session) Autoscale(target float64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := func(n int) time.Time { return s.rolled.Add(time.Duration(n) * time.Second) }
	out, ended := 60, at(20)
	const name = "TargetTracking-service/fargate-workshop/web-Alarm"
	s.scaling = &fargate.Scaling{
		AsOf: s.rolled, Scalable: true, Min: 2, Max: 6,
		Policies: []fargate.ScalingPolicy{{
			Name: "fargate-workshop-cpu", Type: "TargetTrackingScaling", Metric: "ECSServiceAverageCPUUtilization", Target: target, OutCooldown: &out,
			Alarms: []fargate.ScalingAlarm{
				{Name: name + "High-1d0f", State: "ALARM", Since: at(10), Comparison: "GreaterThanThreshold", Threshold: target, Window: 180, Reason: "Threshold Crossed: 3 datapoints were greater than the threshold."},
				{Name: name + "Low-2c9a", State: "OK", Since: at(5), Comparison: "LessThanThreshold", Threshold: target * .9, Window: 900},
			},
		}},
		Activities: []fargate.ScalingActivity{{ID: "a1", Status: "Successful", Description: "Setting desired count to 2.", Started: s.rolled, Ended: &ended,
			Cause: "monitor alarm " + name + "High-1d0f in state ALARM triggered policy fargate-workshop-cpu", Message: "Successfully set desired count to 2. Change successfully fulfilled by ecs."}},
	}
	if err != nil {
		s.scaling.Activities = nil
		s.scaling.Unknown = []fargate.ScalingGap{{Part: "activities", Err: err.Error()}}
	}
}

// Target has the load balancer have this target beside those of the tasks.
func (s *Session) Target(x fargate.Target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, ok := diagnose.Target(x.State, x.Reason, x.Description); ok {
		a = a.On(tui.Face)
		x.Answer = &a
	}
	s.targets = append(s.targets, x)
}

// scalingNow is what scales the service, with the value of what is tracked.
func (s *Session) scalingNow(m *fargate.Metrics) *fargate.Scaling {
	if s.scaling == nil || !s.readsScaling {
		return nil
	}
	out := *s.scaling
	out.Policies = slices.Clone(out.Policies)
	if v, ago, ok := m.CPU.Last(); ok {
		at := m.To.Add(-time.Duration(ago+1) * time.Minute)
		out.Policies[0].Value, out.Policies[0].At = &v, &at
	}
	return &out
}

// LogPage reads Log.
func (s *Session) LogPage(_ context.Context, at time.Time, after bool, task *fargate.Task) (fargate.LogPage, error) {
	s.call("log page after=%v task=%v", after, task != nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.LogPageError != nil {
		return fargate.LogPage{}, s.LogPageError
	}
	p := fargate.LogPage{End: true}
	for _, l := range s.Log {
		if (task == nil || l.Task == task.ID) && (after && !l.Time.Before(at) || !after && !l.Time.After(at)) {
			p.Lines = append(p.Lines, l)
		}
	}
	if over := len(p.Lines) - logPageMost; over > 0 {
		p.End = false
		if after {
			over = 0
		}
		p.Lines = p.Lines[over:][:logPageMost]
	}
	return p, nil
}

// logPageMost is how many lines LogPage reads.
const logPageMost = 500

func (s *Session) SaveLogs(_ context.Context, lines []fargate.Line) (string, error) {
	s.call("save %d lines", len(lines))
	return "/home/me/workshop/logs/20261123-104200.log", s.SaveError
}

func (s *Session) Tail(ctx context.Context, more func([]fargate.Line), how func(fargate.Stream)) error {
	every, batch := s.LogEvery, max(1, s.LogBatch)
	if every == 0 {
		every = 410 * time.Millisecond
	}
	for n := 0; ; {
		s.mu.Lock()
		s.step(time.Now()) // whoever looks first, it is the same
		var run []string
		for _, t := range s.tasks {
			if t.Status == "RUNNING" {
				run = append(run, t.ID)
			}
		}
		said := s.lines
		s.lines = nil
		stream := s.stream
		s.mu.Unlock()
		if stream.Err == nil {
			stream.AsOf = time.Now()
		} else {
			run = nil
		}
		how(stream)
		var out []fargate.Line
		for range batch {
			if len(run) == 0 {
				break
			}
			out = append(out, fargate.Line{Time: time.Now().Add(-s.LogAge), Task: run[n%len(run)], Message: Message(n)})
			n++
		}
		for _, m := range said {
			out = append(out, fargate.Line{Time: time.Now(), Task: ids[0], Message: m})
		}
		if len(out) > 0 {
			more(out)
		}
		if s.LogError != nil {
			return s.LogError
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
	}
}

// Say makes a task print these lines.
func (s *Session) Say(lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, lines...)
}

// Message is the n-th log line that a task prints.
func Message(n int) string {
	switch n % 9 {
	case 3:
		return fmt.Sprintf(`{"level":"info","ts":"2026-11-23T10:41:51.%03dZ","caller":"http/server.go:224","msg":"request started","proto":"HTTP/1.1","method":"GET","uri":"/echo?n=%d","remote":"10.0.0.7:5412"}`, n%1000, n)
	case 5:
		return `{"level":"warn","ts":"2026-11-23T10:41:51.117Z","msg":"slow answer","uri":"/delay/2","seconds":2.004}`
	case 8:
		return "a plain line that is no JSON, as many programs print it"
	}
	return fmt.Sprintf(`{"level":"debug","ts":"2026-11-23T10:41:51.%03dZ","msg":"health check","uri":"/healthz","status":200,"agent":"ELB-HealthChecker/2.0"}`, n%1000)
}

// ExecProgram returns a program that ends at once, with success.
func (s *Session) ExecProgram(task string) (*exec.Cmd, error) {
	s.call("exec in task %s", task)
	return exec.Command("true"), nil
}

func (s *Session) StopTask(_ context.Context, id string) error {
	s.call("stop task %s", id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.deployed(); err != nil {
		return err
	}
	for i := range s.tasks {
		if s.tasks[i].ID == id {
			s.tasks[i].DesiredStatus = "STOPPED"
			return nil
		}
	}
	return errors.New("there is no such task (any more)")
}

func (s *Session) Scale(_ context.Context, n int) error {
	s.call("scale %d", n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.deployed(); err != nil {
		return err
	}
	s.desired = n
	s.event(time.Now(), fmt.Sprintf("(service web) is asked for %d tasks.", n))
	return nil
}

// OpenURL opens nothing.
func (s *Session) OpenURL(context.Context) error {
	s.call("open the URL")
	return nil
}

// Rollback changes nothing.
func (s *Session) Rollback(_ context.Context, revision string) error {
	s.call("rollback %s", revision)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deployed()
}

func (s *Session) Redeploy(context.Context) error {
	s.call("redeploy")
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deployed()
}
