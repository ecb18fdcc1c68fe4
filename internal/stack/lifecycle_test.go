package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// ownerVariable makes the test binary a process that runs a Terraform until it is
// killed: it names the script that stands for Terraform.
const ownerVariable = "WORKSHOP_TEST_OWNER"

func ownerMain(script string) {
	p := &process{started: func(p Process) { fmt.Println(p.PID, p.Start) }}
	err := p.run(context.Background(), &Terraform{Path: script}, filepath.Dir(script), os.Environ(), nil, func([]byte) {})
	fmt.Println("ended", err)
	os.Exit(0)
}

func TestMain(m *testing.M) {
	if script := os.Getenv(ownerVariable); script != "" {
		ownerMain(script) // does not return
	}
	goleak.VerifyTestMain(m)
}

// recorder keeps events; Terraform's lines and Stop come from different goroutines.
type recorder struct {
	mu     sync.Mutex
	events []Event
	watch  func(Event)
}

func (r *recorder) emit(e Event) {
	r.mu.Lock()
	r.events = append(r.events, e)
	r.mu.Unlock()
	if r.watch != nil {
		r.watch(e)
	}
}

func (r *recorder) types() []EventType {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []EventType
	for _, e := range r.events {
		if e.Type != EventLog {
			out = append(out, e.Type)
		}
	}
	return out
}

