package stack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// awkward are folder names that are patterns to filepath.Glob.
var awkward = []string{"ws [2026", "ws [2026]", "ws*", "a?b", `it's "quoted"`, "sp ace"}

func folder(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Skip("this file system has no such names: ", err)
	}
	return dir
}

func TestFilesIn(t *testing.T) {
	for _, name := range awkward {
		dir := folder(t, name)
		put(t, filepath.Join(dir, "b.tf"), "")
		put(t, filepath.Join(dir, "a.tf"), "")
		put(t, filepath.Join(dir, "a.txt"), "")
		got := filesIn(dir, "*.tf")
		if len(got) != 2 || got[0] != filepath.Join(dir, "a.tf") || got[1] != filepath.Join(dir, "b.tf") {
			t.Errorf("in %q it lists %q", name, got)
		}
	}
	if got := filesIn(filepath.Join(t.TempDir(), "none"), "*"); got != nil {
		t.Errorf("a folder that is not there lists %q", got)
	}
}

// TestAwkwardFolders: a stack works in them, and leaves no plan file behind.
func TestAwkwardFolders(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such names")
	}
	tf := findHere(t)
	t.Setenv("TF_CLI_CONFIG_FILE", "")
	t.Setenv("HOME", t.TempDir())
	for _, name := range awkward {
		dir := folder(t, name)
		put(t, filepath.Join(dir, "a.tf"), `resource "terraform_data" "a" {}`)
		s, err := Open(Options{Dir: dir, DataDir: dir, Terraform: tf})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Init(t.Context(), nil); err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		for range 2 {
			p, err := s.Plan(t.Context(), nil)
			if err != nil || p.Create != 1 || p.Changes[0].Title == "" {
				t.Errorf("%q: the plan is %+v, %v", name, p, err)
			}
		}
		if plans := filesIn(dir, planPattern); len(plans) != 1 {
			t.Errorf("%q has the plans %q", name, plans)
		}
	}
}

func stateText(serial int, lineage string) string {
	return fmt.Sprintf(`{"version":4,"terraform_version":"1.11.4","serial":%d,"lineage":%q,"outputs":{},"resources":[`+
		`{"mode":"managed","type":"terraform_data","name":"a","provider":"provider[\"terraform.io/builtin/terraform\"]","instances":[`+
		`{"schema_version":0,"attributes":{"id":"a1","input":null,"output":null,"triggers_replace":null}}]}]}`, serial, lineage)
}

