package app

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/notifiers/slack"
)

const onCallFile = `users:
  sam: {name: Sam Lee, slack: U0SAM}
  alex: {name: Alex Kim, slack: U0ALEX}
teams:
  social: {schedule: social}
schedules:
  social:
    timezone: UTC
    layers:
      - {name: weekly, users: [sam, alex], rotate: weekly, handover: "monday 09:00", from: 2026-01-05}
`

// TestOnCallByCommand asks who is on call and puts somebody else there.
func TestOnCallByCommand(t *testing.T) {
	w := newWorld(t, map[string]string{
		"watchtower.yaml": strings.TrimSpace(baseConfig) + "\nnotifiers: {oncall: oncall.yaml}\n", "oncall.yaml": onCallFile,
	})
	at := time.Now()
	ask := func(kind, text string) (string, error) {
		return w.app.onCallCommand(t.Context(), slack.Deed{Kind: kind, Text: text, By: "Kim", ByID: "U0KIM", At: at})
	}
	now, next, ok := w.app.onDuty("social", at)
	if !ok || now.SlackID == "" || next.SlackID == "" || now.SlackID == next.SlackID {
		t.Fatalf("on duty: %+v, then %+v, %v", now, next, ok)
	}
	if got, err := ask("oncall", ""); err != nil || !strings.HasPrefix(got, "*social*: "+now.Name+" until ") || !strings.HasSuffix(got, ", then "+next.Name) {
		t.Errorf("oncall: %q, %v", got, err)
	}
	for text, want := range map[string]string{
		"social":                       "for how long",
		"sales @sam 2h":                `no team "sales"`,
		"social <@U0EVE> 2h":           "not among the users",
		"social @sam soon":             "no duration",
		"social @sam 10y":              "override refused",
		"social @sam 2h from tomorrow": "write the beginning as `from 2026-12-05 18:00`",
		"cancel sales":                 `no team "sales"`,
		"cancel social":                "no override of social is there to be taken back",
	} {
		if got, err := ask("override", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("override %s: %q, %v; want %q", text, got, err, want)
		}
	}
	got, err := ask("override", "social <@"+next.SlackID+"|x> 2h dentist")
	if err != nil || !strings.HasPrefix(got, next.Name+" is on call for *social* until ") {
		t.Fatalf("override: %q, %v", got, err)
	}
	if now, _, ok := w.app.onDuty("social", at.Add(time.Hour)); !ok || now.SlackID != next.SlackID {
		t.Errorf("an hour into the override %+v is on call", now)
	}
	if now, _, _ := w.app.onDuty("social", at.Add(-time.Hour)); now.SlackID == next.SlackID {
		t.Errorf("before the override %+v was on call", now)
	}
	if got, err := ask("override", "cancel social"); err != nil || got != "The override of "+next.Name+" for *social* no longer holds." {
		t.Errorf("cancel: %q, %v", got, err)
	}
	if now, _, ok := w.app.onDuty("social", at.Add(time.Hour)); !ok || now.SlackID == next.SlackID {
		t.Errorf("after the override was taken back %+v is on call", now)
	}
	later := at.Add(50 * time.Hour).In(w.app.oncall.Roster().Zone("social"))
	holder, _, _ := w.app.onDuty("social", later.Add(time.Hour))
	other := map[string]string{now.SlackID: next.SlackID, next.SlackID: now.SlackID}[holder.SlackID]
	if got, err := ask("override", "social <@"+other+"> 3h from "+later.Format("2006-01-02 15:04")+" a wedding"); err != nil || !strings.Contains(got, " from ") {
		t.Errorf("an override that begins later: %q, %v", got, err)
	}
	if got, _, _ := w.app.onDuty("social", later.Add(time.Hour)); got.SlackID != other {
		t.Errorf("then %+v is on call", got)
	}
}

// TestCalendarThatFailsIsShown has /status say that a calendar is not fetched any more.
func TestCalendarThatFailsIsShown(t *testing.T) {
	dead := httptest.NewServer(http.NotFoundHandler())
	defer dead.Close()
	w := newWorld(t, map[string]string{
		"watchtower.yaml": strings.TrimSpace(baseConfig) + "\nnotifiers: {oncall: oncall.yaml}\n",
		"oncall.yaml":     onCallFile + "    ics: [{name: swaps, url: '" + dead.URL + "/secret.ics'}]\n",
	})
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	var page string
	for end := time.Now().Add(deadline); time.Now().Before(end); <-ticker.C {
		if _, page = w.get("/status"); strings.Contains(page, "Calendar swaps of social") && strings.Contains(page, "404") {
			if strings.Contains(page, "secret.ics") {
				t.Error("the page shows the address, which is a password")
			}
			return
		}
	}
	t.Errorf("nobody is told: %s", page)
}
