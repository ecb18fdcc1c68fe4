package tui_test

import (
	"errors"
	"strings"
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
			if size[0] >= 150 {
				st.press("right", "down", "enter")
			} else {
				st.press("down", "down", "down", "enter")
			}
			st.sees("Threshold Crossed", "goes off above 40 % for 3 min") // the alarm below the policy
			st.press("up", "enter")
			st.sees("scale-in 300 s, AWS's default")
			st.golden("live-scaling")
			st.s.Autoscale(40, errors.New("could not read the scaling's activities: You may not. (AccessDeniedException)"))
			st.wait(2 * time.Second)
			st.press("esc", "end")
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
			st.sees("1 draining, 1 unhealthy, 2 healthy", "10.0.0.9:9898", "The task is leaving; no task")
			st.press("down", "down", "down", "enter")
			st.sees("another status", "with these codes: [503]")
			st.golden("live-targets")
		})
	}
}

// From 150 columns on the sections stand in two columns: the cursor goes through the first and
// then the second, and across with the arrows; nothing moves by itself.
func TestLiveInTwoColumns(t *testing.T) {
	drive(t, tuitest.NewUp, 150, 40, tui.Options{Page: "live"}, func(st *driver) {
		st.wait(2 * time.Second)
		st.s.Autoscale(40, nil)
		st.s.RollBack()
		st.wait(2 * time.Second)
		st.golden("live-columns")
		cursor := func() string {
			t.Helper()
			for _, line := range strings.Split(st.screen(), "\n") {
				if _, after, ok := strings.Cut(line, "▸"); ok {
					return strings.TrimSpace(strings.Split(after, "│")[0])
				}
			}
			t.Fatal("there is no cursor")
			return ""
		}
		at := func(want string) {
			t.Helper()
			if got := cursor(); !strings.Contains(got, want) {
				t.Errorf("the cursor is at %q, not at %q", got, want)
			}
		}
		at("7f3a")
		st.press("right")
		at("target")
		st.press("left")
		at("7f3a")
		st.press("end")
		at("✓ rev 3")
		st.press("left")
		at("has started")
		for range 3 {
			st.wait(time.Second)
			st.s.Crash() // what comes in the first column does not move the cursor
			at("has started")
		}
		st.resize(100, 40)
		at("has started")
		st.resize(150, 40)
		at("has started")
	})
}

// A deployment says what is different in its revision, without secret values.
func TestLiveRevisionChanges(t *testing.T) {
	for _, size := range sizes {
		drive(t, tuitest.NewUp, size[0], size[1], tui.Options{Page: "live"}, func(st *driver) {
			st.wait(2 * time.Second)
			st.s.RollBack()
			st.wait(2 * time.Second)
			if size[0] >= 150 {
				st.press("right", "enter")
			} else {
				st.press("down", "down", "down", "enter")
			}
			st.wait(time.Second)
			st.press("pgdown")
			st.sees("since web:8", "podinfo:6.9.x", "environment PODINFO_UI_MESSAGE", "(hidden)")
			st.golden("live-changes")
			st.press("enter", "enter")
			st.wait(time.Second)
			st.called("changes of web:9")
		})
	}
}

// The Live page stands beside the step where there is room, and has the keys when it is given
// them.
func TestLiveBesideTheGuide(t *testing.T) {
	for _, size := range [][2]int{{150, 40}, {200, 60}} {
		drive(t, tuitest.NewUp, size[0], size[1], tui.Options{}, func(st *driver) {
			st.wait(2 * time.Second)
			st.seesNot("of 2 running")
			st.press("v")
			st.s.Autoscale(40, nil)
			st.wait(2 * time.Second)
			st.sees("Welcome", "2 of 2 running", "AlarmHigh", "done, next")
			st.golden("guide-beside-live")
			st.press("V", "down", "enter")
			st.sees("Welcome", "spent on", "tab back to the step")
			st.golden("guide-on-live")
			st.press("s")
			st.sees("How many tasks?")
			st.press("esc", "esc")
			st.seesNot("spent on")
			st.press("tab", "n")
			st.sees("Architecture", "2 of 2 running")
			st.open("live")
			st.open("guide")
			st.sees("2 of 2 running")
			if !st.s.Saved().LiveBeside {
				t.Error("what stands beside the step is not kept")
			}
			st.resize(149, 40)
			st.seesNot("of 2 running")
			st.resize(150, 40)
			st.press("?")
			st.sees("beside the step")
			st.press("esc", "v")
			st.seesNot("of 2 running")
		})
	}
}

// What scales, targets and the chart's target line can be told apart on dark and light
// terminals.
func TestLiveScalingColours(t *testing.T) {
	for name, light := range map[string]bool{"dark": false, "light": true} {
		drive(t, tuitest.NewUp, 120, 40, tui.Options{Page: "live", Light: light}, func(st *driver) {
			st.wait(2 * time.Second)
			st.s.Autoscale(40, nil)
			st.s.Target(fargate.Target{Address: "10.0.0.9", Port: 9898, Zone: "eu-west-1a", State: "draining", Reason: "Target.DeregistrationInProgress", Description: "Target deregistration is in progress"})
			st.wait(2 * time.Second)
			st.coloured("live-scaling-" + name)
		})
	}
}
