package session

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"workshop/internal/diagnose"
	"workshop/internal/fargate"
	"workshop/internal/stack"
	"workshop/internal/target"
	"workshop/internal/workspace"
)

func open(t *testing.T, kind target.Kind) *Session {
	t.Helper()
	s, err := Open(Options{
		Kind: kind, Workspace: t.TempDir(),
		Configuration: fstest.MapFS{"main.tf": {Data: []byte("# nothing\n")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func writeState(t *testing.T, s *Session, state string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.Workspace.TerraformDir(), "terraform.tfstate"), []byte(state), 0o600); err != nil {
		t.Fatal(err)
	}
}

const half = `{"version":4,"outputs":{},"resources":[
 {"mode":"managed","type":"aws_ecs_cluster","name":"main","instances":[{"attributes":{"name":"workshop-x"}}]},
 {"mode":"managed","type":"aws_lb","name":"main","instances":[{"attributes":{"dns_name":"localhost:18080"}}]},
 {"mode":"managed","type":"aws_lb_target_group","name":"app","instances":[{"attributes":{"arn":"arn:tg"}}]},
 {"mode":"managed","type":"aws_cloudwatch_log_group","name":"container_insights","instances":[{"attributes":{"name":"/aws/ecs/containerinsights/workshop-x/performance"}}]},
 {"mode":"managed","type":"aws_cloudwatch_log_group","name":"app","instances":[{"attributes":{"name":"/ecs/workshop-x"}}]}]}`

func TestRef(t *testing.T) {
	s := open(t, target.Sandbox)
	if _, err := s.Ref(); !errors.Is(err, ErrNothingDeployed) {
		t.Errorf("in an empty workspace: %v", err)
	}

	// Terraform waits for the service: it is not in the state yet.
	writeState(t, s, half)
	if _, err := s.Ref(); !errors.Is(err, ErrNothingDeployed) {
		t.Errorf("half made, and nothing runs: %v", err)
	}
	s.setApplying(&stack.Plan{Changes: []stack.Change{{Type: "aws_ecs_service", Values: map[string]any{"name": "app"}}}})
	want := fargate.Ref{Cluster: "workshop-x", Service: "app", TargetGroup: "arn:tg", LogGroup: "/ecs/workshop-x", URL: "http://localhost:18080"}
	if got, err := s.Ref(); err != nil || got != want {
		t.Errorf("while the apply runs: %+v, %v", got, err)
	}
	s.setApplying(nil)

	writeState(t, s, `{"version":4,"outputs":{"cluster":{"value":"c"},"service":{"value":"s"},"url":{"value":"http://u"},"target_group":{"value":"t"},"log_group":{"value":"l"}},"resources":[]}`)
	if got, err := s.Ref(); err != nil || got.Cluster != "c" || got.URL != "http://u" {
		t.Errorf("from the outputs: %+v, %v", got, err)
	}
}

func TestValueFromTheState(t *testing.T) {
	s := open(t, target.Sandbox)
	writeState(t, s, `{"version":4,"outputs":{"url":{"value":"http://u"},"secret":{"value":"x","sensitive":true}},"resources":[]}`)
	for name, want := range map[string]string{"target": "sandbox", "outputs.url": "http://u", "workspace": s.Workspace.Dir(), "region": target.DefaultRegion} {
		if got, ok := s.Value(nil, name); !ok || got != want {
			t.Errorf("%s = %q, %v; want %q", name, got, ok, want)
		}
	}
	for _, name := range []string{"outputs.secret", "outputs.none", "nonsense", "account"} {
		if got, ok := s.Value(nil, name); ok {
			t.Errorf("%s = %q, but has no value", name, got)
		}
	}
}

func TestLifeOfAStack(t *testing.T) {
	s := open(t, target.Sandbox)
	note := func(kind string, v any) {
		t.Helper()
		if err := s.Workspace.Append(kind, v); err != nil {
			t.Fatal(err)
		}
	}
	if l := s.Life(); !l.From.IsZero() || l.Created != 0 {
		t.Errorf("before anything: %+v", l)
	}
	note(entryApplying, applying{})
	note(entryApplied, stack.Summary{Created: 20})
	note(entryApplying, applying{})
	note(entryApplied, stack.Summary{Created: 11, Updated: 1})
	note(entryStopped, fargate.Task{ID: "old"})
	l := s.Life()
	if l.Created != 31 || l.From.IsZero() || !l.To.IsZero() {
		t.Errorf("while it stands: %+v", l)
	}
	note(entryStopped, fargate.Task{ID: "new"})
	if got := s.StoppedTasks(); len(got) != 2 || got[0].ID != "new" {
		t.Errorf("stopped tasks = %+v", got)
	}
	note(entryApplying, applying{Destroy: true})
	note(entryApplied, stack.Summary{Deleted: 31})
	note(entryDestroyed, Receipt{})
	if l := s.Life(); l.Removed != 31 || l.To.IsZero() || l.To.Before(l.From) {
		t.Errorf("after the destroy: %+v", l)
	}
	if got := s.StoppedTasks(); len(got) != 0 {
		t.Errorf("stopped tasks of a stack that is gone: %+v", got)
	}
	note(entryApplying, applying{})
	if l := s.Life(); l.Created != 0 || !l.To.IsZero() || time.Since(l.From) > time.Minute {
		t.Errorf("the next life: %+v", l)
	}
}

func TestAnswersOfTheSandbox(t *testing.T) {
	tasks := []fargate.Task{
		{StoppedReason: "CannotPullContainerError: not found", Answer: &diagnose.Answer{Do: "Check the image."}},
		{StoppedReason: "Essential container in task exited", Answer: &diagnose.Answer{Do: "Read the log."}},
	}
	got := open(t, target.Sandbox).Answers(tasks)
	if !strings.Contains(got[0].Answer.Do, "carries only podinfo") || got[1].Answer.Do != "Read the log." {
		t.Errorf("in the sandbox: %+v %+v", got[0].Answer, got[1].Answer)
	}
	if tasks[0].Answer.Do != "Check the image." {
		t.Error("the tasks given were changed")
	}
	if got := open(t, target.AWS).Answers(tasks); got[0].Answer.Do != "Check the image." {
		t.Errorf("on AWS: %+v", got[0].Answer)
	}
}

func TestOneWriter(t *testing.T) {
	s := open(t, target.Sandbox)
	if err := s.Lock(); err != nil {
		t.Fatal(err)
	}
	if err := s.Lock(); err != nil {
		t.Errorf("the holder itself: %v", err)
	}
	other, err := Open(Options{Kind: target.Sandbox, Workspace: s.Workspace.Dir(), Configuration: fstest.MapFS{"main.tf": {Data: []byte("# nothing\n")}}})
	if err != nil {
		t.Fatal(err)
	}
	var held *workspace.LockedError
	if err := other.Lock(); !errors.As(err, &held) {
		t.Errorf("a second session: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := other.Lock(); err != nil {
		t.Errorf("after the first has gone: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
}
