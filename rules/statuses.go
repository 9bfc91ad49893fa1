package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Statuses returns all objectives as of the last evaluation, ordered by ID.
func (e *Engine) Statuses() []Status {
	tracks := e.all()
	out := make([]Status, 0, len(tracks))
	for _, tr := range tracks {
		out = append(out, tr.status())
	}
	return out
}

// EvaluatedAt is when the last evaluation began; before the first, when the engine was
// made.
func (e *Engine) EvaluatedAt() time.Time { return time.UnixMilli(e.clock.Load()) }

// Status returns one objective as of the last evaluation.
func (e *Engine) Status(id string) (Status, bool) {
	tr := e.track(id)
	if tr == nil {
		return Status{}, false
	}
	return tr.status(), true
}

func (tr *track) status() Status {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.statusLocked()
}

func (tr *track) statusLocked() Status {
	j, r := &tr.judge, &tr.reading
	s := Status{Objective: tr.obj, State: StateUnknown, NoData: true, BudgetRemaining: 1, Source: SourcePolled, Reason: tr.reason()}
	if tr.shape.observed() {
		s.Source = SourceObserved
	}
	s.Consequence = "Nothing is known yet: no telemetry has arrived."
	s.Alerts = tr.alertStatuses()
	if tr.restoring {
		p := tr.restored.now()
		s.Restoring = &p
	}
	if tr.restoring || r.at == 0 {
		for _, p := range j.pairs {
			s.Windows = append(s.Windows, Window{Severity: p.Severity, Long: p.Long, Short: p.Short, Factor: p.Factor, Threshold: p.Factor})
		}
		return s
	}
	now, period := r.sums[j.now], r.spent
	s.UpdatedAt = time.UnixMilli(r.at)
	s.NoData = now.Total <= 0
	s.Burn = now.errorBurn()
	s.ErrorRatio = now.ratio()
	s.PeriodErrorRatio = period.ratio()
	s.Good, s.Total = period.Total-period.Bad, period.Total
	s.BudgetRemaining = 1 - j.consumed(r)
	s.Allowed = j.allowance(r)
	s.Coverage = r.coverage[j.period]
	tr.statusOfPeriods(&s)
	if r.lag > 0 && tr.ledger.Last() > 0 {
		s.BlindSince = time.UnixMilli(r.anchor)
	}
	for i, p := range j.pairs {
		pr, long := r.pairs[i], r.sums[j.long[i]]
		s.Windows = append(s.Windows, Window{
			Severity: p.Severity, Long: p.Long, Short: p.Short, Factor: p.Factor, Threshold: pr.threshold,
			LongBurn: pr.long, ShortBurn: pr.short, Bad: long.Bad, Total: long.Total,
			Coverage: min(r.coverage[j.long[i]], r.coverage[j.short[i]]), Firing: pr.verdict == burning,
		})
	}
	s.Forecast, s.ExhaustedIn = tr.forecast()
	s.State, s.Consequence = tr.state(&s)
	return s
}

// statusOfPeriods adds the bounds of the period, its figures without corrections, and
// the further spans. The lock is held.
func (tr *track) statusOfPeriods(s *Status) {
	j, r := &tr.judge, &tr.reading
	from := r.anchor - j.periodMillis
	if r.calendar.to > 0 {
		s.PeriodStart, s.PeriodEnd = time.UnixMilli(r.calendar.from), time.UnixMilli(r.calendar.to)
		from = r.calendar.from
	}
	until := edge{r.anchor, tr.ledger.Until(r.anchor)}
	figures := func(j *judge, from, length int64) Figures {
		t := tally{}
		if from < until.t {
			t = j.between(tr.ledger, edgeAt(tr.ledger, from), until)
		}
		f := Figures{Good: t.Total - t.Bad, Total: t.Total, BudgetRemaining: 1}
		expected := r.volume * float64(length) / float64(j.periodMillis)
		if allowed := t.allowance(j.budget, expected); allowed > 0 {
			f.BudgetRemaining = 1 - t.Bad/allowed
		}
		return f
	}
	if r.spent.out > 0 {
		raw := *j
		raw.segments = slices.Clone(j.segments)
		for i := range raw.segments {
			raw.segments[i].out = false
		}
		f := figures(&raw, from, max(j.periodMillis, r.calendar.to-r.calendar.from))
		s.Uncorrected = &f
	}
	for _, span := range tr.obj.AlsoOver {
		p := PeriodStatus{Span: span}
		from, length := r.anchor-span.Length.Milliseconds(), span.Length.Milliseconds()
		if span.Calendar != nil {
			c := span.Calendar.state(r.at)
			p.Start, p.End = time.UnixMilli(c.from), time.UnixMilli(c.to)
			from, length = c.from, c.to-c.from
		}
		p.Figures = figures(j, from, length)
		s.Periods = append(s.Periods, p)
	}
}

