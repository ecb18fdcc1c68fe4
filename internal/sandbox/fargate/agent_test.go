//go:build unix

package fargate

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	RunTask()
	if os.Getenv("FARGATE_TEST_OWNER") != "" {
		ownATask()
	}
	goleak.VerifyTestMain(m)
}

// container collects what a container does.
type container struct {
	mu     sync.Mutex
	lines  []string
	ports  chan [2]any
	exited chan int
}

func run(t *testing.T, a *Agent, image string, command []string, env ...string) (*Process, *container) {
	t.Helper()
	img, err := Pull(image)
	if err != nil {
		t.Fatal(err)
	}
	c := &container{ports: make(chan [2]any, 8), exited: make(chan int, 1)}
	p, err := a.Start(Spec{
		Image: img, Command: command, Env: env,
		Line: func(_ time.Time, s string) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.lines = append(c.lines, s)
		},
		Listening: func(port int, addr string) { c.ports <- [2]any{port, addr} },
		Exited:    func(e Exit) { c.exited <- e.Code },
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, c
}

func agent(t *testing.T) *Agent {
	t.Helper()
	a, err := NewAgent()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(5 * time.Second) })
	return a
}

func get(t *testing.T, url string) string {
	t.Helper()
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return string(b)
}

func TestPodinfoRuns(t *testing.T) {
	a := agent(t)
	p, c := run(t, a, "ghcr.io/stefanprodan/podinfo:6.9.2", nil,
		"PODINFO_UI_MESSAGE=hi there", "PODINFO_LEVEL=debug", "HOSTNAME=ip-10-0-0-7.eu-west-1.compute.internal")
	at := <-c.ports
	if at[0] != 9898 {
		t.Fatalf("listens on %v", at)
	}
	base := "http://" + at[1].(string)
	var info map[string]string
	if err := json.Unmarshal([]byte(get(t, base+"/")), &info); err != nil {
		t.Fatal(err)
	}
	if info["message"] != "hi there" || info["version"] != "6.9.2" || info["hostname"] != "ip-10-0-0-7.eu-west-1.compute.internal" {
		t.Errorf("info = %v", info)
	}
	var env []string
	json.Unmarshal([]byte(get(t, base+"/env")), &env)
	if want := []string{"PODINFO_UI_MESSAGE=hi there", "PODINFO_LEVEL=debug", "HOSTNAME=ip-10-0-0-7.eu-west-1.compute.internal"}; !slices.Equal(env, want) {
		t.Errorf("the program sees %q", env)
	}
	p.Stop(10 * time.Second)
	if code := <-c.exited; code != 0 {
		t.Errorf("exit code %d", code)
	}
	log := strings.Join(c.lines, "\n")
	for _, want := range []string{`"msg":"Starting podinfo","version":"6.9.2"`, `"uri":"/env","method":"GET"`, `Shutting down`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s:\n%s", want, log)
		}
	}
}

func TestExitCodes(t *testing.T) {
	a := agent(t)
	for _, c := range []struct {
		name, image string
		command     []string
		signal      syscall.Signal
		want        int
	}{
		{"clean", "busybox", []string{"true"}, 0, 0},
		{"failed", "busybox", []string{"sh", "-c", "echo going; exit 7"}, 0, 7},
		{"killed", "busybox", []string{"sleep", "60"}, syscall.SIGKILL, 137},
		{"wrong flag", "stefanprodan/podinfo:6.9.2", []string{"./podinfo", "--nonsense"}, 0, 2},
		{"version", "stefanprodan/podinfo:6.9.2", []string{"./podinfo", "--version"}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, got := run(t, a, c.image, c.command)
			if c.signal != 0 {
				syscall.Kill(p.PID(), c.signal)
			}
			if code := <-got.exited; code != c.want {
				t.Errorf("exit code %d, want %d", code, c.want)
			}
		})
	}
}

func TestPanicEndsTheTask(t *testing.T) {
	a := agent(t)
	_, c := run(t, a, "stefanprodan/podinfo:6.9.2", nil)
	at := <-c.ports
	tr := &http.Transport{}
	if resp, err := (&http.Client{Transport: tr}).Get("http://" + at[1].(string) + "/panic"); err == nil {
		resp.Body.Close()
		t.Error("/panic answered")
	}
	tr.CloseIdleConnections()
	if code := <-c.exited; code != 255 {
		t.Errorf("exit code %d", code)
	}
}

