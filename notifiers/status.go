package notifiers

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/marker"
	"github.com/prometheus/alertmanager/silence"
	"github.com/prometheus/common/model"

	"github.com/watchtower-hub/watchtower/notifiers/cluster"
)

// Incident is an open group: at least one of its alerts fires.
type Incident struct {
	// GroupKey identifies the group across restarts and reloads that keep its route.
	GroupKey string
	Receiver string
	// Group are the labels that the group has in common because of group_by.
	Group map[string]string
	// Labels and Annotations are those that all firing alerts agree in.
	Labels      map[string]string
	Annotations map[string]string
	// StartsAt is the start of the oldest firing alert.
	StartsAt time.Time
	// State is suppressed if nobody is notified of any of its alerts, else active.
	State State
	// SilencedBy are the ids of silences, MutedBy the names of time intervals.
	SilencedBy []string
	MutedBy    []string
	// Alerts are the firing ones, by labels.
	Alerts []IncidentAlert
}

// IncidentAlert is one firing alert of an incident.
type IncidentAlert struct {
	Fingerprint  string
	Labels       map[string]string
	Annotations  map[string]string
	StartsAt     time.Time
	GeneratorURL string
	State        State
	SilencedBy   []string
	InhibitedBy  []string // Fingerprints of alerts.
}

// State says whether somebody is notified of an alert.
type State string

// The states of alerts and incidents.
const (
	Active     State = "active"
	Suppressed State = "suppressed"
)

// Incidents returns the open groups, oldest first. It is empty while the pipeline does not run.
func (p *Pipeline) Incidents() []Incident {
	groups := p.firingGroups()
	incidents := make([]Incident, 0, len(groups))
	for _, g := range groups {
		incidents = append(incidents, p.incident(g))
	}
	slices.SortStableFunc(incidents, func(a, b Incident) int {
		return cmp.Or(a.StartsAt.Compare(b.StartsAt), cmp.Compare(a.GroupKey, b.GroupKey), cmp.Compare(a.Receiver, b.Receiver))
	})
	return incidents
}

// Firing reports whether the group with this key has an alert that fires, silenced or not, or one whose end nobody has
// been told of yet: the dispatcher forgets a resolved alert only after it has flushed its group. Alerts live in memory:
// after a start the answer is meaningful once the rules have sent what fires.
func (p *Pipeline) Firing(groupKey string) bool {
	groups := p.groupsWith(func(*alert.Alert, time.Time) bool { return true })
	return slices.ContainsFunc(groups, func(g *dispatch.AlertGroup) bool { return g.GroupKey == groupKey && len(g.Alerts) > 0 })
}

func (p *Pipeline) firingGroups() dispatch.AlertGroups {
	return p.groupsWith(func(a *alert.Alert, now time.Time) bool { return !a.ResolvedAt(now) })
}

// groupsWith are the groups with the alerts that keep says true for.
func (p *Pipeline) groupsWith(keep func(*alert.Alert, time.Time) bool) dispatch.AlertGroups {
	groups, _, err := p.groups(context.Background(), func(*dispatch.Route) bool { return true }, keep)
	if err != nil {
		return nil
	}
	return groups
}

// groups is the API's view of the dispatcher that runs now.
func (p *Pipeline) groups(
	ctx context.Context, route func(*dispatch.Route) bool, filter func(*alert.Alert, time.Time) bool,
) (dispatch.AlertGroups, map[model.Fingerprint][]string, error) {
	g := p.live.Load()
	if g == nil {
		return dispatch.AlertGroups{}, map[model.Fingerprint][]string{}, nil
	}
	return g.dispatcher.Groups(ctx, route, filter)
}

// markMuted records in the marker of ctx what suppresses an alert with these labels now.
func (p *Pipeline) markMuted(ctx context.Context, lset model.LabelSet) {
	if g := p.live.Load(); g != nil {
		g.inhibitor.Mutes(ctx, lset)
	}
	p.silencer.Mutes(ctx, lset)
}

