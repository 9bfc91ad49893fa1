package escalation

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"
)

const (
	// Lease is how long somebody who said that they carry out a step may be silent
	// about its outcome. After that others may try.
	Lease = time.Minute
	// tries is how often a step is tried.
	tries = 8
	// The wait between two of them doubles from the first to the longest.
	firstRetry, longestRetry = 15 * time.Second, 5 * time.Minute
)

// Incident is what a policy has to know of one.
type Incident struct {
	Severity string
	// Alerts are when each of its alerts began to fire.
	Alerts []time.Time
	// Muted: nobody is notified of any of its alerts now.
	Muted           bool
	BudgetExhausted bool
	// Resolved is when nothing of it fired any more; zero before.
	Resolved time.Time
	// Events in any order.
	Events []Event
}

// Kind says what an Event is.
type Kind int

// The kinds of events.
const (
	Begun        Kind = iota + 1 // the clock of a policy began to run
	Paused                       // it stands still because nobody is to be notified
	Resumed                      // it goes on
	TimedOut                     // the acknowledgement no longer counts
	Acknowledged                 // somebody has it, or somebody else
	Attempted                    // a step is being carried out
	Done                         // it was
	Failed                       // it could not be
	PassedOver                   // it will not be
)

// Event is what happened to an incident, as far as policies care.
type Event struct {
	Kind Kind
	At   time.Time
	// Policy is the name of the policy; of Begun, Paused and Resumed.
	Policy string
	// Action is the ID of the action; of Attempted, Done, Failed and PassedOver.
	Action string
	// Nobody: the step was passed over because there is nobody whom it would reach.
	Nobody bool
}

// Act says what an Action does.
type Act string

// The acts. Those up to Resume only tell the events.
const (
	Begin    Act = "begin"
	Pause    Act = "pause"
	Resume   Act = "resume"
	PassOver Act = "pass_over"
	Remind   Act = "remind" // whoever acknowledged, that it no longer counts
	Notify   Act = "notify"
	End      Act = "end" // tell a receiver that was notified of the end
)

// Action is something to do.
type Action struct {
	Act Act
	// ID is one of the incident's, and the same whoever finds it due.
	ID string
	// At is since when it is due.
	At time.Time
	// Round from 0, Step as the policy counts, from 0.
	Round, Step int
	Target      Target
	// Attempt is how often it was tried before.
	Attempt int
	// Why says why a step is passed over.
	Why string
}

// Due returns what is to be done for an incident, in order, and when to ask again if
// nothing happens until then; zero: only when something has happened.
func (p Policy) Due(in Incident, now time.Time) (actions []Action, next time.Time) {
	j := judge{policy: p, incident: in, now: now, done: map[string]record{}}
	j.read()
	if !in.Resolved.IsZero() {
		j.end()
		return j.actions, j.next
	}
	if j.clock.begun.IsZero() {
		return []Action{{Act: Begin, ID: j.id("begin"), At: now}}, time.Time{}
	}
	j.timeOut()
	switch {
	case in.Muted != j.clock.paused:
		j.pause()
	case j.clock.paused:
	case j.clock.acknowledged():
		if p.AckTimeout > 0 {
			j.ask(j.clock.ack.Add(p.AckTimeout))
		}
	default:
		j.steps()
	}
	return j.actions, j.next
}

// judge decides for one incident at one time.
type judge struct {
	policy   Policy
	incident Incident
	now      time.Time

	clock   clock
	done    map[string]record // by the ID of the action
	actions []Action
	next    time.Time
}

// record is what is known of an action.
type record struct {
	attempted, failed time.Time // the last ones
	failures          int
	done              bool
	passed            bool
	nobody            time.Time // when it was passed over because nobody is there
}

func (r record) settled() bool { return r.done || r.passed }

func (j *judge) id(what string) string {
	return j.policy.Name + "/" + what
}

// ask asks to be asked again at an instant.
func (j *judge) ask(at time.Time) {
	if j.next.IsZero() || at.Before(j.next) {
		j.next = at
	}
}

