package app

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
)

// selfJob is the label job of our own metrics.
const selfJob = "watchtower"

// selfMetrics stores what /metrics shows, so that dashboards and rules can ask for it. It
// goes into the store as what rules write does: it is not telemetry, and does not hide
// that none arrives.
type selfMetrics struct {
	app      *App
	instance string
	refs     map[string]storage.SeriesRef // by the series' labels
	faulty   bool                         // the last time failed, which was said
}

// storeOwnMetrics does so at each scrape interval.
func (a *App) storeOwnMetrics(ctx context.Context) error {
	if !a.opened.SelfWatch.StoreMetrics {
		<-ctx.Done()
		return nil
	}
	s := selfMetrics{app: a, instance: a.instance(), refs: map[string]storage.SeriesRef{}}
	ticker := time.NewTicker(time.Duration(a.opened.Collectors.Global.ScrapeInterval))
	defer ticker.Stop()
	for {
		if err := s.store(ctx, time.Now()); err != nil && ctx.Err() == nil && !s.faulty {
			a.logger.Error("our own metrics are not stored; /metrics still shows them", "err", err)
			s.faulty = true
		} else if err == nil {
			s.faulty = false
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// store stores all metrics as of now, and marks series that are gone as stale.
func (s *selfMetrics) store(ctx context.Context, now time.Time) error {
	families, err := s.app.registry.Gather()
	if err != nil && len(families) == 0 {
		return fmt.Errorf("gather metrics: %w", err)
	}
	at := model.TimeFromUnixNano(now.UnixNano())
	samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{Timestamp: at}, families...)
	if err != nil {
		return fmt.Errorf("read metrics: %w", err)
	}
	samples = append(samples, &model.Sample{Metric: model.Metric{model.MetricNameLabel: "up"}, Value: 1, Timestamp: at})
	return s.append(ctx, samples, int64(at))
}

func (s *selfMetrics) append(ctx context.Context, samples model.Vector, at int64) (err error) {
	appender := s.app.store.Appender(ctx)
	defer func() {
		if err != nil {
			err = errors.Join(err, appender.Rollback())
		}
	}()
	refs := make(map[string]storage.SeriesRef, len(samples))
	for _, sample := range samples {
		ls := s.labels(sample.Metric)
		key := ls.String()
		if refs[key], err = appender.Append(s.refs[key], ls, at, float64(sample.Value)); err != nil {
			return fmt.Errorf("store %s: %w", key, err)
		}
	}
	stale := math.Float64frombits(value.StaleNaN)
	for key, ref := range s.refs {
		if _, here := refs[key]; here {
			continue
		}
		// A series that the store has forgotten meanwhile needs no end.
		if _, err := appender.Append(ref, labels.EmptyLabels(), at, stale); err != nil {
			s.app.logger.Debug("a series of our own has no end", "series", key, "err", err)
		}
	}
	if err := appender.Commit(); err != nil {
		return fmt.Errorf("store metrics: %w", err)
	}
	s.refs = refs
	return nil
}

// labels are those of a series of ours. As at a scrape, what a metric itself calls job or
// instance is set aside.
func (s *selfMetrics) labels(metric model.Metric) labels.Labels {
	builder := labels.NewBuilder(labels.EmptyLabels())
	for name, v := range metric {
		if name == model.JobLabel || name == model.InstanceLabel {
			name = model.ExportedLabelPrefix + name
		}
		builder.Set(string(name), string(v))
	}
	return builder.Set(model.JobLabel, selfJob).Set(model.InstanceLabel, s.instance).Labels()
}
