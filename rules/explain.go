package rules

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// Explanation says how an objective is counted and what its numbers rest on.
type Explanation struct {
	Status Status
	// Expressions are the PromQL the spec gives, with {{.window}} filled in by 5m.
	Expressions []string
	// Terms are the countable parts of an observed objective.
	Terms []Term
	// Series are the watched series, at most 100 of SeriesCount.
	Series      []SeriesStatus
	SeriesCount int
	// Every is the interval at which samples arrive, 0 while it is not known.
	Every time.Duration
	// Windows are the numbers behind each pair now, and why it fires or does not.
	Windows []WindowExplanation
	// Budget is the arithmetic of the error budget, a sentence for each step.
	Budget []string
	// Groups are the IDs of the members of a grouped objective.
	Groups []string
	// Dropped are window pairs that could not fire, with the reason.
	Dropped []string
	// Generations are the versions of the objective, oldest first; the last one holds
	// now. There is one for an objective that was never edited.
	Generations []Generation
	// Corrections are those of the objective and its parent, by their beginning;
	// revoked ones too.
	Corrections []Correction
}

// Generation is the time in which one version of an objective holds: it is judged by
// the target it had then.
type Generation struct {
	// From is when it began; the first one also holds for all time before.
	From   time.Time
	Target float64
	// Recounted tells that it counts other events than the one before.
	Recounted bool
}

// Term is one selector of an observed objective and its weight in bad and total.
type Term struct {
	Selector string
	// Counts says what is counted of each series: "increase", "observations",
	// "observations above 0 up to 0.3", "samples" or "sum of samples".
	Counts     string
	Bad, Total float64
	Series     int
}

// SeriesStatus is one watched series.
type SeriesStatus struct {
	Labels   string
	LastSeen time.Time
	Last     float64
	Interval time.Duration
	// Counted is what the series has added since the process began to watch it.
	Counted float64
	Resets  int
	Late    int
}

// WindowExplanation is one pair of windows with everything that decides about it.
type WindowExplanation struct {
	Severity Severity
	// Factor is the burn rate of the pair at even traffic, Threshold what holds now.
	Factor, Threshold float64
	Long, Short       WindowNumbers
	// Firing tells that the pair burns; Why says so in words, or why it does not.
	Firing bool
	Why    string
}

// WindowNumbers are what one window holds.
type WindowNumbers struct {
	Length     time.Duration
	Bad, Total float64
	// Allowed is how many bad events the error budget allows among Total.
	Allowed float64
	// Ratio is Bad/Total and Burn is Bad/Allowed; both are 0 without events.
	Ratio, Burn float64
	// Coverage is the share of the window in which telemetry arrived, Corrected how
	// much of it corrections take out.
	Coverage  float64
	Corrected time.Duration
}

// Explain says how an objective is counted and what its numbers rest on.
func (e *Engine) Explain(id string) (Explanation, bool) {
	tr := e.track(id)
	if tr == nil {
		return Explanation{}, false
	}
	members, corrections := e.membersOf(tr), e.Corrections(id)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	x := Explanation{
		Status: tr.statusLocked(), SeriesCount: tr.count, Groups: members, Dropped: tr.judge.dropped,
		Every:       time.Duration(tr.every) * time.Millisecond,
		Generations: e.books.generationsOf(cmp.Or(tr.obj.Parent, id)), Corrections: corrections,
	}
	for _, q := range []string{tr.obj.SLI.ErrorQuery, tr.obj.SLI.TotalQuery, tr.obj.SLI.ErrorRatioQuery} {
		if q != "" {
			x.Expressions = append(x.Expressions, FillWindow(q, 5*time.Minute))
		}
	}
	for i, t := range tr.shape.terms {
		x.Terms = append(x.Terms, Term{Selector: t.selector, Counts: t.counts(), Bad: t.bad, Total: t.total, Series: tr.perTerm[i]})
	}
	if tr.restoring {
		return x, true
	}
	x.Series = tr.seriesStatuses()
	if tr.reading.at > 0 {
		for i := range tr.judge.pairs {
			x.Windows = append(x.Windows, tr.explainPair(i))
		}
		x.Budget = tr.explainBudget(&x.Status)
	}
	return x, true
}

// membersOf lists the members of a grouped objective.
func (e *Engine) membersOf(tr *track) []string {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if tr.group == nil {
		return nil
	}
	var out []string
	for id := range tr.group.members {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// seriesStatuses are the first series in order of their labels. The lock is held.
func (tr *track) seriesStatuses() []SeriesStatus {
	const most = 100
	var out []SeriesStatus
	for _, list := range tr.sources {
		for _, s := range list {
			out = append(out, seriesStatus(s))
		}
	}
	slices.SortFunc(out, func(a, b SeriesStatus) int { return strings.Compare(a.Labels, b.Labels) })
	return out[:min(most, len(out))]
}

func seriesStatus(s *source) SeriesStatus {
	c := s.counter
	out := SeriesStatus{
		Labels: seriesName(s.lset), Last: c.Last, Counted: s.counted, Resets: int(c.Resets), Late: int(s.lateSeen),
		Interval: time.Duration(float64(c.Interval) * float64(time.Millisecond)),
	}
	if c.LastTime > 0 {
		out.LastSeen = time.UnixMilli(c.LastTime)
	}
	return out
}

// seriesName writes a series as PromQL does.
func seriesName(lset labels.Labels) string {
	return lset.Get(model.MetricNameLabel) + lset.MatchLabels(false, model.MetricNameLabel).String()
}

// explainPair gives the numbers of the i-th pair and their meaning. The lock is held.
func (tr *track) explainPair(i int) WindowExplanation {
	p, pr := tr.judge.pairs[i], &tr.reading.pairs[i]
	x := WindowExplanation{
		Severity: p.Severity, Factor: p.Factor, Threshold: pr.threshold, Firing: pr.verdict == burning,
		Long: tr.numbers(tr.judge.long[i]), Short: tr.numbers(tr.judge.short[i]),
	}
	x.Why = tr.why(p, pr, x)
	return x
}

// numbers are those of the window at a place among the spans.
func (tr *track) numbers(place int) WindowNumbers {
	t := tr.reading.sums[place]
	return WindowNumbers{
		Length: time.Duration(tr.judge.spans[place]) * time.Millisecond,
		Bad:    t.Bad, Total: t.Total, Allowed: t.allowed, Ratio: t.ratio(), Burn: t.errorBurn(),
		Coverage: tr.reading.coverage[place], Corrected: time.Duration(t.out) * time.Millisecond,
	}
}
