package tui_test

import (
	"errors"
	"testing"
	"time"

	"workshop/internal/fargate"
	"workshop/internal/tui"
	"workshop/internal/tui/tuitest"
)

// What scales the service is on the page, and what may not be seen of it does not hide the
// rest.
func TestLiveScaling(t *testing.T) {
	for _, size := range sizes {
		drive(t, tuitest.NewUp, size[0], size[1], tui.Options{Page: "live"}, func(st *driver) {
			st.wait(2 * time.Second)
			st.s.Autoscale(40, nil)
			st.wait(2 * time.Second)
			if size[1] >= 40 {
				st.sees("56 %, target 40 %", "40 ╌╌╌")
			}
			st.press("down", "down", "down", "enter") // the alarm below the policy
			st.sees("Threshold Crossed", "goes off above 40 % for 3 min")
			st.press("up", "enter")
			st.sees("scale-in 300 s, AWS's default")
			st.golden("live-scaling")
			st.s.Autoscale(40, errors.New("could not read the scaling's activities: You may not. (AccessDeniedException)"))
			st.wait(2 * time.Second)
			st.press("esc", "pgdown")
			st.sees("activities unknown", "AlarmHigh")
			st.seesNot("desired count to")
		})
	}
}

// A target says why it gets no requests, also where its task has gone.
func TestLiveTargets(t *testing.T) {
	for _, size := range sizes {
		drive(t, tuitest.NewUp, size[0], size[1], tui.Options{Page: "live"}, func(st *driver) {
			st.s.Target(fargate.Target{Address: "10.0.0.9", Port: 9898, Zone: "eu-west-1a", State: "draining", Reason: "Target.DeregistrationInProgress", Description: "Target deregistration is in progress"})
			st.s.Target(fargate.Target{Address: "10.0.1.7", Port: 9898, Zone: "eu-west-1b", State: "unhealthy", Reason: "Target.ResponseCodeMismatch", Description: "Health checks failed with these codes: [503]", Task: "aa"})
			st.wait(2 * time.Second)
			st.sees("1 draining, 1 unhealthy, 2 healthy", "10.0.0.9:9898", "no task runs there")
			st.press("down", "down", "down", "enter")
			st.sees("another status", "with these codes: [503]")
			st.golden("live-targets")
		})
	}
}
