package lint

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// Names of checks of what a server tells; docs/check.md says what each is about.
const (
	checkNoSeries   = "no_series"
	checkNoBad      = "no_bad_series"
	checkBound      = "bound"
	checkTypo       = "typo"
	checkManySeries = "many_series"
	checkGroups     = "groups"
	checkTraffic    = "traffic"
	checkTooHigh    = "too_high"
	checkRefused    = "refused"
)

// stored checks the selectors of an objective against what a server holds.
func (l *linter) stored(s *subject) {
	var missing []*selector
	series, typos := 0, map[Doubt]bool{}
	for _, sel := range s.distinct() {
		found := l.facts.Store.Selected[sel.text]
		series += found.Series
		for _, d := range found.Doubtful {
			if !typos[d] {
				l.warn(s, checkTypo, "%s asks for %s %q among others, which no series of %s has: write %q if that was meant", sel.key, d.Label, d.Value, sel.name, d.Like)
			}
			typos[d] = true
		}
		if !found.Known && !l.bound(s, sel, found.Bounds) {
			missing = append(missing, sel)
		}
	}
	l.missing(s, missing)
	if series > rules.MaxSeries {
		l.fault(s, checkManySeries, "it matches %s series and nothing is said about an objective of more than %s: add matchers, or record a sum by a rule of rules.prometheus",
			figure(float64(series)), figure(rules.MaxSeries))
	}
}

// missing tells of selectors that match nothing. When events cannot be counted at
// all, the bad ones are not worth a word.
func (l *linter) missing(s *subject, all []*selector) {
	blind := false
	for _, sel := range all {
		if sel.role == needed {
			blind = true
			l.fault(s, checkNoSeries, "%s matches nothing in the store, so nothing can be counted: %s", sel.text, l.facts.Store.Selected[sel.text].Why.advice(sel))
		}
	}
	if blind {
		return
	}
	for _, sel := range all {
		l.warn(s, checkNoBad, "%s matches nothing in the store: if no event was ever bad that is good news; if there were bad ones, %s", sel.text, l.facts.Store.Selected[sel.text].Why.advice(sel))
	}
}

// bound judges a selector of a bucket that matches nothing; false when the bucket is
// not the reason.
func (l *linter) bound(s *subject, sel *selector, bounds []float64) bool {
	le := sel.le()
	if le == nil || len(bounds) == 0 {
		return false
	}
	want, ok := bound(le.Value)
	if !ok {
		return true // That is told by itself.
	}
	if !slices.Contains(bounds, want) {
		l.offBound(s, sel, want, bounds)
		return true
	}
	// The same number, written otherwise: only PromQL minds.
	if s.source == rules.SourcePolled {
		l.fault(s, checkBound, "%s: %s has no bucket le=%q: write the bound as the store does, le=%q", sel.key, sel.name, le.Value, boundText(want))
	}
	return true
}

// offBound tells of a latency threshold between two buckets.
func (l *linter) offBound(s *subject, sel *selector, want float64, bounds []float64) {
	i, _ := slices.BinarySearch(bounds, want)
	var around []string
	for _, b := range bounds[max(0, i-1):min(len(bounds), i+1)] {
		if !math.IsInf(b, 1) {
			around = append(around, boundText(b))
		}
	}
	le := sel.le().Value
	switch len(around) {
	case 0:
		l.fault(s, checkBound, "%s: %s has no bucket but +Inf, so le=%q cannot be counted: add buckets to the histogram", sel.key, sel.name, le)
	case 1:
		l.fault(s, checkBound, "%s: %s has no bucket le=%q and the nearest bound is %s: use le=%q", sel.key, sel.name, le, around[0], around[0])
	default:
		l.fault(s, checkBound, "%s: %s has no bucket le=%q and the nearest bounds are %s and %s: use le=%q or le=%q", sel.key, sel.name, le, around[0], around[1], around[0], around[1])
	}
}

func boundText(b float64) string { return strconv.FormatFloat(b, 'g', -1, 64) }

// advice says what to change about a selector that selects nothing.
func (m Missing) advice(sel *selector) string {
	like := func(rest string) string {
		if m.Like != "" {
			return "write " + m.Like
		}
		return rest
	}
	switch {
	case m.Metric != "":
		return "the store has no metric " + m.Metric + "; " + like("correct its name, or send it first")
	case m.Label != "" && m.Value == "":
		have := ""
		if len(m.Have) > 0 {
			have = " (they have " + list(m.Have) + ")"
		}
		return fmt.Sprintf("no series of %s has the label %s%s; %s", sel.name, m.Label, have, like("use one that they have"))
	case m.Label != "":
		return fmt.Sprintf("no series has a value of %s that fits %q (there are %s); %s", m.Label, m.Value, list(quoted(m.Have)), like("use one of these"))
	}
	return "each of its labels is known, but never together; drop matchers until something matches"
}

func quoted(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strconv.Quote(w)
	}
	return out
}

