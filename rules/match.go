package rules

import (
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
)

// selects tells whether a series belongs to the term. Bounds of histogram buckets
// and quantiles are compared as numbers: "1" and "1.0" are the same bound.
func (t term) selects(lset labels.Labels) bool {
	for _, m := range t.matchers {
		v := lset.Get(m.Name)
		if m.Matches(v) {
			continue
		}
		if !sameBound(m, v) {
			return false
		}
	}
	return true
}

func sameBound(m *labels.Matcher, v string) bool {
	if m.Type != labels.MatchEqual || (m.Name != labels.BucketLabel && m.Name != "quantile") {
		return false
	}
	want, err := strconv.ParseFloat(m.Value, 64)
	if err != nil {
		return false
	}
	got, err := strconv.ParseFloat(v, 64)
	return err == nil && want == got
}

// metric returns the name all series of the term have, "" if it may vary.
func (t term) metric() string {
	for _, m := range t.matchers {
		if m.Name == labels.MetricName && m.Type == labels.MatchEqual {
			return m.Value
		}
	}
	return ""
}

// storeMatchers are the matchers to ask the store with: without those that the
// store would compare as text although they are numbers.
func (t term) storeMatchers() []*labels.Matcher {
	var ms []*labels.Matcher
	for _, m := range t.matchers {
		if m.Type == labels.MatchEqual && (m.Name == labels.BucketLabel || m.Name == "quantile") && m.Value != "" {
			continue
		}
		ms = append(ms, m)
	}
	return ms
}

// interest is one objective's wish for a series.
type interest struct {
	track *track
	term  int
}

// index finds the terms that a new series may belong to.
type index struct {
	byName map[string][]interest
	rest   []interest
}

func newIndex(tracks map[string]*track) *index {
	ix := &index{byName: map[string][]interest{}}
	for _, tr := range tracks {
		for i, t := range tr.shape.terms {
			if name := t.metric(); name != "" {
				ix.byName[name] = append(ix.byName[name], interest{tr, i})
			} else {
				ix.rest = append(ix.rest, interest{tr, i})
			}
		}
	}
	return ix
}

// find returns the tracks that want the series; each comes once.
func (ix *index) find(lset labels.Labels) []*track {
	var found []*track
	for _, some := range [2][]interest{ix.byName[lset.Get(labels.MetricName)], ix.rest} {
		for _, in := range some {
			if !in.track.shape.terms[in.term].selects(lset) {
				continue
			}
			known := false
			for _, tr := range found {
				known = known || tr == in.track
			}
			if !known {
				found = append(found, in.track)
			}
		}
	}
	return found
}
