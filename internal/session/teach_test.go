package session

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"workshop/internal/check"
	"workshop/internal/fargate"
	"workshop/internal/lesson"
	"workshop/internal/stack"
	"workshop/internal/target"
	"workshop/internal/workspace"
)

const someVariables = `
variable "message" {
  type    = string
  default = "Hello"
}
variable "desired_count" {
  type    = number
  default = 2
}
variable "zones" {
  type    = list(string)
  default = ["a"]
}
variable "region" {
  type    = string
  default = null
}
output "url" { value = "x" }
`

const aStep = `---
title: Deploy
estimate: 5
checks:
  - id: set
    title: the greeting was changed
    that: vars.message != "Hello"
    else: It is still {{ vars.message }}, after {{ takes }}.
hints: [first, second]
solve:
  - {say: "Change {{ vars.message }}.", set: {message: "Hi \"you\" ${x}"}}
  - {if: vars.desired_count == 9, restore: all}
  - {set: {zones: [b, c], desired_count: 3}}
reset:
  - {restore: [message, zones, desired_count]}
---

text
`

func teaching(t *testing.T) (*Session, *lesson.Step) {
	t.Helper()
	s, err := Open(Options{
		Kind: target.Sandbox, Workspace: t.TempDir(),
		Configuration: fstest.MapFS{"main.tf": {Data: []byte(someVariables)}},
		Steps: fstest.MapFS{
			"workshop.yaml": {Data: []byte("title: A course\nvariables: {takes: {sandbox: a minute, aws: an hour}}\n")},
			"01-deploy.md":  {Data: []byte(aStep)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c, err := s.Course()
	if err != nil {
		t.Fatal(err)
	}
	return s, c.Steps[0]
}

func tfvars(t *testing.T, s *Session) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.Workspace.TerraformDir(), "terraform.tfvars"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(data)
}

// A step is checked, helped with, done and taken back, without Terraform or a
// target.
func TestAStepFromBeginningToEnd(t *testing.T) {
	s, step := teaching(t)
	results, err := s.Check(t.Context(), step, nil)
	if err != nil || results[0].OK || results[0].Found != "vars.message is Hello" || results[0].Message != "It is still Hello, after a minute." {
		t.Fatalf("before: %+v, %v", results, err)
	}
	for _, want := range []string{"first", "second", "second"} {
		next, _ := s.NextHint(step)
		got, _, err := s.Hint(t.Context(), step)
		if err != nil || lesson.Text(got) != want || lesson.Text(next) != want {
			t.Errorf("the hint is %q (%q was next), want %q; %v", lesson.Text(got), lesson.Text(next), want, err)
		}
	}
	var said []string
	if err := s.Solve(t.Context(), step, Helper{Say: func(a lesson.Action) { said = append(said, string(a.Verb)+" "+lesson.Text(a.Say)) }}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(said, "|"); got != "set Change Hello.|set " {
		t.Errorf("said %s", got)
	}
	want := "message = \"Hi \\\"you\\\" $${x}\"\nzones = [\"b\",\"c\"]\ndesired_count = 3\n"
	if got := tfvars(t, s); got != want {
		t.Errorf("the values are\n%s, want\n%s", got, want)
	}
	if results, _ = s.Check(t.Context(), step, nil); !results[0].OK {
		t.Errorf("after: %+v", results)
	}
	if err := s.Answer(t.Context(), step, 1, 2); err != nil {
		t.Fatal(err)
	}
	p, _ := s.Workspace.LoadProgress()
	if sp := p.Steps["deploy"]; !sp.Passed("set") || sp.Hints != 2 || sp.Quiz[1][0] != 2 || sp.SolvedAt.IsZero() {
		t.Errorf("remembered: %+v", sp)
	}
	var lines []string
	if err := s.Reset(t.Context(), step, Helper{Line: func(l string) { lines = append(lines, l) }}); err != nil {
		t.Fatal(err)
	}
	if got := tfvars(t, s); got != "" {
		t.Errorf("after the reset the values are %s", got)
	}
	if len(lines) != 3 || !strings.Contains(lines[0], "is kept in") {
		t.Errorf("told %q", lines)
	}
	p, _ = s.Workspace.LoadProgress()
	if sp := p.Steps["deploy"]; sp.Passed("set") || sp.Hints != 0 || sp.Quiz != nil {
		t.Errorf("after the reset: %+v", sp)
	}
}

func TestSetKeepsWhatIsNotItsOwn(t *testing.T) {
	s, _ := teaching(t)
	dir := s.Workspace.TerraformDir()
	mine := "# mine\n  message   = \"a\" # why\n\ndesired_count=1"
	if err := os.WriteFile(filepath.Join(dir, "terraform.tfvars"), []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "x.auto.tfvars.json"), []byte(`{"zones":["z"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	kept, err := s.setVariables([]lesson.Setting{{Name: "message", Value: "b"}, {Name: "desired_count", Value: "4"}, {Name: "region", Value: "eu-west-1"}, {Name: "zones", Value: `["y"]`}})
	if err != nil || len(kept) != 2 {
		t.Fatal(kept, err)
	}
	if got, want := tfvars(t, s), "# mine\n  message   = \"b\" # why\n\ndesired_count=4\nregion = \"eu-west-1\"\n"; got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	vars, _ := s.Facts().Vars(t.Context())
	if z, ok := vars["zones"].([]any); !ok || z[0] != "y" || vars["desired_count"] != 4.0 || vars["region"] != "eu-west-1" {
		t.Errorf("the variables are %v", vars)
	}
	if _, err := s.Restore([]string{"message", "desired_count", "region", "zones"}); err != nil {
		t.Fatal(err)
	}
	if got, want := tfvars(t, s), "# mine\n # why\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, bad := range []lesson.Setting{{Name: "none", Value: "1"}, {Name: "desired_count", Value: "many"}, {Name: "desired_count", Value: `"x"`}, {Name: "zones", Value: "["}} {
		if _, err := s.setVariables([]lesson.Setting{bad}); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
	if _, err := s.Restore([]string{"gone.tf"}); err == nil {
		t.Error("a file that is not bundled was restored")
	}
	if err := os.WriteFile(filepath.Join(dir, "terraform.tfvars"), []byte("message = ["), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.setVariables([]lesson.Setting{{Name: "message", Value: "c"}}); err == nil || tfvars(t, s) != "message = [" {
		t.Errorf("a file that cannot be read was written: %v", err)
	}
}

func TestFactsOfTheJournal(t *testing.T) {
	s, _ := teaching(t)
	src := s.Facts()
	if p, _ := src.Plan(t.Context()); p.Made || p.Create != nil {
		t.Errorf("before any plan: %+v", p)
	}
	s.keepPlan(&stack.Plan{Create: 31})
	for _, e := range []struct {
		kind string
		v    any
	}{
		{entryApplying, applying{}}, {entryApplied, stack.Summary{OK: true, Created: 31}},
		{entryApplying, applying{}}, {entryApplied, stack.Summary{}},
	} {
		if err := s.Workspace.Append(e.kind, e.v); err != nil {
			t.Fatal(err)
		}
	}
	stopped := time.Now()
	snap := fargate.Snapshot{Service: fargate.Service{Status: "ACTIVE", Desired: 2}, Tasks: []fargate.Task{{ID: "a", Status: "STOPPED", Stopped: &stopped}, {ID: "b", Status: "RUNNING", Health: "HEALTHY", Revision: "app:3"}}}
	for _, n := range []int{2, 2, 4, 4, 3, 5} {
		snap.Service.Desired = n
		if err := s.Seen(snap); err != nil {
			t.Fatal(err)
		}
	}
	want := check.History{Plans: 1, Applies: 1, Failures: 1, TasksStopped: 1, ScaledUp: 2, ScaledDown: 1, MostTasks: 5}
	src = s.Facts()
	if h, err := src.History(t.Context()); err != nil || h != want {
		t.Errorf("the history is %+v, %v", h, err)
	}
	if p, _ := src.Plan(t.Context()); !p.Made || !p.Applied || *p.Create != 31 {
		t.Errorf("the plan is %+v", p)
	}
	l := live(snap, s.StoppedTasks())
	if l.Service.Healthy != 1 || *l.Service.Desired != 5 || len(l.Tasks.Stopped) != 1 || l.Tasks.Running[0].Revision != 3 {
		t.Errorf("live is %+v", l)
	}
	if l := live(fargate.Snapshot{}, s.StoppedTasks()); l.Service.Desired != nil || len(l.Tasks.Stopped) != 1 {
		t.Errorf("without a service: %+v", l)
	}
}

func TestFactsOfTheStack(t *testing.T) {
	s, _ := teaching(t)
	state := func() string {
		st, err := s.Facts().Stack(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return st.State
	}
	if got := state(); got != "none" {
		t.Errorf("empty: %s", got)
	}
	writeState(t, s, half)
	if got := state(); got != "partial" {
		t.Errorf("half made: %s", got)
	}
	if err := errors.Join(s.Workspace.Append(entryApplying, applying{}), s.Workspace.Append(entryApplied, stack.Summary{OK: true})); err != nil {
		t.Fatal(err)
	}
	if got := state(); got != "up" {
		t.Errorf("after an apply: %s", got)
	}
	if err := s.Workspace.Append(entryApplying, applying{Destroy: true}); err != nil {
		t.Fatal(err)
	}
	if got := state(); got != "partial" {
		t.Errorf("half destroyed: %s", got)
	}
}

// Before anything is deployed, no check reaches for the target.
func TestNothingDeployedAsksNobody(t *testing.T) {
	s, _ := teaching(t)
	src := s.Facts()
	l, err := src.Live(t.Context())
	if err != nil || l.Service.Desired != nil {
		t.Errorf("%+v, %v", l, err)
	}
	if n, err := src.Logged(t.Context(), "x"); n != 0 || err != nil {
		t.Error(n, err)
	}
	if s.opened() != nil {
		t.Error("the sandbox was started")
	}
}

func TestGet(t *testing.T) {
	s, _ := teaching(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		w.Write([]byte(strings.Repeat("x", 2*bodyMost)))
	}))
	defer srv.Close()
	r, err := s.Facts().Get(t.Context(), srv.URL)
	if err != nil || r.Status != 418 || len(r.Body) != bodyMost {
		t.Errorf("%d, %d bytes, %v", r.Status, len(r.Body), err)
	}
	srv.Close()
	for _, url := range []string{srv.URL, "file:///etc/passwd", "http://%zz"} {
		if r, err := s.Facts().Get(t.Context(), url); err != nil || r.Status != 0 || r.Err == "" || strings.Contains(r.Err, "\"") && url == srv.URL {
			t.Errorf("%s: %+v, %v", url, r, err)
		}
	}
}

func TestWhatCannotBeDone(t *testing.T) {
	s, _ := teaching(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.waitUntil(ctx, lesson.Action{Until: check.Check{That: "false"}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("waiting: %v", err)
	}
	if err := s.Do(t.Context(), []lesson.Action{{Verb: lesson.Open}}, Helper{}); err == nil {
		t.Error("opening a file was done headless")
	}
}

func TestHoldsAndValue(t *testing.T) {
	s, _ := teaching(t)
	holds := s.Holds()
	for when, want := range map[string]bool{
		`target == "sandbox"`: true, `(target == "aws")`: false, `!(target == "aws")`: true, `vars.desired_count > 2`: false,
		`nonsense`: true, `service.running == 1`: true, // shown rather than lost
	} {
		if got := holds(when); got != want {
			t.Errorf("%s: %v", when, got)
		}
	}
	course, _ := s.Course()
	for name, want := range map[string]string{"takes": "a minute", "vars.message": "Hello", "stack.resources": "0", "target": "sandbox", "service.running": "", "nothing": ""} {
		if got, ok := s.Value(course, name); got != want || ok != (want != "") {
			t.Errorf("%s is %q", name, got)
		}
	}
}

func TestCertificate(t *testing.T) {
	s, _ := teaching(t)
	from := time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	err := s.Workspace.UpdateProgress(func(p *workspace.Progress) error {
		p.Steps["deploy"] = workspace.StepProgress{Done: true, FirstSeen: from, DoneAt: from.Add(7 * time.Minute), Checks: map[string]time.Time{"set": from}}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Certificate(t.Context())
	if err != nil || !c.Complete() {
		t.Fatal(c, err)
	}
	c.Name = "A <b> | B"
	var md, svg strings.Builder
	if err := errors.Join(c.Markdown(&md), c.SVG(&svg)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Certificate of completion", "7 min", "1 of 1 checks", `A &lt;b> \| B`, "| Deploy | 2 January 2026"} {
		if !strings.Contains(md.String(), want) {
			t.Errorf("no %q in\n%s", want, md.String())
		}
	}
	if !strings.Contains(svg.String(), "A &lt;b&gt; | B") || strings.Contains(svg.String(), "url(") || strings.Contains(svg.String(), "@import") {
		t.Errorf("the drawing is\n%s", svg.String())
	}
}

// A command that asks for what has no value yet is not run with words in its
// place.
func TestSolveNeedsItsValues(t *testing.T) {
	s, _ := teaching(t)
	err := s.Do(t.Context(), []lesson.Action{{Verb: lesson.Run, Command: "touch {{ outputs.url }}"}}, Helper{})
	if !errors.Is(err, ErrNothingDeployed) || !strings.Contains(err.Error(), "outputs.url has no value") {
		t.Errorf("the error is %v", err)
	}
}
