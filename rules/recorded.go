package rules

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// parentSeriesLabel tells the recorded series of a group from those of an objective as
// a whole, by the ID of the latter.
const parentSeriesLabel = "watchtower_parent"

// record writes the series that Sloth's recording rules would, so that dashboards
// made for Sloth work: error ratios of all windows, the objective, the budget, and
// how much of it is left; and beside them the volume of events, when the budget will be
// gone, and the alerts that fire. Windows without events have no sample: no data is not "no
// errors".
func (e *Engine) record(ctx context.Context, now int64) error {
	app := e.store.Appender(ctx)
	n := 0
	for _, tr := range e.all() {
		for _, s := range tr.recordedSamples(now) {
			if _, err := app.Append(0, s.lset, now, s.v); err != nil {
				if tooOld(err) {
					continue
				}
				_ = app.Rollback()
				return fmt.Errorf("append %s: %w", s.lset, err)
			}
			n++
		}
	}
	if err := app.Commit(); err != nil {
		return fmt.Errorf("commit recorded series: %w", err)
	}
	e.metrics.recorded.Add(float64(n))
	return nil
}

// recordedSample is one sample of a recorded series.
type recordedSample struct {
	lset labels.Labels
	v    float64
}

func (tr *track) recordedSamples(now int64) []recordedSample {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.restoring || tr.reading.at == 0 {
		return nil
	}
	o, j, r := &tr.obj, &tr.judge, &tr.reading
	base := map[string]string{}
	maps.Copy(base, o.Labels)
	base["sloth_id"], base["sloth_service"], base["sloth_slo"] = o.ID, o.Service, o.SLO
	if o.Parent != "" {
		base[parentSeriesLabel] = o.Parent
	}
	var out []recordedSample
	add := func(name string, v float64, more ...string) {
		b := labels.NewBuilder(labels.FromMap(base))
		b.Set(model.MetricNameLabel, name)
		for i := 0; i+1 < len(more); i += 2 {
			b.Set(more[i], more[i+1])
		}
		out = append(out, recordedSample{b.Labels(), v})
	}
	add("slo:objective:ratio", o.Target)
	add("slo:error_budget:ratio", o.ErrorBudget())
	add("slo:time_period:days", o.Period.Hours()/24)
	add("sloth_slo_info", 1, "sloth_mode", "watchtower", "sloth_spec", "prometheus/v1", "sloth_version", "watchtower",
		"sloth_objective", strconv.FormatFloat(round(o.Target*100), 'f', -1, 64))
	out = append(out, tr.firingSeries()...)
	// What is blind has no present: its series end, as they would in Prometheus.
	if tr.ledger.Last() == 0 || r.lag > 5*60*1000 || tr.untold() || now-r.at > 60_000 {
		return out
	}
	for i, ms := range j.spans {
		c := r.sums[i]
		if c.Total <= 0 {
			continue
		}
		window := model.Duration(time.Duration(ms) * time.Millisecond).String()
		add("slo:sli_error:ratio_rate"+window, c.Bad/c.Total, "sloth_window", window)
	}
	if c := r.sums[j.now]; c.Total > 0 {
		add("slo:current_burn_rate:ratio", c.errorBurn())
		if o.Counts() {
			add("slo:current_events:rate", c.Total*1000/float64(j.spans[j.now]))
		}
	}
	if r.spent.Total > 0 {
		consumed := j.consumed(r)
		add("slo:period_burn_rate:ratio", consumed)
		add("slo:period_error_budget_remaining:ratio", 1-consumed)
		// A budget that lasts has no such sample.
		if _, in := tr.forecast(); in > 0 || consumed >= 1 {
			add("slo:budget_exhausted_in:seconds", in.Seconds())
		}
	}
	return out
}

// firingSeries are Prometheus' ALERTS of the alerts that fire, which it writes for rules.
func (tr *track) firingSeries() []recordedSample {
	var out []recordedSample
	for i := range tr.alerts {
		if !tr.alerts[i].firing {
			continue
		}
		b := labels.NewBuilder(labels.FromMap(tr.alertLabels(i)))
		b.Set(model.MetricNameLabel, "ALERTS").Set("alertstate", string(AlertFiring))
		out = append(out, recordedSample{b.Labels(), 1})
	}
	return out
}

// Counts tells whether the totals of an objective are events, not time.
func (o Objective) Counts() bool { return !o.SLI.Raw() && o.Budgeting.Slice == 0 }

// round cuts the noise of binary fractions: 99.9, not 99.90000000000001.
func round(v float64) float64 {
	f, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 12, 64), 64)
	return f
}

// RecordedWindows are the windows whose error ratios are recorded for an objective,
// as they appear in the names slo:sli_error:ratio_rate5m and so on, ascending.
func (o Objective) RecordedWindows() []string {
	var all []time.Duration
	for _, p := range PairsFor(o.Period) {
		all = append(all, p.Short, p.Long)
	}
	all = append(all, o.Period)
	slices.Sort(all)
	var names []string
	for _, d := range slices.Compact(all) {
		names = append(names, model.Duration(d).String())
	}
	return names
}
