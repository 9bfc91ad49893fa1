package ledger

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestMarksCountLikeByHand does everything that can be done to a ledger, in random
// order, and compares its marks with the sums of all events, kept one by one.
func TestMarksCountLikeByHand(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 11))
		l := New(30 * day)
		var all naive
		now := t0
		// Times of which one lies ahead and the others soon behind by any distance.
		marks := []int64{t0, t0 + 61_234, t0 + 3_600_000, t0 + 9*86_400_000 + 1}
		for _, m := range marks {
			l.SetMark(m, Cell{})
		}
		for range 300 {
			switch r.IntN(12) {
			case 0:
				l, all = truncated(l, all, now)
			case 1:
				b := l.Bulk(now, now+7_200_000)
				for range 5 {
					e := event{now + r.Int64N(7_200_000), 1, float64(1 + r.IntN(9))}
					b.Add(e.t, e.bad, e.total)
					all = append(all, e)
				}
				b.Flush()
				now += 7_200_000
			case 2:
				now += r.Int64N(20 * 3_600_000)
			case 3:
				var rest []byte
				var err error
				if l, rest, err = Decode(l.Append(nil), 30*day); err != nil || len(rest) > 0 {
					t.Fatalf("decode: %v, %d bytes left", err, len(rest))
				}
			default:
				now += r.Int64N(30_000)
				e := event{now - r.Int64N(2)*r.Int64N(40*60_000), float64(r.IntN(2)), float64(1 + r.IntN(5))}
				l.Add(e.t, e.bad, e.total)
				all = append(all, e)
			}
		}
		for _, m := range marks {
			got, found := l.Marked(m)
			bad, total := all.until(m)
			if !found || got.Bad != bad || got.Total != total {
				t.Fatalf("seed %d: mark at %d has %+v (%v), want bad %v of %v", seed, m-t0, got, found, bad, total)
			}
		}
		if _, found := l.Marked(t0 + 1); found {
			t.Fatal("there is a mark that nobody set")
		}
	}
}

// truncated forgets what was counted after the last whole minute but ten.
func truncated(l *Ledger, all naive, now int64) (*Ledger, naive) {
	cut := (now - 600_000) / 60_000 * 60_000
	l.Truncate(cut)
	return l, slices.DeleteFunc(all, func(e event) bool { return e.t > cut })
}

func TestMarksCoverSeenTime(t *testing.T) {
	l := New(day)
	l.SetMark(t0+10_000, Cell{})
	l.SetMark(t0+100_000, Cell{})
	l.Cover(t0, t0+4_000)
	l.Cover(t0+8_000, t0+30_000)
	l.Cover(t0+200_000, t0+210_000)
	early, _ := l.Marked(t0 + 10_000)
	late, _ := l.Marked(t0 + 100_000)
	if early.Seen != 6_000 || late.Seen != 26_000 {
		t.Errorf("marks have seen %d and %d ms, want 6000 and 26000", early.Seen, late.Seen)
	}
}

func TestKeepMarks(t *testing.T) {
	l := New(day)
	for _, at := range []int64{3, 1, 2, 2} {
		l.SetMark(at, Cell{Total: float64(at)})
	}
	l.KeepMarks(func(at int64) bool { return at != 2 })
	if len(l.marks) != 2 || l.marks[0].Time != 1 || l.marks[1].Total != 3 {
		t.Errorf("marks are %+v, want those at 1 and 3", l.marks)
	}
}
