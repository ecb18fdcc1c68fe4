package fargate

import "time"

// Phase is a part of a task's life.
type Phase struct {
	Name  string        // what goes on, in plain words
	Took  time.Duration // until its end, or until now
	Going bool          // it has not ended
}

// Timeline tells how a task has spent its time, as far as ECS gives the moments: the wait
// for its network interface, the pull of the image, the start of the containers, the run,
// and the stop. A task that stops early leaves parts out.
func (t Task) Timeline(now time.Time) []Phase {
	moments := []struct {
		name  string // of what begins then
		began *time.Time
	}{
		{"network interface", &t.Created},
		{"image pull", t.PullStarted},
		{"container start", t.PullStopped},
		{"running", t.Started},
		{"stopping", t.Stopping},
		{"", t.Stopped},
	}
	var out []Phase
	var last time.Time // when the phase began that is the last of out
	for _, m := range moments {
		if m.began == nil || m.began.IsZero() {
			continue
		}
		if n := len(out); n > 0 {
			out[n-1].Took = max(0, m.began.Sub(last))
			out[n-1].Going = false
		}
		last = *m.began
		if m.name != "" {
			out = append(out, Phase{Name: m.name, Took: max(0, now.Sub(last)), Going: true})
		}
	}
	return out
}
