package report

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// Number returns a count as people say it: exact below a thousand, then to two digits ("41,000", "3.2 million").
func Number(n float64) string {
	s, _ := number(n)
	return s
}

// number also tells whether s is exact.
func number(n float64) (s string, exact bool) {
	switch {
	case math.IsNaN(n) || math.IsInf(n, 0):
		return "an unknown number", true
	case n < 0:
		return "none", true
	case n > 0 && n < 0.5:
		return "fewer than 1", true
	case n < 999.5:
		return strconv.Itoa(int(math.Round(n))), true
	}
	rounded := twoDigits(n)
	exact = math.Abs(rounded-n) < 0.5
	for _, unit := range []struct {
		size float64
		name string
	}{{1e12, "trillion"}, {1e9, "billion"}, {1e6, "million"}} {
		if rounded >= unit.size {
			return strconv.FormatFloat(rounded/unit.size, 'f', -1, 64) + " " + unit.name, exact
		}
	}
	digits := strconv.Itoa(int(rounded))
	return digits[:len(digits)-3] + "," + digits[len(digits)-3:], exact
}

// twoDigits rounds to two significant digits.
func twoDigits(n float64) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(n, 'g', 2, 64), 64)
	if err != nil {
		return n
	}
	return rounded
}

// unit is what an objective counts, in words.
type unit struct {
	kind kind
	noun string // in the plural
}

// kind says what becomes of what is counted.
type kind int

const (
	events kind = iota // They work or they fail.
	waits              // They are fast enough or too slow.
	times              // Stretches of time are good or bad as a whole.
	ratio              // All that is known of a plain ratio is for how long it was how bad, in seconds.
)

// unitOf returns what o counts. That an objective is about speed shows in its queries: they count a histogram's buckets.
func unitOf(o rules.Objective) unit {
	noun := cmp.Or(oneLine(o.Events), "requests")
	switch slice := o.Budgeting.Slice; {
	case slice == time.Minute:
		return unit{times, "minutes"}
	case slice > 0:
		return unit{times, "stretches of " + spell(slice.Seconds())}
	case o.SLI.Raw():
		return unit{kind: ratio}
	case strings.Contains(o.SLI.ErrorQuery, "_bucket") || strings.Contains(o.SLI.ErrorQuery, "histogram_fraction"):
		return unit{waits, noun}
	default:
		return unit{events, noun}
	}
}

// Verb says what bad events of o do: "of requests fail", "of requests are too slow".
func Verb(o rules.Objective) string {
	switch u := unitOf(o); u.kind {
	case waits:
		return "of " + u.noun + " are too slow"
	case times:
		return "of " + u.noun + " are bad"
	case ratio:
		return "of the time is bad"
	default:
		return "of " + u.noun + " fail"
	}
}

// Slow tells whether bad events of o take too long, and do not fail.
func Slow(o rules.Objective) bool { return unitOf(o).kind == waits }

// Failed says how many of all events of o were bad: "about 41,000 of 3.2 million requests failed".
func Failed(o rules.Objective, bad, total float64) string { return unitOf(o).failed(bad, total) }

func (u unit) failed(bad, total float64) string {
	if total <= 0 {
		return "nothing was counted"
	}
	if u.kind == ratio {
		if bad <= 0 {
			return "none of " + about(total) + " was bad"
		}
		return about(bad) + " of " + about(total) + " were bad"
	}
	all, allExact := number(total)
	some, someExact := number(bad)
	switch {
	case bad <= 0:
		some = "none"
	case !someExact:
		some, allExact = "about "+some, true // One "about" is enough.
	}
	if !allExact {
		all = "about " + all
	}
	noun := u.noun
	if noun == "requests" && math.Round(total) == 1 {
		noun = "request"
	}
	return some + " of " + all + " " + noun + " " + u.verb(some)
}

// verb says what became of so many.
func (u unit) verb(some string) string {
	switch {
	case u.kind == events:
		return "failed"
	case u.kind == waits && some == "1":
		return "was too slow"
	case u.kind == waits:
		return "were too slow"
	case some == "1":
		return "was bad"
	default:
		return "were bad"
	}
}

// fine says what became of the rest: "99.97% worked".
func (u unit) fine() string {
	switch u.kind {
	case waits:
		return "were fast enough"
	case times:
		return "were good"
	case ratio:
		return "of the time was good"
	default:
		return "worked"
	}
}

// about says a number of seconds in the unit that suits it: "about 3 hours".
func about(secs float64) string { return "about " + spell(secs) }

// spell says a number of seconds in the unit that suits it.
func spell(secs float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{3600, "hours"}, {60, "minutes"}} {
		if secs >= 3*u.size {
			return Number(math.Round(secs/u.size)) + " " + u.name
		}
	}
	if math.Round(secs) == 1 {
		return "1 second"
	}
	return Number(secs) + " seconds"
}

// Percent returns a ratio as a percentage to two digits, never rounded up to 100% nor down to 0%: "3.2%", "0.041%".
func Percent(ratio float64) string {
	switch {
	case math.IsNaN(ratio) || math.IsInf(ratio, 0):
		return "unknown"
	case ratio < 0:
		return "−" + Percent(-ratio)
	case ratio == 0:
		return "0%"
	case ratio >= 0.9:
		return success(ratio, 2)
	case ratio < 1e-6:
		return "under 0.0001%"
	}
	return strconv.FormatFloat(twoDigits(100*ratio), 'f', -1, 64) + "%"
}

