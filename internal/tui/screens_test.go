package tui_test

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"workshop/internal/doctor"
	"workshop/internal/fargate"
	"workshop/internal/lesson"
	"workshop/internal/session"
	"workshop/internal/stack"
	"workshop/internal/sweep"
	"workshop/internal/tui"
	"workshop/internal/tui/tuitest"
)

var sizes = [][2]int{{80, 24}, {120, 40}, {200, 60}}

// The whole way: read, plan, say no, say yes, watch, read logs, clean up.
func TestDeployToCleanUp(t *testing.T) {
	for _, size := range sizes {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			drive(t, tuitest.New, size[0], size[1], tui.Options{}, func(st *driver) {
				st.sees("Welcome", "SANDBOX", "nothing deployed", "In this workshop you deploy")
				st.frame("guide-first")
				st.open("live")
				st.sees("Nothing runs yet", "Press 2 to deploy")
				st.open("logs")
				st.sees("Nothing runs yet")
				st.open("cleanup")
				st.sees("Terraform's state lists nothing")
				st.golden("cleanup-nothing")
				st.open("guide")
				st.press("n", "n", "n")
				st.sees("Terraform now makes what the plan promised")
				st.golden("guide-deploy")

				st.open("deploy")
				st.sees("Nothing is deployed yet", "nothing in the sandbox")
				st.golden("deploy-nothing")
				st.press("enter")
				st.wait(700 * time.Millisecond)
				st.sees("Planning", "Fetching the AWS provider", "75%")
				st.golden("deploy-planning")
				st.wait(3 * time.Second)
				st.sees("28 to create", "a VPC in two zones", "VPC 10.0.0.0/16, your private network")
				st.golden("deploy-plan")

				st.press("a")
				st.sees("Create 28 resources?", "No, not yet")
				st.golden("deploy-confirm")
				st.press("enter")
				st.seesNot("Create 28 resources?")
				st.called("plan destroy=false")

				st.press("a", "tab", "enter")
				st.wait(20 * time.Second)
				st.sees("Applying", "of 28", "Load balancer", "waits for load balancer", "to go")
				st.golden("deploy-applying")
				st.press("l")
				st.sees("Terraform's log", "aws_lb.main: Creating...")
				st.press("esc")
				st.wait(80 * time.Second)
				st.sees("Done in", "28 created", "http://localhost:18080")
				st.golden("deploy-done")
				st.press("y")
				if st.copied != "http://localhost:18080" {
					t.Errorf("y copied %q", st.copied)
				}

				st.open("live")
				st.wait(10 * time.Second)
				st.sees("2 of 2 running", "rolled out", "answers in 3 ms", "eu-west-1a", "healthy", "has reached a steady state", "14 calls a minute")
				st.golden("live")
				if size[1] >= 40 {
					st.sees("Requests/s", "5xx: 1", "15 min before")
				}
				st.s.Crash()
				st.wait(2 * time.Second)
				st.sees("Task 7f3a stopped: web ended by itself with exit code 255", "stopped 1 s ago", "why?")
				st.press("down", "down", "enter")
				st.wait(time.Second)
				st.sees("exit code 255", "EssentialContainerExited", "panic: the last words")
				st.golden("live-why")

				st.open("logs")
				st.wait(2 * time.Second)
				st.sees("Logs of all tasks", "following", "request started", "health checks hidden · h shows them")
				st.seesNot("/healthz")
				st.golden("logs")
				st.press("h")
				st.sees("/healthz", "health checks among them · h hides them")
				st.press("h", "/", "slow")
				st.sees("/slow", "slow answer")
				st.seesNot("request started", "/healthz")
				st.golden("logs-filter")
				st.press("esc")

				st.open("cleanup")
				st.sees("The stack is up", "28 resources")
				st.golden("cleanup-up")
				st.press("enter")
				st.wait(3 * time.Second)
				st.sees("28 to delete")
				st.press("x")
				st.sees("Delete 28 resources in the sandbox?", "Type destroy to go on")
				st.press("destro", "enter")
				st.sees("Type destroy to go on")
				st.golden("cleanup-typing")
				st.press("y", "enter")
				st.wait(5 * time.Second)
				st.sees("Deleting", "of 28")
				st.golden("cleanup-deleting")
				st.wait(60 * time.Second)
				st.sees("Everything has been deleted.", "in 9 places", "left", "nothing", "(on AWS this would have been $0.04)")
				st.golden("cleanup-receipt")

				st.press("?")
				st.sees("Everywhere", "the Guide page", "what works now comes first")
				st.frame("keys")
				st.press("esc", "q")
				if !st.quit {
					t.Error("q did not quit though nothing is up")
				}
				st.called("plan destroy=false", "apply 28", "plan destroy=true", "apply 28", "receipt")
			})
		})
	}
}

func TestColours(t *testing.T) {
	for _, light := range []bool{false, true} {
		name := map[bool]string{true: "light", false: "dark"}[light]
		t.Run(name, func(t *testing.T) {
			drive(t, tuitest.NewUp, 80, 24, tui.Options{Page: "live", Light: light}, func(st *driver) {
				st.wait(2 * time.Second)
				st.sees("2 of 2 running")
				st.coloured("live-" + name)
				st.press("x")
				st.coloured("live-dialog-" + name)
				st.press("esc")
				st.open("logs")
				st.wait(3 * time.Second)
				st.coloured("logs-" + name)
			})
		})
	}
}

func TestASCII(t *testing.T) {
	drive(t, tuitest.NewUp, 80, 24, tui.Options{ASCII: true}, func(st *driver) {
		pages := append(tui.Pages(), lesson.Screen{Slug: "the help", Key: "?"})
		for _, page := range pages {
			st.press(page.Key)
			st.wait(time.Second)
			for _, r := range st.screen() {
				if r > 0x7e {
					t.Fatalf("%s draws %q:\n%s", page.Slug, r, st.screen())
				}
			}
		}
		st.press("esc")
		st.open("deploy")
		st.press("p")
		st.wait(4 * time.Second)
		st.golden("ascii-plan")
	})
}

