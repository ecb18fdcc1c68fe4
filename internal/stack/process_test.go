//go:build unix

package stack

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// provider is a shell command that starts a process named as a provider is.
const provider = `cp "$(command -v sleep)" terraform-provider-test && { ./terraform-provider-test 1000 & }
`

// fake is a program that stands for Terraform.
func fake(t *testing.T, script string) *Terraform {
	t.Helper()
	path := filepath.Join(t.TempDir(), "terraform")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return &Terraform{Path: path, Version: pinned}
}

// nothingLeft waits until a process group is empty.
func nothingLeft(t *testing.T, pgid int) {
	t.Helper()
	var members map[int]string
	for range 100 {
		var err error
		if members, err = processGroup(pgid); err != nil {
			t.Fatal(err)
		}
		if len(members) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("of the group %d %v is left", pgid, members)
	_ = syscall.Kill(-pgid, syscall.SIGKILL)
}

// TestNothingOutlivesTerraform: whatever ends Terraform, its providers end too,
// and the run does not wait for the pipe that they hold.
func TestNothingOutlivesTerraform(t *testing.T) {
	for name, c := range map[string]struct {
		end    string
		killed bool
	}{
		"ends":           {"exit 0", false},
		"fails":          {"exit 1", false},
		"is killed":      {"kill -KILL $$", true},
		"provider first": {"kill -KILL $!; wait; exit 1", false},
	} {
		t.Run(name, func(t *testing.T) {
			// It must not end before it was identified.
			tf := fake(t, provider+"echo last line\nwhile [ ! -e identified ]; do sleep 0.01; done\n"+c.end+"\n")
			dir := filepath.Dir(tf.Path)
			var started Process
			var last string
			p := &process{started: func(p Process) {
				started = p
				put(t, filepath.Join(dir, "identified"), "")
			}}
			err := p.run(t.Context(), tf, dir, os.Environ(), nil, func(line []byte) { last = string(line) })
			if killed(err) != c.killed {
				t.Errorf("run = %v", err)
			}
			if last != "last line" {
				t.Errorf("the last line was %q", last)
			}
			if started.PID == 0 || started.Start == "" || started.Alive() {
				t.Errorf("it was %+v, alive %v", started, started.Alive())
			}
			nothingLeft(t, started.PID)
		})
	}
}

func TestKilledTerraformIsExplained(t *testing.T) {
	tf := fake(t, `case "$1" in init) exit 0;; esac
kill -KILL $$`)
	dir := filepath.Dir(tf.Path)
	s, err := Open(Options{Dir: dir, DataDir: t.TempDir(), Terraform: tf})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Plan(t.Context(), nil); !errors.Is(err, ErrKilled) || !strings.Contains(err.Error(), "Nothing was created or changed") {
		t.Errorf("Plan = %v", err)
	}
	plan := &Plan{File: filepath.Join(dir, "x.tfplan")}
	put(t, plan.File, "x")
	if _, err := s.Apply(t.Context(), plan, nil); !errors.Is(err, ErrKilled) || !strings.Contains(err.Error(), "memory") || !strings.Contains(err.Error(), "may be missing") {
		t.Errorf("Apply = %v", err)
	}
}

// TestKilledInApplyAll: what ApplyAll says depends on how far it was.
func TestKilledInApplyAll(t *testing.T) {
	for planned, want := range map[bool]string{false: "Nothing was created or changed", true: "may be missing"} {
		script := "kill -KILL $$"
		if planned {
			script = `echo '{"@message":"Plan: 1 to add","type":"change_summary","changes":{"operation":"plan"}}'
` + script
		}
		tf := fake(t, script)
		s, err := Open(Options{Dir: filepath.Dir(tf.Path), DataDir: t.TempDir(), Terraform: tf})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.ApplyAll(t.Context(), nil); !errors.Is(err, ErrKilled) || !strings.Contains(err.Error(), want) {
			t.Errorf("with a plan %v: %v", planned, err)
		}
	}
}

// owner starts a process that runs the script as its Terraform.
func owner(t *testing.T, script string) (cmd *exec.Cmd, terraform Process, dir string) {
	t.Helper()
	tf := fake(t, script)
	cmd = exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), ownerVariable+"="+tf.Path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if _, err := fmt.Fscanln(out, &terraform.PID, &terraform.Start); err != nil {
		t.Fatal(err)
	}
	return cmd, terraform, filepath.Dir(tf.Path)
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 200 {
		if done() {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatalf("waited for %s in vain", what)
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// TestOwnerKilled: a Terraform whose owner dies is interrupted, can print without
// dying of it, and ends with all that it started.
func TestOwnerKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux interrupts the child of a process that dies")
	}
	cmd, terraform, dir := owner(t, `trap 'echo stopping; echo stopping; sleep 0.2; echo saved > state; kill $!; exit 1' INT
`+provider+`touch ready
while :; do sleep 0.05; done`)
	await(t, "Terraform", func() bool { return exists(filepath.Join(dir, "ready")) })
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	await(t, "the state", func() bool { return exists(filepath.Join(dir, "state")) })
	nothingLeft(t, terraform.PID)
}

func TestEndLeftover(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		saves  bool
	}{
		"saves its state":      {`trap 'sleep 0.2; touch state; exit 1' INT`, true},
		"ignores interrupts":   {`trap '' INT`, false},
		"leaves its providers": {`trap 'touch state; exit 1' INT`, true},
	} {
		t.Run(name, func(t *testing.T) {
			tf := fake(t, c.script+"\n"+provider+"touch ready\nwhile :; do sleep 0.05; done")
			dir := filepath.Dir(tf.Path)
			cmd := exec.Command(tf.Path)
			cmd.Dir = dir
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			wg.Go(func() { _ = cmd.Wait() })
			defer wg.Wait()
			defer func() { _ = killGroup(cmd.Process) }()
			await(t, "Terraform", func() bool { return exists(filepath.Join(dir, "ready")) })
			p := identify(cmd.Process.Pid)

			other := Process{PID: p.PID, Start: p.Start + "0"}
			if other.Alive() {
				t.Error("a process with the same number is taken for the same")
			}
			found, err := endLeftover(t.Context(), p, time.Second)
			if !found || err != nil {
				t.Errorf("EndLeftover = %v, %v", found, err)
			}
			if got := exists(filepath.Join(dir, "state")); got != c.saves {
				t.Errorf("the state was saved: %v", got)
			}
			nothingLeft(t, p.PID)
			if found, err := endLeftover(t.Context(), p, time.Second); found || err != nil {
				t.Errorf("a second time: %v, %v", found, err)
			}
		})
	}
}

