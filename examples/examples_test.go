package examples_test

import (
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/internal/config"
)

// The specs of other formats are ones that check has nothing to say about.
func TestSpecs(t *testing.T) {
	result := config.Check(t.Context(), "specs/watchtower.yaml", config.CheckOptions{Now: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)})
	for _, f := range result.Findings {
		t.Error(f)
	}
	if result.Objectives != 3 {
		t.Errorf("%d objectives: %s", result.Objectives, result.Summary)
	}
}
