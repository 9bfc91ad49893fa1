package rules

import (
	"context"
	"fmt"
	"time"
)

// Where says which labels the bad events of an objective share in the time
// (From, To], each compared with its part of the traffic.
type Where struct {
	From, To time.Time
	// Unit is what is counted, in people's words: "requests". An objective by slices of
	// time is looked at by its events too.
	Unit string
	// Bad and Total are the events of all series, without what corrections take out.
	Bad, Total float64
	// Series is how many series they were counted from.
	Series int
	// Culprits are at most three, the one that explains most first. Each explains
	// failures that those before it do not.
	Culprits []Culprit
	// Kinds say what kind of failure it is: values of a label that only failures have,
	// such as a status code, by their part of the failures. That all failures are
	// failures accuses nobody, so they are no culprits. Their TrafficShare is 0.
	Kinds []Culprit
	// Even tells that the failures are spread like the traffic: no label stands out.
	Even bool
	// Reason says why nothing was found out, "" if something was: that the failures are
	// Even, too.
	Reason string
}

// Culprit is a label's value that has more of the failures than its part of the
// traffic explains.
type Culprit struct {
	Label, Value string
	// And are further labels which only together with the first have the failures.
	And []LabelValue
	// Also are labels that say the same in other words: they belong to the same series.
	Also []LabelValue
	// Values is how many values of Label the figures are of: 1, unless no single one
	// stands out but a few of all Known ones do together; Value is then the worst.
	Values, Known int
	// Bad and Total are its events, the shares their parts of all, 0 to 1.
	Bad, Total, BadShare, TrafficShare float64
}

// LabelValue is a label with its value; an empty value means that the label is
// missing.
type LabelValue struct{ Label, Value string }

// Where finds what the bad events of an objective at times in (from, to] have in
// common: it counts each of the objective's series from the store, as the ledger does,
// and compares the values of every label. It takes time in proportion to series and
// samples and ends with ctx. An objective that cannot be looked into, such as a polled
// one, yields a Where with a Reason; the error wraps ErrUnknown when there is none.
func (e *Engine) Where(ctx context.Context, id string, from, to time.Time) (Where, error) {
	tr := e.track(id)
	if tr == nil {
		return Where{}, fmt.Errorf("%w: there is no objective %q", ErrUnknown, id)
	}
	w := Where{From: from, To: to}
	c := census{store: e.store, tr: tr, terms: tr.shape.terms, from: from.UnixMilli(), to: to.UnixMilli()}
	tr.mu.Lock()
	o := tr.obj
	o.Budgeting = Budgeting{}
	w.Unit, w.Reason = o.unit(), tr.unaccountable()
	c.since, c.every = tr.since, tr.every
	for _, s := range tr.judge.segments {
		if s.out && s.from < c.to && s.to > c.from {
			c.out = append(c.out, s)
		}
	}
	tr.mu.Unlock()
	switch {
	case !to.After(from):
		w.Reason = "the time to look at ends before it begins"
		return w, nil
	case w.Reason != "":
		return w, nil
	}
	if err := c.count(ctx); err != nil {
		return w, fmt.Errorf("find out where %q fails: %w", id, err)
	}
	w.Series = len(c.found.rows)
	for _, r := range c.found.rows {
		w.Bad += r.bad
		w.Total += r.total
	}
	if w.Reason = w.inconclusive(); w.Reason == "" {
		c.found.explain(&w, definingLabels(tr.shape.terms))
	}
	return w, nil
}

// unaccountable says why an objective's events have no series to look at, "" if they
// have. The lock is held.
func (tr *track) unaccountable() string {
	switch {
	case !tr.shape.observed():
		return "the objective is polled, which yields no series of its own to compare"
	case tr.restoring:
		return "the objective's past is still being read"
	case tr.missing != "":
		return "no series matches " + tr.missing + ", so bad events cannot be told from good ones"
	}
	return ""
}

// minFailures is how many bad events there must be before a label is accused: of four,
// all may well share a value by chance.
const minFailures = 5

// inconclusive says why the counts accuse nobody, "" if they may.
func (w *Where) inconclusive() string {
	// Edges of a latency bound need not be whole numbers.
	const none = 1e-6
	switch {
	case w.Series == 0:
		return fmt.Sprintf("no series reported any %s in this time", w.Unit)
	case w.Bad <= none:
		return fmt.Sprintf("none of %s %s failed", whole(w.Total), w.Unit)
	case w.Total <= none:
		return fmt.Sprintf("%s %s failed, but nothing tells how many there were", events(w.Bad), w.Unit)
	case w.Bad < minFailures-none:
		return fmt.Sprintf("only %s of %s %s failed, too few to say what they have in common", events(w.Bad), whole(w.Total), w.Unit)
	}
	return ""
}
