// Package selfwatch watches the watcher: whether objectives are judged, telemetry is
// stored, messages leave and the disk takes writes. While all of it works a request
// goes out at every interval, to a service that raises the alarm when requests stop
// coming (a dead man's switch). When something stalls, people are told.
//
//	w, err := selfwatch.New(selfwatch.Options{Checks: checks, Tell: tell, …})
//	…
//	err = w.Run(ctx)
//
// Its words:
//
//   - A check looks at one part, again and again. A look that does not come back counts
//     as a failing one: that is what a deadlock looks like from outside.
//   - A failing check stops the heartbeat at once and raises an alarm when it has failed
//     for its patience.
//   - An alarm is told again and again while it lasts, so whoever takes it must tell
//     news from repetition, and its end is told until somebody took it.
//
// What a check means is decided by judge.go alone, from what was seen and the time.
// The package imports no other package of ours: what to look at and whom to tell are
// functions that the caller passes in.
package selfwatch