func (p *Pipeline) incident(g *dispatch.AlertGroup) Incident {
	in := Incident{
		GroupKey: g.GroupKey,
		Receiver: g.Receiver,
		Group:    stringMap(g.Labels),
		State:    Suppressed,
	}
	in.MutedBy, _ = p.groupMarker.Muted(g.RouteID, g.GroupKey)
	for i, a := range g.Alerts {
		m := marker.NewAlertMarker()
		p.markMuted(marker.WithContext(context.Background(), m), a.Labels)
		status := m.Status(a.Fingerprint())
		ia := IncidentAlert{
			Fingerprint:  a.Fingerprint().String(),
			Labels:       stringMap(a.Labels),
			Annotations:  stringMap(a.Annotations),
			StartsAt:     a.StartsAt,
			GeneratorURL: a.GeneratorURL,
			State:        Active,
			SilencedBy:   status.SilencedBy,
			InhibitedBy:  status.InhibitedBy,
		}
		if status.State == alert.AlertStateSuppressed || len(in.MutedBy) > 0 {
			ia.State = Suppressed
		}
		if ia.State == Active {
			in.State = Active
		}
		if i == 0 {
			in.Labels, in.Annotations, in.StartsAt = stringMap(a.Labels), stringMap(a.Annotations), a.StartsAt
		}
		keepCommon(in.Labels, ia.Labels)
		keepCommon(in.Annotations, ia.Annotations)
		if a.StartsAt.Before(in.StartsAt) {
			in.StartsAt = a.StartsAt
		}
		in.SilencedBy = append(in.SilencedBy, status.SilencedBy...)
		in.Alerts = append(in.Alerts, ia)
	}
	slices.Sort(in.SilencedBy)
	in.SilencedBy = slices.Compact(in.SilencedBy)
	return in
}

// keepCommon removes from m what other does not agree in.
func keepCommon(m, other map[string]string) {
	for k, v := range m {
		if other[k] != v {
			delete(m, k)
		}
	}
}

func stringMap(set model.LabelSet) map[string]string {
	m := make(map[string]string, len(set))
	for name, value := range set {
		m[string(name)] = string(value)
	}
	return m
}

// Status is what /status shows of the pipeline.
type Status struct {
	// ConfigFile is empty for the built-in configuration.
	ConfigFile string
	LoadedAt   time.Time
	// ReloadError is the reason why the last reload was refused, empty if it was not.
	ReloadError   string
	ReloadErrorAt time.Time
	Receivers     []ReceiverStatus
	// ActiveIncidents and SuppressedIncidents count open groups.
	ActiveIncidents     int
	SuppressedIncidents int
	// Silences counts them by state.
	Silences struct{ Active, Pending, Expired int }
	// Cluster is nil if this instance is alone.
	Cluster *cluster.Status
}

// ReceiverStatus is one receiver that a route uses or that others fall back to.
type ReceiverStatus struct {
	Name         string
	Integrations []IntegrationStatus
}

// Status returns the present state of the pipeline.
func (p *Pipeline) Status() Status {
	p.mu.Lock()
	s := Status{ConfigFile: p.plan.file, LoadedAt: p.plan.loadedAt}
	if p.reloadErr != nil {
		s.ReloadError, s.ReloadErrorAt = p.reloadErr.Error(), p.reloadErrAt
	}
	for name, integrations := range p.plan.receivers {
		r := ReceiverStatus{Name: name}
		for _, i := range integrations {
			r.Integrations = append(r.Integrations, p.deliveries.status(name, i))
		}
		s.Receivers = append(s.Receivers, r)
	}
	p.mu.Unlock()
	slices.SortFunc(s.Receivers, func(a, b ReceiverStatus) int { return cmp.Compare(a.Name, b.Name) })
	for _, in := range p.Incidents() {
		if in.State == Active {
			s.ActiveIncidents++
		} else {
			s.SuppressedIncidents++
		}
	}
	s.Silences.Active = p.countSilences(silence.SilenceStateActive)
	s.Silences.Pending = p.countSilences(silence.SilenceStatePending)
	s.Silences.Expired = p.countSilences(silence.SilenceStateExpired)
	if p.peer != nil {
		s.Cluster = new(p.peer.Status())
	}
	return s
}

func (p *Pipeline) countSilences(state silence.SilenceState) int {
	n, err := p.silences.CountState(context.Background(), state)
	if err != nil {
		p.logger.Error("silences could not be counted", "state", string(state), "err", err)
		return 0
	}
	return n
}
