// Package rules knows what is promised and whether it is kept.
//
// Its words: an [Objective] is a promise with a number ("99.9 % of shares work,
// over 30 days"). Its ledger keeps good and total event counts for each slice of
// time, so every window, burn rate and budget is a subtraction of two counts.
// The burn rate says how many times faster than allowed the error budget is
// being spent; a [Pair] of windows fires when both its long and its short window
// burn too fast. The [Engine] keeps all objectives current, sends their alerts
// and writes the series that Sloth's dashboards read. [PromRules] runs
// Prometheus rule files beside it.
//
// Rules of use: ratios are 0 to 1, never percent; no data is not "no errors";
// blindness never resolves an alert. The arithmetic is explained where it is
// coded: windows.go, evaluate.go, and the package ledger below this one.
//
// An objective is written as a Sloth v1 spec:
//
//	version: prometheus/v1
//	service: share
//	labels: {owner: growth}
//	slos:
//	  - name: requests
//	    objective: 99.9
//	    watchtower: {period: 28d, promise: "Sharing a post works"}
//	    sli:
//	      events:
//	        error_query: sum(rate(http_requests_total{job="share",code=~"5.."}[{{.window}}]))
//	        total_query: sum(rate(http_requests_total{job="share"}[{{.window}}]))
//	    alerting: {name: ShareBroken}
//
// Reading and running it:
//
//	objectives, err := rules.ReadObjectives([]string{"slos/*.yaml"}, dir)
//	engine, err := rules.NewEngine(rules.EngineOptions{Objectives: objectives, …})
//	store.SetObserver(engine)
//	err = engine.Run(ctx)
package rules