func TestInterruptAnApply(t *testing.T) {
	drive(t, tuitest.New, 120, 40, tui.Options{Page: "deploy"}, func(st *driver) {
		st.press("enter")
		st.wait(3 * time.Second)
		st.press("a", "y")
		st.wait(20 * time.Second)
		st.press("ctrl+c")
		st.sees("Terraform starts nothing new and saves its state")
		st.called("plan destroy=false", "apply 28", "stop hard=false")
		st.press("ctrl+c")
		st.sees("Stop Terraform at once?", "Wait for it", "it may not save what it has just created")
		st.press("enter") // the safe answer
		st.called("plan destroy=false", "apply 28", "stop hard=false")
		st.golden("deploy-stopping")
		st.wait(60 * time.Second)
		st.sees("The apply stopped after", "because you stopped it", "looks in the account for what it may have lost")
		st.seesNot("nothing is lost")
		st.golden("deploy-stopped")
		st.press("r")
		st.wait(3 * time.Second)
		st.sees("to create")
		st.seesNot("28 to create")
	})
}

func TestInterruptHard(t *testing.T) {
	drive(t, tuitest.New, 120, 40, tui.Options{Page: "deploy"}, func(st *driver) {
		st.press("enter")
		st.wait(3 * time.Second)
		st.press("a", "y")
		st.wait(20 * time.Second)
		st.press("ctrl+c", "ctrl+c", "tab", "enter")
		st.wait(time.Second)
		st.called("plan destroy=false", "apply 28", "stop hard=false", "stop hard=true")
		st.sees("The apply stopped after", "terraform was killed")
	})
}

func TestQuitWhileTerraformWorks(t *testing.T) {
	drive(t, tuitest.New, 80, 24, tui.Options{Page: "deploy"}, func(st *driver) {
		st.press("enter")
		st.wait(3 * time.Second)
		st.press("a", "y")
		st.wait(5 * time.Second)
		st.press("q")
		st.sees("Terraform is at work", "Stay", "Leave, it goes on", "Stop it and leave")
		st.press("esc")
		if st.quit {
			t.Fatal("esc quit")
		}
		st.press("q", "y")
		if !st.quit {
			t.Fatal("y did not quit")
		}
		// Close, at the end of the script, stops Terraform and waits for it.
	})
}

func TestLeaveWhileTerraformWorks(t *testing.T) {
	drive(t, tuitest.New, 80, 24, tui.Options{Page: "deploy"}, func(st *driver) {
		st.press("enter")
		st.wait(3 * time.Second)
		st.press("a", "y")
		st.wait(5 * time.Second)
		st.press("q", "l")
		if !st.quit {
			t.Fatal("l did not quit")
		}
		st.called("plan destroy=false", "apply 28")
	})
}

// Another process applies: this screen shows it too, with who started it.
func TestAnApplyOfAnotherProcess(t *testing.T) {
	elsewhere := func() *tuitest.Session {
		s := tuitest.New()
		s.Elsewhere = &session.Operation{Op: stack.OpApply, By: "workshop deploy --yes", Started: time.Now()}
		return s
	}
	drive(t, elsewhere, 120, 40, tui.Options{Page: "deploy"}, func(st *driver) {
		st.wait(10 * time.Second)
		st.sees("Applying", "Started by workshop deploy --yes at")
		st.press("ctrl+c")
		st.sees("Terraform starts nothing new and saves its state")
		st.called("apply 28", "stop hard=false")
	})
}

func TestTheLastRunDidNotEnd(t *testing.T) {
	for name, c := range map[string]struct {
		last session.LastRun
		sees string
	}{
		"killed":            {session.LastRun{Interrupted: true, Done: 26, Total: 31}, "Your last apply was interrupted at 26 of 31 resources"},
		"stopped":           {session.LastRun{Stopped: true, Done: 3, Total: 31}, "Your last apply was stopped at 3 of 31 resources"},
		"a destroy, failed": {session.LastRun{Destroy: true, Failed: true, Done: 30, Total: 31}, "Your last clean-up failed at 30 of 31 resources"},
	} {
		t.Run(name, func(t *testing.T) {
			session := func() *tuitest.Session {
				s := tuitest.NewUp()
				c.last.Ended = time.Now()
				s.Last = &c.last
				return s
			}
			drive(t, session, 120, 40, tui.Options{Page: "deploy"}, func(st *driver) {
				st.wait(time.Second)
				st.sees(c.sees)
				st.open("cleanup")
				st.sees(c.sees)
			})
		})
	}
}

// A failure that can be repaired is repaired after asking, and planned again.
func TestARepair(t *testing.T) {
	session := func() *tuitest.Session {
		s := tuitest.New()
		s.PlanDiags = []stack.Diagnostic{{Severity: "error", Summary: "The state could not be saved"}}
		s.Fix = "The last run could not save Terraform's state, but left a copy. Put that copy back?"
		return s
	}
	drive(t, session, 120, 40, tui.Options{Page: "deploy"}, func(st *driver) {
		st.wait(time.Second)
		st.press("enter")
		st.wait(3 * time.Second)
		st.sees("Press u to repair it first", "u repair")
		st.press("u")
		st.sees("Put that copy back?", "No, leave it")
		st.press("esc")
		st.called("plan destroy=false")
		st.press("u", "y")
		st.wait(3 * time.Second)
		st.called("plan destroy=false", "repair", "plan destroy=false")
		st.sees("28 to create")
	})
}

// The first apply in a real account asks for its number.
func TestTheAccountIsTypedOnce(t *testing.T) {
	session := func() *tuitest.Session {
		s := tuitest.New()
		s.Info.Sandbox, s.Info.Account = false, "123456789012"
		s.Unconfirmed = &doctor.NotConfirmedError{Account: "123456789012", Alias: "training", Region: "eu-west-1"}
		return s
	}
	drive(t, session, 120, 40, tui.Options{Page: "deploy"}, func(st *driver) {
		st.wait(time.Second)
		st.press("enter")
		st.wait(3 * time.Second)
		st.press("a", "y")
		st.wait(time.Second)
		st.sees("Is this the account that you mean?", "(training) in eu-west-1", "cost money until you delete them")
		st.golden("account")
		st.press("1", "2", "3", "tab", "enter") // half a number is no answer
		st.called("plan destroy=false", "apply 28")
		for _, k := range "456789012" {
			st.press(string(k))
		}
		st.press("enter")
		st.wait(2 * time.Second)
		st.called("plan destroy=false", "apply 28", "confirm 123456789012", "apply 28")
		st.sees("Applying")
	})
}

