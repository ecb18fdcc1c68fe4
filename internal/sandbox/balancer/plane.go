package balancer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// FirstPort is where the search for a free port begins, unless a Plane has a
// First of its own.
const FirstPort = 18080

// maxHeader bounds the header of a request and of an answer, as on AWS.
const maxHeader = 64 << 10

// Plane is the data plane of all load balancers of a sandbox. Its methods are
// safe for concurrent use, never block and may be called with the sandbox's
// lock held; nothing of it runs until Run does.
type Plane struct {
	// Permit says whether the balancer reaches a target of a group through the
	// target's security groups; nil permits all. It is asked before each health
	// check, from goroutines that hold no lock, and may take the sandbox's.
	// Traffic goes by the last answer. It must be set before Run.
	Permit func(group string, t Target) bool

	// Admit says whether clients may reach a listener; nil admits all. It is
	// asked about once a second, like Permit. Who is not admitted gets no answer
	// and in the end a closed connection. It must be set before Run.
	Admit func(listener string) bool

	// First is where Reserve's search for a free port begins.
	First int

	backends *Backends
	timing   Timing
	log      *slog.Logger
	proxy    *httputil.ReverseProxy
	targets  *http.Transport
	checks   *http.Transport

	mu     sync.Mutex
	run    context.Context // of Run, while it runs
	wg     sync.WaitGroup  // what Run waits for
	fronts map[int]*front  // by local port
	deaf   atomic.Int32    // fronts without their port
	pools  map[string]*pool
	stats  map[string]*balancerStats
}

// pool is a target group at work. It keeps its identity when its configuration
// changes.
type pool struct {
	conf    *Group // guarded by the plane's mutex, as are members
	members map[Target]*member

	vpc       atomic.Pointer[string]
	tls       atomic.Bool
	algorithm atomic.Pointer[string]
	choice    atomic.Pointer[[]*member]
	next      atomic.Uint64
	stats     groupStats
}

// New returns a data plane without listeners.
func New(b *Backends, t Timing, log *slog.Logger) *Plane {
	p := &Plane{
		First: FirstPort, backends: b, timing: t, log: log,
		targets: newTransport(true), checks: newTransport(false),
		fronts: map[int]*front{}, pools: map[string]*pool{}, stats: map[string]*balancerStats{},
	}
	p.proxy = p.newProxy()
	return p
}

// Claim takes a port on loopback. Until Apply gives it a listener, connections
// to it are closed at once. It fails when another program, or this plane, has
// the port.
func (p *Plane) Claim(port int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fronts[port] != nil {
		return fmt.Errorf("port %d is a load balancer's already", port)
	}
	f := &front{plane: p, port: port}
	if err := f.listen(); err != nil {
		return err
	}
	p.fronts[port] = f
	return nil
}

// Hold is Claim for a port that is a load balancer's address already: while it
// cannot be had, Run tries again every second, and Unreachable has it under that
// name. A port of this plane stays as it is.
func (p *Plane) Hold(port int, name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fronts[port] != nil {
		return
	}
	f := &front{plane: p, port: port, name: name}
	if f.err = f.listen(); f.err != nil {
		f.since = time.Now()
		p.deaf.Add(1)
	}
	p.fronts[port] = f
}

// Unreachable is a port that a load balancer cannot listen on.
type Unreachable struct {
	Port  int
	Name  string // that Hold was given
	Since time.Time
	Err   error
}

// Unreachable lists the ports that cannot be had, in their order.
func (p *Plane) Unreachable() []Unreachable {
	if p.deaf.Load() == 0 {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Unreachable
	for port, f := range p.fronts {
		if f.err != nil {
			out = append(out, Unreachable{port, f.name, f.since, f.err})
		}
	}
	slices.SortFunc(out, func(a, b Unreachable) int { return a.Port - b.Port })
	return out
}

// Ports lists the ports that were claimed or are held.
func (p *Plane) Ports() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.fronts))
}

