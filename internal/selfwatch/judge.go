package selfwatch

import (
	"fmt"
	"time"
)

// State is how a check stands.
type State string

// The states. A check that nobody has looked at yet is Unknown.
const (
	Unknown  State = ""
	OK       State = "ok"
	Failing  State = "failing"  // not for long enough to raise an alarm
	Alarming State = "alarming" // for longer than its patience
)

// standing is what is known of a check. The zero value is unknown.
type standing struct {
	state State
	// noticed is when the first look failed, since when the failure itself began.
	noticed, since time.Time
	why            string
	// began and over are those of the last alarm; over is zero while it lasts.
	began, over time.Time
}

// after returns the standing once s was seen at a time: the whole decision.
func (st standing) after(s sighting, at time.Time, patience time.Duration) standing {
	if s.ok {
		next := standing{state: OK, began: st.began, over: st.over}
		if st.state == Alarming {
			next.over = at
		}
		return next
	}
	next := st
	if st.state != Failing && st.state != Alarming {
		next.state, next.noticed, next.since = Failing, at, at
	}
	next.why = s.why
	// Later looks may date a failure that goes on later than the first one did.
	if !s.since.IsZero() && s.since.Before(next.since) {
		next.since = s.since
	}
	if next.state == Failing && at.Sub(next.noticed) >= patience {
		next.state, next.began, next.over = Alarming, next.since, time.Time{}
	}
	return next
}

// Alarm is what people are told about a check. The same alarm is told again while it lasts.
type Alarm struct {
	Check Check
	// Since is when the failure began. Over is when it ended; zero while it lasts.
	Since, Over time.Time
	Why         string
}

// AlertName is the label alertname of every alarm.
const AlertName = "WatchtowerStalled"

// Labels identify the alarm; instance tells which of several Watchtowers it is about.
func (a Alarm) Labels(instance string) map[string]string {
	return map[string]string{
		"alertname": AlertName, "check": a.Check.Name, "instance": instance, "service": "watchtower", "severity": "page",
	}
}

// Annotations say in plain words what stalls since when, what that means and what to do.
func (a Alarm) Annotations(instance string) map[string]string {
	description := a.Check.Meaning + " " + a.Check.Advice
	if a.Why != "" {
		description = fmt.Sprintf("Since %s: %s. %s", a.Since.UTC().Format("15:04:05 UTC"), a.Why, description)
	}
	return map[string]string{
		"summary":     "Watchtower " + instance + ": " + a.Check.Title,
		"description": description,
	}
}