func TestTheSandboxIsSick(t *testing.T) {
	session := func() *tuitest.Session {
		s := tuitest.NewUp()
		s.Problem = "The sandbox does not work as it should: no space left on device"
		return s
	}
	drive(t, session, 80, 24, tui.Options{}, func(st *driver) {
		for _, page := range tui.Pages() {
			st.open(page.Slug)
			st.wait(10 * time.Second)
			st.sees("no space left on device")
		}
	})
}

// What the learner's own Ctrl-C cuts short is no error.
func TestWhatAStopCutsShort(t *testing.T) {
	session := func() *tuitest.Session {
		s := tuitest.New()
		s.PlanDiags = []stack.Diagnostic{
			{Severity: "error", Summary: "waiting for Load Balancer: context canceled", Address: "aws_lb.main", Stopped: true},
			{Severity: "error", Summary: "execution halted", Stopped: true},
			{Severity: "error", Summary: "twice the same"}, {Severity: "error", Summary: "twice the same"},
		}
		return s
	}
	drive(t, session, 80, 24, tui.Options{Page: "deploy"}, func(st *driver) {
		st.wait(time.Second)
		st.press("enter")
		st.wait(3 * time.Second)
		st.sees("aws_lb.main was half made: the next apply replaces it", "twice the same")
		st.seesNot("execution halted")
		st.seesNot("context canceled")
		if n := strings.Count(st.screen(), "twice the same"); n != 1 {
			t.Errorf("an error is shown %d times", n)
		}
	})
}

// A warning that Terraform repeats for each resource of a block is shown once, with its
// place in the files.
func TestAWarningIsShownOnce(t *testing.T) {
	warning := stack.Diagnostic{Severity: "warning", Summary: "Deprecated attribute", File: "outputs.tf", Line: 34}
	first, second := warning, warning
	first.Address, second.Address = "aws_subnet.public[0]", "aws_subnet.public[1]"
	session := func() *tuitest.Session {
		s := tuitest.New()
		s.PlanDiags = []stack.Diagnostic{first, second, {Severity: "error", Summary: "something else"}}
		return s
	}
	drive(t, session, 80, 24, tui.Options{Page: "deploy"}, func(st *driver) {
		st.wait(time.Second)
		st.press("enter")
		st.wait(3 * time.Second)
		st.sees("outputs.tf, line 34", "something else")
		if n := strings.Count(st.screen(), "Deprecated attribute"); n != 1 {
			t.Errorf("the warning is shown %d times", n)
		}
	})
}

// What was done about a lock file that did not fit stands with the plan.
func TestANoteStandsWithThePlan(t *testing.T) {
	for name, tt := range map[string]struct {
		page string
		plan *stack.Plan
		head string
	}{
		"changes":    {"deploy", nil, "to create"},
		"no changes": {"deploy", &stack.Plan{}, "Nothing to change"},
		"clean up":   {"cleanup", nil, "to delete"},
	} {
		t.Run(name, func(t *testing.T) {
			session := func() *tuitest.Session {
				s := tuitest.New()
				if tt.page == "cleanup" {
					s = tuitest.NewUp()
				}
				s.PlanNote, s.PlanAs = "`terraform providers lock` added checksums.", tt.plan
				return s
			}
			drive(t, session, 80, 24, tui.Options{Page: tt.page}, func(st *driver) {
				st.wait(time.Second)
				st.press("enter")
				st.wait(3 * time.Second)
				st.sees(tt.head, "`terraform providers lock` added checksums.")
			})
		})
	}
}

// What the state has lost stands in the plan, in a group of its own.
func TestThePlanHasWhatTheStateLost(t *testing.T) {
	session := func() *tuitest.Session {
		s := tuitest.New()
		s.PlanAs = &stack.Plan{Destroy: true}
		s.PlanAs.Add(stack.Change{Address: "arn:aws:elasticloadbalancing:1:lb", Type: "load balancers", Action: stack.ActionDelete, Group: stack.GroupLost, Title: "load balancers: workshop-x"})
		return s
	}
	drive(t, session, 120, 40, tui.Options{Page: "cleanup"}, func(st *driver) {
		st.wait(time.Second)
		st.press("enter")
		st.wait(3 * time.Second)
		st.sees("1 to delete", "Not in Terraform's state", "in the account all the same", "load balancers: workshop-x")
		st.golden("cleanup-lost")
	})
}

func TestQuitWithAStackUp(t *testing.T) {
	drive(t, tuitest.NewUp, 80, 24, tui.Options{}, func(st *driver) {
		st.press("q")
		st.sees("Your stack is still up", "costs nothing here", "tasks keep running", "workshop sandbox stop", "Clean up first")
		st.frame("quit")
		st.press("enter")
		if st.quit {
			t.Fatal("the safe answer quit")
		}
		st.press("q", "c")
		st.sees("see what would be deleted")
		st.press("ctrl+c")
		st.sees("Your stack is still up")
		st.press("ctrl+c")
		if !st.quit {
			t.Fatal("the second ctrl+c did not quit")
		}
	})
}

func TestABrokenConfiguration(t *testing.T) {
	broken := func() *tuitest.Session {
		s := tuitest.New()
		s.PlanDiags = []stack.Diagnostic{{Severity: "error", Summary: "Unsupported argument", File: "network.tf", Line: 23,
			Detail: `An argument named "cidr_blok" is not expected here. Did you mean "cidr_block"?`, Snippet: `  cidr_blok = "10.0.0.0/16"`}}
		return s
	}
	drive(t, broken, 80, 24, tui.Options{Page: "deploy"}, func(st *driver) {
		st.press("enter")
		st.wait(3 * time.Second)
		st.sees("Terraform could not make a plan", "network.tf, line 23", `cidr_blok = "10.0.0.0/16"`, "Did you mean", "workshop reset")
		st.golden("deploy-broken")
		st.s.PlanDiags = nil
		st.press("r")
		st.wait(3 * time.Second)
		st.sees("28 to create")
	})
}