// success returns a ratio near one: its distance from one to so many digits, since that is what matters.
func success(ratio float64, digits int) string {
	if ratio >= 1 {
		return trim(strconv.FormatFloat(100*ratio, 'f', 1, 64)) + "%"
	}
	missing := 100 * (1 - ratio)
	decimals := min(9, max(0, digits-1-int(math.Floor(math.Log10(missing)))))
	// Never up to 100%: cut off instead of rounding.
	if s := strconv.FormatFloat(100*ratio, 'f', decimals, 64); !strings.HasPrefix(s, "100") {
		return trim(s) + "%"
	}
	return "over 99.9999%"
}

// Achieved returns a success ratio with enough digits to tell it from the target: 99.8996% is not written 99.90% where
// 99.9% was promised.
func Achieved(ratio, target float64) string {
	s := success(ratio, 2)
	for digits := 3; digits <= 9 && ratio < target && s == Target(target); digits++ {
		s = success(ratio, digits)
	}
	return s
}

// Target returns an objective's target as it was written: "99.9%".
func Target(ratio float64) string {
	return trim(strconv.FormatFloat(100*ratio, 'f', 9, 64)) + "%"
}

// trim takes needless zeros from a decimal number.
func trim(s string) string {
	if !strings.Contains(s, ".") {
		return s
	}
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// Allowed says how a burn compares with what the target allows: "32 times what the target allows", "13% of what …".
func Allowed(burn float64) string {
	switch {
	case burn < 0.01:
		return "under 1% of what the target allows"
	case burn < 0.995:
		return strconv.Itoa(int(math.Round(100*burn))) + "% of what the target allows"
	case burn < 1.05:
		return "as much as the target allows"
	default:
		return Times(burn) + " times what the target allows"
	}
}

// Times returns a factor to two digits: "32", "1.4", "1,400".
func Times(factor float64) string {
	if factor >= 999.5 {
		return Number(factor)
	}
	return strconv.FormatFloat(twoDigits(factor), 'f', -1, 64)
}

// Budget says how much of a budget is left, from a signed ratio: "41%", "spent", "overspent by 12%".
func Budget(left float64) string {
	switch {
	case math.IsNaN(left) || math.IsInf(left, 0):
		return "unknown"
	case left > 0.995 && left < 1:
		return "over 99%"
	case left > 0 && left < 0.01:
		return "under 1%"
	case left > 0:
		return strconv.Itoa(int(math.Round(100*left))) + "%"
	case left > -0.005:
		return "spent"
	case left > -10:
		return fmt.Sprintf("overspent by %d%%", int(math.Round(-100*left)))
	default:
		return "overspent " + Times(1-left) + " times"
	}
}

// Length returns a length of time in its largest whole unit: "28d", "1h30m".
func Length(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// PeriodOf returns the period of o as a spec writes it: "28d", "month".
func PeriodOf(o rules.Objective) string {
	if o.Calendar != nil {
		return o.Calendar.String()
	}
	return Length(o.Period)
}

// OverWords returns the period of o for a sentence: "28d", "the month".
func OverWords(o rules.Objective) string {
	if o.Calendar != nil {
		return "the " + o.Calendar.String()
	}
	return Length(o.Period)
}

// periodWords returns a period for a sentence: "28 days", "1 hour".
func periodWords(period string) string {
	for unit, name := range map[string]string{"d": "day", "h": "hour"} {
		number, ok := strings.CutSuffix(period, unit)
		if n, err := strconv.Atoi(number); ok && err == nil {
			if n != 1 {
				name += "s"
			}
			return number + " " + name
		}
	}
	return period
}

// headline says the period in one or two sentences.
func headline(r Report) string {
	all := r.Kept + r.Missed + r.NoData
	var s string
	switch {
	case all == 0:
		return "There are no objectives yet, so there is nothing to report. Write one into a file that rules.objectives names."
	case r.Kept+r.Missed == 0:
		s = "Nothing was counted for any objective, so nobody can say whether the promises were kept."
	case r.Missed == 0 && r.NoData == 0 && all == 1:
		s = "The one promise was kept"
	case r.Missed == 0 && r.NoData == 0:
		s = fmt.Sprintf("All %d promises were kept", all)
	case r.Missed == 0:
		s = fmt.Sprintf("%d of %d promises %s kept; for the %s there is no data", r.Kept, all, were(r.Kept), others(r.NoData))
	case all == 1:
		s = "The one promise was broken"
	default:
		s = fmt.Sprintf("%d of %d promises %s broken", r.Missed, all, were(r.Missed))
	}
	if !strings.HasSuffix(s, ".") {
		s += r.comparison() + "."
	}
	if worst, ok := costliest(r); ok {
		s += fmt.Sprintf(" %s: %s.", worst.Promise, worst.Sentence)
	}
	if r.Missed > 0 && r.NoData > 0 {
		s += fmt.Sprintf(" For %d there is no data.", r.NoData)
	}
	if r.Unfinished {
		s += " The " + r.Kind.Noun() + " is not over: these are the figures so far."
	}
	return s
}

// comparison says how many promises were broken in the period before, where that is another number: "; the week before it was
// none".
func (r Report) comparison() string {
	before := r.Before.Missed
	switch {
	case r.Before.Kept+before == 0 || before == r.Missed:
		return ""
	case r.Missed == 0:
		return fmt.Sprintf("; the %s before %d %s broken", r.Kind.Noun(), before, were(before))
	default:
		return fmt.Sprintf("; the %s before it was %s", r.Kind.Noun(), noneOr(before))
	}
}

func were(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func others(n int) string {
	if n == 1 {
		return "other one"
	}
	return fmt.Sprintf("other %d", n)
}

// costliest returns the broken promise that burned its budget fastest. With several broken ones it is the one to name.
func costliest(r Report) (Row, bool) {
	var worst Row
	var found bool
	for _, row := range r.Rows() {
		if row.Outcome != Missed || row.Burn == nil || (found && *row.Burn <= *worst.Burn) {
			continue
		}
		worst, found = row, true
	}
	return worst, found
}
