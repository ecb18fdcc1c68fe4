package balancer

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// Counters is what was counted since the balancer started. It only grows, but
// for the gauges, which say so.
type Counters struct {
	Balancers map[string]BalancerCounters // by load balancer's ARN
	Groups    map[string]GroupCounters    // by target group's ARN
}

// BalancerCounters are one load balancer's.
type BalancerCounters struct {
	Requests       int64         // for which a target was chosen
	OwnAnswers     map[int]int64 // answers that the balancer gave itself, by code
	NewConnections int64
	Connections    int64 // open now: a gauge
	Bytes          int64 // bodies, both ways
	Rules          int64 // evaluated
}

// GroupCounters are one target group's.
type GroupCounters struct {
	Requests         int64
	Codes            [6]int64 // targets' answers by class: Codes[2] counts 2xx
	ConnectionErrors int64
	Latency          Latency // from the request's leaving to the answer's first byte
	Healthy          int     // gauges
	Unhealthy        int
	Targets          map[Target]int64 // requests by target registered now
}

// Latency is a histogram of durations with buckets that are at most 25% wide.
type Latency struct {
	Count   int64
	Sum     time.Duration
	buckets [buckets]int64
}

const buckets = 128 // four for each doubling of a microsecond: over an hour

func bucket(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 4))
	n := bits.Len64(us)
	return min((n-3)*4+int(us>>(n-3)&3), buckets-1)
}

// upper is the top of a bucket.
func upper(b int) time.Duration {
	return time.Duration(5+b%4) << (b / 4) * time.Microsecond
}

// Sub returns what was counted after an earlier snapshot of the same histogram.
func (l Latency) Sub(earlier Latency) Latency {
	l.Count -= earlier.Count
	l.Sum -= earlier.Sum
	for i := range l.buckets {
		l.buckets[i] -= earlier.buckets[i]
	}
	return l
}

// Quantile returns the duration that a share q (0 to 1) of the requests stayed
// under, at most 25% too high; 0 when there were none.
func (l Latency) Quantile(q float64) time.Duration {
	want := int64(math.Ceil(q * float64(l.Count)))
	var seen int64
	for b, n := range l.buckets {
		if seen += n; seen >= want && seen > 0 {
			return upper(b)
		}
	}
	return 0
}

// balancerStats and groupStats count without locks.
type balancerStats struct {
	requests, opened, open, bytes, rules atomic.Int64
	own                                  [600]atomic.Int64
}

type groupStats struct {
	requests, connectionErrors atomic.Int64
	codes                      [6]atomic.Int64
	count, sum                 atomic.Int64
	latency                    [buckets]atomic.Int64
}

func (s *groupStats) answered(code int, took time.Duration) {
	if class := code / 100; class < len(s.codes) {
		s.codes[class].Add(1)
	}
	s.count.Add(1)
	s.sum.Add(int64(took))
	s.latency[bucket(took)].Add(1)
}

func (s *groupStats) snapshot() GroupCounters {
	c := GroupCounters{Requests: s.requests.Load(), ConnectionErrors: s.connectionErrors.Load()}
	for i := range s.codes {
		c.Codes[i] = s.codes[i].Load()
	}
	c.Latency.Count, c.Latency.Sum = s.count.Load(), time.Duration(s.sum.Load())
	for i := range s.latency {
		c.Latency.buckets[i] = s.latency[i].Load()
	}
	return c
}

func (s *balancerStats) snapshot() BalancerCounters {
	c := BalancerCounters{
		Requests: s.requests.Load(), NewConnections: s.opened.Load(), Connections: s.open.Load(),
		Bytes: s.bytes.Load(), Rules: s.rules.Load(), OwnAnswers: map[int]int64{},
	}
	for code := range s.own {
		if n := s.own[code].Load(); n > 0 {
			c.OwnAnswers[code] = n
		}
	}
	return c
}

// Counters returns a snapshot. Safe for concurrent use.
func (p *Plane) Counters() Counters {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := Counters{Balancers: map[string]BalancerCounters{}, Groups: map[string]GroupCounters{}}
	for arn, s := range p.stats {
		out.Balancers[arn] = s.snapshot()
	}
	for arn, g := range p.pools {
		c := g.stats.snapshot()
		c.Targets = map[Target]int64{}
		for t, m := range g.members {
			if m.draining {
				continue
			}
			c.Targets[t] = m.requests.Load()
			switch m.health.State {
			case Healthy:
				c.Healthy++
			case Unhealthy:
				c.Unhealthy++
			}
		}
		out.Groups[arn] = c
	}
	return out
}
