package podinfo

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Split(strings.TrimSpace(b.b.String()), "\n")
}

// podinfo is one that runs, ours or the real one.
type podinfo struct {
	base   string
	log    *buffer
	signal func()
	code   chan int
}

// ours runs this package's.
func ours(t *testing.T, args []string, env ...string) *podinfo {
	t.Helper()
	p := &podinfo{log: &buffer{}, code: make(chan int, 1)}
	addr := make(chan string, 1)
	signals := make(chan os.Signal, 2)
	p.signal = func() { signals <- syscall.SIGTERM }
	exited := make(chan int, 1)
	go func() {
		p.code <- Main(Process{
			Args: args, Env: env, Hostname: "here", Version: "6.9.2", Stdout: p.log, Stderr: p.log, Signals: signals,
			Listen: func(int) (net.Listener, error) {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err == nil {
					addr <- l.Addr().String()
				}
				return l, err
			},
			Exit: func(code int) { exited <- code },
		})
	}()
	select {
	case a := <-addr:
		p.base = "http://" + a
	case code := <-p.code:
		p.code <- code
	}
	return p
}

// real builds and runs podinfo itself.
func real(t *testing.T, args []string, env ...string) *podinfo {
	t.Helper()
	if testing.Short() {
		t.Skip("builds podinfo")
	}
	dir := filepath.Join("testdata", "podinfo")
	tool := func(args ...string) string {
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Skipf("podinfo's module cannot be had: go %s: %v\n%s", args[0], err, out)
		}
		return strings.TrimSpace(string(out))
	}
	tool("mod", "download", "github.com/stefanprodan/podinfo")
	source := tool("list", "-m", "-f", "{{.Dir}}", "github.com/stefanprodan/podinfo")
	binary := filepath.Join(t.TempDir(), "podinfo")
	tool("build", "-o", binary, "github.com/stefanprodan/podinfo/cmd/podinfo")

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	p := &podinfo{base: fmt.Sprintf("http://127.0.0.1:%d", port), log: &buffer{}, code: make(chan int, 1)}
	cmd := exec.Command(binary, append([]string{"--host=127.0.0.1", "--port=" + strconv.Itoa(port), "--ui-path=" + filepath.Join(source, "ui")}, args...)...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, p.log, p.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.signal = func() { cmd.Process.Signal(syscall.SIGTERM) }
	go func() {
		cmd.Wait()
		p.code <- cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() { cmd.Process.Kill() })
	for range 500 {
		c, err := net.Dial("tcp", strings.TrimPrefix(p.base, "http://"))
		if err == nil {
			c.Close()
			return p
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("podinfo does not listen:\n%s", strings.Join(p.log.lines(), "\n"))
	return p
}

func (p *podinfo) ask(t *testing.T, method, path, agent, body string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequest(method, p.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("User-Agent", cmp.Or(agent, "curl/8.0"))
	req.Header.Set("X-Mine", "yes")
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return nil, []byte(err.Error())
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, b
}

// shape is what a JSON document is made of: the members of an object with their
// types, in their order.
func shape(b []byte) string {
	d := json.NewDecoder(bytes.NewReader(b))
	first, err := d.Token()
	if err != nil {
		return "no JSON"
	}
	if first != json.Delim('{') {
		return fmt.Sprintf("%T %v", first, first)
	}
	var out []string
	for d.More() {
		name, _ := d.Token()
		var v any
		if d.Decode(&v) != nil {
			return "broken"
		}
		out = append(out, fmt.Sprintf("%v %T", name, v))
	}
	return strings.Join(out, ", ")
}

const browser = "Mozilla/5.0 (X11; Linux x86_64)"

func TestLikePodinfo(t *testing.T) {
	env := []string{"PODINFO_UI_MESSAGE=Hello <you> & me", "PODINFO_UI_COLOR=#123456", "PODINFO_LEVEL=debug"}
	theirs, mine := real(t, nil, env...), ours(t, nil, env...)
	exact := map[string]bool{"/echo": true, "/echo/deeper": true, "/api/echo": true, "/healthz": true, "/readyz": true, "/delay/0": true, "/status/404": true, "/status/500": true, "/status/201": true, "/env": true, "/nowhere": true}
	for _, c := range []struct{ method, path, agent, body string }{
		{"GET", "/", "", ""}, {"GET", "/", browser, ""}, {"HEAD", "/", "", ""}, {"POST", "/", "", ""},
		{"GET", "/api/info", "", ""}, {"GET", "/version", "", ""}, {"POST", "/version", "", ""},
		{"POST", "/echo", "", "hello"}, {"POST", "/echo", "", `{"a":1}`}, {"PUT", "/echo/deeper", "", "x"}, {"GET", "/echo", "", ""},
		{"POST", "/api/echo", "", "<p>x"},
		{"GET", "/env", "", ""}, {"POST", "/env", "", ""}, {"DELETE", "/env", "", ""},
		{"GET", "/headers", "", ""}, {"POST", "/headers", "", "b"},
		{"GET", "/healthz", "", ""}, {"HEAD", "/healthz", "", ""}, {"GET", "/readyz", "", ""},
		{"POST", "/readyz/disable", "", ""}, {"GET", "/readyz", "", ""}, {"GET", "/readyz/enable", "", ""},
		{"POST", "/readyz/enable", "", ""}, {"GET", "/readyz", "", ""},
		{"GET", "/status/404", "", ""}, {"POST", "/status/500", "", ""}, {"PUT", "/status/201", "", ""}, {"DELETE", "/status/200", "", ""},
		{"GET", "/status/x", "", ""}, {"GET", "/status/99999999999999999999", "", ""}, {"GET", "/status/42", "", ""},
		{"GET", "/delay/0", "", ""}, {"GET", "/delay/-1", "", ""}, {"GET", "/delay/99999999999999999999", "", ""},
		{"GET", "/nowhere", "", ""}, {"GET", "//", "", ""}, {"GET", "/a/../version", "", ""}, {"GET", "/version/", "", ""},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			want, wantBody := theirs.ask(t, c.method, c.path, c.agent, c.body)
			got, gotBody := mine.ask(t, c.method, c.path, c.agent, c.body)
			if want == nil || got == nil {
				if (want == nil) != (got == nil) {
					t.Errorf("real: %s\nours: %s", wantBody, gotBody)
				}
				return
			}
			if want.StatusCode != got.StatusCode {
				t.Errorf("status %d, real %d", got.StatusCode, want.StatusCode)
			}
			for _, h := range []string{"Content-Type", "X-Content-Type-Options", "X-Color", "Location"} {
				if g, w := got.Header.Get(h), want.Header.Get(h); g != w {
					t.Errorf("%s: %q, real %q", h, g, w)
				}
			}
			if strings.HasPrefix(want.Header.Get("Content-Type"), "application/json") && shape(wantBody) != shape(gotBody) {
				t.Errorf("body has %s\nreal has  %s", shape(gotBody), shape(wantBody))
			}
			if exact[c.path] && !bytes.Equal(wantBody, gotBody) {
				t.Errorf("body %s\nreal %s", gotBody, wantBody)
			}
		})
	}
	t.Run("request log", func(t *testing.T) {
		want, got := requests(t, theirs), requests(t, mine)
		if !slices.Equal(want, got) {
			t.Errorf("requests in the log:\n%s\nreal:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
	t.Run("start and stop", func(t *testing.T) {
		theirs.signal()
		mine.signal()
		if w, g := <-theirs.code, <-mine.code; w != g {
			t.Errorf("exit code %d, real %d", g, w)
		}
		for _, msg := range []string{"Starting podinfo", "Starting HTTP Server.", "Shutting down HTTP/HTTPS server"} {
			if w, g := entry(theirs, msg), entry(mine, msg); w == "" || w != g {
				t.Errorf("%s is logged as %q, real %q", msg, g, w)
			}
		}
	})
}

// requests are the requests in a log: the members of the entry and what was
// asked for.
func requests(t *testing.T, p *podinfo) []string {
	t.Helper()
	var out []string
	for _, l := range p.log.lines() {
		var e map[string]string
		if strings.Contains(l, `"request started"`) {
			if err := json.Unmarshal([]byte(l), &e); err != nil {
				t.Fatalf("%s: %v", l, err)
			}
			out = append(out, fmt.Sprintf("%s [%s %s %s %s %s %s]", shape([]byte(l)), e["level"], e["caller"], e["method"], e["uri"], e["proto"], e["user-agent"]))
		}
	}
	if len(out) == 0 {
		t.Error("no request was logged")
	}
	return out
}

// entry is the shape of the first entry with that message.
func entry(p *podinfo, msg string) string {
	for _, l := range p.log.lines() {
		if strings.Contains(l, `"msg":"`+msg+`"`) {
			return shape([]byte(l))
		}
	}
	return ""
}

func TestFlagsLikePodinfo(t *testing.T) {
	for _, args := range [][]string{{"--nonsense"}, {"--port=x"}, {"--help"}} {
		w, g := ours(t, args), 0
		if g = <-w.code; args[0] == "--help" && g != 0 || args[0] != "--help" && g != 2 {
			t.Errorf("podinfo %v ends with %d", args, g)
		}
	}
}

func TestRequestsAreLoggedAtDebugOnly(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		env  []string
		want bool
	}{
		{"default", nil, nil, false},
		{"environment", nil, []string{"PODINFO_LEVEL=debug"}, true},
		{"flag wins", []string{"--level=warn"}, []string{"PODINFO_LEVEL=debug"}, false},
		{"flag", []string{"--level=debug"}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // below debug it takes its time to stop
			p := ours(t, append(c.args, "--server-shutdown-timeout=1s"), c.env...)
			p.ask(t, "GET", "/version", "", "")
			if got := strings.Contains(strings.Join(p.log.lines(), "\n"), `"uri":"/version"`); got != c.want {
				t.Errorf("logged: %v", got)
			}
			p.signal()
			<-p.code
		})
	}
}

func TestSampling(t *testing.T) {
	var out buffer
	l := newLogger(&out, "info")
	l.since = time.Now().Add(time.Hour) // one endless second
	for range 450 {
		l.info("x.go:1", "again")
	}
	l.info("x.go:1", "another")
	if n := len(out.lines()); n != 104 {
		t.Errorf("%d lines of 451", n)
	}
}

func TestPageCannotBeBrokenOutOf(t *testing.T) {
	p := ours(t, []string{"--level=debug", "--ui-message=<script>x</script>", "--ui-color=red;}</style><script>"})
	_, b := p.ask(t, "GET", "/", browser, "")
	if bytes.Contains(b, []byte("<script>")) || !bytes.Contains(b, []byte("&lt;script&gt;x")) {
		t.Errorf("page:\n%s", b)
	}
	p.signal()
	<-p.code
}

func FuzzServe(f *testing.F) {
	f.Add("GET", "/status/200")
	f.Add("POST", "/delay/0/../../echo?x=1")
	s := &server{Process: Process{Stderr: io.Discard}, log: newLogger(io.Discard, "debug")}
	f.Fuzz(func(t *testing.T, method, target string) {
		if strings.Contains(target, "delay") || strings.Contains(target, "panic") || strings.Contains(target, "status") {
			t.Skip("waits, ends or is refused by the server")
		}
		req, err := http.NewRequest(method, "http://x"+target, nil)
		if err != nil {
			t.Skip()
		}
		req.Body = http.NoBody
		s.ServeHTTP(discard{}, req)
	})
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}
