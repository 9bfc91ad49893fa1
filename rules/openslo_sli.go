package rules

import (
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// opensloSLI is the spec of an SLI.
type opensloSLI struct {
	*faults
	at, ratioAt, thresholdAt *yaml.Node
	good, bad, total, raw    *opensloMetric
	threshold                *opensloMetric
	counter                  *bool
	success                  bool
}

// opensloMetric is one metric of an SLI.
type opensloMetric struct {
	*faults
	at, typeAt, queryAt *yaml.Node
	source              *opensloRef
	kind, query         string
}

func (f *faults) opensloSLI(n *yaml.Node) *opensloSLI {
	s := &opensloSLI{faults: f, at: n}
	f.object(n, "the spec of an SLI", fields{
		"description":      func(n *yaml.Node) { f.text(n, "spec.description") },
		"threshold_metric": func(n *yaml.Node) { s.thresholdAt, s.threshold = n, f.opensloMetric(n, "thresholdMetric") },
		"ratio_metric": func(n *yaml.Node) {
			s.ratioAt = n
			s.ratioMetric(n)
		},
	})
	switch {
	case s.ratioAt == nil && s.thresholdAt == nil:
		f.at(n, "ratioMetric is missing: give ratioMetric with good or bad and total, or thresholdMetric")
	case s.ratioAt != nil && s.thresholdAt != nil:
		f.at(s.thresholdAt, "ratioMetric and thresholdMetric are both given: keep one")
	}
	return s
}

func (s *opensloSLI) ratioMetric(n *yaml.Node) {
	metric := func(key string, to **opensloMetric) func(*yaml.Node) {
		return func(n *yaml.Node) { *to = s.opensloMetric(n, "ratioMetric."+key) }
	}
	var rawTypeAt *yaml.Node
	s.object(n, "ratioMetric", fields{
		"counter": func(n *yaml.Node) {
			v := s.boolean(n, "counter")
			s.counter = &v
		},
		"good":  metric("good", &s.good),
		"bad":   metric("bad", &s.bad),
		"total": metric("total", &s.total),
		"raw":   metric("raw", &s.raw),
		"raw_type": func(n *yaml.Node) {
			rawTypeAt = n
			text := strings.ToLower(s.text(n, "rawType"))
			if s.success = text == "success"; !s.success && text != "failure" {
				s.faults.at(n, "rawType %q is not known: use success, where the ratio is good/total, or failure, where it is bad/total", text)
			}
		},
	})
	switch {
	case s.raw != nil && (s.good != nil || s.bad != nil || s.total != nil):
		s.faults.at(n, "raw is given with good, bad or total: keep raw, or the others")
	case s.raw != nil && rawTypeAt == nil:
		s.faults.at(n, "rawType is missing: write success, where the ratio is good/total, or failure, where it is bad/total")
	case s.raw != nil:
	case rawTypeAt != nil:
		s.faults.at(rawTypeAt, "rawType has no effect without raw: remove it")
	case s.good != nil && s.bad != nil:
		s.faults.at(n, "good and bad are both given: keep one, and total")
	case s.good == nil && s.bad == nil:
		s.faults.at(n, "good or bad is missing: give the metric of good or of bad events")
	case s.total == nil:
		s.faults.at(n, "total is missing: give the metric of all events")
	}
}

func (f *faults) opensloMetric(n *yaml.Node, what string) *opensloMetric {
	m := &opensloMetric{faults: f, at: n}
	other := map[string]*yaml.Node{}
	f.object(n, what, fields{
		"metric_source": func(n *yaml.Node) {
			m.at = n
			f.object(n, what+".metricSource", fields{
				"metric_source_ref": func(n *yaml.Node) {
					if name := f.text(n, "metricSourceRef"); name != "" {
						m.source = &opensloRef{faults: f, at: n, kind: kindSource, name: name}
					}
				},
				"type": func(n *yaml.Node) { m.typeAt, m.kind = n, f.text(n, "type") },
				"spec": func(n *yaml.Node) { m.spec(n, what+".metricSource.spec", other) },
			})
		},
	})
	// Other sources have other fields; that they are others says enough.
	if m.kind != "" && !strings.EqualFold(m.kind, "prometheus") {
		f.at(m.typeAt, "metrics of type %q cannot be read, only those of Prometheus: write the query in PromQL, with type: Prometheus", m.kind)
		return m
	}
	for key, at := range other {
		f.at(at, "%s.metricSource.spec has no field %q: only query is known", what, key)
	}
	if m.query == "" {
		f.at(m.at, "%s.metricSource.spec.query is missing: give PromQL", what)
	}
	return m
}

// spec reads the query of a metric, whose key is an implementation's choice.
func (m *opensloMetric) spec(n *yaml.Node, what string, other map[string]*yaml.Node) {
	t := target(n)
	if t == nil || t.Kind != yaml.MappingNode {
		m.faults.at(n, "%s must be a mapping with query", what)
		return
	}
	for i := 0; i+1 < len(t.Content) && m.spend(); i += 2 {
		switch k, v := t.Content[i], t.Content[i+1]; strings.ToLower(k.Value) {
		case "query", "promql", "expr":
			if m.query != "" {
				m.faults.at(k, "%s has more than one query: keep one", what)
			}
			m.queryAt, m.query = v, scalar(v)
		case "querytype", "source":
			// Sloth's and others' way to say that the query is PromQL.
		default:
			other[k.Value] = k
		}
	}
}

// indicator makes queries of an SLI, for one entry of objectives.
func (s *openslo) indicator(sli *opensloSLI, e opensloObjective, d *Objective) (SLI, bool) {
	before, ok := sli.count, true
	var out SLI
	if sli.threshold == nil {
		for _, at := range []*yaml.Node{e.opAt, e.valueAt} {
			if at != nil {
				d.Notes = append(d.Notes, e.note(at, "op and value have no effect on a ratioMetric"))
				break
			}
		}
	}
	switch {
	case sli.threshold != nil:
		out.ErrorRatioQuery, ok = s.thresholdQuery(sli, e, d)
	case sli.raw != nil:
		out.ErrorRatioQuery = s.rewritten(sli.raw, d, windowedRatio)
		if sli.success && out.ErrorRatioQuery != "" {
			out.ErrorRatioQuery = "1 - " + paren(out.ErrorRatioQuery)
		}
	default:
		events := func(q string) (string, error) { return windowed(q, sli.counter) }
		out.TotalQuery = s.rewritten(sli.total, d, events)
		if sli.bad != nil {
			out.ErrorQuery = s.rewritten(sli.bad, d, events)
			break
		}
		if good := s.rewritten(sli.good, d, events); good != "" {
			// Without one good event all are bad, although there is no series of good ones.
			out.ErrorQuery = operand(out.TotalQuery) + " - (" + good + orZero(good) + ")"
		}
	}
	if ok && sli.count == before {
		sli.fits(sli.at, out)
	}
	return out, ok && sli.count == before
}

// operand puts a query in parentheses unless it is one call or aggregation.
func operand(q string) string {
	if e, err := parseQuery(q); err == nil && !strings.Contains(q, "#") {
		switch e.(type) {
		case *parser.AggregateExpr, *parser.Call, *parser.ParenExpr:
			return q
		}
	}
	return paren(q)
}

// thresholdQuery makes a query for the share of time a value misses the threshold.
func (s *openslo) thresholdQuery(sli *opensloSLI, e opensloObjective, d *Objective) (string, bool) {
	against, ok := missed(e.op)
	if !ok || e.valueAt == nil {
		e.faults.at(e.at, "op and value are missing: a thresholdMetric needs both, for example op: lte and value: 0.5")
		return "", false
	}
	q := s.rewritten(sli.threshold, d, func(q string) (string, error) { return thresholdRatio(q, against, e.value) })
	return q, q != ""
}

// rewritten makes a query of a metric look at the window; "" if there is a fault.
func (s *openslo) rewritten(m *opensloMetric, d *Objective, rewrite func(string) (string, error)) string {
	if m.source != nil {
		o := s.find(*m.source)
		if o == nil {
			return ""
		}
		if kind := o.source.kind; o.sound && !strings.EqualFold(kind, "prometheus") {
			m.faults.at(m.source.at, "the DataSource %q is of type %q, and only metrics of Prometheus can be read: write the query in PromQL, with type: Prometheus", o.name, kind)
			return ""
		}
		if o.source.details != nil {
			d.Notes = append(d.Notes, o.note(o.source.details, "connectionDetails has no effect: queries are answered from what this server has received"))
		}
	}
	q, err := rewrite(m.query)
	if err == nil {
		_, err = parseQuery(q)
	}
	if err != nil {
		m.faults.at(m.queryAt, "query: %s", err)
		return ""
	}
	return q
}
