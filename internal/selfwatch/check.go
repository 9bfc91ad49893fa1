package selfwatch

import (
	"context"
	"time"
)

// Look looks at one part of the process. When it is not ok, since tells from when on
// (zero: from this look on) and why says it for people, without secrets.
//
// It is never called twice at the same time. It should end with its context; one that
// does not come back in time counts as not ok until it does.
type Look func(ctx context.Context) (ok bool, since time.Time, why string)

// Check is one thing to look at.
type Check struct {
	// Name is a word for labels: "evaluation".
	Name string
	// Title is what is wrong when it fails, in one sentence without a dot: "Objectives
	// are not evaluated". Meaning says what that means for people, Advice what to do.
	Title, Meaning, Advice string
	// Every is the time between two looks; 5 s when 0.
	Every time.Duration
	// Patience is how long it may fail before there is an alarm.
	Patience time.Duration
	// Direct marks what keeps alarms from reaching people by the normal way.
	Direct bool
	Look   Look
}

// hangs is how long a look may take before it counts as failing.
const hangs = 20 * time.Second

// sighting is what one look saw.
type sighting struct {
	ok    bool
	since time.Time
	why   string
}

// ask starts a look; the channel gets what it saw. The look may outlive ctx only by
// ignoring it.
func (c Check) ask(ctx context.Context) <-chan sighting {
	saw := make(chan sighting, 1)
	go func() {
		ctx, cancel := context.WithTimeout(ctx, hangs)
		defer cancel()
		var s sighting
		s.ok, s.since, s.why = c.Look(ctx)
		saw <- s
	}()
	return saw
}

// silent is what is seen while a look that began then does not come back.
func silent(began time.Time) sighting {
	return sighting{since: began, why: "it does not answer"}
}
