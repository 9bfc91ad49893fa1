package store

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

var everything = labels.MustNewMatcher(labels.MatchRegexp, "__name__", ".+")

// count reads how many samples each series has.
func count(t *testing.T, q storage.Queryable) map[string]int {
	t.Helper()
	querier, err := q.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	defer querier.Close()
	counts := map[string]int{}
	set := querier.Select(t.Context(), false, nil, everything)
	for set.Next() {
		it := set.At().Iterator(nil)
		for it.Next() != chunkenc.ValNone {
			counts[set.At().Labels().Get("__name__")]++
		}
	}
	if err := set.Err(); err != nil {
		t.Fatal(err)
	}
	return counts
}

func TestLedgerTakesTheHistoryOfANewObjective(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	l, err := OpenLedger(dir, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Truncate(time.Minute)
	write := func(name string, from, to time.Time, step time.Duration) {
		t.Helper()
		app := l.Appender(t.Context())
		for at := from; at.Before(to); at = at.Add(step) {
			if _, err := app.Append(0, series(name), at.UnixMilli(), float64(at.Unix())); err != nil {
				t.Fatalf("%s at %s: %v", name, at, err)
			}
		}
		if err := app.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	write("current", now.Add(-time.Hour), now, time.Minute)
	write("new", now.AddDate(0, 0, -28), now, time.Hour)
	want := map[string]int{"current": 60, "new": 28 * 24}
	check := func() {
		t.Helper()
		got := count(t, l)
		for name, n := range want {
			if got[name] != n {
				t.Errorf("%s has %d slices, want %d", name, got[name], n)
			}
		}
	}
	check()
	if _, err := OpenLedger(dir, nil, nil); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("a ledger in use opens: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l, err = OpenLedger(dir, nil, nil); err != nil {
		t.Fatal(err)
	}
	check()
	if err := l.db.Compact(t.Context()); err != nil {
		t.Error(err)
	}
	check()
	write("old", now.AddDate(0, 0, -399), now.AddDate(0, 0, -398), time.Hour)
	want["old"] = 24
	check()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
