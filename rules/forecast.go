package rules

import (
	"math"
	"time"

	"github.com/watchtower-hub/watchtower/rules/ledger"
)

const (
	// weekMillis is how far back the traffic of the same hour lies.
	weekMillis = 7 * 24 * 3600 * 1000
	// telling is how many events a stretch needs before its ratio to last week's says
	// anything about the level of the traffic.
	telling = 20
	// forecastSteps is in how many steps the search for the end of the budget looks
	// ahead; quickSteps is the same where it is asked at every evaluation.
	forecastSteps, quickSteps = 64, 8
)

// announced tells how many further events are expected in (from, to], because
// somebody announced them: a campaign. It may be nil.
type announced func(from, to int64) float64

func (f announced) in(from, to int64) float64 {
	if f == nil || to <= from {
		return 0
	}
	return max(0, f(from, to))
}

// outlook looks ahead from one reading with the error ratio of one window. The
// budget is gone at the first h with
//
//	1 − (K(t−P+h, t) + ∫λ·r) / (e·(V(t−P+h, t) + ∫λ)) ≤ 0:
//
// as h grows the oldest events leave the period and expected ones enter it. λ is
// the traffic of the same hour last week, at the level that the window has against
// the same time last week; without such a week, the window's own rate. Announced
// events come on top.
type outlook struct {
	judge   *judge
	ledger  *ledger.Ledger
	at      int64
	until   ledger.Cell
	period  tally
	ratio   float64
	volume  float64 // expected of the whole period
	extra   announced
	from    int64 // where the period begins now
	fixed   bool  // a calendar's period does not move: nothing ages out
	horizon int64 // as far as it looks
	unseen  int64 // how much of a moving period lies before the first arrival

	rate   float64 // events in a millisecond, of a level without a last week
	level  float64 // against last week; 0 when that does not tell
	weekAt ledger.Cell
	week   float64
}

// look prepares an outlook with the error ratio of a window; false when at this
// rate the budget lasts, or is spent already.
func (j *judge) look(l *ledger.Ledger, r *reading, window int, extra announced) (outlook, bool) {
	w := r.sums[window]
	if w.Total <= 0 || w.Bad/w.Total <= j.budget || j.consumed(r) >= 1 {
		return outlook{}, false
	}
	return j.outlook(l, r, window, extra), true
}

// outlook looks ahead with the error ratio of a window that holds events, whatever
// becomes of the budget.
func (j *judge) outlook(l *ledger.Ledger, r *reading, window int, extra announced) outlook {
	w, period := r.sums[window], r.sums[j.period]
	o := outlook{
		judge: j, ledger: l, at: r.anchor, until: r.until, period: r.spent, ratio: w.Bad / w.Total, volume: j.expected(r),
		extra: extra, from: r.anchor - j.periodMillis, horizon: j.periodMillis, unseen: max(0, j.periodMillis-period.Seen),
	}
	if r.calendar.to > 0 {
		o.fixed, o.from, o.horizon = true, r.calendar.from, max(0, r.calendar.to-r.anchor)
	}
	length := min(j.spans[window], max(w.Seen, 1))
	organic := max(0, w.Total-extra.in(r.anchor-length, r.anchor))
	o.rate = organic / float64(length)
	if r.anchor-weekMillis < l.First() || j.periodMillis < weekMillis {
		return o
	}
	o.weekAt = l.Until(r.anchor - weekMillis)
	week := o.until.Sub(o.weekAt)
	same := o.weekAt.Sub(l.Until(r.anchor - weekMillis - length))
	if r.anchor-weekMillis-length >= r.anchor-j.periodMillis && same.Total >= telling &&
		float64(week.Seen) >= minCoverage*weekMillis && float64(same.Seen) >= minCoverage*float64(length) {
		o.level, o.week = organic/same.Total, week.Total
	}
	return o
}

// arrivals are the events expected within h from now.
func (o *outlook) arrivals(h int64) float64 {
	extra := o.extra.in(o.at, o.at+h)
	if o.level == 0 {
		return o.rate*float64(h) + extra
	}
	rest := o.ledger.Until(o.at - weekMillis + h%weekMillis).Sub(o.weekAt).Total
	return o.level*(float64(h/weekMillis)*o.week+rest) + extra
}

