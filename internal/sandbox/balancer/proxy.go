package balancer

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	mrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// front is a reserved port.
type front struct {
	plane     *Plane
	port      int
	name      string // of the load balancer, for one that is held
	listeners []net.Listener
	err       error                 // why there are no listeners; guarded by the plane's mutex, as since is
	since     time.Time             // of err
	route     atomic.Pointer[route] // nil: nobody listens, as far as clients can tell
	closed    atomic.Bool           // security groups keep clients out
	server    *http.Server
	cancel    context.CancelFunc
}

// route is a listener with the pools that its rules name.
type route struct {
	*Listener
	pools map[string]*pool
	stats *balancerStats
}

// listen takes the port, and serves it if Run runs; the plane's mutex is held.
func (f *front) listen() (err error) {
	if f.listeners, err = listen(f.port); err == nil && f.plane.run != nil {
		f.serve()
	}
	return err
}

// serve begins to answer; the plane's mutex is held and Run runs.
func (f *front) serve() {
	p := f.plane
	ctx, cancel := context.WithCancel(p.run)
	f.cancel = cancel
	f.server = &http.Server{
		Handler:                      f,
		BaseContext:                  func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout:            time.Minute,
		IdleTimeout:                  time.Minute,
		MaxHeaderBytes:               maxHeader,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     log.New(io.Discard, "", 0),
		ConnState:                    f.connection,
	}
	for _, l := range f.listeners {
		p.wg.Go(func() { f.server.Serve(l) })
	}
}

// connection counts a connection while it is open and makes Run wait for the
// goroutine behind it.
func (f *front) connection(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		f.plane.wg.Add(1)
		if r := f.route.Load(); r != nil {
			r.stats.opened.Add(1)
		}
	case http.StateClosed, http.StateHijacked:
		f.plane.wg.Done()
	}
}

func (f *front) close() {
	if f.cancel != nil {
		f.cancel()
		f.server.Close()
	}
	for _, l := range f.listeners {
		l.Close()
	}
}

// clientPatience is how long a client that is not admitted is kept waiting: less
// than the two minutes that its system would try to connect.
const clientPatience = 30 * time.Second

// hop is a request on its way to a target.
type hop struct {
	route  *route
	pool   *pool
	member *member
	touch  func()
	unsent atomic.Bool // the client has not sent all of its body
}

type hopKey struct{}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.plane.wg.Add(1) // hijacked connections are no longer counted by connection
	defer f.plane.wg.Done()
	rt := f.route.Load()
	if rt == nil {
		panic(http.ErrAbortHandler) // closes the connection without an answer
	}
	if f.closed.Load() {
		select { // silence, as from a firewall
		case <-r.Context().Done():
		case <-time.After(f.plane.timing.shorten(clientPatience)):
		}
		panic(http.ErrAbortHandler)
	}
	rt.stats.open.Add(1)
	defer rt.stats.open.Add(-1)
	for i := range rt.Rules {
		rt.stats.rules.Add(1)
		if rule := &rt.Rules[i]; rule.matches(r) {
			switch {
			case rule.Action.Fixed != nil:
				rt.fixed(w, rule.Action.Fixed)
			case rule.Action.Redirect != nil:
				rt.redirect(w, r, rule.Action.Redirect)
			default:
				f.plane.forward(w, r, rt, rule.Action.Forward)
			}
			return
		}
	}
	rt.fail(w, http.StatusInternalServerError)
}

// forward hands the request to a target of one of the groups.
func (p *Plane) forward(w http.ResponseWriter, r *http.Request, rt *route, groups []Weighted) {
	g := rt.pools[draw(groups)]
	var m *member
	if g != nil {
		m = g.pick()
	}
	if m == nil {
		rt.fail(w, http.StatusServiceUnavailable)
		return
	}
	rt.stats.requests.Add(1)
	g.stats.requests.Add(1)
	m.requests.Add(1)
	m.inflight.Add(1)
	defer m.inflight.Add(-1)

	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(m.gone, func() { cancel(errGone) })()
	h := &hop{route: rt, pool: g, member: m}
	idle := rt.Options.Idle
	if idle <= 0 {
		idle = time.Minute
	}
	timer := time.AfterFunc(idle, func() {
		if !h.unsent.Load() {
			cancel(errIdle)
			return
		}
		cancel(errStalled)
		// No context ends a read from the client.
		http.NewResponseController(w).SetReadDeadline(time.Now())
	})
	defer timer.Stop()
	h.touch = func() { timer.Reset(idle) }
	r = r.WithContext(context.WithValue(ctx, hopKey{}, h))
	if r.Body != nil && r.Body != http.NoBody {
		h.unsent.Store(true)
		r.Body = &upload{r.Body, h}
	}
	p.proxy.ServeHTTP(w, r)
}

