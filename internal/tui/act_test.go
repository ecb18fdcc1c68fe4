package tui_test

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"workshop/internal/lesson"
	"workshop/internal/session"
	"workshop/internal/stack"
	"workshop/internal/tui"
	"workshop/internal/tui/tuitest"
)

const actions = `# Actions

## Set it

~~~ { .hcl .set title="terraform.tfvars" }
message = "Hello from my first task"
~~~

## Open it

~~~ { .hcl .open file="service.tf" find="desired_count" title="service.tf: how many" }
desired_count = 3
~~~

[Open the service's file](#open:service.tf:6)

[See it live](#page:live)

[Back to the welcome](01-welcome.md)

[How to open it](#open-it)

[What Terraform says](https://example.com/terraform)

A [link](#page:logs) within a paragraph.

[A shell in your workspace](#shell)

~~~ { .text .copy }
a pattern
~~~

## The end

The last paragraph.
`

// acting returns a session at a step whose text offers every action.
func acting(t *testing.T, change ...func(*tuitest.Session)) func() *tuitest.Session {
	return func() *tuitest.Session {
		s := tuitest.New()
		step, err := lesson.Parse("05-explore.md", []byte(actions))
		if err != nil {
			t.Fatal(err)
		}
		for i, old := range s.Course.Steps {
			if old.ID == "explore" {
				s.Course.Steps[i] = step
			}
		}
		s.Progress.Step = "explore"
		for _, c := range change {
			c(s)
		}
		return s
	}
}

func readOnly(s *tuitest.Session) {
	s.Info.ReadOnly, s.Info.Holder = true, "workshop deploy (process 4242)"
}

func tabs(n int) []string { return strings.Split(strings.Repeat("tab ", n-1)+"tab", " ") }

func TestActionsSayWhatTheyDo(t *testing.T) {
	for _, size := range sizes {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			drive(t, acting(t), size[0], size[1], tui.Options{}, func(st *driver) {
				st.golden("actions")
				for _, says := range []string{"enter set message", "enter open service.tf", "enter open service.tf", "enter go there", "enter go there",
					"enter go there", "enter copy the address", "enter a shell; exit comes back", "enter copy ·"} {
					st.press("tab")
					st.sees(says)
				}
				st.golden("actions-last")
				st.press("tab")
				st.sees("enter set message", "enter sets")
			})
		})
	}
	drive(t, acting(t), 80, 24, tui.Options{ASCII: true}, func(st *driver) {
		st.press(tabs(4)...)
		st.sees("-> See it live", "enter goes there")
	})
}

func TestSet(t *testing.T) {
	drive(t, acting(t), 80, 24, tui.Options{}, func(st *driver) {
		st.press("tab", "enter")
		st.called("set message=Hello from my first task")
		st.sees("── terraform.tfvars", "message is now", "is kept in")
		st.golden("actions-set")
		st.press("enter")
		st.sees("It was set so already")
		if got := st.s.Files["terraform.tfvars"]; strings.Count(got, "message") != 1 {
			t.Errorf("terraform.tfvars has %q", got)
		}
	})
	up := func() *tuitest.Session {
		s := tuitest.NewUp()
		s.Course, s.Progress.Step = acting(t)().Course, "explore"
		s.PlanAs = &stack.Plan{Update: 1, Changes: []stack.Change{{Address: "aws_ecs_service.app", Type: "aws_ecs_service", Action: stack.ActionUpdate, Title: "service"}}}
		return s
	}
	drive(t, up, 80, 24, tui.Options{}, func(st *driver) { // a plan of before is not offered any more
		st.open("deploy")
		st.press("p")
		st.wait(3 * time.Second)
		st.sees("1 to change")
		st.open("guide")
		st.press("tab", "enter")
		st.open("deploy")
		st.seesNot("1 to change")
	})
	drive(t, acting(t, readOnly), 80, 24, tui.Options{}, func(st *driver) {
		st.press("tab", "enter")
		st.sees("You can look but not change: workshop deploy (process 4242)")
		st.called()
	})
}

