package rules

import "time"

// The alerts of one objective.
const (
	alertPage = iota
	alertTicket
	alertLost
	alertKinds
)

const (
	// resolvedRetention is how long a resolved alert is sent again, as Prometheus
	// does, so that a receiver that was away learns of it.
	resolvedRetention = 15 * time.Minute
	// resendDelay is how often a firing alert is sent again.
	resendDelay = time.Minute
	// lostAfter is the least silence that means telemetry is lost.
	lostAfter = 2 * time.Minute
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
}

// step moves the state on. An alert fires at once and ends after it has been quiet
// for damp without a break, a fifth of its short window and a minute at most, so
// that a burn around the threshold does not flap; unsure changes nothing.
func (a *alertState) step(now, damp int64, v verdict) {
	switch {
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
		*a = alertState{}
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

// kindSeverity is the severity an alert asks for. Silence pages, unless the
// objective has no page.
func (o Objective) kindSeverity(kind int) (Severity, bool) {
	page, ticket := !o.Alerting.Page.Disabled, !o.Alerting.Ticket.Disabled
	switch {
	case kind == alertPage:
		return Page, page
	case kind == alertTicket:
		return Ticket, ticket
	case page:
		return Page, true
	default:
		return Ticket, ticket
	}
}

// decide evaluates the objective and moves its alerts on; it tells whether one of
// them is to be sent. started is when this process began to watch. The lock is
// held.
func (tr *track) decide(now, started int64) bool {
	r := &tr.reading
	tr.judge.evaluate(tr.ledger, r, now, tr.every)
	tr.hot, tr.near = false, tr.closeToFiring()
	due := false
	for kind := range tr.alerts {
		if _, on := tr.obj.kindSeverity(kind); !on {
			continue
		}
		a := &tr.alerts[kind]
		a.step(now, tr.judge.damp[kind], tr.verdict(kind, started))
		due = due || a.due(now)
	}
	return due
}

// closeToFiring tells whether a page that does not fire has reached a third of what
// makes it fire. It bounds what judging at once may cost: most objectives are far
// from any alert at any time.
func (tr *track) closeToFiring() bool {
	if tr.alerts[alertPage].firing || tr.obj.Alerting.Page.Disabled {
		return false
	}
	for i, p := range tr.judge.pairs {
		pr := &tr.reading.pairs[i]
		if p.Severity == Page && pr.threshold > 0 && min(pr.long, pr.short) >= pr.threshold/3 {
			return true
		}
	}
	return false
}

func (tr *track) verdict(kind int, started int64) verdict {
	r := &tr.reading
	switch {
	case kind == alertLost:
		return tr.lost(started)
	case tr.ledger.Last() == 0 || tr.missing != "":
		return unsure
	case kind == alertPage:
		return tr.judge.severity(r, Page)
	default:
		return tr.judge.severity(r, Ticket)
	}
}

// lost judges silence: after having had traffic, nothing has arrived for longer
// than two minutes and four intervals. Time in which this process did not run does
// not count.
func (tr *track) lost(started int64) verdict {
	r := &tr.reading
	if tr.ledger.Last() == 0 || r.sums[tr.judge.period].Total <= 0 {
		return quiet
	}
	silent := r.at - max(r.anchor, started)
	if silent > max(lostAfter.Milliseconds(), 4*tr.every) {
		return burning
	}
	if r.lag > 0 {
		return unsure
	}
	return quiet
}
