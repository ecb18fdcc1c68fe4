package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/gofrs/flock"

	"workshop/internal/sandbox"
)

// buildEnv gives the process of a sandbox another build ID.
const buildEnv = "WORKSHOP_TEST_BUILD"

func TestMain(m *testing.M) {
	sandbox.RunTask()
	if id := os.Getenv(buildEnv); id != "" {
		build = func() string { return id }
	}
	RunSandbox()
	os.Exit(m.Run())
}

// workspace is a folder whose background sandbox ends with the test.
func workspace(t *testing.T) string {
	t.Helper()
	t.Setenv(idleEnv, "2m")
	dir := t.TempDir()
	t.Cleanup(func() {
		if _, err := StopSandbox(context.Background(), dir); err != nil && !errors.Is(err, ErrNotRunning) {
			t.Error(err)
		}
	})
	return dir
}

func open(t *testing.T, o Options) *Target {
	t.Helper()
	o.Kind, o.Fast = Sandbox, true
	tg, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return tg
}

func status(t *testing.T, dir string) Status {
	t.Helper()
	st, err := SandboxStatus(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func cluster(t *testing.T, tg *Target) {
	t.Helper()
	if _, err := ecs.NewFromConfig(tg.Config).CreateCluster(t.Context(), &ecs.CreateClusterInput{}); err != nil {
		t.Fatal(err)
	}
}

func clusters(t *testing.T, tg *Target) int {
	t.Helper()
	out, err := ecs.NewFromConfig(tg.Config).ListClusters(t.Context(), &ecs.ListClustersInput{})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.ClusterArns)
}

// shorten makes the bounds of waiting fit for a test.
func shorten(t *testing.T, bounds ...*time.Duration) {
	t.Helper()
	for _, d := range bounds {
		was := *d
		*d = 200 * time.Millisecond
		t.Cleanup(func() { *d = was })
	}
}

func TestBackgroundSandbox(t *testing.T) {
	dir := workspace(t)
	if st := status(t, dir); st.Running {
		t.Errorf("before the first: %+v", st)
	}
	if _, err := Open(t.Context(), Options{Kind: Sandbox, Dir: dir, NoStart: true}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("without a start: %v", err)
	}
	first := open(t, Options{Dir: dir})
	if first.Region != DefaultRegion || !first.Started() || len(first.Notes) != 0 {
		t.Errorf("the first: %+v", first)
	}
	for _, name := range []string{"sandbox.json", "sandbox/log", "sandbox/credentials.json"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	st := status(t, dir)
	if !st.Running || !st.Background || st.PID == os.Getpid() || st.Endpoint != first.Endpoint || st.Region != DefaultRegion ||
		st.Deployed != 0 || st.Since == nil || st.IdleEnds == nil || st.Problem != "" {
		t.Errorf("status: %+v", st)
	}
	cluster(t, first)
	if st := status(t, dir); st.Deployed != 1 {
		t.Errorf("with a cluster: %+v", st)
	}

	second := open(t, Options{Dir: dir, Region: "us-east-1"})
	if second.Endpoint != first.Endpoint || second.Started() || len(second.Notes) != 1 || clusters(t, second) != 1 {
		t.Errorf("the second: %+v", second)
	}

	if pid, err := StopSandbox(t.Context(), dir); err != nil || pid != st.PID {
		t.Errorf("stop: %d, %v", pid, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "sandbox.json")); err == nil {
		t.Error("a sandbox that ended in good order left its file behind")
	}
	if _, err := StopSandbox(t.Context(), dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a second stop: %v", err)
	}
	again := open(t, Options{Dir: dir})
	if !slices.Equal(again.Env, first.Env) {
		t.Error("the address or the keys changed, so the learner's shell would lose its access")
	}
	if clusters(t, again) != 1 {
		t.Error("what was deployed is not there after a restart")
	}
	// A process that knows the old one's address reaches the new one.
	if clusters(t, first) != 1 {
		t.Error("the address of before leads elsewhere")
	}
}

func TestKilledSandboxIsStartedAgain(t *testing.T) {
	dir := workspace(t)
	first := open(t, Options{Dir: dir})
	cluster(t, first)
	was := status(t, dir)
	kill(t, was.PID)
	again := open(t, Options{Dir: dir})
	if !again.Started() || again.Endpoint != first.Endpoint || clusters(t, again) != 1 {
		t.Errorf("after a kill: %+v", again)
	}
	if st := status(t, dir); st.PID == was.PID {
		t.Errorf("status names the dead process: %+v", st)
	}
}

func kill(t *testing.T, pid int) {
	t.Helper()
	p, err := os.FindProcess(pid)
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestCommandsAtOnceGetOneSandbox(t *testing.T) {
	dir := workspace(t)
	const commands = 4
	var wg sync.WaitGroup
	var targets [commands]*Target
	var errs [commands]error
	for n := range commands {
		wg.Go(func() {
			targets[n], errs[n] = Open(t.Context(), Options{Kind: Sandbox, Dir: dir, Fast: true})
		})
	}
	wg.Wait()
	started := 0
	for n := range commands {
		if errs[n] != nil {
			t.Fatal(errs[n])
		}
		if targets[n].Endpoint != targets[0].Endpoint {
			t.Errorf("two sandboxes: %s and %s", targets[n].Endpoint, targets[0].Endpoint)
		}
		if targets[n].Started() {
			started++
		}
	}
	if started != 1 {
		t.Errorf("%d commands say that they started it", started)
	}
}

// The command that started the sandbox was killed before the sandbox was ready.
func TestStartWithoutItsStarter(t *testing.T) {
	dir := workspace(t)
	f, err := filesOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.start(Options{Dir: dir, Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	tg := open(t, Options{Dir: dir})
	if st := status(t, dir); !st.Running || st.Endpoint != tg.Endpoint {
		t.Errorf("%+v", st)
	}
	if status(t, dir).PID == p.PID {
		return
	}
	select { // Open's own process was faster, so this one must end
	case <-p.Done():
		if p.ExitCode() != exitRunning {
			t.Errorf("exit code %d", p.ExitCode())
		}
	case <-time.After(time.Minute):
		t.Errorf("process %d runs, but %d is the sandbox", p.PID, status(t, dir).PID)
	}
}

func TestStartThatFailsSaysWhy(t *testing.T) {
	dir := workspace(t)
	if err := os.Mkdir(filepath.Join(dir, "sandbox"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sandbox", "journal"), []byte("garbage\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Options{Kind: Sandbox, Dir: dir, Fast: true})
	if err == nil || !strings.Contains(err.Error(), "journal") || !strings.Contains(err.Error(), "workshop sandbox logs") {
		t.Errorf("a damaged journal: %v", err)
	}
	if st := status(t, dir); st.Running {
		t.Errorf("status: %+v", st)
	}
}

func TestIdleSandboxEnds(t *testing.T) {
	dir := workspace(t)
	open(t, Options{Dir: dir, Idle: time.Second})
	for end := time.Now().Add(time.Minute); status(t, dir).Running; {
		if time.Now().After(end) {
			t.Fatal("it still runs after a minute")
		}
		pause(t.Context(), 50*time.Millisecond)
	}
	path, err := SandboxLog(dir)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || !strings.Contains(string(b), "nobody uses it") {
		t.Errorf("the log does not say why it ended: %q, %v", b, err)
	}
}

func TestOtherBuild(t *testing.T) {
	dir := workspace(t)
	t.Setenv(buildEnv, "older")
	open(t, Options{Dir: dir})
	old := status(t, dir)
	t.Setenv(buildEnv, "")

	used := open(t, Options{Dir: dir, InUse: func() bool { return true }})
	if st := status(t, dir); st.PID != old.PID || len(used.Notes) != 1 || !strings.Contains(used.Notes[0], "another build") {
		t.Errorf("while it is in use: %+v, %v", st, used.Notes)
	}
	// Somebody's request a moment ago is use as well.
	recent := open(t, Options{Dir: dir})
	if st := status(t, dir); st.PID != old.PID || len(recent.Notes) != 1 {
		t.Errorf("used a moment ago: %+v, %v", st, recent.Notes)
	}
	was := quietTime
	quietTime = 0
	defer func() { quietTime = was }()
	idle := open(t, Options{Dir: dir, InUse: func() bool { return false }})
	if st := status(t, dir); st.PID == old.PID || !idle.Started() || len(idle.Notes) != 0 || idle.Endpoint != old.Endpoint {
		t.Errorf("when nobody uses it: %+v, %v", st, idle.Notes)
	}
}

func TestPortIsTaken(t *testing.T) {
	dir := workspace(t)
	first := open(t, Options{Dir: dir})
	if _, err := StopSandbox(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	at := strings.TrimPrefix(first.Endpoint, "http://")
	l, err := net.Listen("tcp4", at)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	moved := open(t, Options{Dir: dir})
	_, port, _ := net.SplitHostPort(at)
	if moved.Endpoint == first.Endpoint || len(moved.Notes) != 1 || !strings.Contains(moved.Notes[0], "Another program uses port "+port) {
		t.Errorf("%s after %s: %v", moved.Endpoint, first.Endpoint, moved.Notes)
	}
	if _, err := StopSandbox(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if again := open(t, Options{Dir: dir}); again.Endpoint != moved.Endpoint || len(again.Notes) != 0 {
		t.Errorf("the new port is not kept: %s, %v", again.Endpoint, again.Notes)
	}
}

func TestServeBesideAnother(t *testing.T) {
	dir := t.TempDir()
	tg := serveFast(t, dir, "")
	var running *RunningError
	if _, err := Serve(t.Context(), Options{Kind: Sandbox, Dir: dir}); !errors.As(err, &running) || running.PID != os.Getpid() || running.Endpoint != tg.Endpoint || running.Background {
		t.Errorf("a second one: %v", err)
	}
	if found := open(t, Options{Dir: dir}); found.Started() || found.Endpoint != tg.Endpoint {
		t.Errorf("a command beside it: %+v", found)
	}
	if st := status(t, dir); st.Background || st.IdleEnds != nil {
		t.Errorf("status of one in the foreground: %+v", st)
	}
}

// pretend makes a workspace whose sandbox is a handler of the test's.
func pretend(t *testing.T, h http.HandlerFunc) (dir string) {
	t.Helper()
	dir = t.TempDir()
	f, err := filesOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(f.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	l := flock.New(f.lock)
	if ok, err := l.TryLock(); err != nil || !ok {
		t.Fatal(ok, err)
	}
	t.Cleanup(func() { l.Close() })
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	if err := f.write(info{PID: os.Getpid(), Build: build(), Region: DefaultRegion, Endpoint: srv.URL, Account: "000000000000", AccessKeyID: "k", SecretAccessKey: "s"}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSickSandbox(t *testing.T) {
	for _, c := range []struct{ name, answer, note string }{
		{"an error", "", "it answered 503 no space left"},
		{"what it says of itself", fmt.Sprintf(`{"pid":%d,"build":%q,"problem":"the disk is full\u001b[2J"}`, os.Getpid(), build()), "the disk is full."},
	} {
		dir := pretend(t, func(w http.ResponseWriter, r *http.Request) {
			if c.answer == "" {
				http.Error(w, "no space left", http.StatusServiceUnavailable)
				return
			}
			fmt.Fprint(w, c.answer)
		})
		tg := open(t, Options{Dir: dir})
		if len(tg.Notes) != 1 || !strings.Contains(tg.Notes[0], c.note) || !strings.Contains(tg.Notes[0], fmt.Sprintf("process %d", os.Getpid())) {
			t.Errorf("%s: %v", c.name, tg.Notes)
		}
		if st := status(t, dir); st.Problem == "" || strings.Contains(st.Problem, "\x1b") {
			t.Errorf("%s: %+v", c.name, st)
		}
	}
}

// A sandbox of before there was a description.
func TestEarlierSandbox(t *testing.T) {
	dir := pretend(t, func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "<Code>MissingAction</Code>", http.StatusBadRequest)
	})
	tg := open(t, Options{Dir: dir})
	if len(tg.Notes) != 1 || !strings.Contains(tg.Notes[0], "another build") {
		t.Errorf("%v", tg.Notes)
	}
	if st := status(t, dir); !st.Running || st.Deployed != -1 {
		t.Errorf("%+v", st)
	}
}

func TestSilentSandbox(t *testing.T) {
	shorten(t, &answerTime, &describeTime)
	release := make(chan struct{})
	dir := pretend(t, func(w http.ResponseWriter, r *http.Request) { <-release })
	defer close(release)
	_, err := Open(t.Context(), Options{Kind: Sandbox, Dir: dir})
	var gone *UnavailableError
	if !errors.As(err, &gone) || gone.PID != os.Getpid() || gone.For != "answer" || gone.Err == nil {
		t.Errorf("open: %v", err)
	}
	for _, want := range []string{fmt.Sprintf("process %d", os.Getpid()), "workshop sandbox stop", "workshop sandbox logs"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	if st, err := SandboxStatus(t.Context(), dir); !errors.As(err, &gone) || !st.Running || st.Problem == "" || st.PID != os.Getpid() {
		t.Errorf("status: %+v, %v", st, err)
	}
}

// A process has the lock and never writes its file.
func TestLockWithoutASandbox(t *testing.T) {
	shorten(t, &answerTime, &stopTime)
	dir := pretend(t, func(http.ResponseWriter, *http.Request) {})
	if err := os.Remove(filepath.Join(dir, "sandbox.json")); err != nil {
		t.Fatal(err)
	}
	var gone *UnavailableError
	if _, err := Open(t.Context(), Options{Kind: Sandbox, Dir: dir}); !errors.As(err, &gone) || gone.For != "start" {
		t.Errorf("open: %v", err)
	}
	if _, err := StopSandbox(t.Context(), dir); !errors.As(err, &gone) {
		t.Errorf("stop: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, Options{Kind: Sandbox, Dir: dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestWaiting(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := waiting{since: begin}
	at := func(minutes int) time.Time { return begin.Add(time.Duration(minutes) * time.Minute) }
	for _, c := range []struct {
		minute    int
		asked     sandbox.Activity
		resources int
		idle      time.Duration
		ends      time.Time
	}{
		{0, sandbox.Activity{}, 0, DefaultIdle, at(10)},
		{1, sandbox.Activity{Requests: 5}, 0, DefaultIdle, at(11)},
		{2, sandbox.Activity{Requests: 5}, 0, DefaultIdle, at(11)},
		{3, sandbox.Activity{Requests: 5}, 31, DefaultIdle, at(1 + 12*60)},
		{3, sandbox.Activity{Requests: 5}, 31, 0, time.Time{}},
		{3, sandbox.Activity{Requests: 5}, 0, 0, time.Time{}},
		{3, sandbox.Activity{Requests: 5}, 0, time.Minute, at(2)},
		{4, sandbox.Activity{Requests: 3}, 1, time.Hour, at(64)}, // a load balancer was deleted
		{5, sandbox.Activity{Requests: 3, Open: 1}, 1, time.Hour, at(65)},
		{9, sandbox.Activity{Requests: 3, Open: 1}, 1, time.Hour, at(69)}, // a stream of logs goes on
		{12, sandbox.Activity{Requests: 3}, 1, time.Hour, at(72)},
		{15, sandbox.Activity{Requests: 3}, 1, time.Hour, at(72)},
	} {
		w.observe(at(c.minute), c.asked)
		if got := w.ends(c.idle, c.resources); !got.Equal(c.ends) {
			t.Errorf("minute %d, %+v, %d resources, idle %s: ends %s, want %s", c.minute, c.asked, c.resources, c.idle, got, c.ends)
		}
	}
}

func TestIdleTime(t *testing.T) {
	for _, c := range []struct {
		option time.Duration
		env    string
		want   time.Duration
	}{
		{0, "", DefaultIdle}, {0, "30m", 30 * time.Minute}, {0, "0", 0}, {time.Hour, "30m", time.Hour}, {-1, "30m", 0},
	} {
		if got, err := idleTime(c.option, c.env); err != nil || got != c.want {
			t.Errorf("%s, %q: %s, %v", c.option, c.env, got, err)
		}
	}
	for _, env := range []string{"soon", "-3m", "12"} {
		if _, err := idleTime(0, env); err == nil || !strings.Contains(err.Error(), idleEnv) {
			t.Errorf("%q: %v", env, err)
		}
	}
}

func TestBuildID(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "tool", "buildid", exe).Output()
	if err != nil {
		t.Skipf("go tool buildid: %v", err)
	}
	if want := strings.TrimSpace(string(out)); build() != want {
		t.Errorf("build() = %q, want %q", build(), want)
	}
	for _, head := range []string{"", "\x04\x00\x00\x00Go\x00\x00", "\xff\xff\xff\xff\x04\x00\x00\x00Go\x00\x00abc", "\xff Go build ID: \"abc"} {
		if got := buildID([]byte(head)); got != "" {
			t.Errorf("%q has the ID %q", head, got)
		}
	}
	if got := buildID([]byte("xx\xff Go build ID: \"a/b\"\n \xff")); got != "a/b" {
		t.Errorf("a raw ID: %q", got)
	}
}

func FuzzInfo(f *testing.F) {
	f.Add([]byte(`{"pid":4711,"region":"eu-west-1"}`))
	f.Add([]byte(`{"pid":-1,"region":"eu-west-1","endpoint":"http://127.0.0.1:4566"}`))
	f.Add([]byte(`{"pid":4711,"region":"eu-west-1","account":"000000000000","endpoint":"http://127.0.0.1:4566"}`))
	f.Add([]byte(`{"pid":4711,"region":"eu-west-1","account":"000000000000","endpoint":"http://127.0.0.1:4566@example.org"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := parseInfo(b)
		if err != nil {
			return
		}
		if i.PID <= 1 {
			t.Errorf("a signal would go to %d", i.PID)
		}
		if i.Endpoint == "" {
			return
		}
		req, err := http.NewRequest(http.MethodPost, i.Endpoint+describePath, nil)
		if err != nil {
			t.Fatalf("%q: %v", i.Endpoint, err)
		}
		if ip := net.ParseIP(req.URL.Hostname()); ip == nil || !ip.IsLoopback() {
			t.Errorf("%q leads off this machine", i.Endpoint)
		}
	})
}

// Commands look at the same time whether a sandbox runs: one that looks must not be taken
// for one.
func TestTwoLookAtOnce(t *testing.T) {
	f, err := filesOf(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(f.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	other := flock.New(f.lock)
	if err := other.RLock(); err != nil { // as locked has it
		t.Fatal(err)
	}
	defer other.Close()
	if held, err := f.locked(); held || err != nil {
		t.Errorf("a sandbox runs: %v, %v", held, err)
	}
}
