package balancer

import (
	"iter"
	"time"
)

// Buckets yields how many durations were counted in each bucket that has any,
// shortest first, by the bucket's middle.
func (l Latency) Buckets() iter.Seq2[time.Duration, int64] {
	return func(yield func(time.Duration, int64) bool) {
		for b, n := range l.buckets {
			if n > 0 && !yield(upper(b)*9/10, n) {
				return
			}
		}
	}
}
