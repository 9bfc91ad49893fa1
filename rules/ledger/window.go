package ledger

import "time"

// Edge remembers the slice that the edge of a window last lay in, so that the next
// question about nearly the same time touches no other memory. The zero value is
// ready; an Edge belongs to one Ledger.
type Edge struct {
	from, to int64
	at       Cell
	step     Cell
	version  uint32
}

// Until returns everything counted at times up to and including t.
func (l *Ledger) Until(t int64) Cell {
	var e Edge
	return l.UntilEdge(&e, t)
}

// Grain returns the length of the slices in which times up to that age are told apart:
// what is counted until a multiple of it is exact.
func (l *Ledger) Grain(age time.Duration) time.Duration {
	// The sealed part lags behind, and the oldest slice may be gone.
	need := second(age.Milliseconds()) + 2*headSeconds
	for i := range l.levels {
		if lv := &l.levels[i]; (lv.n-2)*lv.res >= need || i == len(l.levels)-1 {
			return time.Duration(lv.res) * time.Second
		}
	}
	return time.Second
}

// UntilEdge is Until with a remembered slice.
func (l *Ledger) UntilEdge(e *Edge, t int64) Cell {
	if e.from < t && t <= e.to && e.version == l.version {
		return e.interpolate(t)
	}
	if t >= l.latest {
		return l.all
	}
	if t > l.sealed*1000 {
		return l.untilHead(t)
	}
	l.find(e, t)
	return e.interpolate(t)
}

func (e *Edge) interpolate(t int64) Cell {
	if t == e.to {
		return Cell{e.at.Bad + e.step.Bad, e.at.Total + e.step.Total, e.at.Seen + e.step.Seen}
	}
	f := float64(t-e.from) / float64(e.to-e.from)
	return Cell{
		Bad:   e.at.Bad + f*e.step.Bad,
		Total: e.at.Total + f*e.step.Total,
		Seen:  e.at.Seen + int64(f*float64(e.step.Seen)),
	}
}

// untilHead walks the latest seconds.
func (l *Ledger) untilHead(t int64) Cell {
	c := l.base
	for s := l.sealed + 1; ; s++ {
		h := l.head[s&(headSeconds-1)]
		if s*1000 <= t {
			c.add(h)
			continue
		}
		if part := t - (s-1)*1000; part > 0 {
			f := float64(part) / 1000
			c.add(Cell{f * h.Bad, f * h.Total, int64(f * float64(h.Seen))})
		}
		return c
	}
}

// find sets e to the finest slice (from, to] that t lies in. What lies before the
// memory of the coarsest level is taken as nothing.
func (l *Ledger) find(e *Edge, t int64) {
	e.version = l.version
	for i := range l.levels {
		lv := &l.levels[i]
		ms := lv.res * 1000
		newest := l.sealed / lv.res
		k := (t + ms - 1) / ms // the slice that ends at boundary k
		if k > newest || k-1 <= newest-lv.n || k < 1 {
			continue
		}
		e.from, e.to = (k-1)*ms, k*ms
		e.at = l.boundary(lv, k-1)
		e.step = l.boundary(lv, k).Sub(e.at)
		return
	}
	lv := &l.levels[len(l.levels)-1]
	oldest := max(l.sealed/lv.res-lv.n+1, 0)
	e.from, e.to = -1<<62, oldest*lv.res*1000
	e.at, e.step = l.boundary(lv, oldest), Cell{}
}

func (l *Ledger) boundary(lv *level, k int64) Cell {
	i := k % lv.n
	behind := uint32(l.base.Seen/seenUnit) - lv.seen[i]
	return Cell{lv.sums[i][0], lv.sums[i][1], l.base.Seen - int64(behind)*seenUnit}
}

// Slices calls f for each slice of width seconds that ends in (from, to], oldest
// first, with what it counted. Width must be a resolution of the pyramid and the
// range within its memory; what is older is skipped.
func (l *Ledger) Slices(from, to, width int64, f func(end int64, c Cell)) {
	ms := width * 1000
	var lv *level
	for i := range l.levels {
		if l.levels[i].res == width {
			lv = &l.levels[i]
		}
	}
	if lv == nil {
		return
	}
	newest := min(l.sealed/width, to/ms)
	for k := max(from/ms+1, l.sealed/width-lv.n+2, 1); k <= newest; k++ {
		f(k*ms, l.boundary(lv, k).Sub(l.boundary(lv, k-1)))
	}
}

// Advance moves the sealed part on to sealLag behind now, so that slices end
// although nothing is counted; just beyond the last arrival and no further, since a
// clock may err.
func (l *Ledger) Advance(now int64) {
	if s := second(min(now, l.last+2*sealLag*1000)) - sealLag; s > l.sealed+headSeconds-sealLag-sealLag/2 && l.newest > 0 {
		l.seal(s)
	}
}

// Truncate forgets everything counted after t, which must be a multiple of the
// finest resolution that still remembers it.
func (l *Ledger) Truncate(t int64) {
	if t >= l.latest {
		return
	}
	l.version++
	at := l.Until(t)
	s := t / 1000
	if s < l.sealed {
		for i := range l.levels {
			lv := &l.levels[i]
			newest := l.sealed / lv.res
			for k := max(s/lv.res+1, newest-lv.n+1); k <= newest; k++ {
				lv.set(k, at)
			}
		}
	} else {
		l.seal(s)
	}
	for i := range l.marks {
		if l.marks[i].Time > t {
			l.marks[i].Cell = at
		}
	}
	l.head = [headSeconds]Cell{}
	l.base, l.all = at, at
	l.newest, l.latest = max(l.sealed, s), t
	l.last, l.frontier = min(l.last, t), min(l.frontier, t)
}
