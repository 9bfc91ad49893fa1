package main

import (
	"testing"
	"time"
)

func TestParseMoment(t *testing.T) {
	now := time.Date(2026, 11, 19, 14, 3, 20, 0, time.UTC)
	for s, want := range map[string]time.Time{
		"now":                       now,
		"-2h":                       now.Add(-2 * time.Hour),
		" +1d12h ":                  now.Add(36 * time.Hour),
		"2026-11-24T22:00:00+01:00": time.Date(2026, 11, 24, 21, 0, 0, 0, time.UTC),
	} {
		if got, err := parseMoment(s, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %s (%v), want %s", s, got, err, want)
		}
	}
	for _, s := range []string{"", "2h", "--2h", "+-2h", "-", "yesterday", "2026-11-24", "-2h ago"} {
		if got, err := parseMoment(s, now); err == nil {
			t.Errorf("%q passes for %s", s, got)
		}
	}
}
