package fargate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"workshop/internal/diagnose"
)

func TestLook(t *testing.T) {
	s := newStack()
	s.targets["10.0.1.2"] = "unhealthy"
	s.stopped = []map[string]any{stoppedTask("old", 1, 1500000100), stoppedTask("new", 2, 1500000200), stoppedTask("middle", 0, 1500000150)}
	c := NewClients(s.config())
	got, err := Look(t.Context(), c, ref)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, task := range got.Tasks {
		ids = append(ids, task.ID)
	}
	if want := []string{"a", "b", "new", "middle", "old"}; !slices.Equal(ids, want) {
		t.Fatalf("tasks %v, want %v", ids, want)
	}
	if a := got.Tasks[0]; a.Health != "HEALTHY" || a.ContainerHealth != "UNKNOWN" || a.Zone != "eu-west-1a" || a.Address != "10.0.0.1" || a.Revision != "shop:3" || a.Started == nil || a.Answer != nil {
		t.Errorf("task a: %+v", a)
	}
	if b := got.Tasks[1]; b.Health != "UNHEALTHY" || b.Target != "unhealthy" || b.TargetReason != "Request timed out" || b.Answer == nil || b.Answer.ID != "target-timeout" {
		t.Errorf("task b: %+v", b)
	}
	if x := got.Targets; len(x) != 2 || x[0].Address != "10.0.1.2" || x[0].Port != 9898 || x[0].Task != "b" || x[0].Zone != "eu-west-1a" || x[0].Reason != "Target.Timeout" || x[0].Answer.ID != "target-timeout" {
		t.Errorf("targets %+v", x)
	}
	if n := got.Tasks[2]; n.Answer == nil || n.Answer.ID != "exit-panic" || n.Target != "" || *n.Containers[0].ExitCode != 2 {
		t.Errorf("the stopped task: %+v", n)
	}
	if got.Service.Rollout != "COMPLETED" || got.Service.Desired != 2 || got.Service.Deployments[0].Revision != "shop:3" {
		t.Errorf("service: %+v", got.Service)
	}
	// Two pages of stopped tasks and a revision make two calls more than the five.
	if n := c.calls.LastMinute(); n != 7 || got.Calls.LastMinute != 7 {
		t.Errorf("%d calls, the snapshot says %d; want 7", n, got.Calls.LastMinute)
	}

	var m map[string]any
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"id", "status", "health", "zone", "address", "started", "stopped_reason"} {
		if _, ok := m["tasks"].([]any)[0].(map[string]any)[key]; !ok {
			t.Errorf("tasks[] has no %q", key)
		}
	}
	for _, key := range []string{"name", "desired", "running", "pending", "rollout"} {
		if _, ok := m["service"].(map[string]any)[key]; !ok {
			t.Errorf("service has no %q", key)
		}
	}
	if _, ok := m["as_of"]; !ok {
		t.Error("no as_of")
	}
}

// A target outlives its task while it drains.
func TestTargetWithoutATask(t *testing.T) {
	s := newStack()
	s.targets["10.0.1.9"] = "draining"
	got, err := Look(t.Context(), NewClients(s.config()), ref)
	if err != nil {
		t.Fatal(err)
	}
	if x := got.Targets[0]; x.Address != "10.0.1.9" || x.Task != "" || x.Answer == nil || x.Answer.ID != "target-draining" {
		t.Errorf("the target that drains: %+v", x)
	}
	for _, task := range got.Tasks {
		if task.Target != "healthy" {
			t.Errorf("task %s has the target %q", task.ID, task.Target)
		}
	}
}

func TestLookCleansWhatItShows(t *testing.T) {
	s := newStack()
	s.service["events"] = []map[string]any{{"id": "e", "createdAt": 1.5e9, "message": "\x1b]0;owned\x07hello"}}
	got, err := Look(t.Context(), NewClients(s.config()), ref)
	if err != nil {
		t.Fatal(err)
	}
	if got.Events[0].Message != "hello" {
		t.Errorf("got %q", got.Events[0].Message)
	}
}

func TestLookManyTasks(t *testing.T) {
	s := newStack()
	s.running = nil
	for i := range 250 {
		s.running = append(s.running, newTask(fmt.Sprintf("t%03d", i), "10.9.0.1", 1.5e9))
	}
	got, err := Look(t.Context(), NewClients(s.config()), ref)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Tasks) != 250 {
		t.Errorf("%d tasks", len(got.Tasks))
	}
}

