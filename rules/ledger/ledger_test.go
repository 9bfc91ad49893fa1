package ledger

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

const day = 24 * time.Hour

// t0 is an ordinary moment, not aligned to anything but a minute.
const t0 = int64(1_764_000_060_000)

func TestCounterTake(t *testing.T) {
	type in struct {
		t, start int64
		v        float64
	}
	cases := map[string]struct {
		samples []in
		since   int64
		want    float64
	}{
		"first is a baseline":             {[]in{{1000, 0, 100}, {2000, 0, 130}}, 1, 30},
		"began while watching":            {[]in{{1000, 500, 100}, {2000, 500, 130}}, 400, 130},
		"began before watching":           {[]in{{1000, 300, 100}, {2000, 300, 130}}, 400, 30},
		"reset":                           {[]in{{1000, 0, 100}, {2000, 0, 20}, {3000, 0, 25}}, 1, 25},
		"reset seen by its start only":    {[]in{{1000, 1, 10}, {2000, 1500, 40}}, 900, 40},
		"start wobbles":                   {[]in{{1000, 1, 10}, {2000, 2, 40}}, 900, 30},
		"late adds nothing":               {[]in{{1000, 0, 100}, {3000, 0, 150}, {2000, 0, 120}}, 1, 50},
		"duplicate adds nothing":          {[]in{{1000, 0, 100}, {1000, 0, 120}, {2000, 0, 130}}, 1, 30},
		"NaN is ignored":                  {[]in{{1000, 0, 100}, {1500, 0, math.NaN()}, {2000, 0, 130}}, 1, 30},
		"infinite and negative refused":   {[]in{{1000, 0, 100}, {1200, 0, math.Inf(1)}, {1500, 0, -5}, {2000, 0, 130}}, 1, 30},
		"back to zero, then up by a few":  {[]in{{1000, 0, 5}, {2000, 0, 0}, {3000, 0, 3}}, 1, 3},
		"a zero sample at the start time": {[]in{{1000, 0, 0}, {2000, 1000, 7}}, 1, 7},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var k Counter
			var sum float64
			for _, s := range c.samples {
				d, _ := k.Take(s.t, s.start, s.v, c.since)
				sum += d
			}
			if sum != c.want {
				t.Errorf("counted %v, want %v", sum, c.want)
			}
		})
	}
}

func TestCounterLearnsItsInterval(t *testing.T) {
	var k Counter
	at := t0
	for range 40 {
		at += 60_000
		k.Take(at, 0, 1, 1)
	}
	for range 12 {
		at += 1000
		k.Take(at, 0, 1, 1)
	}
	if k.Interval < 900 || k.Interval > 1100 {
		t.Errorf("interval is %v ms, want about 1000", k.Interval)
	}
	if got := k.Reach(90_000); got > 1100 {
		t.Errorf("a gap of 90 s vouches for %d ms, want one interval", got)
	}
}

// naive keeps every event.
type naive []event

func (n naive) until(t int64) (bad, total float64) {
	for _, e := range n {
		if e.t <= t {
			bad += e.bad
			total += e.total
		}
	}
	return bad, total
}

func TestLedgerSumsLikeByHand(t *testing.T) {
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		l := New(30 * day)
		var all naive
		now := t0
		for range 2000 {
			switch rnd.IntN(50) {
			case 0:
				now += rnd.Int64N(6 * 3600_000)
			case 1:
				l.Advance(now)
			default:
				now += rnd.Int64N(20_000)
			}
			at := now
			if rnd.IntN(20) == 0 {
				at -= rnd.Int64N(1800_000)
			}
			e := event{at, float64(rnd.IntN(3)), float64(rnd.IntN(50))}
			l.Add(e.t, e.bad, e.total)
			all = append(all, e)
		}
		l.Advance(now)
		check(t, l, all, now)
		got, rest, err := Decode(l.Append(nil), 30*day)
		if err != nil || len(rest) != 0 {
			t.Fatalf("decode: %v, %d bytes left", err, len(rest))
		}
		check(t, got, all, now)
	}
}

func TestBulkSumsLikeByHand(t *testing.T) {
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		l := New(30 * day)
		var all naive
		span := int64(1000) << rnd.IntN(21)
		for range 2 {
			b := l.Bulk(t0-span, t0)
			for range 1000 {
				e := event{t0 - rnd.Int64N(span), float64(rnd.IntN(3)), float64(rnd.IntN(50))}
				if rnd.IntN(100) == 0 {
					e.t = t0 + rnd.Int64N(300_000)
				}
				b.Add(e.t, e.bad, e.total)
				all = append(all, e)
			}
			b.Flush()
		}
		check(t, l, all, t0+300_000)
	}
}

// check compares cumulative counts at slice edges, where they are exact.
func check(t *testing.T, l *Ledger, all naive, now int64) {
	t.Helper()
	ages := []int64{0, 1, 5, 30, 60, 64, 100, 128, 200, 250, 700, 2900, 15000, 40000, 170000, 1000000}
	for _, age := range ages {
		at := now - age*1000
		res := int64(1)
		for i := range l.levels {
			lv := l.levels[i]
			if l.sealed/lv.res-lv.n < at/1000/lv.res-1 {
				res = lv.res
				break
			}
		}
		if at > l.sealed*1000 {
			res = 1
		}
		at = at / (res * 1000) * res * 1000
		bad, total := all.until(at)
		if c := l.Until(at); c.Bad != bad || c.Total != total {
			t.Fatalf("%d s ago: got %v/%v, want %v/%v (resolution %d s)", age, c.Bad, c.Total, bad, total, res)
		}
	}
	bad, total := all.until(math.MaxInt64)
	if c := l.Total(); c.Bad != bad || c.Total != total {
		t.Fatalf("in all: got %v/%v, want %v/%v", c.Bad, c.Total, bad, total)
	}
}

