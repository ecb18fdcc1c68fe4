package fargate

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"workshop/internal/diagnose"
)

// How often a Watcher looks. A steady service is asked about by one call every
// steadyEvery and looked at whole every wholeEvery: (60/30)*5 + (60/6-60/30)*1 =
// 18 calls a minute, and one more for what its tasks use. While its scaling is asked for as
// well, by two calls a minute, one call every scaledEvery makes room for them:
// (60/30)*5 + (60/7.5-60/30)*1 + 1 + 2 = 19.
const (
	fastEvery   = time.Second
	easedEvery  = 2 * time.Second // while a change goes on for longer than easeAfter
	easeAfter   = time.Minute
	steadyEvery = 6 * time.Second
	scaledEvery = 7500 * time.Millisecond
	wholeEvery  = 30 * time.Second
	failedEvery = 2 * time.Second // after a first failure, then doubling
	failedMost  = 30 * time.Second
	slowedEvery = 8 * time.Second // after AWS asked for fewer requests, then doubling
	slowedMost  = 2 * time.Minute

	closelyFor = 10 * time.Second // after LookNow

	steadyBudget = 20 // calls a minute

	probeEvery   = 5 * time.Second
	probeTimeout = 2 * time.Second
)

// WatchOptions are what a caller of Watch may want. The zero value is good.
type WatchOptions struct {
	// OnStopped is called once for each task that has stopped, by the watcher's
	// own goroutine, which waits for it. ECS forgets a stopped task within about
	// an hour, so this is where to keep it.
	OnStopped func(Task)
	// Known are the ids of stopped tasks that OnStopped was called for before,
	// by an earlier watcher.
	Known []string
	// HTTP asks the service's URL; nil is a client made for it.
	HTTP *http.Client
	// Meter counts the requests; nil for one of the watcher's own.
	Meter *Meter
	// Unmetered says that nobody counts the requests, as in the sandbox: a steady service is
	// looked at whole every second too, so that a change is on the screen at once.
	Unmetered bool
}

// Watcher keeps a picture of one service up to date until its context ends or
// Stop is called. It looks every second while something changes and less often
// when not: at most 20 calls a minute for a steady service, unless WatchOptions.Unmetered.
// It is safe for concurrent use.
type Watcher struct {
	clients *Clients
	ref     Ref
	opts    WatchOptions

	updates chan Snapshot
	lookNow chan struct{}
	more    chan struct{} // something beside the picture is wanted
	cancel  context.CancelFunc
	done    chan struct{}

	scaling scalingReader // all but wanted belongs to run

	mu     sync.Mutex
	latest Snapshot
	looked bool
}

// Watch starts watching.
func Watch(ctx context.Context, cfg aws.Config, ref Ref, opts WatchOptions) *Watcher {
	ctx, cancel := context.WithCancel(ctx)
	if opts.Meter == nil {
		opts.Meter = &Meter{}
	}
	w := &Watcher{
		clients: NewClientsWith(cfg, opts.Meter),
		ref:     ref,
		opts:    opts,
		updates: make(chan Snapshot, 1),
		lookNow: make(chan struct{}, 1),
		more:    make(chan struct{}, 1),
		cancel:  cancel,
		done:    make(chan struct{}),
	}
	go w.run(ctx)
	return w
}

// Updates delivers the latest Snapshot. A receiver that is slow misses the ones
// between, never the last; the watcher never waits for it. The channel is for
// one receiver and is closed when watching ends.
func (w *Watcher) Updates() <-chan Snapshot { return w.updates }

// Latest is the newest Snapshot; it is false before the first look has ended.
func (w *Watcher) Latest() (Snapshot, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.latest, w.looked
}

// LookNow makes the watcher look now, because the caller has just changed something.
func (w *Watcher) LookNow() {
	select {
	case w.lookNow <- struct{}{}:
	default:
	}
}

// ReadScaling says whether somebody looks at what scales the service. While nobody does,
// AWS is not asked for it.
func (w *Watcher) ReadScaling(yes bool) {
	if w.scaling.wanted.Swap(yes) || !yes {
		return
	}
	select {
	case w.more <- struct{}{}:
	default:
	}
}

// Stop ends watching and returns when nothing of it runs any more.
func (w *Watcher) Stop() {
	w.cancel()
	<-w.done
}

