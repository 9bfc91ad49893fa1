package rules

import (
	"slices"
	"testing"
	"time"
)

func TestPagingAlerts(t *testing.T) {
	o := Objective{Service: "share", SLO: "works", Labels: map[string]string{"category": "errors"}, Alerting: Alerting{Name: "ShareBurn"}}
	want := func(names ...string) {
		t.Helper()
		var got []string
		for _, ls := range o.PagingAlerts() {
			if ls["severity"] != "page" || ls["sloth_severity"] != "page" || ls["service"] != "share" || ls["category"] != "errors" {
				t.Errorf("the labels are %v", ls)
			}
			got = append(got, ls["alertname"])
		}
		if !slices.Equal(got, names) {
			t.Errorf("%+v pages as %v, want %v", o.Alerting, got, names)
		}
	}
	want("ShareBurn", "TelemetryLost")
	o.Alerting.NoTrafficFor = time.Hour
	want("ShareBurn", "TelemetryLost", "NoTraffic")
	o.Alerting.Lost = Off
	want("ShareBurn", "NoTraffic")
	o.Alerting.Page.Disabled = true // silence is told as a ticket then
	want()
	o.Alerting.Ticket.Disabled = true // nothing else is left to tell of it
	want("NoTraffic")
}
