package rules

import (
	"slices"
	"strconv"

	"github.com/prometheus/common/model"

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
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
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

// index finds the terms that a new series may belong to, without trying them all:
// by the name of the metric, then by one label that the term pins to a value.
type index struct {
	byName map[string]*shelf
	rest   []interest
}

// shelf holds the terms of one metric.
type shelf struct {
	// byLabel leads from a label and its value to the terms that demand it.
	byLabel map[string]map[string][]interest
	rest    []interest
}

func newIndex(tracks map[string]*track) *index {
	ix := &index{byName: map[string]*shelf{}}
	values := map[[2]string]map[string]bool{}
	each := func(f func(in interest, t term, name string)) {
		for _, tr := range tracks {
			for i, t := range tr.shape.terms {
				f(interest{tr, i}, t, t.metric())
			}
		}
	}
	each(func(_ interest, t term, name string) {
		for _, m := range t.pinned() {
			k := [2]string{name, m.Name}
			if values[k] == nil {
				values[k] = map[string]bool{}
			}
			values[k][m.Value] = true
		}
	})
	each(func(in interest, t term, name string) {
		if name == "" {
			ix.rest = append(ix.rest, in)
			return
		}
		s := ix.byName[name]
		if s == nil {
			s = &shelf{byLabel: map[string]map[string][]interest{}}
			ix.byName[name] = s
		}
		// The label with the most values tells terms apart best.
		var best *labels.Matcher
		for _, m := range t.pinned() {
			if best == nil || len(values[[2]string{name, m.Name}]) > len(values[[2]string{name, best.Name}]) {
				best = m
			}
		}
		if best == nil {
			s.rest = append(s.rest, in)
			return
		}
		if s.byLabel[best.Name] == nil {
			s.byLabel[best.Name] = map[string][]interest{}
		}
		s.byLabel[best.Name][best.Value] = append(s.byLabel[best.Name][best.Value], in)
	})
	return ix
}

// pinned returns the matchers that demand one value of a label other than the name.
func (t term) pinned() []*labels.Matcher {
	var out []*labels.Matcher
	for _, m := range t.storeMatchers() {
		if m.Type == labels.MatchEqual && m.Value != "" && m.Name != model.MetricNameLabel {
			out = append(out, m)
		}
	}
	return out
}

// find returns the tracks that want the series; each comes once.
func (ix *index) find(lset labels.Labels) []*track {
	found := pick(nil, ix.rest, lset)
	s := ix.byName[lset.Get(model.MetricNameLabel)]
	if s == nil {
		return found
	}
	found = pick(found, s.rest, lset)
	for name, values := range s.byLabel {
		found = pick(found, values[lset.Get(name)], lset)
	}
	return found
}

func pick(found []*track, some []interest, lset labels.Labels) []*track {
	for _, in := range some {
		if !in.track.shape.terms[in.term].selects(lset) {
			continue
		}
		if !slices.Contains(found, in.track) {
			found = append(found, in.track)
		}
	}
	return found
}
