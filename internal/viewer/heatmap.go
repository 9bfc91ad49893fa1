package viewer

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/watchtower-hub/watchtower/internal/chart"
)

const (
	// mostBuckets is how many rows a heatmap has at most, and calculatedBuckets how many
	// it has where nobody says into which buckets values fall.
	mostBuckets, calculatedBuckets = 60, 10
)

// bucket is a row of a heatmap: what is counted up to an edge.
type bucket struct {
	edge   float64
	name   string
	counts []chart.Point
}

// heat draws how many values fell into which bucket.
func (j *job) heat() {
	from, to, ok := j.asked()
	if !ok {
		j.note("A heatmap needs a query over a range of time, and this one asks for a moment.")
		return
	}
	var rows []bucket
	if j.json.Options.Calculate {
		rows = j.calculated()
	} else {
		rows = j.counted()
	}
	if len(rows) > mostBuckets {
		j.note("%d buckets are drawn of %d.", mostBuckets, len(rows))
		rows = rows[:mostBuckets]
	}
	some := slices.ContainsFunc(rows, func(b bucket) bool {
		return slices.ContainsFunc(b.counts, func(p chart.Point) bool { return p.Value > 0 })
	})
	if !some {
		return
	}
	unit := orElse(j.json.Options.CellValues.Unit, "short")
	h := chart.Heat{
		Title: j.panel.Title, From: from, To: to, Step: j.queries[0].ask.step, Location: j.request.viewer.o.Zone,
		Measure: measureOf(unit, j.json.Options.CellValues.Decimals),
	}
	for _, b := range rows {
		h.Rows = append(h.Rows, chart.Bucket{Name: b.name, Counts: b.counts})
	}
	view := &Graph{}
	view.put(h.Draw())
	view.Hover = h.Hover(mostHovered)
	j.panel.Graph = view
}

// counted reads the buckets of a histogram: a series for each edge, by its label le, that
// counts everything below; or a series for each bucket, by its name.
func (j *job) counted() []bucket {
	axis := measureOf(orElse(j.json.Options.YAxis.Unit, j.fields.plain.Unit), j.json.Options.YAxis.Decimals)
	var rows []bucket
	cumulative := false
	for _, l := range j.lines() {
		b := bucket{name: l.name, counts: l.Points}
		edge, isEdge := l.Labels["le"]
		if !isEdge {
			edge = l.name
		}
		var err error
		if b.edge, err = strconv.ParseFloat(edge, 64); err != nil {
			b.edge = math.NaN()
		} else {
			b.name = "≤ " + axis.Format(b.edge)
			cumulative = cumulative || isEdge
		}
		if math.IsInf(b.edge, 1) {
			b.name = "more"
		}
		rows = append(rows, b)
	}
	slices.SortStableFunc(rows, func(a, b bucket) int {
		switch {
		case a.edge < b.edge:
			return -1
		case a.edge > b.edge:
			return 1
		default:
			return 0
		}
	})
	if cumulative {
		apart(rows)
	}
	return rows
}

// apart takes from each bucket what is counted in those below.
func apart(rows []bucket) {
	below := map[int64]float64{}
	for i := range rows {
		counts := slices.Clone(rows[i].counts)
		for n, p := range counts {
			at := p.At.UnixMilli()
			counts[n].Value = max(p.Value-below[at], 0)
			below[at] = p.Value
		}
		rows[i].counts = counts
	}
}

// calculated counts into even buckets how many series have which values.
func (j *job) calculated() []bucket {
	lines := j.lines()
	low, high := math.Inf(1), math.Inf(-1)
	for _, l := range lines {
		for _, p := range l.Points {
			if !math.IsNaN(p.Value) && !math.IsInf(p.Value, 0) {
				low, high = min(low, p.Value), max(high, p.Value)
			}
		}
	}
	if low > high {
		return nil
	}
	n := calculatedBuckets
	if asked, err := strconv.Atoi(j.json.Options.Calculation.YBuckets.Value); err == nil && j.json.Options.Calculation.YBuckets.Mode != "size" {
		n = min(max(asked, 1), mostBuckets)
	}
	size := (high - low) / float64(n)
	axis := measureOf(orElse(j.json.Options.YAxis.Unit, j.fields.plain.Unit), j.json.Options.YAxis.Decimals)
	counts := make([]map[time.Time]float64, n)
	for i := range counts {
		counts[i] = map[time.Time]float64{}
	}
	for _, l := range lines {
		for _, p := range l.Points {
			if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
				continue
			}
			i := 0
			if size > 0 {
				i = min(int((p.Value-low)/size), n-1)
			}
			counts[i][p.At]++
		}
	}
	rows := make([]bucket, n)
	for i := range rows {
		rows[i] = bucket{edge: low + size*float64(i+1), name: "≤ " + axis.Format(low+size*float64(i+1))}
		for at, count := range counts[i] {
			rows[i].counts = append(rows[i].counts, chart.Point{At: at, Value: count})
		}
		slices.SortFunc(rows[i].counts, func(a, b chart.Point) int { return a.At.Compare(b.At) })
	}
	return rows
}
