package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchtower-hub/watchtower/notifiers/incidents"
	"github.com/watchtower-hub/watchtower/notifiers/slack"
)

// incident waits until the API shows an incident that is as wanted.
func (w *world) incident(what, id string, ok func(incidents.Incident) bool) incidents.Incident {
	w.t.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	var last string
	for end := time.Now().Add(deadline); time.Now().Before(end); <-ticker.C {
		status, answer := w.get(incidentsPath + "/" + id)
		last = answer
		if status != http.StatusOK {
			continue
		}
		var in incidents.Incident
		if err := json.Unmarshal([]byte(answer), &in); err != nil {
			w.t.Fatalf("%v: %s", err, answer)
		}
		if ok(in) {
			return in
		}
	}
	w.t.Fatalf("not seen: %s; last answer: %s", what, last)
	return incidents.Incident{}
}

func has(in incidents.Incident, kind incidents.Kind) bool {
	return slices.ContainsFunc(in.Events, func(e incidents.Event) bool { return e.Kind == kind })
}

// TestIncidentOfAnObjective walks from a fault to the figures that are kept of it.
func TestIncidentOfAnObjective(t *testing.T) {
	w := newWorld(t, map[string]string{"slos/share.yaml": shareSpec})
	body := fmt.Sprintf(`{"text": "Release 2.4.1", "service": "share", "time": %d}`, time.Now().UnixMilli())
	if status, answer := w.post(w.url(annotationsPath), "application/json", []byte(body)); status != http.StatusCreated {
		t.Fatalf("annotation: %d %s", status, answer)
	}
	w.crossThreshold()
	in := w.incident("the incident with its page", "1", func(in incidents.Incident) bool {
		return has(in, incidents.Notified) && len(in.Impact) == 1
	})
	if in.Service != "share" || in.Severity != "page" || in.Team != "social" || in.Playbook == "" || in.Title != "Sharing a post works" && !strings.Contains(in.Title, "haring a post") {
		t.Errorf("incident: %+v", in)
	}
	if diff := cmp.Diff([]string{objectiveID}, in.Objectives); diff != "" || !has(in, incidents.Deployed) {
		t.Errorf("objectives (-want +got):\n%s\nevents: %+v", diff, in.Events)
	}
	w.app.tellIncident(in.GroupKey, slack.Deed{ID: "c1", Kind: string(incidents.Acknowledged), By: "Ada", ByID: "U1", At: time.Now()})
	w.app.tellIncident("a group of a time before the log", slack.Deed{Kind: string(incidents.Noted), At: time.Now()})
	if got := w.incident("the owner", "1", func(in incidents.Incident) bool { return in.Owner == "Ada" }); got.State != incidents.StateAcknowledged {
		t.Errorf("state %s", got.State)
	}
	// Half of 20 requests fail each second while the alert fires.
	later := time.Now()
	w.requests(seconds(later.Add(-2*time.Second), later), 10, 10)
	w.incident("its cost", "1", func(in incidents.Incident) bool { return in.Impact[0].Bad >= 10 && in.Impact[0].Spent > 0 })

	stop := w.keep(20, 0)
	defer stop()
	over := w.incident("its end", "1", func(in incidents.Incident) bool { return in.State == incidents.StateResolved })
	stop()
	// All that failed counts, before the alert fired too.
	if len(over.Impact) != 1 || over.Impact[0].Bad != int64(w.counters["bad"]) || over.Impact[0].Total <= over.Impact[0].Bad || over.Owner != "Ada" {
		t.Errorf("at its end, after %v requests failed: %+v", w.counters["bad"], over)
	}
	var list Incidents
	if _, answer := w.get(incidentsPath + "?service=share&since=1h"); json.Unmarshal([]byte(answer), &list) != nil || len(list.Incidents) != 1 {
		t.Fatalf("list: %s", answer)
	}
	if len(list.Services) != 1 || list.Services[0].Service != "share" || list.Times.MTTA == nil || *list.Times.MTTR != over.ResolvedAt.Sub(over.OpenedAt).Seconds() {
		t.Errorf("times: %+v, %+v", list.Times, list.Services)
	}

	w.stop()
	w.start()
	if again := w.incident("it after a restart", over.ID, func(incidents.Incident) bool { return true }); !cmp.Equal(over, again) {
		t.Errorf("after a restart (-before +after):\n%s", cmp.Diff(over, again))
	}
}

// TestIncidentThatEndedWhileAway has an alert end while nobody watches.
func TestIncidentThatEndedWhileAway(t *testing.T) {
	w := newWorld(t, map[string]string{
		"watchtower.yaml": strings.TrimSpace(baseConfig) + "\nnotifiers: {alertmanager: am.yml}\n",
		"am.yml":          lifeRoute,
	})
	until := time.Now().Add(10 * time.Minute)
	w.alert(until, "DiskFull", "db", "db-1", "db-2")
	w.alert(until, "DiskFull", "web", "web-1")
	// What began before group_wait goes out at once: the second alert may come after the first.
	alerts := map[string]int{"db": 2, "web": 1}
	for _, id := range []string{"1", "2"} {
		w.incident("an incident", id, func(in incidents.Incident) bool {
			return has(in, incidents.Notified) && in.Alerts == alerts[in.Service]
		})
	}
	w.stop()
	w.start()
	w.alert(until, "DiskFull", "db", "db-1")
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(deadline); len(w.app.firingGroups()) == 0; <-ticker.C {
		if time.Now().After(end) {
			t.Fatal("the alert is not grouped")
		}
	}
	if err := w.app.incidentLog.Reconcile(t.Context(), w.app.firingGroups(), w.app.pipeline.Firing); err != nil {
		t.Fatal(err)
	}
	states := map[string]string{}
	for _, in := range w.app.incidentLog.List(incidents.Filter{}) {
		states[in.Service] = fmt.Sprintf("%s, %d of %d", in.State, in.Firing, in.Alerts)
	}
	if diff := cmp.Diff(map[string]string{"db": "triggered, 1 of 2", "web": "resolved, 0 of 1"}, states); diff != "" {
		t.Errorf("after the restart (-want +got):\n%s", diff)
	}
}

