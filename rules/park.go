package rules

import (
	"encoding/binary"
	"math"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/watchtower-hub/watchtower/rules/ledger"
)

// parked is where a forgotten series stood: it may come back.
type parked struct {
	counter ledger.Counter
	counted float64
	last    *histogram.FloatHistogram
}

// park keeps the count of a series that is forgotten. The lock is held.
func (tr *track) park(s *source) {
	if s.counter.LastTime == 0 || len(tr.parked) >= maxSeries {
		return
	}
	if tr.parked == nil {
		tr.parked = map[uint64]parked{}
	}
	p := parked{counter: s.counter, counted: s.counted}
	if s.measure != nil {
		p.last = s.measure.last
	}
	tr.parked[labels.StableHash(s.lset)] = p
}

// unpark gives a series that came back its count. The lock is held.
func (tr *track) unpark(s *source) {
	if len(tr.parked) == 0 {
		return
	}
	key := labels.StableHash(s.lset)
	if p, ok := tr.parked[key]; ok {
		s.counter, s.counted = p.counter, p.counted
		if s.measure != nil {
			s.measure.last = p.last
		}
		delete(tr.parked, key)
	}
}

// unparkAll drops the counts of series that were silent for the whole memory of the
// objective: should they come back, all they counted before is out of it.
func (tr *track) unparkAll(now int64) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for key, p := range tr.parked {
		if p.counter.LastTime < now-tr.remembers.Milliseconds() {
			delete(tr.parked, key)
		}
	}
}

// appendCounter encodes where a series stands.
func appendCounter(dst []byte, c *ledger.Counter, counted float64) []byte {
	whole := int64(0)
	if c.Whole {
		whole = 1
	}
	for _, v := range []int64{c.LastTime, c.Start, c.FirstTime, whole, int64(c.Resets)} {
		dst = binary.AppendVarint(dst, v)
	}
	for _, v := range []float64{c.Last, float64(c.Interval), counted} {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
	}
	return dst
}

func (r *snapReader) counter() (c ledger.Counter, counted float64) {
	c = ledger.Counter{LastTime: r.int(), Start: r.int(), FirstTime: r.int(), Whole: r.int() == 1, Resets: uint32(r.int())}
	c.Last, c.Interval = r.float(), float32(r.float())
	return c, r.float()
}

// appendParked encodes the counts of forgotten series. The lock is held.
func (tr *track) appendParked(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(tr.parked)))
	for key, p := range tr.parked {
		dst = binary.LittleEndian.AppendUint64(dst, key)
		dst = appendCounter(dst, &p.counter, p.counted)
	}
	return dst
}

func (r *snapReader) parked() map[uint64]parked {
	out := map[uint64]parked{}
	for n := r.uint(); n > 0 && !r.bad; n-- {
		key := math.Float64bits(r.float())
		c, counted := r.counter()
		out[key] = parked{counter: c, counted: counted}
	}
	return out
}