func TestAFailedApply(t *testing.T) {
	failing := func() *tuitest.Session {
		s := tuitest.New()
		s.FailOn = "aws_iam_role.execution"
		s.FailDiag = stack.Diagnostic{Severity: "error", Summary: "creating IAM Role: EntityAlreadyExists: Role already exists", File: "permissions.tf", Line: 17}
		return s
	}
	drive(t, failing, 80, 24, tui.Options{Page: "deploy"}, func(st *driver) {
		st.press("enter")
		st.wait(3 * time.Second)
		st.press("a", "y")
		st.wait(30 * time.Second)
		st.sees("The apply stopped after", "looks in the account", "EntityAlreadyExists", "permissions.tf, line 17", "Delete what is left first: the Clean up page finds it")
		st.golden("deploy-failed")
	})
}

// The diagram comes alive as the architecture is built.
func TestTheDiagram(t *testing.T) {
	for _, size := range sizes {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			drive(t, tuitest.New, size[0], size[1], tui.Options{Page: "deploy"}, func(st *driver) {
				st.press("g")
				st.sees("Load balancer", "not there")
				st.press("esc", "enter")
				st.wait(3 * time.Second)
				st.press("g")
				st.sees("28 to create", "planned", "aws_lb.main load_balancer.tf:74", "Architecture", "a apply this plan")
				if size[0] >= 120 {
					st.sees(`74 resource "aws_lb" "main" {`)
				} else {
					st.seesNot("resource \"aws_lb\"")
				}
				st.golden("graph-planned")
				st.press("a", "y")
				st.wait(20 * time.Second)
				st.sees("Applying", "in the making", "tasks come here")
				st.golden("graph-applying")
				st.open("live")
				st.wait(70 * time.Second)
				st.sees("2/2 healthy", "200 in 3 ms", "eu-west-1a")
				st.press("tab")
				st.sees("Service", "aws_ecs_service.app service.tf")
				st.golden("graph-up")
				st.s.Crash()
				st.wait(1500 * time.Millisecond)
				st.press("tab", "tab", "tab")
				st.sees("7f3a failing", "exit code 255")
				if size[0] >= 120 {
					st.sees("aws_ecs_task_definition.app service.tf")
				}
				st.golden("graph-failing")
				st.press("left")
				st.press("enter")
				st.sees("in two zones, a service behind it")
				st.open("live")
				st.press("g")
				st.sees("1 of 2 running")
			})
		})
	}
}

// While Terraform waits for tasks that cannot start, the screens say why.
func TestTasksThatCannotStart(t *testing.T) {
	bad := func() *tuitest.Session { s := tuitest.New(); s.BadImage = true; return s }
	drive(t, bad, 120, 40, tui.Options{Page: "deploy"}, func(st *driver) {
		st.press("enter")
		st.wait(3 * time.Second)
		st.press("a", "y")
		st.wait(10 * time.Second)
		st.open("live")
		st.sees("Not yet", "Terraform is at work")
		st.wait(57500 * time.Millisecond)
		st.sees("0 of 2 running", "2 starting", "provisioning")
		st.wait(3 * time.Second)
		st.sees("stopped", "There is no image ghcr.io/stefanprodan/podinfo:6.9.x")
		st.open("deploy")
		st.sees("tasks stopped: There is no image ghcr.io/stefanprodan/podinfo:6.9.x")
		st.wait(10 * time.Second)
		st.sees("ECS has given up; Terraform goes on waiting: ctrl+c stops it safely")
		st.golden("deploy-cannot-start")
		st.press("ctrl+c")
		st.wait(5 * time.Second)
		st.sees("because you stopped it")
	})
}

func TestAChangedPlan(t *testing.T) {
	changed := func() *tuitest.Session {
		s := tuitest.NewUp()
		s.PlanAs = &stack.Plan{Create: 1, Update: 1, Replace: 1, Delete: 1,
			Changes: []stack.Change{
				{Address: "aws_subnet.public[2]", Type: "aws_subnet", Action: stack.ActionCreate, Group: stack.GroupNetwork, Title: "public subnet in eu-west-1c"},
				{Address: "aws_lb_target_group.app", Type: "aws_lb_target_group", Action: stack.ActionReplace, Group: stack.GroupLoadBalancer, Title: "list of healthy tasks", Fields: []string{"port"}, Reason: "port cannot be changed in place"},
				{Address: "aws_ecs_service.app", Type: "aws_ecs_service", Action: stack.ActionUpdate, Group: stack.GroupService, Title: "ECS service, keeps 2 tasks running", Fields: []string{"desired_count"}},
				{Address: "aws_cloudwatch_log_group.old", Type: "aws_cloudwatch_log_group", Action: stack.ActionDelete, Group: stack.GroupObservability, Title: "old logs"},
				{Address: "aws_sqs_queue.mine", Type: "aws_sqs_queue", Action: stack.ActionCreate, Title: "\x1b[31mqueue"},
			},
			Drift: []stack.Change{{Address: "aws_ecs_service.app", Action: stack.ActionUpdate, Title: "ECS service, keeps 2 tasks running", Fields: []string{"desired_count"}}}}
		return s
	}
	drive(t, changed, 120, 40, tui.Options{Page: "deploy"}, func(st *driver) {
		st.sees("The stack is up")
		st.press("p")
		st.wait(3 * time.Second)
		st.sees("1 to change", "1 to replace", "1 to delete", "-/+ list of healthy tasks", "because port cannot be changed in place",
			"~ ECS service, keeps 2 tasks", "changes desired_count", "Changed outside Terraform", "Other")
		st.golden("deploy-changed")
		st.press("a")
		st.sees("Apply this plan?", "create 1, change 1, delete and make again 1", "Yes, apply it")
	})
}

func TestAnEmptyPlan(t *testing.T) {
	same := func() *tuitest.Session { s := tuitest.NewUp(); s.PlanAs = &stack.Plan{}; return s }
	drive(t, same, 80, 24, tui.Options{Page: "deploy"}, func(st *driver) {
		st.press("p")
		st.wait(3 * time.Second)
		st.sees("Nothing to change")
		st.press("a", "y")
		st.called("plan destroy=false")
	})
}

