package oncall

import (
	"cmp"
	"slices"

	"go.yaml.in/yaml/v3"
)

func (r *planReader) readSchedule(key, value *yaml.Node) {
	id, ok := r.id(key, "schedule")
	if !ok {
		return
	}
	what := "schedule " + id
	s := &stack{id: id, line: key.Line}
	r.plan.schedules[id] = s // Also when it is faulty: the teams that name it are not.
	f := r.fields(value, what, "timezone", "layers", "overrides", "ics")
	if s.loc = r.zone(f["timezone"], what); s.loc == nil {
		if absent(f["timezone"]) {
			r.fault(key, "%s has no timezone: say on whose clocks its times are, as Europe/Berlin", what)
		}
		return
	}
	names := map[string]bool{}
	for _, node := range r.list(f["layers"], what+": layers") {
		r.readLayer(s, node, names)
	}
	for _, node := range r.list(f["ics"], what+": ics") {
		r.readSource(s, node, names)
	}
	if absent(f["layers"]) && absent(f["ics"]) {
		r.fault(key, "%s has neither layers nor ics: nobody is ever on call", what)
	}
	r.readOverrides(s, r.list(f["overrides"], what+": overrides"))
}

// unique checks the name of a layer or calendar, by which a shift says why.
func (r *planReader) unique(node *yaml.Node, what, name string, names map[string]bool) {
	if names[name] {
		r.fault(node, "%s: another layer or calendar of the schedule has the name %q: give each its own", what, shown(name))
	}
	names[name] = true
}

func (r *planReader) readLayer(s *stack, node *yaml.Node, names map[string]bool) {
	what := "schedule " + s.id + ": layer"
	f := r.fields(node, what, "name", "users", "rotate", "handover", "from", "to", "restrict")
	name := r.text(f["name"], what+": name")
	if name == "" {
		r.fault(node, "%s has no name: shifts say by it why somebody is on call", what)
		return
	}
	what += " " + shown(name)
	r.unique(node, what, name, names)
	l := &rotation{why: "layer " + shown(name), bounds: span{never, forever}}
	users := r.list(f["users"], what+": users")
	for _, u := range users {
		if absent(u) || u.Value == "" && u.Kind == yaml.ScalarNode {
			r.fault(u, "%s: users: an entry is empty", what)
			continue
		}
		if user := r.user(u, what+": users"); user != nil {
			l.users = append(l.users, user)
		}
	}
	if len(users) == 0 {
		r.fault(node, "%s has no users: nobody could take a turn", what)
	}
	r.readHours(s, l, f["restrict"], what)
	r.readTurns(s, l, node, f)
	if len(l.users) > 0 {
		s.rotations = append(s.rotations, l)
	}
}

// readTurns reads rotate, handover, from and to of a layer.
func (r *planReader) readTurns(s *stack, l *rotation, node *yaml.Node, f map[string]*yaml.Node) {
	before := len(r.faults)
	what := "schedule " + s.id + ": " + l.why
	begin, _ := r.moment(f["from"], what+": from", s.loc)
	if !absent(f["to"]) {
		l.bounds.to = r.end(f["to"], what+": to", s.loc)
	}
	if !absent(f["from"]) {
		l.bounds.from = begin
	}
	if absent(f["rotate"]) && absent(f["handover"]) && (absent(f["users"]) || len(f["users"].Content) < 2) {
		r.checkBounds(l, node, what)
		return
	}
	for _, key := range []string{"rotate", "handover", "from"} {
		if absent(f[key]) {
			r.fault(node, "%s lacks %s: %s", what, key, map[string]string{
				"rotate":   "say how often it hands over: daily, weekly, monthly, or {every: 2w}",
				"handover": `say when, as "monday 09:00"; daily "09:00"; monthly "1 09:00"`,
				"from":     "give the day from which turns are counted; the first user has the first turn from then on",
			}[key])
		}
	}
	known := len(r.faults)
	h := r.readRhythm(f["rotate"], what)
	if absent(f["rotate"]) || len(r.faults) > known {
		return
	}
	slots := r.readSlots(h, f["handover"], what)
	if len(r.faults) > before {
		return
	}
	l.turns, l.first = h.turns(s.loc, slots, begin)
	l.bounds.from = l.turns.start(l.first)
	r.checkBounds(l, node, what)
	if slices.IndexFunc(l.users, func(u *User) bool { return u != l.users[0] }) < 0 {
		l.turns = turns{} // Always the same one: nothing is handed over.
	}
}

func (r *planReader) checkBounds(l *rotation, node *yaml.Node, what string) {
	if l.bounds.to <= l.bounds.from {
		r.fault(node, "%s ends before its first turn begins: correct from or to", what)
	}
}

