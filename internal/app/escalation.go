package app

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/watchtower-hub/watchtower/internal/config"
	"github.com/watchtower-hub/watchtower/internal/oncall"
	"github.com/watchtower-hub/watchtower/internal/oncall/escalation"
	"github.com/watchtower-hub/watchtower/notifiers"
	"github.com/watchtower-hub/watchtower/notifiers/incidents"
	"github.com/watchtower-hub/watchtower/notifiers/slack"
	"github.com/watchtower-hub/watchtower/rules"
)

const (
	// lookAgain is how often open incidents are looked at if nothing happens: nobody
	// tells when a silence begins or ends.
	lookAgain = 5 * time.Second
	// gather is how long changes of the log are gathered before they are looked at.
	gather = 250 * time.Millisecond
	// callTime bounds an attempt to notify somebody. It has to be well below
	// escalation.Lease, after which a peer tries.
	callTime = 20 * time.Second
	// afterEnd is how long after its end an incident's receivers are told of it.
	afterEnd = time.Hour
)

// escalator carries out the escalation policies: whatever is due by what the log of
// incidents knows. It remembers nothing that is not in the log.
type escalator struct {
	log    *incidents.Log
	logger *slog.Logger
	// roster is who is on call now, and the policies.
	roster func() *oncall.Roster
	// call says something at an incident's page, release takes its acknowledgement back.
	call    func(ctx context.Context, groupKey string, c slack.Call) error
	release func(groupKey string)
	// notify tells a receiver of alertmanager.yml.
	notify func(ctx context.Context, receiver string, n notifiers.Notice) error
	// open are the groups that fire here.
	open func() []notifiers.Incident
	// exhausted tells whether one of these objectives has no error budget left.
	exhausted func(objectives []string) bool
	// turn is this instance's place among its peers.
	turn func() turn
	// steps counts what was carried out, by means and outcome.
	steps *prometheus.CounterVec

	mu       sync.Mutex
	busy     map[string]bool // what is being carried out, by incident and action
	finished chan struct{}   // holds one notice that somebody is done
	working  sync.WaitGroup
	// watched are incidents that were open, since when, and may have receivers to be
	// told of the end. Only run's goroutine touches it.
	watched map[string]time.Time
	// seen are when actions were first found due that are due at once, whenever they are
	// found: by incident and action. Only run's goroutine touches it.
	seen map[string]map[string]time.Time
}

// turn is an instance's place among its peers: a step that falls due is the first
// one's; each of the others waits for those before it, and finds in the log that the
// step was taken, or takes it. After a failure the next one tries first.
type turn struct {
	position, peers int
	each            time.Duration // how long each waits for each before it
}

// wait is how long an attempt is left to others.
func (t turn) wait(attempt int) time.Duration {
	if t.peers < 2 {
		return 0
	}
	place := (t.position - attempt) % t.peers
	if place < 0 {
		place += t.peers
	}
	return time.Duration(place) * t.each
}

// openEscalation connects the policies with all they need.
func (a *App) openEscalation(context.Context, config.Files) error {
	if a.oncall == nil {
		return nil
	}
	a.escalator = &escalator{
		log: a.incidentLog, logger: a.logger.With("component", "escalation"), roster: a.oncall.Roster,
		call: a.slack.Call, release: a.slack.Release, notify: a.pipeline.NotifyReceiver, open: a.pipeline.Incidents,
		exhausted: a.exhausted,
		turn:      a.turn,
		steps: promauto.With(a.registry).NewCounterVec(prometheus.CounterOpts{
			Name: "watchtower_escalation_actions_total",
			Help: "Steps of escalation policies, and other actions, that were tried, by what they do and the outcome.",
		}, []string{"act", "means", "outcome"}),
	}
	return nil
}

// turn is this instance's place now.
func (a *App) turn() turn {
	position, peers := a.pipeline.Place()
	return turn{position: position, peers: peers, each: time.Duration(a.opened.Notifiers.Cluster.PeerTimeout)}
}

// exhausted tells whether one of these objectives has no error budget left.
func (a *App) exhausted(objectives []string) bool {
	for _, id := range objectives {
		if s, ok := a.engine.Status(id); ok && s.State == rules.StateExhausted {
			return true
		}
	}
	return false
}

// escalate carries out escalation policies, once it is known what peers have done.
func (a *App) escalate(ctx context.Context) error {
	if a.escalator != nil && a.pipeline.Settled(ctx) == nil {
		return a.escalator.run(ctx)
	}
	<-ctx.Done()
	return nil
}

