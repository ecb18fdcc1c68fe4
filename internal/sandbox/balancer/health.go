package balancer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Health is a target's state in Elastic Load Balancing's terms.
type Health struct {
	State       string // initial, healthy, unhealthy, unused, draining or unavailable
	Reason      string // code, e.g. Target.Timeout; "" when healthy
	Description string
}

// The states of a target.
const (
	Initial     = "initial"
	Healthy     = "healthy"
	Unhealthy   = "unhealthy"
	Unused      = "unused"
	Draining    = "draining"
	Unavailable = "unavailable"
)

// What a target's health is said to be, in the words of the ELB user guide
// ("Health checks for your target groups").
var (
	healthy       = Health{State: Healthy}
	registering   = Health{Initial, "Elb.RegistrationInProgress", "Target registration is in progress"}
	checking      = Health{Initial, "Elb.InitialHealthChecking", "Initial health checks in progress"}
	timedOut      = Health{Unhealthy, "Target.Timeout", "Request timed out"}
	failed        = Health{Unhealthy, "Target.FailedHealthChecks", "Health checks failed"}
	notInUse      = Health{Unused, "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"}
	wrongZone     = Health{Unused, "Target.NotInUse", "Target is in an Availability Zone that is not enabled for the load balancer"}
	deregistering = Health{Draining, "Target.DeregistrationInProgress", "Target deregistration is in progress"}
	unchecked     = Health{Unavailable, "Target.HealthCheckDisabled", "Health checks are disabled"}
)

func mismatch(code int) Health {
	return Health{Unhealthy, "Target.ResponseCodeMismatch", fmt.Sprintf("Health checks failed with these codes: [%d]", code)}
}

// member is a target that is registered or still draining. What has no type of
// sync/atomic is guarded by the plane's mutex.
type member struct {
	target    Target
	requests  atomic.Int64
	inflight  atomic.Int64
	forbidden atomic.Bool // security groups keep the balancer out

	health   Health
	draining bool
	until    time.Time // when draining ends
	good     int       // checks passed in a row
	bad      int       // checks failed in a row, those that count
	counted  time.Time // when the last one of them was

	wake  chan struct{} // the configuration changed: look again now
	check context.Context
	stop  context.CancelFunc // ends check when the target is deregistered
	gone  context.Context    // ends when draining does, and what is in flight with it
	drop  context.CancelFunc
}

func newMember(t Target) *member {
	m := &member{target: t, wake: make(chan struct{}, 1)}
	m.check, m.stop = context.WithCancel(context.Background())
	m.gone, m.drop = context.WithCancel(context.Background())
	return m
}

func (m *member) checkNow() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// idle is the state of a target that is not checked; ok says that it should be.
func (g *pool) idle(t Target) (h Health, ok bool) {
	switch {
	case !g.conf.InUse:
		return notInUse, false
	case t.Zone != "" && t.Zone != "all" && len(g.conf.Zones) > 0 && !slices.Contains(g.conf.Zones, t.Zone):
		return wrongZone, false
	case g.conf.Check.Disabled:
		return unchecked, false
	}
	return Health{}, true
}

// settle brings a target's state in line with its group's configuration.
func (g *pool) settle(m *member) {
	h, checked := g.idle(m.target)
	switch {
	case m.draining:
	case !checked:
		m.health, m.good, m.bad = h, 0, 0
	case m.health.State == "" || m.health.State == Unused || m.health.State == Unavailable:
		m.health, m.counted = registering, time.Time{}
	}
}

// elect decides which targets get requests: the healthy ones, or those that are not
// when none is ("fail open"). A target that was not checked yet, and may not listen
// yet, gets some only beside others like it. What drains or is unused gets none.
func (g *pool) elect() {
	var best, unhealthy, unchecked []*member
	for _, m := range g.members {
		switch m.health.State {
		case Healthy, Unavailable:
			best = append(best, m)
		case Unhealthy:
			unhealthy = append(unhealthy, m)
		case Initial:
			unchecked = append(unchecked, m)
		}
	}
	if len(best) == 0 {
		best = unhealthy
	}
	if len(best) == 0 {
		best = unchecked
	}
	slices.SortFunc(best, func(a, b *member) int {
		return strings.Compare(a.target.IP, b.target.IP)*2 + sign(a.target.Port-b.target.Port)
	})
	g.choice.Store(&best)
}

func sign(n int) int { return min(max(n, -1), 1) }