// Reserve claims the first free port from First on and returns it.
func (p *Plane) Reserve() (int, error) {
	const span = 2000 // ports tried
	var err error
	for port := p.First; port < p.First+span; port++ {
		if err = p.Claim(port); err == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port for the load balancer from %d to %d: %w", p.First, p.First+span-1, err)
}

// listen opens a port on 127.0.0.1 and, where the machine has it, on ::1, so
// that "localhost" is right however a client resolves it.
func listen(port int) ([]net.Listener, error) {
	v4, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	v6, err := net.Listen("tcp6", net.JoinHostPort("::1", strconv.Itoa(port)))
	if err == nil {
		return []net.Listener{v4, v6}, nil
	}
	if probe, perr := net.Listen("tcp6", "[::1]:0"); perr == nil {
		probe.Close()
		v4.Close()
		return nil, err // ::1 exists and the port is somebody else's there
	}
	return []net.Listener{v4}, nil
}

// Release gives a port back and closes its connections.
func (p *Plane) Release(port int) {
	p.mu.Lock()
	f := p.fronts[port]
	delete(p.fronts, port)
	if f != nil && f.err != nil {
		p.deaf.Add(-1)
	}
	p.mu.Unlock()
	if f != nil {
		f.close()
	}
}

// Apply replaces the configuration. Listeners must have their ports claimed. A
// target that is no longer in its group drains; one whose group is gone, or was
// not in use, leaves at once.
func (p *Plane) Apply(c Config) {
	p.mu.Lock()
	defer p.mu.Unlock()
	stale := maps.Clone(p.pools)
	for i := range c.Groups {
		conf := &c.Groups[i]
		g := p.pools[conf.ARN]
		if g == nil {
			g = &pool{members: map[Target]*member{}}
			p.pools[conf.ARN] = g
		}
		delete(stale, conf.ARN)
		p.configure(g, conf)
	}
	for arn, g := range stale {
		for _, m := range g.members {
			m.stop()
			m.drop()
		}
		delete(p.pools, arn)
	}
	named := map[string]bool{}
	served := map[int]bool{}
	pools := maps.Clone(p.pools) // all routes read this one; nobody writes it
	for i := range c.Listeners {
		l := &c.Listeners[i]
		named[l.Balancer] = true
		if p.stats[l.Balancer] == nil {
			p.stats[l.Balancer] = &balancerStats{}
		}
		if f := p.fronts[l.Local]; f != nil {
			f.route.Store(&route{Listener: l, pools: pools, stats: p.stats[l.Balancer]})
			served[l.Local] = true
		}
	}
	for port, f := range p.fronts {
		if !served[port] {
			f.route.Store(nil)
		}
	}
	maps.DeleteFunc(p.stats, func(arn string, _ *balancerStats) bool { return !named[arn] })
}

func (p *Plane) configure(g *pool, conf *Group) {
	recheck := g.conf == nil || !sameCheck(g.conf, conf)
	drains := g.conf != nil && g.conf.InUse && conf.InUse
	g.conf = conf
	g.vpc.Store(&conf.VPC)
	g.tls.Store(conf.TLS)
	g.algorithm.Store(&conf.Algorithm)
	wanted := map[Target]bool{}
	for _, t := range conf.Targets {
		wanted[t] = true
		m := g.members[t]
		var drained *member
		if m != nil && m.draining { // registered again while it drained
			drained, m = m, nil
		}
		if m == nil {
			m = newMember(t)
			if drained != nil { // what is in flight goes on, as the new one's
				m.gone, m.drop = drained.gone, drained.drop
				drained.drop = func() {}
			}
			g.members[t] = m
			g.settle(m)
			if p.run != nil {
				p.start(g, m)
			}
			continue
		}
		g.settle(m)
		if recheck {
			m.checkNow()
		}
	}
	for t, m := range g.members {
		if wanted[t] || m.draining {
			continue
		}
		m.draining = true
		m.until = time.Now().Add(p.timing.shorten(conf.Drain))
		if m.health.State == Unused || !drains || p.run == nil {
			m.until = time.Time{}
			delete(g.members, t)
			m.drop()
		}
		m.health = deregistering
		m.stop()
	}
	g.elect()
}

func sameCheck(a, b *Group) bool {
	x, y := a.Check, b.Check
	return a.InUse == b.InUse && x.Disabled == y.Disabled && x.TLS == y.TLS && x.Path == y.Path && x.Port == y.Port &&
		x.Interval == y.Interval && x.Timeout == y.Timeout && fmt.Sprint(x.Codes, a.Zones) == fmt.Sprint(y.Codes, b.Zones)
}

// start begins to watch a target; the mutex is held and Run runs.
func (p *Plane) start(g *pool, m *member) {
	run := p.run
	p.wg.Go(func() { p.watch(run, g, m) })
}

// Health returns a target's state, and false when the group does not have it
// and it does not drain either.
func (p *Plane) Health(group, ip string, port int) (Health, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.pools[group]
	if g == nil {
		return Health{}, false
	}
	var last Health
	found := false
	for t, m := range g.members {
		if t.IP == ip && t.Port == port {
			if last, found = m.health, true; !m.draining {
				break
			}
		}
	}
	return last, found
}

// TargetHealth is a target with its state.
type TargetHealth struct {
	Target
	Health
}

// Targets returns the states of a group's targets, those that drain included,
// in no order.
func (p *Plane) Targets(group string) []TargetHealth {
	p.mu.Lock()
	defer p.mu.Unlock()
	g := p.pools[group]
	if g == nil {
		return nil
	}
	out := make([]TargetHealth, 0, len(g.members))
	for t, m := range g.members {
		out = append(out, TargetHealth{t, m.health})
	}
	return out
}

// Run serves the listeners and checks the targets until ctx ends. When it
// returns, all ports are closed and everything it started has ended. It may be
// called once.
func (p *Plane) Run(ctx context.Context) error {
	p.mu.Lock()
	if p.run != nil {
		p.mu.Unlock()
		return errors.New("the load balancer runs already")
	}
	p.run = ctx
	for _, f := range p.fronts {
		f.serve()
	}
	for _, g := range p.pools {
		for _, m := range g.members {
			p.start(g, m)
		}
	}
	p.mu.Unlock()

	p.guard(ctx)

	p.mu.Lock()
	p.run = nil
	fronts := p.fronts
	p.fronts = map[int]*front{}
	p.mu.Unlock()
	for _, f := range fronts {
		f.close()
	}
	p.wg.Wait()
	p.targets.CloseIdleConnections()
	p.checks.CloseIdleConnections()
	return nil
}

// guard asks now and then who is admitted, and for the ports that it lacks, until
// ctx ends.
func (p *Plane) guard(ctx context.Context) {
	tick := time.NewTicker(p.timing.shorten(time.Second))
	defer tick.Stop()
	for {
		for _, f := range p.listening() {
			if r := f.route.Load(); r != nil && p.Admit != nil {
				f.closed.Store(!p.Admit(r.ARN))
			}
		}
		p.listenAgain()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// listenAgain tries to get the ports that another program had.
func (p *Plane) listenAgain() {
	if p.deaf.Load() == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.fronts {
		if f.err == nil {
			continue
		}
		if f.err = f.listen(); f.err == nil {
			p.deaf.Add(-1)
			p.log.Info("the load balancer has its port again", "name", f.name, "port", f.port)
		}
	}
}

func (p *Plane) listening() []*front {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Values(p.fronts))
}