// findHere is the Terraform of this machine.
func findHere(t *testing.T) *Terraform {
	t.Helper()
	if testing.Short() {
		t.Skip("runs Terraform")
	}
	tf, err := Find(t.Context(), FindOptions{}, nil)
	if errors.Is(err, ErrNoTerraform) {
		t.Skip("no Terraform on this machine: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tf
}

// newStack has a configuration of resources that Terraform itself provides.
func newStack(t *testing.T, files ...string) *Stack {
	t.Helper()
	tf := findHere(t)
	t.Setenv("TF_CLI_CONFIG_FILE", "")
	t.Setenv("HOME", t.TempDir())
	dir := t.TempDir()
	conf := filepath.Join(dir, "terraform")
	if err := os.Mkdir(conf, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(files); i += 2 {
		put(t, filepath.Join(conf, files[i]), files[i+1])
	}
	s, err := Open(Options{Dir: conf, DataDir: dir, Terraform: tf, Vars: map[string]string{"greeting": "hello"}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const small = `
variable "greeting" { default = "unset" }
resource "terraform_data" "first" { input = var.greeting }
resource "terraform_data" "second" {
  count = 2
  input = terraform_data.first.output
}
output "greeting" { value = terraform_data.first.output }
output "secret" {
  value     = "hush"
  sensitive = true
}
`

func TestLifecycle(t *testing.T) {
	s := newStack(t, "service.tf", small)
	ctx := t.Context()
	var rec recorder
	if exists, err := s.Exists(); exists || err != nil {
		t.Errorf("before everything, Exists = %v, %v", exists, err)
	}
	if err := s.Init(ctx, rec.emit); err != nil {
		t.Fatal(err)
	}
	p, err := s.Plan(ctx, rec.emit)
	if err != nil {
		t.Fatal(err)
	}
	if p.Create != 3 || len(p.Changes) != 3 || p.Empty() || p.Destroy {
		t.Errorf("the plan is %+v", p)
	}
	for _, c := range p.Changes {
		wantNeeds := []string{"terraform_data.first"}
		if c.Address == "terraform_data.first" {
			wantNeeds = nil
		}
		if c.Group != GroupService || c.Title == "" || !slices.Equal(c.Needs, wantNeeds) {
			t.Errorf("a change is %+v", c)
		}
	}
	private(t, p.File)

	sum, err := s.Apply(ctx, p, rec.emit)
	if err != nil {
		t.Fatal(err)
	}
	if !sum.OK || sum.Created != 3 || sum.Outputs["greeting"] != "hello" || sum.Outputs["secret"] != nil {
		t.Errorf("the summary is %+v", sum)
	}
	private(t, filepath.Join(s.opts.Dir, "terraform.tfstate"))
	want := []EventType{EventPlanned, EventStarted, EventDone, EventStarted, EventStarted, EventDone, EventDone, EventSummary}
	got := rec.types()
	slices.Sort(got[3:7]) // the two copies go side by side
	slices.Sort(want[3:7])
	if !slices.Equal(got, want) {
		t.Errorf("the events were %v, want %v", got, want)
	}
	if _, err := s.Apply(ctx, p, nil); !errors.Is(err, ErrPlanStale) {
		t.Errorf("the plan a second time: %v", err)
	}

	outputs, err := s.Outputs()
	if err != nil || outputs["greeting"] != "hello" || len(outputs) != 1 {
		t.Errorf("Outputs = %v, %v", outputs, err)
	}
	resources, err := s.State()
	if err != nil || len(resources) != 3 || resources[2].Address != "terraform_data.second[1]" || resources[2].ID == "" {
		t.Errorf("State = %+v, %v", resources, err)
	}
	if p, err := s.Plan(ctx, nil); err != nil || !p.Empty() {
		t.Errorf("a second plan: %+v, %v", p, err)
	}

	sum, err = s.Destroy(ctx, nil)
	if err != nil || sum.Deleted != 3 {
		t.Errorf("Destroy = %+v, %v", sum, err)
	}
	if exists, err := s.Exists(); exists || err != nil {
		t.Errorf("after everything, Exists = %v, %v", exists, err)
	}
}

func TestApplyAll(t *testing.T) {
	s := newStack(t, "service.tf", small)
	ctx := t.Context()
	var rec recorder
	// Without an Init before: it is made good.
	sum, err := s.ApplyAll(ctx, rec.emit)
	if err != nil {
		t.Fatal(err)
	}
	if !sum.OK || sum.Created != 3 || sum.Outputs["greeting"] != "hello" || sum.Outputs["secret"] != nil {
		t.Errorf("the summary is %+v", sum)
	}
	var planned *Plan
	changing := false
	for _, e := range rec.events {
		switch e.Type {
		case EventPlanned:
			planned = e.Plan
			if changing {
				t.Error("a resource was changed before the plan was told")
			}
		case EventStarted, EventDone:
			changing = true
		}
	}
	if planned == nil || planned.Create != 3 || len(planned.Changes) != 3 {
		t.Errorf("the plan is %+v", planned)
	}
	got := rec.types()
	if got[len(got)-1] != EventSummary {
		t.Errorf("the events were %v", got)
	}
	for _, typ := range []EventType{EventStarted, EventDone} {
		if n := len(slices.DeleteFunc(slices.Clone(got), func(e EventType) bool { return e != typ })); n != 3 {
			t.Errorf("%d resources are said to be %s, want 3: %v", n, typ, got)
		}
	}
	private(t, filepath.Join(s.opts.Dir, "terraform.tfstate"))

	sum, err = s.ApplyAll(ctx, nil)
	if err != nil || !sum.OK || !sum.Empty() {
		t.Errorf("a second time: %+v, %v", sum, err)
	}
	if s.Running() != "" {
		t.Error("it is said to run on")
	}
	if sum, err = s.Destroy(ctx, nil); err != nil || sum.Deleted != 3 {
		t.Errorf("Destroy = %+v, %v", sum, err)
	}
}

func private(t *testing.T, name string) {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v", name, info.Mode())
	}
}

func TestPlansAreNotExchanged(t *testing.T) {
	s := newStack(t, "a.tf", small)
	if err := s.Init(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	shown, err := s.Plan(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(s.opts.Dir, "more.tf"), `resource "terraform_data" "unseen" {}`)
	later, err := s.Plan(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(t.Context(), shown, nil); !errors.Is(err, ErrPlanStale) {
		t.Errorf("a plan that a later one replaced: %v", err)
	}
	// The state changes behind the plan's back.
	other, err := Open(s.opts)
	if err != nil {
		t.Fatal(err)
	}
	other.opts.DataDir = t.TempDir()
	p, err := other.Plan(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Apply(t.Context(), p, nil); err != nil {
		t.Fatal(err)
	}
	sum, err := s.Apply(t.Context(), later, nil)
	if !errors.Is(err, ErrPlanStale) || sum.OK || sum.Created != 0 {
		t.Errorf("a plan older than the state: %+v, %v", sum, err)
	}
}

func TestDetails(t *testing.T) {
	s := newStack(t, "a.tf", `
variable "v" { default = "1" }
resource "terraform_data" "a" {
  input            = var.v
  triggers_replace = var.v
}
resource "terraform_data" "b" { input = var.v }`)
	ctx := t.Context()
	if err := s.Init(ctx, nil); err != nil {
		t.Fatal(err)
	}
	p, err := s.Plan(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(ctx, p, nil); err != nil {
		t.Fatal(err)
	}
	s.opts.Vars["v"] = "2"
	if p, err = s.Plan(ctx, nil); err != nil {
		t.Fatal(err)
	}
	var rec recorder
	p, err = s.Details(ctx, p, rec.emit)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(rec.types(), []EventType{EventPlanned}) {
		t.Errorf("the events were %v", rec.types())
	}
	if p.Replace != 1 || p.Update != 1 {
		t.Fatalf("the plan is %+v", p)
	}
	for _, c := range p.Changes {
		switch c.Address {
		case "terraform_data.a":
			if c.Action != ActionReplace || !strings.Contains(c.Reason, "triggers_replace") || !slices.Contains(c.Fields, "triggers_replace") {
				t.Errorf("the replacement is %+v", c)
			}
		case "terraform_data.b":
			if c.Action != ActionUpdate || c.Reason != "" || !slices.Contains(c.Fields, "input") {
				t.Errorf("the update is %+v", c)
			}
		}
	}
	sum, err := s.Apply(ctx, p, nil)
	if err != nil || sum.Replaced != 1 || sum.Updated != 1 || sum.Created != 0 || sum.Deleted != 0 {
		t.Errorf("the summary is %+v, %v", sum, err)
	}
}

func TestInitIsNotRepeated(t *testing.T) {
	s := newStack(t, "a.tf", small)
	lines := func() int {
		var rec recorder
		if err := s.Init(t.Context(), rec.emit); err != nil {
			t.Fatal(err)
		}
		return len(rec.events)
	}
	first := lines()
	if again := lines(); again != 1 || first <= 1 {
		t.Errorf("the first init had %d lines, the second %d", first, again)
	}
	put(t, filepath.Join(s.opts.Dir, "versions.tf"), `terraform { required_version = ">= 1.0" }`)
	if changed := lines(); changed == 1 {
		t.Error("a changed terraform block did not repeat the init")
	}
}

func TestBrokenConfiguration(t *testing.T) {
	s := newStack(t, "a.tf", small)
	if err := s.Init(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ text, summary string }{
		{"resource \"terraform_data\" \"x\" {\n  input = var.nope\n}\n", "Reference to undeclared input variable"},
		{"resource \"terraform_data\" \"x\" {\n  input =\n}\n", "Invalid expression"},
	} {
		put(t, filepath.Join(s.opts.Dir, "network.tf"), c.text)
		var rec recorder
		_, err := s.Plan(t.Context(), rec.emit)
		var d *DiagnosticError
		if !errors.As(err, &d) {
			t.Fatalf("%s: %v", c.summary, err)
		}
		if got := d.Diagnostics[0]; got.Summary != c.summary || got.File != "network.tf" || got.Line != 2 || !strings.Contains(got.Snippet, "input =") {
			t.Errorf("the diagnostic is %+v", got)
		}
		for _, part := range []string{"network.tf, line 2", "input =", "workshop reset"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q lacks %q", err, part)
			}
		}
		if plans, _ := filepath.Glob(filepath.Join(s.opts.DataDir, planPattern)); len(plans) != 0 {
			t.Errorf("%v was left behind", plans)
		}
	}
}

// slowly has a resource that takes its time, and one that waits for it.
const slowly = `
resource "terraform_data" "quick" {}
resource "terraform_data" "slow" {
  input = terraform_data.quick.id
  provisioner "local-exec" { command = "sleep 3" }
}
resource "terraform_data" "later" { input = terraform_data.slow.id }
`

func slowApply(t *testing.T) (*Stack, *Plan) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no interrupt and no sleep")
	}
	s := newStack(t, "a.tf", slowly)
	if err := s.Init(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	p, err := s.Plan(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, p
}

func TestStopKeepsTheState(t *testing.T) {
	s, p := slowApply(t)
	if n := s.Stop(); n != 0 {
		t.Errorf("nothing runs, but Stop = %d", n)
	}
	var rec recorder
	var once sync.Once
	rec.watch = func(e Event) {
		if e.Type == EventStarted && e.Resource == "terraform_data.slow" {
			once.Do(func() {
				if n := s.Stop(); n != 1 {
					t.Errorf("Stop = %d", n)
				}
				if _, err := s.Plan(t.Context(), nil); !errors.Is(err, ErrBusy) {
					t.Errorf("a plan meanwhile: %v", err)
				}
			})
		}
	}
	sum, err := s.Apply(t.Context(), p, rec.emit)
	if !errors.Is(err, ErrStopped) || sum.OK {
		t.Fatalf("Apply = %+v, %v", sum, err)
	}
	types := rec.types()
	if !slices.Contains(types, EventStopping) || types[len(types)-1] != EventSummary {
		t.Errorf("the events were %v", types)
	}
	resources, err := s.State()
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, r := range resources {
		have = append(have, r.Address)
	}
	if !slices.Contains(have, "terraform_data.quick") || slices.Contains(have, "terraform_data.later") {
		t.Errorf("the state has %v", have)
	}
	if _, err := s.Destroy(t.Context(), nil); err != nil {
		t.Errorf("destroy afterwards: %v", err)
	}
}

func TestSecondStopIsHard(t *testing.T) {
	s, p := slowApply(t)
	var rec recorder
	rec.watch = func(e Event) {
		if e.Type == EventStarted && e.Resource == "terraform_data.slow" {
			s.Stop()
			s.Stop()
		}
	}
	if _, err := s.Apply(t.Context(), p, rec.emit); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	if op := s.Running(); op != "" {
		t.Errorf("%s still runs", op)
	}
}

func TestContextStops(t *testing.T) {
	s, p := slowApply(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var rec recorder
	rec.watch = func(e Event) {
		if e.Type == EventStarted && e.Resource == "terraform_data.slow" {
			cancel()
		}
	}
	if _, err := s.Apply(ctx, p, rec.emit); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	if exists, err := s.Exists(); !exists || err != nil {
		t.Errorf("Exists = %v, %v", exists, err)
	}
}

func TestProviderUnavailable(t *testing.T) {
	s := newStack(t, "versions.tf", `
terraform {
  required_providers {
    nothing = {
      source = "localhost:1/nobody/nothing"
    }
  }
}`)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := s.Init(ctx, nil)
	if !errors.Is(err, ErrProviderUnavailable) || !strings.Contains(err.Error(), mirrorVariable) {
		t.Errorf("Init = %v", err)
	}
}

func TestApplyFailure(t *testing.T) {
	s := newStack(t, "a.tf", `
resource "terraform_data" "bad" {
  provisioner "local-exec" { command = "exit 3" }
}`)
	if err := s.Init(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	p, err := s.Plan(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var rec recorder
	_, err = s.Apply(t.Context(), p, rec.emit)
	var d *DiagnosticError
	if !errors.As(err, &d) || d.Diagnostics[0].Address != "terraform_data.bad" {
		t.Errorf("Apply = %v", err)
	}
	if !slices.Equal(rec.types(), []EventType{EventStarted, EventFailed, EventDiagnostic, EventSummary}) {
		t.Errorf("the events were %v", rec.types())
	}
	if resources, err := s.State(); err != nil || len(resources) != 1 || !resources[0].Tainted {
		t.Errorf("State = %+v, %v", resources, err)
	}
}
