package rules

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// maxSpans, maxGroupBy and maxLevels bound lists that cost at every evaluation.
const maxSpans, maxGroupBy, maxLevels = 5, 5, 10

// keys are our own keys of one objective. They are gathered first and read when the
// objective is known otherwise, since they win over the spec's own fields.
type keys struct {
	*faults
	// prefix goes before a key's name where faults name it.
	prefix string
	nodes  map[string]*yaml.Node
}

// gather takes the keys from a mapping under watchtower.
func (k *keys) gather(n *yaml.Node) {
	known := fields{}
	for _, name := range keyNames() {
		known[name] = func(v *yaml.Node) { k.nodes[name] = v }
	}
	k.object(n, strings.TrimRight(k.prefix, "."), known)
}

// annotationPrefix goes before a key in the annotations of a Kubernetes object.
const annotationPrefix = "watchtower/"

// gatherAnnotations takes the keys from annotations named watchtower/KEY, whose
// texts are YAML; all other annotations are passed over.
func (k *keys) gatherAnnotations(n *yaml.Node) {
	n = target(n)
	if n == nil || null(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		k.at(n, "metadata.annotations must be a mapping of names to texts")
		return
	}
	for i := 0; i+1 < len(n.Content) && k.spend(); i += 2 {
		name, ours := strings.CutPrefix(n.Content[i].Value, annotationPrefix)
		if !ours {
			continue
		}
		name = snake(name)
		if !slices.Contains(keyNames(), name) {
			k.at(n.Content[i], "%s%s is not known: known are %s", k.prefix, name, strings.Join(keyNames(), ", "))
			continue
		}
		if _, dup := k.nodes[name]; dup {
			k.at(n.Content[i], "%s%s is given twice: remove one", k.prefix, name)
			continue
		}
		if v := k.unfold(name, n.Content[i+1]); v != nil {
			k.nodes[name] = v
		}
	}
}

// unfold reads the text of an annotation as YAML, except where the key is a
// sentence. The nodes found keep their lines in the file.
func (k *keys) unfold(name string, n *yaml.Node) *yaml.Node {
	n = target(n)
	if n == nil || n.Kind != yaml.ScalarNode || slices.Contains(sentenceKeys(), name) {
		return n
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(n.Value), &doc); err != nil {
		k.at(n, "%s%s is not valid YAML: %s", k.prefix, name, strings.TrimPrefix(err.Error(), "yaml: "))
		return nil
	}
	if len(doc.Content) == 0 {
		return n
	}
	first := n.Line - 1
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		first++ // the text begins below the | or >
	}
	shift(doc.Content[0], first)
	return doc.Content[0]
}

// shift moves a node and those below it down by lines.
func shift(n *yaml.Node, lines int) {
	n.Line += lines
	for _, c := range n.Content {
		shift(c, lines)
	}
}

// sentenceKeys are the keys whose texts are for people.
func sentenceKeys() []string {
	return []string{"events", "meaning", "no_owner", "no_playbook", "promise"}
}

func keyNames() []string { return slices.Sorted(maps.Keys((&keys{}).readers(&Objective{}))) }

// apply reads the gathered keys into an objective whose other fields are read.
func (k *keys) apply(o *Objective) {
	readers := k.readers(o)
	// The rest is checked against the period.
	names := append([]string{"period"}, keyNames()...)
	for i, name := range names {
		if n := k.nodes[name]; n != nil && slices.Index(names, name) == i {
			readers[name](n)
		}
	}
	if tz := k.nodes["timezone"]; tz != nil && o.Calendar == nil && !slices.ContainsFunc(o.AlsoOver, func(s Span) bool { return s.Calendar != nil }) {
		k.at(tz, "%stimezone has no effect on a rolling period: remove it, or let %speriod be day, week, month, quarter or year", k.prefix, k.prefix)
	}
	if most := k.nodes["max_groups"]; most != nil && len(o.GroupBy) == 0 {
		k.at(most, "%smax_groups has no effect without %sgroup_by: remove it", k.prefix, k.prefix)
	}
	if by := k.nodes["group_by"]; by != nil {
		// What is wrong with the queries themselves is said where they are.
		if err := o.CheckGroups(); err != nil && strings.HasPrefix(err.Error(), "group_by: ") {
			k.at(by, "%s%s", k.prefix, err)
		}
	}
	k.settle(o)
}

