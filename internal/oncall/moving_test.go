package oncall

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
)

// movingExamples are the YAML examples of the part of docs/oncall.md about moving.
func movingExamples(t *testing.T) []string {
	t.Helper()
	docs, err := os.ReadFile("../../docs/oncall.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, found := strings.Cut(string(docs), "## Moving from ")
	if !found {
		t.Fatal("docs/oncall.md says nothing about moving")
	}
	part, _, _ = strings.Cut(part, "\n## ")
	var out []string
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(part, -1) {
		out = append(out, m[1])
	}
	if len(out) != 2 {
		t.Fatalf("%d examples, want the calendar and the rotation", len(out))
	}
	return out
}

// TestMovedRotationIsTheSame compares the worked example with what the rotation that it
// is made from says: sam's week first, since the rotation starts from index 1, and
// kim's nights above it.
func TestMovedRotationIsTheSame(t *testing.T) {
	p, err := parsePlan("oncall.yaml", []byte(movingExamples(t)[1]))
	if err != nil {
		t.Fatal(err)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	r := files{plan: p}.roster(nil, time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC))
	for at, want := range map[string]string{
		"2026-11-02 08:59": "", // before the rotation begins
		"2026-11-02 09:00": "sam", "2026-11-02 21:59": "sam", "2026-11-02 22:00": "kim", "2026-11-03 05:59": "kim", "2026-11-03 06:00": "sam",
		"2026-11-05 23:00": "kim", // Thursday night
		"2026-11-06 23:00": "sam", // Friday night is not masked
		"2026-11-09 08:59": "sam", "2026-11-09 09:00": "alex", "2026-11-16 09:00": "sam",
	} {
		when, err := time.ParseInLocation("2006-01-02 15:04", at, berlin)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := r.At("backend", when); got.User.ID != want {
			t.Errorf("%s: %q, want %q", at, got.User.ID, want)
		}
	}
	policy, ok := p.policies["backend"]
	if !ok || len(policy.Steps) != 3 {
		t.Fatalf("policy: %+v", policy)
	}
	// Waits of 300 s and 900 s lie between the steps there.
	for i, want := range []string{"0s", "5m", "20m"} {
		if got := model.Duration(policy.Steps[i].After).String(); got != want {
			t.Errorf("step %d comes after %s, want %s", i+1, got, want)
		}
	}
}

// Calendars in the shapes that the other products export.
func TestCalendarsOfOtherProducts(t *testing.T) {
	users := "users:\n  alex.kim: {name: Alex Kim, email: alex@example.com}\n  sam: {name: Sam Lee, email: sam@example.com}\n" +
		"teams: {backend: {schedule: s}}\nschedules:\n  s:\n    timezone: Europe/Berlin\n    ics: [{file: team.ics}]\n"
	for name, c := range map[string]struct{ head, first, second string }{
		// Who is on call in the end, by username; one of them is a mail address.
		"grafana oncall": {"PRODID:My calendar product\nVERSION:2.0\nCALSCALE:GREGORIAN\nX-WR-CALNAME:backend\nMETHOD:PUBLISH", "alex.kim", "sam@example.com"},
		// With the full schedule.
		"goalert": {"PRODID:-//GoAlert//v0.34.1//EN\nVERSION:2.0\nCALSCALE:GREGORIAN\nMETHOD:PUBLISH", "Alex Kim On-Call (GoAlert: Backend)", "Sam Lee On-Call (GoAlert: Backend) Begins*"},
	} {
		text := strings.ReplaceAll("BEGIN:VCALENDAR\n"+c.head+"\n"+
			ev("UID:1", "SUMMARY:"+c.first, "DTSTAMP:20261101T000000Z", "DTSTART:20261102T080000Z", "DTEND:20261109T080000Z", "LOCATION:web")+
			ev("UID:2", "SUMMARY:"+c.second, "DTSTAMP:20261101T000000Z", "DTSTART:20261109T080000Z", "DTEND:20261116T080000Z",
				"BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:REMINDER", "TRIGGER:-PT15M", "END:VALARM")+"END:VCALENDAR\n", "\n", "\r\n")
		dir := t.TempDir()
		for file, content := range map[string]string{"oncall.yaml": users, "team.ics": text} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		at := time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)
		r, err := Load(filepath.Join(dir, "oncall.yaml"), "", at)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if w := r.Warnings(); len(w) > 0 {
			t.Errorf("%s: %v", name, w)
		}
		first, _ := r.At("backend", at)
		second, _ := r.Next("backend", at)
		if first.User.ID != "alex.kim" || second.User.ID != "sam" || !second.From.Equal(time.Date(2026, 11, 9, 8, 0, 0, 0, time.UTC)) {
			t.Errorf("%s: %s, then %s from %s", name, first.User.ID, second.User.ID, second.From)
		}
	}
	// The example of the first step, with a file that is there.
	address := filepath.Join(t.TempDir(), "old-calendar")
	if err := os.WriteFile(address, []byte("https://calendar.example.com/private-1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := parsePlan("oncall.yaml", []byte(strings.Replace(movingExamples(t)[0], "/run/secrets/old-calendar", address, 1))); err != nil {
		t.Error(err)
	}
}