func TestLogsThatEndAreNotFollowed(t *testing.T) {
	drive(t, func() *tuitest.Session {
		s := tuitest.NewUp()
		s.LogError = errors.New("access denied")
		return s
	}, 120, 24, tui.Options{Page: "logs"}, func(st *driver) {
		st.wait(time.Minute)
		st.sees("no new lines", "access denied")
		st.seesNot("following")
	})
}

// A stream that fails says since when and why, when it is asked again and how to have
// that at once; and that it has recovered.
func TestLogsGoStaleAndRecover(t *testing.T) {
	drive(t, tuitest.NewUp, 120, 24, tui.Options{Page: "logs"}, func(st *driver) {
		st.wait(10 * time.Second)
		st.sees("following")
		last := time.Now()
		st.s.Stream(fargate.Stream{AsOf: last, Again: last.Add(30 * time.Second), Err: errors.New("read the logs in /ecs/web: the security token is expired")})
		st.wait(5 * time.Second)
		st.sees("no new lines since "+last.Local().Format("15:04:05"), "trying again in 2", "the security token is expired")
		st.seesNot("following", "lines a second")
		st.press("a")
		st.called("retry logs")
		st.s.Stream(fargate.Stream{})
		st.wait(2 * time.Second)
		st.sees("following")
		st.seesNot("expired")
	})
}

// History that is read at the beginning is not a rate.
func TestHistoryIsNoRate(t *testing.T) {
	drive(t, func() *tuitest.Session {
		s := tuitest.NewUp()
		s.LogAge = time.Hour
		s.LogBatch = 5000
		return s
	}, 120, 24, tui.Options{Page: "logs"}, func(st *driver) {
		st.wait(3 * time.Second)
		st.seesNot("lines a second")
	})
}

func TestLogLevels(t *testing.T) {
	drive(t, tuitest.NewUp, 120, 24, tui.Options{Page: "logs"}, func(st *driver) {
		st.wait(20 * time.Second)
		st.press("l")
		st.sees("warnings and errors", "warn")
		st.seesNot(" info ")
		st.press("l")
		st.sees("No line so far is one of the errors", "esc shows all lines again")
		st.s.Say(`{"level":50,"msg":"broke","stack":"main.go:7"}`)
		st.wait(time.Second)
		st.sees("error  broke  stack=main.go:7")
		st.press("esc")
		st.sees(" info ")
	})
}

func TestLogFilters(t *testing.T) {
	drive(t, tuitest.NewUp, 120, 24, tui.Options{Page: "logs"}, func(st *driver) {
		st.wait(5 * time.Second)
		st.s.Say("ОШИБКА базы данных", `{"level":"error","msg":"no","err":"boom"}`, "Traceback:\n  File a.py\nKeyError")
		st.wait(time.Second)
		st.sees("KeyError")
		for typed, want := range map[string]string{"ОШИБКА": "ОШИБКА базы", "err=boom": "err=boom", "~key.rror": "Traceback:", "file A.PY": "KeyError"} {
			st.press("/")
			for _, r := range typed {
				st.press(string(r))
			}
			st.sees("1 of ", want)
			st.press("esc")
		}
		st.press("/", "~", "(")
		st.sees("this is no regular expression yet")
		st.press("esc")
		st.seesNot("expression")
	})
}

func TestLogColumns(t *testing.T) {
	drive(t, tuitest.NewUp, 120, 24, tui.Options{Page: "logs"}, func(st *driver) {
		st.wait(5 * time.Second)
		st.s.Say(`{"level":"info","msg":"asked","status":404,"path":"/no"}`, "as it is")
		st.wait(time.Second)
		st.press("F")
		st.sees("Fields as columns", "On the screen: ", "status, path")
		st.press("status path", "enter")
		st.sees("status            path              message", "info   404               /no               asked", "as it is")
		st.golden("logs-columns")
		st.press("F", "esc")
		st.sees("status            path")
		st.press("F", "tab", "enter")
		st.seesNot("status            path")
		st.sees("asked  status=404 path=/no")
	})
}

func TestLogsAreSaved(t *testing.T) {
	drive(t, tuitest.NewUp, 120, 24, tui.Options{Page: "logs"}, func(st *driver) {
		st.wait(5 * time.Second)
		st.s.Say("a needle", "another needle")
		st.wait(time.Second)
		st.press("/", "needle", "enter", "s")
		st.called("save 2 lines")
		st.sees("2 lines saved in /home/me/workshop/logs/20261123-104200.log")
		st.s.SaveError = errors.New("write the file: no space left on device")
		st.press("s")
		st.sees("The lines were not saved: write the file: no space left on device")
		st.press("/", "xyz", "enter", "s")
		st.sees("No line is shown, so there is none to save")
	})
}

