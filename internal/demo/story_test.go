package demo

import (
	"io"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

func TestStoryGoesViral(t *testing.T) {
	s := Viral()
	rate := func(at time.Duration, want float64) {
		t.Helper()
		if got := s.Rate(at); math.Abs(got-want) > 1e-9 {
			t.Errorf("rate at %s is %v, want %v", at, got, want)
		}
	}
	rate(0, s.CalmRate)
	rate((s.RampAt+s.PeakAt)/2, (s.CalmRate+s.PeakRate)/2)
	rate(s.PeakAt, s.PeakRate)
	rate(s.CoolAt-1, s.PeakRate)
	rate(s.EndAt, s.CalmRate)
	if s.PeakRate < 10*s.CalmRate || s.PeakAt-s.RampAt > time.Minute {
		t.Errorf("viral means ten times the traffic within a minute, not %v to %v in %s", s.CalmRate, s.PeakRate, s.PeakAt-s.RampAt)
	}
}

func TestStoryBreaksShareAlone(t *testing.T) {
	s := Viral()
	fails := func(service string, at time.Duration, want float64) {
		t.Helper()
		if got := s.FailureRatio(service, at); got != want {
			t.Errorf("%s fails %v at %s, want %v", service, got, at, want)
		}
	}
	fails("share", s.BreakAt-1, s.CalmRatio)
	fails("share", s.BreakAt, s.BreakRatio)
	fails("auth", s.BreakAt, s.CalmRatio)
	fails("share", s.HealAt, s.CalmRatio)
	fails("feed", s.PeakAt, s.ViralRatio)
	fails("feed", 0, s.CalmRatio)
}

func TestTheBadReleaseCarriesTheFailures(t *testing.T) {
	s := Viral()
	const n = 1000
	by := map[string]float64{}
	failed := 0.0
	for i := range n {
		release, ratio := s.Serve("share", s.BreakAt, (float64(i)+0.5)/n)
		by[release]++
		failed += ratio
	}
	if by[badRelease] != n/2 || math.Abs(failed/n-s.BreakRatio) > 0.001 {
		t.Errorf("requests by release %v, %.4f of them fail; want half, and %v", by, failed/n, s.BreakRatio)
	}
	for _, at := range []time.Duration{s.BreakAt - 1, s.HealAt} {
		if release, _ := s.Serve("share", at, 0); release != goodRelease {
			t.Errorf("at %s %s serves", at, release)
		}
	}
}

func TestRequestsAreSharedOut(t *testing.T) {
	for x, want := range map[float64]string{0: "feed", 0.59: "feed", 0.6: "share", 0.89: "share", 0.9: "auth", 0.999: "auth"} {
		if got, _, _ := pickRequest(x); got != want {
			t.Errorf("%v goes to %s, want %s", x, got, want)
		}
	}
}

// TestHistory writes the past and reads it back as Prometheus would.
func TestHistory(t *testing.T) {
	dir, until := t.TempDir(), time.Now().Truncate(time.Second)
	wrote, err := writeHistory(t.Context(), dir, until, Viral())
	if err != nil {
		t.Fatal(err)
	}
	db, err := tsdb.Open(filepath.Join(dir, "metrics"), nil, nil, tsdb.DefaultOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	q, err := db.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	read, last := 0, map[string]float64{}
	set := q.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchRegexp, "job", ".+"))
	for set.Next() {
		series := set.At()
		it := series.Iterator(nil)
		for previous := -1.0; it.Next() != chunkenc.ValNone; read++ {
			at, v := it.At()
			if v < previous || at > until.UnixMilli() || at < until.Add(-historyLength).UnixMilli() {
				t.Fatalf("%s: %v at %d after %v", series.Labels(), v, at, previous)
			}
			previous = v
			last[series.Labels().Get("job")+" "+series.Labels().Get("code")] = v
		}
	}
	if set.Err() != nil || read != wrote {
		t.Fatalf("read %d of %d samples: %v", read, wrote, set.Err())
	}
	// 28 days at half a request a second.
	if got, want := last["auth 200"], historyRate*historyLength.Seconds(); math.Abs(got-want) > want/20 {
		t.Errorf("auth served %v requests, want about %v", got, want)
	}
	if last["auth 503"] < 50 {
		t.Errorf("the past has no incident: auth failed %v times", last["auth 503"])
	}
}

func TestSummaryReads(t *testing.T) {
	delay := 2.0
	s := Summary{
		Pages: []Page{{Text: "🔴 Firing: x\nshare · y · page · since"}}, FaultToPageSeconds: &delay, Resolved: true,
		Objectives: []Objective{{ID: "share-x", State: "healthy", BudgetRemaining: 0.5}},
	}
	if err := s.Print(io.Discard); err != nil {
		t.Fatal(err)
	}
}
