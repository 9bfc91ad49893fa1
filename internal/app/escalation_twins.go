package app

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/notifiers"
	"github.com/watchtower-hub/watchtower/notifiers/incidents"
)

// Where a route continues, the same alerts are in several groups, one for each
// receiver, and each is an incident. People are to be called once: by the one that
// Slack has a page of.

// twins are the groups that the firing alerts of each group are in too, by the alerts.
func twins(groups []notifiers.Incident) map[string][]string {
	out := map[string][]string{}
	for _, g := range groups {
		key := alertsOf(g)
		out[key] = append(out[key], g.GroupKey)
	}
	maps.DeleteFunc(out, func(_ string, keys []string) bool { return len(keys) < 2 })
	return out
}

// alertsOf identifies the alerts of a group.
func alertsOf(g notifiers.Incident) string {
	prints := make([]string, len(g.Alerts))
	for i, a := range g.Alerts {
		prints[i] = a.Fingerprint
	}
	slices.Sort(prints)
	return strings.Join(prints, " ")
}

// leaves tells whether an incident leaves it to a twin to call people. Once one of
// them has begun, it goes on.
func (l *look) leaves(c climb) bool {
	if c.begun() {
		return false
	}
	speaker, paged := c.incident, c.paged()
	for _, key := range l.twins[alertsOf(c.group)] {
		if key == c.incident.GroupKey {
			continue
		}
		in, ok := l.log.OpenGroup(key)
		twin := climb{incident: in}
		if !ok {
			continue
		}
		if twin.begun() {
			return true
		}
		if twin.paged() != paged {
			if twin.paged() {
				speaker, paged = in, true
			}
			continue
		}
		if cmp.Or(in.OpenedAt.Compare(speaker.OpenedAt), strings.Compare(key, speaker.GroupKey)) < 0 {
			speaker = in
		}
	}
	if len(l.twins[alertsOf(c.group)]) > 0 && !paged && l.now.Sub(l.watched[c.incident.ID]) < pageTime {
		return true // Which of them has a page is not known yet.
	}
	return speaker.ID != c.incident.ID
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
