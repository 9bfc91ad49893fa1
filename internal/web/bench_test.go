package web

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// manyStatuses are so many objectives of 40 services; every hundredth is broken.
func manyStatuses(n int) []rules.Status {
	all := make([]rules.Status, n)
	for i := range all {
		var change func(*rules.Status)
		if i%100 == 7 {
			change = broke
		}
		all[i] = promise(fmt.Sprintf("service-%02d", i%40), fmt.Sprintf("requests-%03d", i), fmt.Sprintf("Request number %d is answered", i), change)
	}
	return all
}

// manyIncidents are so many open incidents about the first objectives.
func manyIncidents(n int) []Incident {
	all := make([]Incident, n)
	for i := range all {
		all[i] = Incident{
			ID: fmt.Sprintf("key-%d", i), Number: int64(i + 1), Title: fmt.Sprintf("Request number %d is answered", i), Detail: "3.2% of requests fail.",
			Severity: "page", State: "firing", Service: fmt.Sprintf("service-%02d", i%40), Team: "growth", Since: noon().Add(-time.Duration(i) * time.Minute),
			Objective: fmt.Sprintf("service-%02d-requests-%03d", i%40, i), Playbook: "api-error-rate",
			Alerts: []Alert{{Name: "Burn", Severity: "page", State: "firing", Labels: map[string]string{"service": "share", "severity": "page"}}},
		}
	}
	return all
}

// The first page of 1,000 objectives and 20 open incidents.
func BenchmarkOverview(b *testing.B) {
	statuses, incidents := manyStatuses(1000), manyIncidents(20)
	site := newSite(b, func(o *Options) {
		o.Engine = fakeEngine{statuses: statuses}
		o.Incidents = func() []Incident { return incidents }
	})
	b.ReportAllocs()
	for b.Loop() {
		if w := get(b, site, "/"); w.Code != http.StatusOK {
			b.Fatalf("status %d", w.Code)
		}
	}
}
