// Package ledger counts the events of one objective exactly and remembers them
// in little room.
//
// A [Counter] turns the samples of one cumulative series into increments: no
// extrapolation, resets understood, late samples set aside. A [Ledger] adds the
// increments of all series of an objective to slices of time and answers "how
// many until t" for any t; a window is the difference of two such answers. An
// increment belongs to the time of the sample that revealed it.
//
// Memory holds a pyramid: slices of one second for the last minutes, coarser ones
// for what is older, so that the edge of any window is known to 2 % of its length
// (edges inside a slice are interpolated; see [New] for the sizes).
//
// Besides bad and total events a ledger keeps seen time: for which stretches
// telemetry arrived at all. An idle service that still reports is seen; silence is
// not. Times are Unix milliseconds. Nothing here reads a clock, does I/O or locks.
package ledger
