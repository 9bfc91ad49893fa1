package grafana_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchtower-hub/watchtower/dashboards"
	"github.com/watchtower-hub/watchtower/dashboards/grafana"
	"github.com/watchtower-hub/watchtower/dashboards/grafana/grafanatest"
	"github.com/watchtower-hub/watchtower/rules"
)

const folder = "Watchtower"

// boards generates dashboards, of which it keeps the overview and that of each service.
func boards(t *testing.T, target float64, services ...string) []dashboards.Dashboard {
	t.Helper()
	var in dashboards.Input
	for _, s := range services {
		in.Objectives = append(in.Objectives, rules.Objective{
			ID: s + "-availability", Service: s, SLO: "availability", Target: target, Period: 28 * 24 * time.Hour, Promise: "Using " + s + " works.",
		})
	}
	built, err := dashboards.Build(in)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(built, func(d dashboards.Dashboard) bool {
		return d.UID != "wt-overview" && !strings.HasPrefix(d.UID, "wt-svc-")
	})
}

// start runs a Grafana whose clock goes on by a minute with each save.
func start(t *testing.T) *grafanatest.Server {
	t.Helper()
	g := grafanatest.New()
	t.Cleanup(g.Close)
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	g.Now = func() time.Time {
		at = at.Add(time.Minute)
		return at
	}
	return g
}

