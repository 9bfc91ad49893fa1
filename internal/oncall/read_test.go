package oncall

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var located = regexp.MustCompile(`(?m)^\S+\.(yaml|ics):[1-9]\d*: \S`)

// wantFaults reads a file and demands these sentences, each with its line, and no
// others.
func wantFaults(t *testing.T, text string, want ...string) {
	t.Helper()
	_, err := parsePlan("oncall.yaml", []byte(text))
	said := ""
	if err != nil {
		said = err.Error()
	}
	lines := strings.Split(said, "\n")
	if len(lines) != len(want) {
		t.Errorf("%s\nsays %d faults, want %d:\n%s", text, len(lines), len(want), said)
		return
	}
	for i, w := range want {
		if !strings.HasPrefix(lines[i], "oncall.yaml:"+w) {
			t.Errorf("says %q\nwant %q", lines[i], w)
		}
	}
}

func TestFaultsOfUsersAndTeams(t *testing.T) {
	const schedule = "schedules: {s: {timezone: UTC, layers: [{name: l, users: [a]}]}}\n"
	wantFaults(t, "", "1: no teams: ")
	wantFaults(t, "a: b: c\n", "1: mapping values are not allowed")
	wantFaults(t, "- a\n", "1: the file must be a mapping")
	wantFaults(t, "users: {a: {}}\n---\nusers: {}\n", "3: a second YAML document begins here")
	wantFaults(t, "users: {a: {}}\nteams: {t: {schedule: s}}\npolices: {}\n"+schedule, `3: unknown key "polices" in the file: it has users, teams, schedules, policies`)
	wantFaults(t, "users:\n  a: {nam: x}\n  a: {}\nteams: {t: {schedule: s}}\n"+schedule,
		`2: unknown key "nam" in user a: it has name, slack, email, timezone`, `3: key "a" stands here a second time`)
	wantFaults(t, "users:\n  a: {slack: '@ana', email: nobody, timezone: Mars/Olympus}\n  b: {email: A@x.org}\n  c: {email: a@X.org, timezone: Local}\nteams: {t: {schedule: s}}\n"+schedule,
		`2: user a: timezone: there is no zone "Mars/Olympus"`, `2: user a: slack: "@ana" is no user ID of Slack`, `2: user a: email: "nobody" is no address`,
		`4: user c: timezone: there is no zone "Local"`, "4: user c: email: b has the same")
	wantFaults(t, "users: {a: {}, \"b c\": {}}\nteams:\n  t: {schedule: x}\n  u: {}\n  v: {schedule: s, slack_group: '@all', channel: backend}\n"+schedule,
		`1: user "b c": use letters`, `3: team t: there is no schedule "x": there is s`, "4: team u has no schedule",
		`5: team v: slack_group: "@all" is no user group`, `5: team v: channel: "backend" is no channel: write "#backend"`)
	wantFaults(t, "users: {a: &a {}, b: *a}\nteams: {t: {schedule: s}}\n"+schedule, "1: user b must be a mapping (key: value); anchors and aliases")
	wantFaults(t, "users: {a: {name: [x]}, [b]: {}}\nteams: {t: {schedule: s}}\n"+schedule, "1: user a: name must be plain text", "1: a key of users is no plain text")
}