// The file opens in the learner's editor, at the line that the text means now.
func TestOpenInTheirEditor(t *testing.T) {
	vi := func(s *tuitest.Session) { s.OwnEditor = []string{"vi"} }
	drive(t, acting(t, vi), 80, 24, tui.Options{}, func(st *driver) {
		st.press("tab", "tab", "enter")
		st.sees("service.tf is as it was")
		st.s.Files["service.tf"] = "\n\n" + tuitest.Service
		st.press("enter", "tab", "enter")
		if got := strings.Join(st.ran, "; "); got != "vi +3 /workspace/service.tf; vi +5 /workspace/service.tf; vi +6 /workspace/service.tf" {
			t.Errorf("%s", got)
		}
		st.ends = &exec.ExitError{}
		st.press("enter")
		st.sees("Your editor vi ended with an error")
		st.ends = errors.New("exec: \"vi\": executable file not found in $PATH")
		st.press("enter")
		st.sees("could not be started, so here is a small one", "line 6 of 12")
		st.press("esc")
		st.ends = nil
		st.s.Files["service.tf"] = "syntax error"
		st.press("enter")
		st.sees("service.tf cannot be read by Terraform: line 1", "✗ cannot be read", "line 1: An argument or block definition is required here.")
	})
	drive(t, acting(t, vi, readOnly), 80, 24, tui.Options{}, func(st *driver) {
		st.press("tab", "tab", "enter")
		st.sees("service.tf line 3 of 10", "READ ONLY")
		st.press("x", "enter", "ctrl+s", "backspace")
		st.sees("You can look but not change", "desired_count = 2")
		st.press("down")
		st.sees("line 4 of 10")
		st.press("esc")
		st.sees("Set it")
		st.called()
		if len(st.ran) > 0 {
			t.Errorf("who may only look was given %q", st.ran)
		}
	})
}

// Without an editor of their own there is a small one.
func TestSmallEditor(t *testing.T) {
	for _, size := range sizes {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			drive(t, acting(t), size[0], size[1], tui.Options{}, func(st *driver) {
				st.press("tab", "tab", "enter")
				st.sees("service.tf line 3 of 10", "saved", "ctrl+s save")
				st.golden("editor")
				st.press("end", "backspace", "4") // digits are text
				st.sees("desired_count = 4", "not saved")
				st.press("esc")
				st.sees("service.tf is not saved", "Save it and leave")
				st.press("enter") // the safe answer
				st.sees("desired_count = 4")
				st.press("ctrl+s")
				st.sees("Saved; the file as it was is kept in")
				if got := st.s.Files["service.tf"]; got != strings.Replace(tuitest.Service, "= 2", "= 4", 1) {
					t.Errorf("saved %q", got)
				}
				st.press("enter", "syntax error", "ctrl+s")
				st.sees("line 4: An argument or block", "Terraform cannot read it")
				st.golden("editor-fault")
				st.press("x", "ctrl+c")
				st.sees("service.tf is not saved", "Quit without it")
				st.press("esc", "esc", "x")
				st.sees("Set it")
				if got := st.s.Files["service.tf"]; strings.Contains(got, "errorx") || st.quit {
					t.Errorf("what was to be lost was saved: %q", got)
				}
				st.press("enter", "y", "esc", "s") // saved, but left open: it cannot be read
				st.sees("cannot read it")
				st.press("ctrl+c")
				if !st.quit {
					t.Error("with nothing to lose ctrl+c did not quit")
				}
				st.called("write service.tf", "write service.tf", "write service.tf")
			})
		})
	}
}

// What the small editor cannot keep, it says before it saves.
func TestSmallEditorOnOddFiles(t *testing.T) {
	odd := func(text string) func() *tuitest.Session {
		return acting(t, func(s *tuitest.Session) { s.Files["service.tf"] = text })
	}
	drive(t, odd("a = 1\r\n\tb = \"\x1b[31m\u202e\"\r\n"), 80, 24, tui.Options{}, func(st *driver) {
		st.press("tab", "tab", "enter")
		st.sees("writes tabs as spaces and leaves control characters out", "line 1 of 3")
		st.press("esc") // nothing was typed, nothing is asked
		st.sees("Set it")
		st.called()
	})
	drive(t, odd(strings.Repeat("# many\n", 20_000)+"desired_count = 1 # "+strings.Repeat("long ", 50)+"the end"), 80, 24, tui.Options{}, func(st *driver) {
		st.press("tab", "tab", "enter")
		st.sees("line 20001 of 20001", "20001  desired_count = 1")
		st.press("end")
		st.sees("the end")
		st.seesNot("desired_count")
	})
	drive(t, odd(""), 80, 24, tui.Options{}, func(st *driver) {
		st.press("tab", "tab", "enter")
		st.sees("new file")
		st.press("x = 1", "ctrl+s")
		if got := st.s.Files["service.tf"]; got != "x = 1" {
			t.Errorf("saved %q", got)
		}
	})
}

