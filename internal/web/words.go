package web

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/rules"
)

// span returns a duration in at most two units: "40 s", "12 min", "3 h 20 min", "2 days 4 h".
func span(d time.Duration) string {
	const day = 24 * time.Hour
	two := func(big time.Duration, bigName string, small time.Duration, smallName string) string {
		d = d.Round(small)
		s := strconv.Itoa(int(d/big)) + " " + bigName
		if rest := d % big; rest > 0 {
			s += " " + strconv.Itoa(int(rest/small)) + " " + smallName
		}
		return s
	}
	switch d = max(0, d); {
	case d < 100*time.Second:
		return strconv.Itoa(int(d.Round(time.Second)/time.Second)) + " s"
	case d.Round(time.Minute) < time.Hour:
		return strconv.Itoa(int(d.Round(time.Minute)/time.Minute)) + " min"
	case d.Round(time.Minute) < day:
		return two(time.Hour, "h", time.Minute, "min")
	case d.Round(time.Hour) < 2*day:
		return two(day, "day", time.Hour, "h")
	case d < 7*day:
		return two(day, "days", time.Hour, "h")
	default:
		return strconv.Itoa(int(d.Round(day)/day)) + " days"
	}
}

// ago returns how long before now at was; empty for the zero time.
func ago(now, at time.Time) string {
	switch d := now.Sub(at); {
	case at.IsZero():
		return ""
	case d < 5*time.Second:
		return "just now"
	default:
		return span(d) + " ago"
	}
}

// window returns the length of a window as it is written in a spec: "5m", "1h", "3d".
func window(d time.Duration) string { return report.Length(d) }

// burnWords returns a burn rate: "32×".
func burnWords(burn float64) string {
	switch {
	case math.IsNaN(burn) || math.IsInf(burn, 0):
		return "–"
	case burn == 0:
		return "0×"
	case burn < 0.01:
		return "<0.01×"
	default:
		return report.Times(burn) + "×"
	}
}

// factorWords returns a threshold, which is written with three digits: "14.4×".
func factorWords(factor float64) string { return strconv.FormatFloat(factor, 'g', 3, 64) + "×" }

// promiseOf returns the sentence that stands for an objective.
func promiseOf(o rules.Objective) string {
	for _, s := range []string{o.Promise, o.Description, o.Service + " " + o.SLO} {
		if s = strings.TrimSuffix(strings.Join(strings.Fields(s), " "), "."); s != "" {
			return s
		}
	}
	return o.ID
}

// plural returns "1 promise" or "3 promises".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}