// quiet is a stack that never runs Terraform, with folders of its own for kept states.
func quiet(t *testing.T) *Stack {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	t.Setenv("TMPDIR", t.TempDir())
	s, err := Open(Options{Dir: t.TempDir(), DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestErrored(t *testing.T) {
	const errored, current = erroredName, "terraform.tfstate"
	for name, tt := range map[string]struct {
		files map[string]string
		want  bool
	}{
		"nothing":                  {nil, false},
		"one":                      {map[string]string{errored: stateText(3, "l")}, true},
		"empty":                    {map[string]string{errored: ""}, false},
		"damaged":                  {map[string]string{errored: stateText(3, "l")[:50]}, false},
		"newer than the state":     {map[string]string{errored: stateText(3, "l"), current: stateText(2, "l")}, true},
		"pushed already":           {map[string]string{errored: stateText(3, "l"), current: stateText(3, "l")}, false},
		"older than the state":     {map[string]string{errored: stateText(3, "l"), current: stateText(9, "l")}, false},
		"of another lineage":       {map[string]string{errored: stateText(3, "l"), current: stateText(9, "m")}, true},
		"beside a damaged state":   {map[string]string{errored: stateText(3, "l"), current: "{"}, true},
		"beside an emptied state":  {map[string]string{errored: stateText(3, "l"), current: ""}, true},
		"renamed after it was put": {map[string]string{errored + ".pushed-x": stateText(3, "l")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := quiet(t)
			for file, text := range tt.files {
				put(t, filepath.Join(s.opts.Dir, file), text)
			}
			path, ok := s.Errored()
			if ok != tt.want || ok && path != filepath.Join(s.opts.Dir, errored) {
				t.Errorf("Errored = %q, %v", path, ok)
			}
			if err := s.checkErrored(); errors.Is(err, ErrErroredState) != tt.want {
				t.Errorf("an apply gets %v", err)
			}
		})
	}
}

// TestKeepState: the dump goes to the first folder that takes it, and is found.
func TestKeepState(t *testing.T) {
	s := quiet(t)
	kept := s.keepState([]byte(stateText(3, "l")))
	if filepath.Dir(kept.Path) != s.opts.Dir {
		t.Errorf("it is kept in %q", kept.Path)
	}
	private(t, kept.Path)
	if path, ok := s.Errored(); !ok || path != kept.Path {
		t.Errorf("Errored = %q, %v", path, ok)
	}
	other, err := Open(Options{Dir: t.TempDir(), DataDir: s.opts.DataDir})
	if err != nil {
		t.Fatal(err)
	}
	if path, ok := other.Errored(); ok {
		t.Errorf("another stack takes %q for its own", path)
	}
}

// TestKeepStateElsewhere: folders that take no file are passed over; the last
// resort is the text itself.
func TestKeepStateElsewhere(t *testing.T) {
	s := quiet(t)
	dir := s.opts.Dir
	s.opts.DataDir, s.opts.CacheDir = filepath.Join(dir, "none"), filepath.Join(dir, "neither")
	s.opts.Dir = filepath.Join(dir, "gone")
	kept := s.keepState([]byte(stateText(3, "l")))
	if kept.Path == "" || strings.HasPrefix(kept.Path, dir) {
		t.Errorf("it is kept in %q", kept.Path)
	}
	if path, ok := s.Errored(); !ok || path != kept.Path {
		t.Errorf("Errored = %q, %v", path, ok)
	}
	if err := os.Remove(kept.Path); err != nil {
		t.Fatal(err)
	}
	last := (&KeptState{State: []byte(stateText(3, "l"))}).String()
	if !strings.Contains(last, stateText(3, "l")) {
		t.Errorf("the last resort is %q", last)
	}
}

// TestEmergencyDump: Terraform prints its state because it can write it nowhere.
func TestEmergencyDump(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the stand-in for Terraform is a shell script")
	}
	record, err := filepath.Abs(filepath.Join("testdata", "failures", "no-space.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	s := quiet(t)
	script := filepath.Join(t.TempDir(), "terraform")
	if err := os.WriteFile(script, []byte("#!/bin/sh\ncat '"+record+"'; exit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.opts.Terraform = &Terraform{Path: script, Version: pinned}
	plan := &Plan{File: filepath.Join(s.opts.DataDir, "plan-x.tfplan")}
	put(t, plan.File, "x")
	var rec recorder
	_, err = s.Apply(t.Context(), plan, rec.emit)
	var d *DiagnosticError
	if !errors.As(err, &d) || d.Kept == nil || !errors.Is(err, ErrErroredState) || !errors.Is(err, ErrDiskFull) || !strings.Contains(err.Error(), d.Kept.Path) {
		t.Fatalf("Apply = %v", err)
	}
	for _, summary := range []string{"Failed to write state", "Failed to save state", "Failed to create local state file", "Failed to persist state to backend"} {
		if !strings.Contains(err.Error(), summary) {
			t.Errorf("%q is not shown in %v", summary, err)
		}
	}
	kept, err := readState(d.Kept.Path)
	if err != nil || kept.Serial != 1 || len(kept.Resources) != 1 {
		t.Errorf("what is kept is %+v, %v", kept, err)
	}
	private(t, d.Kept.Path)
	told := false
	for _, e := range rec.events {
		told = told || e.Type == EventStateKept && e.File == d.Kept.Path
	}
	if !told {
		t.Errorf("the events were %v", rec.types())
	}
	for name, run := range map[string]func() error{
		"Plan":        func() error { _, err := s.Plan(t.Context(), nil); return err },
		"PlanDestroy": func() error { _, err := s.PlanDestroy(t.Context(), nil); return err },
		"Apply":       func() error { _, err := s.Apply(t.Context(), plan, nil); return err },
		"ApplyAll":    func() error { _, err := s.ApplyAll(t.Context(), nil); return err },
	} {
		if err := run(); !errors.Is(err, ErrErroredState) || !strings.Contains(err.Error(), d.Kept.Path) {
			t.Errorf("afterwards %s = %v", name, err)
		}
	}
}

// TestPushErrored puts a lost state back with the real Terraform.
func TestPushErrored(t *testing.T) {
	for name, current := range map[string]string{"no state": "", "a damaged state": `{"version": 4, "terraf`, "an older state": "older"} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t, "a.tf", `resource "terraform_data" "a" {}`)
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
			lost := filepath.Join(s.opts.Dir, erroredName)
			if err := os.Rename(s.statePath(), lost); err != nil {
				t.Fatal(err)
			}
			st, err := readState(lost)
			if err != nil {
				t.Fatal(err)
			}
			switch current {
			case "":
			case "older":
				put(t, s.statePath(), stateText(int(st.Serial)-1, st.Lineage))
			default:
				put(t, s.statePath(), current)
			}
			if _, err := s.Plan(ctx, nil); !errors.Is(err, ErrErroredState) {
				t.Errorf("a plan before: %v", err)
			}
			if err := s.PushErrored(ctx, nil); err != nil {
				t.Fatal(err)
			}
			if path, ok := s.Errored(); ok {
				t.Errorf("%s is still offered", path)
			}
			if len(filesIn(s.opts.Dir, erroredName+".pushed-*")) != 1 {
				t.Error("no copy is kept")
			}
			if p, err := s.Plan(ctx, nil); err != nil || !p.Empty() {
				t.Errorf("a plan afterwards: %+v, %v", p, err)
			}
			if err := s.PushErrored(ctx, nil); err != nil {
				t.Errorf("with nothing to push: %v", err)
			}
		})
	}
}

func TestPushOfAnotherLineage(t *testing.T) {
	s := newStack(t, "a.tf", `resource "terraform_data" "a" {}`)
	put(t, s.statePath(), stateText(5, "0b0b0b0b-160e-538a-e9de-b38f73e8e866"))
	put(t, filepath.Join(s.opts.Dir, erroredName), stateText(9, "0c0c0c0c-160e-538a-e9de-b38f73e8e866"))
	err := s.PushErrored(t.Context(), nil)
	if !errors.Is(err, ErrStateConflict) || !strings.Contains(err.Error(), "Compare") {
		t.Errorf("PushErrored = %v", err)
	}
	if _, ok := s.Errored(); !ok {
		t.Error("the state that could not be pushed is gone")
	}
}

func TestUnreadableStates(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want error
	}{
		"cut off":     {stateText(1, "l")[:60], ErrStateDamaged},
		"not a state": {"hello", ErrStateDamaged},
		"version 3":   {`{"version":3}`, ErrStateDamaged},
		"version 5":   {`{"version":5,"resources":{}}`, ErrStateNewer},
		"null":        {`null`, ErrStateDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			s := quiet(t)
			put(t, s.statePath(), tt.text)
			if _, ok := s.Backup(); ok {
				t.Error("there is a backup from nowhere")
			}
			put(t, s.statePath()+".backup", stateText(1, "l"))
			_, err := s.State()
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), s.statePath()) {
				t.Errorf("State = %v", err)
			}
			if b, ok := s.Backup(); !ok || b.Resources != 1 || b.Path != s.statePath()+".backup" || b.Modified.IsZero() {
				t.Errorf("Backup = %+v, %v", b, ok)
			} else if tt.want == ErrStateDamaged && !strings.Contains(err.Error(), b.Path) {
				t.Errorf("%v does not name the backup", err)
			}
			path, err := s.SetStateAside()
			if err != nil || filepath.Dir(path) != s.opts.Dir {
				t.Fatalf("SetStateAside = %q, %v", path, err)
			}
			private(t, path)
			if exists, err := s.Exists(); exists || err != nil {
				t.Errorf("afterwards Exists = %v, %v", exists, err)
			}
			if again, err := s.SetStateAside(); again != "" || err != nil {
				t.Errorf("a good state is set aside: %q, %v", again, err)
			}
		})
	}
}