func TestMemoryLimit(t *testing.T) {
	a := agent(t)
	const mega = 1_000_000
	for _, c := range []struct {
		name            string
		container, task int64
		oom             bool
	}{{"the container's", 100 * mega, 0, true}, {"the task's", 0, 100 * mega, true}, {"enough", 400 * mega, 400 * mega, false}} {
		t.Run(c.name, func(t *testing.T) {
			img, err := Pull("stefanprodan/podinfo:6.9.2")
			if err != nil {
				t.Fatal(err)
			}
			up, exited := make(chan int, 8), make(chan Exit, 1)
			p, err := a.Start(Spec{
				Image: img, Command: []string{"./podinfo", "--stress-memory=160", "--level=debug"}, Task: c.name, Memory: c.container, TaskMemory: c.task,
				Line: func(time.Time, string) {}, Listening: func(port int, _ string) { up <- port }, Exited: func(e Exit) { exited <- e },
			})
			if err != nil {
				t.Fatal(err)
			}
			if !c.oom {
				<-up // it holds its memory before it listens
				p.Stop(10 * time.Second)
			}
			if e := <-exited; e.OutOfMemory != c.oom || c.oom != (e.Code == killed) {
				t.Errorf("exit = %+v", e)
			}
		})
	}
}

func TestStressKeepsToTheTasksShare(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a second")
	}
	a := agent(t)
	img, _ := Pull("stefanprodan/podinfo:6.9.2")
	up, exited := make(chan int, 8), make(chan Exit, 1)
	p, err := a.Start(Spec{
		Image: img, Command: []string{"./podinfo", "--stress-cpu=2", "--level=debug"}, CPU: 0.25,
		Line: func(time.Time, string) {}, Listening: func(port int, _ string) { up <- port }, Exited: func(e Exit) { exited <- e },
	})
	if err != nil {
		t.Fatal(err)
	}
	<-up
	before, ok := Measure([]int{p.PID()})[p.PID()]
	if !ok {
		t.Skip("no way to measure processes here")
	}
	begin := time.Now()
	time.Sleep(time.Second)
	after := Measure([]int{p.PID()})[p.PID()]
	// On a busy machine it gets less; twice its share would be another thing.
	if used := after.CPU - before.CPU; used > time.Since(begin)/2 {
		t.Errorf("it used %s of processor time in %s", used, time.Since(begin))
	}
	p.Stop(10 * time.Second)
	<-exited
}

func TestWrongArchitecture(t *testing.T) {
	a := agent(t)
	for _, c := range []struct {
		image, architecture string
		code                int
	}{{"arm64v8/busybox:1.36", "amd64", 255}, {"amd64/busybox", "arm64", 255}, {"amd64/busybox", "amd64", 0}, {"busybox", "arm64", 0}} {
		img, err := Pull(c.image)
		if err != nil {
			t.Fatal(err)
		}
		exited := make(chan Exit, 1)
		var line string
		_, err = a.Start(Spec{
			Image: img, Command: []string{"true"}, Architecture: c.architecture,
			Line: func(_ time.Time, s string) { line += s }, Listening: func(int, string) {}, Exited: func(e Exit) { exited <- e },
		})
		if err != nil {
			t.Fatal(err)
		}
		if e := <-exited; e.Code != c.code || (c.code == 255) != (line == "exec /bin/true: exec format error") {
			t.Errorf("%s on %s: exit code %d, log %q", c.image, c.architecture, e.Code, line)
		}
	}
}

