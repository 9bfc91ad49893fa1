package oncall

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// anySchedule writes a schedule of anything that may be written down, for one seed.
func anySchedule(seed uint64) string {
	rnd := rand.New(rand.NewPCG(seed, 1))
	pick := func(words ...string) string { return words[rnd.IntN(len(words))] }
	clock := func() string { return fmt.Sprintf("%02d:%s", rnd.IntN(24), pick("00", "15", "30", "45")) }
	days := []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	var b strings.Builder
	fmt.Fprintf(&b, "timezone: %s\nlayers:\n", pick("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu", "UTC"))
	for i := range 1 + rnd.IntN(4) {
		rotate, handover := "daily", fmt.Sprintf("%q", clock())
		switch rnd.IntN(5) {
		case 0:
			rotate, handover = "weekly", fmt.Sprintf("[%s %s, sun 02:30]", pick(days...), pick("01:00", "09:15"))
		case 1:
			rotate, handover = fmt.Sprintf("{every: %dw}", 1+rnd.IntN(5)), pick(days...)+" "+clock()
		case 2:
			rotate = fmt.Sprintf("{every: %dd}", 1+rnd.IntN(20))
		case 3:
			rotate, handover = "monthly", fmt.Sprintf("%q", fmt.Sprintf("%d %s", 1+rnd.IntN(28), clock()))
		}
		fmt.Fprintf(&b, "  - {name: l%d, users: [%s], rotate: %s, handover: %s, from: 2026-0%d-0%d", i,
			pick("alex, sam, kim", "alex, alex, sam", "kim", "sam, kim"), rotate, handover, 1+rnd.IntN(9), 1+rnd.IntN(9))
		if rnd.IntN(3) == 0 {
			fmt.Fprintf(&b, ", to: 2026-1%d-0%d %s", rnd.IntN(3), 1+rnd.IntN(9), clock())
		}
		if rnd.IntN(2) == 0 {
			fmt.Fprintf(&b, ", restrict: [{days: [%s..%s], from: %q, to: %q}, {days: [%s]}]", pick(days...), pick(days...), pick("01:30", "02:00", "08:00"), pick("02:30", "03:00", "18:45"), pick(days...))
		}
		b.WriteString("}\n")
	}
	b.WriteString("overrides:\n")
	for month := range rnd.IntN(12) {
		fmt.Fprintf(&b, "  - {user: %s, from: 2026-%02d-%02d %s, to: 2026-%02d-%02d %s}\n", pick("alex", "sam", "kim"),
			month+1, 1+rnd.IntN(14), clock(), month+1, 15+rnd.IntN(13), clock())
	}
	return b.String()
}

// TestEveryInstantHasOneHolderOrIsAGap tiles a year with shifts and gaps, and asks for
// single instants in another way.
func TestEveryInstantHasOneHolderOrIsAGap(t *testing.T) {
	from, to := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for seed := range uint64(60) {
		text := anySchedule(seed)
		r := load(t, text)
		shifts, gaps := r.Shifts("backend", from, to), r.Gaps("backend", from, to)
		at := from
		for i, g := 0, 0; at.Before(to); {
			switch {
			case i < len(shifts) && shifts[i].From.Equal(at):
				if at = shifts[i].To; i > 0 && shifts[i-1].To.Equal(shifts[i].From) && shifts[i-1].User == shifts[i].User && shifts[i-1].Why == shifts[i].Why {
					t.Fatalf("seed %d: two shifts are one: %v\n%s", seed, shifts[i], text)
				}
				i++
			case g < len(gaps) && gaps[g].From.Equal(at):
				if at = gaps[g].To; g > 0 && gaps[g-1].To.Equal(gaps[g].From) {
					t.Fatalf("seed %d: two gaps are one: %v\n%s", seed, gaps[g], text)
				}
				g++
			default:
				t.Fatalf("seed %d: at %s there is neither shift nor gap\n%s", seed, at, text)
			}
		}
		if !at.Equal(to) {
			t.Fatalf("seed %d: the year ends at %s\n%s", seed, at, text)
		}
		probe(t, r, shifts, text)
	}
}

