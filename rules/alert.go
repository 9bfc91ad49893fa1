package rules

import (
	"math"
	"time"
)

// alertKind is what an alert is about.
type alertKind uint8

// The kinds of alerts. An objective may have several of the later ones.
const (
	// alertPage and alertTicket are the burn-rate alerts.
	alertPage alertKind = iota
	alertTicket
	// alertLost is silence of the telemetry, alertNoTraffic that of the users.
	alertLost
	alertNoTraffic
	// alertSpent and alertGone are the budget's tickets.
	alertSpent
	alertGone
)

// public names a kind for those who show it.
func (k alertKind) public() AlertKind {
	return [...]AlertKind{
		alertPage: AlertBurn, alertTicket: AlertBurn, alertLost: AlertTelemetryLost, alertNoTraffic: AlertNoTraffic,
		alertSpent: AlertBudgetSpent, alertGone: AlertBudgetGoneSoon,
	}[k]
}

// alertRule is one alert an objective may send. It never changes.
type alertRule struct {
	// What every evaluation needs comes first.
	kind alertKind
	// damp is for how many milliseconds the alert must be quiet before it ends.
	damp int64
	levels
	severity Severity
	// key names the alert among those of its objective for as long as it means the
	// same, over restarts and changes of the list.
	key string
	// name is the alertname; label and its value tell the alerts of one name apart, ""
	// where there is only one.
	name, label, value string
}

// alertRules lists the alerts of an objective. What a spec has disabled is not
// among them.
func alertRules(o Objective, pairs []Pair) []alertRule {
	var out []alertRule
	for kind, sev := range []Severity{alertPage: Page, alertTicket: Ticket} {
		if o.Alert(sev).Disabled {
			continue
		}
		out = append(out, alertRule{
			kind: alertKind(kind), key: string(sev), name: o.Alerting.Name, severity: sev, damp: burnDamp(pairs, sev),
		})
	}
	// The silence of a group is its whole's to tell: a group alone is idle.
	if sev, on := o.lostSeverity(); on && o.Parent == "" {
		out = append(out, alertRule{kind: alertLost, key: "lost", name: lostName, severity: sev})
	}
	if ms := o.Alerting.NoTrafficFor.Milliseconds(); ms > 0 && !o.SLI.Raw() {
		sev, _ := o.silenceSeverity()
		out = append(out, alertRule{kind: alertNoTraffic, key: "no_traffic", name: noTrafficName, severity: sev, damp: min(ms/5, 60_000)})
	}
	return append(out, budgetRules(o)...)
}

// burnDamp is a fifth of the shortest window that fires with this severity, a
// minute at most.
func burnDamp(pairs []Pair, s Severity) int64 {
	damp := int64(0)
	for _, p := range pairs {
		if fifth := p.Short.Milliseconds() / 5; p.Severity == s && (damp == 0 || fifth < damp) {
			damp = min(fifth, 60_000)
		}
	}
	return damp
}

// silenceSeverity is the severity of an alert about silence: it pages, unless the
// objective has no page but a ticket. It is false for an objective whose burning
// alerts nobody.
func (o Objective) silenceSeverity() (Severity, bool) {
	page, ticket := !o.Alerting.Page.Disabled, !o.Alerting.Ticket.Disabled
	if page || !ticket {
		return Page, page
	}
	return Ticket, true
}

// lostSeverity is the severity of TelemetryLost, false where a spec switches it off
// or there is nothing it would be the silence of.
func (o Objective) lostSeverity() (Severity, bool) {
	sev, on := o.silenceSeverity()
	switch o.Alerting.Lost {
	case On:
		return sev, true
	case Off:
		return sev, false
	}
	return sev, on
}

// inherit returns states for the new rules out of those of the old ones: an alert
// that is still wanted goes on where it was.
func inherit(rules, old []alertRule, states []alertState) []alertState {
	out := make([]alertState, len(rules))
	for i, r := range rules {
		for k, o := range old {
			if o.key == r.key {
				out[i] = states[k]
			}
		}
	}
	return out
}

const (
	// resolvedRetention is how long a resolved alert is sent again, as Prometheus
	// does, so that a receiver that was away learns of it.
	resolvedRetention = 15 * time.Minute
	// resendDelay is how often a firing alert is sent again.
	resendDelay = time.Minute
	// lostAfter is the least silence that means telemetry is lost.
	lostAfter = 2 * time.Minute
	// announceEvery is how often it is asked what was announced.
	announceEvery = time.Minute
	// lostName is the alertname of silence.
	lostName = "TelemetryLost"
)

// alertState is the state of one alert over time. Times are Unix milliseconds, 0
// when unset.
type alertState struct {
	firing     bool
	activeAt   int64
	quietSince int64
	resolvedAt int64
	lastSent   int64
	// held keeps a budget ticket from firing, see levels.
	held bool
}

