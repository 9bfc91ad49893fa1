// Package lint says what is wrong with objectives that can be read, before they are
// relied on: alerts that can never fire, windows that do not fit the telemetry,
// selectors that match nothing.
//
// Its words: a Finding is one sentence about one place that says what is wrong and
// what to change. A fault keeps an objective from working; a warning is what works,
// but not as well as it could, or what only its author can judge. Facts are what is
// known beside the objectives: how often telemetry arrives, how long it is kept and,
// optionally, what a server holds.
//
// Check is pure: objectives and facts in, findings out. Survey asks a server, which
// needs no more than Prometheus' HTTP API, for the facts that Check then judges:
//
//	findings := lint.Check(objectives, lint.Facts{Jobs: intervals})
//
//	store, err := lint.Survey(ctx, objectives, lint.NewAPI(url, http.DefaultClient))
//	findings := lint.Check(objectives, lint.Facts{Jobs: intervals, Store: store})
package lint