// probe compares At and Next with the shifts of a year, at their edges and between.
func probe(t *testing.T, r *Roster, shifts []Shift, text string) {
	t.Helper()
	from, to := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	rnd := rand.New(rand.NewPCG(uint64(len(shifts)), 2))
	var probes []time.Time
	for _, s := range shifts {
		probes = append(probes, s.From, s.To.Add(-1), s.From.Add(-1), s.To)
	}
	for range 200 {
		probes = append(probes, from.Add(rand.N(to.Sub(from))))
	}
	rnd.Shuffle(len(probes), func(i, j int) { probes[i], probes[j] = probes[j], probes[i] })
	for _, at := range probes[:min(len(probes), 400)] {
		if at.Before(from) || !at.Before(to) {
			continue
		}
		i := slices.IndexFunc(shifts, func(s Shift) bool { return !at.Before(s.From) && at.Before(s.To) })
		got, ok := r.At("backend", at)
		if ok != (i >= 0) {
			t.Fatalf("at %s: on call %v, among the shifts %v\n%s", at, ok, i, text)
		}
		if i >= 0 {
			want := shifts[i]
			if got.User != want.User || got.Why != want.Why ||
				(!got.From.Equal(want.From) && want.From.After(from)) || (!got.To.Equal(want.To) && want.To.Before(to)) {
				t.Fatalf("at %s: %+v, among the shifts %+v\n%s", at, got, want, text)
			}
		}
		wantNext(t, r, shifts, at, i)
	}
}

// wantNext compares Next with the shifts that follow; i is the present one, or -1.
func wantNext(t *testing.T, r *Roster, shifts []Shift, at time.Time, i int) {
	t.Helper()
	j := slices.IndexFunc(shifts, func(s Shift) bool { return s.From.After(at) })
	for j > 0 && i >= 0 && j < len(shifts) && shifts[j].User == shifts[i].User && shifts[j].From.Equal(shifts[j-1].To) {
		j++
	}
	if j < 0 || j >= len(shifts) {
		return // What follows lies beyond the year.
	}
	if next, ok := r.Next("backend", at); !ok || next.User != shifts[j].User || !next.From.Equal(shifts[j].From) {
		t.Fatalf("after %s comes %+v (%v), want %+v", at, next, ok, shifts[j])
	}
}

// crowd is a roster of a hundred teams, each with two rotations, restrictions and a
// year of overrides.
func crowd(tb testing.TB) *Roster {
	tb.Helper()
	var b strings.Builder
	b.WriteString("users:\n")
	for i := range 300 {
		fmt.Fprintf(&b, "  u%d: {}\n", i)
	}
	b.WriteString("teams:\n")
	for i := range 100 {
		fmt.Fprintf(&b, "  t%d: {schedule: s%d}\n", i, i)
	}
	b.WriteString("schedules:\n")
	for i := range 100 {
		fmt.Fprintf(&b, "  s%d:\n    timezone: Europe/Berlin\n    layers:\n", i)
		fmt.Fprintf(&b, "      - {name: base, users: [u%d, u%d, u%d], rotate: weekly, handover: monday 09:00, from: 2026-01-01}\n", 3*i, 3*i+1, 3*i+2)
		fmt.Fprintf(&b, "      - {name: day, users: [u%d, u%d], rotate: daily, handover: '09:00', from: 2026-01-01, restrict: [{days: [mon..fri], from: '09:00', to: '18:00'}]}\n", 3*i, 3*i+1)
		b.WriteString("    overrides:\n")
		for d := range 360 {
			from := time.Date(2026, 1, 1+d, 20, 0, 0, 0, time.UTC)
			fmt.Fprintf(&b, "      - {user: u%d, from: %s, to: %s}\n", 3*i+2, from.Format(time.RFC3339), from.Add(time.Hour).Format(time.RFC3339))
		}
	}
	p, err := parsePlan("oncall.yaml", []byte(b.String()))
	if err != nil {
		tb.Fatal(err)
	}
	return files{plan: p}.roster(nil, now)
}

func BenchmarkAt(b *testing.B) {
	r := crowd(b)
	teams := r.Teams()
	begin := time.Date(2026, 1, 6, 9, 0, 0, 0, time.UTC)
	for i := 0; b.Loop(); i++ {
		if _, ok := r.At(teams[i%100].ID, begin.Add(time.Duration(i%8000)*time.Hour)); !ok {
			b.Fatal("nobody is on call")
		}
	}
}

func BenchmarkNext(b *testing.B) {
	r := crowd(b)
	teams := r.Teams()
	begin := time.Date(2026, 1, 6, 9, 0, 0, 0, time.UTC)
	for i := 0; b.Loop(); i++ {
		if _, ok := r.Next(teams[i%100].ID, begin.Add(time.Duration(i%8000)*time.Hour)); !ok {
			b.Fatal("nobody follows")
		}
	}
}

// BenchmarkYear lists a year of one team: more than a thousand shifts.
func BenchmarkYear(b *testing.B) {
	r := crowd(b)
	for b.Loop() {
		if n := len(r.Shifts("t7", now.AddDate(0, -11, 0), now)); n < 1000 {
			b.Fatal(n)
		}
	}
}
