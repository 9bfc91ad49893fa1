package escalation

import "time"

// clock is how long a policy has had its way with an incident: it runs from the
// beginning, but not while the incident is acknowledged or paused.
type clock struct {
	begun time.Time
	// ran is what it had run before since, from when on it runs, or stood still if
	// it does not run now. stretches are the earlier times in which it ran.
	stretches []stretch
	ran       time.Duration
	since     time.Time

	ack    time.Time // of the acknowledgement that counts; zero: none
	ranOut time.Time // the last acknowledgement that ran out, if none followed
	paused bool
	pauses int
}

// stretch is a time in which the clock ran, and what it read at its beginning.
type stretch struct {
	from, to time.Time
	reading  time.Duration
}

func (c *clock) acknowledged() bool { return !c.ack.IsZero() }

func (c *clock) running() bool { return !c.begun.IsZero() && !c.acknowledged() && !c.paused }

// pass ends an acknowledgement that runs out until an instant.
func (c *clock) pass(t time.Time, timeout time.Duration) {
	if timeout == 0 || !c.acknowledged() {
		return
	}
	if end := c.ack.Add(timeout); !end.After(t) {
		c.turn(Event{Kind: TimedOut, At: end})
	}
}

// turn makes the clock run or stand still. Events come in the order of time.
func (c *clock) turn(e Event) {
	ran := c.running()
	switch e.Kind {
	case Begun:
		if c.begun.IsZero() {
			c.begun = e.At
		}
	case Acknowledged:
		c.ack, c.ranOut = e.At, time.Time{}
	case TimedOut:
		if c.acknowledged() {
			c.ack, c.ranOut = time.Time{}, c.ack
		}
	case Paused:
		if !c.paused {
			c.pauses++
		}
		c.paused = true
	case Resumed:
		c.paused = false
	case Attempted, Done, Failed, PassedOver:
	}
	switch {
	case ran && !c.running():
		c.stretches = append(c.stretches, stretch{c.since, e.At, c.ran})
		c.ran += e.At.Sub(c.since)
	case !ran && c.running():
		c.since = e.At
	}
}

// elapsed is what the clock reads at an instant that is not before its last turn.
func (c *clock) elapsed(t time.Time) time.Duration {
	if !c.running() {
		return c.ran
	}
	return c.ran + max(0, t.Sub(c.since))
}

// reads is when the running clock first reads d, or will if it goes on running.
func (c *clock) reads(d time.Duration, now time.Time) time.Time {
	for _, s := range c.stretches {
		if d <= s.reading+s.to.Sub(s.from) {
			return s.from.Add(d - s.reading)
		}
	}
	if !c.running() {
		return now.Add(d - c.ran)
	}
	return c.since.Add(d - c.ran)
}