func (r *planReader) readRhythm(node *yaml.Node, what string) rhythm {
	if absent(node) {
		return rhythm{}
	}
	what += ": rotate"
	var h rhythm
	var err error
	if node.Kind == yaml.MappingNode {
		every := r.fields(node, what, "every")["every"]
		if absent(every) {
			r.fault(node, "%s: write {every: 2w}", what)
			return h
		}
		h, err = parseEvery(r.text(every, what+": every"))
	} else {
		h, err = parseRhythm(r.text(node, what))
	}
	if err != nil {
		r.fault(node, "%s: %w", what, err)
	}
	return h
}

// readSlots reads hand-overs: one, or a list.
func (r *planReader) readSlots(h rhythm, node *yaml.Node, what string) []int64 {
	if absent(node) {
		return nil
	}
	what += ": handover"
	nodes := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		nodes = node.Content
	}
	switch {
	case len(nodes) == 0:
		r.fault(node, "%s is empty: give a time", what)
	case len(nodes) > 1 && (h.days > 1 || h.weeks > 1):
		r.fault(node, "%s: only daily, weekly and monthly rotations hand over several times: give one", what)
	case len(nodes) > 100:
		r.fault(node, "%s has %d times; 100 are allowed", what, len(nodes))
		return nil
	}
	var slots []int64
	for _, n := range nodes {
		slot, err := h.slot(r.text(n, what))
		if err != nil {
			r.fault(n, "%s: %w", what, err)
			continue
		}
		if slices.Contains(slots, slot) {
			r.fault(n, "%s: %q stands there twice", what, shown(n.Value))
		}
		slots = append(slots, slot)
	}
	slices.Sort(slots)
	return slots
}

func (r *planReader) readHours(s *stack, l *rotation, node *yaml.Node, what string) {
	l.hours.loc = s.loc
	what += ": restrict"
	for _, n := range r.list(node, what) {
		f := r.fields(n, what, "days", "from", "to")
		w := window{to: day}
		if absent(f["from"]) != absent(f["to"]) {
			r.fault(n, `%s has only one of from and to: give both, or neither for whole days`, what)
		}
		w.from = r.clock(f["from"], what+": from", w.from)
		w.to = r.clock(f["to"], what+": to", w.to)
		if w.from == w.to || w.from == day {
			r.fault(n, `%s begins and ends at the same time: for whole days leave from and to out, or write from: "00:00", to: "24:00"`, what)
		}
		if w.to < w.from {
			w.to += day // It ends on the next day.
		}
		if absent(f["days"]) {
			w.days = [7]bool{true, true, true, true, true, true, true}
		}
		for _, d := range r.list(f["days"], what+": days") {
			if err := parseDays(r.text(d, what+": days"), &w.days); err != nil {
				r.fault(d, "%s: days: %w", what, err)
			}
		}
		l.hours.windows = append(l.hours.windows, w)
	}
	if !absent(node) && len(l.hours.windows) == 0 {
		r.fault(node, "%s is empty: remove it, or say when the layer holds", what)
	}
}

// clock reads a time of day, which is otherwise if there is none.
func (r *planReader) clock(node *yaml.Node, what string, otherwise int64) int64 {
	if absent(node) {
		return otherwise
	}
	t, err := parseClock(r.text(node, what))
	if err != nil {
		r.fault(node, "%s: %w", what, err)
	}
	return t
}

func (r *planReader) readOverrides(s *stack, nodes []*yaml.Node) {
	lines := make(map[int]*yaml.Node, len(nodes))
	for _, node := range nodes {
		what := "schedule " + s.id + ": override"
		f := r.fields(node, what, "user", "from", "to", "reason")
		before := len(r.faults)
		for _, key := range []string{"user", "from", "to"} {
			if absent(f[key]) {
				r.fault(node, "%s lacks %s", what, key)
			}
		}
		p := piece{user: r.user(f["user"], what), why: overrideWhy("", r.text(f["reason"], what+": reason"))}
		p.from, _ = r.moment(f["from"], what+": from", s.loc)
		if !absent(f["to"]) {
			p.to = r.end(f["to"], what+": to", s.loc)
		}
		if len(r.faults) > before {
			continue
		}
		if p.to <= p.from {
			r.fault(node, "%s ends before it begins, or at once: correct from or to", what)
			continue
		}
		if p.user == nil {
			continue
		}
		for i, q := range s.overrides {
			if p.from < q.to && q.from < p.to {
				r.fault(node, "%s of %s overlaps the one of %s on line %d: only one of them can hold, so shorten or remove one", what, p.user.ID, q.user.ID, lines[i].Line)
				break
			}
		}
		lines[len(s.overrides)] = node
		s.overrides = append(s.overrides, p)
	}
	slices.SortStableFunc(s.overrides, func(a, b piece) int { return cmp.Compare(a.from, b.from) })
}

// overrideWhy says why a shift is an override's.
func overrideWhy(author, reason string) string {
	why := "override"
	if author != "" {
		why += " by " + shown(author)
	}
	if reason != "" {
		why += ": " + shown(reason)
	}
	return why
}
