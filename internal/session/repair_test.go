package session

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"workshop/internal/stack"
	"workshop/internal/target"
)

func TestRepair(t *testing.T) {
	s := open(t, target.Sandbox)
	for _, err := range []error{nil, errors.New("something"), stack.ErrPlanStale, stack.ErrStateLocked} {
		if r, ok := s.Repair(err); ok {
			t.Errorf("%v has the repair %q", err, r.Question)
		}
	}
	if r, ok := s.Repair(fmt.Errorf("plan: %w", stack.ErrErroredState)); !ok || r.Question == "" || r.Do == nil {
		t.Errorf("a state that could not be saved: %+v, %v", r, ok)
	}
	lock := filepath.Join(s.Workspace.TerraformDir(), ".terraform.lock.hcl")
	if err := os.WriteFile(lock, []byte("# of another machine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, ok := s.Repair(stack.ErrLockFile)
	if !ok {
		t.Fatal("a lock file that does not fit has no repair")
	}
	kept := ""
	if err := r.Do(t.Context(), func(e stack.Event) { kept = e.Message }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(lock); err == nil || kept == "" {
		t.Errorf("the lock file is still there, or nobody is told of the copy: %q", kept)
	}
}

// A state that lists nothing, after a deployment and no destroy, has lost it.
func TestLost(t *testing.T) {
	s := open(t, target.Sandbox)
	if s.Lost() {
		t.Error("before anything was deployed")
	}
	for kind, v := range map[string]any{entryApplying: applying{}, entryApplied: stack.Summary{Created: 31}} {
		if err := s.Workspace.Append(kind, v); err != nil {
			t.Fatal(err)
		}
	}
	if !s.Lost() {
		t.Error("31 resources were made, and none was deleted")
	}
	if err := s.Workspace.Append(entryDestroyed, Receipt{}); err != nil {
		t.Fatal(err)
	}
	if s.Lost() {
		t.Error("after the destroy")
	}
}

func TestOnlyASandboxStartsOver(t *testing.T) {
	if _, err := open(t, target.AWS).StartOver(t.Context()); !errors.Is(err, ErrNotASandbox) {
		t.Errorf("on AWS: %v", err)
	}
}
