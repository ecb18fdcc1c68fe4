package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"workshop/internal/session"
)

// binary builds the program that a user runs, once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "workshop-test")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "workshop")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// needsTerraform skips where the test could not be run by anybody: in short
// mode, or where neither terraform nor tofu is installed.
func needsTerraform(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("deploys for real, which takes minutes")
	}
	for _, name := range []string{"terraform", "tofu"} {
		if _, err := exec.LookPath(name); err == nil {
			return
		}
	}
	t.Skip("neither terraform nor tofu is on PATH, so there is nothing to deploy with")
}

// place is a workspace, and a home that has nothing else in it.
type place struct {
	t     testing.TB
	bin   string
	home  string
	env   []string
	flags []string // of every command
}

func newPlace(t testing.TB) *place {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &place{t: t, bin: bin, home: t.TempDir()}
	for _, kv := range os.Environ() {
		if k, _, _ := strings.Cut(kv, "="); !strings.HasPrefix(k, "XDG_") && !strings.HasPrefix(k, "AWS_") && k != "HOME" {
			p.env = append(p.env, kv)
		}
	}
	p.env = append(p.env, "HOME="+p.home, "WORKSHOP_SANDBOX_SPEED=fast", "WORKSHOP_SANDBOX_IDLE="+sandboxIdle)
	t.Cleanup(func() { stopSandbox(t, p.env) })
	return p
}

// sandboxIdle ends a sandbox that a killed test leaves behind.
const sandboxIdle = "5m"

// stopSandbox ends the background sandbox of a home, if one runs.
func stopSandbox(t interface{ Errorf(string, ...any) }, env []string) {
	bin, err := binary()
	if err != nil {
		return // and nothing was started
	}
	cmd := exec.Command(bin, "sandbox", "stop")
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("workshop sandbox stop: %v\n%s", err, out)
	}
}

// command is one call of the program; it is killed when the test's time is up.
func (p *place) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.bin, slices.Concat(args, p.flags)...)
	cmd.Env = p.env
	cmd.Dir = p.home
	return cmd
}

// run calls the program and returns what it printed; it must exit with code.
func (p *place) run(code int, args ...string) string {
	p.t.Helper()
	var out, errOut bytes.Buffer
	cmd := p.command(p.t.Context(), args...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatalf("workshop %s: %v", strings.Join(args, " "), err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		p.t.Fatalf("workshop %s exited with %d, want %d\nstdout:\n%s\nstderr:\n%s", strings.Join(args, " "), got, code, tail(out.String()), errOut.String())
	}
	return out.String()
}

func tail(s string) string {
	if len(s) > 4000 {
		return "..." + s[len(s)-4000:]
	}
	return s
}

// kill ends a process at once.
func kill(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Kill()
}

// sandbox starts the sandbox in the background and returns its process id.
func (p *place) sandbox() int {
	p.t.Helper()
	var st struct{ PID int }
	if err := json.Unmarshal([]byte(p.run(0, "sandbox", "start", "--json")), &st); err != nil || st.PID == 0 {
		p.t.Fatalf("sandbox start --json names no process: %v", err)
	}
	return st.PID
}

type statusSeen struct {
	Target, Account, Region, URL string
	Stack                        struct{ State string }
	Service                      struct {
		Name             string
		Desired, Running int
		Rollout          string
	}
	Tasks []struct {
		ID, Status, Health, Zone, Address string
		StoppedReason                     string `json:"stopped_reason"`
	}
	AsOf time.Time `json:"as_of"`
	TTL  *session.TTL
}

func (p *place) status() statusSeen {
	p.t.Helper()
	var st statusSeen
	if err := json.Unmarshal([]byte(p.run(0, "status", "--json")), &st); err != nil {
		p.t.Fatal(err)
	}
	return st
}

func (s statusSeen) running() map[string]bool {
	out := map[string]bool{}
	for _, t := range s.Tasks {
		if t.Status == "RUNNING" {
			out[t.ID] = true
		}
	}
	return out
}

// eventually looks again until f is true; slow machines get their time.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatalf("not within a minute: %s", what)
}

func lines(s string) []map[string]any {
	var out []map[string]any
	for l := range strings.Lines(s) {
		var m map[string]any
		if json.Unmarshal([]byte(l), &m) == nil {
			out = append(out, m)
		}
	}
	return out
}

