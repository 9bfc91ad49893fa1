package ledger

import "time"

const (
	// headSeconds is how many of the latest seconds are kept as plain counts, where
	// adding costs one step. It is a power of two.
	headSeconds = 128
	// sealLag is how far the sealed part stays behind the latest sample.
	sealLag = 64
	// seenUnit is the grain of stored seen time, in milliseconds: fine enough for a
	// coverage, coarse enough for 8 years in 32 bits.
	seenUnit = 64
)

// Cell holds cumulative counts: bad and total events, and seen milliseconds.
type Cell struct {
	Bad, Total float64
	Seen       int64
}

// Sub returns what was added between d and c.
func (c Cell) Sub(d Cell) Cell {
	return Cell{Bad: c.Bad - d.Bad, Total: c.Total - d.Total, Seen: c.Seen - d.Seen}
}

func (c *Cell) add(d Cell) {
	c.Bad += d.Bad
	c.Total += d.Total
	c.Seen += d.Seen
}

// level holds the cumulative counts at the latest n multiples of res seconds.
type level struct {
	res  int64
	n    int64
	sums [][2]float64
	seen []uint32
}

// Ledger keeps the cumulative counts of one objective. Not safe for concurrent
// use.
type Ledger struct {
	levels []level
	head   [headSeconds]Cell
	// sealed is the latest second whose cumulative count is in the levels; the head
	// holds the seconds after it. base is the count at sealed, all that of everything.
	sealed int64
	newest int64
	// latest is the time of the latest event, in milliseconds.
	latest  int64
	base    Cell
	all     Cell
	version uint32
	// marks are in order of time.
	marks []Mark
	// first and last bound the arrivals; frontier is until when seen time is counted.
	first, last, frontier int64
}

// steps are the resolutions of the pyramid and how many slices of each are kept.
// A resolution takes over at an age of 50 times its length, so that an edge is
// known to 2 % of the window; each finer level reaches a little further than that.
func steps() [7][2]int64 {
	return [7][2]int64{{1, 192}, {5, 156}, {15, 206}, {60, 256}, {300, 156}, {900, 204}, {3600, 304}}
}

// lastStep is the coarsest resolution; it reaches to the end of the period.
const lastStep = 6 * 3600

// New returns an empty ledger for windows up to period: 36 KB for 30 days, less
// for shorter periods.
func New(period time.Duration) *Ledger {
	l := &Ledger{}
	need := int64(period/time.Second) + headSeconds
	for _, s := range steps() {
		res, n := s[0], s[1]
		if n*res >= need+2*res {
			n = need/res + 3
		}
		l.levels = append(l.levels, level{res: res, n: n})
		if n*res >= need {
			return l.allocate()
		}
	}
	l.levels = append(l.levels, level{res: lastStep, n: need/lastStep + 3})
	return l.allocate()
}

// allocate gives all levels room in two pieces, which wastes less than many.
func (l *Ledger) allocate() *Ledger {
	total := int64(0)
	for _, lv := range l.levels {
		total += lv.n
	}
	sums, seen := make([][2]float64, total), make([]uint32, total)
	for i := range l.levels {
		lv := &l.levels[i]
		lv.sums, sums = sums[:lv.n:lv.n], sums[lv.n:]
		lv.seen, seen = seen[:lv.n:lv.n], seen[lv.n:]
	}
	return l
}

// First returns when the first arrival was, 0 if there was none.
func (l *Ledger) First() int64 { return l.first }

// Last returns when the last arrival was, 0 if there was none.
func (l *Ledger) Last() int64 { return l.last }

// Total returns everything ever counted.
func (l *Ledger) Total() Cell { return l.all }

// second returns the number of the second that t belongs to: (s−1, s] seconds.
func second(t int64) int64 { return (t + 999) / 1000 }

// Add counts events at time t. Adding to the latest two minutes is one step;
// adding to the past corrects every later sum.
func (l *Ledger) Add(t int64, bad, total float64) {
	s := second(t)
	if s > l.sealed+headSeconds {
		l.seal(s - sealLag)
	}
	l.newest, l.latest = max(l.newest, s), max(l.latest, t)
	l.all.Bad += bad
	l.all.Total += total
	if len(l.marks) > 0 {
		l.addMarks(t, bad, total)
	}
	if s > l.sealed {
		c := &l.head[s&(headSeconds-1)]
		c.Bad += bad
		c.Total += total
		return
	}
	if bad == 0 && total == 0 {
		return
	}
	l.version++
	l.base.Bad += bad
	l.base.Total += total
	for i := range l.levels {
		lv := &l.levels[i]
		newest := l.sealed / lv.res
		for k := max((s+lv.res-1)/lv.res, newest-lv.n+1); k <= newest; k++ {
			sum := &lv.sums[k%lv.n]
			sum[0] += bad
			sum[1] += total
		}
	}
}

// Arrive notes that telemetry arrived at t and vouches for reach before it.
// Arrivals of several series overlap; time is seen once.
func (l *Ledger) Arrive(t, reach int64) {
	if l.first == 0 || t < l.first {
		l.first = t
	}
	l.last = max(l.last, t)
	if t <= l.frontier {
		return
	}
	from := max(l.frontier, t-reach)
	l.frontier = t
	if from < t {
		l.Cover(from, t)
	}
}

// Cover counts (from, to] as seen, whether or not it was already.
func (l *Ledger) Cover(from, to int64) {
	s := second(to)
	if s > l.sealed+headSeconds {
		l.seal(s - sealLag)
	}
	l.all.Seen += to - from
	l.coverMarks(from, to)
	l.newest, l.latest = max(l.newest, s), max(l.latest, to)
	if edge := l.sealed * 1000; from < edge {
		l.coverPast(from, min(to, edge))
		from = edge
	}
	for from < to {
		s = from/1000 + 1
		end := min(s*1000, to)
		l.head[s&(headSeconds-1)].Seen += end - from
		from = end
	}
}

func (l *Ledger) coverPast(from, to int64) {
	l.version++
	l.base.Seen += to - from
	for i := range l.levels {
		lv := &l.levels[i]
		newest := l.sealed / lv.res
		for k := max(from/1000/lv.res, newest-lv.n+1); k <= newest; k++ {
			// The rounding of each boundary is the same on every path: a difference of
			// two boundaries is off by one unit at most.
			upto := min(k*lv.res*1000, to)
			if upto > from {
				lv.seen[k%lv.n] += uint32((upto - from) / seenUnit)
			}
		}
	}
}

// seal moves the latest sealed second forward to s, which need not be the head's.
func (l *Ledger) seal(to int64) {
	if l.sealed == 0 && l.newest == 0 {
		l.sealed = to
		return
	}
	for step := 0; step < headSeconds && l.sealed < to; step++ {
		s := l.sealed + 1
		c := &l.head[s&(headSeconds-1)]
		l.base.add(*c)
		*c = Cell{}
		l.sealed = s
		for i := range l.levels {
			lv := &l.levels[i]
			if s%lv.res == 0 {
				lv.set(s/lv.res, l.base)
			}
		}
	}
	if l.sealed >= to {
		return
	}
	for i := range l.levels {
		lv := &l.levels[i]
		for k := max(l.sealed/lv.res+1, to/lv.res-lv.n+1); k <= to/lv.res; k++ {
			lv.set(k, l.base)
		}
	}
	l.sealed = to
}

func (lv *level) set(k int64, c Cell) {
	i := k % lv.n
	lv.sums[i] = [2]float64{c.Bad, c.Total}
	lv.seen[i] = uint32(c.Seen / seenUnit)
}