func TestFaultsOfSchedules(t *testing.T) {
	schedule := func(text string, want ...string) {
		t.Helper()
		wantFaults(t, "users: {a: {}, b: {}}\nteams: {t: {schedule: s}}\nschedules:\n  s:\n    "+strings.ReplaceAll(text, "\n", "\n    ")+"\n", want...)
	}
	layer := func(text string, want ...string) {
		t.Helper()
		schedule("timezone: UTC\nlayers:\n- {name: l, "+text+"}", want...)
	}
	schedule("layers: [{name: l, users: [a]}]", "4: schedule s has no timezone: say on whose clocks")
	schedule("timezone: Berlin", `5: schedule s: timezone: there is no zone "Berlin"`)
	schedule("timezone: UTC", "4: schedule s has neither layers nor ics: nobody is ever on call")
	schedule("timezone: UTC\nlayers: {l: {users: [a]}}", "6: schedule s: layers must be a list")
	schedule("timezone: UTC\nlayers:\n- {users: [a]}\n- {name: l, users: [a]}\n- {name: l, users: [b]}",
		"7: schedule s: layer has no name", `9: schedule s: layer l: another layer or calendar of the schedule has the name "l"`)
	layer("users: []", "7: schedule s: layer l has no users")
	layer("users: [a, c]", `7: schedule s: layer l: users: there is no user "c": users has a and b`,
		"7: schedule s: layer l lacks rotate", "7: schedule s: layer l lacks handover", "7: schedule s: layer l lacks from")
	layer("users: [a, ''], rotate: daily, handover: '09:00', from: 2026-01-01", "7: schedule s: layer l: users: an entry is empty")
	layer("users: [a, b], rotate: daily, handover: '25:00', from: 2026-02-30", `7: schedule s: layer l: from: "2026-02-30" is no time`, "7: schedule s: layer l: handover: there is no 25:00 on a clock")
	layer("users: [a, b], rotate: daily, handover: monday 09:00, from: 2026-01-01", `7: schedule s: layer l: handover: "monday 09:00" is no time of day`)
	layer("users: [a, b], rotate: daily, handover: '24:00', from: 2026-01-01", "7: schedule s: layer l: handover: 24:00 is 00:00 of the next day")
	layer("users: [a, b], rotate: weekly, handover: '09:00', from: 2026-01-01", `7: schedule s: layer l: handover: "09:00": write a day of the week and a time`)
	layer("users: [a, b], rotate: weekly, handover: mnday 09:00, from: 2026-01-01", `7: schedule s: layer l: handover: "mnday" is no day of the week`)
	layer("users: [a, b], rotate: weekly, handover: [mon 09:00, monday 9:00], from: 2026-01-01", `7: schedule s: layer l: handover: "monday 9:00" stands there twice`)
	layer("users: [a, b], rotate: weekly, handover: [], from: 2026-01-01", "7: schedule s: layer l: handover is empty")
	layer("users: [a, b], rotate: monthly, handover: '31 09:00', from: 2026-01-01", `7: schedule s: layer l: handover: "31": use a day from 1 to 28`)
	layer("users: [a, b], rotate: {every: 12h}, handover: '09:00', from: 2026-01-01", `7: schedule s: layer l: rotate: every "12h": write days or weeks, as 3d or 2w; for several hand-overs a day use daily`)
	layer("users: [a, b], rotate: {every: 0d}, handover: '09:00', from: 2026-01-01", "7: schedule s: layer l: rotate: every 0d: turns have to last")
	layer("users: [a, b], rotate: {every: 2w}, handover: [mon 09:00, fri 09:00], from: 2026-01-01", "7: schedule s: layer l: handover: only daily, weekly and monthly")
	layer("users: [a, b], rotate: hourly, handover: '09:00', from: 2026-01-01", `7: schedule s: layer l: rotate: "hourly": use daily, weekly, monthly, or {every: 2w}`)
	layer("users: [a], from: 2026-01-02, to: 2026-01-05", "7: schedule s: layer l: to: a date alone does not say whether that day is part of it: write \"2026-01-06 00:00\" if it is, else \"2026-01-05 00:00\"")
	layer("users: [a, b], rotate: weekly, handover: mon 09:00, from: 2026-01-02, to: 2026-01-05 09:00", "7: schedule s: layer l ends before its first turn begins")
	layer("users: [a], restrict: [{from: '09:00'}, {days: [mon..frd]}, {from: '18:00', to: '18:00'}]", "7: schedule s: layer l: restrict has only one of from and to",
		`7: schedule s: layer l: restrict: days: "frd" is no day of the week`, "7: schedule s: layer l: restrict begins and ends at the same time")
	layer("users: [a], restrict: []", "7: schedule s: layer l: restrict is empty")
	layer("users: [a], restrict: [{dais: [mon], from: '9', to: '10:00'}]", `7: unknown key "dais"`, `7: schedule s: layer l: restrict: from: "9" is no time of day`)
	base := "timezone: UTC\nlayers: [{name: l, users: [a]}]\noverrides:\n"
	schedule(base+"- {user: c, from: 2026-01-02, to: 2026-01-03}\n- {}", `8: schedule s: override: there is no user "c"`, "8: schedule s: override: to: a date alone",
		"9: schedule s: override lacks user", "9: schedule s: override lacks from", "9: schedule s: override lacks to")
	schedule(base+"- {user: a, from: 2026-01-02, to: 2026-01-02 00:00}", "8: schedule s: override ends before it begins")
	schedule(base+"- {user: a, from: 2026-01-02, to: 2026-01-09 00:00}\n- {user: b, from: 2026-01-09, to: 2026-01-10 00:00}\n- {user: b, from: 2026-01-08, to: 2026-01-08 01:00}",
		"10: schedule s: override of b overlaps the one of a on line 8")
}

