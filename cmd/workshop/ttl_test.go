//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTTL deploys with a time at which the tasks stop, waits for the time without
// asking for anything else, and cleans up.
func TestTTL(t *testing.T) {
	needsLong(t)
	p := newPlace(t)
	dir := filepath.Join(t.TempDir(), "workspace")
	p.flags = []string{"--workspace", dir}

	p.run(0, "status") // makes the workspace
	// --ttl takes ten minutes at least; the variable that it writes takes any time.
	until := time.Now().UTC().Add(3 * time.Minute).Truncate(time.Minute)
	values := filepath.Join(dir, "terraform", "terraform.tfvars")
	if err := os.WriteFile(values, []byte("ttl_until = \""+until.Format(time.RFC3339)+"\"\nautoscaling = true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := p.run(0, "deploy", "--yes"); strings.Count(out, "The tasks stop at ") != 2 {
		t.Errorf("deploy says the time in the plan and at its end:\n%s", out)
	}
	if st := p.status(); st.TTL == nil || !st.TTL.At.Equal(until) || st.TTL.Passed || st.Service.Desired != 2 {
		t.Errorf("after deploy: %+v, %+v", st.TTL, st.Service)
	}

	for deadline := until.Add(2 * time.Minute); ; time.Sleep(time.Second) {
		st := p.status()
		if st.Service.Desired == 0 && st.Service.Running == 0 && st.TTL != nil && st.TTL.Passed {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the tasks go on after %s: %+v, %+v", until, st.Service, st.TTL)
		}
	}
	if out := p.run(0, "status"); !strings.Contains(out, "ttl     The tasks were to stop at ") {
		t.Errorf("status after the time:\n%s", out)
	}

	out := p.run(0, "deploy", "--yes", "--ttl", "1h")
	if st := p.status(); st.Service.Desired != 2 || st.TTL == nil || st.TTL.Passed {
		t.Errorf("deployed again: %+v, %+v\n%s", st.Service, st.TTL, out)
	}
	p.run(0, "deploy", "--yes", "--ttl", "off")
	if st := p.status(); st.TTL != nil || st.Service.Desired != 2 {
		t.Errorf("after --ttl off: %+v, %+v", st.TTL, st.Service)
	}
	if out := p.run(0, "deploy", "--yes", "--ttl", "2h"); !strings.Contains(out, "The tasks stop at ") {
		t.Errorf("deploy --ttl 2h:\n%s", out)
	}
	if out := p.run(0, "destroy", "--yes", "--json"); !strings.Contains(out, "schedules") {
		t.Errorf("the receipt does not ask for schedules:\n%s", tail(out))
	}
}
