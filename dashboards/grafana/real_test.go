package grafana

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/dashboards"
	"github.com/watchtower-hub/watchtower/dashboards/grafana/grafanatest"
	"github.com/watchtower-hub/watchtower/rules"
)

// A delivery to the Grafana of GRAFANA_URL with the token of GRAFANA_TOKEN, in a
// folder of its own that is removed in the end. With WATCHTOWER_URL, where that
// Grafana reaches a Watchtower, every query of every panel is asked as well.
// scripts/grafana-check.sh runs it.
func TestRealGrafana(t *testing.T) {
	address := os.Getenv("GRAFANA_URL")
	if address == "" {
		t.Skip("GRAFANA_URL is not set: no real Grafana is asked")
	}
	c, err := New(Options{URL: address, Token: os.Getenv("GRAFANA_TOKEN")})
	if err != nil {
		t.Fatal(err)
	}
	checkDelivery(t, c, os.Getenv("WATCHTOWER_URL"))
}

// The check itself, on the Grafana that the other tests ask.
func TestDeliveryCheck(t *testing.T) {
	g := grafanatest.New()
	t.Cleanup(g.Close)
	c, err := New(Options{URL: g.URL, Token: grafanatest.Token})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("delivery", func(t *testing.T) { checkDelivery(t, c, "http://127.0.0.1:9911") })
	if left := g.UIDs(checkFolder()); len(left) != 0 || g.DataSource(checkSource) != nil {
		t.Errorf("it left dashboards or a data source: %v", left)
	}
}

const (
	checkPrefix = "check-"
	checkSource = "watchtower-check"
)

func checkFolder() string { return fmt.Sprintf("Watchtower check %d", os.Getpid()) }

// checkBoards are generated dashboards under UIDs of their own, so that those in use
// stay as they are.
func checkBoards(t *testing.T) []dashboards.Dashboard {
	t.Helper()
	o := rules.Objective{
		ID: "share-availability", Service: "share", SLO: "availability", Target: 0.999, Period: 28 * 24 * time.Hour, Promise: "Sharing works.",
	}
	built, err := dashboards.Build(dashboards.Input{Objectives: []rules.Objective{o}, Services: []string{"feed"}, ExternalURL: "https://watchtower.example"})
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range built {
		var content map[string]any
		if err := json.Unmarshal(d.JSON, &content); err != nil {
			t.Fatal(err)
		}
		d.UID = checkPrefix + d.UID
		content["uid"] = d.UID
		content["title"] = "Check: " + d.Title
		if d.JSON, err = json.Marshal(content); err != nil {
			t.Fatal(err)
		}
		built[i] = d
	}
	return built
}

// checkDelivery goes through a delivery: everything added, nothing the second time,
// an edit by hand kept, and taken back with force.
func checkDelivery(t *testing.T, c *Client, watchtower string) {
	t.Helper()
	h, err := c.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("Grafana %s at %s", h.Version, c.URL())
	ds, folder := checkBoards(t), checkFolder()
	t.Cleanup(func() { cleanUp(t, c, ds, folder) })
	push := func(o PushOptions, want Outcome) {
		t.Helper()
		plan, err := c.Compare(t.Context(), folder, ds)
		if err != nil {
			t.Fatal(err)
		}
		done, err := c.Push(t.Context(), plan, ds, o)
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range done {
			// The overview, which comes first, is never touched by hand.
			if i == 0 && want != WasAdded {
				continue
			}
			if d.Outcome != want {
				t.Errorf("%s is %s, want %s: %s; it differs in %v", d.UID, d.Outcome, want, d.Why, plan.Differences[i].Words)
			}
		}
	}
	push(PushOptions{}, WasAdded)
	push(PushOptions{}, Unchanged)
	for _, d := range ds[1:] {
		editByHand(t, c, d.UID)
	}
	push(PushOptions{}, Refused)
	push(PushOptions{Force: true}, WasChanged)
	push(PushOptions{}, Unchanged)
	checkV2(t, c, ds)
	if watchtower == "" {
		t.Log("WATCHTOWER_URL is not set: no query was asked")
		return
	}
	source := DataSources(watchtower, 0)[0]
	source.UID, source.Name = checkSource, "Watchtower check"
	delete(source.JSONData, "alertmanagerUid")
	if _, err := c.PushDataSource(t.Context(), source, false); err != nil {
		t.Fatal(err)
	}
	if outcome, err := c.PushDataSource(t.Context(), source, false); err != nil || outcome != Unchanged {
		t.Errorf("the same data source again is %s: %v", outcome, err)
	}
	askEverything(t, c, ds)
}

