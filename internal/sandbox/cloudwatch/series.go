package cloudwatch

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"workshop/internal/sandbox/wire"
)

// Limits of what is kept.
const (
	minutes    = 4 * 60 // points of a minute, a metric
	finePoints = 120    // points of a sampling interval, a metric
	maxSeries  = 20_000
	active     = 3 * time.Hour // of ListMetrics's RecentlyActive
)

// point is what is known of a metric in one interval.
type point struct {
	at       int64 // its beginning, seconds since 1970
	count    float64
	sum      float64
	min, max float64
	// ticks is 0 for what adds up (requests). A gauge that is looked at several
	// times in an interval (tasks that run) adds up what it saw and says how often
	// it looked.
	ticks int32
	bins  []bin // nil as long as all values were equal
}

// bin counts equal values, by value.
type bin struct {
	value float32 // to one part in 64
	n     float32
}

// coarse is the value that stands for v in a bin.
func coarse(v float64) float32 {
	f := float32(v)
	if math.IsInf(float64(f), 0) {
		return f
	}
	return math.Float32frombits((math.Float32bits(f) + 1<<16) &^ (1<<17 - 1))
}

// one is a single value, seen n times.
func one(v, n float64) point { return point{count: n, sum: v * n, min: v, max: v} }

func (p point) spread() []bin {
	if p.bins != nil || p.count == 0 {
		return p.bins
	}
	return []bin{{coarse(p.min), float32(p.count)}}
}

// add lays q's values beside p's.
func (p *point) add(q point) {
	if q.count == 0 {
		return
	}
	if p.count == 0 {
		at := p.at
		*p = q
		p.at, p.bins = at, slices.Clone(q.bins)
		return
	}
	if p.min != p.max || q.min != q.max || p.min != q.min {
		merged := slices.Clone(p.spread())
		for _, b := range q.spread() {
			i, found := slices.BinarySearchFunc(merged, b.value, func(m bin, v float32) int { return cmp.Compare(m.value, v) })
			if found {
				merged[i].n += b.n
			} else {
				merged = slices.Insert(merged, i, b)
			}
		}
		p.bins = merged
	}
	p.count += q.count
	p.sum += q.sum
	p.min, p.max = min(p.min, q.min), max(p.max, q.max)
	p.ticks += q.ticks
}

// settled is a gauge as if it had been looked at once, on average.
func (p point) settled() point {
	if p.ticks > 1 {
		n := float64(p.ticks)
		p.count /= n
		p.sum /= n
		p.bins = slices.Clone(p.bins)
		for i := range p.bins {
			p.bins[i].n /= float32(n)
		}
	}
	p.ticks = 0
	return p
}

// percentile returns the value that a share q (0 to 1) of the values is not
// above.
func (p point) percentile(q float64) float64 {
	want := q * p.count
	var seen float64
	for _, b := range p.spread() {
		if seen += float64(b.n); seen >= want-1e-6*p.count {
			return min(max(float64(b.value), p.min), p.max)
		}
	}
	return p.max
}

// ring is the newest points of a metric, oldest first.
type ring struct{ points []point }

func (r *ring) add(at int64, p point, keep int) {
	i, found := slices.BinarySearchFunc(r.points, at, func(q point, at int64) int { return cmp.Compare(q.at, at) })
	if found {
		r.points[i].add(p)
		return
	}
	n := point{at: at}
	n.add(p)
	r.points = slices.Insert(r.points, i, n)
	if extra := len(r.points) - keep; extra > keep/8 || extra > 0 && i == 0 {
		r.points = slices.Delete(r.points, 0, extra)
	}
}

// series is one metric: a name with its dimensions.
type series struct {
	metric types.Metric // dimensions by name
	unit   types.StandardUnit
	fine   ring
	minute ring
	last   int64 // when the newest point begins
}

func seriesKey(namespace, name string, dims []types.Dimension) string {
	var b strings.Builder
	b.WriteString(namespace)
	b.WriteByte(0)
	b.WriteString(name)
	for _, d := range sorted(dims) {
		b.WriteByte(0)
		b.WriteString(aws.ToString(d.Name))
		b.WriteByte(0)
		b.WriteString(aws.ToString(d.Value))
	}
	return b.String()
}

func sorted(dims []types.Dimension) []types.Dimension {
	byName := func(a, b types.Dimension) int { return strings.Compare(aws.ToString(a.Name), aws.ToString(b.Name)) }
	if slices.IsSortedFunc(dims, byName) {
		return dims
	}
	dims = slices.Clone(dims)
	slices.SortFunc(dims, byName)
	return dims
}

// dimensions pairs names with values.
func dimensions(pairs ...string) []types.Dimension {
	out := make([]types.Dimension, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, types.Dimension{Name: aws.String(pairs[i]), Value: aws.String(pairs[i+1])})
	}
	return sorted(out)
}

// record adds p to a metric at a time; fine says whether finer points than a
// minute's are wanted. c.mu must be held.
func (c *CloudWatch) record(namespace, name string, dims []types.Dimension, unit types.StandardUnit, at time.Time, p point, fine bool) error {
	k := seriesKey(namespace, name, dims)
	s := c.series[k]
	if s == nil {
		if len(c.series) >= maxSeries && at.Sub(c.forgot) >= time.Minute {
			c.forget(at)
		}
		if len(c.series) >= maxSeries {
			return wire.Errorf("LimitExceededFault", "The sandbox keeps at most %d metrics", maxSeries)
		}
		s = &series{metric: types.Metric{Namespace: aws.String(namespace), MetricName: aws.String(name), Dimensions: sorted(dims)}}
		c.series[k] = s
	}
	if unit != "" {
		s.unit = unit
	}
	t := at.Unix()
	if step := int64(c.timing.Sample / time.Second); fine {
		s.fine.add(t-t%step, p, finePoints)
	}
	s.minute.add(t-t%60, p, minutes)
	s.last = max(s.last, t)
	return nil
}

// forget makes room: for what has not been seen for as long as points are kept,
// or, if that is not enough, for a quarter of an hour, such as tasks that are
// gone. c.mu must be held.
func (c *CloudWatch) forget(now time.Time) {
	c.forgot = now
	for _, age := range []time.Duration{minutes * time.Minute, 15 * time.Minute} {
		if len(c.series) < maxSeries*3/4 {
			return
		}
		maps.DeleteFunc(c.series, func(_ string, s *series) bool { return s.last < now.Add(-age).Unix() })
	}
}

// points returns what is known of a metric from start to before end, in
// intervals of period seconds, oldest first. Periods under a minute are made of
// finer points, where there are any.
func (c *CloudWatch) points(namespace, name string, dims []types.Dimension, period, start, end int64) ([]point, types.StandardUnit) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	s := c.series[seriesKey(namespace, name, dims)]
	if s == nil {
		return nil, ""
	}
	from := s.minute.points
	if period < 60 && len(s.fine.points) > 0 {
		from = s.fine.points
	}
	var out []point
	for _, p := range from {
		at := p.at - p.at%period
		if at < start || at >= end {
			continue
		}
		if len(out) == 0 || out[len(out)-1].at != at {
			out = append(out, point{at: at})
		}
		out[len(out)-1].add(p.settled())
	}
	return out, s.unit
}
