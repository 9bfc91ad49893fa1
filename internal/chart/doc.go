// Package chart draws time series: the same picture as PNG, for a page in Slack,
// and as SVG, for the web.
//
// Its words: a [Chart] is one panel of [Series] over time, with the [Threshold]s
// they are judged by and the [Span]s to be looked at; a [Figure] is one picture of
// one or more charts above each other. A color is a [State], never a choice of the
// caller. [Figure.Alt] says in words what the picture shows.
//
// Rules of use: ratios are 0 to 1, never percent. NaN is "no telemetry", and so is
// a pause longer than [Series.Step]: both stay empty, they are neither bridged nor
// zero. A spike is never lost, however many points there are. The scale always
// includes zero and every threshold. Whatever the data is, a picture comes out; an
// error means that the size asked for cannot hold it.
//
//	figure := chart.Incident{
//		Name:   "share: requests",
//		Began:  began,
//		Burn:   burn,
//		Errors: errors,
//		Budget: 0.001,
//		Alerts: []chart.Threshold{{Name: "page", Value: 14.4, State: chart.Bad}},
//	}.Figure()
//	picture, err := figure.PNG()
package chart
