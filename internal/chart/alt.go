package chart

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

const (
	// altLimit is what Slack takes as alternative text of an image.
	altLimit = 2000
	// nameLimit is how much of a name is said, and sayLimit of how many series and spans.
	nameLimit, sayLimit = 80, 6
)

// Alt says what the figure shows, for those who do not see it: at most 2,000
// characters. It depends on nothing but the figure.
func (f Figure) Alt() string {
	var parts []string
	if title := shorten(oneLine(f.Title), nameLimit); title != "" {
		parts = append(parts, title)
	}
	for i := range f.Charts {
		parts = append(parts, f.Charts[i].Alt())
	}
	return shorten(strings.Join(parts, ". ")+".", altLimit)
}

// Alt says what the chart shows: "Burn rate from 13:00 to 14:10 UTC: 0.3× at first,
// above the page threshold of 14.4× since 13:52, 22× at 14:10 (highest 25× at 14:01)".
func (c Chart) Alt() string {
	title := cmp.Or(shorten(oneLine(c.Title), nameLimit), "Chart")
	from, to, ok := c.bounds()
	if !ok {
		return title + ": no time to show"
	}
	say := teller{chart: &c, from: from, to: to, layout: layout(from, to)}
	var lines []string
	for i := range c.Series {
		if i == sayLimit {
			lines = append(lines, fmt.Sprintf("and %d more lines", len(c.Series)-i))
			break
		}
		lines = append(lines, say.series(&c.Series[i]))
	}
	if len(c.Series) == 0 {
		lines = append(lines, "no telemetry")
	}
	for _, span := range c.Shaded[:min(len(c.Shaded), sayLimit)] {
		if text := say.span(span); text != "" {
			lines = append(lines, text)
		}
	}
	return fmt.Sprintf("%s from %s to %s %s: %s", title, say.time(from), say.time(to), zone(from, to), strings.Join(lines, "; "))
}

// layout returns how times between two are told apart in words.
func layout(from, to time.Time) string {
	y1, m1, d1 := from.Date()
	y2, m2, d2 := to.Date()
	switch {
	case to.Sub(from) < 10*time.Minute && d1 == d2:
		return "15:04:05"
	case y1 == y2 && m1 == m2 && d1 == d2:
		return "15:04"
	case y1 == y2:
		return "2 Jan 15:04"
	default:
		return "2 Jan 2006 15:04"
	}
}

// teller puts a chart into words.
type teller struct {
	chart    *Chart
	from, to time.Time
	layout   string
}

func (t *teller) time(at time.Time) string { return at.In(t.from.Location()).Format(t.layout) }

func (t *teller) span(s Span) string {
	name := shorten(oneLine(s.Name), nameLimit)
	ended := !s.To.IsZero() && (s.To.Before(t.from) || s.To.Before(s.From))
	switch {
	case name == "", ended, s.From.After(t.to):
		return ""
	case s.From.IsZero() && s.To.IsZero():
		return name + " throughout"
	case s.From.IsZero():
		return name + " until " + t.time(s.To)
	case s.To.IsZero():
		return name + " since " + t.time(s.From)
	default:
		return name + " from " + t.time(s.From) + " to " + t.time(s.To)
	}
}