// TestEndLeftoverSparesOthers: a process that got the number of an old Terraform
// is not touched, nor is its group.
func TestEndLeftoverSparesOthers(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	p := identify(cmd.Process.Pid)
	for _, old := range []Process{{PID: p.PID, Start: "another/1"}, {PID: p.PID}, {PID: 0, Start: "x"}, {PID: 1, Start: "x"}, {PID: -1, Start: "x"}} {
		if found, err := endLeftover(t.Context(), old, time.Second); found || err != nil {
			t.Errorf("%+v: %v, %v", old, found, err)
		}
	}
	if !p.Alive() {
		t.Error("it was ended")
	}
}

// TestOrphanedProvider: Terraform itself is gone, its provider is not.
func TestOrphanedProvider(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere ps does not show the program's own name in every case")
	}
	tf := fake(t, provider+"sleep 1000 &\ntouch ready\nwhile :; do sleep 0.05; done")
	dir := filepath.Dir(tf.Path)
	cmd := exec.Command(tf.Path)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = killGroup(cmd.Process) }()
	await(t, "Terraform", func() bool { return exists(filepath.Join(dir, "ready")) })
	p := identify(cmd.Process.Pid)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if found, err := endLeftover(t.Context(), p, time.Second); !found || err != nil {
		t.Errorf("EndLeftover = %v, %v", found, err)
	}
	members, _ := processGroup(p.PID)
	for pid, program := range members {
		if strings.HasPrefix(program, "terraform-provider-") {
			t.Errorf("%s (%s) is left", program, strconv.Itoa(pid))
		}
	}
}

// TestKilledForReal kills the real Terraform in the middle of an apply.
func TestKilledForReal(t *testing.T) {
	s, p := slowApply(t)
	var mu sync.Mutex
	var started Process
	s.opts.Started = func(p Process) {
		mu.Lock()
		defer mu.Unlock()
		started = p
	}
	var rec recorder
	rec.watch = func(e Event) {
		if e.Type == EventStarted && e.Resource == "terraform_data.slow" {
			mu.Lock()
			defer mu.Unlock()
			_ = killPID(started.PID)
		}
	}
	if _, err := s.Apply(t.Context(), p, rec.emit); !errors.Is(err, ErrKilled) {
		t.Errorf("Apply = %v", err)
	}
	nothingLeft(t, started.PID)
	if _, err := s.Destroy(t.Context(), nil); err != nil {
		t.Errorf("destroy afterwards: %v", err)
	}
}