func TestLogsKeepThePlaceWhilePaused(t *testing.T) {
	drive(t, tuitest.NewUp, 80, 24, tui.Options{Page: "logs"}, func(st *driver) {
		st.wait(30 * time.Second)
		st.sees("following")
		st.press("up")
		st.sees("paused")
		before := strings.Split(st.screen(), "\n")[4:20]
		st.wait(10 * time.Second)
		st.sees("new · G follows")
		if after := strings.Split(st.screen(), "\n")[4:20]; strings.Join(before, "\n") != strings.Join(after, "\n") {
			t.Errorf("the lines moved while paused:\n%s\n\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
		}
		st.open("guide")
		st.open("logs")
		st.sees("paused")
		st.press("h", "g")
		first := strings.Split(st.screen(), "\n")[4]
		if !strings.Contains(first, "00:00:00") {
			t.Errorf("g did not go to the first line: %q", first)
		}
		st.press("G")
		st.sees("following")
		st.press("/", "no such thing")
		st.sees("No line so far")
		st.press("esc", "w", "r")
		st.sees(`{"level"`)
		st.golden("logs-wrapped")
	})
}

func TestLogsThatOutrunTheEye(t *testing.T) {
	flood := func() *tuitest.Session {
		s := tuitest.NewUp()
		s.LogEvery, s.LogBatch = 10*time.Millisecond, 40
		return s
	}
	drive(t, flood, 120, 40, tui.Options{Page: "logs"}, func(st *driver) {
		st.wait(40 * time.Second)
		st.sees("lines a second: faster than the eye", "are kept")
		st.press("/", "echo")
		st.wait(2 * time.Second)
		st.sees("/echo", "request started")
	})
}

func TestAStoppedTaskIsSaidOnEveryPage(t *testing.T) {
	drive(t, tuitest.NewUp, 80, 24, tui.Options{}, func(st *driver) {
		st.wait(3 * time.Second)
		st.s.Crash()
		st.wait(1500 * time.Millisecond)
		st.sees("Task 7f3a stopped")
		st.wait(10 * time.Second)
		st.seesNot("Task 7f3a stopped")
	})
}

// A rollback leaves its trace: what was rolled back, why, and what AWS said.
func TestRollbackIsShown(t *testing.T) {
	for _, size := range sizes {
		drive(t, tuitest.NewUp, size[0], size[1], tui.Options{Page: "live"}, func(st *driver) {
			st.wait(2 * time.Second)
			st.s.RollBack()
			st.wait(2 * time.Second)
			st.sees("2 of 2 running", "rolled back 3 s ago", "There is no image ghcr.io/stefanprodan/podinfo:6.9.x", "12 × stopped, last 10 s ago", "rev 9", "12 × was unable to place a task")
			st.seesNot("why: ")
			st.golden("live-rollback")
			st.press("w")
			st.sees("Correct `image` in terraform.tfvars", "The deployment of web:9 began.", "12 times until")
			st.golden("live-cause")
			st.press("pgdown")
			st.sees("ECS began to go back to web:3.")
			st.press("home")
			st.press("w", "down", "down", "enter")
			st.sees("bad", "TaskFailedToStart")
			st.press("enter")
			if size[0] >= 150 {
				st.press("right", "up", "enter") // the deployments stand beside the tasks
			} else {
				st.press("down", "enter")
			}
			st.sees("went back to revision 3", "ROLLBACK_SUCCESSFUL")
			st.golden("live-deployment")
		})
	}
}

// What was opened and closed again is closed: esc then leaves the page.
func TestOpenedTwiceIsClosed(t *testing.T) {
	drive(t, tuitest.NewUp, 80, 24, tui.Options{Page: "live"}, func(st *driver) {
		st.wait(2 * time.Second)
		st.s.RollBack()
		st.wait(2 * time.Second)
		st.press("w", "w", "enter", "enter", "esc")
		st.sees("1 Guide")
		st.seesNot("rolled back")
	})
}

// What is read stays where it is, whatever is added above it; the head is always there.
func TestLiveStandsStill(t *testing.T) {
	drive(t, tuitest.NewUp, 80, 24, tui.Options{Page: "live"}, func(st *driver) {
		st.wait(2 * time.Second)
		st.s.RollBack()
		st.wait(2 * time.Second)
		st.press("down", "down", "enter") // the tasks that failed, opened
		st.press("pgdown")
		at := func() int { // the line that shows the task
			for i, line := range strings.Split(st.screen(), "\n") {
				if strings.Contains(line, "badb…") {
					return i
				}
			}
			t.Fatalf("not in sight:\n%s", st.screen())
			return 0
		}
		before := at()
		for range 4 {
			st.s.Crash()
			st.wait(6 * time.Second) // another starts in its place
			st.sees("Service web")
			if now := at(); now != before {
				t.Fatalf("what is read moved from line %d to %d:\n%s", before, now, st.screen())
			}
		}
		st.press("home")
		for range 3 {
			st.s.Crash()
			st.wait(5 * time.Second)
			st.sees("Tasks ", "2 of 2 running")
		}
	})
}

func TestLiveActionsAsk(t *testing.T) {
	drive(t, tuitest.NewUp, 80, 24, tui.Options{Page: "live"}, func(st *driver) {
		st.wait(2 * time.Second)
		st.press("x")
		st.sees("Stop task 7f3a?")
		st.press("enter")
		st.called()
		st.press("x", "y")
		st.wait(2 * time.Second)
		st.press("s")
		st.sees("How many tasks?")
		st.press("44", "enter")
		st.sees("is not a number from 0 to 10")
		st.press("s", "4", "enter")
		st.wait(2 * time.Second)
		st.press("f", "y")
		calls := st.s.Calls()
		if got := strings.Join(calls, " "); !strings.Contains(got, "stop task 7f3a1c") || !strings.Contains(got, "scale 4") || strings.Contains(got, "scale 44") || !strings.Contains(got, "redeploy") {
			t.Errorf("the session was asked %q", calls)
		}
	})
}

func TestLiveOpensAShell(t *testing.T) {
	drive(t, tuitest.NewUp, 80, 24, tui.Options{Page: "live"}, func(st *driver) {
		st.wait(2 * time.Second)
		st.press("e")
		if len(st.ran) != 1 || !strings.HasPrefix(st.ran[0], "true") {
			t.Fatalf("ran %q", st.ran)
		}
		if calls := st.s.Calls(); !slices.ContainsFunc(calls, func(c string) bool { return strings.HasPrefix(c, "exec in task 7f3a1c") }) {
			t.Errorf("the session was asked %q", calls)
		}
		st.ends, st.moans = &exec.ExitError{}, "Runs /bin/sh.\nworkshop: could not run a command: it is off. \x1b[2JWrite `exec = true`.\n"
		st.press("e")
		st.sees("could not run a command: it is off", "Write `exec = true`.")
		st.seesNot("Runs /bin/sh", "workshop: ")
	})
	drive(t, func() *tuitest.Session {
		s := tuitest.NewUp()
		s.Info.ReadOnly, s.Info.Holder = true, session.ErrReadOnly.Error()
		return s
	}, 80, 24, tui.Options{Page: "live"}, func(st *driver) {
		st.wait(2 * time.Second)
		st.press("e")
		if len(st.ran) != 0 {
			t.Errorf("somebody who only looks runs %q", st.ran)
		}
	})
}

func TestAStalePictureSaysSinceWhen(t *testing.T) {
	drive(t, tuitest.NewUp, 80, 24, tui.Options{Page: "live"}, func(st *driver) {
		st.wait(2 * time.Second)
		st.s.Stale(errors.New("the sandbox does not answer"))
		st.wait(20 * time.Second)
		st.sees("stale since 00:00:0", "the sandbox does not answer")
		st.golden("live-stale")
	})
}

func TestALeftoverIsNotAReceiptForNothing(t *testing.T) {
	left := func() *tuitest.Session {
		s := tuitest.New()
		s.Left = []sweep.Leftover{{Kind: "log groups", ID: "/aws/ecs/containerinsights/x/performance", Note: "AWS makes this one by itself"}}
		return s
	}
	drive(t, left, 80, 24, tui.Options{Page: "cleanup"}, func(st *driver) {
		st.press("r")
		st.wait(2 * time.Second)
		st.sees("1 thing still there", "/aws/ecs/containerinsights/x/performance", "AWS makes this one by itself")
		st.seesNot("Everything has been deleted")
		st.golden("cleanup-left")
		st.s.Left, st.s.Unasked = nil, "roles"
		st.press("r")
		st.wait(2 * time.Second)
		st.sees("not proven", "roles could not be asked", "AccessDenied")
		st.seesNot("Everything has been deleted")
	})
}

func TestReadOnlyLooksButDoesNotTouch(t *testing.T) {
	held := func() *tuitest.Session {
		s := tuitest.NewUp()
		s.Info.ReadOnly, s.Info.Holder = true, "workshop deploy (process 4242)"
		return s
	}
	drive(t, held, 80, 24, tui.Options{Page: "deploy"}, func(st *driver) {
		st.sees("READ ONLY")
		st.press("p")
		st.sees("You can look but not change: workshop deploy (process 4242)")
		st.open("live")
		st.wait(time.Second)
		st.press("x", "s", "f")
		st.open("cleanup")
		st.press("enter")
		st.open("guide")
		st.press("n")
		st.called()
		if p := st.s.Saved(); p.Step != "" {
			t.Errorf("a reader saved %+v", p)
		}
	})
}

func TestNotReady(t *testing.T) {
	ill := func() *tuitest.Session {
		s := tuitest.New()
		s.ReadyErr = errors.New("Terraform could not be fetched: no network")
		return s
	}
	drive(t, ill, 80, 24, tui.Options{Page: "deploy"}, func(st *driver) {
		st.sees("could not get ready", "no network", "r tries again")
		st.s.ReadyErr = nil
		st.press("enter", "r")
		st.wait(4 * time.Second)
		st.sees("28 to create")
	})
}

func TestWhatHappenedWhileAwayIsSaid(t *testing.T) {
	back := func() *tuitest.Session {
		s := tuitest.NewUp()
		s.Info.Notes = []string{"2 tasks were started again.\x1b[31m"}
		return s
	}
	drive(t, back, 80, 24, tui.Options{}, func(st *driver) {
		st.wait(time.Second)
		st.sees("! 2 tasks were started again.")
		st.wait(10 * time.Second)
		st.seesNot("started again")
	})
}

func TestTheWindow(t *testing.T) {
	drive(t, tuitest.NewUp, 59, 15, tui.Options{Page: "live"}, func(st *driver) {
		st.sees("59 columns and 15 rows", "at least 60 by 16", "Nothing is lost")
		st.frame("too-small")
		st.resize(60, 16)
		st.wait(time.Second)
		st.sees("2 of 2 running")
		st.frame("live-least")
		for _, page := range tui.Pages() {
			st.open(page.Slug)
			st.golden("least-" + page.Slug)
		}
		st.open("live")
		st.resize(20, 3)
		st.resize(1, 1)
		st.press("j", "x", "enter")
		st.resize(200, 60)
		st.open("live")
		st.press("x")
		st.resize(60, 16) // in the middle of a dialog
		st.sees("Stop task", "No, leave it")
		st.resize(30, 10)
		st.resize(120, 40)
		st.sees("Stop task")
		st.press("esc")
		st.sees("2 of 2 running")
	})
}

func TestTheBackgroundIsLight(t *testing.T) {
	drive(t, tuitest.New, 80, 24, tui.Options{}, func(st *driver) {
		before := st.m.View().Content
		st.handle(tea.BackgroundColorMsg{Color: white{}})
		if st.m.View().Content == before {
			t.Error("the colours did not change")
		}
	})
}

type white struct{}

func (white) RGBA() (r, g, b, a uint32) { return 0xffff, 0xffff, 0xffff, 0xffff }

func TestThePlaceIsKept(t *testing.T) {
	var saved session.Progress
	drive(t, tuitest.New, 120, 40, tui.Options{}, func(st *driver) {
		st.press("n", "n", "s", "down", "down", "enter")
		st.sees("Two tasks in two zones")
		saved = st.s.Saved()
		if saved.Step != "explore" || strings.Join(saved.Done, " ") != "architecture welcome" {
			t.Errorf("saved %+v", saved)
		}
	})
	back := func() *tuitest.Session { s := tuitest.New(); s.Progress = saved; return s }
	drive(t, back, 120, 40, tui.Options{}, func(st *driver) {
		st.sees("Two tasks in two zones", "✓ Welcome", "▸ Explore", "· Deploy")
	})
}

func TestRunABlock(t *testing.T) {
	at := func() *tuitest.Session { s := tuitest.NewUp(); s.Progress.Step = "deploy"; return s }
	drive(t, at, 120, 40, tui.Options{}, func(st *driver) {
		st.sees("curl -i http://localhost:18080")
		st.press("tab", "tab", "enter")
		st.wait(2 * time.Second)
		st.called("run curl -i http://localhost:18080")
		st.sees("$ curl -i http://localhost:18080", "HTTP/1.1 200 OK", "done in 1 s", "greetings from podinfo")
		st.golden("guide-output")
		st.open("deploy")
		st.open("guide")
		st.sees("HTTP/1.1 200 OK")
		st.press("enter")
		st.wait(200 * time.Millisecond)
		st.press("ctrl+c")
		st.sees("stopped")
		if st.quit {
			t.Error("ctrl+c quit")
		}
	})
}

// Wrong keys do nothing but what they say.
func TestEveryKeyOnEveryPage(t *testing.T) {
	for _, make := range []func() *tuitest.Session{tuitest.New, tuitest.NewUp} {
		drive(t, make, 80, 24, tui.Options{}, func(st *driver) {
			for _, page := range tui.Pages() {
				st.press("esc", "esc", page.Key)
				for r := ' '; r <= '~'; r++ {
					if r == 'q' || '1' <= r && r <= '9' {
						continue
					}
					st.press(string(r), "esc")
				}
				st.press("up", "down", "left", "right", "pgup", "pgdown", "home", "end", "tab", "backspace", "esc")
			}
			for _, c := range st.s.Calls() {
				if !strings.HasPrefix(c, "plan") && c != "watch" && c != "receipt" {
					t.Errorf("a single key made the session %s", c)
				}
			}
		})
	}
}

func atDeploy() *tuitest.Session { s := tuitest.New(); s.Progress.Step = "deploy"; return s }

// What a step teaches with: checks that say what is missing, hints one at a
// time, questions that explain.
func TestTeaching(t *testing.T) {
	for _, size := range sizes {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			drive(t, atDeploy, size[0], size[1], tui.Options{}, func(st *driver) {
				st.wait(time.Second)
				st.sees("Checks 0 of 2", "c check")
				st.seesNot("Terraform has made 0") // nobody has asked
				st.press("c")
				st.wait(time.Second)
				st.sees("✗ everything in the plan exists", "→ Terraform has made 0 resources so far.", "✗ the URL answers")
				st.press("h")
				st.sees("Hint 1 of 2", "Press enter on the Deploy page.")
				st.press("h", "h")
				st.sees("Hint 2 of 2", "a applies the plan that you see.", "That was the last hint")
				st.golden("guide-checks")
				st.press("a")
				st.sees("Question 1 of 1", "What does Terraform do")
				st.seesNot("Nothing is rolled back")
				st.open("guide")
				st.sees("No. Nothing is rolled back.")
				st.open("deploy")
				st.sees("Yes. The next plan holds what is still missing.")
				st.golden("guide-quiz")
				st.press("enter")
				st.sees("1 answered right")
				st.press("esc")
				st.open("deploy")
				st.sees("Nothing is deployed yet") // digits are pages again
			})
		})
	}
}

