package fargate

import (
	"testing"
	"testing/synctest"
	"time"
)

const revisionARN = "arn:aws:ecs:eu-west-1:123456789012:service-revision/shop/app/"

func serviceDeployment(id, status, revision string, created float64) map[string]any {
	return map[string]any{
		"serviceDeploymentArn": "arn:aws:ecs:eu-west-1:123456789012:service-deployment/shop/app/" + id, "status": status, "createdAt": created,
		"targetServiceRevisionArn": revisionARN + revision, "targetServiceRevision": map[string]any{"arn": revisionARN + revision},
	}
}

func (s *stack) count(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.calls {
		if c.op == op {
			n++
		}
	}
	return n
}

func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack()
		first := serviceDeployment("one", "SUCCESSFUL", "3", 1.5e9)
		first["finishedAt"] = 1.5e9 + 60
		s.history = []map[string]any{first}
		w := Watch(t.Context(), s.config(), ref, WatchOptions{})
		defer w.Stop()
		time.Sleep(10 * time.Minute)
		got, _ := w.Latest()
		if len(got.History) != 1 || got.History[0].Revision != "shop:3" || got.History[0].ID != "one" || !got.History[0].Over() || got.History[0].Finished.Unix() != 1.5e9+60 {
			t.Fatalf("got %+v", got.History)
		}
		if n := s.count("ListServiceDeployments"); n != 1 {
			t.Errorf("a steady service's deployments were asked for %d times", n)
		}

		second := serviceDeployment("two", "ROLLBACK_IN_PROGRESS", "4", 1.5e9+700)
		second["statusReason"] = "Service deployment rolled back because the circuit breaker threshold was exceeded."
		second["rollback"] = map[string]any{"startedAt": 1.5e9 + 800, "serviceRevisionArn": revisionARN + "3"}
		s.with(func() {
			s.history = []map[string]any{first, second} // whatever the order is
			s.service["deployments"].([]map[string]any)[0]["rolloutState"] = "IN_PROGRESS"
		})
		time.Sleep(time.Minute)
		got, _ = w.Latest()
		if len(got.History) != 2 {
			t.Fatalf("got %+v", got.History)
		}
		d := got.History[0]
		if d.ID != "two" || d.Over() || !d.RolledBack() || d.Rollback == nil || d.Rollback.Revision != "shop:3" || d.Rollback.Started.Unix() != 1.5e9+800 {
			t.Errorf("got %+v, rollback %+v", d, d.Rollback)
		}
		if n := s.count("ListServiceDeployments"); n < 10 || n > 1+int(time.Minute/historyEvery)+1 {
			t.Errorf("while it goes on: asked %d times", n)
		}
		if n := s.count("DescribeServiceDeployments"); n != 1 {
			t.Errorf("the rollback was asked for %d times", n)
		}

		s.with(func() {
			second["status"], second["finishedAt"] = "ROLLBACK_SUCCESSFUL", 1.5e9+900
			s.service["deployments"].([]map[string]any)[0]["rolloutState"] = "COMPLETED"
		})
		time.Sleep(10 * time.Second)
		if got, _ = w.Latest(); !got.History[0].Over() || !got.History[0].RolledBack() {
			t.Errorf("got %+v", got.History[0])
		}
		n := s.count("ListServiceDeployments")
		time.Sleep(10 * time.Minute)
		if now := s.count("ListServiceDeployments"); now != n {
			t.Errorf("asked %d times more when all was over", now-n)
		}
	})
}

func TestHistoryThatMayNotBeSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack()
		s.service["pendingCount"] = 1
		w := Watch(t.Context(), s.config(), ref, WatchOptions{})
		defer w.Stop()
		time.Sleep(5 * time.Minute)
		if got, _ := w.Latest(); got.Stale != nil || len(got.History) != 0 || len(got.Tasks) != 2 {
			t.Errorf("got %+v", got)
		}
		if n := s.count("ListServiceDeployments"); n != 1 {
			t.Errorf("asked %d times after it was refused", n)
		}
	})
}