// run returns when ctx has ended and nothing is under way any more.
func (e *escalator) run(ctx context.Context) error {
	e.busy, e.finished = map[string]bool{}, make(chan struct{}, 1)
	e.watched, e.seen = map[string]time.Time{}, map[string]map[string]time.Time{}
	now := time.Now()
	for _, in := range e.log.List(incidents.Filter{Since: now.Add(-afterEnd)}) {
		e.watch(in.ID, now)
	}
	defer e.working.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		changed := e.log.Changed()
		now = time.Now()
		next := e.lookAt(ctx, now)
		timer.Reset(next.Sub(now))
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-e.finished:
		case <-changed:
			timer.Reset(gather)
			select {
			case <-ctx.Done():
				return nil
			case <-timer.C:
			case <-e.finished: // What follows from it does not wait.
			}
		}
	}
}

// lookAt has everything carried out that is due, and returns when to look again if the
// log does not change.
func (e *escalator) lookAt(ctx context.Context, now time.Time) time.Time {
	next := now.Add(lookAgain)
	roster := e.roster()
	if len(roster.Policies()) == 0 {
		return next
	}
	l := look{escalator: e, roster: roster, turn: e.turn(), now: now, next: next, firing: map[string]notifiers.Incident{}, underWay: e.underWay()}
	groups := e.open()
	for _, in := range groups {
		l.firing[in.GroupKey] = in
	}
	l.twins = twins(groups)
	open := map[string]bool{}
	for _, head := range e.log.List(incidents.Filter{Open: true}) {
		open[head.ID] = true
		e.watch(head.ID, now)
		if in, ok := e.log.Told(head.ID); ok && in.ID == head.ID {
			l.at(ctx, in)
		}
	}
	for id := range e.watched {
		if open[id] {
			continue
		}
		in, ok := e.log.Told(id)
		if !ok || in.ID != id || in.State != incidents.StateResolved || now.Sub(in.ResolvedAt) > afterEnd || l.at(ctx, in) {
			delete(e.seen, id)
			delete(e.watched, id) // It is over, or another incident has taken it in.
		}
	}
	return l.next
}

// look is one look at all incidents.
type look struct {
	*escalator
	roster *oncall.Roster
	turn   turn
	firing map[string]notifiers.Incident
	twins  map[string][]twin
	now    time.Time
	next   time.Time // when to look again
	// underWay is what was being carried out before the log was read: what came of it
	// may be missing from what was read.
	underWay map[string]bool
}

// at has everything carried out that is due for one incident, and reports whether there
// is nothing to do until something happens.
func (l *look) at(ctx context.Context, in incidents.Incident) (nothing bool) {
	c := climb{incident: in, roster: l.roster, now: l.now}
	c.group, c.fires = l.firing[in.GroupKey]
	if !c.choose() {
		return true
	}
	if !c.fires && in.State != incidents.StateResolved {
		return false // After a start it is not known yet whether it still fires.
	}
	if in.State != incidents.StateResolved && l.leaves(c) {
		return false
	}
	due, ask := c.policy.Due(c.facts(l.exhausted), l.now)
	due, wait := l.ripe(c, due)
	for _, t := range []time.Time{ask, wait} {
		if !t.IsZero() && t.Before(l.next) {
			l.next = t
		}
	}
	if ours := l.take(in.ID, due); len(ours) > 0 {
		l.start(ctx, c, ours)
	}
	return len(due) == 0 && ask.IsZero() && wait.IsZero()
}

// ripe are the actions that are this instance's to carry out now, and when the next of
// the others may be.
func (l *look) ripe(c climb, due []escalation.Action) (ours []escalation.Action, next time.Time) {
	for _, a := range due {
		at := l.since(c.incident.ID, a).Add(l.turn.wait(a.Attempt))
		if c.awaitsPage(a) {
			at = at.Add(pageTime)
		}
		if !at.After(c.now) {
			ours = append(ours, a)
		} else if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return ours, next
}

// since is when an action fell due. What turns the clock of a policy is due whenever it is
// looked for, and has been since the first time it was.
func (l *look) since(incident string, a escalation.Action) time.Time {
	switch a.Act {
	case escalation.Begin, escalation.Pause, escalation.Resume:
	default:
		return a.At
	}
	if l.seen[incident] == nil {
		l.seen[incident] = map[string]time.Time{}
	}
	if _, seen := l.seen[incident][a.ID]; !seen {
		l.seen[incident][a.ID] = l.now
	}
	return l.seen[incident][a.ID]
}

// take are the actions that nobody is at work on. From then on somebody is.
func (l *look) take(incident string, due []escalation.Action) (ours []escalation.Action) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range due {
		if key := incident + "/" + a.ID; !l.underWay[key] {
			l.busy[key] = true
			ours = append(ours, a)
		}
	}
	return ours
}

// underWay is what is being carried out.
func (e *escalator) underWay() map[string]bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.busy)
}

func (e *escalator) leave(incident string, a escalation.Action) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.busy, incident+"/"+a.ID)
}

