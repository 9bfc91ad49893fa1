package rules

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The kinds of OpenSLO's objects.
const (
	kindSLO       = "SLO"
	kindSLI       = "SLI"
	kindService   = "Service"
	kindSource    = "DataSource"
	kindPolicy    = "AlertPolicy"
	kindCondition = "AlertCondition"
	kindTarget    = "AlertNotificationTarget"
)

// openslo holds OpenSLO's objects, which refer to each other by name. References
// lead from an SLO down to conditions and sources, never back, so there is no circle.
type openslo struct {
	slos  []*opensloObject
	named map[string]map[string]*opensloObject
}

// opensloObject is one object, by itself or inside another. Its faults are those of
// its file.
type opensloObject struct {
	*faults
	kind, name, displayName string
	labels                  map[string]string
	annotations             *yaml.Node
	at, spec                *yaml.Node
	// One of these is set, by kind.
	slo       *opensloSLO
	sli       *opensloSLI
	source    opensloSource
	policy    *opensloPolicy
	condition *opensloCondition
	// sound is false once a fault of the object was told; used is true once something
	// refers to it.
	sound, used bool
}

// opensloSource is a DataSource.
type opensloSource struct {
	kind    string
	details *yaml.Node
}

// opensloRef is a reference to an object, or the object itself where it is written
// inside the one that needs it.
type opensloRef struct {
	*faults
	at         *yaml.Node
	kind, name string
	inline     *opensloObject
}

// add reads a document.
func (s *openslo) add(f *faults, n *yaml.Node) {
	o := f.openSLO(n, "")
	if o == nil {
		return
	}
	if o.kind == kindSLO {
		s.slos = append(s.slos, o)
		return
	}
	if s.named == nil {
		s.named = map[string]map[string]*opensloObject{}
	}
	if s.named[o.kind] == nil {
		s.named[o.kind] = map[string]*opensloObject{}
	}
	if other := s.named[o.kind][o.name]; other != nil && o.name != "" {
		o.fault("the %s %q is already defined, at %s:%d: rename one of them", o.kind, o.name, other.file, other.at.Line)
		return
	}
	s.named[o.kind][o.name] = o
}

// fault adds a fault at the object itself.
func (o *opensloObject) fault(format string, args ...any) { o.faults.at(o.at, format, args...) }

// openSLO reads an object of the given kind, or of the kind it names if that is "".
func (f *faults) openSLO(n *yaml.Node, kind string) *opensloObject {
	before := f.count
	o := &opensloObject{faults: f, kind: kind, at: n, labels: map[string]string{}}
	if t := target(n); t != nil {
		o.at = t
		if written, at := lookup(t, "kind"); at != nil {
			if kind != "" && written != kind {
				f.at(at, "kind %q is written where %s is needed", written, kind)
			}
			o.kind = written
		}
	}
	read := f.opensloReaders(o)[o.kind]
	if read == nil {
		_, at := lookup(o.at, "kind")
		if at == nil {
			at = o.at
		}
		f.at(at, "kind %q is not known: use %s", o.kind, strings.Join(slices.Sorted(maps.Keys(f.opensloReaders(o))), ", "))
		return nil
	}
	what := "an OpenSLO " + o.kind
	f.object(n, what, fields{
		"api_version": func(*yaml.Node) {},
		"kind":        func(*yaml.Node) {},
		"metadata":    func(n *yaml.Node) { o.metadata(n) },
		"spec":        func(n *yaml.Node) { o.spec = n },
	})
	switch {
	case o.spec == nil || target(o.spec) == nil || null(target(o.spec)):
		if o.kind != kindService {
			f.at(o.at, "spec is missing: %s says nothing without", what)
		}
	default:
		read(o.spec)
	}
	if o.name == "" && kind == "" {
		f.at(o.at, "metadata.name is missing: name the %s", o.kind)
	}
	o.sound = f.count == before
	return o
}