func client(t *testing.T, g *grafanatest.Server, token string) *grafana.Client {
	t.Helper()
	c, err := grafana.New(grafana.Options{URL: g.URL + "/", Token: token, Backoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// push compares and pushes, and returns what became of each as "uid outcome".
func push(t *testing.T, c *grafana.Client, ds []dashboards.Dashboard, o grafana.PushOptions) []string {
	t.Helper()
	plan, err := c.Compare(t.Context(), folder, ds)
	if err != nil {
		t.Fatal(err)
	}
	done, err := c.Push(t.Context(), plan, ds, o)
	if err != nil {
		t.Fatal(err)
	}
	return outcomes(done)
}

func outcomes(done []grafana.Delivery) []string {
	var got []string
	for _, d := range done {
		line := d.UID + " " + string(d.Outcome)
		if d.Why != "" {
			line += ": " + d.Why
		}
		got = append(got, line)
	}
	return got
}

func same(t *testing.T, want, got []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
}

func TestPushAddsThenChangesOnlyWhatChanged(t *testing.T) {
	for _, form := range []string{"as sent", "filled in, newer history"} {
		t.Run(form, func(t *testing.T) {
			g := start(t)
			if form != "as sent" {
				g.NewHistory = true
				g.Fill = func(d map[string]any) {
					d["schemaVersion"], d["preload"] = 43.0, false
					for _, p := range d["panels"].([]any) {
						p.(map[string]any)["pluginVersion"] = "12.2.0"
						p.(map[string]any)["transparent"] = false
					}
				}
			}
			c := client(t, g, grafanatest.Token)
			ds := boards(t, 0.99, "auth", "share")
			same(t, []string{"wt-overview added", "wt-svc-auth added", "wt-svc-share added"}, push(t, c, ds, grafana.PushOptions{}))
			same(t, []string{"wt-overview", "wt-svc-auth", "wt-svc-share"}, g.UIDs(folder))
			g.Requests()
			same(t, []string{"wt-overview unchanged", "wt-svc-auth unchanged", "wt-svc-share unchanged"}, push(t, c, ds, grafana.PushOptions{}))
			if saves := slices.DeleteFunc(g.Requests(), func(r string) bool { return strings.HasPrefix(r, "GET ") }); len(saves) != 0 {
				t.Errorf("a second push wrote: %v", saves)
			}
			stricter := boards(t, 0.999, "auth", "share")
			stricter[1] = ds[1]
			same(t, []string{"wt-overview unchanged", "wt-svc-auth unchanged", "wt-svc-share changed"}, push(t, c, stricter, grafana.PushOptions{}))
			if v := g.Version("wt-svc-share"); v != 2 {
				t.Errorf("the changed dashboard is at version %d, want 2", v)
			}
			// What Grafana filled in is no difference either after the change.
			same(t, []string{"wt-overview unchanged", "wt-svc-auth unchanged", "wt-svc-share unchanged"}, push(t, c, stricter, grafana.PushOptions{}))
		})
	}
}

func TestPushKeepsWhatIsNotOurs(t *testing.T) {
	g := start(t)
	c := client(t, g, grafanatest.Token)
	ds := boards(t, 0.99, "auth", "share")
	// A dashboard that somebody made happens to have our UID.
	g.Edit("wt-svc-auth", "tom", "mine", func(d map[string]any) { d["title"] = "Tom's own" })
	const foreign = "wt-svc-auth refused: a dashboard with this UID is there that Watchtower did not generate, last saved by tom on 2026-11-23 09:01 UTC; --force overwrites it"
	same(t, []string{"wt-overview added", foreign, "wt-svc-share added"}, push(t, c, ds, grafana.PushOptions{}))

	g.Edit("wt-svc-share", "maria", "higher", func(d map[string]any) { d["title"] = "Sharing" })
	g.Edit("wt-svc-share", "maria", "", func(d map[string]any) { d["refresh"] = "1m" })
	const edited = "wt-svc-share refused: edited by hand 2 times, last by maria on 2026-11-23 09:05 UTC; `watchtower dashboards diff` shows what, --force overwrites it"
	same(t, []string{"wt-overview unchanged", foreign, edited}, push(t, c, ds, grafana.PushOptions{}))
	same(t, []string{"wt-overview unchanged", "wt-svc-auth changed", "wt-svc-share changed"}, push(t, c, ds, grafana.PushOptions{Force: true}))
	same(t, []string{"wt-overview unchanged", "wt-svc-auth unchanged", "wt-svc-share unchanged"}, push(t, c, ds, grafana.PushOptions{}))

	// Taken back to what somebody had made of it is an edit, although the message of the version is Grafana's.
	g.Restore("wt-svc-share", "tom", 2)
	same(t, []string{
		"wt-overview unchanged", "wt-svc-auth unchanged",
		"wt-svc-share refused: edited by hand by tom on 2026-11-23 09:08 UTC (Restored from version 2); `watchtower dashboards diff` shows what, --force overwrites it",
	}, push(t, c, ds, grafana.PushOptions{}))
	// Undone by hand, there is nothing to overwrite.
	g.Restore("wt-svc-share", "tom", 1)
	same(t, []string{"wt-overview unchanged", "wt-svc-auth unchanged", "wt-svc-share unchanged"}, push(t, c, ds, grafana.PushOptions{}))
}

func TestPushRemovesOnlyWhatItGenerated(t *testing.T) {
	g := start(t)
	c := client(t, g, grafanatest.Token)
	ds := boards(t, 0.99, "auth", "old", "share", "touched")
	push(t, c, ds, grafana.PushOptions{})
	g.Edit("wt-svc-touched", "maria", "", func(d map[string]any) { d["title"] = "T" })
	// A dashboard of somebody in our folder, and one of ours that lies elsewhere.
	g.Edit("mine", "tom", "", func(d map[string]any) { d["tags"] = []any{"watchtower"} })
	f := g.MakeFolder("Team")
	g.Move("wt-svc-auth", f)
	fewer := boards(t, 0.99, "share")
	same(t, []string{
		"wt-overview changed", "wt-svc-share unchanged",
		"wt-svc-old kept: it is generated no more; --prune removes it",
		"wt-svc-touched kept: it is generated no more; --prune removes it",
	}, push(t, c, fewer, grafana.PushOptions{}))
	same(t, []string{
		"wt-overview unchanged", "wt-svc-share unchanged", "wt-svc-old removed",
		"wt-svc-touched refused: edited by hand by maria on 2026-11-23 09:06 UTC; `watchtower dashboards diff` shows what, --force removes it",
	}, push(t, c, fewer, grafana.PushOptions{Prune: true}))
	same(t, []string{"wt-overview", "wt-svc-share", "wt-svc-touched"}, g.UIDs(folder))
	push(t, c, fewer, grafana.PushOptions{Prune: true, Force: true})
	same(t, []string{"wt-overview", "wt-svc-share"}, g.UIDs(folder))
	same(t, []string{"wt-svc-auth"}, g.UIDs("Team"))
}

func TestPushMovesBackIntoTheFolder(t *testing.T) {
	g := start(t)
	c := client(t, g, grafanatest.Token)
	ds := boards(t, 0.99, "share")
	push(t, c, ds, grafana.PushOptions{})
	g.Move("wt-svc-share", g.MakeFolder("Team"))
	plan, err := c.Compare(t.Context(), folder, ds)
	if err != nil {
		t.Fatal(err)
	}
	same(t, []string{`lies in the folder "Team"`}, plan.Differences[1].Words)
	same(t, []string{"wt-overview unchanged", "wt-svc-share changed"}, push(t, c, ds, grafana.PushOptions{}))
	same(t, []string{"wt-overview", "wt-svc-share"}, g.UIDs(folder))
}

func TestDryRunWritesNothing(t *testing.T) {
	g := start(t)
	c := client(t, g, grafanatest.Token)
	ds := boards(t, 0.99, "share")
	same(t, []string{"wt-overview added", "wt-svc-share added"}, push(t, c, ds, grafana.PushOptions{DryRun: true}))
	for _, r := range g.Requests() {
		if !strings.HasPrefix(r, "GET ") {
			t.Errorf("it sent %s", r)
		}
	}
}

func TestProvisionedIsLeftAlone(t *testing.T) {
	g := start(t)
	c := client(t, g, grafanatest.Token)
	push(t, c, boards(t, 0.99, "share"), grafana.PushOptions{})
	g.Provision("wt-svc-share", "wt-svc-share.json")
	const why = "wt-svc-share refused: Grafana reads it from wt-svc-share.json (provisioning) and lets nobody else save or remove it: deliver it one way only"
	same(t, []string{"wt-overview unchanged", why}, push(t, c, boards(t, 0.999, "share"), grafana.PushOptions{Force: true}))
	same(t, []string{"wt-overview changed", why}, push(t, c, boards(t, 0.999), grafana.PushOptions{Force: true, Prune: true}))
}

func TestSomebodyElseSavesInBetween(t *testing.T) {
	g := start(t)
	c := client(t, g, grafanatest.Token)
	push(t, c, boards(t, 0.99, "share"), grafana.PushOptions{})
	ds := boards(t, 0.999, "share")
	plan, err := c.Compare(t.Context(), folder, ds)
	if err != nil {
		t.Fatal(err)
	}
	g.Edit("wt-svc-share", "maria", "", func(d map[string]any) { d["title"] = "Mine" })
	done, err := c.Push(t.Context(), plan, ds, grafana.PushOptions{Force: true})
	if err != nil {
		t.Fatal(err)
	}
	got := outcomes(done)
	if len(got) != 2 || !strings.Contains(got[1], "wt-svc-share failed") || !strings.Contains(got[1], "somebody else changed it between our look and our save") {
		t.Errorf("got %q", got)
	}
	if v := g.Version("wt-svc-share"); v != 2 {
		t.Errorf("version %d: Maria's save was overwritten", v)
	}
}

// The answer to a save is lost, and the save repeated: it is done, and done once.
func TestLostAnswer(t *testing.T) {
	g := start(t)
	c := client(t, g, grafanatest.Token)
	push(t, c, boards(t, 0.99, "share"), grafana.PushOptions{})
	g.Lose("POST /api/dashboards/db")
	same(t, []string{"wt-overview unchanged", "wt-svc-share changed"}, push(t, c, boards(t, 0.999, "share"), grafana.PushOptions{}))
	if v := g.Version("wt-svc-share"); v != 2 {
		t.Errorf("version %d, want 2", v)
	}
}

// A folder of thousands of dashboards comes in pages.
func TestPages(t *testing.T) {
	g := start(t)
	c := client(t, g, grafanatest.Token)
	var all []dashboards.Dashboard
	for i := range 1100 {
		g.MakeFolder(fmt.Sprintf("A folder %d", i))
		d := dashboards.Dashboard{UID: fmt.Sprintf("wt-svc-%04d", i), Title: "Service"}
		d.JSON = fmt.Appendf(nil, `{"uid": %q, "title": %q, "tags": [%q]}`, d.UID, d.Title, dashboards.GeneratedTag)
		all = append(all, d)
	}
	if got := push(t, c, all, grafana.PushOptions{}); len(got) != 1100 || got[1099] != "wt-svc-1099 added" {
		t.Fatalf("%d dashboards, the last %s", len(got), got[len(got)-1])
	}
	got := push(t, c, all[:1], grafana.PushOptions{Prune: true})
	if len(got) != 1100 || got[0] != "wt-svc-0000 unchanged" || got[1099] != "wt-svc-1099 removed" {
		t.Fatalf("%d dashboards, the last %s", len(got), got[len(got)-1])
	}
	same(t, []string{"wt-svc-0000"}, g.UIDs(folder))
}

func TestPushEndsWhenThereIsNoUseInGoingOn(t *testing.T) {
	g := start(t)
	ds := boards(t, 0.99, "auth", "share")
	plan, err := client(t, g, grafanatest.Token).Compare(t.Context(), folder, ds)
	if err != nil {
		t.Fatal(err)
	}
	plan.FolderUID = g.MakeFolder(folder)
	g.Requests()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	done, err := client(t, g, grafanatest.Token).Push(ctx, plan, ds, grafana.PushOptions{})
	if err == nil || len(done) != 1 || done[0].Outcome != grafana.Failed {
		t.Errorf("after the end of time: %v, %v", done, err)
	}
	g.Break("POST /api/dashboards/db", http.StatusUnauthorized, nil, `{"message":"Invalid API key"}`)
	done, err = client(t, g, grafanatest.Token).Push(t.Context(), plan, ds, grafana.PushOptions{})
	if err == nil || len(done) != 1 {
		t.Errorf("after a refused token: %v, %v", done, err)
	}
}
