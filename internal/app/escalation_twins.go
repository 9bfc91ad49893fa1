package app

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/notifiers"
	"github.com/watchtower-hub/watchtower/notifiers/incidents"
)

// Where a route continues, the same alerts are in several groups, one for each
// receiver, and each is an incident. People are to be called once: by the one that
// Slack has a page of.

// twin is a group that all firing alerts of another are in too.
type twin struct {
	key  string
	more bool // it has others besides
}

// twins are the twins of each group, by its key.
func twins(groups []notifiers.Incident) map[string][]twin {
	prints := make([]map[string]bool, len(groups))
	with := map[string][]int{} // groups by an alert that is in them
	for i, g := range groups {
		prints[i] = map[string]bool{}
		for _, a := range g.Alerts {
			prints[i][a.Fingerprint] = true
		}
		for fp := range prints[i] {
			with[fp] = append(with[fp], i)
		}
	}
	out := map[string][]twin{}
	for i, g := range groups {
		if len(g.Alerts) == 0 {
			continue
		}
		for _, other := range with[g.Alerts[0].Fingerprint] {
			if other != i && subset(prints[i], prints[other]) {
				out[g.GroupKey] = append(out[g.GroupKey], twin{groups[other].GroupKey, len(prints[other]) > len(prints[i])})
			}
		}
	}
	return out
}

// subset tells whether all of a set is in another.
func subset(set, other map[string]bool) bool {
	for fp := range set {
		if !other[fp] {
			return false
		}
	}
	return true
}

// leaves tells whether an incident leaves it to a twin to call people. Once one of
// them has begun, it goes on.
func (l *look) leaves(c climb) bool {
	if c.begun() {
		return false
	}
	speaker, paged := c.incident, c.paged()
	equals := 0
	for _, other := range l.twins[c.incident.GroupKey] {
		if !other.more {
			equals++
		}
		in, ok := l.log.OpenGroup(other.key)
		t := climb{incident: in, roster: l.roster, now: l.now}
		muted := l.firing[other.key].State == notifiers.Suppressed && c.group.State != notifiers.Suppressed
		if !ok || muted || !t.choose() || other.more && !c.sameCalls(&t) {
			continue // It would call nobody now, or others.
		}
		switch {
		case t.begun():
			return true
		case other.more && (t.paged() || !paged):
			return true // It speaks for more.
		case other.more:
		case t.paged() && !paged:
			speaker, paged = in, true
		case t.paged() == paged && cmp.Or(in.OpenedAt.Compare(speaker.OpenedAt), strings.Compare(other.key, speaker.GroupKey)) < 0:
			speaker = in
		}
	}
	if equals > 0 && !paged && l.now.Sub(l.watched[c.incident.ID]) < pageTime {
		return true // Which of them has a page is not known yet.
	}
	return speaker.ID != c.incident.ID
}

// sameCalls tells whether another incident would call the same people.
func (c *climb) sameCalls(other *climb) bool {
	return other.choose() && other.policy.Name == c.policy.Name &&
		cmp.Or(other.incident.Team, other.incident.Labels["team"]) == cmp.Or(c.incident.Team, c.incident.Labels["team"])
}

// begun tells whether a policy has begun for the incident.
func (c *climb) begun() bool {
	return slices.ContainsFunc(c.incident.Events, func(e incidents.Event) bool { return e.Data[dataClock] == "begun" })
}

// watch remembers since when an incident is watched.
func (e *escalator) watch(id string, now time.Time) {
	if _, known := e.watched[id]; !known {
		e.watched[id] = now
	}
}