func TestLookBeforeThereIsAnything(t *testing.T) {
	s := newStack()
	s.service = nil
	got, err := Look(t.Context(), NewClients(s.config()), ref)
	if err != nil || got.Service.Status != "" || got.Service.Name != "app" || len(got.Tasks) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestLookExplainsErrors(t *testing.T) {
	s := newStack()
	s.err = func() (int, any) {
		return 400, apiError("ExpiredTokenException", "The security token included in the request is expired")
	}
	_, err := Look(t.Context(), NewClients(s.config()), ref)
	if !errors.Is(err, diagnose.ErrExpired) || !strings.Contains(err.Error(), "Sign in again") {
		t.Errorf("got %v", err)
	}
}

func TestActions(t *testing.T) {
	s := newStack()
	var got []request
	s.answer = func(op string, in request) (int, any) {
		in["op"] = op
		got = append(got, in)
		return s.reply(op, in)
	}
	c := NewClients(s.config())
	if err := errors.Join(c.ForceDeploy(t.Context(), ref), c.Scale(t.Context(), ref, 0), c.StopTask(t.Context(), ref, "a", "learning")); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{
		{"op": "UpdateService", "cluster": "shop", "service": "app", "forceNewDeployment": true},
		{"op": "UpdateService", "cluster": "shop", "service": "app", "desiredCount": 0.0},
		{"op": "StopTask", "cluster": "shop", "task": "a", "reason": "learning"},
	}
	for i, w := range want {
		for k, v := range w {
			if got[i][k] != v {
				t.Errorf("call %d: %s is %v, want %v", i, k, got[i][k], v)
			}
		}
	}
}

func TestRefFromOutputs(t *testing.T) {
	outputs := map[string]any{
		"url": "http://x", "cluster": "arn:aws:ecs:eu-west-1:1:cluster/shop", "service": "app",
		"target_group": "arn:tg", "log_group": "/ecs/shop", "account_id": 5,
	}
	got, ok := RefFromOutputs(outputs)
	if want := (Ref{Cluster: "shop", Service: "app", TargetGroup: "arn:tg", LogGroup: "/ecs/shop", URL: "http://x"}); !ok || got != want {
		t.Errorf("got %+v, %v", got, ok)
	}
	for _, outputs := range []map[string]any{nil, {}, {"cluster": "x"}, {"cluster": "x", "service": 7}} {
		if _, ok := RefFromOutputs(outputs); ok {
			t.Errorf("%v names a service", outputs)
		}
	}
}

func TestSteadyServiceStaysInTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack()
		w := Watch(t.Context(), s.config(), ref, WatchOptions{})
		defer w.Stop()
		time.Sleep(20 * time.Minute)
		if n := s.most(time.Now().Add(-19 * time.Minute)); n > steadyBudget {
			t.Errorf("%d calls in a minute", n)
		}
		const once = 3 // the task definition, the deployments, and their revisions
		if n := s.most(time.Time{}); n > steadyBudget+once {
			t.Errorf("%d calls in the first minute", n)
		}
		got, ok := w.Latest()
		if !ok || got.Calls.LastMinute > steadyBudget || got.Calls.LastMinute < 10 {
			t.Errorf("the snapshot says %d calls", got.Calls.LastMinute)
		}
		if age := time.Since(got.AsOf); age > steadyEvery {
			t.Errorf("the service is %s old", age)
		}
		if age := time.Since(got.TasksAsOf); age > wholeEvery {
			t.Errorf("the tasks are %s old", age)
		}

		// With many pages a look is dear, so whole looks become rare.
		s.with(func() {
			for i := range 30 {
				s.running = append(s.running, newTask(fmt.Sprintf("t%02d", i), "10.9.0.1", 1.5e9))
			}
		})
		time.Sleep(5 * time.Minute)
		settled := time.Now()
		time.Sleep(20 * time.Minute)
		if n := s.most(settled); n > 2*steadyBudget {
			t.Errorf("%d calls in a minute with 32 tasks", n)
		}
		s.mu.Lock()
		total := 0
		for _, c := range s.calls {
			if c.at.After(settled) {
				total++
			}
		}
		s.mu.Unlock()
		if total > 20*steadyBudget {
			t.Errorf("%d calls in 20 minutes with 32 tasks", total)
		}
	})
}

