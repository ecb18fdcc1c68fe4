package fargate

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestTimeline(t *testing.T) {
	created := time.Unix(1_500_000_000, 0)
	at := func(s int) *time.Time { x := created.Add(time.Duration(s) * time.Second); return &x }
	for _, c := range []struct {
		name string
		task Task
		now  int
		want string
	}{
		{"nothing yet", Task{Created: created}, 3, "network interface 3s..."},
		{"pulls", Task{Created: created, PullStarted: at(9)}, 12, "network interface 9s, image pull 3s..."},
		{"runs", Task{Created: created, PullStarted: at(9), PullStopped: at(13), Started: at(15)}, 75, "network interface 9s, image pull 4s, container start 2s, running 1m0s..."},
		{"stopped", Task{Created: created, PullStarted: at(9), PullStopped: at(13), Started: at(15), Stopping: at(30), Stopped: at(42)}, 100, "network interface 9s, image pull 4s, container start 2s, running 15s, stopping 12s"},
		{"no image", Task{Created: created, PullStarted: at(9), Stopping: at(12), Stopped: at(13)}, 100, "network interface 9s, image pull 3s, stopping 1s"},
		{"the moments of an earlier version", Task{Created: created, Started: at(15), Stopped: at(20)}, 100, "network interface 15s, running 5s"},
		{"a clock that is behind", Task{Created: created}, -5, "network interface 0s..."},
		{"no moment at all", Task{}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, p := range c.task.Timeline(created.Add(time.Duration(c.now) * time.Second)) {
				s := fmt.Sprintf("%s %s", p.Name, p.Took)
				if p.Going {
					s += "..."
				}
				got = append(got, s)
			}
			if s := strings.Join(got, ", "); s != c.want {
				t.Errorf("got %s, want %s", s, c.want)
			}
		})
	}
}
