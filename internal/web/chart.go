package web

import (
	"context"
	"math"
	"time"

	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/rules"
)

// The chart of an objective's page: how many slots of which length, and its own units of width and height.
const (
	chartSlots  = 48
	chartSlot   = 30 * time.Minute
	chartWidth  = 480.0
	chartHeight = 100.0
)

// chart is the share of failures over the last day, a bar for each half hour.
type chart struct {
	Bars    []bar
	Allowed float64 // Y of the line that is what the target allows.
	Top     string  // The share at the upper edge.
	Limit   string  // The share the line stands for.
	Ticks   []string
	Summary string // The chart in a sentence, for those who do not see it.
	Empty   bool
}

type bar struct {
	X, Y, W, H float64
	Is         condition // Fine, or broken where more failed than the target allows; unknown where nothing was counted.
	Words      string
}

// slot is one half hour.
type slot struct {
	from, to   time.Time
	bad, total float64
	out        bool // A correction takes it out.
	unreadable bool
}

func (s slot) ratio() float64 {
	if s.total <= 0 {
		return 0
	}
	return max(0, s.bad/s.total)
}

// lastDay reads the last day of an objective, slot by slot, up to now.
func (s *site) lastDay(ctx context.Context, id string) []slot {
	end := s.o.Now().Truncate(time.Second)
	slots := make([]slot, 0, chartSlots)
	for at := end.Add(-chartSlots * chartSlot); at.Before(end); at = at.Add(chartSlot) {
		one := slot{from: at, to: at.Add(chartSlot)}
		t, err := s.o.Engine.Tally(ctx, id, one.from, one.to)
		one.bad, one.total, one.out, one.unreadable = t.Total-t.Good, t.Total, t.Corrected > 0, err != nil
		slots = append(slots, one)
	}
	return slots
}

// draw turns slots into a chart. The scale begins at zero and has room for what the target allows.
func draw(slots []slot, o rules.Objective, zone *time.Location) chart {
	var worst slot
	var counted bool
	for _, s := range slots {
		counted = counted || s.total > 0
		if s.ratio() > worst.ratio() {
			worst = s
		}
	}
	if !counted {
		return chart{Empty: true, Summary: "Nothing was counted in the last 24 hours."}
	}
	budget := o.ErrorBudget()
	top := max(worst.ratio(), 2*budget) * 1.05
	width := chartWidth / float64(len(slots))
	c := chart{
		Allowed: round1(chartHeight * (1 - budget/top)), Top: report.Percent(top / 1.05), Limit: report.Percent(budget),
		Summary: "Nothing failed in the last 24 hours.",
	}
	if worst.ratio() > 0 {
		c.Summary = "The worst half hour of the last 24 hours began at " + worst.from.In(zone).Format("15:04") + ": " +
			report.Failed(o, worst.bad, worst.total) + " (" + report.Percent(worst.ratio()) + ")."
	}
	for i, s := range slots {
		b := bar{X: round1(float64(i)*width + 0.5), W: round1(width - 1), Is: fine}
		b.Words = s.from.In(zone).Format("15:04") + " to " + s.to.In(zone).Format("15:04") + ": "
		switch {
		case s.unreadable:
			b.Is, b.Words = unknown, b.Words+"could not be read"
		case s.total <= 0 && s.out:
			b.Is, b.Words = unknown, b.Words+"taken out by a correction"
		case s.total <= 0:
			b.Is, b.Words = unknown, b.Words+"nothing was counted"
		default:
			b.Words += report.Failed(o, s.bad, s.total) + " (" + report.Percent(s.ratio()) + ")"
		}
		if s.ratio() > budget {
			b.Is = broken
		}
		b.H = round1(chartHeight * s.ratio() / top)
		if s.ratio() > 0 {
			b.H = max(1.5, b.H)
		}
		if b.Is == unknown {
			b.H = chartHeight
		}
		b.Y = round1(chartHeight - b.H)
		c.Bars = append(c.Bars, b)
	}
	for i := 0; i < len(slots); i += len(slots) / 4 {
		c.Ticks = append(c.Ticks, slots[i].from.In(zone).Format("15:04"))
	}
	c.Ticks = append(c.Ticks, "now")
	return c
}

func round1(f float64) float64 { return math.Round(10*f) / 10 }
