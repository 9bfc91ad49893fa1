package rules_test

import (
	"fmt"
	"testing"

	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/rules"
)

// BenchmarkReport builds the reports of 500 objectives from a real ledger that holds 13 weeks for the advice and the 30 days
// before them that their budgets reach back: 186,000 slices of a minute each.
func BenchmarkReport(b *testing.B) {
	const objectives, days = 500, 13*7 + 30 + 8
	e, now := rules.EngineWithHistory(b, objectives, days)
	for _, kind := range report.Kinds() {
		b.Run(fmt.Sprintf("objectives=%d/%s", objectives, kind), func(b *testing.B) {
			period := kind.Around(now).Step(-1)
			for b.Loop() {
				r, err := report.Build(b.Context(), e, period)
				if err != nil {
					b.Fatal(err)
				}
				if r.Kept+r.Missed != objectives {
					b.Fatalf("%d of %d objectives are judged", r.Kept+r.Missed, objectives)
				}
			}
		})
	}
}