// step moves the state on. An alert fires at once and ends after it has been quiet
// for damp without a break, a fifth of its short window and a minute at most, so
// that a burn around the threshold does not flap; unsure changes nothing, and over
// ends it at once.
func (a *alertState) step(now, damp int64, v verdict) {
	switch {
	case v == over:
		if a.firing {
			a.firing, a.resolvedAt = false, now
		}
	case v == burning && !a.firing:
		*a = alertState{firing: true, activeAt: now, lastSent: a.lastSent}
	case v == burning, v == unsure:
		a.quietSince = 0
	case a.firing:
		if a.quietSince == 0 {
			a.quietSince = now
		}
		if now-a.quietSince >= damp {
			a.firing = false
			a.resolvedAt = now
		}
	}
	if !a.firing && a.resolvedAt > 0 && now-a.resolvedAt > resolvedRetention.Milliseconds() {
		*a = alertState{held: a.held}
	}
}

// due tells whether the alert should be sent now.
func (a *alertState) due(now int64) bool {
	switch {
	case a.firing:
		return a.lastSent < a.activeAt || a.lastSent+resendDelay.Milliseconds() < now
	case a.resolvedAt > 0:
		return a.lastSent < a.resolvedAt || a.lastSent+resendDelay.Milliseconds() < now
	default:
		return false
	}
}

// decide evaluates the objective and moves its alerts on; it tells whether one of
// them is to be sent. started is when this process began to watch. The lock is
// held.
func (tr *track) decide(now, started int64) bool {
	r := &tr.reading
	tr.roll(now)
	tr.announce(now)
	tr.closeSlices(now)
	tr.judge.evaluate(tr.ledger, r, now, tr.every)
	tr.evaluateMore()
	tr.hot, tr.near = false, tr.closeToFiring()
	due := false
	for i := range tr.judge.alerts {
		rule, a := &tr.judge.alerts[i], &tr.alerts[i]
		a.step(now, rule.damp, tr.verdict(rule, a, started))
		due = due || a.due(now)
	}
	return due
}

// closeToFiring tells whether a page that does not fire has reached a third of what
// makes it fire. It bounds what judging at once may cost: most objectives are far
// from any alert at any time.
func (tr *track) closeToFiring() bool {
	for i := range tr.judge.alerts {
		if tr.judge.alerts[i].kind == alertPage && tr.alerts[i].firing {
			return false
		}
	}
	for i, p := range tr.judge.pairs {
		pr := &tr.reading.pairs[i]
		if p.Severity == Page && pr.threshold > 0 && min(pr.long, pr.short) >= pr.threshold/3 {
			return true
		}
	}
	return false
}

func (tr *track) verdict(rule *alertRule, a *alertState, started int64) verdict {
	switch {
	case rule.kind == alertLost:
		return tr.lost(started)
	case tr.ledger.Last() == 0:
		return unsure
	case rule.kind == alertNoTraffic:
		if r := &tr.reading; tr.judge.out(r.at-tr.judge.silent, r.at) > 0 {
			return quiet // Somebody has said that this time does not count.
		}
		return tr.reading.flow.ceased(&tr.reading, a.firing)
	case tr.untold():
		return unsure
	case rule.kind == alertSpent:
		return tr.spent(rule, a)
	case rule.kind == alertGone:
		return tr.goneSoon(rule, a)
	default:
		return tr.judge.severity(&tr.reading, rule.severity)
	}
}

// evaluateMore reads what only the alerts of some objectives need.
func (tr *track) evaluateMore() {
	j, r := &tr.judge, &tr.reading
	if j.silent > 0 {
		r.flow.measure(tr.ledger, r, j.silent, tr.every)
	}
	if j.within == 0 {
		return
	}
	r.goneIn = math.Inf(1)
	if o, ok := j.look(tr.ledger, r, j.hour, tr.announced); ok {
		if in, ok := o.gone(j.within, quickSteps); ok {
			r.goneIn = in
		}
	}
}

// announce asks now and then how many events were announced for the period ahead.
func (tr *track) announce(now int64) {
	if tr.announced == nil || now-tr.reading.askedAt < announceEvery.Milliseconds() {
		return
	}
	tr.reading.askedAt = now
	tr.reading.ahead = tr.announced.in(now, now+tr.judge.periodMillis)
}

// lost judges silence: after having had traffic, nothing has arrived for longer
// than two minutes and four intervals. Time in which this process did not run does
// not count.
func (tr *track) lost(started int64) verdict {
	r := &tr.reading
	if tr.ledger.Last() == 0 || r.sums[tr.judge.period].Total <= 0 {
		return quiet
	}
	heard := max(r.anchor, started)
	silent := r.at - heard - tr.judge.out(heard, r.at)
	if silent > max(lostAfter.Milliseconds(), 4*tr.every) {
		return burning
	}
	if r.lag > 0 {
		return unsure
	}
	return quiet
}
