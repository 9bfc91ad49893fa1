package oncall

import (
	"math"
	"time"
)

// Instants are seconds since 1970 within this package; these two lie before and after
// all others.
const (
	never   int64 = math.MinInt64
	forever int64 = math.MaxInt64
)

const (
	minute int64 = 60
	hour         = 60 * minute
	day          = 24 * hour
)

// span is the time [from, to).
type span struct{ from, to int64 }

func (s span) holds(t int64) bool { return s.from <= t && t < s.to }

// A wall clock's reading is written as the instant at which UTC reads the same, so
// that a calendar day is 86,400 of it, whatever clocks do.

// wallOf is what clocks read at t.
func wallOf(loc *time.Location, t int64) int64 { return t + offsetAt(loc, t) }

// dayOf is the day of t in loc, counted from 1970-01-01.
func dayOf(loc *time.Location, t int64) int64 { return floorDiv(wallOf(loc, t), day) }

// instant is when clocks read wall. What they read twice, because they are set back,
// is the first time; what they never read, because they are set forward, is the
// moment of the jump. So the order of readings is the order of instants.
func instant(loc *time.Location, wall int64) int64 {
	t, jumped := firstReading(loc, wall)
	if !jumped {
		return t
	}
	start, _ := time.Unix(t, 0).In(loc).ZoneBounds()
	return start.Unix()
}

// firstReading is the first instant at which clocks read wall. If they jump over it,
// it is where they would have read it without the jump, as RFC 5545 (3.3.5) wants it
// for calendars.
func firstReading(loc *time.Location, wall int64) (t int64, jumped bool) {
	// No offset is as long as a day, so that the offset a day before is the one
	// before any change that matters here, and the one a day later the one after.
	before := wall - offsetAt(loc, wall-day)
	after := wall - offsetAt(loc, wall+day)
	for _, t := range [2]int64{min(before, after), max(before, after)} {
		if wallOf(loc, t) == wall {
			return t, false
		}
	}
	return before, true
}

func offsetAt(loc *time.Location, t int64) int64 {
	_, offset := time.Unix(t, 0).In(loc).Zone()
	return int64(offset)
}

// civil is what clocks read on a date at midnight.
func civil(year int, month time.Month, dayOfMonth int) int64 {
	return time.Date(year, month, dayOfMonth, 0, 0, 0, 0, time.UTC).Unix()
}

// weekday of a day counted from 1970-01-01: 0 is Monday.
func weekday(d int64) int64 { return mod(d+3, 7) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func mod(a, b int64) int64 { return a - floorDiv(a, b)*b }
