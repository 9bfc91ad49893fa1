package rules

import (
	"testing"
	"time"
)

// EngineWithHistory has n objectives that counted for so many days, minute by minute, on a real TSDB. It is for the
// benchmarks of those who ask it.
func EngineWithHistory(b *testing.B, n, days int) (e *Engine, now time.Time) {
	b.Helper()
	now = begin()
	o := EngineOptions{Objectives: startObjectives(n), Query: noQuery, SnapshotPath: b.TempDir() + "/snapshot", Now: func() time.Time { return now }}
	o.Store, o.Ledger = startStore(b, n, now), startLedger(b, o.Objectives, now, days)
	return startOnce(b, o), now
}