// watch checks one target until it is deregistered, and lets it drain. It ends
// with ctx.
func (p *Plane) watch(ctx context.Context, g *pool, m *member) {
	timer := time.NewTimer(p.timing.First)
	defer timer.Stop()
	check, cancel := context.WithCancel(m.check)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	for {
		select {
		case <-check.Done():
			if ctx.Err() == nil {
				p.drain(ctx, g, m)
			}
			return
		case <-m.wake:
		case <-timer.C:
		}
		p.mu.Lock()
		conf := *g.conf
		_, checked := g.idle(m.target)
		p.mu.Unlock()
		if !checked {
			timer.Stop()
			continue
		}
		m.forbidden.Store(p.Permit != nil && !p.Permit(conf.ARN, m.target))
		p.begin(m)
		result := p.probe(check, conf, m)
		if check.Err() == nil {
			timer.Reset(p.judge(g, m, result))
		}
	}
}

func (p *Plane) begin(m *member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.health == registering {
		m.health = checking
	}
}

// judge counts a check's result and returns when the next one is due.
func (p *Plane) judge(g *pool, m *member, result Health) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	conf := g.conf.Check
	interval := p.timing.shorten(conf.Interval)
	if _, checked := g.idle(m.target); m.draining || !checked {
		return interval
	}
	before := m.health
	if result.State == Healthy {
		m.good, m.bad = m.good+1, 0
		if before.State == Initial || m.good >= conf.Healthy {
			m.health = healthy
		}
	} else {
		m.good = 0
		// Looks that come early, before the first pass, count once an interval.
		if early := before.State == Initial && !m.counted.IsZero() && time.Since(m.counted) < interval-p.timing.First/2; !early {
			m.bad, m.counted = m.bad+1, time.Now()
		}
		if before.State == Unhealthy || m.bad >= conf.Unhealthy {
			m.health = result
		}
	}
	if before.State != m.health.State {
		p.log.Debug("target "+m.health.State, "group", g.conf.ARN, "target", m.target, "reason", m.health.Reason)
		g.elect()
	}
	if m.health.State == Initial {
		return min(interval, p.timing.First)
	}
	return interval
}

// drain keeps a deregistered target until its delay is over, which on AWS it is
// not before, even when nothing is in flight.
func (p *Plane) drain(ctx context.Context, g *pool, m *member) {
	p.mu.Lock()
	until := m.until
	p.mu.Unlock()
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-m.gone.Done():
	case <-timer.C:
	}
	p.mu.Lock()
	if g.members[m.target] == m {
		delete(g.members, m.target)
	}
	drop := m.drop // not its own any more where the target was registered again
	p.mu.Unlock()
	drop()
}

// errForbidden is a connection that a security group swallowed.
var errForbidden = fmt.Errorf("no rule of the target's security groups lets the load balancer in: %w", context.DeadlineExceeded)

// errNobody is a connection to an address at which nothing listens.
var errNobody = errors.New("connection refused: nothing listens at the target's address and port")

// probe does one health check.
func (p *Plane) probe(ctx context.Context, g Group, m *member) Health {
	ctx, cancel := context.WithTimeout(ctx, g.Check.Timeout)
	defer cancel()
	if m.forbidden.Load() {
		select {
		case <-ctx.Done():
		case <-time.After(p.timing.shorten(g.Check.Timeout)):
		}
		return timedOut
	}
	port := m.target.Port
	if g.Check.Port != 0 {
		port = g.Check.Port
	}
	code, err := p.get(ctx, g, net.JoinHostPort(m.target.IP, strconv.Itoa(port)), m.target.IP, port)
	var timeout net.Error
	switch {
	case err == nil && g.Check.Codes.match(code):
		return healthy
	case err == nil:
		return mismatch(code)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return timedOut
	}
	return failed
}

// get asks a target for its health check path and returns the answer's code.
func (p *Plane) get(ctx context.Context, g Group, host, ip string, port int) (int, error) {
	addr, ok := p.backends.Lookup(g.VPC, ip, port)
	if !ok {
		return 0, errNobody
	}
	scheme := "http"
	if g.Check.TLS {
		scheme = "https"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+addr+g.Check.Path, nil)
	if err != nil {
		return 0, err
	}
	req.Host = host
	req.Header.Set("User-Agent", "ELB-HealthChecker/2.0")
	resp, err := p.checks.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	const enough = 64 << 10
	_, err = io.CopyN(io.Discard, resp.Body, enough)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	return resp.StatusCode, nil
}

// newTransport is how targets are reached.
func newTransport(keepAlive bool) *http.Transport {
	d := net.Dialer{Timeout: connectTimeout}
	return &http.Transport{
		DialContext:            d.DialContext,
		DisableKeepAlives:      !keepAlive,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        time.Minute,
		TLSHandshakeTimeout:    connectTimeout,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHeader,
		// A load balancer takes any certificate of its targets.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
}