// readers maps each key to what reads it.
func (k *keys) readers(o *Objective) fields {
	text := func(name string, to *string) func(*yaml.Node) {
		return func(n *yaml.Node) {
			if *to = scalar(n); *to == "" {
				k.at(n, "%s%s must be a text that is not empty", k.prefix, name)
			}
		}
	}
	return fields{
		"promise":     text("promise", &o.Promise),
		"meaning":     text("meaning", &o.Meaning),
		"events":      text("events", &o.Events),
		"no_owner":    text("no_owner", &o.NoOwner),
		"no_playbook": text("no_playbook", &o.NoPlaybook),
		"period": func(n *yaml.Node) {
			if s, ok := k.span(n, "period", k.location(o)); ok {
				o.Period, o.Calendar = s.Length, s.Calendar
			}
		},
		"timezone":  func(n *yaml.Node) { k.zone(n, k.prefix+"timezone") },
		"also_over": func(n *yaml.Node) { k.alsoOver(n, o) },
		"min_bad_events": func(n *yaml.Node) {
			v, ok := k.number(n, k.prefix+"min_bad_events")
			if ok && v < 0 {
				k.at(n, "%smin_bad_events must not be negative", k.prefix)
			}
			o.MinBadEvents = max(v, 0)
		},
		"confidence": func(n *yaml.Node) {
			v, ok := k.number(n, k.prefix+"confidence")
			switch {
			case !ok:
			case v <= 0.5 || v >= 1:
				k.at(n, "%sconfidence must be above 0.5 and below 1, for example 0.98", k.prefix)
			default:
				o.Confidence = v
			}
			if o.SLI.Raw() {
				o.Notes = append(o.Notes, k.note(n, "%sconfidence has no effect: a raw error ratio does not say how many events there were", k.prefix))
			}
		},
		"budgeting":    func(n *yaml.Node) { k.budgeting(n, o) },
		"slice":        func(n *yaml.Node) { k.slice(n, k.prefix+"slice", o) },
		"slice_target": func(n *yaml.Node) { k.sliceTarget(n, o) },
		"group_by":     func(n *yaml.Node) { k.groupBy(n, o) },
		"max_groups": func(n *yaml.Node) {
			v, ok := k.number(n, k.prefix+"max_groups")
			if ok && (v < 1 || v > mostGroups || v != float64(int(v))) {
				k.at(n, "%smax_groups must be a whole number from 1 to %d", k.prefix, mostGroups)
				return
			}
			o.MaxGroups = int(v)
		},
		"alerts": func(n *yaml.Node) { k.alerts(n, o) },
		"policy": func(n *yaml.Node) { k.policy(n, o) },
	}
}

// location is the time zone of calendar periods: the key's, else that of the
// objective's own calendar, else UTC.
func (k *keys) location(o *Objective) *time.Location {
	switch n := k.nodes["timezone"]; {
	case n != nil:
		if loc, err := time.LoadLocation(scalar(n)); err == nil {
			return loc
		}
	case o.Calendar != nil:
		return o.Calendar.Start.Location()
	}
	return time.UTC
}

// zone reads the name of a time zone; UTC if it is faulty.
func (f *faults) zone(n *yaml.Node, key string) *time.Location {
	name := f.text(n, key)
	loc, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		f.at(n, "%s %q is not known: use a name such as Europe/Berlin", key, name)
		return time.UTC
	}
	return loc
}

// beginning is when calendar periods begin unless a spec says otherwise: on that
// day a week, a month, a quarter and a year began.
func beginning(loc *time.Location) time.Time { return time.Date(2024, 1, 1, 0, 0, 0, 0, loc) }

// span reads a length of time, or a unit of the calendar as a word.
func (k *keys) span(n *yaml.Node, key string, loc *time.Location) (Span, bool) {
	key = k.prefix + key
	text := scalar(n)
	if unit := Unit(text); slices.Contains([]Unit{Day, Week, Month, Quarter, Year}, unit) {
		c := &Calendar{Unit: unit, Count: 1, Start: beginning(loc)}
		return Span{Length: c.longest(), Calendar: c}, true
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		k.at(n, "%s must be a duration such as 28d or 12h, or day, week, month, quarter or year", key)
		return Span{}, false
	}
	return Span{Length: time.Duration(d)}, k.period(n, key, time.Duration(d))
}

// period checks the length of a rolling period.
func (f *faults) period(n *yaml.Node, key string, d time.Duration) bool {
	if d < minPeriod || d > maxPeriod {
		f.at(n, "%s %s must be between 1h and 366d", key, model.Duration(d))
		return false
	}
	return true
}

func (k *keys) alsoOver(n *yaml.Node, o *Objective) {
	loc := k.location(o)
	seen := map[string]bool{}
	k.eachOf(n, "also_over", maxSpans, func(n *yaml.Node) {
		s, ok := k.span(n, "also_over", loc)
		if ok && seen[scalar(n)] {
			k.at(n, "%salso_over names %s twice: remove one", k.prefix, scalar(n))
			return
		}
		if ok {
			seen[scalar(n)] = true
			o.AlsoOver = append(o.AlsoOver, s)
		}
	})
}

