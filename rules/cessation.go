package rules

import (
	"time"

	"github.com/watchtower-hub/watchtower/rules/ledger"
)

const (
	// noTrafficName is the alertname of traffic that ceased.
	noTrafficName = "NoTraffic"
	// flowBefore is in how long a time before the silence events must have flowed.
	flowBefore = time.Hour
	// noEvents is less than any event, and more than rounding.
	noEvents = 1e-6
)

// flow is what is known of the traffic, for an objective that asks to be told when
// it ceases.
type flow struct {
	edges [2]ledger.Edge
	// now and before are the events within the asked time and in the hour before it.
	now, before float64
	coverage    float64
}

// measure reads the traffic until the anchor of the reading.
func (f *flow) measure(l *ledger.Ledger, r *reading, asked, every int64) {
	recent := l.UntilEdge(&f.edges[0], r.anchor-asked)
	within := r.until.Sub(recent)
	f.now = within.Total
	f.before = recent.Total - l.UntilEdge(&f.edges[1], r.anchor-asked-flowBefore.Milliseconds()).Total
	f.coverage = coverage(within.Seen, asked, r.lag, every)
}

// ceased judges traffic: telemetry arrives, and says that there are no events,
// after there were some in the hour before. The alert stays until events flow,
// however long that takes, also when telemetry stops as well: blindness is not
// traffic. It does not begin while blind; that is TelemetryLost.
func (f *flow) ceased(r *reading, firing bool) verdict {
	switch {
	case f.now > noEvents:
		return quiet
	case firing:
		return burning
	case r.lag > 0 || f.coverage < minCoverage:
		return unsure
	case f.before > noEvents:
		return burning
	default:
		return quiet
	}
}
