package oncall

import (
	"os"
	"regexp"
	"testing"
	"time"
)

// TestDocumentedFiles reads the example of docs/oncall.md and the one in examples.
func TestDocumentedFiles(t *testing.T) {
	docs, err := os.ReadFile("../../docs/oncall.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```yaml\n(users:.*?)```").FindSubmatch(docs)
	if found == nil {
		t.Fatal("docs/oncall.md has no complete example")
	}
	for _, whole := range regexp.MustCompile("(?s)```yaml\n(users:.*?)```").FindAllSubmatch(docs, -1) {
		// The address of a calendar may be in a file that is not here.
		if _, err := parsePlan("oncall.md", regexp.MustCompile("url_file: [^}]+").ReplaceAll(whole[1], []byte("url: https://example.com/"))); err != nil {
			t.Error(err)
		}
	}
	if policies := regexp.MustCompile("(?s)```yaml\n(policies:.*?)```").FindSubmatch(docs); policies == nil {
		t.Error("docs/oncall.md has no policies")
	} else if _, err := parsePlan("oncall.md", append([]byte("users: {a: {}}\nteams: {t: {schedule: s}}\nschedules: {s: {timezone: UTC, layers: [{name: l, users: [a]}]}}\n"), policies[1]...)); err != nil {
		t.Error(err)
	}
	p, err := parsePlan("oncall.md", found[1])
	if err != nil {
		t.Error(err)
	}
	at := time.Date(2026, 12, 25, 12, 0, 0, 0, time.UTC)
	if s, _ := (files{plan: p}).roster(nil, at).At("backend", at); s.User.ID != "sam" {
		t.Errorf("at Christmas %+v", s)
	}
	r, err := Load("../../examples/oncall/oncall.yaml", "", at)
	if err != nil {
		t.Fatal(err)
	}
	if w := r.Warnings(); len(w) > 0 {
		t.Error(w)
	}
	for _, team := range r.Teams() {
		if gaps := r.Gaps(team.ID, at, at.AddDate(1, 0, 0)); len(gaps) > 0 {
			t.Errorf("%s: %v", team.ID, gaps)
		}
	}
	if s, _ := r.At("data", time.Date(2026, 12, 5, 12, 0, 0, 0, time.UTC)); s.User.ID != "sam" || s.Why != "calendar swaps" {
		t.Errorf("the swap: %+v", s)
	}
}