// opensloReaders maps each kind to what reads its spec.
func (f *faults) opensloReaders(o *opensloObject) fields {
	described := func(n *yaml.Node, more fields) {
		more["description"] = func(n *yaml.Node) { f.text(n, "spec.description") }
		f.object(n, "the spec of a "+o.kind, more)
	}
	return fields{
		kindSLO: func(n *yaml.Node) { o.slo = f.opensloSLO(n) },
		kindSLI: func(n *yaml.Node) { o.sli = f.opensloSLI(n) },
		kindService: func(n *yaml.Node) {
			described(n, fields{})
		},
		kindSource: func(n *yaml.Node) {
			described(n, fields{
				"type":               func(n *yaml.Node) { o.source.kind = f.text(n, "spec.type") },
				"connection_details": func(n *yaml.Node) { o.source.details = n },
			})
			if o.source.kind == "" {
				f.at(n, "spec.type is missing: write Prometheus")
			}
		},
		kindPolicy:    func(n *yaml.Node) { o.policy = f.opensloPolicy(n) },
		kindCondition: func(n *yaml.Node) { o.condition = f.opensloCondition(n) },
		kindTarget: func(n *yaml.Node) {
			described(n, fields{"target": func(n *yaml.Node) { f.text(n, "spec.target") }})
		},
	}
}

func (o *opensloObject) metadata(n *yaml.Node) {
	o.object(n, "metadata", fields{
		"name": func(n *yaml.Node) {
			if o.kind == kindSLO {
				o.name = o.faults.name(n, "metadata.name")
				return
			}
			o.name = o.text(n, "metadata.name")
		},
		"display_name": func(n *yaml.Node) { o.displayName = o.text(n, "metadata.displayName") },
		"namespace":    func(*yaml.Node) {},
		"labels":       func(n *yaml.Node) { o.labels = o.looseLabels(n, "metadata.labels", "") },
		"annotations":  func(n *yaml.Node) { o.annotations = n },
	})
}

// looseLabels reads labels of a Kubernetes object, whose names may hold more than
// those of Prometheus: what does not fit becomes an underscore. With a prefix only
// the names with it are read, without it. A list of values is joined by commas.
func (f *faults) looseLabels(n *yaml.Node, what, prefix string) map[string]string {
	out := map[string]string{}
	n = target(n)
	if n == nil || null(n) {
		return out
	}
	if n.Kind != yaml.MappingNode {
		f.at(n, "%s must be a mapping of names to texts", what)
		return out
	}
	for i := 0; i+1 < len(n.Content) && f.spend(); i += 2 {
		k, v := n.Content[i], target(n.Content[i+1])
		written, ok := strings.CutPrefix(k.Value, prefix)
		if !ok {
			continue
		}
		name := labelName(written)
		if name == "" {
			f.at(k, "%q cannot be a name in %s: use letters, digits and _, beginning with a letter", k.Value, what)
			continue
		}
		if _, dup := out[name]; dup {
			f.at(k, "%q is given twice in %s, as %s: rename one of them", k.Value, what, name)
			continue
		}
		if v != nil && v.Kind == yaml.SequenceNode {
			var all []string
			f.each(v, what+"."+written, func(n *yaml.Node) { all = append(all, f.text(n, what+"."+written)) })
			out[name] = strings.Join(all, ",")
			continue
		}
		out[name] = f.text(v, what+"."+written)
	}
	return out
}

// labelName makes a name fit for a label of Prometheus; "" if it cannot be one.
func labelName(s string) string {
	out := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
			return r
		}
		return '_'
	}, s)
	if out == "" || out[0] >= '0' && out[0] <= '9' || strings.HasPrefix(out, "__") {
		return ""
	}
	return out
}

// find returns the object a reference leads to; a fault is told if there is none.
func (s *openslo) find(r opensloRef) *opensloObject {
	if r.inline != nil {
		return r.inline
	}
	if o := s.named[r.kind][r.name]; o != nil {
		o.used = true
		return o
	}
	names := slices.Sorted(maps.Keys(s.named[r.kind]))
	hint := "none is defined in the files that are read"
	if len(names) > 0 {
		more := ""
		if len(names) > 8 {
			names, more = names[:8], ", …"
		}
		hint = "there are " + strings.Join(names, ", ") + more
	}
	r.faults.at(r.at, "there is no %s named %q: %s", r.kind, r.name, hint)
	return nil
}

// resolve follows all references and returns the objectives of all SLOs.
func (s *openslo) resolve() []Objective {
	var out []Objective
	for _, o := range s.slos {
		if o.sound {
			out = append(out, s.objectives(o)...)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.named[kindSLI])) {
		// What nothing refers to yet may be wrong all the same.
		if o := s.named[kindSLI][name]; !o.used && o.sound && o.sli.threshold == nil {
			s.indicator(o.sli, opensloObjective{}, &Objective{})
		}
	}
	return out
}
