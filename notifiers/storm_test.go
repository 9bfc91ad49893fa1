package notifiers

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	promrules "github.com/prometheus/prometheus/rules"
)

// stormRoute sends pages and tickets of each service to their own group.
const stormRoute = `
route:
  receiver: tickets
  group_by: [service]
  group_wait: 500ms
  group_interval: 1s
  routes: [{receiver: pages, matchers: [severity="page"]}]
receivers:
- {name: pages, slack_configs: [{channel: '#pages', send_resolved: true}]}
- {name: tickets, slack_configs: [{channel: '#tickets', send_resolved: true}]}
`

const (
	stormAlerts   = 1000
	stormServices = 25
)

// storm returns alerts of which every second one is a page; no two rounds have an alert in common.
func storm(round int) []*promrules.Alert {
	alerts := make([]*promrules.Alert, stormAlerts)
	for i := range alerts {
		severity := "ticket"
		if i%2 == 0 {
			severity = "page"
		}
		alerts[i] = firing("Burn", "severity", severity, "service", fmt.Sprintf("s%d", i/2%stormServices), "instance", fmt.Sprintf("%d-%d", round, i))
	}
	return alerts
}

func runStormRoute(tb testing.TB, groupWait string) *instance {
	tb.Helper()
	slack := &fakeSlack{}
	opts := options(tb.TempDir(), slack)
	opts.Config.Alertmanager = writeFile(tb, "alertmanager.yml", strings.Replace(stormRoute, "500ms", groupWait, 1))
	return run(tb, opts, slack)
}

// TestStormIsGroupedInFlatMemory sends a thousand alerts in a second, ends them, and does so with others an hour later,
// again and again.
func TestStormIsGroupedInFlatMemory(t *testing.T) {
	const (
		rounds   = 8
		settled  = 2       // Rounds until every map and buffer has its size.
		maxExtra = 1 << 20 // Of heap over the other rounds: 170 bytes an alert. One alert alone takes more.
	)
	synctest.Test(t, func(t *testing.T) {
		i := runStormRoute(t, "500ms")
		var before, after runtime.MemStats
		for round := range rounds {
			i.slack.forget()
			alerts := storm(round)
			for n := 0; n < len(alerts); n += 10 {
				i.send(alerts[n : n+10]...)
				time.Sleep(10 * time.Millisecond)
			}
			advance(5 * time.Second)
			heard := i.slack.alertsByGroup()
			if len(heard) != 2*stormServices {
				t.Errorf("round %d: %d groups were notified, want %d: one for each service and severity", round, len(heard), 2*stormServices)
			}
			for group, n := range heard {
				if n != stormAlerts/stormServices/2 {
					t.Errorf("round %d: the group %s ends up with %d alerts, want %d", round, group, n, stormAlerts/stormServices/2)
				}
			}
			for _, a := range alerts {
				i.send(resolved(a))
			}
			advance(time.Hour)
			if n := len(i.Incidents()); n > 0 {
				t.Errorf("round %d: %d incidents are left after all alerts have ended", round, n)
			}
			if round == settled {
				i.slack.forget()
				runtime.GC()
				runtime.ReadMemStats(&before)
			}
		}
		i.slack.forget()
		runtime.GC()
		runtime.ReadMemStats(&after)
		extra := int64(after.HeapAlloc) - int64(before.HeapAlloc)
		t.Logf("heap after %d alerts: %d KiB; after %d: %d KiB", (settled+1)*stormAlerts, before.HeapAlloc>>10, rounds*stormAlerts, after.HeapAlloc>>10)
		if extra > maxExtra {
			t.Errorf("the heap grew by %d KiB over %d alerts that have all ended", extra>>10, (rounds-1-settled)*stormAlerts)
		}
	})
}

// forget drops what was heard.
func (f *fakeSlack) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told, f.confs = nil, nil
}

// alertsByGroup returns how many alerts each group had in its last notification, by receiver and group.
func (f *fakeSlack) alertsByGroup() map[string]int {
	last := map[string]int{}
	for _, n := range f.notifications() {
		last[n.receiver+" "+n.group] = len(n.firing)
	}
	return last
}

// BenchmarkStorm measures a thousand alerts from the rules to the last notification of their 50 groups, of which
// group_wait takes 20 ms.
func BenchmarkStorm(b *testing.B) {
	i := runStormRoute(b, "20ms")
	b.ReportAllocs()
	for round := range b.N {
		b.StopTimer()
		i.slack.forget()
		alerts := storm(round)
		b.StartTimer()
		i.send(alerts...)
		for heard := 0; heard < 2*stormServices; heard = len(i.slack.alertsByGroup()) {
			time.Sleep(time.Millisecond)
		}
		b.StopTimer()
		for _, a := range alerts {
			i.send(resolved(a))
		}
		for len(i.Incidents()) > 0 {
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(1100 * time.Millisecond) // The ends are flushed with the next group_interval, and the groups with them.
		b.StartTimer()
	}
}
