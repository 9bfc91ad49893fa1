package app

import (
	"testing"
	"time"
)

// The status page says what came in by which way, what it became, and how fast it is judged.
func TestStatusPage(t *testing.T) {
	w := newWorld(t, map[string]string{
		"watchtower.yaml": baseConfig + "rules: {objectives: [slos/*.yaml], prometheus: [rules.yaml]}\n",
		"rules.yaml":      "groups: [{name: extra, interval: 1s, rules: [{record: one, expr: vector(1)}]}]\n",
		"slos/share.yaml": shareSpec,
	})
	w.requests(seconds(time.Now().Add(-5*time.Second), time.Now()), 100, 1)
	w.says("/status",
		"Coming in now", `Collector (OTLP and its other receivers)</span>`, " samples</td>", "Remote write", "nothing yet",
		"Series by metric", "alertmanager_notifications_failed_total", "job watchtower (100%)",
		"Last evaluation", "on time: one every", "99 of 100 evaluations", "Slowest rule group",
	)
}
