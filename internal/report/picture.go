package report

import (
	"fmt"
	"math"
	"time"

	"github.com/watchtower-hub/watchtower/internal/chart"
)

// mostDrawn is how many promises a picture shows: a phone shows no more.
const mostDrawn = 3

// Figure draws the promises that cost most of their budgets: how many of their events were bad in each hour, against how many the
// target allows, with the incidents shaded. ok is false where none cost anything.
func (r Report) Figure() (f chart.Figure, ok bool) {
	for _, b := range r.Burned[:min(mostDrawn, len(r.Burned))] {
		if c, some := b.chart(r); some {
			f.Charts = append(f.Charts, c)
		}
	}
	if len(f.Charts) == 0 {
		return f, false
	}
	f.Title = "What cost the most, " + r.Dates()
	f.Width, f.Height = 800, 60+170*len(f.Charts)
	return f, true
}

// chart draws counts, and not ratios: one request that failed at night, alone, is not what cost the most.
func (b Burned) chart(r Report) (c chart.Chart, ok bool) {
	failed, allowed := make([]chart.Point, 0, len(b.row.hours)), make([]chart.Point, 0, len(b.row.hours))
	for _, h := range b.row.hours {
		middle, n, may := h.from.Add(h.to.Sub(h.from)/2), h.bad, h.total*(1-b.row.Target)
		if !h.seen {
			n, may = math.NaN(), math.NaN()
		}
		failed, allowed = append(failed, chart.Point{At: middle, Value: n}), append(allowed, chart.Point{At: middle, Value: may})
		ok = ok || h.bad > 0
	}
	unit := chart.Count
	if b.row.unit.kind == ratio {
		unit = chart.Seconds
	}
	return chart.Chart{
		Title: b.Promise + ": " + b.row.unit.title(), From: r.From, To: r.To, Unit: unit, Location: r.From.Location(), Shaded: r.shaded(b.ID),
		Series: []chart.Series{{Name: "in each hour", Points: failed, Step: time.Hour}, {Name: "allowed", Points: allowed, Step: time.Hour}},
	}, ok
}

// shaded are the incidents that an objective was a part of.
func (r Report) shaded(id string) []chart.Span {
	var out []chart.Span
	for _, in := range r.Incidents {
		if !in.about(id) {
			continue
		}
		to := in.ResolvedAt
		if to.IsZero() {
			if to = r.known; to.IsZero() {
				to = r.To
			}
		}
		out = append(out, chart.Span{From: maxTime(in.OpenedAt, r.From), To: minTime(to, r.To), Name: fmt.Sprintf("#%d", in.Number)})
	}
	return out
}

// title says what the picture shows of what was counted.
func (u unit) title() string {
	switch u.kind {
	case ratio:
		return "time that was bad"
	case waits:
		return u.noun + " that were too slow"
	case times:
		return u.noun + " that were bad"
	default:
		return u.noun + " that failed"
	}
}
