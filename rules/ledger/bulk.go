package ledger

// Bulk adds much at once in any order, a few steps for each event: the way to
// replay or backfill. The Ledger must not be used until Flush.
type Bulk struct {
	l      *Ledger
	deltas [][][2]float64
	// newest is the last boundary of each level, oldest the second of its first one;
	// before is what lies before that, which most of a long past does for most levels.
	newest, oldest []int64
	before         [][2]float64
	total          Cell
	// seen is a bit for each grain of time after from.
	from, grain int64
	seen        []uint64
	first, last int64
	latest      int64
	// after holds what lies beyond the head.
	after []event
}

type event struct {
	t          int64
	bad, total float64
}

// Bulk begins a bulk of events at times in (from, to]; earlier ones are added to
// what came before memory.
func (l *Ledger) Bulk(from, to int64) *Bulk {
	if s := second(to) - sealLag; s > l.sealed {
		l.seal(s)
	}
	b := &Bulk{l: l, from: max(from, l.frontier)}
	b.before = make([][2]float64, len(l.levels))
	for i := range l.levels {
		lv := &l.levels[i]
		newest := l.sealed / lv.res
		b.newest = append(b.newest, newest)
		b.oldest = append(b.oldest, (newest-lv.n+1)*lv.res)
		b.deltas = append(b.deltas, make([][2]float64, lv.n))
	}
	const grains = 1 << 18
	b.grain = max(1000, (to-b.from)/grains/1000*1000+1000)
	b.seen = make([]uint64, max(0, to-b.from)/b.grain/64+1)
	return b
}

// Add counts events at time t.
func (b *Bulk) Add(t int64, bad, total float64) {
	l := b.l
	s := second(t)
	switch {
	case s > l.sealed+headSeconds:
		b.after = append(b.after, event{t, bad, total})
		return
	case s > l.sealed:
		l.Add(t, bad, total)
		return
	}
	b.latest = max(b.latest, t)
	b.total.Bad += bad
	b.total.Total += total
	l.addMarks(t, bad, total)
	for i := range l.levels {
		if s <= b.oldest[i] {
			d := &b.before[i]
			d[0] += bad
			d[1] += total
			continue
		}
		lv := &l.levels[i]
		k := (s + lv.res - 1) / lv.res
		if k > b.newest[i] {
			continue
		}
		d := &b.deltas[i][k%lv.n]
		d[0] += bad
		d[1] += total
	}
}

// Arrive notes that telemetry arrived at t and vouches for reach before it.
func (b *Bulk) Arrive(t, reach int64) {
	if b.first == 0 || t < b.first {
		b.first = t
	}
	b.last = max(b.last, t)
	i := max(t-reach-b.from, 0)
	// A grain counts when at least half of it is vouched for.
	for i = (i + b.grain/2) / b.grain; i < (t-b.from+b.grain/2)/b.grain; i++ {
		if int(i/64) >= len(b.seen) {
			return
		}
		b.seen[i/64] |= 1 << (i % 64)
	}
}

// Seen returns how much of (from, to] was seen, in milliseconds.
func (b *Bulk) Seen(from, to int64) int64 {
	first, last := max(0, from-b.from)/b.grain, (to-b.from)/b.grain
	var n int64
	for i := first; i < last && int(i/64) < len(b.seen); i++ {
		n += int64(b.seen[i/64] >> (i % 64) & 1)
	}
	return n * b.grain
}

// Flush makes the bulk part of the ledger.
func (b *Bulk) Flush() {
	l := b.l
	l.version++
	for i := range l.levels {
		lv := &l.levels[i]
		newest := l.sealed / lv.res
		run := b.before[i]
		for k := max(newest-lv.n+1, 0); k <= newest; k++ {
			d := b.deltas[i][k%lv.n]
			run[0] += d[0]
			run[1] += d[1]
			sum := &lv.sums[k%lv.n]
			sum[0] += run[0]
			sum[1] += run[1]
		}
	}
	l.base.Bad += b.total.Bad
	l.base.Total += b.total.Total
	l.all.Bad += b.total.Bad
	l.all.Total += b.total.Total
	l.newest, l.latest = max(l.newest, l.sealed), max(l.latest, b.latest)
	for _, e := range b.after {
		l.Add(e.t, e.bad, e.total)
	}
	if b.last == 0 {
		return
	}
	b.cover()
	if l.first == 0 || b.first < l.first {
		l.first = b.first
	}
	l.last = max(l.last, b.last)
	l.frontier = max(l.frontier, b.last)
}

// cover counts the runs of seen grains.
func (b *Bulk) cover() {
	start := int64(-1)
	for i := int64(0); i <= int64(len(b.seen))*64; i++ {
		// Most words are all seen or all unseen.
		for i%64 == 0 && int(i/64) < len(b.seen) && (start < 0 && b.seen[i/64] == 0 || start >= 0 && b.seen[i/64] == ^uint64(0)) {
			i += 64
		}
		set := i < int64(len(b.seen))*64 && b.seen[i/64]&(1<<(i%64)) != 0
		switch {
		case set && start < 0:
			start = i
		case !set && start >= 0:
			b.l.Cover(b.from+start*b.grain, min(b.from+i*b.grain, b.last))
			start = -1
		}
	}
}
