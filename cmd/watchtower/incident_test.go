package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchtower-hub/watchtower/notifiers/incidents"
)

func TestRoundly(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 1400 * time.Millisecond: "1s", 59 * time.Second: "59s", 61 * time.Second: "1m01s",
		59*time.Minute + 59*time.Second: "59m59s", 90 * time.Minute: "1h30m", 47 * time.Hour: "47h00m", 50 * time.Hour: "2d2h",
	} {
		if got := roundly(d); got != want {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
	}
}

func TestPrintIncident(t *testing.T) {
	at := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	var out strings.Builder
	err := printIncident(&out, &incidents.Incident{
		ID: "0123456789abcdef", Number: 12, Title: "Sharing is broken", Service: "share", Severity: "page", State: incidents.StateAcknowledged,
		Owner: "Ada", Roles: map[string]string{"commander": "Bob"}, OpenedAt: at, AcknowledgedAt: at.Add(90 * time.Second), Firing: 1, Alerts: 2,
		Impact: []incidents.Impact{{Objective: "share-requests", Bad: 42, Total: 1300, Spent: 0.125}},
		Events: []incidents.Event{
			{At: at, Kind: incidents.Fired, Text: "Sharing\nis broken"},
			{At: at.Add(90 * time.Second), Kind: incidents.Acknowledged, By: "Ada"},
			{At: at.Add(2 * time.Minute), Kind: incidents.StepDone, By: "Ada", Text: "Roll back"},
		},
	}, at.Add(10*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	want := `Incident 12: Sharing is broken

State         acknowledged
Owner         Ada
Severity      page
Service       share
Opened        2026-11-02 12:00:00 UTC
Acknowledged  2026-11-02 12:01:30 UTC, after 1m30s
Alerts        1 of 2 fire, for 10m00s
commander     Bob
Cost          share-requests: 42 of 1300 failed, 12.5% of the error budget
ID            0123456789abcdef

2026-11-02 12:00:00 UTC  alert fires   Sharing is broken
2026-11-02 12:01:30 UTC  acknowledged  Ada
2026-11-02 12:02:00 UTC  step done     Ada: Roll back
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
}