// TestInstancesShareIncidents has what is told to one of two instances known to both.
func TestInstancesShareIncidents(t *testing.T) {
	files := func(name, peers string) map[string]string {
		return map[string]string{"watchtower.yaml": baseConfig + fmt.Sprintf(`notifiers:
  cluster: {listen_address: '127.0.0.1:0', peer_name: %s, peers: [%s], peer_timeout: 1s, settle_timeout: 0s}
`, name, peers)}
	}
	one := newWorld(t, files("one", ""))
	two := newWorld(t, files("two", one.app.pipeline.Status().Cluster.Address))
	until := time.Now().Add(10 * time.Minute)
	one.alert(until, "DiskFull", "db", "db-1")
	in := two.incident("it at the other instance", "1", func(incidents.Incident) bool { return true })
	two.alert(until, "DiskFull", "db", "db-1")
	two.app.tellIncident(in.GroupKey, slack.Deed{Kind: string(incidents.Acknowledged), By: "Ada", At: time.Now()})
	got := one.incident("the click at the other instance", in.ID, func(in incidents.Incident) bool { return in.Owner == "Ada" })
	if got.Number != 1 || len(one.app.incidentLog.List(incidents.Filter{})) != 1 {
		t.Errorf("the first instance has %+v", one.app.incidentLog.List(incidents.Filter{}))
	}
}

func TestIncidentsAPIRefuses(t *testing.T) {
	w := newWorld(t, map[string]string{})
	for _, test := range []struct {
		method, path, body string
		status             int
		words              string
	}{
		{"GET", incidentsPath + "/9", "", 404, `there is no incident \"9\"`},
		{"GET", incidentsPath + "?open=perhaps&limit=0&until=noon", "", 400, `until=noon`},
		{"POST", incidentsPath, "{}", 405, "not changed"},
		{"PUT", annotationsPath, "{}", 405, "post an annotation"},
		{"GET", annotationsPath + "?from=noon", "", 400, "from=noon"},
		{"POST", annotationsPath, "text=x", 400, "is not JSON with text"},
		{"POST", annotationsPath, `{"at": "2026-11-02T09:00:00Z"}`, 400, "say what changed"},
		{"POST", annotationsPath, `{"text": "x", "at": "noon"}`, 400, "a time such as"},
		{"POST", annotationsPath, `{"text": "x", "link": "javascript:alert(1)"}`, 400, "no http or https URL"},
		{"POST", annotationsPath, `{"text": "` + strings.Repeat("x", maxAnnotation) + `"}`, 413, "too large"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), test.method, w.url(test.path), strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		if status, answer := w.do(req); status != test.status || !strings.Contains(answer, test.words) {
			t.Errorf("%s %s %.40s: %d %s; want %d and %q", test.method, test.path, test.body, status, answer, test.status, test.words)
		}
	}
	if _, answer := w.get(incidentsPath); strings.TrimSpace(answer) != `{"incidents":[],"times":{"incidents":0,"acknowledged":0,"resolved":0,"mtta_seconds":null,"mttr_seconds":null},"services":[]}` {
		t.Errorf("an empty list: %s", answer)
	}
}

// TestSilenceOfTheAPIIsInTheTimeline sets a silence as amtool does.
func TestSilenceOfTheAPIIsInTheTimeline(t *testing.T) {
	w := newWorld(t, map[string]string{
		"watchtower.yaml": strings.TrimSpace(baseConfig) + "\nnotifiers: {alertmanager: am.yml}\n", "am.yml": lifeRoute,
	})
	w.alert(time.Now().Add(10*time.Minute), "DiskFull", "db", "db-1")
	w.incident("the incident", "1", func(in incidents.Incident) bool { return has(in, incidents.Notified) })
	now := time.Now()
	body := fmt.Sprintf(`{"matchers": [{"name": "service", "value": "db", "isRegex": false, "isEqual": true}], "startsAt": %q, "endsAt": %q, "createdBy": "kim", "comment": "A new disk comes"}`,
		now.Format(time.RFC3339Nano), now.Add(time.Hour).Format(time.RFC3339Nano))
	if status, answer := w.post(w.url("/api/v2/silences"), "application/json", []byte(body)); status != http.StatusOK {
		t.Fatalf("silence: %d %s", status, answer)
	}
	in := w.incident("the silence", "1", func(in incidents.Incident) bool { return has(in, incidents.Silenced) })
	i := slices.IndexFunc(in.Events, func(e incidents.Event) bool { return e.Kind == incidents.Silenced })
	if e := in.Events[i]; e.By != "kim" || e.Text != "A new disk comes" || e.Data["silence"] == "" || e.Data["until"] == "" {
		t.Errorf("the timeline says %+v", e)
	}
}
