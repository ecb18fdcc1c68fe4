package conformance

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"testing"
)

// TestBoto3 has boto3 drive the sandbox: its parsers, paginators and waiters.
func TestBoto3(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits as boto3's waiters do")
	}
	if out, err := exec.Command("python3", "-c", "import boto3").CombinedOutput(); err != nil {
		t.Skipf("there is no python3 with boto3: %v %s", err, out)
	}
	s := start(t)
	have, err := json.Marshal(s.Operations())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "python3", "-W", "ignore", "testdata/boto3_stranger.py")
	cmd.Env, cmd.Stdin = environment(t, s.Info()), bytes.NewReader(have)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("boto3: %v\n%s", err, out)
	}
	t.Logf("%s", out)
	if u := s.Unknown(); len(u) > 0 {
		t.Errorf("asked for what the sandbox does not have: %v", u)
	}
}