// start carries out what is due, one after the other, beside what is due for other
// incidents and what is under way for this one.
func (e *escalator) start(ctx context.Context, c climb, due []escalation.Action) {
	e.working.Go(func() {
		for i, a := range due {
			if ctx.Err() == nil && (i == 0 || e.stands(c, a)) {
				e.act(ctx, c, a)
			}
			e.leave(c.incident.ID, a)
		}
		select {
		case e.finished <- struct{}{}:
		default: // A look is due already.
		}
	})
}

// stands tells whether an action is due still: those before it took their time, and
// somebody may have acknowledged meanwhile.
func (e *escalator) stands(c climb, a escalation.Action) bool {
	in, ok := e.log.Told(c.incident.ID)
	if !ok {
		return false
	}
	c.incident = in
	due, _ := c.policy.Due(c.facts(e.exhausted), time.Now())
	return slices.ContainsFunc(due, func(d escalation.Action) bool { return d.ID == a.ID && d.Act == a.Act })
}

// climb is an incident and the policy by which it climbs.
type climb struct {
	incident incidents.Incident
	group    notifiers.Incident
	fires    bool
	roster   *oncall.Roster
	policy   escalation.Policy
	now      time.Time
}

// The keys of what escalations write into the data of events.
const (
	dataPolicy = "policy"
	dataClock  = "clock"  // begun, paused, resumed
	dataAction = "step"   // the ID of what is done
	dataCalled = "called" // the name of the person who is called
	dataNobody = "nobody" // the step would have reached nobody
)

// choose finds the policy: the one that has begun, as long as it exists.
func (c *climb) choose() bool {
	for _, e := range c.incident.Events {
		if e.Data[dataClock] != "begun" {
			continue
		}
		if p, ok := c.roster.Policy(e.Data[dataPolicy]); ok {
			c.policy = p
			return true
		}
	}
	if c.incident.State == incidents.StateResolved {
		return false
	}
	var ok bool
	c.policy, ok = c.roster.PolicyFor(c.incident.Team, c.labels())
	return ok
}

// labels are those that the incident's alerts agree in, and its own.
func (c *climb) labels() map[string]string {
	labels := map[string]string{"severity": c.incident.Severity, "service": c.incident.Service, "team": c.incident.Team}
	for name, value := range c.incident.Labels {
		labels[name] = cmp.Or(labels[name], value)
	}
	return labels
}

// facts are what a policy has to know.
func (c *climb) facts(exhausted func([]string) bool) escalation.Incident {
	out := escalation.Incident{
		Severity: c.incident.Severity, Resolved: c.incident.ResolvedAt, Alerts: c.unflushed(),
		Muted:           c.fires && c.group.State == notifiers.Suppressed,
		BudgetExhausted: exhausted(c.incident.Objectives),
	}
	clocks := map[string]escalation.Kind{"begun": escalation.Begun, "paused": escalation.Paused, "resumed": escalation.Resumed}
	for _, e := range c.incident.Events {
		x := escalation.Event{At: e.At, Policy: e.Data[dataPolicy], Action: e.Data[dataAction], Nobody: e.Data[dataNobody] != ""}
		switch e.Kind {
		case incidents.Fired:
			out.Alerts = append(out.Alerts, e.At)
			continue
		case incidents.Acknowledged, incidents.TakenOver:
			x.Kind = escalation.Acknowledged
		case incidents.AckTimedOut:
			x.Kind = escalation.TimedOut
		case incidents.Escalated:
			x.Kind = escalation.Attempted
		case incidents.Notified:
			x.Kind = escalation.Done
		case incidents.NotNotified:
			x.Kind = escalation.Failed
		case incidents.PolicyChecked:
			x.Kind = escalation.PassedOver
			if k, ok := clocks[e.Data[dataClock]]; ok {
				x.Kind = k
			}
		default:
			continue
		}
		out.Events = append(out.Events, x)
		if x.Kind == escalation.TimedOut && x.Action != "" {
			x.Kind = escalation.Attempted
			out.Events = append(out.Events, x)
		}
	}
	return out
}

// unflushed are the beginnings of alerts that fire and that the log does not know yet: it
// learns of them at the next flush of the group, which may be minutes away.
func (c *climb) unflushed() (begun []time.Time) {
	known := map[string]bool{}
	for _, e := range c.incident.Events {
		if e.Kind == incidents.Fired {
			known[e.Data[incidents.DataFingerprint]] = true
		}
	}
	for _, a := range c.group.Alerts {
		if !known[a.Fingerprint] {
			begun = append(begun, a.StartsAt)
		}
	}
	return begun
}

// paged tells whether a page of the incident has reached Slack.
func (c *climb) paged() bool {
	for _, e := range c.incident.Events {
		if e.Kind == incidents.Notified && strings.HasPrefix(e.Data[incidents.DataIntegration], "slack[") {
			return true
		}
	}
	return false
}
