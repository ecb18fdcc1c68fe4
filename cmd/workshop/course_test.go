package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestWholeCourse is a learner who has every step done for them, in order, on
// one sandbox: before, the step's checks say that something is missing; after,
// that nothing is. In the end the account is empty.
func TestWholeCourse(t *testing.T) {
	needsTerraform(t)
	t.Parallel()
	p := newPlace(t)
	p.sandbox()

	var course []struct{ ID string }
	if err := json.Unmarshal([]byte(p.run(0, "steps", "--json")), &course); err != nil || len(course) == 0 {
		t.Fatalf("no steps: %v", err)
	}
	for _, step := range course {
		began := time.Now()
		before := 3
		if step.ID == "prerequisites" {
			before = 0 // in the sandbox there is nothing that could be missing
		}
		p.run(before, "check", step.ID)
		p.run(0, "solve", step.ID, "--yes")
		out := p.run(0, "check", step.ID)
		if strings.Contains(out, "FAILED") {
			t.Errorf("%s passes with a failed check:\n%s", step.ID, out)
		}
		t.Logf("%-13s %3.0f s", step.ID, time.Since(began).Seconds())
	}
	lines := strings.Split(strings.TrimSpace(p.run(0, "destroy", "--yes", "--json")), "\n")
	var receipt struct {
		Type   string
		Left   int
		Proven bool
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &receipt); err != nil || receipt.Type != "receipt" || receipt.Left != 0 {
		t.Errorf("the account is not empty: %s (%v)", lines[len(lines)-1], err)
	}
}
