// Package viewer shows Grafana dashboards without Grafana: it reads their classic JSON,
// asks their queries, and makes of each panel what a page can show.
//
// Its words: a [Board] is a dashboard that was read. A [Viewer] turns a board and the
// query of a page's address into a [Page], which holds [Section]s of [Panel]s; a panel is
// words, numbers and drawings of internal/chart, all of them ready to be put into HTML.
//
// It reads the part of the format that our own dashboards are written in: time series,
// stat, gauge, bar gauge, table, heatmap, text and rows; units, thresholds, mappings and
// overrides; variables; repeated panels. What it cannot draw it says in the panel, in
// words: a panel is never blank, and whatever the JSON holds, a page comes out.
//
// The package asks queries through [Querier] and knows of no store.
//
//	v := viewer.New(viewer.Options{Boards: boards, Querier: querier})
//	page, err := v.Page(ctx, "wt-overview", r.URL.Query())
package viewer