// Checks run by themselves while the step is read.
func TestChecksRunByThemselves(t *testing.T) {
	at := func() *tuitest.Session { s := tuitest.NewUp(); s.Progress.Step = "deploy"; return s }
	drive(t, at, 120, 40, tui.Options{}, func(st *driver) {
		st.wait(2 * time.Second)
		st.sees("Checks 2 of 2", "✓ the URL answers", "Every check of this step passes")
		n := len(st.s.Calls())
		st.wait(time.Minute)
		if again := len(st.s.Calls()); again > n {
			t.Errorf("what passed was asked %d times more", again-n)
		}
	})
	drive(t, atDeploy, 120, 40, tui.Options{}, func(st *driver) {
		st.wait(61 * time.Second)
		n := 0
		for _, c := range st.s.Calls() {
			if c == "check deploy" {
				n++
			}
		}
		if n < 3 || n > 6 {
			t.Errorf("the checks ran %d times in a minute", n)
		}
	})
}

func TestSolve(t *testing.T) {
	drive(t, atDeploy, 120, 40, tui.Options{}, func(st *driver) {
		st.press("S")
		st.sees("Do this step for you?", "1. Plan and apply the configuration.", "you see how much it is and are asked")
		st.golden("guide-solve")
		st.press("enter")
		st.called()
		st.press("S", "y")
		st.wait(4 * time.Second)
		st.sees("Apply this plan?", "create 28")
		st.press("enter") // no
		st.wait(time.Second)
		st.sees("the plan was not agreed to")
		st.press("S", "y")
		st.wait(4 * time.Second)
		st.press("y")
		st.wait(20 * time.Second)
		st.sees("runs", "applying")
		st.open("deploy")
		st.sees("Applying", "of 28")
		st.wait(90 * time.Second)
		st.sees("Done in")
		st.open("guide")
		st.wait(time.Second)
		st.sees("Checks 2 of 2", "done in")
	})
	drive(t, atDeploy, 120, 40, tui.Options{}, func(st *driver) {
		st.press("S", "y")
		st.wait(4 * time.Second)
		st.press("ctrl+c") // while it asks
		st.wait(time.Second)
		st.called("solve deploy", "plan destroy=false", "stop hard=false")
		st.press("esc")
		st.wait(time.Second)
		st.seesNot("planning")
	})
}