// traffic checks an objective against how it did.
func (l *linter) traffic(s *subject) {
	m, ok := l.facts.Store.Measured[s.ID]
	if !ok {
		return
	}
	if m.Refused != "" {
		l.warn(s, checkRefused, "the server would not answer (%s): narrow its selectors, or raise the server's limits", m.Refused)
	}
	l.groups(s, m)
	if m.Read > manySamples {
		l.warn(s, checkCost, "each poll reads %s samples, and there are %s polls a day: narrow its selectors, or write it with sum(rate(…[{{.window}}])) so that it is counted",
			figure(float64(m.Read)), figure(24*time.Hour.Seconds()/rules.PollInterval.Seconds()))
	}
	if m.Best > s.ErrorBudget() {
		l.warn(s, checkTooHigh, "even on the best day of the last week %s of events were bad, and %s are allowed: promise at most %s for now",
			percent(m.Best), percent(s.ErrorBudget()), percent(below(1-m.Best)))
	}
	if m.Hourly > 0 {
		l.scarce(s, m.Hourly)
	}
}

// manySamples is what one poll may read without being worth a word.
const manySamples = 100_000

// below rounds a ratio down to three digits of what is missing to 1: 0.9963 to 0.996.
func below(ratio float64) float64 {
	missing := 1 - ratio
	if missing <= 0 || missing >= 1 {
		return max(0, ratio)
	}
	unit := math.Pow(10, math.Floor(math.Log10(missing)))
	return 1 - math.Ceil(missing/unit*(1-1e-12))*unit
}

// groups tells which label splits an objective into too many groups.
func (l *linter) groups(s *subject, m Measured) {
	if s.MaxGroups == 0 || m.Groups <= s.MaxGroups || len(m.Values) == 0 {
		return
	}
	worst := slices.MaxFunc(slices.Sorted(maps.Keys(m.Values)), func(a, b string) int { return m.Values[a] - m.Values[b] })
	l.warn(s, checkGroups, "group_by makes %s groups and max_groups is %d, so the rest is seen in the whole only: drop %s, which has %s, from group_by, or raise max_groups",
		figure(float64(m.Groups)), s.MaxGroups, worst, counted(m.Values[worst], "value", "values"))
}

// scarce checks an objective of little traffic: what a few events can and cannot do.
func (l *linter) scarce(s *subject, hourly float64) {
	rate := "about " + figure(hourly) + " events an hour"
	pairs, _ := s.Windows()
	for _, severity := range []rules.Severity{rules.Page, rules.Ticket} {
		longest := time.Duration(0)
		for _, p := range pairs {
			if p.Severity == severity {
				longest = max(longest, p.Long)
			}
		}
		switch {
		case longest == 0:
		case hourly*longest.Hours() < s.MinBadEvents:
			l.warn(s, checkTraffic, "%s arrive, and the %s needs %s bad ones within its longest window, %s, so it can never fire: lower min_bad_events to 1, or add requests of your own (a probe)",
				rate, severity, figure(s.MinBadEvents), length(longest))
		case s.Confidence > 0 && !sure(s, pairs, severity, hourly):
			l.warn(s, checkTraffic, "%s arrive, too few to be %s sure even when all fail, so the %s can never fire: lower confidence, or drop it and set min_bad_events",
				rate, percent(s.Confidence), severity)
		}
	}
	if s.MinBadEvents <= 1 && s.Confidence == 0 {
		// The longest window sees most events, so that one of them counts least.
		for _, p := range slices.Backward(pairs) {
			if p.Severity == rules.Page && p.Factor*s.ErrorBudget()*hourly*p.Long.Hours() <= 1 {
				l.warn(s, checkTraffic, "%s arrive, so a single failure within %s fires the page: set min_bad_events to 3", rate, length(p.Long))
				break
			}
		}
	}
	if events := hourly * s.Period.Hours(); s.ErrorBudget()*events < 1 {
		l.warn(s, checkTraffic, "%s arrive, %s in %s, of which %s may be bad: the first failure breaks the promise; promise at most %s, or add requests of your own (a probe)",
			rate, figure(events), length(s.Period), figure(s.ErrorBudget()*events), percent(below(max(0, 1-3/events))))
	}
	const usual = 10 // events that are expected in a silence that means something
	if quiet := s.Alerting.NoTrafficFor; quiet > 0 && hourly*quiet.Hours() < usual {
		longer := time.Duration(math.Ceil(usual/hourly*60)) * time.Minute
		l.warn(s, checkTraffic, "%s arrive, so %s without any is usual: raise no_traffic_for to %s", rate, length(quiet), length(longer))
	}
}

// sure tells whether any window of a severity sees enough events to be confident when
// all of them fail: by Wilson's lower bound, which is then n / (n + z²).
func sure(s *subject, pairs []rules.Pair, severity rules.Severity, hourly float64) bool {
	z := math.Sqrt2 * math.Erfinv(s.Confidence)
	return slices.ContainsFunc(pairs, func(p rules.Pair) bool {
		n := hourly * p.Long.Hours()
		return p.Severity == severity && n/(n+z*z) > p.Factor*s.ErrorBudget()
	})
}
