package rules

import "time"

// MaxSeries is how many series an objective can be counted from; nothing is said
// about one that matches more.
const MaxSeries = maxSeries

// PollInterval is how often an objective that cannot be observed is asked for.
const PollInterval = pollStep

// Counting says how the events of an objective would be counted and why, and, if
// that is as samples arrive, from which terms; Series of these is 0. The objective
// has been read without fault.
func (o Objective) Counting() (source Source, reason string, terms []Term) {
	counted, err := o.whole()
	if err != nil {
		return SourcePolled, err.Error(), nil
	}
	s, err := shapeOf(counted.SLI)
	if err != nil {
		return SourcePolled, err.Error(), nil
	}
	if !s.observed() {
		return SourcePolled, s.reason, nil
	}
	for _, t := range s.terms {
		terms = append(terms, Term{Selector: t.selector, Bad: t.bad, Total: t.total})
	}
	return SourceObserved, s.reason, terms
}

// Over returns the indicator with {{.window}} filled in.
func (s SLI) Over(window time.Duration) SLI {
	return SLI{
		ErrorQuery:      FillWindow(s.ErrorQuery, window),
		TotalQuery:      FillWindow(s.TotalQuery, window),
		ErrorRatioQuery: FillWindow(s.ErrorRatioQuery, window),
	}
}
