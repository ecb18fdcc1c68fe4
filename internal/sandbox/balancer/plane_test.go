package balancer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

const (
	vpc      = "vpc-1"
	balancer = "arn:lb"
	group    = "arn:tg"
)

// rig is a plane that runs, with backends of one target group.
type rig struct {
	t        testing.TB
	plane    *Plane
	backends *Backends
	conf     Config
	url      string
}

// newRig starts a plane with one listener that forwards to one group.
func newRig(t testing.TB, change ...func(*rig)) *rig {
	t.Helper()
	r := &rig{t: t, backends: &Backends{}}
	r.plane = New(r.backends, Timing{First: ms(5), Divide: 20}, slog.New(slog.DiscardHandler))
	port, err := r.plane.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	codes, _ := ParseCodes("200")
	r.url = fmt.Sprintf("http://localhost:%d", port)
	r.conf = Config{
		Listeners: []Listener{{
			ARN: "arn:listener", Balancer: balancer, Port: 80, Local: port, Peers: map[int]int{80: port},
			Rules: []Rule{{Action: Action{Forward: []Weighted{{group, 1}}}}},
		}},
		Groups: []Group{{
			ARN: group, VPC: vpc, InUse: true, Algorithm: "round_robin", Drain: 2 * time.Second,
			Check: Check{Path: "/healthz", Interval: time.Second, Timeout: time.Second, Healthy: 2, Unhealthy: 2, Codes: codes},
		}},
	}
	for _, f := range change {
		f(r)
	}
	r.plane.Apply(r.conf)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.plane.Run(ctx) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r
}

// change applies a changed copy of the configuration.
func (r *rig) change(f func(*Config)) {
	c := Config{Listeners: append([]Listener(nil), r.conf.Listeners...), Groups: append([]Group(nil), r.conf.Groups...)}
	f(&c)
	r.conf = c
	r.plane.Apply(c)
}

// target starts a program behind 10.0.0.n:8080 and registers it.
func (r *rig) target(n int, h http.HandlerFunc) Target {
	srv := httptest.NewServer(h)
	r.t.Cleanup(srv.Close)
	t := Target{IP: "10.0.0." + strconv.Itoa(n), Port: 8080}
	r.backends.Set(vpc, t.IP, t.Port, srv.Listener.Addr().String())
	r.register(t)
	return t
}

func (r *rig) register(t Target) {
	r.change(func(c *Config) { c.Groups[0].Targets = append(append([]Target(nil), c.Groups[0].Targets...), t) })
}

func (r *rig) deregisterAll() { r.change(func(c *Config) { c.Groups[0].Targets = nil }) }

// await waits until the target's health is as wanted.
func (r *rig) await(t Target, state, reason string) Health {
	r.t.Helper()
	var h Health
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(ms(2)) {
		if h, _ = r.plane.Health(group, t.IP, t.Port); h.State == state && h.Reason == reason {
			return h
		}
	}
	r.t.Fatalf("target %v is %+v, want %q %q", t, h, state, reason)
	return h
}

func get(t testing.TB, url string) (int, string, http.Header) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

func ok(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }

func TestRoundRobin(t *testing.T) {
	r := newRig(t)
	for i := range 3 {
		r.await(r.target(i+1, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, i) }), Healthy, "")
	}
	seen := map[string]int{}
	for range 30 {
		code, body, _ := get(t, r.url)
		if code != 200 {
			t.Fatalf("code %d: %s", code, body)
		}
		seen[body]++
	}
	if want := map[string]int{"0": 10, "1": 10, "2": 10}; !maps.Equal(seen, want) {
		t.Errorf("answers by target: %v, want %v", seen, want)
	}
	c := r.plane.Counters()
	if g := c.Groups[group]; g.Requests != 30 || g.Codes[2] != 30 || g.Healthy != 3 || g.Latency.Count != 30 || len(g.Targets) != 3 {
		t.Errorf("group's counters: %+v", g)
	}
	if b := c.Balancers[balancer]; b.Requests != 30 || b.Bytes != 30 || b.NewConnections == 0 {
		t.Errorf("balancer's counters: %+v", b)
	}
}

func TestBothLoopbacks(t *testing.T) {
	r := newRig(t)
	r.await(r.target(1, ok), Healthy, "")
	u, _ := url.Parse(r.url)
	hosts := []string{"127.0.0.1"}
	if l, err := net.Listen("tcp6", "[::1]:0"); err == nil {
		l.Close()
		hosts = append(hosts, "::1")
	}
	for _, h := range hosts {
		if code, body, _ := get(t, "http://"+net.JoinHostPort(h, u.Port())); code != 200 || body != "ok" {
			t.Errorf("%s: %d %q", h, code, body)
		}
	}
}