func TestWindowEdgeError(t *testing.T) {
	l := New(30 * day)
	// Bursts: all events of a slice at one moment, the worst case for interpolation.
	end := t0 + 30*int64(day/time.Millisecond)
	for at := t0; at <= end; at += 15_000 {
		l.Add(at, 1, 10)
	}
	for _, w := range []time.Duration{5 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, day, 3 * day, 29 * day} {
		for shift := range int64(97) {
			now := end + shift*1000
			from := now - w.Milliseconds()
			got := l.Until(now).Sub(l.Until(from)).Total
			want := float64((min(end, now)-t0)/15_000-(from-t0)/15_000) * 10
			if math.Abs(got-want) > 0.02*want+150 {
				t.Errorf("window %s at +%d s: %v events, want %v within 2 %%", w, shift, got, want)
			}
		}
	}
}

func TestEdgeFollowsCorrections(t *testing.T) {
	l := New(30 * day)
	for s := range int64(7200) {
		l.Add(t0+s*1000, 0, 1)
	}
	var e Edge
	at := t0 + 3600_000
	before := l.UntilEdge(&e, at).Total
	l.Add(t0+1800_000, 5, 5)
	if got := l.UntilEdge(&e, at); got.Total != before+5 || got.Bad != 5 {
		t.Errorf("a remembered edge missed a correction: %v, want total %v", got, before+5)
	}
}

func TestTruncate(t *testing.T) {
	for _, keep := range []int64{7190, 7150, 7000, 6000, 600} {
		l := New(30 * day)
		for s := int64(1); s <= 7200; s++ {
			l.Add(t0+s*1000, 1, 2)
			l.Arrive(t0+s*1000, 1000)
		}
		cut := (t0 + keep*1000) / 60_000 * 60_000
		want := l.Until(cut)
		l.Truncate(cut)
		if got := l.Total(); got != want {
			t.Errorf("cut at %d: %v, want %v", keep, got, want)
		}
		for at := cut + 1000; at <= t0+7300_000; at += 1000 {
			l.Add(at, 1, 2)
		}
		if got := l.Total().Total - want.Total; got != float64(t0+7300_000-cut)/1000*2 {
			t.Errorf("cut at %d: %v counted after it", keep, got)
		}
		if l.Last() != cut {
			t.Errorf("last arrival is %d, want %d", l.Last(), cut)
		}
	}
}

func TestSeenTime(t *testing.T) {
	l := New(30 * day)
	var a, b Counter
	see := func(k *Counter, at int64) {
		gap := at - k.LastTime
		if _, v := k.Take(at, 0, 1, 1); v == Counted {
			l.Arrive(at, k.Reach(gap))
		} else {
			l.Arrive(at, 0)
		}
	}
	// Two series each 15 s, for an hour; then 10 minutes of silence; then again.
	for s := int64(0); s <= 3600; s += 15 {
		see(&a, t0+s*1000)
		see(&b, t0+s*1000+7000)
	}
	for s := int64(4200); s <= 4800; s += 15 {
		see(&a, t0+s*1000)
	}
	got := l.Until(t0 + 4800_000).Sub(l.Until(t0)).Seen
	if want := int64(4200_000); math.Abs(float64(got-want)) > 30_000 {
		t.Errorf("seen %d ms of 80 minutes, want about %d", got, want)
	}
	if hole := l.Until(t0 + 4100_000).Sub(l.Until(t0 + 3700_000)).Seen; hole != 0 {
		t.Errorf("seen %d ms in a silent stretch", hole)
	}
}

func TestBulkSeenTime(t *testing.T) {
	l := New(30 * day)
	b := l.Bulk(t0, t0+7200_000)
	for s := int64(0); s <= 7200; s += 15 {
		if s < 3000 || s > 3600 {
			b.Arrive(t0+s*1000, 15_000)
		}
	}
	b.Flush()
	got := l.Until(t0 + 7200_000).Seen
	if want := int64(6600_000); math.Abs(float64(got-want)) > 40_000 {
		t.Errorf("seen %d ms, want about %d", got, want)
	}
}

func TestSlices(t *testing.T) {
	l := New(30 * day)
	for s := int64(1); s <= 7200; s++ {
		l.Add(t0+s*1000, 0, 1)
	}
	var n int
	l.Slices(t0, t0+3600_000, 60, func(end int64, c Cell) {
		n++
		if c.Total != 60 || end%60_000 != 0 {
			t.Errorf("slice ending %d has %v events, want 60", end, c.Total)
		}
	})
	if n != 60 {
		t.Errorf("%d slices, want 60", n)
	}
}

func TestSize(t *testing.T) {
	for _, c := range []struct {
		period time.Duration
		most   int
	}{{30 * day, 40 << 10}, {28 * day, 40 << 10}, {time.Hour, 18 << 10}} {
		if n := len(New(c.period).Append(nil)); n > c.most {
			t.Errorf("%s takes %d bytes, want at most %d", c.period, n, c.most)
		}
	}
}

func FuzzDecode(f *testing.F) {
	l := New(time.Hour)
	l.Add(t0, 1, 2)
	f.Add(l.Append(nil))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(_ *testing.T, src []byte) {
		l, _, err := Decode(src, time.Hour)
		if err != nil {
			return
		}
		l.Add(t0, 1, 2)
		l.Until(t0 - 30_000)
		l.Advance(t0 + 100_000)
	})
}

func BenchmarkAdd(b *testing.B) {
	l := New(30 * day)
	at := t0
	b.ReportAllocs()
	for b.Loop() {
		at += 10
		l.Add(at, 0, 1)
	}
}
