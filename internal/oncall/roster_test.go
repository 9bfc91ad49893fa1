package oncall

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // The machine may have no database of time zones.

	"github.com/google/go-cmp/cmp"
)

const people = `users:
  alex: {name: Alex Kim, slack: U0ALEX, email: alex@example.com, timezone: Europe/Berlin}
  sam: {name: Sam Lee, email: sam@example.com}
  kim: {}
teams:
  backend: {schedule: primary, slack_group: S0BACK, channel: "#backend"}
schedules:
  primary:
`

// in writes the file of people with a schedule, whose lines are given without
// indent, and returns its path.
func in(tb testing.TB, schedule string, files ...string) string {
	tb.Helper()
	dir := tb.TempDir()
	text := people
	for line := range strings.SplitSeq(strings.TrimSuffix(schedule, "\n"), "\n") {
		text += "    " + line + "\n"
	}
	path := filepath.Join(dir, "oncall.yaml")
	for i := 0; i <= len(files); i += 2 {
		name, content := path, text
		if i < len(files) {
			name, content = filepath.Join(dir, files[i]), files[i+1]
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return path
}

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func load(tb testing.TB, schedule string, files ...string) *Roster {
	tb.Helper()
	r, err := Load(in(tb, schedule, files...), "", now)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// clock reads a time on the clocks of the roster's team.
func clock(tb testing.TB, r *Roster, s string) time.Time {
	tb.Helper()
	t, err := time.ParseInLocation("2006-01-02 15:04", s, r.Zone("backend"))
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// shifts are what is on call between two times, one line each with gaps.
func shifts(tb testing.TB, r *Roster, from, to string) []string {
	tb.Helper()
	begin, end := clock(tb, r, from), clock(tb, r, to)
	var out []string
	gaps := r.Gaps("backend", begin, end)
	line := func(from, to time.Time, who string) {
		out = append(out, fmt.Sprintf("%s – %s %s", from.Format("Mon 02 15:04 MST"), to.Format("Mon 02 15:04 MST"), who))
	}
	for _, s := range r.Shifts("backend", begin, end) {
		for len(gaps) > 0 && gaps[0].From.Before(s.From) {
			line(gaps[0].From, gaps[0].To, "nobody")
			gaps = gaps[1:]
		}
		line(s.From, s.To, s.User.ID+" ("+s.Why+")")
	}
	for _, g := range gaps {
		line(g.From, g.To, "nobody")
	}
	return out
}

func wantShifts(t *testing.T, r *Roster, from, to string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, shifts(t, r, from, to)); diff != "" {
		t.Errorf("shifts differ (-want +got):\n%s", diff)
	}
}

// TestClocksChange hands over daily at a time that clocks skip on one night and show
// twice on another, in three zones.
func TestClocksChange(t *testing.T) {
	rotation := func(zone, at, from string) *Roster {
		return load(t, fmt.Sprintf("timezone: %s\nlayers: [{name: l, users: [alex, sam], rotate: daily, handover: %q, from: %s}]", zone, at, from))
	}
	// Europe: on 29 March 2026 there is no 02:30; the hand-over is at the jump, 03:00.
	wantShifts(t, rotation("Europe/Berlin", "02:30", "2026-03-28"), "2026-03-28 02:30", "2026-03-31 02:30",
		"Sat 28 02:30 CET – Sun 29 03:00 CEST alex (layer l)",
		"Sun 29 03:00 CEST – Mon 30 02:30 CEST sam (layer l)",
		"Mon 30 02:30 CEST – Tue 31 02:30 CEST alex (layer l)")
	// On 25 October 02:30 comes twice; the first one counts.
	wantShifts(t, rotation("Europe/Berlin", "02:30", "2026-10-24"), "2026-10-24 02:30", "2026-10-27 02:30",
		"Sat 24 02:30 CEST – Sun 25 02:30 CEST alex (layer l)",
		"Sun 25 02:30 CEST – Mon 26 02:30 CET sam (layer l)",
		"Mon 26 02:30 CET – Tue 27 02:30 CET alex (layer l)")
	wantShifts(t, rotation("America/New_York", "02:30", "2026-03-07"), "2026-03-07 02:30", "2026-03-09 02:30",
		"Sat 07 02:30 EST – Sun 08 03:00 EDT alex (layer l)",
		"Sun 08 03:00 EDT – Mon 09 02:30 EDT sam (layer l)")
	wantShifts(t, rotation("America/New_York", "01:30", "2026-10-31"), "2026-10-31 01:30", "2026-11-02 01:30",
		"Sat 31 01:30 EDT – Sun 01 01:30 EDT alex (layer l)",
		"Sun 01 01:30 EDT – Mon 02 01:30 EST sam (layer l)")
	// Lord Howe: half an hour. On 4 October 2026 02:00 becomes 02:30, on 5 April 02:00
	// becomes 01:30.
	wantShifts(t, rotation("Australia/Lord_Howe", "02:15", "2026-10-03"), "2026-10-03 02:15", "2026-10-05 02:15",
		"Sat 03 02:15 +1030 – Sun 04 02:30 +11 alex (layer l)",
		"Sun 04 02:30 +11 – Mon 05 02:15 +11 sam (layer l)")
	wantShifts(t, rotation("Australia/Lord_Howe", "01:45", "2026-04-04"), "2026-04-04 01:45", "2026-04-06 01:45",
		"Sat 04 01:45 +11 – Sun 05 01:45 +11 alex (layer l)",
		"Sun 05 01:45 +11 – Mon 06 01:45 +1030 sam (layer l)")
	// A whole day that never was: Samoa had no 30 December 2011.
	wantShifts(t, rotation("Pacific/Apia", "12:00", "2011-12-28"), "2011-12-28 12:00", "2012-01-01 12:00",
		"Wed 28 12:00 -10 – Thu 29 12:00 -10 alex (layer l)",
		"Thu 29 12:00 -10 – Sat 31 00:00 +14 sam (layer l)",
		"Sat 31 00:00 +14 – Sat 31 12:00 +14 alex (layer l)",
		"Sat 31 12:00 +14 – Sun 01 12:00 +14 sam (layer l)")
}

// TestWeeksKeepTheirWeekday: a week over a change of clocks has 167 or 169 hours, and
// still ends on Monday at nine.
func TestWeeksKeepTheirWeekday(t *testing.T) {
	r := load(t, "timezone: Europe/Berlin\nlayers: [{name: l, users: [alex, sam, kim], rotate: weekly, handover: monday 9:00, from: 2020-01-01}]")
	at := clock(t, r, "2020-01-06 09:00")
	ids := []string{"alex", "sam", "kim"}
	for week := range 1000 {
		next := time.Date(2020, 1, 6+7*(week+1), 9, 0, 0, 0, r.Zone("backend"))
		s, ok := r.At("backend", at)
		if !ok || !s.From.Equal(at) || !s.To.Equal(next) || s.User.ID != ids[week%3] {
			t.Fatalf("week %d: %+v, want %s from %s to %s", week, s, ids[week%3], at, next)
		}
		if last, _ := r.At("backend", next.Add(-time.Nanosecond)); last != s {
			t.Fatalf("week %d: its last instant is of %+v", week, last)
		}
		at = next
	}
}

func TestRhythms(t *testing.T) {
	layer := func(rest string) *Roster {
		return load(t, "timezone: UTC\nlayers: [{name: l, users: [alex, sam, kim], "+rest+"}]")
	}
	// The first turn begins with the first hand-over that is not before `from`.
	wantShifts(t, layer(`rotate: {every: 2w}, handover: "monday 09:00", from: 2026-11-04`), "2026-11-02 00:00", "2026-12-08 00:00",
		"Mon 02 00:00 UTC – Mon 09 09:00 UTC nobody",
		"Mon 09 09:00 UTC – Mon 23 09:00 UTC alex (layer l)",
		"Mon 23 09:00 UTC – Mon 07 09:00 UTC sam (layer l)",
		"Mon 07 09:00 UTC – Tue 08 00:00 UTC kim (layer l)")
	wantShifts(t, layer(`rotate: {every: 3d}, handover: "09:00", from: 2026-11-02 12:00`), "2026-11-02 12:00", "2026-11-07 00:00",
		"Mon 02 12:00 UTC – Tue 03 09:00 UTC nobody",
		"Tue 03 09:00 UTC – Fri 06 09:00 UTC alex (layer l)",
		"Fri 06 09:00 UTC – Sat 07 00:00 UTC sam (layer l)")
	wantShifts(t, layer(`rotate: daily, handover: ["21:00", "09:00"], from: 2026-11-02 10:00, to: 2026-11-04 00:00`), "2026-11-02 21:00", "2026-11-04 09:00",
		"Mon 02 21:00 UTC – Tue 03 09:00 UTC alex (layer l)",
		"Tue 03 09:00 UTC – Tue 03 21:00 UTC sam (layer l)",
		"Tue 03 21:00 UTC – Wed 04 00:00 UTC kim (layer l)",
		"Wed 04 00:00 UTC – Wed 04 09:00 UTC nobody")
	wantShifts(t, layer(`rotate: weekly, handover: ["fri 17:00", "mon 09:00"], from: 2026-11-04`), "2026-11-06 17:00", "2026-11-16 09:00",
		"Fri 06 17:00 UTC – Mon 09 09:00 UTC alex (layer l)",
		"Mon 09 09:00 UTC – Fri 13 17:00 UTC sam (layer l)",
		"Fri 13 17:00 UTC – Mon 16 09:00 UTC kim (layer l)")
	wantShifts(t, layer(`rotate: monthly, handover: "1 09:00", from: 2026-01-15`), "2026-02-01 09:00", "2026-04-02 00:00",
		"Sun 01 09:00 UTC – Sun 01 09:00 UTC alex (layer l)",
		"Sun 01 09:00 UTC – Wed 01 09:00 UTC sam (layer l)",
		"Wed 01 09:00 UTC – Thu 02 00:00 UTC kim (layer l)")
}

func TestLayersRestrictionsOverrides(t *testing.T) {
	const text = `timezone: Europe/Berlin
layers:
  - {name: base, users: [kim]}
  - name: office
    users: [alex, sam]
    rotate: weekly
    handover: monday 00:00
    from: 2026-11-02
    restrict: [{days: [mon..fri], from: "09:00", to: "18:00"}, {days: [sat], from: "22:00", to: "02:00"}]
overrides:
  - {user: sam, from: 2026-11-05 12:00, to: 2026-11-06 12:00, reason: Alex is at the dentist}
`
	r := load(t, text)
	wantShifts(t, r, "2026-11-05 00:00", "2026-11-09 10:00",
		"Thu 05 00:00 CET – Thu 05 09:00 CET kim (layer base)",
		"Thu 05 09:00 CET – Thu 05 12:00 CET alex (layer office)",
		"Thu 05 12:00 CET – Fri 06 12:00 CET sam (override: Alex is at the dentist)",
		"Fri 06 12:00 CET – Fri 06 18:00 CET alex (layer office)",
		"Fri 06 18:00 CET – Sat 07 22:00 CET kim (layer base)",
		"Sat 07 22:00 CET – Sun 08 02:00 CET alex (layer office)",
		"Sun 08 02:00 CET – Mon 09 09:00 CET kim (layer base)",
		"Mon 09 09:00 CET – Mon 09 10:00 CET sam (layer office)")

	for at, want := range map[string]string{"2026-11-05 11:00": "sam 05 12:00", "2026-11-05 13:00": "alex 06 12:00", "2026-11-06 19:00": "alex 07 22:00"} {
		next, ok := r.Next("backend", clock(t, r, at))
		if got := next.User.ID + next.From.Format(" 02 15:04"); !ok || got != want {
			t.Errorf("after %s comes %s, want %s", at, got, want)
		}
	}
	s, ok := r.At("backend", clock(t, r, "2026-11-05 15:00"))
	if !ok || s.User.Name != "Sam Lee" || s.User.Email != "sam@example.com" || s.To.Sub(s.From) != 24*time.Hour {
		t.Errorf("at the override: %+v", s)
	}
}

// TestWindowsWithinWindows: a window that began the day before may close last.
func TestWindowsWithinWindows(t *testing.T) {
	r := load(t, `timezone: UTC
layers:
  - {name: base, users: [kim]}
  - {name: l, users: [alex], restrict: [{days: [sun], from: "20:00", to: "06:00"}, {days: [mon], from: "00:00", to: "01:00"}]}`)
	s, _ := r.At("backend", clock(t, r, "2026-11-02 12:00"))
	if want := clock(t, r, "2026-11-02 06:00"); s.User.ID != "kim" || !s.From.Equal(want) || !s.To.Equal(want.Add((6*24+14)*time.Hour)) {
		t.Errorf("at noon %+v", s)
	}
}

func TestOneForever(t *testing.T) {
	r := load(t, "timezone: UTC\nlayers: [{name: l, users: [alex]}]")
	s, ok := r.At("backend", now)
	if !ok || !s.From.IsZero() || !s.To.IsZero() || s.User.ID != "alex" {
		t.Errorf("at any time: %+v, %v", s, ok)
	}
	if next, ok := r.Next("backend", now); ok {
		t.Errorf("somebody follows the only one: %+v", next)
	}
	// Whole days, one after the other, are one shift; its ends are a year away at most.
	r = load(t, "timezone: Europe/Berlin\nlayers: [{name: l, users: [alex], restrict: [{days: [sat..fri]}]}]")
	if s, ok := r.At("backend", now); !ok || !s.From.IsZero() || !s.To.IsZero() {
		t.Errorf("days make no whole: %+v", s)
	}
	wantShifts(t, r, "2026-01-01 00:00", "2026-12-31 00:00", "Thu 01 00:00 CET – Thu 31 00:00 CET alex (layer l)")
}

func TestNobody(t *testing.T) {
	r := load(t, "timezone: UTC\nlayers: [{name: l, users: [alex], from: 2026-11-30 09:00, to: 2026-12-01 00:00}]")
	gap, ok := r.At("backend", now)
	if ok || !gap.From.IsZero() || !gap.To.Equal(time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)) || gap.User != (User{}) || gap.Why != "" {
		t.Errorf("before anybody is on call: %+v, %v", gap, ok)
	}
	if next, ok := r.Next("backend", now); !ok || !next.From.Equal(gap.To) {
		t.Errorf("next %+v, %v", next, ok)
	}
	if _, ok := r.Next("backend", now.AddDate(0, 0, 10)); ok {
		t.Error("somebody follows after the end")
	}
	var none *Roster
	for name, r := range map[string]*Roster{"unknown team": r, "no roster": none} {
		if _, ok := r.At("nobody", now); ok {
			t.Errorf("%s: somebody is on call", name)
		}
		if _, ok := r.Next("nobody", now); ok || r.Shifts("nobody", now, now.Add(1e15)) != nil || r.Gaps("nobody", now, now.Add(1e15)) != nil || r.Overlaps("nobody", now, now) != nil || r.Missing("nobody") != nil {
			t.Errorf("%s: something is known", name)
		}
	}
	if none.Teams() != nil || none.Users() != nil || none.Warnings() != nil || none.Zone("x") != time.UTC || none.Known() != (Span{}) {
		t.Error("no roster knows something")
	}
}
