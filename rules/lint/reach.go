package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// Names of checks; docs/check.md says what each is about.
const (
	checkUnreachable  = "unreachable"
	checkBurnBelowOne = "burn_below_one"
	checkLongWindow   = "long_window"
	checkShortWindow  = "short_window"
	checkSlice        = "slice"
	checkNoTrafficFor = "no_traffic_for"
	checkRetention    = "retention"
	checkJob          = "job"
)

// pairs are the windows of the alerts that are on.
func (s *subject) pairs() []rules.Pair {
	pairs := s.Alerting.Pairs
	if pairs == nil {
		pairs = rules.PairsFor(s.Period)
	}
	return slices.DeleteFunc(slices.Clone(pairs), func(p rules.Pair) bool { return s.Alert(p.Severity).Disabled })
}

// reach checks whether the windows can fire, and only when the promise is broken.
func (l *linter) reach(s *subject) {
	pairs := s.pairs()
	reachable := map[rules.Severity]bool{}
	var dead []rules.Pair
	for _, p := range pairs {
		if p.Factor*s.ErrorBudget() >= 1 {
			dead = append(dead, p)
			continue
		}
		reachable[p.Severity] = true
	}
	for _, severity := range []rules.Severity{rules.Page, rules.Ticket} {
		l.unreachable(s, severity, slices.DeleteFunc(slices.Clone(dead), func(p rules.Pair) bool { return p.Severity != severity }), reachable[severity])
	}
	for _, p := range pairs {
		switch {
		case p.Long > s.Period:
			l.fault(s, checkLongWindow, "the %s on %s looks back longer than the period, %s: use windows that fit it, %s", p.Severity, p, length(s.Period), fitting(s.Period))
		case p.Factor < 1:
			l.fault(s, checkBurnBelowOne, "the %s on %s fires at a burn rate of %s, when the promise is kept: raise burn to 1 or more, or use windows that fit %s: %s",
				p.Severity, p, figure(p.Factor), length(s.Period), fitting(s.Period))
		}
	}
}

// unreachable tells of the pairs of one severity that no error ratio can make fire.
func (l *linter) unreachable(s *subject, severity rules.Severity, dead []rules.Pair, others bool) { //nolint:revive // A fact, not a switch.
	if len(dead) == 0 {
		return
	}
	names := make([]string, len(dead))
	lowest := dead[0].Factor
	for i, p := range dead {
		names[i] = p.String()
		lowest = min(lowest, p.Factor)
	}
	why := fmt.Sprintf("on %s: a burn rate of %s × the error budget of %s is all events or more", strings.Join(names, " or "), figure(lowest), percent(s.ErrorBudget()))
	what := fmt.Sprintf("promise more than %s, give windows with a burn below %s", percent(1-1/lowest), figure(1/s.ErrorBudget()))
	if others {
		l.warn(s, checkUnreachable, "the %s cannot fire %s; %s, or rely on its other windows", severity, why, what)
		return
	}
	l.fault(s, checkUnreachable, "no %s can ever fire %s; %s, or disable the %s", severity, why, what, severity)
}

// fitting writes the windows that fit a period.
func fitting(period time.Duration) string {
	var out []string
	for _, p := range rules.PairsFor(period) {
		out = append(out, fmt.Sprintf("%s at %s", p, figure(p.Factor)))
	}
	return strings.Join(out, ", ")
}

// spanMetrics begins the names of what is counted from spans, every second.
const spanMetrics = "traces_span_metrics"

// arrival is how often samples of an objective arrive.
type arrival struct {
	every time.Duration
	// why says so, and faster how to make it as often as given.
	why    string
	faster func(time.Duration) string
}

// arrivesAt finds out how often samples of an objective arrive: the server knows, or
// the scrape configuration does. False when nobody can say.
func (l *linter) arrivesAt(s *subject) (arrival, bool) {
	var slowest arrival
	for _, sel := range s.selectors {
		if sel.role != needed {
			continue
		}
		if a, ok := l.arrivalOf(sel); ok && a.every > slowest.every {
			slowest = a
		}
	}
	return slowest, slowest.every > 0
}

func (l *linter) arrivalOf(sel *selector) (arrival, bool) {
	if l.facts.Store != nil {
		if every := l.facts.Store.Selected[sel.text].Interval; every > 0 {
			return arrival{every, "samples of " + sel.text + " arrive every " + length(every), func(d time.Duration) string {
				return "send or scrape them every " + length(d)
			}}, true
		}
	}
	if strings.HasPrefix(sel.name, spanMetrics) {
		return arrival{}, false
	}
	pushed := arrival{l.facts.OTLP, "metrics pushed by OTLP arrive every " + length(l.facts.OTLP) + " unless their sender is set otherwise", func(d time.Duration) string {
		return fmt.Sprintf("set OTEL_METRIC_EXPORT_INTERVAL to %d", d.Milliseconds())
	}}
	scraped := func(job string) arrival {
		every := l.facts.Jobs[job]
		return arrival{every, "the job " + job + " is scraped every " + length(every), func(d time.Duration) string {
			return "set its scrape_interval to " + length(d)
		}}
	}
	if m := sel.pinned("job"); m != nil {
		if l.facts.Jobs[m.Value] > 0 {
			return scraped(m.Value), true
		}
		return pushed, pushed.every > 0
	}
	// It may come from anywhere: at best from where it comes most often.
	best := pushed
	for _, job := range slices.Sorted(maps.Keys(l.facts.Jobs)) {
		if a := scraped(job); best.every == 0 || a.every < best.every {
			best = a
		}
	}
	return best, best.every > 0
}