// run owns everything that is not behind the mutex.
func (w *Watcher) run(ctx context.Context) {
	probes, probing := w.probe(ctx)
	defer close(w.done)
	defer func() {
		w.cancel()
		<-probing
		close(w.updates)
	}()

	seen := make(map[string]bool, len(w.opts.Known))
	for _, id := range w.opts.Known {
		seen[id] = true
	}
	var (
		o        observer
		picture  Snapshot
		failures int
		changing time.Time // since when; zero for a steady service
		closely  time.Time // until when to look as if something changed
		whole    = true    // the next look is a whole one
		cost     int       // calls of the last whole look
		used     usageReader
	)
	for {
		before := w.clients.calls.sum()
		next, err := w.look(ctx, &o, picture, whole)
		if ctx.Err() != nil {
			return
		}
		now := time.Now()
		var wait time.Duration
		if err != nil {
			failures++
			whole = true
			picture.Stale = err
			wait = backOff(err, failures)
		} else {
			if next.TasksAsOf.Equal(next.AsOf) {
				cost = w.clients.calls.sum() - before
			}
			failures = 0
			next.Probe = picture.Probe
			picture = next
			for _, t := range picture.Tasks {
				if t.Status == "STOPPED" && !seen[t.ID] {
					seen[t.ID] = true
					if w.opts.OnStopped != nil {
						w.opts.OnStopped(t)
					}
				}
			}
			switch {
			case w.opts.Unmetered:
				whole, wait, changing = true, fastEvery, time.Time{}
				if moving(picture) || now.Before(closely) {
					changing = now
				}
			case !moving(picture) && !now.Before(closely):
				changing = time.Time{}
				wait = w.steadyInterval()
				whole = now.Add(wait).Sub(picture.TasksAsOf) >= wholeInterval(cost, wait)
			case changing.IsZero():
				changing = now
				fallthrough
			default:
				whole, wait = true, fastEvery
				if now.Sub(changing) > easeAfter {
					wait = easedEvery
				}
			}
		}
		picture.Calls = CallRate{LastMinute: w.clients.calls.LastMinute(), Interval: wait}
		w.publish(picture)
		if now, busy := time.Now(), !changing.IsZero(); err == nil && picture.Service.Running > 0 && used.due(now, busy) {
			picture.Usage, picture.ServiceUsage, picture.Metrics = used.read(ctx, w.clients, w.ref, runningIDs(picture.Tasks), now, busy)
			picture.Scaling = picture.Scaling.with(picture.ServiceUsage)
			picture.Calls.LastMinute = w.clients.calls.LastMinute()
			w.publish(picture)
		}
		readScaling := func() {
			if err != nil || picture.Service.Status != "ACTIVE" {
				return
			}
			now := time.Now()
			if yes, every := w.scaling.due(now, picture.Service.Desired, !changing.IsZero(), w.opts.Unmetered); yes {
				picture.Scaling = w.scaling.read(ctx, w.clients, w.ref, now, every).with(picture.ServiceUsage)
				picture.Calls.LastMinute = w.clients.calls.LastMinute()
				w.publish(picture)
			}
		}
		readScaling()

		timer := time.NewTimer(wait)
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-w.lookNow:
				// What was asked for may take a moment to show.
				waiting, whole, closely = false, true, time.Now().Add(closelyFor)
			case <-w.more:
				readScaling()
			case <-timer.C:
				waiting = false
			case p := <-probes:
				picture.Probe = &p
				w.publish(picture)
			}
		}
		timer.Stop()
	}
}

// look renews the picture: whole, or by the service alone as long as that shows
// that nothing happened.
func (w *Watcher) look(ctx context.Context, o *observer, old Snapshot, whole bool) (Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	service, events, err := w.clients.service(ctx, w.ref)
	if err != nil {
		return Snapshot{}, err
	}
	now := time.Now().UTC()
	next := Snapshot{AsOf: now, TasksAsOf: old.TasksAsOf, Service: service, Events: events, Tasks: old.Tasks, Targets: old.Targets, History: old.History, Usage: old.Usage, ServiceUsage: old.ServiceUsage, Metrics: old.Metrics, Scaling: old.Scaling}
	if !whole && same(old, next) {
		return next, nil
	}
	if service.Status == "" {
		next.Tasks, next.Targets, next.TasksAsOf = nil, nil, now
		return next, nil
	}
	if next.Tasks, next.Targets, err = o.tasks(ctx, w.clients, w.ref); err != nil {
		return Snapshot{}, err
	}
	if next.History, err = o.history.read(ctx, w.clients, w.ref, service, now); err != nil {
		return Snapshot{}, err
	}
	next.AsOf = time.Now().UTC()
	next.TasksAsOf = next.AsOf
	return next, nil
}

// publish puts the picture in place of one that nobody took.
func (w *Watcher) publish(s Snapshot) {
	w.mu.Lock()
	w.latest, w.looked = s, true
	w.mu.Unlock()
	select {
	case <-w.updates:
	default:
	}
	w.updates <- s // there is room: nobody else sends
}

