// Package replay runs objectives over the past: which alerts would they have sent,
// and how soon? It drives the same engine that watches the present, with a virtual
// clock, so what it finds is what the engine does.
//
// Its words: a Source yields the samples of a history in order of time; a Plan says
// which objectives to run over which part of it; a Result lists each alert, how long
// after the burn began it would have come, and how many a week there would have been.
// Compare says what a change of an objective would have changed.
//
//	result, err := replay.Run(ctx, replay.Plan{Objectives: os, Source: src, From: from, To: to})
package replay