// TestTerraformSaysSo: what the real Terraform says of such states.
func TestTerraformSaysSo(t *testing.T) {
	s := newStack(t, "a.tf", `resource "terraform_data" "a" {}`)
	if err := s.Init(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]error{
		stateText(1, "l")[:60]:     ErrStateDamaged,
		`{"version":5,"serial":1}`: ErrStateNewer,
	} {
		put(t, s.statePath(), text)
		if _, err := s.Plan(t.Context(), nil); !errors.Is(err, want) || errors.Is(err, ErrStateLocked) {
			t.Errorf("with %.30q Plan = %v", text, err)
		}
	}
}

func TestTempDir(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows asks for its folder otherwise")
	}
	data := t.TempDir()
	t.Setenv("TMPDIR", "/nonexistent/x")
	for name, err := range map[string]error{
		"Find": func() error { _, err := Find(t.Context(), FindOptions{Offline: true}, nil); return err }(),
		"Plan": func() error {
			s, err := Open(Options{Dir: data, DataDir: data, Terraform: &Terraform{Path: "/nonexistent/terraform", Version: pinned}})
			if err != nil {
				return err
			}
			return s.stream(t.Context(), &operation{}, []string{"version"}, func(message) {})
		}(),
	} {
		if !errors.Is(err, ErrTempDir) || !strings.Contains(err.Error(), "TMPDIR") || !strings.Contains(err.Error(), "/nonexistent/x") {
			t.Errorf("%s = %v", name, err)
		}
	}
}

func TestRemoveLockFile(t *testing.T) {
	s := quiet(t)
	put(t, filepath.Join(s.opts.Dir, lockFile), "x")
	kept, err := s.RemoveLockFile()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(s.opts.Dir, lockFile)); err == nil {
		t.Error("it is still there")
	}
}
