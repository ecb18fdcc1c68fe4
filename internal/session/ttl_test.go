package session

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"workshop/internal/stack"
	"workshop/internal/target"
	"workshop/terraform"
)

func TestParseTTL(t *testing.T) {
	for text, want := range map[string]time.Duration{"4h": 4 * time.Hour, " 90m": 90 * time.Minute, "0": 0, "off": 0, "720h": maxTTL, "10m": minTTL} {
		if got, err := ParseTTL(text); err != nil || got != want {
			t.Errorf("%q is %s, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{"": "is not a duration", "4": "is not a duration", "2d": "is not a duration", "5m": "too short", "-1h": "too short", "721h": "too long"} {
		if _, err := ParseTTL(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func openBundled(t *testing.T) *Session {
	t.Helper()
	s, err := Open(Options{Kind: target.Sandbox, Workspace: t.TempDir(), Configuration: terraform.Files, Steps: fstest.MapFS{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestSetTTL(t *testing.T) {
	s := openBundled(t)
	values := func() string {
		data, err := os.ReadFile(filepath.Join(s.Workspace.TerraformDir(), "terraform.tfvars"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return string(data)
	}
	before := values()
	now := time.Date(2026, 11, 26, 10, 0, 30, 0, time.UTC)
	changes, undo, err := s.SetTTL(t.Context(), 4*time.Hour, now)
	if err != nil || len(changes) == 0 || !strings.Contains(changes[0], "ttl_until is now \"2026-11-26T14:01:00Z\"") {
		t.Fatal(changes, err)
	}
	if !strings.Contains(values(), `ttl_until = "2026-11-26T14:01:00Z"`) {
		t.Errorf("the values are\n%s", values())
	}
	if err := undo(); err != nil || values() != before {
		t.Errorf("undone, the values are\n%s\n%v", values(), err)
	}

	if _, _, err := s.SetTTL(t.Context(), 4*time.Hour, now); err != nil {
		t.Fatal(err)
	}
	set := values()
	changes, undo, err = s.SetTTL(t.Context(), 0, now)
	if err != nil || values() != before || len(changes) != 1 || !strings.Contains(changes[0], "no longer set") {
		t.Errorf("off: %q, %v, the values are\n%s", changes, err, values())
	}
	if err := undo(); err != nil || values() != set {
		t.Errorf("undone, the values are\n%s\n%v", values(), err)
	}

	other := open(t, target.Sandbox) // its configuration has no variables
	if _, _, err := other.SetTTL(t.Context(), time.Hour, now); !errors.Is(err, ErrNoTTL) {
		t.Errorf("a configuration without the variable: %v", err)
	}
}

// schedule is the one of ttl.tf as a plan and a state have it.
func schedule(at string) map[string]any {
	return map[string]any{
		"schedule_expression": "at(" + at + ")", "schedule_expression_timezone": "UTC",
		"target": []any{map[string]any{"arn": "arn:aws:scheduler:::aws-sdk:ecs:updateService"}},
	}
}

func TestTTL(t *testing.T) {
	s := openBundled(t)
	now := time.Now()
	if got := s.TTL(now); got != nil {
		t.Errorf("nothing is deployed: %+v", got)
	}
	writeState(t, s, strings.Replace(upState(2), `"resources":[`, `"resources":[
 {"mode":"managed","type":"aws_scheduler_schedule","name":"stop_tasks","instances":[{"index_key":0,"attributes":{"schedule_expression":"at(2100-01-02T03:04:00)","schedule_expression_timezone":"UTC","state":"ENABLED","target":[{"arn":"arn:aws:scheduler:::aws-sdk:ecs:updateService"}]}}]},`, 1))
	at := time.Date(2100, 1, 2, 3, 4, 0, 0, time.UTC)
	if got := s.TTL(now); got == nil || !got.At.Equal(at) || got.Passed {
		t.Errorf("before: %+v", got)
	}
	if got := s.TTL(at); got == nil || !got.Passed || !strings.Contains(got.Sentence(at), "were to stop at") {
		t.Errorf("after: %+v", got)
	}
	if st, err := s.Stack(t.Context()); err != nil || st.TTL == nil {
		t.Errorf("the stack: %+v, %v", st.TTL, err)
	}
}

func TestStopsAt(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"disabled":     func(v map[string]any) { v["state"] = "DISABLED" },
		"another zone": func(v map[string]any) { v["schedule_expression_timezone"] = "Europe/Paris" },
		"a rate":       func(v map[string]any) { v["schedule_expression"] = "rate(1 hour)" },
		"the minimum": func(v map[string]any) {
			v["target"] = []any{map[string]any{"arn": "arn:aws:scheduler:::aws-sdk:applicationautoscaling:registerScalableTarget"}}
		},
		"no target": func(v map[string]any) { v["target"] = nil },
	} {
		v := schedule("2100-01-02T03:04:00")
		if _, ok := stopsAt("aws_scheduler_schedule", v); !ok {
			t.Fatal("the schedule of ttl.tf is not known")
		}
		change(v)
		if at, ok := stopsAt("aws_scheduler_schedule", v); ok {
			t.Errorf("%s: %s", name, at)
		}
	}
}

func TestAPlanSaysWhenTheTasksStop(t *testing.T) {
	s := openBundled(t)
	writeState(t, s, upState(2))
	hints := func(p *stack.Plan) string { return strings.Join(s.Cost(p).Hints, " ") }
	if got := hints(&stack.Plan{}); strings.Contains(got, "stop") {
		t.Errorf("without a time: %q", got)
	}
	got := hints(&stack.Plan{Changes: []stack.Change{{Address: "aws_scheduler_schedule.stop_tasks[0]", Type: "aws_scheduler_schedule", Action: stack.ActionCreate, Values: schedule("2100-01-02T03:04:00")}}})
	if !strings.Contains(got, "The tasks stop at ") || !strings.Contains(got, "Everything else stays") || !strings.Contains(got, "That is $0.035/h then.") {
		t.Errorf("with a time: %q", got)
	}
	// `deploy --yes` does not know the values of its plan.
	if _, _, err := s.SetTTL(t.Context(), time.Hour, time.Now()); err != nil {
		t.Fatal(err)
	}
	got = hints(&stack.Plan{Changes: []stack.Change{{Address: "aws_scheduler_schedule.stop_tasks[0]", Type: "aws_scheduler_schedule", Action: stack.ActionCreate}}})
	if !strings.Contains(got, "The tasks stop at ") {
		t.Errorf("with a time, the values of the plan not known: %q", got)
	}
	if _, _, err := s.SetTTL(t.Context(), time.Hour, time.Now().Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := hints(&stack.Plan{}); !strings.Contains(got, "has passed: this plan starts the tasks again") {
		t.Errorf("after the time: %q", got)
	}
}
