package load

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// histogram counts durations in buckets that grow by an eighth, from 64 µs on.
// Its methods may be called by any goroutine.
type histogram struct{ buckets [256]atomic.Uint64 }

const unitShift = 16 // 65.5 µs

func newHistogram() *histogram { return &histogram{} }

func bucketOf(ns int64) int {
	u := uint64(max(ns, 0)) >> (unitShift - 3) // eighths of a unit
	if u < 8 {
		return 0
	}
	e := bits.Len64(u) - 4 // 8..15 -> 0
	return min(1+e*8+int(u>>e)-8, 255)
}

// topOf is the upper bound of a bucket.
func topOf(i int) time.Duration {
	if i == 0 {
		return 1 << unitShift
	}
	e, m := (i-1)/8, (i-1)%8
	return time.Duration((uint64(m+9) << e) << unitShift >> 3)
}

func (h *histogram) add(ns int64) { h.buckets[bucketOf(ns)].Add(1) }

// merge adds the counts of other.
func (h *histogram) merge(other *histogram) {
	for i := range h.buckets {
		h.buckets[i].Add(other.buckets[i].Load())
	}
}

// quantile returns an upper bound of the q-th quantile, 0 when empty.
func (h *histogram) quantile(q float64) time.Duration {
	total := uint64(0)
	for i := range h.buckets {
		total += h.buckets[i].Load()
	}
	if total == 0 {
		return 0
	}
	want, seen := uint64(q*float64(total)), uint64(0)
	for i := range h.buckets {
		if seen += h.buckets[i].Load(); seen > want {
			return topOf(i)
		}
	}
	return topOf(len(h.buckets) - 1)
}
