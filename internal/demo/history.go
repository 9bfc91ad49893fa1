package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

const (
	historyLength = 28 * 24 * time.Hour
	historyStep   = time.Minute
	// historyRate is the mean traffic of a service before anyone knew the app, in
	// requests a second: a day wave swings around it.
	historyRate = 0.5
)

// pastSeries is one counter of the past, as shares of its service's traffic.
type pastSeries struct {
	service string
	bad     bool // counts failures rather than everything else
	total   bool // counts every request
	labels  labels.Labels
}

// history lists the counters that the demo's objectives read, under the names and
// labels the live services use, from the instances that ran before today's.
func history() []pastSeries {
	var past []pastSeries
	add := func(service, name string, bad, total bool, pairs ...string) {
		pairs = append(pairs, model.MetricNameLabel, name, "job", service, "instance", service+"-0")
		past = append(past, pastSeries{service: service, bad: bad, total: total, labels: labels.FromStrings(pairs...)})
	}
	add("auth", "http_requests_total", false, false, "route", "/login", "code", "200")
	add("auth", "http_requests_total", true, false, "route", "/login", "code", "503")
	add("share", "http_requests_total", false, false, "route", "/share", "code", "200")
	add("share", "http_requests_total", true, false, "route", "/share", "code", "503")
	add("feed", "http_server_request_duration_seconds_count", false, false, "http_request_method", "GET", "http_response_status_code", "200")
	add("feed", "http_server_request_duration_seconds_count", true, false, "http_request_method", "GET", "http_response_status_code", "503")
	add("media", "http_request_duration_seconds_bucket", false, false, "route", "/media", "le", "0.25")
	add("media", "http_request_duration_seconds_bucket", false, true, "route", "/media", "le", "+Inf")
	add("media", "http_request_duration_seconds_count", false, true, "route", "/media")
	return past
}

// writeHistory writes four weeks of samples that end at until as a TSDB block
// below dataDir, before a server opens it, and returns how many there are.
func writeHistory(ctx context.Context, dataDir string, until time.Time, story Story) (samples int, err error) {
	dir := filepath.Join(dataDir, "metrics")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return 0, fmt.Errorf("write history: %w", err)
	}
	w, err := tsdb.NewBlockWriter(slog.New(slog.DiscardHandler), dir, 2*historyLength.Milliseconds())
	if err != nil {
		return 0, fmt.Errorf("write history: %w", err)
	}
	defer func() { err = errors.Join(err, w.Close()) }()

	past := history()
	traffic := newTraffic(story)
	counters := make([]float64, len(past))
	refs := make([]storage.SeriesRef, len(past))
	// The last sample is at until itself: a gap would make the short windows blind.
	for day := until.Add(-historyLength); day.Before(until); day = day.Add(24 * time.Hour) {
		app := w.Appender(ctx)
		for at := day.Add(historyStep); !at.After(day.Add(24 * time.Hour)); at = at.Add(historyStep) {
			minute := traffic.minute(at, until)
			for i, s := range past {
				counters[i] += s.count(minute[s.service])
				if refs[i], err = app.Append(refs[i], s.labels, at.UnixMilli(), counters[i]); err != nil {
					return samples, errors.Join(fmt.Errorf("write history: %w", err), app.Rollback())
				}
				samples++
			}
		}
		if err := app.Commit(); err != nil {
			return samples, fmt.Errorf("write history: %w", err)
		}
	}
	if _, err := w.Flush(ctx); err != nil {
		return samples, fmt.Errorf("write history: %w", err)
	}
	return samples, nil
}

// events are the requests of one service in one minute.
type events struct{ good, bad float64 }

// count is what the series adds for a minute's events.
func (s pastSeries) count(e events) float64 {
	switch {
	case s.total:
		return e.good + e.bad
	case s.bad:
		return e.bad
	default:
		return e.good
	}
}

// traffic makes the past: the same seed, the same four weeks.
type traffic struct {
	rng   *rand.Rand
	story Story
}

func newTraffic(story Story) *traffic {
	return &traffic{rng: rand.New(rand.NewPCG(20, 26)), story: story}
}

// minute is what each service saw in the minute that ends at.
func (t *traffic) minute(at, until time.Time) map[string]events {
	hour := float64(at.UTC().Hour()) + float64(at.UTC().Minute())/60
	wave := 1 + 0.8*math.Sin((hour-13)/24*2*math.Pi)
	out := make(map[string]events, len(services()))
	for _, name := range services() {
		n := math.Round(historyRate * 60 * wave * (0.9 + 0.2*t.rng.Float64()))
		bad := 0.0
		for range int(n) {
			if t.rng.Float64() < t.badRatio(name, until.Sub(at)) {
				bad++
			}
		}
		out[name] = events{good: n - bad, bad: bad}
	}
	return out
}

// badRatio gives the past one incident worth reporting: nine days ago logins
// failed for five minutes.
func (t *traffic) badRatio(service string, ago time.Duration) float64 {
	const began, ended = 9*24*time.Hour + 3*time.Hour, 9*24*time.Hour + 3*time.Hour - 5*time.Minute
	if service == "auth" && ago <= began && ago > ended {
		return 0.5
	}
	return t.story.CalmRatio
}