// TestDeployToDestroy is the main job from end to end, with the real Terraform
// and the real provider.
func TestDeployToDestroy(t *testing.T) {
	needsTerraform(t)
	t.Parallel()
	p := newPlace(t)

	if st := p.status(); st.Stack.State != "none" || st.Target != "sandbox" {
		t.Errorf("before anything: %+v", st)
	}
	deployed := lines(p.run(0, "deploy", "--yes", "--json"))
	last := deployed[len(deployed)-1]
	if last["type"] != "summary" {
		t.Errorf("deploy --json ends with %v", last)
	}

	st := p.status()
	if st.Stack.State != "up" || st.Service.Desired != 2 || st.Service.Running != 2 {
		t.Errorf("after deploy: %+v", st)
	}
	// The provider waits until the tasks run; ECS completes the deployment a moment
	// later.
	eventually(t, "a completed deployment", func() bool {
		st = p.status()
		return st.Service.Rollout == "COMPLETED"
	})
	zones := map[string]bool{}
	for _, task := range st.Tasks {
		zones[task.Zone] = true
		if task.Health != "HEALTHY" || task.Address == "" {
			t.Errorf("task %+v", task)
		}
	}
	if len(zones) != 2 {
		t.Errorf("tasks are in the zones %v", zones)
	}

	url := strings.TrimSpace(p.run(0, "output", "url"))
	if url != st.URL {
		t.Errorf("output url = %q, status says %q", url, st.URL)
	}
	body := get(t, url+"/?from=the-test")
	if !strings.Contains(body, `"message"`) || !strings.Contains(body, `"hostname"`) {
		t.Errorf("%s answered %s", url, body)
	}
	get(t, url+"/api/info?marker=e2e")
	eventually(t, "the request is in the logs", func() bool {
		for _, l := range lines(p.run(0, "logs", "--json")) {
			if m, _ := l["message"].(string); strings.Contains(m, "/api/info") {
				return l["task"] != "" && l["time"] != ""
			}
		}
		return false
	})

	t.Run("a killed task is replaced", func(t *testing.T) {
		before := p.status().running()
		pids := children(t, p.sandbox())
		if len(pids) < 2 {
			t.Fatalf("the sandbox has the child processes %v, want one for each task", pids)
		}
		if err := kill(pids[0]); err != nil {
			t.Fatal(err)
		}
		eventually(t, "two tasks run, one of them new, and the dead one is explained", func() bool {
			now := p.status()
			fresh, dead := 0, false
			for id := range now.running() {
				if !before[id] {
					fresh++
				}
			}
			for _, task := range now.Tasks {
				dead = dead || before[task.ID] && task.StoppedReason == "Essential container in task exited"
			}
			return now.Service.Running == 2 && fresh == 1 && dead
		})
	})

	t.Run("any service is named by its cluster", func(t *testing.T) {
		cluster := strings.TrimSpace(p.run(0, "output", "cluster"))
		var named statusSeen
		if err := json.Unmarshal([]byte(p.run(0, "status", "--json", "--cluster", cluster, "--service", "app")), &named); err != nil {
			t.Fatal(err)
		}
		if named.Stack.State != "other" || named.Service.Running != 2 || named.URL != "" {
			t.Errorf("status: %+v", named)
		}
		if !strings.Contains(p.run(0, "logs", "--cluster", cluster, "--service", "app"), "/api/info") {
			t.Error("the request is not in the logs")
		}
		p.run(1, "status", "--cluster", cluster, "--service", "nope")
		p.run(1, "diagnose", "--cluster", "nope", "--service", "app")
	})

	t.Run("a second plan has nothing to do", func(t *testing.T) {
		for _, l := range lines(p.run(0, "plan", "--json")) {
			if l["type"] == "planned" {
				plan := l["plan"].(map[string]any)
				if n := plan["create"].(float64) + plan["update"].(float64) + plan["replace"].(float64) + plan["delete"].(float64); n != 0 {
					t.Errorf("the plan is not empty: %v", plan["changes"])
				}
				return
			}
		}
		t.Error("plan --json printed no plan")
	})

	t.Run("everything comes back after the sandbox was killed", func(t *testing.T) {
		pid := p.sandbox()
		tasks := children(t, pid)
		if err := kill(pid); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the tasks ended with the sandbox", func() bool {
			for _, task := range tasks {
				if runs(task) {
					return false
				}
			}
			return true
		})
		if now := p.sandbox(); now == pid {
			t.Errorf("process %d is still said to be the sandbox", pid)
		}
		eventually(t, "the service runs again at its URL", func() bool {
			res, err := http.Get(url)
			if err != nil {
				return false
			}
			res.Body.Close()
			return res.StatusCode == 200 && p.status().Service.Running == 2
		})
	})

	destroyed := lines(p.run(0, "destroy", "--yes", "--json"))
	last = destroyed[len(destroyed)-1]
	if last["type"] != "receipt" || last["left"] != 0.0 || last["proven"] != true {
		t.Errorf("destroy --json ends with %v", last)
	}
	if st := p.status(); st.Stack.State != "none" {
		t.Errorf("after destroy: %+v", st)
	}
	if _, err := http.Get(url); err == nil {
		t.Error("the URL still answers")
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("GET %s: %d %s %v", url, res.StatusCode, b, err)
	}
	return string(b)
}

// runs reports whether a process has not ended; a zombie has.
func runs(pid int) bool {
	out, err := exec.Command("ps", "-o", "stat=", "-p", fmt.Sprint(pid)).Output()
	state := strings.TrimSpace(string(out))
	return err == nil && state != "" && !strings.HasPrefix(state, "Z")
}

// children lists the child processes of a process, oldest first.
func children(t *testing.T, pid int) []int {
	t.Helper()
	out, err := exec.Command("ps", "-o", "pid=", "--ppid", fmt.Sprint(pid)).Output()
	if err != nil {
		out, err = exec.Command("pgrep", "-P", fmt.Sprint(pid)).Output()
	}
	if err != nil {
		t.Fatalf("listing the sandbox's tasks: %v", err)
	}
	var pids []int
	for f := range strings.FieldsSeq(string(out)) {
		var n int
		fmt.Sscan(f, &n)
		pids = append(pids, n)
	}
	return pids
}
