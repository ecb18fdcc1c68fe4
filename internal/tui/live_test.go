package tui_test

import (
	"errors"
	"testing"
	"time"

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