func TestFaultsOfSources(t *testing.T) {
	source := func(text string, want ...string) {
		t.Helper()
		wantFaults(t, "users: {a: {}}\nteams: {t: {schedule: s}}\nschedules:\n  s:\n    timezone: UTC\n    ics:\n    - {"+text+"}\n", want...)
	}
	const secret = "private-0123456789"
	source("", "7: schedule s: ics: give exactly one of url, url_file")
	source("file: a.ics, url: https://example.com/"+secret, "7: schedule s: ics: give exactly one of")
	source("url: 'ftp://example.com/"+secret+"'", "7: schedule s: ics: url: a calendar is fetched from an address that begins with https://")
	source("url: 'https://exa mple.com/%zz"+secret+"'", "7: schedule s: ics: url: it is no address of the web")
	source("url: 'file:///etc/passwd'", "7: schedule s: ics: url: a calendar is fetched from an address")
	source("url: https://example.com/x, refresh: 1s", "7: schedule s: ics: refresh: write a duration from 1m to 24h")
	source("file: a.ics, refresh: 1h", "7: schedule s: ics: refresh has no effect on a file")
	source("url_file: nowhere", "7: schedule s: ics: url_file: stat nowhere: no such file")
	_, err := parsePlan("oncall.yaml", []byte("users: {a: {}}\nschedules: {s: {timezone: UTC, ics: [{url: 'gopher://x/"+secret+"'}, {url: '"+secret+"'}, {url: 'https://[::1"+secret+"'}]}}\n"))
	if err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("an error tells the address: %v", err)
	}

	path := filepath.Join(t.TempDir(), "oncall.yaml")
	text := "users: {a: {}}\nteams: {t: {schedule: s}}\nschedules: {s: {timezone: UTC, ics: [{file: gone.ics}, {file: broken.ics}, {file: page.ics}]}}\n"
	for name, text := range map[string]string{"oncall.yaml": text, "broken.ics": "BEGIN:VCALENDAR\nBEGIN:VEVENT\n", "page.ics": "<html>"} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err = Load(path, "", now)
	said := strings.ReplaceAll(errors.Join(err).Error(), filepath.Dir(path)+"/", "")
	for _, want := range []string{
		"oncall.yaml:3: schedule s: ics gone.ics: stat gone.ics: no such file", "broken.ics:2: the VEVENT that begins here does not end: the text is cut off",
		"page.ics:1: this is no calendar",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%s\nlacks %q", said, want)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml"), "", now); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestAddressesAreNotShown(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "address"), []byte("webcal://example.com/private-77/basic.ics#top\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := parsePlan(filepath.Join(dir, "oncall.yaml"), []byte("users: {a: {}}\nteams: {t: {schedule: s}}\nschedules: {s: {timezone: UTC, ics: [{url_file: address}]}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	src := p.sources()[0]
	if string(src.address) != "https://example.com/private-77/basic.ics" || src.name != "example.com" {
		t.Errorf("%s %q", src.name, string(src.address))
	}
	if shown := strings.Join(strings.Fields(errors.Join(src.located("x", errors.New("y"))).Error()+src.address.String()+src.address.GoString()), ""); strings.Contains(shown, "private") {
		t.Error(shown)
	}
}

func FuzzFile(f *testing.F) {
	for seed := range uint64(3) {
		f.Add(people + "    " + strings.ReplaceAll(anySchedule(seed), "\n", "\n    "))
	}
	f.Add("users: {a: {}}\nteams: {t: {schedule: s}}\nschedules: {s: {timezone: UTC, layers: [{name: l, users: [a, a], rotate: {every: 999w}, handover: sun 23:59, from: 0001-01-01}]}}")
	f.Add("users: [")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePlan("oncall.yaml", []byte(text))
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !located.MatchString(line) {
					t.Errorf("no file and line: %q", line)
				}
			}
			return
		}
		r := files{plan: p}.roster(nil, now)
		for _, team := range r.Teams() {
			s, ok := r.At(team.ID, now)
			if ok && ((!s.From.IsZero() && s.From.After(now)) || (!s.To.IsZero() && !s.To.After(now))) {
				t.Errorf("the shift at %s is %+v", now, s)
			}
			r.Next(team.ID, now)
		}
	})
}
