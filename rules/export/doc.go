// Package export writes objectives as Prometheus rule files: for those who want
// Prometheus, Mimir, Thanos or VictoriaMetrics to evaluate them.
//
// PromQL cannot keep a ledger, so the files come as near to one as it can. Every
// step (a minute, as a rule) the events of that step are recorded, bad and total:
//
//	slo:sli_total:increase1m  slo:sli_bad:increase1m
//
// and every longer window is the sum over the steps in it: a quotient of counts,
// weighted by volume, never the mean of ratios. Over these windows lie the series
// that Sloth records (slo:sli_error:ratio_rate5m and so on) and the alerts.
//
// Its words: a plan is how one objective, or its groups, are laid out in time and
// names; a step is the time between two evaluations; the reach is the range of the
// queries that count a step.
//
// Rules of use: Build is pure and its result depends on nothing but its arguments.
// What PromQL cannot say is said in the comment at the head of the file, or refused.
// docs/export.md tells users what differs from the engine.
package export
