// Package oncall says who is on call: for any team and any instant, exactly.
//
// Its words: a user is a person who can be on call. A schedule is a stack of
// layers, each of which claims some stretches of time for one user each: rotations,
// which hand over by the calendar and the clock of their time zone, then calendars
// (iCalendar files), then overrides. Of those that claim an instant the last one
// wins. A team has one schedule. A shift is a stretch of time in which the answer is
// the same user for the same reason; where nobody is the answer there is a gap.
//
// A Roster is immutable and knows no clock, file or network: it is a pure function
// of time. Load makes one from files; a Keeper keeps one current, with calendars
// behind addresses and overrides made while the program runs.
//
//	roster, err := oncall.Load("oncall.yaml", "", time.Now())
//	shift, ok := roster.At("backend", time.Now()) // ok is false in a gap
//
// The file's format, and what happens when clocks change, is in docs/oncall.md.
package oncall