// series says how a line goes: where it begins, what it crosses, where it ends.
func (t *teller) series(s *Series) string {
	prefix := ""
	if name := shorten(oneLine(s.Name), nameLimit); name != "" && (len(t.chart.Series) > 1 || s.Name != t.chart.Title) {
		prefix = name + " "
	}
	points := s.within(t.from, t.to)
	values := slices.DeleteFunc(slices.Clone(points), func(p Point) bool { return math.IsNaN(p.Value) })
	if len(values) == 0 {
		return prefix + "no telemetry"
	}
	format := t.chart.Unit.Format
	first, last := values[0], values[len(values)-1]
	highest := slices.MaxFunc(values, func(a, b Point) int { return cmp.Compare(a.Value, b.Value) })
	lowest := slices.MinFunc(values, func(a, b Point) int { return cmp.Compare(a.Value, b.Value) })
	var said []string
	switch {
	case len(values) == 1:
		said = append(said, format(first.Value)+" at "+t.time(first.At))
	case format(highest.Value) == format(lowest.Value):
		said = append(said, format(first.Value)+" throughout")
	default:
		said = append(said, format(first.Value)+" at first")
	}
	if text := t.judgment(values); text != "" {
		said = append(said, text)
	}
	if format(highest.Value) != format(lowest.Value) {
		text := format(last.Value) + " at " + t.time(last.At)
		if highest.Value > max(first.Value, last.Value) {
			text += " (highest " + format(highest.Value) + " at " + t.time(highest.At) + ")"
		}
		said = append(said, text)
	}
	if text := t.gaps(points, last); text != "" {
		said = append(said, text)
	}
	return prefix + strings.Join(said, ", ")
}

// judgment says which threshold the values are above, and since when; else which they
// were above; else that they never were.
func (t *teller) judgment(values []Point) string {
	thresholds := slices.DeleteFunc(slices.Clone(t.chart.Thresholds), func(h Threshold) bool { return !finite(h.Value) })
	slices.SortStableFunc(thresholds, func(a, b Threshold) int { return cmp.Compare(b.Value, a.Value) })
	if len(thresholds) == 0 {
		return ""
	}
	last := values[len(values)-1]
	for _, h := range thresholds {
		if last.Value > h.Value {
			runs := above(values, h.Value)
			run := runs[len(runs)-1]
			if run[0] == 0 {
				return "above " + t.named(h) + " throughout"
			}
			return "above " + t.named(h) + " since " + t.time(values[run[0]].At)
		}
	}
	for _, h := range thresholds {
		runs := above(values, h.Value)
		if len(runs) == 0 {
			continue
		}
		run := runs[len(runs)-1]
		text := "above " + t.named(h)
		if len(runs) > 1 {
			text = fmt.Sprintf("%d times %s, lastly", len(runs), text)
		}
		return text + " from " + t.time(values[run[0]].At) + " to " + t.time(values[run[1]].At)
	}
	return "never above " + t.named(thresholds[len(thresholds)-1])
}

func (t *teller) named(h Threshold) string {
	name := shorten(oneLine(h.Name), nameLimit)
	if name != "" {
		name += " "
	}
	return "the " + name + "threshold of " + t.chart.Unit.Format(h.Value)
}

// above returns the runs of values above a threshold, each as its first and the first
// index after it; of a run that goes on, the last.
func above(values []Point, threshold float64) [][2]int {
	var runs [][2]int
	begin := -1
	for i, p := range values {
		switch over := p.Value > threshold; {
		case over && begin < 0:
			begin = i
		case !over && begin >= 0:
			runs = append(runs, [2]int{begin, i})
			begin = -1
		}
	}
	if begin >= 0 {
		runs = append(runs, [2]int{begin, len(values) - 1})
	}
	return runs
}

// gaps says when there was no telemetry between two values, and after the last.
func (t *teller) gaps(points []Point, last Point) string {
	var longest [2]time.Time
	count, blind := 0, false
	before := time.Time{}
	for _, p := range points {
		if math.IsNaN(p.Value) {
			blind = true
			continue
		}
		if blind && !before.IsZero() {
			count++
			if p.At.Sub(before) > longest[1].Sub(longest[0]) {
				longest = [2]time.Time{before, p.At}
			}
		}
		before, blind = p.At, false
	}
	var said []string
	switch {
	case count == 1:
		said = append(said, "no telemetry from "+t.time(longest[0])+" to "+t.time(longest[1]))
	case count > 1:
		said = append(said, fmt.Sprintf("%d gaps in telemetry, the longest from %s to %s", count, t.time(longest[0]), t.time(longest[1])))
	}
	if blind {
		said = append(said, "no telemetry since "+t.time(last.At))
	}
	return strings.Join(said, ", ")
}

// shorten cuts a text to so many characters.
func shorten(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}
