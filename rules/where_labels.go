package rules

import (
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// spread is how the events of an objective are spread over the values of its labels.
type spread struct {
	rows []spreadRow
	// sparse holds the values of each row that its series has, by their place in values;
	// dense, once all are there, those of every label.
	sparse, dense []int32
	labels        []spreadLabel
	places        map[string]int32
	values        []spreadValue
}

// spreadRow is one series: its events, and what weighs in them.
type spreadRow struct {
	bad, total float64
	from, to   int
	able       able
}

// spreadLabel is one label of the series.
type spreadLabel struct {
	name   string
	values map[string]int32
	role   role
}

// spreadValue is one value of a label, "" of those that lack it, with the events of its
// series.
type spreadValue struct {
	label int32
	value string
	// series counts those that had events, print is the same for values of the same ones.
	series     int
	print      uint64
	bad, total float64
	able       able
}

// able says what the events of a series can be.
type able uint8

const (
	ableBad able = 1 << iota
	ableGood
)

// role is what a label can tell.
type role uint8

const (
	// whereabouts: where events happen. Only these can be culprits.
	whereabouts role = iota
	// outcome: how they ended, as a status code does.
	outcome
	// mute: nothing, since it is the same everywhere, or no failure has it.
	mute
)

// abilities says what the events of a weighed series can be.
func (s *source) abilities() able {
	if s.measure != nil {
		return ableBad | ableGood
	}
	var out able
	if s.value.bad > 0 {
		out |= ableBad
	}
	// One that is taken off counts good events, such as those below a latency bound.
	if s.value.bad < 0 || s.value.bad < s.value.total {
		out |= ableGood
	}
	return out
}

// add makes a row for a series. What tells the series of one histogram apart is left
// out, as is the name of the metric.
func (s *spread) add(of *source) int {
	if s.places == nil {
		s.places = map[string]int32{}
	}
	r := spreadRow{from: len(s.sparse), able: of.abilities()}
	of.lset.Range(func(l labels.Label) {
		if l.Name == model.MetricNameLabel || l.Name == labels.BucketLabel || l.Name == model.QuantileLabel {
			return
		}
		i, ok := s.places[l.Name]
		if !ok {
			// The store's strings do not outlive its querier.
			name := strings.Clone(l.Name)
			i = int32(len(s.labels))
			s.places[name] = i
			s.labels = append(s.labels, spreadLabel{name: name, values: map[string]int32{}})
		}
		s.sparse = append(s.sparse, s.valueOf(i, l.Value))
	})
	r.to = len(s.sparse)
	s.rows = append(s.rows, r)
	return len(s.rows) - 1
}

// valueOf returns the place of a label's value.
func (s *spread) valueOf(label int32, value string) int32 {
	known := s.labels[label].values
	v, ok := known[value]
	if !ok {
		value = strings.Clone(value)
		v = int32(len(s.values))
		known[value] = v
		s.values = append(s.values, spreadValue{label: label, value: value})
	}
	return v
}

// of returns the values of a row, one of each label in their order.
func (s *spread) of(row int) []int32 {
	return s.dense[row*len(s.labels) : (row+1)*len(s.labels)]
}

// fill completes the rows by the labels their series lack, and adds up the values.
func (s *spread) fill() {
	width := len(s.labels)
	s.dense = make([]int32, len(s.rows)*width)
	for i := range s.dense {
		s.dense[i] = -1
	}
	for i := range s.rows {
		r := &s.rows[i]
		row := s.of(i)
		for _, v := range s.sparse[r.from:r.to] {
			row[s.values[v].label] = v
		}
		for j, v := range row {
			if v < 0 {
				row[j] = s.valueOf(int32(j), "")
			}
		}
		mark := rand.Uint64()
		for _, v := range row {
			of := &s.values[v]
			of.able |= r.able
			if r.bad == 0 && r.total == 0 {
				continue
			}
			of.bad += r.bad
			of.total += r.total
			of.series++
			of.print ^= mark
		}
	}
}

// classify gives every label its role; defining are the labels by which the queries
// tell bad events from good ones.
func (s *spread) classify(defining map[string]defined) {
	type seen struct {
		values, bad, good, mixed int
		named                    [2]bool
	}
	all := make([]seen, len(s.labels))
	for _, v := range s.values {
		of := &all[v.label]
		of.values++
		switch v.able {
		case ableBad | ableGood:
			of.mixed++
		case ableBad:
			of.bad++
			of.named[0] = of.named[0] || v.value != ""
		case ableGood:
			of.good++
			of.named[1] = of.named[1] || v.value != ""
		}
	}
	for i := range s.labels {
		l, of := &s.labels[i], all[i]
		d, named := defining[l.name]
		pure := of.mixed == 0 && of.bad > 0 && of.good > 0
		switch {
		case of.values < 2 && !named:
			l.role = mute
		case of.mixed == 0 && !of.named[0]:
			// Only series of good events have it.
			l.role = mute
		case named && (pure || d.demanded):
			l.role = outcome
			if d.pinned && of.bad < 2 {
				l.role = mute // The query says it already.
			}
		case pure && (!of.named[1] || soundsLikeOutcome(l.name)):
			l.role = outcome
			if of.bad < 2 {
				l.role = mute // It says no more than that they failed.
			}
		case of.values < 2:
			l.role = mute
		default:
			l.role = whereabouts
		}
	}
}

// soundsLikeOutcome tells by its name whether a label says how an event ended. It is
// asked only about a label of which no value has both good and bad events: of a status
// this is always so, of a version that fails altogether by chance.
func soundsLikeOutcome(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"code", "status", "outcome", "result", "error", "exception", "reason", "success", "fail"},
		func(part string) bool { return strings.Contains(name, part) })
}

// defined says how queries use a label to tell bad events from good ones: demanded if
// bad events must have certain values, pinned if exactly one.
type defined struct{ demanded, pinned bool }

// definingLabels are the labels that an objective's queries demand differently of bad
// events and of all.
func definingLabels(terms []term) map[string]defined {
	demands := func(name string, of func(term) bool) []string {
		var out []string
		for _, t := range terms {
			if !of(t) {
				continue
			}
			var said []string
			for _, m := range t.matchers {
				if m.Name == name {
					said = append(said, m.String())
				}
			}
			out = append(out, strings.Join(said, ","))
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	out := map[string]defined{}
	for _, t := range terms {
		for _, m := range t.matchers {
			bad := demands(m.Name, func(t term) bool { return t.bad != 0 })
			if slices.Equal(bad, demands(m.Name, func(t term) bool { return t.total != 0 })) {
				continue
			}
			d := out[m.Name]
			d.demanded = d.demanded || t.bad > 0 && (m.Type == labels.MatchEqual || m.Type == labels.MatchRegexp)
			d.pinned = d.pinned || t.bad > 0 && m.Type == labels.MatchEqual
			out[m.Name] = d
		}
	}
	return out
}