// draw picks a target group by weight.
func draw(groups []Weighted) string {
	if len(groups) == 1 {
		return groups[0].Group
	}
	total := 0
	for _, g := range groups {
		total += g.Weight
	}
	if total == 0 {
		return ""
	}
	n := mrand.IntN(total)
	for _, g := range groups {
		if n -= g.Weight; n < 0 {
			return g.Group
		}
	}
	return ""
}

// pick chooses a target by the group's algorithm; nil when it has none.
func (g *pool) pick() *member {
	from := *g.choice.Load()
	if len(from) == 0 {
		return nil
	}
	turn := int(g.next.Add(1) % uint64(len(from)))
	switch *g.algorithm.Load() {
	case "least_outstanding_requests":
		best, least := from[turn], int64(math.MaxInt64)
		for i := range from {
			m := from[(turn+i)%len(from)]
			if n := m.inflight.Load(); n < least {
				best, least = m, n
			}
		}
		return best
	case "weighted_random":
		return from[mrand.IntN(len(from))]
	}
	return from[turn]
}

var (
	errIdle    = errors.New("no data within the load balancer's idle timeout")
	errStalled = errors.New("no more of the request's body within the load balancer's idle timeout")
	errGone    = errors.New("the target's deregistration delay is over")
)

func (p *Plane) newProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:      rewrite,
		Transport:    (*toTarget)(p),
		ErrorHandler: p.failed,
		BufferPool:   &buffers{},
		ErrorLog:     log.New(io.Discard, "", 0),
	}
}

// rewrite makes the request that the target sees out of the client's.
func rewrite(pr *httputil.ProxyRequest) {
	h := pr.In.Context().Value(hopKey{}).(*hop)
	o := h.route.Options
	pr.Out.URL.Scheme = "http"
	if h.pool.tls.Load() {
		pr.Out.URL.Scheme = "https"
	}
	pr.Out.URL.RawQuery = pr.In.URL.RawQuery
	pr.Out.Host = pr.In.Host
	for _, name := range []string{"Forwarded", "X-Forwarded-Host"} { // not the balancer's business
		if v := pr.In.Header[name]; v != nil {
			pr.Out.Header[name] = v
		}
	}
	client := pr.In.RemoteAddr
	if ip, _, err := net.SplitHostPort(client); err == nil && !o.ForwardedForAll {
		client = ip
	}
	const xff = "X-Forwarded-For"
	switch before := pr.In.Header.Values(xff); o.ForwardedFor {
	case "remove":
	case "preserve":
		if len(before) > 0 {
			pr.Out.Header[xff] = before
		}
	default:
		pr.Out.Header.Set(xff, strings.Join(append(before, client), ", "))
	}
	pr.Out.Header.Set("X-Forwarded-Proto", "http")
	// The port that the client connected to, so that links which a program
	// makes of it work.
	pr.Out.Header.Set("X-Forwarded-Port", strconv.Itoa(h.route.Local))
	pr.Out.Header.Set("X-Amzn-Trace-Id", trace(pr.In.Header.Get("X-Amzn-Trace-Id")))
}

// trace returns the request's X-Amzn-Trace-Id: a new root, or the client's with
// a field Self of ours ("Request tracing for your Application Load Balancer").
func trace(before string) string {
	id := make([]byte, 12)
	rand.Read(id)
	own := fmt.Sprintf("1-%08x-%s", time.Now().Unix(), hex.EncodeToString(id))
	var fields []string
	for f := range strings.SplitSeq(before, ";") {
		if f = strings.TrimSpace(f); f != "" && !strings.HasPrefix(f, "Self=") {
			fields = append(fields, f)
		}
	}
	if len(fields) == 0 {
		return "Root=" + own
	}
	return strings.Join(append([]string{"Self=" + own}, fields...), ";")
}

// toTarget is the plane as the proxy's transport: it finds the target's process
// and measures it.
type toTarget Plane

func (t *toTarget) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	h := ctx.Value(hopKey{}).(*hop)
	if h.member.forbidden.Load() {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(t.timing.shorten(connectTimeout)):
			h.pool.stats.connectionErrors.Add(1)
			return nil, errForbidden
		}
	}
	addr, ok := t.backends.Lookup(*h.pool.vpc.Load(), h.member.target.IP, h.member.target.Port)
	if !ok {
		h.pool.stats.connectionErrors.Add(1)
		return nil, errNobody
	}
	r.URL.Host = addr
	start := time.Now()
	resp, err := t.targets.RoundTrip(r)
	if err != nil {
		if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "dial" {
			h.pool.stats.connectionErrors.Add(1)
		}
		return nil, err
	}
	h.pool.stats.answered(resp.StatusCode, time.Since(start))
	h.touch()
	if rw, ok := resp.Body.(io.ReadWriteCloser); ok && resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body = &tunnel{rw, h}
	} else {
		resp.Body = &download{resp.Body, h}
	}
	return resp, nil
}

