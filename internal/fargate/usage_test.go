package fargate

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestUsageOfTheServiceIsNobodysOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack()
		w := Watch(t.Context(), s.config(), ref, WatchOptions{})
		defer w.Stop()
		time.Sleep(time.Second)
		got, _ := w.Latest()
		if u := got.ServiceUsage; u == nil || u.CPU != 40 || u.Memory != 3 || u.At.Unix() != 1.5e9 {
			t.Errorf("the service uses %+v", u)
		}
		if len(got.Usage) != 0 {
			t.Errorf("tasks have figures that nobody measured: %v", got.Usage)
		}
		time.Sleep(30 * time.Minute)
		s.mu.Lock()
		defer s.mu.Unlock()
		if n := len(s.asked); n < 25 || n > 35 {
			t.Errorf("asked %d times in half an hour", n)
		}
		for _, n := range s.asked {
			if n != 2+usageProbe {
				t.Errorf("a question had %d metrics, of which two are the service's", n)
			}
		}
	})
}

func TestUsageOfTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack()
		s.usage["TaskCpuUtilization shop app a"], s.usage["MemoryUtilized shop app a"] = 80, 20
		s.usage["TaskCpuUtilization shop app b"] = 10 // and no memory
		w := Watch(t.Context(), s.config(), ref, WatchOptions{})
		defer w.Stop()
		time.Sleep(steadyEvery + time.Second) // the second look
		got, _ := w.Latest()
		if u, ok := got.Usage["a"]; !ok || u.CPU != 80 || u.Memory != 20 || u.At.Unix() != 1.5e9 {
			t.Errorf("task a uses %+v", u)
		}
		if u, ok := got.Usage["b"]; ok {
			t.Errorf("task b uses %+v, of which half is a guess", u)
		}
		s.with(func() { delete(s.usage, "MemoryUtilized shop app a") }) // answers that are of no use are not asked for in a hurry
		time.Sleep(10 * time.Minute)
		s.mu.Lock()
		defer s.mu.Unlock()
		if n := len(s.asked); n > 13 {
			t.Errorf("asked %d times in ten minutes", n)
		}
	})
}

func TestUsageRefusedIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStack()
		s.usage = nil
		w := Watch(t.Context(), s.config(), ref, WatchOptions{})
		defer w.Stop()
		time.Sleep(30*time.Minute + time.Second)
		got, _ := w.Latest()
		if got.Stale != nil || got.ServiceUsage != nil {
			t.Errorf("got %+v, stale %v", got.ServiceUsage, got.Stale)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		n := 0
		for _, c := range s.calls {
			if c.op == "GetMetricData" {
				n++
			}
		}
		if n < 3 || n > 4 {
			t.Errorf("asked %d times in half an hour of refusals", n)
		}
	})
}
