package app

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"github.com/watchtower-hub/watchtower/internal/store"
	"github.com/watchtower-hub/watchtower/internal/web"
	"github.com/watchtower-hub/watchtower/rules"
)

const (
	// manySeries is from how many series on one metric is worth a look, if they are also
	// crowdedShare of all: a service with all its routes and pods seldom has as many, a
	// label with a value for each user soon does.
	manySeries   = 10_000
	crowdedShare = 0.2
	// seriesTime bounds the count, which a page waits for.
	seriesTime = time.Second
)

// seriesSection says which metrics have how many series, and who makes them many.
func (a *App) seriesSection() web.Section {
	ctx, cancel := context.WithTimeout(context.Background(), seriesTime)
	defer cancel()
	c, err := a.store.Cardinality(ctx)
	if err != nil {
		return web.Section{Title: "Series in memory", Facts: []web.Fact{{Name: "By metric", Value: "not known", Note: err.Error(), Level: web.Warn}}}
	}
	return seriesOf(c)
}

func seriesOf(c store.Cardinality) web.Section {
	table := &web.Table{
		Title: "Series by metric", Columns: []string{"Metric", "Series", "Of all", "Multiplied by", "Mostly from", "To do"}, Empty: "No series yet.",
	}
	for _, m := range c.Metrics {
		share := 0.0
		if c.Series > 0 {
			share = float64(m.Series) / float64(c.Series)
		}
		row := web.TableRow{Cells: []string{m.Name, thousands(m.Series), fmt.Sprintf("%.0f%%", 100*share), multiplied(m), origin(m), ""}}
		if m.Series >= manySeries && share >= crowdedShare {
			row.Level = web.Warn
			row.Cells[5] = "Drop a label that nobody asks by, at its source or with metric_relabel_configs."
		}
		table.Rows = append(table.Rows, row)
	}
	section := web.Section{Title: "Series in memory", Note: "Each series costs memory and time, whether or not anybody asks for it. Counted every 15 s at most.", Table: table}
	for _, l := range c.Labels[:min(len(c.Labels), 3)] {
		name := "Values of " + l.Name
		if l.Name == model.MetricNameLabel {
			name = "Names of metrics"
		}
		section.Facts = append(section.Facts, web.Fact{Name: name, Value: thousands(l.Values)})
	}
	return section
}

// multiplied says which label makes the series of a metric many.
func multiplied(m store.MetricCardinality) string {
	if m.Label == "" {
		return ""
	}
	if uint64(m.Looked) < m.Series {
		return fmt.Sprintf("%s, %s values in %s series looked at", m.Label, thousands(uint64(m.Values)), thousands(uint64(m.Looked)))
	}
	return fmt.Sprintf("%s, %s values", m.Label, thousands(uint64(m.Values)))
}

// origin says whose most of them are.
func origin(m store.MetricCardinality) string {
	if m.Origin == "" || m.Looked == 0 {
		return ""
	}
	return fmt.Sprintf("%s %s (%.0f%%)", m.By, m.Origin, 100*float64(m.OriginHas)/float64(m.Looked))
}

// paceFacts say how late objectives are judged, and how long that takes.
func paceFacts(now time.Time, p rules.Pace, interval time.Duration) []web.Fact {
	if p.Of == 0 {
		return []web.Fact{{Name: "Last evaluation", Value: "none yet"}}
	}
	late := max(0, now.Sub(p.At)-interval)
	last := web.Fact{Name: "Last evaluation", Value: took(p.Took), Level: web.Good, Note: "on time: one every " + interval.String()}
	switch {
	case late > max(10*time.Second, 5*interval):
		last.Level, last.Note = web.Bad, lasting(late)+" late: nothing pages meanwhile; see whether the machine is overloaded or its disk hangs"
	case late > interval:
		last.Level, last.Note = web.Warn, lasting(late)+" late: the machine is busy, or evaluations take longer than they may"
	}
	slow := web.Fact{
		Name: "99 of 100 evaluations", Value: "within " + took(p.Slow), Level: web.Good,
		Note: fmt.Sprintf("typically %s, of the last %d", took(p.Typical), p.Of),
	}
	if p.Slow > interval/2 {
		slow.Level = web.Warn
		slow.Note += "; there is little room: evaluate less often (rules.evaluation_interval), or have fewer groups"
	}
	return []web.Fact{last, slow}
}

// took writes how long something took with the digits that matter.
func took(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(100 * time.Microsecond).String()
	default:
		return d.Round(10 * time.Millisecond).String()
	}
}

// ruleGroup is how a group of a rule file fares.
type ruleGroup struct {
	name           string
	took, interval time.Duration
}

// slowestFact names the group of rule files that takes most of its interval.
func slowestFact(groups []ruleGroup) (web.Fact, bool) {
	var slowest ruleGroup
	part := func(g ruleGroup) float64 { return float64(g.took) / float64(max(g.interval, 1)) }
	for _, g := range groups {
		if slowest.name == "" || part(g) > part(slowest) {
			slowest = g
		}
	}
	if slowest.name == "" {
		return web.Fact{}, false
	}
	f := web.Fact{Name: "Slowest rule group", Value: slowest.name, Note: "takes " + took(slowest.took) + " of " + slowest.interval.String()}
	if slowest.took > slowest.interval/2 {
		f.Level = web.Warn
		f.Note += ": take slow queries out, or give it a longer interval"
	}
	return f, true
}