func TestHeaders(t *testing.T) {
	r := newRig(t)
	got := make(chan *http.Request, 10)
	tg := r.target(1, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/healthz" {
			got <- req
		}
	})
	r.await(tg, Healthy, "")
	req, _ := http.NewRequest("GET", r.url+"/a%2Fb?x=1;2", nil)
	req.Host = "shop.example.com"
	req.Header.Set("X-Forwarded-For", "192.0.2.7")
	req.Header.Set("X-Forwarded-Host", "outer")
	req.Header.Set("X-Amzn-Trace-Id", "Root=1-5-abc;Self=old;lang=de")
	req.Header.Set("Connection", "X-Hop")
	req.Header.Set("X-Hop", "1")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	in := <-got
	port := strings.TrimPrefix(r.url, "http://localhost:")
	for name, want := range map[string]string{
		"X-Forwarded-For": `^192\.0\.2\.7, (127\.0\.0\.1|::1)$`, "X-Forwarded-Proto": "^http$", "X-Forwarded-Port": "^" + port + "$",
		"X-Forwarded-Host": "^outer$", "X-Hop": "^$", "X-Amzn-Trace-Id": `^Self=1-[0-9a-f]{8}-[0-9a-f]{24};Root=1-5-abc;lang=de$`,
	} {
		if v := in.Header.Get(name); !regexp.MustCompile(want).MatchString(v) {
			t.Errorf("%s = %q, want %s", name, v, want)
		}
	}
	if in.Host != "shop.example.com" || in.RequestURI != "/a%2Fb?x=1;2" {
		t.Errorf("target saw host %q, URI %q", in.Host, in.RequestURI)
	}
	for mode, want := range map[string]string{"preserve": "192.0.2.7", "remove": ""} {
		r.change(func(c *Config) { c.Listeners[0].Options.ForwardedFor = mode })
		if resp, err := http.DefaultClient.Do(req); err != nil {
			t.Fatal(err)
		} else {
			resp.Body.Close()
		}
		if v := (<-got).Header.Get("X-Forwarded-For"); v != want {
			t.Errorf("X-Forwarded-For in mode %s = %q, want %q", mode, v, want)
		}
	}
}

func TestNoTarget(t *testing.T) {
	r := newRig(t)
	code, body, h := get(t, r.url)
	if code != 503 || !strings.Contains(body, "<h1>503 Service Temporarily Unavailable</h1>") || h.Get("Server") != "awselb/2.0" || h.Get("Content-Type") != "text/html" {
		t.Errorf("%d %v %q", code, h, body)
	}
	if c := r.plane.Counters().Balancers[balancer]; c.OwnAnswers[503] != 1 || c.Requests != 0 {
		t.Errorf("counters %+v", c)
	}
}

// TestFailures makes targets fail in each way and looks at what their health
// checks say and what clients get.
func TestFailures(t *testing.T) {
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) }) // after the parallel subtests
	closed, _ := net.Listen("tcp", "127.0.0.1:0")
	refusing := closed.Addr().String()
	closed.Close()
	for name, c := range map[string]struct {
		handler         http.HandlerFunc
		addr            string
		forbid          bool
		reason, message string
		code            int
	}{
		"wrong code": {handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, reason: "Target.ResponseCodeMismatch", message: "Health checks failed with these codes: [404]", code: 404},
		"refused":    {addr: refusing, reason: "Target.FailedHealthChecks", message: "Health checks failed", code: 502},
		"nobody":     {reason: "Target.FailedHealthChecks", message: "Health checks failed", code: 502},
		"reset":      {handler: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, reason: "Target.FailedHealthChecks", message: "Health checks failed", code: 502},
		"slow": {handler: func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-hang:
			case <-r.Context().Done():
			}
		}, reason: "Target.Timeout", message: "Request timed out", code: 504},
		"forbidden": {handler: ok, forbid: true, reason: "Target.Timeout", message: "Request timed out", code: 504},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(r *rig) {
				r.plane.Permit = func(g string, _ Target) bool { return !c.forbid }
				r.conf.Groups[0].Check.Timeout = ms(60)
				r.conf.Listeners[0].Options.Idle = ms(300)
			})
			tg := Target{IP: "10.0.0.1", Port: 8080}
			if c.handler != nil {
				srv := httptest.NewServer(c.handler)
				defer srv.Close()
				c.addr = srv.Listener.Addr().String()
			}
			if c.addr != "" {
				r.backends.Set(vpc, tg.IP, tg.Port, c.addr)
			}
			r.register(tg)
			if h := r.await(tg, Unhealthy, c.reason); h.Description != c.message {
				t.Errorf("description %q, want %q", h.Description, c.message)
			}
			if code, body, _ := get(t, r.url); code != c.code { // fails open
				t.Errorf("code %d %q, want %d", code, body, c.code)
			}
		})
	}
}