func TestTheEnd(t *testing.T) {
	last := func() *tuitest.Session { s := tuitest.New(); s.Progress.Step = "next"; return s }
	drive(t, last, 120, 40, tui.Options{}, func(st *driver) {
		st.press("n")
		st.wait(100 * time.Millisecond)
		st.sees("Progress so far", "2 of 2", "well done")
		st.golden("guide-end")
		if p := st.s.Saved(); strings.Join(p.Done, "") != "next" {
			t.Errorf("saved %+v", p)
		}
		st.press("esc")
		st.sees("What to read next")
	})
}

func TestSearch(t *testing.T) {
	drive(t, tuitest.New, 80, 24, tui.Options{}, func(st *driver) {
		st.press("/")
		st.sees("all steps", "Architecture", "Where next")
		st.press("balancer")
		st.sees("4 places", "A load balancer in two zones")
		st.seesNot("In this workshop you deploy")
		st.golden("guide-search")
		st.press("down", "down", "enter")
		st.sees("The list of addresses a load balancer may send a request to")
		st.press("/", "2", "enter") // digits are text, too
		st.press("/", "no such thing")
		st.sees("No step has this")
		st.press("enter", "esc")
	})
}

// A stack whose tasks stop by themselves says when, and that the rest stays.
func TestTheTasksStopByThemselves(t *testing.T) {
	up := func() *tuitest.Session {
		s := tuitest.NewUp()
		s.TTL = &session.TTL{At: time.Now().Add(3 * time.Hour)}
		return s
	}
	drive(t, up, 120, 40, tui.Options{Page: "deploy"}, func(st *driver) {
		st.wait(2 * time.Second)
		st.sees("The tasks stop at 03:00, in 2 h 59 min. Everything else stays, and costs money on AWS until `workshop destroy`.")
		st.open("live")
		st.sees("The tasks stop at 03:00, in 2 h 59 min.")
		st.wait(3 * time.Hour)
		st.sees("The tasks were to stop at 03:00")
	})
}