// read goes through the events.
func (j *judge) read() {
	events := slices.Clone(j.incident.Events)
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Kind, b.Kind)) })
	for _, e := range events {
		j.clock.pass(e.At, j.policy.AckTimeout)
		r := j.done[e.Action]
		switch e.Kind {
		case Begun, Paused, Resumed:
			if e.Policy == j.policy.Name {
				j.clock.turn(e)
			}
		case Acknowledged, TimedOut:
			j.clock.turn(e)
		case Attempted:
			r.attempted = e.At
		case Done:
			r.done = true
		case Failed:
			r.failed = e.At
			r.failures++
		case PassedOver:
			r.passed = true
			if e.Nobody {
				r.nobody = e.At
			}
		}
		j.done[e.Action] = r
	}
	j.clock.pass(j.now, j.policy.AckTimeout)
}

// timeOut reminds of the last acknowledgement that ran out.
func (j *judge) timeOut() {
	if j.clock.ranOut.IsZero() || j.incident.Muted {
		return
	}
	at := j.clock.ranOut.Add(j.policy.AckTimeout)
	if a := (Action{Act: Remind, ID: j.id("timeout/" + strconv.FormatInt(j.clock.ranOut.UnixMilli(), 10)), At: at}); j.ripe(&a) {
		j.actions = append(j.actions, a)
	}
}

// pause makes the clock stand still, or go on.
func (j *judge) pause() {
	a := Action{Act: Resume, ID: j.id("resume/" + strconv.Itoa(j.clock.pauses)), At: j.now}
	if j.incident.Muted {
		a = Action{Act: Pause, ID: j.id("pause/" + strconv.Itoa(j.clock.pauses+1)), At: j.now}
	}
	j.actions = append(j.actions, a)
}

// steps finds the steps that are due.
func (j *judge) steps() {
	p := j.policy
	elapsed := j.clock.elapsed(j.now)
	current := 0
	if p.Every > 0 {
		current = min(p.Repeat, int(elapsed/p.Every))
	}
	for round := range min(p.Repeat, current+1) + 1 { // None of the later ones is due before.
		var unreached time.Time // when the step before was found to reach nobody
		for i, step := range p.Steps {
			a := Action{Act: Notify, ID: j.step(round, i), Round: round, Step: i, Target: step.Notify}
			a.At = j.clock.reads(time.Duration(round)*p.Every+step.After, j.now)
			if !unreached.IsZero() && unreached.Before(a.At) {
				a.At = unreached
			}
			r := j.done[a.ID]
			unreached = r.nobody
			switch {
			case r.settled():
			case a.At.After(j.now):
				j.ask(a.At)
			case round < current:
				j.passOver(a, "its round was over before it could be carried out")
			case r.failures >= tries:
				j.passOver(a, fmt.Sprintf("it failed %d times", tries))
			case r.attempted.IsZero() && step.If.unmet(j.incident, a.At) != "":
				j.passOver(a, step.If.unmet(j.incident, a.At))
			case j.ripe(&a):
				j.actions = append(j.actions, a)
			}
		}
	}
}

// step is the ID of a step.
func (j *judge) step(round, step int) string {
	return j.id(strconv.Itoa(round) + "/" + j.policy.key(step))
}

func (j *judge) passOver(a Action, why string) {
	a.Act, a.Why = PassOver, why
	j.actions = append(j.actions, a)
}

// ripe tells whether an action that is due is to be tried now, and makes At when it
// is.
func (j *judge) ripe(a *Action) bool {
	r := j.done[a.ID]
	a.Attempt = r.failures
	switch {
	case r.settled() || r.failures >= tries:
		return false
	case r.failures > 0:
		a.At = r.failed.Add(min(firstRetry<<(r.failures-1), longestRetry))
		if r.attempted.After(r.failed) && r.attempted.Add(Lease).After(a.At) {
			a.At = r.attempted.Add(Lease) // Somebody tries again.
		}
	case !r.attempted.IsZero():
		a.At = r.attempted.Add(Lease)
	}
	if a.At.After(j.now) {
		j.ask(a.At)
		return false
	}
	return true
}

// end tells receivers of the end, once each.
func (j *judge) end() {
	told := map[Target]bool{}
	for round := range j.policy.Repeat + 1 {
		for i, step := range j.policy.Steps {
			if step.Notify.Means != Receiver || told[step.Notify] || !j.done[j.step(round, i)].done {
				continue
			}
			told[step.Notify] = true
			a := Action{Act: End, ID: j.id("end/" + step.Notify.Name), At: j.incident.Resolved, Round: round, Step: i, Target: step.Notify}
			if j.ripe(&a) {
				j.actions = append(j.actions, a)
			}
		}
	}
}