func TestHealthChecksLookLikeAWS(t *testing.T) {
	r := newRig(t)
	seen := make(chan *http.Request, 100)
	tg := r.target(1, func(_ http.ResponseWriter, req *http.Request) { seen <- req })
	r.await(tg, Healthy, "")
	req := <-seen
	if req.Host != "10.0.0.1:8080" || req.Header.Get("User-Agent") != "ELB-HealthChecker/2.0" || req.Method != "GET" || req.URL.Path != "/healthz" || req.Header.Get("Accept-Encoding") != "" && req.Header.Get("Accept-Encoding") != "gzip, compressed" {
		t.Errorf("%s %s host %s header %v", req.Method, req.URL, req.Host, req.Header)
	}
}

func TestUnhealthyTargetGetsNoTraffic(t *testing.T) {
	r := newRig(t)
	var unhealthy atomic.Bool
	first := r.target(1, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/healthz" && unhealthy.Load() {
			w.WriteHeader(500)
		}
		io.WriteString(w, "first")
	})
	second := r.target(2, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "second") })
	r.await(first, Healthy, "")
	r.await(second, Healthy, "")
	unhealthy.Store(true)
	r.await(first, Unhealthy, "Target.ResponseCodeMismatch")
	for range 10 {
		if _, body, _ := get(t, r.url); body != "second" {
			t.Fatalf("%q answered", body)
		}
	}
	unhealthy.Store(false)
	r.await(first, Healthy, "")
}

func TestDraining(t *testing.T) {
	r := newRig(t)
	started, finish := make(chan struct{}), make(chan struct{})
	old := r.target(1, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/slow" {
			close(started)
			<-finish
		}
		io.WriteString(w, "old")
	})
	r.await(old, Healthy, "")
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Get(r.url + "/slow")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		answer <- strconv.Itoa(resp.StatusCode) + " " + string(b)
	}()
	<-started
	r.deregisterAll()
	h, _ := r.plane.Health(group, old.IP, old.Port)
	if h.State != Draining || h.Reason != "Target.DeregistrationInProgress" || h.Description != "Target deregistration is in progress" {
		t.Errorf("health %+v", h)
	}
	if code, _, _ := get(t, r.url); code != 503 {
		t.Errorf("a new request got %d while the only target drains, want 503", code)
	}
	close(finish)
	if a := <-answer; a != "200 old" {
		t.Errorf("request in flight got %q", a)
	}
	r.await(old, "", "") // gone in the end
}

// TestDrainingEnds cuts off what is still in flight when the delay is over.
func TestDrainingEnds(t *testing.T) {
	r := newRig(t)
	started := make(chan struct{})
	old := r.target(1, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/slow" {
			close(started)
			<-req.Context().Done()
		}
	})
	r.await(old, Healthy, "")
	code := make(chan int, 1)
	go func() {
		resp, err := http.Get(r.url + "/slow")
		if err != nil {
			code <- 0
			return
		}
		resp.Body.Close()
		code <- resp.StatusCode
	}()
	<-started
	r.deregisterAll()
	if c := <-code; c != 502 {
		t.Errorf("code %d, want 502", c)
	}
}

func TestUnusedAndZones(t *testing.T) {
	r := newRig(t, func(r *rig) {
		r.conf.Groups[0].InUse = false
		r.conf.Listeners = nil
	})
	tg := r.target(1, ok)
	if h, _ := r.plane.Health(group, tg.IP, tg.Port); h != notInUse {
		t.Errorf("health %+v", h)
	}
	r.change(func(c *Config) { c.Groups[0].InUse = true })
	r.await(tg, Healthy, "")
	far := Target{IP: "10.0.9.9", Port: 80, Zone: "c"}
	r.change(func(c *Config) { c.Groups[0].Zones = []string{"a", "b"} })
	r.register(far)
	if h, _ := r.plane.Health(group, far.IP, far.Port); h != wrongZone {
		t.Errorf("health %+v", h)
	}
	r.change(func(c *Config) { c.Groups[0].InUse = false })
	if h, _ := r.plane.Health(group, tg.IP, tg.Port); h != notInUse {
		t.Errorf("health %+v", h)
	}
	r.deregisterAll()
	if got := r.plane.Targets(group); len(got) != 0 {
		t.Errorf("targets of a group that is not in use drained: %+v", got)
	}
}

