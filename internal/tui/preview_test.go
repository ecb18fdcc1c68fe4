package tui_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"workshop/internal/lesson"
	"workshop/internal/tui"
	"workshop/internal/tui/tuitest"
)

const longStep = `---
title: Deploy
estimate: 5
checks: [{id: a, title: it is up, that: true}]
quiz: [{ask: Is it so, answers: [{text: "Yes", right: true}, {text: "No"}]}]
---

First of all.

Second of all.

Third of all.

??? info "Aside"
    Folded text.

## A heading

Fourth of all.

` + "```bash\nls\n```\n" + `

Fifth of all.

Sixth of all.

Seventh of all.

Eighth of all.
`

func parsed(t *testing.T, file, src string) *lesson.Step {
	t.Helper()
	s, err := lesson.Parse(file, []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// An author saves: the screen shows it at the place that was read.
func TestPreview(t *testing.T) {
	step := func(file, title, text string) *lesson.Step {
		return parsed(t, file, "---\ntitle: "+title+"\nestimate: 1\n---\n\n"+text+"\n")
	}
	course := func(steps ...*lesson.Step) *lesson.Course { return &lesson.Course{Title: "Mine", Steps: steps} }
	one, three := step("01-one.md", "One", "text"), step("03-three.md", "Three", "more text")
	deploy := parsed(t, "02-deploy.md", longStep)
	open := func() *tuitest.Session {
		s := tuitest.New()
		s.Course = course(one, deploy, three)
		return s
	}
	drive(t, open, 80, 24, tui.Options{}, func(st *driver) {
		renew := func(c *lesson.Course, faults ...error) {
			st.m.Renewed(tui.Draft{Course: c, Faults: faults})
			st.wait(time.Second)
		}
		st.press("n", "tab", "enter", "down", "down", "down", "down")
		st.sees("2 of 3", "Folded text.", "Third of all.")
		st.seesNot("Second of all.")

		// Something before, something changed, the fold and the scroll stay.
		renew(course(one, parsed(t, "02-deploy.md", replaced(longStep, "First of all.", "Zeroth.\n\nFirst of all.", "Fifth", "FIFTH")), three))
		st.sees("Folded text.", "Third of all.", "FIFTH")
		st.seesNot("Second of all.")

		// A mistake is said for as long as there is one, whole, and the page gives it the room.
		broken := errors.New(`02-deploy.md:3:11: estimate "soon" is not a number of minutes: write 15 or 15-20 (you see its text from before that)`)
		renew(course(one, deploy, three), broken, errors.New("b.md:1:1: b"), errors.New("c.md:1:1: c"), errors.New("d.md:1:1: d"), errors.New("e.md:1:1: e"))
		st.sees("02-deploy.md:3:11", "before that)", "b.md", "and 3 mistakes more")
		st.wait(time.Hour)
		st.sees("02-deploy.md:3:11")
		st.golden("preview-broken")
		st.open("deploy")
		st.sees("02-deploy.md:3:11")
		st.open("guide")
		st.resize(60, 16) // no room for it
		st.resize(80, 24)
		renew(course(one, deploy, three))
		st.sees("Mended", "Third of all.", "Folded text.")
		renew(course(one, deploy, three), errors.New("b.md:1:1: b"))
		st.seesNot("Mended")
		renew(course(one, deploy, three))

		// The question that was being answered is gone.
		st.press("a")
		st.sees("Question 1 of 1")
		renew(course(one, step("02-deploy.md", "Deploy", "Without a question.")))
		st.sees("Without a question.", "2 of 2")
		renew(course(one, deploy, three))

		// Another name, another place in the order: it is the same step.
		renamed := parsed(t, "02-build.md", longStep)
		renew(course(renamed, one, three))
		st.sees("1 of 3", "Deploy")
		renew(course(one, three))
		st.sees("1 of 2", "One", `The step "Deploy" is no longer there`)

		// The search that is open looks through what is there now.
		st.press("/", "needle")
		st.sees("No step has this")
		renew(course(step("01-one.md", "One", "a needle"), three))
		st.sees("1 place")
		st.press("esc")

		// Without a step at all nothing breaks, and then there is one again.
		renew(course(), errors.New("workshop.yaml:1:1: there are no steps"))
		st.sees("there are no steps")
		st.press("n", "p", "s", "enter", "/", "esc", "c", "h")
		renew(course(one, three))
		st.sees("1 of 2", "One")
	})
}

func replaced(s string, oldnew ...string) string { return strings.NewReplacer(oldnew...).Replace(s) }
