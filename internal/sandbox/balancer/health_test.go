package balancer

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a network of net.Pipe, which testing/synctest can wait for.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestHealthOverTime walks a target through its life on AWS's clock: interval
// 30 s, five passes to come back, two failures to go.
func TestHealthOverTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var code atomic.Int64
		var checks atomic.Int64
		code.Store(503)
		net := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			checks.Add(1)
			w.WriteHeader(int(code.Load()))
		})}
		go srv.Serve(net)
		defer srv.Close()

		b := &Backends{}
		tg := Target{IP: "10.0.0.1", Port: 80}
		b.Set(vpc, tg.IP, tg.Port, "127.0.0.1:1")
		p := New(b, Real, slog.New(slog.DiscardHandler))
		p.checks.DialContext = net.dial
		codes, _ := ParseCodes("200-299")
		conf := Config{Groups: []Group{{
			ARN: group, VPC: vpc, InUse: true, Drain: 300 * time.Second, Targets: []Target{tg},
			Check: Check{Path: "/", Interval: 30 * time.Second, Timeout: 5 * time.Second, Healthy: 5, Unhealthy: 2, Codes: codes},
		}}}
		p.Apply(conf)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { p.Run(ctx); close(done) }()
		defer func() { cancel(); <-done }()

		start := time.Now()
		at := func(after time.Duration, want Health) {
			t.Helper()
			time.Sleep(time.Until(start.Add(after)))
			synctest.Wait()
			if h, _ := p.Health(group, tg.IP, tg.Port); h != want {
				t.Errorf("after %v: %+v, want %+v", after, h, want)
			}
		}
		at(0, registering)
		at(time.Second, checking)
		at(30*time.Second, checking) // early looks that fail do not count
		at(31*time.Second, mismatch(503))
		// Unhealthy since the check at 30.5 s; now it passes five times.
		code.Store(204)
		at(150*time.Second, mismatch(503))
		at(181*time.Second, healthy)
		// One failure is forgiven, two are not.
		code.Store(500)
		at(211*time.Second, healthy)
		at(241*time.Second, mismatch(500))
		n := checks.Load()
		at(301*time.Second, mismatch(500))
		if got := checks.Load() - n; got != 2 {
			t.Errorf("%d checks in a minute, want 2", got)
		}
		// A failure that turns into another one shows the last.
		code.Store(404)
		at(331*time.Second, mismatch(404))

		conf = Config{Groups: []Group{conf.Groups[0]}}
		conf.Groups[0].Targets = nil
		p.Apply(conf)
		at(332*time.Second, deregistering)
		at(630*time.Second, deregistering)
		at(632*time.Second, Health{})

		// A new target needs one pass only, and early.
		code.Store(200)
		conf = Config{Groups: []Group{conf.Groups[0]}}
		conf.Groups[0].Targets = []Target{tg}
		p.Apply(conf)
		at(633*time.Second, healthy)
		// It comes back while it drains.
		empty := Config{Groups: []Group{conf.Groups[0]}}
		empty.Groups[0].Targets = nil
		p.Apply(empty)
		at(634*time.Second, deregistering)
		p.Apply(conf)
		at(635*time.Second, healthy)
		at(1000*time.Second, healthy)
		// Its group is deleted.
		p.Apply(Config{})
		at(1001*time.Second, Health{})
	})
}

func TestCheckChangesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/right" {
				w.WriteHeader(404)
			}
		})}
		go srv.Serve(net)
		defer srv.Close()
		b := &Backends{}
		tg := Target{IP: "10.0.0.1", Port: 80}
		b.Set(vpc, tg.IP, 9000, "127.0.0.1:1") // the health check's own port
		p := New(b, Real, slog.New(slog.DiscardHandler))
		p.checks.DialContext = net.dial
		codes, _ := ParseCodes("200")
		g := Group{
			ARN: group, VPC: vpc, InUse: true, Targets: []Target{tg},
			Check: Check{Path: "/wrong", Port: 9000, Interval: 300 * time.Second, Timeout: 5 * time.Second, Healthy: 2, Unhealthy: 2, Codes: codes},
		}
		p.Apply(Config{Groups: []Group{g}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { p.Run(ctx); close(done) }()
		defer func() { cancel(); <-done }()
		time.Sleep(700 * time.Second)
		synctest.Wait()
		if h, _ := p.Health(group, tg.IP, tg.Port); h != mismatch(404) {
			t.Fatalf("health %+v", h)
		}
		g.Check.Path, g.Check.Interval = "/right", 10*time.Second
		p.Apply(Config{Groups: []Group{g}})
		time.Sleep(11 * time.Second) // not the 300 s that were left
		synctest.Wait()
		if h, _ := p.Health(group, tg.IP, tg.Port); h != healthy {
			t.Errorf("health %+v", h)
		}
	})
}
