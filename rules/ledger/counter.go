package ledger

import "math"

// Verdict says what became of a sample.
type Verdict uint8

// The verdicts. Only Counted samples carry an increment, which may be 0.
const (
	// Counted samples add the increment since the last one.
	Counted Verdict = iota
	// Baseline is the first sample of a series whose past is unknown.
	Baseline
	// Late samples lie before the last one seen: their slices must be recounted.
	Late
	// Duplicate samples have the time of the last one and add nothing.
	Duplicate
	// Ignored samples are NaN, staleness markers among them.
	Ignored
	// Refused samples are negative or infinite: no counter yields them.
	Refused
)

// Counter turns the samples of one cumulative series into increments. The zero
// value has seen nothing.
type Counter struct {
	// Last is the last value, LastTime and Start its time and start time.
	Last     float64
	LastTime int64
	Start    int64
	// FirstTime is that of the first sample; Whole tells that this first sample
	// counted in full, since the counter began while we were watching.
	FirstTime int64
	Whole     bool
	// Interval is the learned time between samples, in milliseconds; 0: unknown.
	Interval float32
	// Resets counts how often the series began again.
	Resets uint32
}

// Take counts one sample with its start time (0: unknown). since is when we began
// to watch: the first sample of a counter that started later counts in full.
//
// A value below the last one, or a start time after the last sample, is a reset:
// the whole value is new.
func (c *Counter) Take(t, start int64, v float64, since int64) (float64, Verdict) {
	return c.TakeReset(t, start, v, since, false)
}

// TakeReset is Take for a sample of which the caller may know that it is a reset,
// though its value does not show it.
func (c *Counter) TakeReset(t, start int64, v float64, since int64, reset bool) (float64, Verdict) { //nolint:revive // reset is a fact about the sample
	switch {
	case math.IsNaN(v):
		return 0, Ignored
	case math.IsInf(v, 0) || v < 0:
		return 0, Refused
	case c.LastTime == 0:
		c.Last, c.LastTime, c.Start, c.FirstTime = v, t, start, t
		if start > 0 && start >= since {
			c.Whole = true
			return v, Counted
		}
		return 0, Baseline
	case t < c.LastTime:
		return 0, Late
	case t == c.LastTime:
		return 0, Duplicate
	}
	delta := v - c.Last
	if reset || IsReset(c.Last, v, c.LastTime, c.Start, start) {
		delta = v
		c.Resets++
	}
	c.learn(t - c.LastTime)
	c.Last, c.LastTime = v, t
	if start > 0 {
		c.Start = start
	}
	return delta, Counted
}

// IsReset tells whether a counter began again between a sample of value last at
// lastTime and the next one of value v.
func IsReset(last, v float64, lastTime, lastStart, start int64) bool {
	return v < last || (start > 0 && start != lastStart && start >= lastTime)
}

// Reach is how far back a sample vouches that telemetry arrived, when the sample
// before it came gap earlier: the gap, unless samples are missing in it.
func (c *Counter) Reach(gap int64) int64 {
	if c.Interval == 0 {
		return 0
	}
	if float64(gap) <= 2*float64(c.Interval) {
		return gap
	}
	return int64(c.Interval)
}

// learn follows the interval of the series: quickly when it shortens, slowly when
// it grows, since a long gap is more often a loss than a new habit.
func (c *Counter) learn(gap int64) {
	g := float32(gap)
	switch {
	case c.Interval == 0:
		c.Interval = g
	case g < c.Interval:
		c.Interval += (g - c.Interval) / 2
	default:
		c.Interval += (min(g, 4*c.Interval) - c.Interval) / 8
	}
}
