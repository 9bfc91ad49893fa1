package rules_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/watchtower-hub/watchtower/rules"
	"github.com/watchtower-hub/watchtower/rules/replay"
)

const benchDay = 24 * time.Hour

// month keeps 30 days of 10 series at 30 s in a TSDB: five instances with good and bad
// requests, a daily rhythm, a restart a week each, and an incident of ten minutes on
// every third day.
func month(b *testing.B, from time.Time) *tsdb.DB {
	b.Helper()
	opts := tsdb.DefaultOptions()
	opts.RetentionDuration = (400 * benchDay).Milliseconds()
	db, err := tsdb.Open(b.TempDir(), nil, nil, opts, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	var lsets [10]labels.Labels
	for i := range lsets {
		code := []string{"200", "500"}[i%2]
		lsets[i] = labels.FromStrings("__name__", "http_requests_total", "job", "share", "code", code, "pod", fmt.Sprint(i/2))
	}
	var values [10]float64
	app := db.Appender(context.Background())
	const step = 30 * time.Second
	for n := range int(30 * benchDay / step) {
		at := from.Add(time.Duration(n) * step)
		rate := 600 * (1.2 + math.Sin(at.Sub(from).Hours()/24*2*math.Pi))
		ratio := 0.0002
		if at.Sub(from)%(3*benchDay) >= 2*benchDay && at.Sub(from)%benchDay < 10*time.Minute {
			ratio = 0.2
		}
		for i := range values {
			if (n+i*1000)%int(7*benchDay/step) == 0 {
				values[i] = 0
			}
			values[i] += math.Round(rate * []float64{1 - ratio, ratio}[i%2])
			if _, err := app.Append(0, lsets[i], at.UnixMilli(), values[i]); err != nil {
				b.Fatal(err)
			}
		}
		if n%1000 == 999 {
			if err := app.Commit(); err != nil {
				b.Fatal(err)
			}
			app = db.Appender(context.Background())
		}
	}
	if err := app.Commit(); err != nil {
		b.Fatal(err)
	}
	if err := db.Compact(context.Background()); err != nil {
		b.Fatal(err)
	}
	return db
}

// BenchmarkReplay replays 30 days of 10 series at 30 s, judged at every sample and
// while none comes.
func BenchmarkReplay(b *testing.B) {
	from := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	db := month(b, from)
	objectives, err := rules.ParseObjectives("bench.yaml", []byte(`
version: prometheus/v1
service: share
slos:
  - name: requests
    objective: 99.9
    sli:
      events:
        error_query: sum(rate(http_requests_total{job="share",code=~"5.."}[{{.window}}]))
        total_query: sum(rate(http_requests_total{job="share"}[{{.window}}]))
    alerting: {name: ShareBroken}
`))
	if err != nil {
		b.Fatal(err)
	}
	plan := replay.Plan{Objectives: objectives, Source: replay.Stored{Store: db}, From: from, To: from.Add(30 * benchDay)}
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		result, err := replay.Run(context.Background(), plan)
		if err != nil {
			b.Fatal(err)
		}
		if pages := result.Objectives[0].Pages; pages != 10 {
			b.Fatalf("%d pages, want one for each incident", pages)
		}
	}
}
