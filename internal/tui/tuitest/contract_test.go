//go:build unix

package tuitest_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/adrg/xdg"

	"workshop/internal/check"
	"workshop/internal/diagnose"
	"workshop/internal/doctor"
	"workshop/internal/fargate"
	"workshop/internal/lesson"
	"workshop/internal/session"
	"workshop/internal/stack"
	"workshop/internal/target"
	"workshop/internal/tui"
	"workshop/internal/tui/tuitest"
	"workshop/terraform"
)

func TestMain(m *testing.M) {
	session.RunOperation()
	os.Exit(m.Run())
}

// sessions makes the fake and the real session, with the same course. The real one
// works on a sandbox in this process; its Terraform knows its version and fails at
// everything else.
var sessions = map[string]func(t *testing.T, readOnly bool) tui.Session{
	"fake": func(_ *testing.T, readOnly bool) tui.Session {
		s := tuitest.New()
		s.Speed, s.OwnEditor = 100, []string{"vi"}
		s.PlanDiags = []stack.Diagnostic{{Severity: "error", Summary: "Terraform fails"}}
		if s.Info.ReadOnly = readOnly; readOnly {
			s.Info.Holder = "another workshop holds the workspace"
		}
		return s
	},
	"real": func(t *testing.T, readOnly bool) tui.Session {
		for _, name := range []string{"XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "HOME"} {
			t.Setenv(name, t.TempDir())
		}
		t.Setenv("VISUAL", "")
		t.Setenv("EDITOR", "vi")
		xdg.Reload()
		t.Cleanup(xdg.Reload)
		program := filepath.Join(t.TempDir(), "terraform")
		script := "#!/bin/sh\ncase $1 in\nversion) echo '{\"terraform_version\": \"1.11.4\"}' ;;\n*) echo 'Error: Terraform fails' >&2; exit 1 ;;\nesac\n"
		if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		o := session.Options{
			Kind: target.Sandbox, Workspace: t.TempDir(), Terraform: program, Offline: true, Fast: true, Face: tui.Face,
			Configuration: terraform.Files, Steps: fstest.MapFS{},
			Course: func() (*lesson.Course, error) { return tuitest.Course(), nil },
		}
		sandbox, err := target.Serve(t.Context(), target.Options{Kind: target.Sandbox, Dir: o.Workspace, Fast: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { sandbox.Close() })
		if readOnly {
			other, err := session.Open(o)
			if err == nil {
				err = other.Lock()
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { other.Close() })
		}
		s, err := session.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	},
}

func both(t *testing.T, readOnly bool, test func(t *testing.T, s tui.Session, step *lesson.Step)) {
	for name, open := range sessions {
		t.Run(name, func(t *testing.T) {
			step, _ := tuitest.Course().Step("deploy")
			test(t, open(t, readOnly), step)
		})
	}
}

func ignore(stack.Event) {}

// TestSessionAnswers asks a session in which nothing is deployed for everything.
func TestSessionAnswers(t *testing.T) {
	both(t, false, func(t *testing.T, s tui.Session, step *lesson.Step) {
		ctx := t.Context()
		fails := func(what string, err error) {
			t.Helper()
			if err == nil {
				t.Errorf("%s: no error", what)
			}
		}
		works := func(what string, err error) {
			t.Helper()
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}

		o, err := s.Open(ctx)
		works("Open", err)
		if o.Course.Title == "" || o.Images == nil || len(o.Faults) > 0 || !o.Info.Sandbox || o.Info.ReadOnly || o.Info.Workspace == "" {
			t.Errorf("Open: %+v", o)
		}
		info, err := s.Ready(ctx, ignore)
		works("Ready", err)
		if !regexp.MustCompile(`^\d{12}$`).MatchString(info.Account) || info.Region == "" || info.ReadOnly {
			t.Errorf("Ready: %+v", info)
		}

		began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		saved := session.Progress{Step: "deploy", LiveBeside: true, Done: []string{"welcome"}, Begun: map[string]time.Time{"welcome": began}, Places: map[string][]byte{"welcome": []byte(`{"scroll":3}`)}}
		works("Save", s.Save(ctx, saved))
		out := session.Output{Command: "curl", Lines: "a", Code: 7, At: began, Elapsed: time.Second}
		works("KeepOutput", s.KeepOutput(ctx, "deploy", out))
		o, err = s.Open(ctx)
		works("Open again", err)
		if p := o.Progress; p.Step != "deploy" || !p.LiveBeside || !slices.Equal(p.Done, saved.Done) || !p.Begun["welcome"].Equal(began) ||
			len(p.Places["welcome"]) == 0 || !reflect.DeepEqual(p.Outputs["deploy"], out) {
			t.Errorf("the progress is %+v", p)
		}

		up, err := s.Stack(ctx)
		works("Stack", err)
		if up.Exists || up.Resources != 0 || up.URL != "" || up.Last != nil || up.Lost {
			t.Errorf("Stack: %+v", up)
		}
		sources, err := s.Sources(ctx)
		works("Sources", err)
		if src := sources["aws_ecs_service.app"]; src.File == "" || src.Line < 1 || !strings.HasPrefix(src.Text, "resource ") {
			t.Errorf("Sources: %+v", src)
		}
		if c := s.Cost(nil); c.Err != nil || c.Now != "$0.00/h" || c.Meter == nil {
			t.Errorf("Cost: %+v", c)
		} else if spent := c.Meter(time.Now()); spent.Sentence != "" || spent.Share != "" || spent.Over || spent.Warning != "" {
			t.Errorf("spent: %+v", spent)
		}
		r, err := s.Receipt(ctx)
		works("Receipt", err)
		if r.Left != 0 || !r.Proven || !r.Sandbox || !r.From.IsZero() || r.To.IsZero() || r.Cost == "" || r.Report.AsOf.IsZero() || len(r.Report.Places) == 0 {
			t.Errorf("Receipt: %+v", r)
		}

		if p, err := s.Plan(ctx, false, ignore); p != nil || err == nil {
			t.Errorf("Plan with a Terraform that fails: %+v, %v", p, err)
		}
		if _, ok := s.Repair(nil); ok {
			t.Error("no error can be repaired")
		}
		var wrong *doctor.WrongAccountError
		if err := s.ConfirmAccount(ctx, "000000000001"); !errors.As(err, &wrong) || wrong.Account != info.Account {
			t.Errorf("another account: %v", err)
		}
		works("ConfirmAccount", s.ConfirmAccount(ctx, " "+info.Account+"\n"))
		for what, err := range map[string]error{"StopTask": s.StopTask(ctx, "7f3a1c"), "Scale": s.Scale(ctx, 3), "Redeploy": s.Redeploy(ctx)} {
			if !errors.Is(err, session.ErrNothingDeployed) {
				t.Errorf("%s before there is a service: %v", what, err)
			}
		}

		_, err = s.TextValues(ctx)
		works("TextValues", err)
		var reported []check.Result
		results, err := s.Check(ctx, step, func(r check.Result) { reported = append(reported, r) })
		works("Check", err)
		if len(results) != len(step.Checks) || len(reported) != len(results) {
			t.Errorf("Check: %+v, reported %+v", results, reported)
		}
		for _, r := range results {
			if r.OK || r.ID == "" || r.Title == "" {
				t.Errorf("Check, with nothing deployed: %+v", r)
			}
		}
		_, err = s.Check(ctx, step, nil)
		works("Check without a report", err)
		for _, want := range []int{1, 2, 2} {
			if hint, n, err := s.Hint(ctx, step); err != nil || n != want || lesson.Text(hint) != lesson.Text(step.Hints[want-1]) {
				t.Errorf("Hint %d: %v, %d, %v", want, hint, n, err)
			}
		}
		if hint, n, err := s.Hint(ctx, &lesson.Step{ID: "welcome"}); err != nil || n != 0 || hint != nil {
			t.Errorf("Hint of a step without: %v, %d, %v", hint, n, err)
		}
		works("Answer", s.Answer(ctx, step, 0, 1))
		var said []string
		works("Reset", s.Reset(ctx, step, session.Helper{Say: func(a lesson.Action) { said = append(said, lesson.Text(a.Say)) }}))
		if want := lesson.Text(step.Reset[0].Say); !slices.Equal(said, []string{want}) {
			t.Errorf("Reset said %q", said)
		}
		works("Reset without listeners", s.Reset(ctx, step, session.Helper{}))
		fails("Solve with a Terraform that fails", s.Solve(ctx, step, session.Helper{}))
		if c, err := s.Certificate(ctx); err != nil || c.Course != o.Course.Title || len(c.Steps) != len(o.Course.Steps) || c.Complete() {
			t.Errorf("Certificate: %+v, %v", c, err)
		}

		set := []lesson.Setting{{Name: "message", Value: "Good morning"}}
		if changes, err := s.Set(ctx, set); err != nil || len(changes) == 0 || !strings.Contains(changes[0], "message is now") {
			t.Errorf("Set: %q, %v", changes, err)
		}
		if changes, err := s.Set(ctx, set); err != nil || len(changes) != 0 {
			t.Errorf("Set to what it is: %q, %v", changes, err)
		}
		changes, err := s.Set(ctx, []lesson.Setting{{Name: "nothing", Value: "1"}})
		if fails("Set of no variable", err); len(changes) != 0 {
			t.Errorf("Set of no variable: %q", changes)
		}
		f, err := s.ReadFile(ctx, lesson.Action{File: "service.tf", Find: "deployment_circuit_breaker"})
		works("ReadFile", err)
		if f.Name != "service.tf" || filepath.Base(f.Path) != f.Name || !strings.Contains(f.Text, "aws_ecs_service") || f.Line < 2 || f.Fault != nil {
			t.Errorf("ReadFile: %+v", f)
		}
		if f, err := s.ReadFile(ctx, lesson.Action{File: "none.tf"}); err != nil || f.Text != "" || f.Line != 1 {
			t.Errorf("ReadFile of no file: %+v, %v", f, err)
		}
		_, err = s.ReadFile(ctx, lesson.Action{File: "../service.tf"})
		fails("ReadFile outside", err)
		_, _, err = s.WriteFile(ctx, "../x.tf", "")
		fails("WriteFile outside", err)
		broken := f.Text + "\nsyntax error\n"
		if f, kept, err := s.WriteFile(ctx, f.Name, broken); err != nil || f.Text != broken || filepath.Base(kept) != f.Name || f.Fault == nil || f.Fault.Line < 2 || f.Fault.Message == "" {
			t.Errorf("WriteFile: %+v, %q, %v", f, kept, err)
		}
		if cmd := s.Editor(session.File{Path: "/x/service.tf", Line: 12}); cmd == nil || !slices.Equal(cmd.Args, []string{"vi", "+12", "/x/service.tf"}) {
			t.Errorf("Editor: %v", cmd)
		}
		if cmd, err := s.Shell(ctx); err != nil || cmd.Path == "" {
			t.Errorf("Shell: %v, %v", cmd, err)
		}
		lines := 0
		if code, err := s.Run(ctx, "echo hello", func(string) { lines++ }); code != 0 || err != nil || lines == 0 {
			t.Errorf("Run: %d, %v, %d lines", code, err, lines)
		}
		if code, err := s.Run(ctx, "exit 3", nil); code != 3 || err != nil {
			t.Errorf("Run with an exit code: %d, %v", code, err)
		}
		s.Stop(false) // with nothing to stop
		s.Stop(true)
	})
}

// TestSessionAdvice holds that a screen's diagnostic with a file always has advice,
// and that the pages are named.
func TestSessionAdvice(t *testing.T) {
	both(t, false, func(t *testing.T, s tui.Session, _ *lesson.Step) {
		for name, d := range map[string]stack.Diagnostic{
			"a file":     {Severity: "error", Summary: "Unsupported argument", File: "service.tf", Line: 12},
			"a value":    {Severity: "error", Summary: "Invalid value", File: "terraform.tfvars", Line: 2},
			"a warning":  {Severity: "warning", Summary: "Deprecated", File: "service.tf", Line: 1},
			"no file":    {Severity: "error", Summary: "something"},
			"AWS":        {Severity: "error", Summary: "creating ELBv2 Load Balancer (app)", Detail: "operation error Elastic Load Balancing v2: CreateLoadBalancer, DuplicateLoadBalancerName: A load balancer with the same name 'app' exists, but with different settings"},
			"because of": {Severity: "error", Summary: "execution halted", File: "service.tf", Line: 3, Stopped: true},
		} {
			got := s.Advice(d)
			want, _ := d.Advice(tui.Face)
			if got != want.Do {
				t.Errorf("%s: %q, want %q", name, got, want.Do)
			}
			if d.Severity == "error" && d.File != "" && !d.Stopped && got == "" {
				t.Errorf("%s: no advice", name)
			}
			if command, _ := d.Advice(diagnose.Command); command.Do != want.Do && got == command.Do {
				t.Errorf("%s: written for the command line: %q", name, got)
			}
		}
	})
}

// TestSessionCancelled holds that what reaches the target or waits ends with its
// context, and that what works on the workspace alone finishes.
func TestSessionCancelled(t *testing.T) {
	both(t, false, func(t *testing.T, s tui.Session, step *lesson.Step) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for name, call := range map[string]func() error{
			"Ready":   func() error { _, err := s.Ready(ctx, ignore); return err },
			"Plan":    func() error { _, err := s.Plan(ctx, false, ignore); return err },
			"Apply":   func() error { _, err := s.Apply(ctx, &stack.Plan{}, ignore); return err },
			"Await":   func() error { _, err := s.Await(ctx); return err },
			"Attach":  func() error { _, err := s.Attach(ctx, "", ignore); return err },
			"Receipt": func() error { _, err := s.Receipt(ctx); return err },
			"Run":     func() error { _, err := s.Run(ctx, "echo", func(string) {}); return err },
			"Solve":   func() error { return s.Solve(ctx, step, session.Helper{}) },
		} {
			if err := call(); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		s.Problems(ctx, func(p string) { t.Errorf("Problems: %s", p) })
		for name, err := range map[string]error{
			"Watch": s.Watch(ctx, func(fargate.Snapshot) {}), "Tail": s.Tail(ctx, func([]fargate.Line) {}, func(fargate.Stream) {}),
		} {
			if err != nil && ctx.Err() == nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, err := range map[string]error{
			"Save":       s.Save(ctx, session.Progress{Step: "deploy"}),
			"KeepOutput": s.KeepOutput(ctx, "deploy", session.Output{Lines: "a"}),
			"Answer":     s.Answer(ctx, step, 0, 0),
		} {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if o, err := s.Open(ctx); err != nil || o.Progress.Step != "deploy" || o.Progress.Outputs["deploy"].Lines != "a" {
			t.Errorf("Open: %+v, %v", o.Progress, err)
		}
	})
}

// TestSessionReadOnly holds that a session beside another one changes nothing but
// the learner's progress, and can still look.
func TestSessionReadOnly(t *testing.T) {
	both(t, true, func(t *testing.T, s tui.Session, step *lesson.Step) {
		ctx := t.Context()
		o, err := s.Open(ctx)
		if err != nil || !o.Info.ReadOnly || o.Info.Holder == "" {
			t.Errorf("Open: %+v, %v", o.Info, err)
		}
		if i, err := s.Ready(ctx, ignore); err != nil || !i.ReadOnly || i.Account == "" {
			t.Errorf("Ready: %+v, %v", i, err)
		}
		before, err := s.ReadFile(ctx, lesson.Action{File: "service.tf"})
		if err != nil {
			t.Errorf("ReadFile: %v", err)
		}
		for name, call := range map[string]func() error{
			"Plan":      func() error { _, err := s.Plan(ctx, false, ignore); return err },
			"Apply":     func() error { _, err := s.Apply(ctx, &stack.Plan{Destroy: true}, ignore); return err },
			"Set":       func() error { _, err := s.Set(ctx, []lesson.Setting{{Name: "message", Value: "x"}}); return err },
			"WriteFile": func() error { _, _, err := s.WriteFile(ctx, "service.tf", "# x\n"); return err },
			"Solve":     func() error { return s.Solve(ctx, step, session.Helper{}) },
			"Reset":     func() error { return s.Reset(ctx, step, session.Helper{}) },
		} {
			if err := call(); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		if now, err := s.ReadFile(ctx, lesson.Action{File: "service.tf"}); err != nil || now.Text != before.Text {
			t.Errorf("the file is %q, %v", now.Text, err)
		}
		if _, err := s.Stack(ctx); err != nil {
			t.Errorf("Stack: %v", err)
		}
		if err := s.Save(ctx, session.Progress{Step: "deploy"}); err != nil {
			t.Errorf("Save: %v", err)
		}
	})
}