func TestHealthIsTold(t *testing.T) {
	a := agent(t)
	img, _ := Pull("stefanprodan/podinfo:6.9.2")
	health, exited := make(chan bool, 8), make(chan Exit, 1)
	p, err := a.Start(Spec{
		Image: img, Command: []string{"./podinfo", "--level=debug"}, Line: func(time.Time, string) {}, Listening: func(int, string) {}, Exited: func(e Exit) { exited <- e },
		Health: func(h bool) { health <- h },
		Check:  &Check{Command: []string{"CMD-SHELL", "curl -f http://localhost:9898/healthz || exit 1"}, Interval: 20 * time.Millisecond, Timeout: time.Second, Retries: 1000},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !<-health {
		t.Error("it is unhealthy")
	}
	p.Stop(10 * time.Second)
	<-exited
}

// TestOutlivesItsBinary is an upgrade: the file is gone, and the old program still
// runs and starts tasks.
func TestOutlivesItsBinary(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("a deleted program cannot be executed again here")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "workshop")
	if err := os.WriteFile(path, b, 0o700); err != nil {
		t.Fatal(err)
	}
	owner := exec.Command(path)
	owner.Env = []string{"FARGATE_TEST_OWNER=waits"}
	in, err := owner.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	defer owner.Wait()
	defer owner.Process.Kill()
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("the owner says %q", lines.Text())
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	io.WriteString(in, "go\n")
	if !lines.Scan() {
		t.Fatal("the owner started no task")
	}
	if s := get(t, "http://"+lines.Text()+"/healthz"); !strings.Contains(s, "OK") {
		t.Errorf("healthz = %s", s)
	}
}

func TestStopKillsAfterTheGrace(t *testing.T) {
	a := agent(t)
	// At info level podinfo takes three seconds to stop.
	p, c := run(t, a, "stefanprodan/podinfo:6.9.2", nil)
	<-c.ports
	p.Stop(50 * time.Millisecond)
	if code := <-c.exited; code != killed {
		t.Errorf("exit code %d, want %d", code, killed)
	}
}

func TestPauseNeedsNoProcess(t *testing.T) {
	a := agent(t)
	p, c := run(t, a, "registry.k8s.io/pause:3.10", nil)
	if p.PID() != 0 {
		t.Error("a process")
	}
	p.Stop(time.Second)
	if code := <-c.exited; code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestUnknownCommand(t *testing.T) {
	a := agent(t)
	img, _ := Pull("stefanprodan/podinfo:6.9.2")
	_, err := a.Start(Spec{Image: img, Command: []string{"bash"}})
	if err == nil || !strings.Contains(err.Error(), `exec: "bash": executable file not found in $PATH`) {
		t.Errorf("error = %v", err)
	}
}

// ownATask is the program of TestDiesWithItsAgent's owner.
func ownATask() {
	a, err := NewAgent()
	if err != nil {
		os.Exit(1)
	}
	if os.Getenv("FARGATE_TEST_OWNER") == "waits" {
		fmt.Println("ready")
		bufio.NewReader(os.Stdin).ReadString('\n')
	}
	img, _ := Pull("stefanprodan/podinfo:6.9.2")
	_, err = a.Start(Spec{Image: img, Line: func(time.Time, string) {}, Exited: func(Exit) {},
		Listening: func(_ int, addr string) { os.Stdout.WriteString(addr + "\n") }})
	if err != nil {
		os.Exit(1)
	}
	select {}
}

func TestDiesWithItsAgent(t *testing.T) {
	exe, _ := os.Executable()
	owner := exec.Command(exe)
	owner.Env = []string{"FARGATE_TEST_OWNER=1"}
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + strings.TrimSpace(string(line[:n])) + "/healthz"
	if s := get(t, url); !strings.Contains(s, "OK") {
		t.Fatalf("healthz = %s", s)
	}
	owner.Process.Kill()
	owner.Wait()
	tr := &http.Transport{DisableKeepAlives: true}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		resp, err := (&http.Client{Transport: tr}).Get(url)
		if err != nil {
			return // nobody listens any more
		}
		resp.Body.Close()
		if time.Now().After(deadline) {
			t.Fatal("the task outlived its agent")
		}
	}
}

func TestLongLines(t *testing.T) {
	var got []int
	readLines(strings.NewReader(strings.Repeat("x", 40000)+"\n\nshort\npartial"), func(s string) { got = append(got, len(s)) })
	if want := []int{16384, 16384, 7232, 5, 7}; !slices.Equal(got, want) {
		t.Errorf("pieces %v, want %v", got, want)
	}
}

func TestPull(t *testing.T) {
	for _, c := range []struct{ ref, full, err string }{
		{"ghcr.io/stefanprodan/podinfo:6.9.2", "ghcr.io/stefanprodan/podinfo:6.9.2", ""},
		{"stefanprodan/podinfo:6.7.1", "docker.io/stefanprodan/podinfo:6.7.1", ""},
		{"stefanprodan/podinfo", "docker.io/stefanprodan/podinfo:latest", ""},
		{"busybox", "docker.io/library/busybox:latest", ""},
		{"ghcr.io/stefanprodan/podinfo:6.9.2-nope", "", "CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref ghcr.io/stefanprodan/podinfo:6.9.2-nope: not found"},
		{"localhost:5000/a:1", "", "CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref localhost:5000/a:1: not found"},
		{"nginxx", "", "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref docker.io/library/nginxx:latest: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed"},
		{"stefanprodan/podinfo@sha256:" + strings.Repeat("a", 64), "docker.io/stefanprodan/podinfo@sha256:" + strings.Repeat("a", 64), ""},
	} {
		img, err := Pull(c.ref)
		msg := ""
		if err != nil {
			msg = err.Error()
		}
		if img.Ref != c.full || msg != c.err {
			t.Errorf("Pull(%s) = %q, %q", c.ref, img.Ref, msg)
		}
	}
}

func FuzzPull(f *testing.F) {
	f.Add("a/b:c@d")
	f.Add(":@/")
	f.Fuzz(func(t *testing.T, ref string) {
		img, err := Pull(ref)
		if err == nil && (img.Ref == "" || len(img.argv(nil, nil)) == 0) {
			t.Errorf("%q is an image without a name or a command", ref)
		}
		_ = Unreachable(ref).Error()
	})
}