func TestChangeIsSeenSoonAndFollowedClosely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack()
		w := Watch(t.Context(), s.config(), ref, WatchOptions{})
		defer w.Stop()
		time.Sleep(5*time.Minute + 500*time.Millisecond)
		s.with(func() {
			s.service["runningCount"] = 1
			s.running = s.running[:1]
			s.stopped = []map[string]any{stoppedTask("a", 2, 1500000300)}
		})
		time.Sleep(steadyEvery)
		got, _ := w.Latest()
		if len(got.Tasks) != 2 || got.Tasks[1].Status != "STOPPED" || got.Service.Running != 1 {
			t.Fatalf("not seen after %s: %+v", steadyEvery, got.Service)
		}
		if got.Calls.Interval != fastEvery {
			t.Errorf("looks again after %s", got.Calls.Interval)
		}
		s.with(func() {
			s.service["runningCount"] = 2
			s.running = append(s.running, newTask("c", "10.0.0.3", 1500000310))
			s.targets["10.0.0.3"] = "initial"
		})
		time.Sleep(fastEvery)
		if got, _ = w.Latest(); len(got.Tasks) != 3 || got.Tasks[1].Target != "initial" || got.Calls.Interval != fastEvery {
			t.Errorf("a second later: %d tasks, next look after %s", len(got.Tasks), got.Calls.Interval)
		}
		s.with(func() { s.targets["10.0.0.3"] = "healthy" })
		time.Sleep(fastEvery)
		if got, _ = w.Latest(); got.Calls.Interval != steadyEvery {
			t.Errorf("steady again, and looks after %s", got.Calls.Interval)
		}
	})
}

// Where calls are not counted, whatever happens in a steady service is seen within a second.
func TestUnmeteredChangeIsSeenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack()
		w := Watch(t.Context(), s.config(), ref, WatchOptions{Unmetered: true})
		defer w.Stop()
		time.Sleep(5*time.Minute + 500*time.Millisecond)
		s.with(func() { s.targets["10.0.1.2"] = "unhealthy" }) // the service itself shows nothing
		time.Sleep(fastEvery)
		got, _ := w.Latest()
		if len(got.Tasks) != 2 || got.Tasks[0].Target != "unhealthy" && got.Tasks[1].Target != "unhealthy" {
			t.Errorf("not seen after %s: %+v", fastEvery, got.Tasks)
		}
	})
}

func TestLongChangeIsLookedAtLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack()
		s.service["pendingCount"] = 1
		w := Watch(t.Context(), s.config(), ref, WatchOptions{})
		defer w.Stop()
		time.Sleep(10 * time.Minute)
		if got, _ := w.Latest(); got.Calls.Interval != easedEvery {
			t.Errorf("looks after %s", got.Calls.Interval)
		}
		if n := s.most(time.Time{}); n > 60*5+7 { // the service and its tasks, what they use, and once the task definition and the deployments
			t.Errorf("%d calls in a minute", n)
		}
	})
}

func TestPokeLooksNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack()
		w := Watch(t.Context(), s.config(), ref, WatchOptions{})
		defer w.Stop()
		time.Sleep(steadyEvery + time.Millisecond)
		synctest.Wait()
		s.with(func() { s.service["desiredCount"] = 3 })
		w.LookNow()
		w.LookNow()
		synctest.Wait()
		if got, _ := w.Latest(); got.Service.Desired != 3 {
			t.Errorf("desired is %d right after the poke", got.Service.Desired)
		}
		s.with(func() { s.service["desiredCount"] = 2 })
		time.Sleep(fastEvery)
		if got, _ := w.Latest(); got.Calls.Interval != fastEvery {
			t.Errorf("looks after %s so soon after a poke", got.Calls.Interval)
		}
		time.Sleep(closelyFor)
		if got, _ := w.Latest(); got.Calls.Interval != steadyEvery {
			t.Errorf("still looks after %s", got.Calls.Interval)
		}
	})
}

func TestFailureKeepsThePictureAndBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack()
		w := Watch(t.Context(), s.config(), ref, WatchOptions{})
		defer w.Stop()
		time.Sleep(time.Minute + time.Millisecond)
		good, _ := w.Latest()
		began := time.Now()
		s.with(func() { s.err = func() (int, any) { return 400, apiError("ThrottlingException", "Rate exceeded") } })
		time.Sleep(10 * time.Minute)
		got, _ := w.Latest()
		if !errors.Is(got.Stale, diagnose.ErrThrottled) {
			t.Fatalf("stale because of %v", got.Stale)
		}
		if got.AsOf.After(good.AsOf.Add(steadyEvery)) || len(got.Tasks) != 2 {
			t.Errorf("the picture is of %s with %d tasks", got.AsOf, len(got.Tasks))
		}
		s.mu.Lock()
		n := 0
		for _, c := range s.calls {
			if c.at.After(began) {
				n++
			}
		}
		s.mu.Unlock()
		if n > 2*10 {
			t.Errorf("%d calls in ten minutes of throttling", n)
		}
		s.with(func() { s.err = nil })
		time.Sleep(slowedMost * 5 / 4)
		if got, _ = w.Latest(); got.Stale != nil || time.Since(got.AsOf) > slowedMost {
			t.Errorf("not renewed: %v, %s old", got.Stale, time.Since(got.AsOf))
		}
	})
}

func TestFirstLookFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack()
		s.err = func() (int, any) { return 0, errors.New("dial tcp 127.0.0.1:1: connect: connection refused") }
		w := Watch(t.Context(), s.config(), ref, WatchOptions{})
		defer w.Stop()
		got := <-w.Updates()
		if !errors.Is(got.Stale, diagnose.ErrUnreachable) || !got.AsOf.IsZero() {
			t.Errorf("got %v as of %s", got.Stale, got.AsOf)
		}
	})
}

func TestStoppedTasksAreToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack()
		s.stopped = []map[string]any{stoppedTask("x", 1, 1500000100), stoppedTask("y", 1, 1500000200)}
		told := map[string]int{}
		w := Watch(t.Context(), s.config(), ref, WatchOptions{OnStopped: func(task Task) { told[task.ID]++ }, Known: []string{"x"}})
		time.Sleep(time.Minute)
		s.with(func() {
			z := stoppedTask("z", 2, 1500000300)
			z["lastStatus"] = "DEPROVISIONING"
			s.stopped = append(s.stopped, z)
			s.service["events"] = []map[string]any{{"id": "e2", "createdAt": 1.6e9, "message": "x"}}
		})
		time.Sleep(time.Minute)
		w.Stop()
		if told["z"] != 0 {
			t.Error("z was told before it had stopped")
		}
		w = Watch(t.Context(), s.config(), ref, WatchOptions{OnStopped: func(task Task) { told[task.ID]++ }, Known: []string{"x", "y"}})
		time.Sleep(time.Minute)
		s.with(func() { s.stopped[2]["lastStatus"] = "STOPPED" })
		time.Sleep(time.Minute)
		w.Stop()
		if told["x"] != 0 || told["y"] != 1 || told["z"] != 1 {
			t.Errorf("told %v", told)
		}
	})
}

func TestNobodyReceivesAndNothingBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack()
		ctx, cancel := context.WithCancel(t.Context())
		w := Watch(ctx, s.config(), ref, WatchOptions{})
		time.Sleep(time.Minute)
		s.with(func() { s.service["desiredCount"] = 9 })
		time.Sleep(time.Minute)
		if got := <-w.Updates(); got.Service.Desired != 9 {
			t.Errorf("the one that waits is old: desired %d", got.Service.Desired)
		}
		cancel()
		synctest.Wait()
		for range w.Updates() {
		}
		w.Stop()
	})
}

type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestProbeFindsAPathThatAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		client := &http.Client{Transport: trip(func(r *http.Request) (*http.Response, error) {
			asked = append(asked, r.UserAgent()+" "+r.URL.String())
			time.Sleep(3 * time.Millisecond)
			status := http.StatusOK
			if r.URL.Path == "/healthz" {
				status = http.StatusNotFound
			}
			return &http.Response{StatusCode: status, Body: http.NoBody, Request: r}, nil
		})}
		at := ref
		at.URL = "http://shop.invalid/"
		w := Watch(t.Context(), newStack().config(), at, WatchOptions{HTTP: client})
		time.Sleep(time.Second)
		if got, _ := w.Latest(); got.Probe == nil || got.Probe.Status != http.StatusNotFound {
			t.Errorf("got %+v", got.Probe)
		}
		time.Sleep(time.Minute)
		got, _ := w.Latest()
		if got.Probe.Status != http.StatusOK || got.Probe.Latency != 3*time.Millisecond || time.Since(got.Probe.At) > probeEvery {
			t.Errorf("got %+v", got.Probe)
		}
		w.Stop()
		if asked[0] != "workshop-probe http://shop.invalid/healthz" || asked[1] != "workshop-probe http://shop.invalid/" {
			t.Errorf("asked %q", asked[:2])
		}
		if n := len(asked); n > 14 {
			t.Errorf("%d requests in a minute", n)
		}
	})
}

func TestProbeGivesUp(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	client := server.Client()
	if p := ask(t.Context(), client, server.URL, ""); p.Status != http.StatusNotFound || p.Err != nil || p.Latency <= 0 {
		t.Errorf("got %+v", p)
	}
	server.Close()
	if p := ask(t.Context(), client, server.URL, ""); p.Status != 0 || p.Err == nil {
		t.Errorf("got %+v", p)
	}
	synctest.Test(t, func(t *testing.T) {
		hangs := &http.Client{Transport: trip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}
		began := time.Now()
		p := ask(t.Context(), hangs, "http://shop.invalid/", "")
		if !errors.Is(p.Err, context.DeadlineExceeded) || time.Since(began) != probeTimeout {
			t.Errorf("%v after %s", p.Err, time.Since(began))
		}
	})
}
