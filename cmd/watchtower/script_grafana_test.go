package main

import (
	"errors"
	"os/exec"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/watchtower-hub/watchtower/dashboards/grafana/grafanatest"
)

// grafanas are the Grafanas of the scripts, by their address.
type grafanas map[string]*grafanatest.Server

// cmd runs a Grafana with memory, whose clock goes on by a minute with each save:
//
//	grafana start                    sets GRAFANA to its address and GRAFANA_TOKEN
//	grafana edit UID WHO TITLE       somebody gives a dashboard another title, by hand
//	grafana query UID WHO PANEL EXPR somebody changes the first query of a panel, by hand
//	grafana provision UID FILE       has it read the dashboard from a file
func (all grafanas) cmd(ts *testscript.TestScript, _ bool, args []string) {
	usage := func(n int) {
		if len(args) != n {
			ts.Fatalf("grafana: unknown command %q", args)
		}
	}
	if len(args) == 1 && args[0] == "start" {
		g := grafanatest.New()
		ts.Defer(g.Close)
		at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
		g.Now = func() time.Time {
			at = at.Add(time.Minute)
			return at
		}
		all[g.URL] = g
		ts.Setenv("GRAFANA", g.URL)
		ts.Setenv("GRAFANA_TOKEN", grafanatest.Token)
		return
	}
	usage(max(3, len(args)))
	g := all[ts.Getenv("GRAFANA")]
	switch args[0] {
	case "edit":
		usage(4)
		g.Edit(args[1], args[2], "", func(d map[string]any) { d["title"] = args[3] })
	case "query":
		usage(5)
		g.Edit(args[1], args[2], "", func(d map[string]any) {
			for _, p := range d["panels"].([]any) {
				if p := p.(map[string]any); p["title"] == args[3] {
					p["targets"].([]any)[0].(map[string]any)["expr"] = args[4]
				}
			}
		})
	case "provision":
		usage(3)
		g.Provision(args[1], args[2])
	default:
		ts.Fatalf("grafana: unknown command %q", args)
	}
}

// cmdStatus runs a command that has to end with this status: status 2 COMMAND ARG...
func cmdStatus(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](ts.Exec(args[1], args[2:]...)); ok {
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%v ends with status %d, want %d: %s", args[1:], got, want, ts.ReadFile("stderr"))
	}
}
