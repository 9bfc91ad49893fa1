package rules

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/labels"
)

// group is what a grouped objective keeps of its members: one for each combination of
// the labels' values that a series has had.
type group struct {
	by    []string
	limit int
	// members are by their ID. Guarded by the engine's mu.
	members map[string]*track
	// values are the hashes of the values that each label has had, refused those of the
	// combinations without a member because there are enough. Guarded by the track's mu.
	values  []map[uint64]struct{}
	refused map[uint64]struct{}
	seed    maphash.Seed
	// heard is when telemetry of the whole last arrived, for the members to read.
	heard atomic.Int64
}

// countedValues bounds how many values of a label are told apart.
const countedValues = 20_000

func newGroup(o Objective) *group {
	if len(o.GroupBy) == 0 {
		return nil
	}
	g := &group{by: o.GroupBy, limit: cmp.Or(o.MaxGroups, defaultMaxGroups), members: map[string]*track{}, seed: maphash.MakeSeed()}
	for range o.GroupBy {
		g.values = append(g.values, map[uint64]struct{}{})
	}
	return g
}

// of returns the values a series has of the group's labels.
func (g *group) of(lset labels.Labels) []string {
	values := make([]string, len(g.by))
	for i, name := range g.by {
		values[i] = lset.Get(name)
	}
	return values
}

// note counts the values of a series' labels.
func (g *group) note(values []string) {
	for i, v := range values {
		if len(g.values[i]) < countedValues {
			g.values[i][maphash.String(g.seed, v)] = struct{}{}
		}
	}
}

// refuse notes a combination of values that has no member and tells whether it is a
// new one.
func (g *group) refuse(values []string) bool {
	if g.refused == nil {
		g.refused = map[uint64]struct{}{}
	}
	var h maphash.Hash
	h.SetSeed(g.seed)
	for _, v := range values {
		_, _ = h.WriteString(v)
		_ = h.WriteByte(0)
	}
	key := h.Sum64()
	if _, known := g.refused[key]; known || len(g.refused) >= countedValues {
		return false
	}
	g.refused[key] = struct{}{}
	return true
}

// memberOf returns the member that counts a series of a grouped objective; it is made
// if there is none yet, nil if there are too many. The engine's lock is held.
func (e *Engine) memberOf(parent *track, lset labels.Labels) *track {
	return e.memberWith(parent, parent.group.of(lset))
}

// memberWith is memberOf for the values of the group's labels.
func (e *Engine) memberWith(parent *track, values []string) *track {
	g := parent.group
	if m := g.members[memberID(parent.id, values)]; m != nil {
		return m
	}
	parent.mu.Lock()
	g.note(values)
	full := len(g.members) >= g.limit
	first := full && len(g.refused) == 0
	fresh := full && g.refuse(values)
	o := parent.obj
	parent.mu.Unlock()
	if !full {
		m := e.addMember(parent, o, values)
		if m != nil {
			e.publishAlso(m)
		}
		return m
	}
	if fresh {
		e.metrics.groupsRefused.Inc()
	}
	if first {
		e.logger.Warn("a grouped objective has too many groups: further ones are counted in the whole only",
			"objective", parent.id, "max_groups", g.limit, "first", memberID(parent.id, values))
	}
	return nil
}

// addMember makes the member with these values, to be restored soon. The engine's
// lock is held; publish shows it to readers.
func (e *Engine) addMember(parent *track, o Objective, values []string) *track {
	m, err := o.member(values)
	if err == nil && e.tracks[m.ID] != nil {
		err = fmt.Errorf("there is an objective %s already", m.ID)
	}
	var tr *track
	if err == nil {
		tr, err = e.newMember(parent, m)
	}
	if err != nil {
		e.logger.Error("a group is counted in the whole only", "objective", parent.id, "group", strings.Join(values, ", "), "err", err)
		return nil
	}
	parent.group.members[m.ID] = tr
	e.tracks[m.ID] = tr
	e.rouse()
	return tr
}

func (e *Engine) newMember(parent *track, m Objective) (*track, error) {
	tr, err := newTrack(m)
	if err != nil {
		return nil, err
	}
	// What is announced for a service says nothing of its parts.
	tr.urgent, tr.births, tr.whole = e.urgent, e.births, parent.group
	tr.judge.segments = e.segmentsOf(m)
	e.plans.share(&tr.judge)
	if e.rehearsal > 0 {
		tr.restoring, tr.since = false, e.rehearsal
	}
	return tr, nil
}

// rouse asks for tracks to be restored.
func (e *Engine) rouse() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// publish shows the tracks to those who read without the lock, which is held.
func (e *Engine) publish() {
	order := slices.SortedFunc(maps.Values(e.tracks), func(a, b *track) int { return strings.Compare(a.id, b.id) })
	e.order.Store(&order)
	e.metrics.objectives.Set(float64(len(order)))
}

