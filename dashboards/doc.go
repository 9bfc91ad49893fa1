// Package dashboards draws the promises: from the same objectives as the
// alerts it generates Grafana dashboards, one for each service and one overview
// of all objectives. Nobody edits them by hand; who wants another panel writes an
// Extra, in Go or in YAML: further rows of a service, or a dashboard beside them.
//
// Build is a pure function: the same input gives the same bytes. Dashboards are
// Grafana's classic JSON, ready for file provisioning. UIDs follow from the
// service's name and panel ids from the panel's meaning, so that links and
// bookmarks outlive a change of the objectives.
//
// Every panel says in its description what it shows, what is normal and what to
// do when it is not. Colors are of the Okabe-Ito palette, which people with any
// kind of color vision can tell apart.
//
//	ds, err := dashboards.Build(dashboards.Input{Objectives: objectives, ExternalURL: "https://watchtower.example"})
//	err = dashboards.Write("dashboards", ds)
package dashboards
