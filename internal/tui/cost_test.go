package tui_test

import (
	"testing"
	"time"

	"workshop/internal/stack"
	"workshop/internal/tui"
	"workshop/internal/tui/tuitest"
)

// What the stack has cost is said at the start, where one decides about it, and
// when one leaves.
func TestCostSoFar(t *testing.T) {
	for name, sandbox := range map[string]bool{"sandbox": true, "aws": false} {
		t.Run(name, func(t *testing.T) {
			up := func() *tuitest.Session {
				s := tuitest.NewUp()
				s.Info.Sandbox = sandbox
				return s
			}
			sentence, soFar := "The stack has been up for 4 min and has cost about $0.06.", "So far: about $0.06"
			notice := sentence
			if sandbox {
				sentence = "has cost $0.00 in the sandbox (on AWS this would have been about $0.06)."
				notice = "Up 4 min: $0.00 in the sandbox (on AWS this would have been $0.06)."
				soFar = "So far: $0.00 in the sandbox (on AWS this would have been about $0.06)"
			}
			drive(t, up, 80, 24, tui.Options{}, func(st *driver) {
				st.sees(notice)
				st.wait(7 * time.Second)
				st.seesNot(notice)
				st.open("deploy")
				st.sees(sentence)
				st.seesNot("budget")
				st.open("cleanup")
				st.sees(soFar, "37 metrics of Container Insights $0.015/h")
				st.press("q")
				st.sees("Your stack is still up", "The stack has been up for 4 min", "Clean up first")
			})
		})
	}
}

// A notice waits for the one before it, and is not lost.
func TestBudget(t *testing.T) {
	over := func() *tuitest.Session {
		s := tuitest.NewUp()
		s.Info.Sandbox = false
		s.Warning = "The cost so far, $0.06, is over your budget of $0.05."
		s.Hints = []string{"Autoscaling may run up to 4 tasks: then $0.120/h."}
		s.PlanAs = &stack.Plan{Update: 1, Changes: []stack.Change{{Address: "aws_ecs_service.app", Type: "aws_ecs_service", Action: stack.ActionUpdate, Group: stack.GroupService, Title: "service", Fields: []string{"desired_count"}}}}
		return s
	}
	for _, size := range sizes[:2] {
		drive(t, over, size[0], size[1], tui.Options{}, func(st *driver) {
			st.sees("The stack has been up for 4 min and has cost about $0.06.", "budget 120% of $0.05")
			st.wait(6 * time.Second)
			st.sees("The cost so far, $0.06, is over your budget of $0.05.")
			st.wait(7 * time.Second)
			st.open("deploy")
			st.sees("is over your budget of $0.05. Press " + keyOf("cleanup") + " to clean up.")
			st.golden("deploy-budget")
			st.press("p")
			st.wait(3 * time.Second)
			st.sees("+$0.017/h, then $0.102/h", "Autoscaling may run up to 4 tasks: then $0.120/h.", "is over your budget of $0.05")
			st.golden("deploy-plan-budget")
			st.press("a")
			st.sees("Cost: +$0.017/h, then $0.102/h", "over your budget of $0.05")
			st.press("esc")
			st.open("cleanup")
			st.sees("over your budget", "see what would be deleted")
			st.press("q")
			st.sees("over your budget", "Clean up first")
		})
	}
}

// The price follows what autoscaling runs.
func TestPriceFollowsTheService(t *testing.T) {
	drive(t, tuitest.NewUp, 120, 40, tui.Options{}, func(st *driver) {
		st.wait(2 * time.Second)
		before := st.s.Priced()
		if err := st.s.Scale(t.Context(), 4); err != nil {
			t.Fatal(err)
		}
		st.wait(3 * time.Second)
		if st.s.Priced() == before {
			t.Error("the price was not asked for again")
		}
	})
}
