package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"workshop/internal/sandbox"
)

// environment is what a client needs to use the sandbox, and nothing of the
// person's own AWS configuration.
func environment(t *testing.T, i sandbox.Info, more ...string) []string {
	t.Helper()
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "AWS_") && !strings.HasPrefix(kv, "TF_") && !strings.HasPrefix(kv, "BOTO") {
			env = append(env, kv)
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	return append(append(env,
		"AWS_ENDPOINT_URL="+i.Endpoint, "AWS_ACCESS_KEY_ID="+i.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+i.SecretAccessKey,
		"AWS_REGION="+i.Region, "AWS_DEFAULT_REGION="+i.Region, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE="+none, "AWS_SHARED_CREDENTIALS_FILE="+none,
	), more...)
}

// terraform is one configuration under one Terraform.
type terraform struct {
	*testing.T
	dir string
	env []string
}

// newTerraform copies a configuration and initialises it. The test is skipped
// where it could not run.
func newTerraform(t *testing.T, i sandbox.Info, source string) *terraform {
	t.Helper()
	if testing.Short() {
		t.Skip("applies for real, which takes minutes")
	}
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Skip("terraform is not on PATH")
	}
	tf := &terraform{t, t.TempDir(), environment(t, i, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1")}
	if err := os.CopyFS(tf.dir, os.DirFS(source)); err != nil {
		t.Fatal(err)
	}
	// Where there is a mirror the 700 MB of the provider need no network.
	const mirror = "/opt/tf-plugins"
	if _, err := os.Stat(mirror); err == nil {
		config := filepath.Join(t.TempDir(), "terraform.tfrc")
		if err := os.WriteFile(config, fmt.Appendf(nil, "provider_installation {\n  filesystem_mirror { path = %q }\n}\n", mirror), 0o600); err != nil {
			t.Fatal(err)
		}
		tf.env = append(tf.env, "TF_CLI_CONFIG_FILE="+config)
	}
	if code, out := tf.run("init", "-input=false"); code != 0 {
		t.Skipf("terraform init does not get the provider: %s", out)
	}
	return tf
}

// run calls Terraform and returns its exit code and what it printed.
func (tf *terraform) run(args ...string) (int, string) {
	tf.Helper()
	ctx, cancel := context.WithTimeout(tf.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "terraform", append(args, "-no-color")...)
	// Asked to stop, Terraform leaves no provider behind.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
	var b bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = tf.dir, tf.env, &b, &b
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		tf.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), b.String()
}

// must calls Terraform, which must succeed.
func (tf *terraform) must(args ...string) string {
	tf.Helper()
	code, out := tf.run(args...)
	if code != 0 {
		tf.Fatalf("terraform %s: %s", strings.Join(args, " "), out[max(0, len(out)-4000):])
	}
	return out
}

// settled holds that nothing is left to change.
func (tf *terraform) settled(args ...string) {
	tf.Helper()
	code, out := tf.run(append([]string{"plan", "-input=false", "-detailed-exitcode"}, args...)...)
	if code != 0 {
		tf.Errorf("the plan after an apply is not empty: %s", out[max(0, len(out)-4000):])
	}
}

// TestCommunityModules applies, changes and destroys a stack in the shape of the
// community's modules.
func TestCommunityModules(t *testing.T) {
	s := start(t)
	tf := newTerraform(t, s.Info(), "testdata/community")
	vars := []string{"-var=architecture=" + map[string]string{"amd64": "X86_64", "arm64": "ARM64"}[runtime.GOARCH]}
	apply := func(more ...string) {
		t.Helper()
		tf.must(append(append([]string{"apply", "-input=false", "-auto-approve"}, vars...), more...)...)
	}
	apply()
	tf.settled(vars...)
	url := strings.TrimSpace(tf.must("output", "-raw", "url"))
	for path, want := range map[string]int{"/": http.StatusOK, "/old": http.StatusNotFound} {
		res, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s%s answers %d, not %d", url, path, res.StatusCode, want)
		}
	}
	tf.must(append([]string{"apply", "-refresh-only", "-input=false", "-auto-approve"}, vars...)...)

	vars = append(vars, "-var=single_nat_gateway=false", "-var=max_capacity=5")
	apply()
	tf.settled(vars...)
	vars = append(vars, "-parallelism=30")
	tf.must(append([]string{"destroy", "-input=false", "-auto-approve"}, vars...)...)
	if u := s.Unknown(); len(u) > 0 {
		t.Errorf("asked for what the sandbox does not have: %v", u)
	}
}