func TestFixedAndRedirect(t *testing.T) {
	r := newRig(t, func(r *rig) {
		l := &r.conf.Listeners[0]
		l.Peers[8080] = 18999
		l.Rules = []Rule{
			{Conditions: []Condition{{Field: "path-pattern", Values: []string{"/teapot"}}}, Action: Action{Fixed: &Fixed{Status: 418, ContentType: "application/json", Body: `{"short":true}`}}},
			{Conditions: []Condition{{Field: "path-pattern", Values: []string{"/old/*"}}}, Action: Action{Redirect: &Redirect{301, "#{protocol}", "#{host}", "#{port}", "/new/#{path}", "#{query}"}}},
			{Conditions: []Condition{{Field: "path-pattern", Values: []string{"/admin"}}}, Action: Action{Redirect: &Redirect{302, "HTTP", "#{host}", "8080", "/", ""}}},
			{Conditions: []Condition{{Field: "path-pattern", Values: []string{"/far"}}}, Action: Action{Redirect: &Redirect{302, "HTTPS", "example.com", "443", "/#{path}", "a=1&#{query}"}}},
			{Action: Action{Forward: []Weighted{{group, 1}}}},
		}
	})
	if code, body, h := get(t, r.url+"/teapot"); code != 418 || body != `{"short":true}` || h.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("%d %q %v", code, body, h)
	}
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for path, want := range map[string]string{
		"/old/a%20b?q=1": "301 " + r.url + "/new/old/a%20b?q=1",
		"/admin?x=1":     "302 http://localhost:18999/",
		"/far?b=2":       "302 https://example.com:443/far?a=1&b=2",
	} {
		resp, err := c.Get(r.url + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := strconv.Itoa(resp.StatusCode) + " " + resp.Header.Get("Location"); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestWeights(t *testing.T) {
	counts := map[string]int{}
	for range 10000 {
		counts[draw([]Weighted{{"a", 90}, {"b", 10}, {"c", 0}})]++
	}
	if counts["a"] < 8500 || counts["b"] < 700 || counts["c"] != 0 || counts[""] != 0 {
		t.Errorf("drawn: %v", counts)
	}
	if g := draw([]Weighted{{"a", 0}, {"b", 0}}); g != "" {
		t.Errorf("drew %q without any weight", g)
	}
}

func TestLeastOutstanding(t *testing.T) {
	g := &pool{}
	algorithm := "least_outstanding_requests"
	g.algorithm.Store(&algorithm)
	busy, idle := newMember(Target{IP: "a"}), newMember(Target{IP: "b"})
	busy.inflight.Store(3)
	g.choice.Store(&[]*member{busy, idle})
	for range 5 {
		if g.pick() != idle {
			t.Fatal("the busy target was picked")
		}
	}
}

func TestStreaming(t *testing.T) {
	r := newRig(t)
	next := make(chan struct{})
	tg := r.target(1, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/healthz" {
			return
		}
		for i := range 3 {
			fmt.Fprintf(w, "line %d\n", i)
			w.(http.Flusher).Flush()
			<-next
		}
	})
	r.await(tg, Healthy, "")
	resp, err := http.Get(r.url + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := bufio.NewReader(resp.Body)
	for i := range 3 { // a line comes before the target goes on
		if line, err := in.ReadString('\n'); err != nil || line != fmt.Sprintf("line %d\n", i) {
			t.Fatalf("%q, %v", line, err)
		}
		next <- struct{}{}
	}
}

func TestUpload(t *testing.T) {
	r := newRig(t)
	tg := r.target(1, func(w http.ResponseWriter, req *http.Request) {
		n, err := io.Copy(io.Discard, req.Body)
		fmt.Fprint(w, n, err)
	})
	r.await(tg, Healthy, "")
	resp, err := http.Post(r.url, "text/plain", bytes.NewReader(make([]byte, 3<<20)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); string(b) != fmt.Sprint(3<<20, error(nil)) {
		t.Errorf("target read %q", b)
	}
}

// TestSlowUpload gives up on a client that stops in the middle of its body.
func TestSlowUpload(t *testing.T) {
	r := newRig(t, func(r *rig) { r.conf.Listeners[0].Options.Idle = ms(100) })
	tg := r.target(1, func(_ http.ResponseWriter, req *http.Request) { io.Copy(io.Discard, req.Body) })
	r.await(tg, Healthy, "")
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 408 {
		t.Errorf("code %d, want 408", resp.StatusCode)
	}
}

func TestUpgrade(t *testing.T) {
	r := newRig(t)
	tg := r.target(1, func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Upgrade") != "echo" {
			return
		}
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
		rw.Flush()
		io.Copy(conn, rw)
	})
	r.await(tg, Healthy, "")
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatalf("%v %v", resp, err)
	}
	for _, m := range []string{"hello\n", "again\n"} {
		io.WriteString(conn, m)
		if got, err := in.ReadString('\n'); got != m {
			t.Fatalf("echo %q, %v", got, err)
		}
	}
}