// eachOf calls read for the entries of a list that has at most most of them; a
// single value is a list of one.
func (k *keys) eachOf(n *yaml.Node, key string, most int, read func(*yaml.Node)) {
	t := target(n)
	switch {
	case t != nil && t.Kind != yaml.SequenceNode:
		read(t)
	case t != nil && len(t.Content) > most:
		k.at(n, "%s%s has %d entries: keep at most %d", k.prefix, key, len(t.Content), most)
	default:
		k.each(n, k.prefix+key, read)
	}
}

func (k *keys) budgeting(n *yaml.Node, o *Objective) {
	m := Method(k.text(n, k.prefix+"budgeting"))
	if !slices.Contains([]Method{Occurrences, Timeslices, RatioTimeslices}, m) {
		k.at(n, "%sbudgeting %q is not known: use occurrences, timeslices or ratio_timeslices", k.prefix, m)
		return
	}
	if m == Occurrences {
		m = ""
	}
	o.Budgeting.Method = m
}

// slice reads the length of a time slice.
func (f *faults) slice(n *yaml.Node, key string, o *Objective) {
	d, ok := f.duration(n, key)
	if ok {
		f.sliceLength(n, key, d, o)
	}
}

func (f *faults) sliceLength(n *yaml.Node, key string, d time.Duration, o *Objective) {
	if d < time.Minute || d%time.Minute != 0 || 24*time.Hour%d != 0 {
		f.at(n, "%s %s must be whole minutes that divide a day, for example 1m, 5m or 1h", key, model.Duration(d))
		return
	}
	o.Budgeting.Slice = d
}

func (k *keys) sliceTarget(n *yaml.Node, o *Objective) {
	v, ok := k.number(n, k.prefix+"slice_target")
	switch {
	case !ok:
	case v <= 0 || v > 100:
		k.at(n, "%sslice_target must be a percentage above 0 and at most 100, for example 95", k.prefix)
	default:
		o.Budgeting.SliceTarget = round(v / 100)
	}
}

func (k *keys) groupBy(n *yaml.Node, o *Objective) {
	k.eachOf(n, "group_by", maxGroupBy, func(n *yaml.Node) {
		name := k.text(n, k.prefix+"group_by")
		switch {
		case !model.LegacyValidation.IsValidLabelName(name) || strings.HasPrefix(name, "__"):
			k.at(n, "%sgroup_by: %q cannot be the name of a label: use letters, digits and _, beginning with a letter", k.prefix, name)
		case name == model.BucketLabel:
			k.at(n, "%sgroup_by: le tells the buckets of a histogram apart, not services or routes: remove it", k.prefix)
		case slices.Contains(o.GroupBy, name):
			k.at(n, "%sgroup_by names %s twice: remove one", k.prefix, name)
		default:
			o.GroupBy = append(o.GroupBy, name)
		}
	})
}

func (k *keys) policy(n *yaml.Node, o *Objective) {
	words := k.texts(n, k.prefix+"policy")
	p := Policy{}
	for state, text := range words {
		p[State(state)] = text
	}
	if err := p.Validate(k.prefix + "policy"); err != nil {
		for line := range strings.Lines(err.Error()) {
			k.at(n, "%s", strings.TrimSpace(line))
		}
		return
	}
	if len(p) > 0 {
		o.Policy = p
	}
}

// settle checks and completes what several keys say together.
func (k *keys) settle(o *Objective) {
	at := func(name string) *yaml.Node { return k.nodes[name] }
	b := &o.Budgeting
	switch b.Method {
	case "", Occurrences:
		for _, name := range []string{"slice", "slice_target"} {
			if at(name) != nil {
				k.at(at(name), "%s%s has no effect unless %sbudgeting is timeslices or ratio_timeslices: remove it", k.prefix, name, k.prefix)
			}
		}
		*b = Budgeting{}
	case Timeslices:
		if b.SliceTarget == 0 && at("budgeting") != nil && at("slice_target") == nil {
			k.at(at("budgeting"), "%sslice_target is missing: give the percentage of good events that makes a slice good, for example 95", k.prefix)
		}
	case RatioTimeslices:
		if n := at("slice_target"); n != nil {
			k.at(n, "%sslice_target has no effect on ratio_timeslices: remove it", k.prefix)
		}
		b.SliceTarget = 0
	}
	if b.Method != "" && b.Slice == 0 {
		b.Slice = time.Minute
	}
	if len(o.GroupBy) > 0 && o.MaxGroups == 0 {
		o.MaxGroups = defaultMaxGroups
	}
}