// state judges the budget: the worst that holds, and what follows from it: the
// objective's policy, else a general sentence. Why nothing is known is said in any
// case.
func (tr *track) state(s *Status) (State, string) {
	j, r := &tr.judge, &tr.reading
	state, consequence := StateHealthy, "The budget will last the period."
	switch period := r.sums[j.period]; {
	case tr.ledger.Last() == 0 || period.Total <= 0:
		state, consequence = StateUnknown, "Nothing is known yet: no events have been seen."
	case tr.untold():
		state, consequence = StateUnknown, "Nothing can be said: "+tr.reason()+"."
	case r.lag > 0 && r.coverage[j.hour] < minCoverage:
		state, consequence = StateUnknown, "Nothing is known since "+clockTime(r.anchor)+": no telemetry arrives."
	// One hundredth of the period must have been seen before ruin is declared.
	case s.BudgetRemaining <= 0 && j.enough(r):
		state, consequence = StateExhausted, "The budget is spent: changes that can wait should wait."
	case s.ExhaustedIn > 0 && s.ExhaustedIn < s.Objective.Period:
		state, consequence = StateAtRisk, "Reliability comes before features until it lasts again."
	case r.sums[j.slow].errorBurn() > 1:
		state = StateWatch
		consequence = fmt.Sprintf("More errors than allowed in the last %s, but the budget lasts.", model.Duration(j.spans[j.slow])*model.Duration(time.Millisecond))
	}
	switch own := sentence(strings.TrimSpace(s.Objective.Policy[state])); {
	case own == ".":
		return state, consequence
	case state == StateUnknown:
		return state, consequence + " " + own
	default:
		return state, own
	}
}

func (tr *track) alertStatuses() []AlertStatus {
	var out []AlertStatus
	for i, rule := range tr.judge.alerts {
		a := AlertStatus{Name: rule.name, Kind: rule.kind.public(), Limit: rule.value, Severity: rule.severity, State: AlertInactive}
		if st := &tr.alerts[i]; st.firing {
			a.State, a.Since = AlertFiring, time.UnixMilli(st.activeAt)
			if tr.reading.at > 0 {
				a.Summary = tr.annotations(i, "")["summary"]
			}
		}
		out = append(out, a)
	}
	return out
}

// reason says how events are counted and what is wrong with it.
func (tr *track) reason() string {
	said := []string{tr.shape.reason}
	if why := tr.obj.Budgeting.reason(); why != "" {
		said = append(said, why)
	}
	switch {
	case tr.restoring:
		said = append(said, "its history is being restored: "+tr.restored.now().String())
	case tr.missing != "":
		said = append(said, "no series matches "+tr.missing+" yet, so bad events cannot be told from good ones")
	case tr.shape.observed() && tr.count == 0:
		said = append(said, "no series matches its queries yet")
	}
	if tr.backwards != nil {
		said = append(said, fmt.Sprintf("%s falls again and again, and each time its whole value counts: it is no counter, or several senders report it; count the samples of a gauge with sum_over_time, or give each sender a label of its own", tr.backwards.lset))
	}
	if tr.obj.SLI.Raw() && tr.obj.Alerting.NoTrafficFor > 0 {
		said = append(said, "NoTraffic cannot fire, since a ratio does not tell how many events there are: give error_query and total_query")
	}
	if tr.obj.SLI.Raw() && tr.obj.Confidence > 0 {
		said = append(said, "the confidence is not used, since a ratio does not tell how many events there are: give error_query and total_query")
	}
	if tr.crowded {
		said = append(said, fmt.Sprintf("its queries match more than %d series, of which only as many are counted, and they need not be like the others: narrow the selectors, then reload", maxSeries))
	}
	if grouped := tr.groupReason(); grouped != "" {
		said = append(said, grouped)
	}
	if tr.polled.err != "" {
		said = append(said, "the last poll failed: "+tr.polled.err)
	}
	if short := tr.judge.shortMillis; tr.every > 0 && short < 4*tr.every {
		said = append(said, fmt.Sprintf("samples arrive every %s, too rarely for its shortest window of %s: lengthen the period or report more often",
			span(time.Duration(tr.every)*time.Millisecond), span(time.Duration(short)*time.Millisecond)))
	}
	for why, n := range tr.refused {
		said = append(said, fmt.Sprintf("%d samples were refused (%s)", n, strings.ReplaceAll(why, "_", " ")))
	}
	slices.Sort(said[1:])
	return strings.Join(said, "; ")
}