// editByHand saves a dashboard as Grafana's editor does.
func editByHand(t *testing.T, c *Client, uid string) {
	t.Helper()
	stored, exists, err := c.dashboard(t.Context(), uid)
	if err != nil || !exists {
		t.Fatalf("read %s: %v", uid, err)
	}
	var content map[string]any
	if err := json.Unmarshal(stored.Dashboard, &content); err != nil {
		t.Fatal(err)
	}
	content["title"] = "Edited by hand"
	if err := c.save(t.Context(), save{Dashboard: content, FolderUID: stored.Meta.FolderUID, Message: "by hand"}); err != nil {
		t.Fatal(err)
	}
}

// checkV2 has Grafana check the second format and store nothing.
func checkV2(t *testing.T, c *Client, ds []dashboards.Dashboard) {
	t.Helper()
	for _, d := range ds {
		d, err := dashboards.V2(d)
		if err != nil {
			t.Fatal(err)
		}
		path := "/apis/dashboard.grafana.app/v2beta1/namespaces/default/dashboards?dryRun=All&fieldValidation=Strict"
		var r map[string]any
		if err := json.Unmarshal(d.JSON, &r); err != nil {
			t.Fatal(err)
		}
		object(r["metadata"])["name"] = d.UID + "-v2"
		err = c.ask(t.Context(), http.MethodPost, path, r, nil)
		if missing(err) {
			t.Log("this Grafana has no v2beta1: the second format was not checked")
			return
		}
		if err != nil {
			t.Errorf("%s in the format v2: %v", d.UID, err)
		}
	}
}

// askEverything sends every query of every panel through Grafana to the data source.
func askEverything(t *testing.T, c *Client, ds []dashboards.Dashboard) {
	t.Helper()
	asked := 0
	for _, d := range ds {
		got, err := content(d.JSON)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range panels(got) {
			targets, _ := p["targets"].([]any)
			for _, target := range targets {
				q := object(target)
				q["datasource"] = map[string]any{"uid": checkSource, "type": "prometheus"}
				q["intervalMs"], q["maxDataPoints"] = 15000, 500
				var answer struct {
					Results map[string]struct {
						Error string `json:"error"`
					} `json:"results"`
				}
				err := c.ask(t.Context(), http.MethodPost, "/api/ds/query", map[string]any{"queries": []any{q}, "from": "now-1h", "to": "now"}, &answer)
				letter, _ := q["refId"].(string)
				result, answered := answer.Results[letter]
				if err != nil || !answered || result.Error != "" {
					t.Errorf("%s, %s, query %s: %v %s\n%s", d.Title, name(p), letter, err, result.Error, q["expr"])
				}
				asked++
			}
		}
	}
	t.Logf("%d queries were asked", asked)
}

// cleanUp removes what the check made.
func cleanUp(t *testing.T, c *Client, ds []dashboards.Dashboard, folder string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // which has ended when tests clean up
	var faults []string
	note := func(err error) {
		if err != nil && !missing(err) {
			faults = append(faults, err.Error())
		}
	}
	for _, d := range ds {
		note(c.remove(ctx, d.UID))
	}
	if f, exists, err := c.folder(ctx, folder); exists {
		note(c.ask(ctx, http.MethodDelete, "/api/folders/"+url.PathEscape(f.UID), nil, nil))
	} else {
		note(err)
	}
	note(c.ask(ctx, http.MethodDelete, "/api/datasources/uid/"+checkSource, nil, nil))
	if len(faults) > 0 {
		t.Errorf("what the check made could not be removed: %s", strings.Join(faults, "; "))
	}
}