// left is the budget in events that is left after h.
func (o *outlook) left(h int64) float64 {
	bad, allowed := o.after(h)
	return allowed - bad
}

// share is the share of the budget that is left after h, signed.
func (o *outlook) share(h int64) float64 {
	bad, allowed := o.after(h)
	if allowed <= 0 {
		return 1
	}
	return 1 - bad/allowed
}

// after returns the bad events of the period that ends after h, or of the calendar's so
// far, and how many its budget allows.
func (o *outlook) after(h int64) (bad, allowed float64) {
	come := o.arrivals(h)
	if o.fixed {
		// The whole period's budget is there from its first day on.
		rest := max(o.volume, o.period.Total+come) - o.period.Total
		return o.period.Bad + o.ratio*come, o.period.allowed + o.judge.budget*rest
	}
	stay := o.judge.between(o.ledger, edge{o.from + h, o.ledger.Until(o.from + h)}, edge{o.at, o.until})
	// Until the period has been covered nothing ages out; what is missing is taken
	// as good, as the expected volume says.
	missing := (o.volume - o.period.Total) * max(0, 1-float64(h)/float64(max(1, o.unseen)))
	return stay.Bad + o.ratio*come, stay.allowed + o.judge.budget*(missing+come)
}

// gone returns after how many milliseconds the budget is gone, looking no further
// than limit; false when it lasts that long.
func (o *outlook) gone(limit int64, steps int) (float64, bool) {
	limit = min(limit, o.horizon)
	low, high := int64(0), int64(0)
	for i := 1; ; i++ {
		// Steps grow quadratically: the near end matters most.
		f := float64(i) / float64(steps)
		high = int64(f * f * float64(limit))
		if o.left(high) <= 0 {
			break
		}
		if i == steps {
			return 0, false
		}
		low = high
	}
	for high-low > max(1000, high/256) {
		mid := (low + high) / 2
		if o.left(mid) <= 0 {
			high = mid
		} else {
			low = mid
		}
	}
	return float64(high), true
}

// exhaustedIn is how long the budget lasts if traffic and error ratio go on as in
// the given window; 0 when it outlasts the period or is spent already.
func (j *judge) exhaustedIn(l *ledger.Ledger, r *reading, window int, extra announced) time.Duration {
	o, ok := j.look(l, r, window, extra)
	if !ok {
		return 0
	}
	ms, ok := o.gone(math.MaxInt64, forecastSteps)
	if !ok {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

// Forecast says when the budget will be gone, as a band: at the error ratio of the
// last hour and at that of the last six (of windows in proportion for periods that
// are not near a month).
type Forecast struct {
	// Earliest is zero when the budget lasts, or is spent already. Latest is zero when
	// by the kinder of both ratios it lasts.
	Earliest, Latest time.Time
	// Text completes "the budget is gone …": "on Thursday 14:00–17:00 UTC". It is
	// empty when Earliest is zero.
	Text string
}

// forecast looks ahead from the last reading.
func (tr *track) forecast() (Forecast, time.Duration) {
	j, r := &tr.judge, &tr.reading
	in := j.exhaustedIn(tr.ledger, r, j.hour, tr.announced)
	if in == 0 {
		return Forecast{}, 0
	}
	at := time.UnixMilli(r.anchor)
	f := Forecast{Earliest: at.Add(in)}
	if other := j.exhaustedIn(tr.ledger, r, j.six, tr.announced); other > 0 {
		f.Latest = at.Add(max(in, other))
		f.Earliest = at.Add(min(in, other))
	}
	f.Text = bandText(time.UnixMilli(r.at), f.Earliest, f.Latest, tr.obj.location())
	return f, in
}

// location is the time zone in which people are told times.
func (o *Objective) location() *time.Location {
	if o.Calendar != nil {
		return o.Calendar.Start.Location()
	}
	return time.UTC
}

// announcedFor asks Expected for an objective; nil when nobody announces anything
// or the objective does not count events.
func (e *Engine) announcedFor(o Objective) announced {
	if e.expected == nil || o.SLI.Raw() || o.Budgeting.Slice > 0 {
		return nil
	}
	return func(from, to int64) float64 {
		volume, ok := e.expected(o.Service, time.UnixMilli(from), time.UnixMilli(to))
		if !ok || !finite(volume) {
			return 0
		}
		return volume
	}
}