// steadyInterval is how often a steady service is looked at.
func (w *Watcher) steadyInterval() time.Duration {
	if w.scaling.wanted.Load() {
		return scaledEvery
	}
	return steadyEvery
}

// wholeInterval is how often a steady service with so many calls a look may be
// looked at whole, so that with the short looks between, one every each, it stays in the
// budget.
func wholeInterval(cost int, each time.Duration) time.Duration {
	short := int(time.Minute / each)
	spare := steadyBudget - short - 2 // one for usage, one for a minute that catches more than its share
	if each == scaledEvery {
		spare -= 2 // for the scaling
	}
	extra := time.Duration(max(cost-1, 0)) * time.Minute / time.Duration(spare)
	return max(wholeEvery, extra)
}

// backOff is how long to wait after so many failures in a row: doubling, with up
// to a quarter added at random, so that several programs do not come together.
func backOff(err error, failures int) time.Duration {
	wait, most := failedEvery, failedMost
	if errors.Is(err, diagnose.ErrThrottled) {
		wait, most = slowedEvery, slowedMost
	}
	wait = min(wait<<min(failures-1, 10), most)
	return wait + rand.N(wait/4)
}

// same reports that the service tells nothing new: then its tasks are as they were.
func same(a, b Snapshot) bool {
	s, t := a.Service, b.Service
	if s.ARN != t.ARN || s.Status != t.Status || s.Desired != t.Desired || s.Running != t.Running ||
		s.Pending != t.Pending || s.Rollout != t.Rollout || len(s.Deployments) != len(t.Deployments) {
		return false
	}
	for i := range s.Deployments {
		if s.Deployments[i] != t.Deployments[i] {
			return false
		}
	}
	return newest(a.Events) == newest(b.Events)
}

func newest(events []ServiceEvent) string {
	if len(events) == 0 {
		return ""
	}
	return events[0].ID
}

// moving reports that something is under way.
func moving(s Snapshot) bool {
	v := s.Service
	if v.Status == "" || v.Status == "INACTIVE" {
		return false
	}
	if v.Status == "DRAINING" || v.Rollout == "IN_PROGRESS" || v.Pending > 0 || v.Running != v.Desired || len(v.Deployments) > 1 {
		return true
	}
	for _, t := range s.Tasks {
		if t.Status == "STOPPED" {
			continue
		}
		if t.Status != "RUNNING" || t.DesiredStatus != "RUNNING" || t.Target == "initial" || t.Target == "draining" {
			return true
		}
	}
	return false
}

// probe asks the URL for as long as the context lives. The second channel is
// closed when it has ended.
func (w *Watcher) probe(ctx context.Context) (<-chan Probe, <-chan struct{}) {
	probes, done := make(chan Probe), make(chan struct{})
	if w.ref.URL == "" {
		close(done)
		return nil, done
	}
	client := w.opts.HTTP
	if client == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		// A fresh connection each time finds the balancer's next target.
		transport.DisableKeepAlives = true
		client = &http.Client{Transport: transport}
	}
	go func() {
		defer close(done)
		path := probePath
		tick := time.NewTicker(probeEvery)
		defer tick.Stop()
		for {
			p := ask(ctx, client, w.ref.URL, path)
			if p.Status == http.StatusNotFound {
				path = "/"
			}
			select {
			case probes <- p:
			case <-ctx.Done():
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return probes, done
}

// ProbeAgent is the User-Agent of the requests by which a Watcher asks the service's URL.
const ProbeAgent = "workshop-probe"

// Ask asks a service's URL once for its health, as a Watcher does every few seconds. It
// waits two seconds at most.
func Ask(ctx context.Context, client *http.Client, url string) Probe {
	p := ask(ctx, client, url, probePath)
	if p.Status == http.StatusNotFound {
		p = ask(ctx, client, url, "/")
	}
	return p
}

// probePath is asked for where the app has it.
const probePath = "/healthz"

// ask makes one request; only its status and the time to its headers count.
func ask(ctx context.Context, client *http.Client, url, path string) Probe {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	p := Probe{At: time.Now()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "/")+path, nil)
	if err != nil {
		p.Err = err
		return p
	}
	req.Header.Set("User-Agent", ProbeAgent)
	resp, err := client.Do(req)
	if err != nil {
		p.Err = err
		return p
	}
	p.Latency = time.Since(p.At)
	p.Status = resp.StatusCode
	// Reading a little lets the server end its answer; more is of no interest.
	_, _ = io.CopyN(io.Discard, resp.Body, 4096)
	_ = resp.Body.Close()
	return p
}