// failed answers for a target that did not.
func (p *Plane) failed(w http.ResponseWriter, r *http.Request, err error) {
	h := r.Context().Value(hopKey{}).(*hop)
	cause := context.Cause(r.Context())
	var timeout net.Error
	switch {
	case errors.Is(cause, errStalled):
		h.route.fail(w, http.StatusRequestTimeout)
	case errors.Is(cause, errIdle), errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		h.route.fail(w, http.StatusGatewayTimeout)
	case errors.Is(cause, context.Canceled): // 460: the client left before the answer
		h.route.stats.own[460].Add(1)
		panic(http.ErrAbortHandler)
	default:
		h.route.fail(w, http.StatusBadGateway)
	}
}

// upload, download and tunnel keep a request alive while bytes flow, and count
// them.
type upload struct {
	io.ReadCloser
	hop *hop
}

func (u *upload) Read(b []byte) (int, error) {
	n, err := u.ReadCloser.Read(b)
	u.hop.moved(n)
	if err != nil {
		u.hop.unsent.Store(false)
	}
	return n, err
}

type download struct {
	io.ReadCloser
	hop *hop
}

func (d *download) Read(b []byte) (int, error) {
	n, err := d.ReadCloser.Read(b)
	d.hop.moved(n)
	return n, err
}

type tunnel struct {
	io.ReadWriteCloser
	hop *hop
}

func (t *tunnel) Read(b []byte) (int, error) {
	n, err := t.ReadWriteCloser.Read(b)
	t.hop.moved(n)
	return n, err
}

func (t *tunnel) Write(b []byte) (int, error) {
	n, err := t.ReadWriteCloser.Write(b)
	t.hop.moved(n)
	return n, err
}

func (h *hop) moved(n int) {
	if n > 0 {
		h.route.stats.bytes.Add(int64(n))
		h.touch()
	}
}

// buffers lends the proxy its copy buffers.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if v, ok := b.pool.Get().(*[]byte); ok {
		return *v
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(buf []byte) { b.pool.Put(&buf) }

// phrases are the balancer's own words where they differ from net/http's.
var phrases = map[int]string{
	http.StatusServiceUnavailable: "Service Temporarily Unavailable",
	http.StatusGatewayTimeout:     "Gateway Time-out",
	http.StatusRequestTimeout:     "Request Time-out",
}

// fail gives the small page that a load balancer gives.
func (rt *route) fail(w http.ResponseWriter, status int) {
	phrase := phrases[status]
	if phrase == "" {
		phrase = http.StatusText(status)
	}
	title := strconv.Itoa(status) + " " + phrase
	rt.answer(w, status, "text/html", "<html>\r\n<head><title>"+title+"</title></head>\r\n<body>\r\n<center><h1>"+title+"</h1></center>\r\n</body>\r\n</html>\r\n")
}

func (rt *route) fixed(w http.ResponseWriter, f *Fixed) {
	contentType := f.ContentType
	if contentType == "" {
		contentType = "text/plain"
	}
	rt.answer(w, f.Status, contentType+"; charset=utf-8", f.Body)
}

func (rt *route) redirect(w http.ResponseWriter, r *http.Request, to *Redirect) {
	w.Header().Set("Location", rt.location(r, to))
	phrase := http.StatusText(to.Status)
	if phrase == "" {
		phrase = "Redirect"
	}
	title := strconv.Itoa(to.Status) + " " + phrase
	rt.answer(w, to.Status, "text/html", "<html>\r\n<head><title>"+title+"</title></head>\r\n<body>\r\n<center><h1>"+title+"</h1></center>\r\n</body>\r\n</html>\r\n")
}

// location fills in a redirect. A port on which the same load balancer listens
// becomes the one on which it really does.
func (rt *route) location(r *http.Request, to *Redirect) string {
	fill := strings.NewReplacer(
		"#{protocol}", "HTTP", "#{host}", hostname(r.Host), "#{port}", strconv.Itoa(rt.Port),
		"#{path}", strings.TrimPrefix(r.URL.EscapedPath(), "/"), "#{query}", r.URL.RawQuery,
	)
	host := fill.Replace(to.Host)
	port := fill.Replace(to.Port)
	if n, err := strconv.Atoi(port); err == nil && rt.Peers[n] != 0 {
		port = strconv.Itoa(rt.Peers[n])
	}
	u := strings.ToLower(fill.Replace(to.Protocol)) + "://" + net.JoinHostPort(strings.Trim(host, "[]"), port) + fill.Replace(to.Path)
	if q := fill.Replace(to.Query); q != "" {
		u += "?" + q
	}
	if _, err := url.Parse(u); err != nil {
		return "/"
	}
	return u
}

func (rt *route) answer(w http.ResponseWriter, status int, contentType, body string) {
	rt.stats.own[status].Add(1)
	if !rt.Options.HideServer {
		w.Header().Set("Server", "awselb/2.0")
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	io.WriteString(w, body)
}