// publishAlso is publish for one more track.
func (e *Engine) publishAlso(tr *track) {
	order := e.all()
	i, _ := slices.BinarySearchFunc(order, tr.id, func(o *track, id string) int { return strings.Compare(o.id, id) })
	grown := make([]*track, 0, len(order)+1)
	grown = append(append(append(grown, order[:i]...), tr), order[i:]...)
	e.order.Store(&grown)
	e.metrics.objectives.Set(float64(len(grown)))
}

// regroup gives an objective its members after a reload: those it had, in their new
// wording, if it is grouped by the same labels as before. When fewer are allowed now,
// those with the most events stay. The engine's lock is held.
func (e *Engine) regroup(tr *track, before *group, c *change) {
	tr.mu.Lock()
	o := tr.obj
	tr.group = newGroup(o)
	g := tr.group
	if g != nil && before != nil && slices.Equal(g.by, before.by) {
		g.values = before.values
		g.seed = before.seed
	} else {
		before = nil
	}
	tr.mu.Unlock()
	if before == nil {
		return
	}
	old := slices.SortedFunc(maps.Values(before.members), func(a, b *track) int {
		return cmp.Or(cmp.Compare(b.events(), a.events()), strings.Compare(a.id, b.id))
	})
	for _, m := range old[:min(len(old), g.limit)] {
		next := e.addMember(tr, o, g.valuesOf(m.obj.Group))
		switch {
		case next == nil:
		case next.generation == m.generation && next.remembers == m.remembers:
			m.retarget(next)
			m.mu.Lock()
			m.whole = g
			m.mu.Unlock()
			g.members[m.id], e.tracks[m.id] = m, m
		default:
			c.succeed(m, next)
		}
	}
}

func (g *group) valuesOf(m map[string]string) []string {
	values := make([]string, len(g.by))
	for i, name := range g.by {
		values[i] = m[name]
	}
	return values
}

// events are how many events the objective's period holds, as of now.
func (tr *track) events() float64 {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.restoring {
		return 0 // Its ledger belongs to the restore.
	}
	now := tr.ledger.Last()
	return tr.ledger.Until(now).Sub(tr.ledger.Until(now - tr.obj.Period.Milliseconds())).Total
}

// listen tells a member that the telemetry of its whole arrives: while it does, a
// member without series is idle and not blind. The lock is held.
func (tr *track) listen() {
	if tr.group != nil {
		tr.group.heard.Store(tr.ledger.Last())
		return
	}
	if tr.whole == nil {
		return
	}
	heard := tr.whole.heard.Load()
	if heard > tr.heard && tr.ledger.Last() > 0 {
		if tr.heard > 0 {
			tr.ledger.Arrive(heard, min(heard-tr.heard, max(2*tr.every, pollStep.Milliseconds())))
		}
		tr.heard = heard
	}
}

// forgetMembers drops the members that have neither a series nor an event in their
// period any more, and gives their places to others. The engine's lock is held.
func (e *Engine) forgetMembers(now int64) {
	gone, waiting := 0, false
	for _, parent := range e.tracks {
		if parent.group == nil {
			continue
		}
		before := gone
		for id, m := range parent.group.members {
			if m.over(now) {
				delete(parent.group.members, id)
				delete(e.tracks, id)
				gone++
			}
		}
		parent.mu.Lock()
		if gone > before && len(parent.group.refused) > 0 {
			waiting = true
			clear(parent.group.refused)
		}
		parent.mu.Unlock()
	}
	if gone == 0 {
		return
	}
	e.logger.Info("groups without series and events are forgotten", "groups", gone)
	e.publish()
	if waiting {
		e.rematch()
	}
}

// over tells that there is nothing left to say of a member.
func (tr *track) over(now int64) bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.restoring || tr.count > 0 {
		return false
	}
	for i := range tr.alerts {
		if tr.alerts[i].firing || tr.alerts[i].resolvedAt > 0 {
			return false
		}
	}
	left := tr.ledger.Total().Sub(tr.ledger.Until(now - tr.obj.Period.Milliseconds()))
	// Sums of fractions need not come out even.
	return left.Total < 1e-6 && left.Bad < 1e-6
}

// groupReason says how an objective is grouped and what is wrong with it. The lock is
// held.
func (tr *track) groupReason() string {
	g := tr.group
	if g == nil {
		return ""
	}
	said := "it is split by " + strings.Join(g.by, " and ")
	if len(g.refused) == 0 {
		return said
	}
	most := 0
	for i := range g.values {
		if len(g.values[i]) > len(g.values[most]) {
			most = i
		}
	}
	more := fmt.Sprint(len(g.refused))
	if len(g.refused) >= countedValues {
		more = "more than " + more
	}
	n := fmt.Sprint(len(g.values[most]))
	if len(g.values[most]) >= countedValues {
		n = "more than " + n
	}
	return fmt.Sprintf("%s, and there are more groups than max_groups allows (%d): %s further ones count in the whole only; "+
		"the label %s has %s values: leave it out of group_by, narrow the selectors or raise max_groups", said, g.limit, more, g.by[most], n)
}