func TestNotAdmitted(t *testing.T) {
	r := newRig(t, func(r *rig) { r.plane.Admit = func(string) bool { return false } })
	r.await(r.target(1, ok), Healthy, "")
	ctx, cancel := context.WithTimeout(t.Context(), ms(300))
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", r.url, nil)
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		resp.Body.Close()
		t.Fatalf("answered %d", resp.StatusCode)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want a time-out", err)
	}
}

func TestLargeHeader(t *testing.T) {
	r := newRig(t)
	req, _ := http.NewRequest("GET", r.url, nil)
	req.Header.Set("X-Large", strings.Repeat("x", 200<<10))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("code %d", resp.StatusCode)
	}
}

func TestPorts(t *testing.T) {
	p := New(&Backends{}, Fast, slog.New(slog.DiscardHandler))
	a, err := p.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Reserve()
	if err != nil || a == b {
		t.Fatalf("ports %d, %d: %v", a, b, err)
	}
	other := New(&Backends{}, Fast, slog.New(slog.DiscardHandler))
	for _, q := range []*Plane{p, other} {
		if q.Claim(a) == nil {
			t.Errorf("port %d was claimed twice", a)
		}
	}
	c, err := other.Reserve()
	if err != nil || c == a || c == b {
		t.Errorf("another plane got %d although %d and %d are taken: %v", c, a, b, err)
	}
	other.Release(c)
	p.Release(a)
	if err := p.Claim(a); err != nil {
		t.Errorf("a released port cannot be had again: %v", err)
	}
	p.Release(a)
	p.Release(b)
	p.Release(b) // once more is no harm
}

// TestReservedPortWithoutListener closes connections at once.
func TestReservedPortWithoutListener(t *testing.T) {
	r := newRig(t)
	port, err := r.plane.Reserve() // while it runs
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
	if err == nil {
		resp.Body.Close()
		t.Errorf("answered %d", resp.StatusCode)
	}
}

// TestSwapUnderLoad changes the configuration while requests flow: none fails.
func TestSwapUnderLoad(t *testing.T) {
	r := newRig(t)
	for i := range 4 {
		r.await(r.target(i+1, ok), Healthy, "")
	}
	full := r.conf
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var bad, good atomic.Int64
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				resp, err := http.Get(r.url)
				if err != nil || resp.StatusCode != 200 {
					bad.Add(1)
					continue
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				good.Add(1)
			}
		})
	}
	for i := range 50 {
		r.change(func(c *Config) {
			*c = Config{Listeners: full.Listeners, Groups: append([]Group(nil), full.Groups...)}
			c.Groups[0].Targets = full.Groups[0].Targets[i%3:]
		})
		time.Sleep(ms(2))
	}
	close(stop)
	wg.Wait()
	if bad.Load() > 0 || good.Load() == 0 {
		t.Errorf("%d requests failed, %d were answered", bad.Load(), good.Load())
	}
}

// TestStopUnderLoad ends Run with requests and a tunnel open; TestMain sees what
// is left.
func TestStopUnderLoad(t *testing.T) {
	b := &Backends{}
	p := New(b, Fast, slog.New(slog.DiscardHandler))
	port, err := p.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{}, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		started <- struct{}{}
		<-req.Context().Done()
	}))
	defer srv.Close()
	b.Set(vpc, "10.0.0.1", 1, srv.Listener.Addr().String())
	p.Apply(Config{
		Listeners: []Listener{{Balancer: balancer, Local: port, Rules: []Rule{{Action: Action{Forward: []Weighted{{group, 1}}}}}}},
		Groups:    []Group{{ARN: group, VPC: vpc, InUse: true, Targets: []Target{{IP: "10.0.0.1", Port: 1}}, Check: Check{Interval: time.Hour, Timeout: time.Minute, Path: "/"}}},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-started
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
		t.Error("the port is still open")
	}
}

func BenchmarkProxy(b *testing.B) {
	r := newRig(b)
	for i := range 2 {
		r.await(r.target(i+1, ok), Healthy, "")
	}
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer c.CloseIdleConnections()
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			resp, err := c.Get(r.url)
			if err != nil {
				b.Error(err)
				return
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}
