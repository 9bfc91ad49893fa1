// Package escalation says who is called when nobody answers: which steps of a policy
// are due for an incident, and when the next one will be.
//
// Its words: a policy is a list of steps, gone through in rounds. A step says whom to
// notify and how long after the beginning of its round. The clock of a policy runs
// while the incident is open; it stands still while somebody has acknowledged it and
// while it is silenced, and goes on from where it stood.
//
// Due is a pure function of a policy, of what happened to an incident, and of the
// time. There are no timers to keep: what was done is in the incident's events, and
// the IDs of actions are functions of policy, round and step, so that a restart or a
// peer comes to the same answer. Whoever carries an action out tells the events first
// that it does, and afterwards what came of it.
//
//	actions, next := policy.Due(incident, time.Now())
package escalation
