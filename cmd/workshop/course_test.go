package main

import (
	"encoding/json"
	"maps"
	"slices"
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
		if step.ID == "break" {
			p.explainsWhatWasBroken()
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

// explainsWhatWasBroken has every task that the course's failures have stopped explained by
// what the step did, and the service well again.
func (p *place) explainsWhatWasBroken() {
	p.t.Helper()
	var st struct {
		Tasks []struct {
			ID        string
			StoppedAt *time.Time     `json:"stopped_at"`
			Reason    string         `json:"stopped_reason"`
			Codes     map[string]int `json:"exit_codes"`
			Answer    *struct{ ID string }
		}
		Deployments []struct {
			Status string
			Cause  *struct{ ID string }
		}
	}
	if err := json.Unmarshal([]byte(p.run(0, "status", "--json")), &st); err != nil {
		p.t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, t := range st.Tasks {
		switch {
		case t.StoppedAt == nil:
		case t.Answer == nil:
			p.t.Errorf("task %s is not explained: %s %v", t.ID, t.Reason, t.Codes)
		default:
			seen[t.Answer.ID] = true
		}
	}
	want := []string{"image-not-found", "exit-255", "elb-health", "scaled"}
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		p.t.Errorf("the stopped tasks are explained by %q, want %q", got, want)
	}
	rolledBack := 0
	for _, d := range st.Deployments {
		if d.Status == "ROLLBACK_SUCCESSFUL" {
			rolledBack++
			if d.Cause == nil || d.Cause.ID != "image-not-found" {
				p.t.Errorf("a rollback's cause is %+v", d.Cause)
			}
		}
	}
	if rolledBack != 1 {
		p.t.Errorf("%d deployments were rolled back, want 1", rolledBack)
	}
	p.run(0, "diagnose")
}