func TestLinks(t *testing.T) {
	drive(t, acting(t), 80, 24, tui.Options{}, func(st *driver) {
		st.press(tabs(4)...)
		st.press("enter")
		st.sees("Nothing runs yet") // page 3
		st.open("guide")
		st.press("tab", "enter")
		st.sees("In this workshop you deploy", "b back")
		if p := st.s.Saved(); p.Step != "welcome" {
			t.Errorf("saved %+v", p)
		}
		st.press("b")
		st.sees("Back to the welcome", "enter go there")
		st.press("tab", "enter")
		st.sees("Open it")
		st.seesNot("## Set it", "message =")
		st.press("backspace")
		st.press("tab", "enter")
		if st.copied != "https://example.com/terraform" {
			t.Errorf("copied %q", st.copied)
		}
		st.press("tab", "tab", "enter")
		if st.copied != "a pattern" {
			t.Errorf("copied %q", st.copied)
		}
		st.press("b")
		st.sees("nowhere to go back to")
	})
}

func TestShell(t *testing.T) {
	drive(t, acting(t), 80, 24, tui.Options{}, func(st *driver) {
		st.press(tabs(8)...)
		st.press("enter")
		if len(st.ran) != 1 || !strings.HasPrefix(st.ran[0], "sh\nThis is a shell") || !strings.Contains(st.ran[0], "`exit` brings you back") {
			t.Fatalf("%q", st.ran)
		}
		st.sees("A shell in your workspace", "enter a shell") // the same place
		st.ends = &exec.ExitError{}
		st.press("enter")
		st.seesNot("No shell")
		st.ends = errors.New("no such file")
		st.press("enter")
		st.sees("No shell could be opened: no such file")
	})
	drive(t, acting(t, readOnly), 80, 24, tui.Options{}, func(st *driver) {
		st.press(tabs(8)...)
		st.press("enter")
		if len(st.ran) != 1 || !strings.Contains(st.ran[0], "look, but change nothing") {
			t.Errorf("%q", st.ran)
		}
	})
}

func TestContents(t *testing.T) {
	drive(t, acting(t), 80, 24, tui.Options{}, func(st *driver) {
		st.sees("t contents")
		st.press("t")
		st.sees("3 headings", "▸ Set it", "Open it", "The end")
		st.golden("contents")
		st.press("down", "down", "enter")
		st.sees("The last paragraph")
		st.press("t")
		st.seesNot("▸ Set it")
		st.press("t", "b")
		st.sees("Set it")
		st.seesNot("The last paragraph")
		st.press("n", "t")
		st.sees("This step has no headings")
	})
}

// What a step's block printed is there on coming back, and after a restart.
func TestOutputIsKept(t *testing.T) {
	var kept map[string]session.Output
	drive(t, atDeploy, 120, 40, tui.Options{}, func(st *driver) {
		st.s.Course.Steps[3].Blocks[3].Source = "curl -i localhost" // needs nothing that is deployed
		st.press("n", "p", "tab", "tab", "enter")
		st.wait(2 * time.Second)
		st.sees("greetings from podinfo")
		st.press("n")
		st.seesNot("greetings from podinfo")
		st.press("p")
		st.sees("greetings from podinfo", "done in")
		kept = st.s.Outputs()
		st.press("o", "X")
		st.seesNot("greetings from podinfo")
		st.press("n", "p")
		st.seesNot("greetings from podinfo")
	})
	again := func() *tuitest.Session { s := atDeploy(); s.Progress.Outputs = kept; return s }
	drive(t, again, 120, 40, tui.Options{}, func(st *driver) {
		st.sees("$ curl -i localhost", "greetings from podinfo", "done 1 Jan 00:0")
	})
}

func TestReset(t *testing.T) {
	done := func() *tuitest.Session {
		s := atDeploy()
		s.Progress.Done, s.Progress.Hints = []string{"deploy"}, map[string]int{"deploy": 2}
		return s
	}
	drive(t, done, 80, 24, tui.Options{}, func(st *driver) {
		st.press("c")
		st.sees("Hint 2 of 2")
		st.press("R")
		st.sees("Begin this step anew?", "1. Take the configuration back to what it was.", "forgotten", "kept as a copy")
		st.golden("guide-reset")
		st.press("enter") // the safe answer
		st.called()
		st.press("R", "y")
		st.wait(time.Second)
		st.called("reset deploy")
		st.sees("reset: Deploy", "done in")
		st.press("c")
		st.seesNot("Hint 2 of 2")
		if p := st.s.Saved(); p.Step != "deploy" || len(p.Done) > 0 {
			t.Errorf("saved %+v", p)
		}
	})
	drive(t, acting(t), 80, 24, tui.Options{}, func(st *driver) { // nothing to take back, checks or hints
		st.press("R")
		st.sees("Nothing that you made changes")
	})
	drive(t, acting(t, readOnly), 80, 24, tui.Options{}, func(st *driver) {
		st.press("R")
		st.sees("You can look but not change")
		st.called()
	})
}