// arrivals checks windows and slices against how often samples arrive.
func (l *linter) arrivals(s *subject) {
	l.job(s)
	if s.source == rules.SourcePolled {
		return // It is asked for at an interval of its own.
	}
	a, ok := l.arrivesAt(s)
	if !ok {
		return
	}
	l.shortWindows(s, a)
	switch slice := s.Budgeting.Slice; {
	case slice == 0:
	case slice < a.every:
		l.fault(s, checkSlice, "slices of %s are shorter than the time between samples, so most say nothing (%s): raise slice to %s, or %s",
			length(slice), a.why, length(2*a.every), a.faster(slice/2))
	case slice < 2*a.every:
		l.warn(s, checkSlice, "slices of %s hold one sample or none (%s): raise slice to %s, or %s", length(slice), a.why, length(2*a.every), a.faster(slice/2))
	}
	if quiet := s.Alerting.NoTrafficFor; quiet > 0 && quiet < 4*a.every {
		l.warn(s, checkNoTrafficFor, "no_traffic_for is %s, fewer than 4 samples (%s): raise it to %s, or %s", length(quiet), a.why, length(4*a.every), a.faster(quiet/4))
	}
}

// shortWindows checks that the short windows hold the four samples they need.
func (l *linter) shortWindows(s *subject, a arrival) {
	var short []string
	least, worst := time.Duration(0), Warning
	for _, p := range s.pairs() {
		if p.Short >= 4*a.every {
			continue
		}
		short = append(short, fmt.Sprintf("the %s on %s", p.Severity, p))
		if least == 0 || p.Short < least {
			least = p.Short
		}
		if p.Short < a.every {
			worst = Fault
		}
	}
	if len(short) == 0 {
		return
	}
	sentence := fmt.Sprintf("%s: %s is fewer than 4 samples (%s): %s",
		strings.Join(short, " and "), length(least), a.why, a.faster((least / 4).Truncate(time.Second)))
	if period := longEnough(a.every); period > s.Period {
		sentence += ", or promise over " + length(period)
	} else {
		sentence += ", or give windows whose short one is " + length(4*a.every)
	}
	l.add(s, checkShortWindow, worst, sentence)
}

// longEnough is the first usual period whose windows hold four samples each.
func longEnough(every time.Duration) time.Duration {
	const day = 24 * time.Hour
	for _, period := range []time.Duration{7 * day, 14 * day, 28 * day, 30 * day} {
		if !slices.ContainsFunc(rules.PairsFor(period), func(p rules.Pair) bool { return p.Short < 4*every }) {
			return period
		}
	}
	return 0
}

// job finds scrape jobs whose names are misspelled.
func (l *linter) job(s *subject) {
	jobs := slices.Sorted(maps.Keys(l.facts.Jobs))
	told := map[string]bool{}
	for _, sel := range s.selectors {
		m := sel.pinned("job")
		if m == nil || told[m.Value] || slices.Contains(jobs, m.Value) {
			continue
		}
		told[m.Value] = true
		if like := Near(m.Value, jobs); like != "" {
			l.warn(s, checkJob, "%s asks for job=%q, and no such job is scraped: write job=%q, unless its metrics are pushed", sel.key, m.Value, like)
		}
	}
}

// retention tells once when samples are kept for less than the longest period.
func (l *linter) retention() {
	keep := l.facts.Retention
	if keep == 0 {
		return
	}
	var longest *subject
	n := 0
	for _, s := range l.subjects {
		if s.Period <= keep {
			continue
		}
		n++
		if longest == nil || s.Period > longest.Period {
			longest = s
		}
	}
	if longest == nil {
		return
	}
	f := Finding{File: l.facts.Keep.File, Line: l.facts.Keep.Line, Objective: longest.ID, Severity: Warning, Check: checkRetention}
	if f.File == "" {
		f.File, f.Line = longest.File, longest.Line
	}
	also := ""
	if n > 1 {
		also = " (and " + counted(n-1, "other objective has a period that long", "other objectives have periods that long") + ")"
	}
	f.Sentence = fmt.Sprintf("samples are kept %s, and its period is %s%s: a new objective begins with what the samples tell and is whole only after %s, though counts are kept %s; set store.retention to %s",
		length(keep), length(longest.Period), also, length(longest.Period), length(l.facts.Ledger), length(longest.Period))
	l.findings = append(l.findings, f)
}
