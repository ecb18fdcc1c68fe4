//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"workshop/internal/lesson"
	"workshop/steps"
)

// learner does what the course says, on its screen and by its own offers.
type learner struct {
	*terminal
	course *lesson.Course
	at     int
}

// TestCourseByWhatItsTextOffers goes through the whole course as its text tells
// learners to: with the blocks and links that they can press enter on, and the
// pages. Every step's checks are seen to fail before and to pass after.
// It takes minutes, so it runs when it is asked for:
//
//	WORKSHOP_LONG=1 go test ./cmd/workshop -run CourseByWhat -timeout 30m
func TestCourseByWhatItsTextOffers(t *testing.T) {
	if os.Getenv("WORKSHOP_LONG") == "" {
		t.Skip("takes minutes: set WORKSHOP_LONG=1 to run it")
	}
	needsTerraform(t)
	t.Parallel()
	p := newPlace(t)
	// An editor that writes what the block shows into the file that it opens.
	editor := filepath.Join(p.home, "editor")
	script := "#!/bin/sh\nsed -i.before -e 's#\"/healthz\"#\"/readyz\"#' -e 's/target_value = 60/target_value = 10/' \"$1\"\n"
	if err := os.WriteFile(editor, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	p.env = append(p.env, "VISUAL=", "EDITOR="+editor)
	course, err := lesson.Load(steps.Files)
	if err != nil {
		t.Fatal(err)
	}
	l := &learner{terminal: p.terminal(120, 60), course: course, at: -1}
	l.sees(soon, "1 of 11", "nothing deployed")

	l.step("welcome", true)
	l.offer(`message = "Hello`)
	l.passes()

	l.step("architecture", true)
	l.offer("vpc_cidr =")
	l.passes()

	l.step("prerequisites", false) // in the sandbox there is nothing that could be missing
	l.run("Ask Terraform for its version")
	l.passes()

	l.step("plan", true)
	l.plan()
	l.passes()

	l.step("deploy", true)
	l.apply("Done in")
	l.run("Ask the service")
	l.passes()

	l.step("explore", true)
	l.run("A request that is easy to find again")
	l.passes()

	l.step("change", true)
	l.offer("desired_count = 3")
	l.plan()
	l.apply("Done in")
	l.offer(`message = "Changed`)
	l.plan()
	l.apply("Done in")
	l.passes()

	l.step("break", true)
	l.offer(`podinfo:6.9.2-typo"`)
	l.plan()
	l.apply("The apply stopped")
	l.offer(`podinfo:6.9.2"`)
	l.plan()
	l.apply("Done in")
	l.run("End one of the tasks")
	l.checks("a task ended, and was replaced")
	l.offer("load_balancer.tf: change")
	l.plan()
	l.apply("Done in")
	l.run("One task is not ready any more")
	l.passes()

	l.step("scale", true)
	l.offer("desired_count = 2")
	l.offer("service.tf: change")
	l.plan()
	l.apply("Done in")
	l.focus("run: Load")
	l.types(enter)
	l.passes()
	l.types("\x03") // the load goes on until it is stopped
	l.sees(soon, "The command was stopped")

	l.step("clean-up", true)
	l.types("5")
	l.sees(soon, "resources, for")
	l.types(enter)
	l.sees(time.Minute, "to delete")
	l.types("x")
	l.sees(soon, "Type destroy to go on")
	l.types("destroy" + enter)
	l.sees(long, "Everything has been deleted", "left     nothing")
	l.types("1")
	l.passes()

	l.step("where-next", true)
	l.offer("private_tasks =")
	l.plan()
	l.types("1")
	l.passes()

	l.types("n")
	l.sees(soon, "well done")
	l.types("q")
	if code := l.ends(soon); code != 0 {
		t.Errorf("the program exited with %d", code)
	}
}

// step goes on to the next one, which must be the one named, and sees whether a
// check of it fails yet.
func (l *learner) step(id string, fails bool) {
	l.t.Helper()
	if l.at++; l.at > 0 {
		l.types("n")
	}
	s := l.course.Steps[l.at]
	if s.ID != id {
		l.t.Fatalf("step %d is %s, not %s", l.at+1, s.ID, id)
	}
	l.sees(soon, fmt.Sprintf("%d of %d", l.at+1, len(l.course.Steps)), s.Goals[0][:20])
	l.t.Logf("%s", id)
	if fails {
		l.types("c")
		l.sees(time.Minute, "✗")
		l.types("\x1b")
		time.Sleep(100 * time.Millisecond) // else the next key would be pressed with alt
	}
}

// passes waits until every check of the step has passed.
func (l *learner) passes() {
	l.t.Helper()
	n := len(l.course.Steps[l.at].Checks)
	l.sees(long, fmt.Sprintf("Checks  %d of %d", n, n))
}

// checks waits until one check has passed.
func (l *learner) checks(title string) {
	l.t.Helper()
	l.sees(long, "✓ "+title)
}

// focus moves the focus on to the block whose title or first line says so.
func (l *learner) focus(says string) {
	l.t.Helper()
	for range 40 {
		l.types(tab)
		for range 10 {
			time.Sleep(20 * time.Millisecond)
			title := false // of the block with the focus
			for line := range strings.Lines(l.text()) {
				focused := strings.Contains(line, "enter runs") || strings.Contains(line, "enter sets") || strings.Contains(line, "enter opens")
				if (focused || title) && strings.Contains(line, says) {
					return
				}
				title = focused
			}
		}
	}
	l.t.Fatalf("nothing that can have the focus says %q:\n%s", says, l.text())
}

// offer takes the offer of a block.
func (l *learner) offer(says string) {
	l.t.Helper()
	l.focus(says)
	l.types(enter)
	time.Sleep(time.Second)
}

// run runs the block of that title to its end.
func (l *learner) run(title string) {
	l.t.Helper()
	l.focus("run: " + title)
	l.types(enter)
	l.sees(time.Minute, "✓ done in")
}

// plan makes a plan on the Deploy page and comes back.
func (l *learner) plan() {
	l.t.Helper()
	l.types("2")
	time.Sleep(200 * time.Millisecond)
	l.types("p")
	l.sees(time.Minute, "a apply this plan")
	l.types("1")
}

// apply approves the plan that was made, sees how it ends and comes back.
func (l *learner) apply(ends string) {
	l.t.Helper()
	l.types("2")
	l.sees(soon, "a apply this plan")
	l.types("a")
	l.sees(soon, "No, not yet")
	l.types(tab + enter)
	l.sees(2*long, ends)
	l.types("1")
}
