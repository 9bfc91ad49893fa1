package oncall

import "time"

// rotation is a layer in which users take turns.
type rotation struct {
	why    string
	users  []*User
	turns  turns
	bounds span  // outside nobody has a turn
	first  int64 // the number of the turn that begins at bounds.from: the first user's
	hours  hours // within a turn; none means all
}

// at returns the turn at t, cut to the hours of the layer, or a stretch of time
// around t in which it claims nothing.
func (r *rotation) at(t int64) piece {
	switch {
	case t < r.bounds.from:
		return piece{span: span{never, r.bounds.from}}
	case t >= r.bounds.to:
		return piece{span: span{r.bounds.to, forever}}
	}
	p := piece{span: r.bounds, user: r.users[0], why: r.why}
	if len(r.turns.slots) > 0 {
		n, turn := r.turns.at(t)
		p.user = r.users[mod(n-r.first, int64(len(r.users)))]
		p.cut(turn)
	}
	if len(r.hours.windows) == 0 {
		return p
	}
	open, s := r.hours.at(t)
	if !open {
		// Nobody is on call here whoever has the turn.
		p = piece{span: r.bounds}
	}
	p.cut(s)
	return p
}

// turns are the hand-overs of a rotation, numbered by the calendar: never by hours,
// of which some days have more than others.
type turns struct {
	loc *time.Location
	// A cycle is that many days and begins on the day anchor; or, if days is 0, it is
	// a month of the calendar.
	anchor, days int64
	// slots are the hand-overs within a cycle, as seconds of the wall clock after
	// its beginning, ascending. None: there are no hand-overs.
	slots []int64
}

// start is when turn n begins.
func (r turns) start(n int64) int64 {
	count := int64(len(r.slots))
	cycle, slot := floorDiv(n, count), mod(n, count)
	var begin int64
	if r.days == 0 {
		begin = civil(1970, time.January+time.Month(cycle), 1)
	} else {
		begin = (r.anchor + cycle*r.days) * day
	}
	return instant(r.loc, begin+r.slots[slot])
}

// at is the number of the turn that holds t, and its time.
func (r turns) at(t int64) (n int64, s span) {
	var cycle int64
	if today := dayOf(r.loc, t); r.days == 0 {
		year, month, _ := time.Unix(today*day, 0).UTC().Date()
		cycle = int64(year-1970)*12 + int64(month-time.January)
	} else {
		cycle = floorDiv(today-r.anchor, r.days)
	}
	n = (cycle+1)*int64(len(r.slots)) - 1
	s = span{r.start(n), r.start(n + 1)}
	for s.from > t {
		n--
		s = span{r.start(n), s.from}
	}
	for s.to <= t {
		n++
		s = span{s.to, r.start(n + 1)}
	}
	return n, s
}

// hours are the times of the week in which a layer claims anything.
type hours struct {
	loc     *time.Location
	windows []window
}

// window is open from a time of day to another one, which lies on the next day if it
// is more than 24 hours, on the days of the week on which it begins.
type window struct {
	days     [7]bool // from Monday
	from, to int64   // seconds of the wall clock
}

// searched is how many days hours.at looks ahead and back: every window comes once a
// week, and a change of clocks may swallow it once.
const searched = 15

// at tells whether a window is open at t, and a stretch of time around t in which
// that does not change.
func (h hours) at(t int64) (open bool, s span) {
	today := dayOf(h.loc, t)
	s = span{instant(h.loc, (today-searched)*day), instant(h.loc, (today+searched)*day)}
	// A window that is open, or the last one that closed: one that began earlier may
	// close later, on the next day at most.
	closed := false
	for d := today; d > today-searched; d-- {
		last := closed
		for w := range h.on(d) {
			switch {
			case w.holds(t):
				return true, w
			case w.to <= t:
				s.from, closed = max(s.from, w.to), true
			}
		}
		if last {
			break
		}
	}
	for d := today; d < today+searched; d++ {
		opens := false
		for w := range h.on(d) {
			if w.from > t {
				s.to, opens = min(s.to, w.from), true
			}
		}
		if opens {
			break
		}
	}
	return false, s
}

// on yields the windows that open on a day.
func (h hours) on(d int64) func(func(span) bool) {
	return func(yield func(span) bool) {
		for _, w := range h.windows {
			if !w.days[weekday(d)] {
				continue
			}
			// Within an hour that clocks skip this is no time at all.
			if !yield(span{instant(h.loc, d*day+w.from), instant(h.loc, d*day+w.to)}) {
				return
			}
		}
	}
}
