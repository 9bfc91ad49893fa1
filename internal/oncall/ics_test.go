package oncall

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// cal wraps events, or whatever else, into a calendar with the line ends of the format.
func cal(text string) string {
	return strings.ReplaceAll("BEGIN:VCALENDAR\nVERSION:2.0\n"+strings.TrimSpace(text)+"\nEND:VCALENDAR\n", "\n", "\r\n")
}

// ev is an event of its lines.
func ev(lines ...string) string {
	return "BEGIN:VEVENT\n" + strings.Join(lines, "\n") + "\nEND:VEVENT\n"
}

const icsSchedule = "timezone: Europe/Berlin\nics: [{file: team.ics}]"

func ics(tb testing.TB, text string) *Roster {
	tb.Helper()
	return load(tb, icsSchedule, "team.ics", cal(text))
}

// wantWarnings demands these warnings, without their folder.
func wantWarnings(t *testing.T, r *Roster, want ...string) {
	t.Helper()
	got := []string{}
	for _, err := range r.Warnings() {
		_, text, _ := strings.Cut(err.Error(), "team.ics:")
		got = append(got, text)
	}
	if len(got) != len(want) {
		t.Fatalf("warns %q, want %q", got, want)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("warns %q, want %q", got[i], want[i])
		}
	}
}

// TestWeeklyEvents repeats over the change of clocks of 29 March 2026, with an
// exception, a moved occurrence and a canceled one.
func TestWeeklyEvents(t *testing.T) {
	r := ics(t, ev("UID:1", "SUMMARY:On call: Alex Kim", "DTSTART;TZID=Europe/Berlin:20260316T090000", "DTEND;TZID=Europe/Berlin:20260323T090000",
		"RRULE:FREQ=WEEKLY;INTERVAL=2", "EXDATE;TZID=Europe/Berlin:20260511T090000")+
		ev("UID:1", "SUMMARY:On call: Alex Kim", "RECURRENCE-ID:20260413T070000Z", "DTSTART:20260414T070000Z", "DTEND:20260415T070000Z")+
		ev("UID:1", "SUMMARY:On call: Alex Kim", "RECURRENCE-ID;TZID=Europe/Berlin:20260427T090000", "DTSTART;TZID=Europe/Berlin:20260427T090000", "DTEND;TZID=Europe/Berlin:20260504T090000", "STATUS:"+statusCanceled)+
		ev("UID:2", "SUMMARY:Shift", "ATTENDEE;CN=\"Lee; Sam\":MAILTO:Sam@Example.com", "ATTENDEE;PARTSTAT=DECLINED:mailto:alex@example.com",
			"DTSTART;TZID=Europe/Berlin:20260323T090000", "DURATION:P1W", "RRULE:FREQ=WEEKLY;INTERVAL=2;UNTIL=20260406T070000Z"))
	wantWarnings(t, r)
	wantShifts(t, r, "2026-03-16 00:00", "2026-06-03 00:00",
		"Mon 16 00:00 CET – Mon 16 09:00 CET nobody",
		"Mon 16 09:00 CET – Mon 23 09:00 CET alex (calendar team.ics)",
		"Mon 23 09:00 CET – Mon 30 09:00 CEST sam (calendar team.ics)",
		"Mon 30 09:00 CEST – Mon 06 09:00 CEST alex (calendar team.ics)",
		"Mon 06 09:00 CEST – Mon 13 09:00 CEST sam (calendar team.ics)",
		"Mon 13 09:00 CEST – Tue 14 09:00 CEST nobody",
		"Tue 14 09:00 CEST – Wed 15 09:00 CEST alex (calendar team.ics)",
		"Wed 15 09:00 CEST – Mon 25 09:00 CEST nobody",
		"Mon 25 09:00 CEST – Mon 01 09:00 CEST alex (calendar team.ics)",
		"Mon 01 09:00 CEST – Wed 03 00:00 CEST nobody")
}

// TestChangesOfOneOccurrence: of several the one of the highest sequence counts.
func TestChangesOfOneOccurrence(t *testing.T) {
	change := func(summary, sequence string) string {
		return ev("UID:1", "SEQUENCE:"+sequence, "SUMMARY:"+summary, "RECURRENCE-ID:20261102T090000Z", "DTSTART:20261102T090000Z", "DTEND:20261102T170000Z")
	}
	r := ics(t, change("sam", "2")+change("kim", "10")+change("sam", "1")+ev("UID:1", "SUMMARY:alex", "DTSTART:20261101T090000Z", "DURATION:PT8H", "RRULE:FREQ=DAILY;COUNT=2"))
	wantShifts(t, r, "2026-11-01 10:00", "2026-11-02 18:00",
		"Sun 01 10:00 CET – Sun 01 18:00 CET alex (calendar team.ics)",
		"Sun 01 18:00 CET – Mon 02 10:00 CET nobody",
		"Mon 02 10:00 CET – Mon 02 18:00 CET kim (calendar team.ics)")
	r = ics(t, ev("UID:1", "SUMMARY:alex", "RECURRENCE-ID;RANGE=THISANDFUTURE:20261201T090000Z", "DTSTART:20261201T090000Z", "DURATION:PT1H"))
	wantWarnings(t, r, "6: RANGE=THISANDFUTURE is not followed: only this one occurrence is changed")
}

// TestTimesOfCalendars has every way to write a time, each for one hour or day.
func TestTimesOfCalendars(t *testing.T) {
	const outlook = `BEGIN:VTIMEZONE
TZID:W. Europe Standard Time
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VTIMEZONE
TZID:Our Office
X-LIC-LOCATION:Asia/Tokyo
END:VTIMEZONE
BEGIN:VTIMEZONE
TZID:Fixed
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:-0330
TZOFFSETTO:-033030
RDATE:19800101T000000,19900101T000000
END:STANDARD
END:VTIMEZONE
`
	one := func(want string, lines ...string) {
		t.Helper()
		r := ics(t, outlook+ev(append([]string{"UID:1", "SUMMARY:alex"}, lines...)...))
		wantWarnings(t, r)
		got := ""
		for _, s := range r.Shifts("backend", now.AddDate(0, -13, 0), now.AddDate(0, 13, 0)) {
			got += s.From.UTC().Format("2006-01-02 15:04:05") + " " + s.To.Sub(s.From).String()
		}
		if got != want {
			t.Errorf("%q is %s, want %s", lines, got, want)
		}
	}
	one("2026-11-02 09:00:00 1h0m0s", "DTSTART:20261102T090000Z", "DTEND:20261102T100000Z")
	one("2026-11-02 08:00:00 1h0m0s", "DTSTART:20261102T090000", "DTEND:20261102T100000") // floating: the schedule's clocks
	one("2026-11-01 23:00:00 24h0m0s", "DTSTART;VALUE=DATE:20261102", "DTEND;VALUE=DATE:20261103")
	one("2026-11-01 23:00:00 24h0m0s", "DTSTART;VALUE=DATE:20261102")
	one("2026-03-28 23:00:00 23h0m0s", "DTSTART;VALUE=DATE:20260329", "DURATION:P1D")
	one("2026-03-28 08:00:00 24h0m0s", "DTSTART:20260328T090000", "DURATION:PT24H") // hours are exact
	one("2026-03-28 08:00:00 23h0m0s", "DTSTART:20260328T090000", "DURATION:P1D")   // days are of the calendar
	one("2026-11-02 14:00:00 1h0m0s", "DTSTART;TZID=America/New_York:20261102T090000", "DTEND;TZID=Europe/Berlin:20261102T160000")
	one("2026-07-01 07:00:00 1h0m0s", "DTSTART;TZID=W. Europe Standard Time:20260701T090000", "DURATION:PT1H")
	one("2026-10-25 00:30:00 1h0m0s", "DTSTART;TZID=W. Europe Standard Time:20261025T023000", "DURATION:PT1H") // the first of two
	one("2026-10-26 01:30:00 1h0m0s", "DTSTART;TZID=\"W. Europe Standard Time\":20261026T023000", "DURATION:PT1H")
	one("2026-03-29 01:30:00 1h0m0s", "DTSTART:20260329T023000", "DURATION:PT1H") // skipped: RFC 5545, 3.3.5
	one("2026-11-02 00:00:00 1h0m0s", "DTSTART;TZID=Our Office:20261102T090000", "DURATION:PT1H")
	one("2026-11-02 12:30:30 1h0m0s", "DTSTART;TZID=Fixed:20261102T090000", "DURATION:PT1H")
	one("2026-11-02 08:00:00 1h0m0s", "DTSTART;TZID=/mozilla.org/20050126_1/Europe/Berlin:20261102T090000", "DURATION:PT1H")
	one("2026-11-02 08:00:00 1h0m0s", "dtstart;tzid=Europe/Berlin;x-a=\"b:c\",d:20261102T0", " 90000", "Duration:PT1H")
	one("", "DTSTART:20100102T090000Z", "DTEND:20100102T100000Z")
	one("", "DTSTART:20261102T090000Z", "DTEND:20261102T100000Z", "STATUS:"+statusCanceled)
	one("2026-11-02 09:00:00 2h0m0s", "DTSTART:20261102T090000Z", "DURATION:PT1H", "RDATE:20261102T100000Z")
	one("2026-11-02 09:00:00 1h0m0s2026-11-04 09:00:00 1h0m0s", "DTSTART:20261102T090000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=3", "EXDATE;VALUE=DATE:20261103")
	one("2026-11-02 09:00:00 1h0m0s2026-11-03 09:00:00 1h0m0s", "DTSTART:20261102T090000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;UNTIL=20261103")
	// A first end that clocks skip does not move the ends of the other days.
	one("2026-03-28 21:30:00 4h0m0s2026-03-29 20:30:00 4h0m0s", "DTSTART:20260328T223000", "DTEND:20260329T023000", "RRULE:FREQ=DAILY;COUNT=2")
	one("2026-01-30 23:00:00 24h0m0s2026-03-30 22:00:00 24h0m0s", "DTSTART;VALUE=DATE:20260131", "RRULE:FREQ=MONTHLY;COUNT=2")
}

func TestEventsThatCannotBeUsed(t *testing.T) {
	one := func(want string, lines ...string) {
		t.Helper()
		r := ics(t, "BEGIN:VTIMEZONE\nTZID:Odd\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0100\nTZOFFSETTO:1\nEND:STANDARD\nEND:VTIMEZONE\n"+
			ev(append([]string{"SUMMARY:alex"}, lines...)...)+ev("SUMMARY:kim", "DTSTART:20261102T090000Z", "DTEND:20261103T090000Z"))
		wantWarnings(t, r, want)
		// The other event holds in spite of it.
		wantShifts(t, r, "2026-11-01 00:00", "2026-11-03 10:00", "Sun 01 00:00 CET – Mon 02 10:00 CET nobody", "Mon 02 10:00 CET – Tue 03 10:00 CET kim (calendar team.ics)")
	}
	at := []string{"DTSTART:20261201T090000Z", "DTEND:20261202T090000Z"}
	one(`11: event "alex": it has no DTSTART`)
	one(`13: event "alex": DTSTART: "20261301T000000" is no date`, "DTSTART:20261301T000000")
	one(`11: event "alex": it does not last`, "DTSTART:20261201T090000Z")
	one(`11: event "alex": it does not last`, "DTSTART:20261201T090000Z", "DTEND:20261201T080000Z")
	one(`14: event "alex": DURATION: "1h" is no duration`, "DTSTART:20261201T090000Z", "DURATION:1h")
	one(`13: event "alex": DTSTART: there is no time zone "Mars", and the calendar does not define it`, "DTSTART;TZID=Mars:20261201T090000")
	one(`13: event "alex": DTSTART: time zone "Odd", defined on line 3: line 8: TZOFFSETTO "1" is no offset`, "DTSTART;TZID=Odd:20261201T090000")
	one(`13: event "alex": a parameter of DTSTART has no value`, "DTSTART;TZID")
	one(`13: event "alex": parameter TZID of DTSTART: a quote is not closed`, "DTSTART;TZID=\"x:20261201T090000")
	one(`13: event "alex": parameter TZID of DTSTART: the line ends in it`, "DTSTART;TZID=x")
	one(`15: event "alex": "nonsense" is no line of a calendar`, append(at, "nonsense")...)
	one(`15: event "alex": RRULE: it repeats by the hour or faster`, append(at, "RRULE:FREQ=SECONDLY")...)
	one(`15: event "alex": RRULE: it repeats more than 24 times a day`, append(at, "RRULE:FREQ=YEARLY;BYMINUTE=1,2,3,4,5;BYSECOND=1,2,3,4,5")...)
	one(`15: event "alex": RRULE: its INTERVAL must be from 1 to 1000`, append(at, "RRULE:FREQ=DAILY;INTERVAL=9223372036854775807")...)
	one(`15: event "alex": RRULE: it is too long`, append(at, "RRULE:FREQ=DAILY;BYMONTH="+strings.Repeat("1,", 600)+"1")...)
	one(`15: event "alex": RRULE: `, append(at, "RRULE:FREQ=SOMETIMES")...)
	one(`15: event "alex": RRULE: `, append(at, "RRULE:FREQ=DAILY;BYMONTH=13")...)
	one(`15: event "alex": RRULE: it asks for days that no month or year has`, append(at, "RRULE:FREQ=MONTHLY;BYDAY=53MO")...)
	one(`15: event "alex": EXDATE: "x" is no date`, append(at, "EXDATE:x")...)
	one(`11: event "alex": EXRULE is no longer part`, append(at, "EXRULE:FREQ=DAILY")...)

	who := func(want string, lines ...string) {
		t.Helper()
		wantWarnings(t, ics(t, ev(append(at, lines...)...)), want)
	}
	who(`3: event "alex or sam" names alex and sam: one can be on call`, "SUMMARY:alex or sam")
	who(`3: event "Standup" names alex and sam`, "SUMMARY:Standup", "ATTENDEE:mailto:alex@example.com", "ATTENDEE;EMAIL=sam@example.com:urn:uuid:1")
	who(`3: event "Lunch" names no user`, "SUMMARY:Lunch", "ATTENDEE:mailto:boss@example.com")
	who(`3: event "" names no user`, "X-A:b")
}

func TestCalendarsThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "it is empty",
		"<!doctype html>":        "line 1: this is no calendar",
		"BEGIN:VCARD\nEND:VCARD": "line 1: this is no calendar",
		"BEGIN:VCALENDAR\n":      "line 1: the VCALENDAR that begins here does not end",
		"BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR":             "line 3: END:VCALENDAR ends the VEVENT that begins on line 2",
		"BEGIN:VCALENDAR\nEND:VCALENDAR\nEND:VEVENT":               "line 3: this is no calendar",
		"BEGIN:VCALENDAR\n" + strings.Repeat("BEGIN:X\n", 100_000): "line 9: components are nested more than 8 deep",
		strings.Repeat("x", maxCalendar+1):                         "it has more than 5242880 bytes",
	} {
		if _, err := parseCalendar([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.60q: %v, want %s", text, err, want)
		}
	}
	c, err := parseCalendar([]byte("\ufeff" + cal("") + cal(ev("BEGIN:VALARM", "TRIGGER:-PT5M", "DESCRIPTION:a", "END:VALARM", "SUMMARY:x\\, y"))))
	if err != nil || len(c.events) != 1 || c.events[0].text("SUMMARY") != "x, y" || c.events[0].text("TRIGGER") != "" {
		t.Errorf("two calendars in one file: %+v, %v", c, err)
	}
}

func TestWhoIsNamed(t *testing.T) {
	users := map[string]*User{}
	for _, u := range []User{{ID: "alex", Name: "Alex Kim", Email: "alex@example.com"}, {ID: "kim", Name: "Kim Park"}, {ID: "jo", Name: "Jo"}, {ID: "ågot", Name: "Ågot Vik"}} {
		users[u.ID] = &u
	}
	n := namesOf(users)
	for text, want := range map[string]string{
		"Alex Kim": "alex", "ALEX": "alex", "On call: alex (primary)": "alex", "[L1] kim": "kim", "Kim Park covers": "kim", "alexander": "", "": "",
		"alex@example.com": "alex", "Jo's week": "jo", "jour fixe": "", "alex, kim": "alex kim", "Alex Kim and Kim Park": "alex kim", "Ågot": "ågot", "Ågotnes": "",
		"alex/alex": "alex", "kim-kim": "kim",
	} {
		var ids []string
		for _, u := range n.within(text) {
			ids = append(ids, u.ID)
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%q names %q, want %q", text, got, want)
		}
	}
}

// TestOverlaps: of two events the one that begins later wins, then the shorter one; of
// calendars the later one, silently.
func TestOverlaps(t *testing.T) {
	r := load(t, "timezone: UTC\nics: [{file: team.ics, name: a}, {file: b.ics}]", "team.ics", cal(
		ev("SUMMARY:alex", "DTSTART:20261102T090000Z", "DURATION:P7D")+ev("SUMMARY:sam", "DTSTART:20261104T090000Z", "DURATION:P1D")+
			ev("SUMMARY:kim", "DTSTART:20261104T090000Z", "DURATION:PT1H")+ev("SUMMARY:alex", "DTSTART:20261103T090000Z", "DURATION:PT1H")),
		"b.ics", cal(ev("SUMMARY:sam", "DTSTART:20261107T090000Z", "DURATION:P1D")))
	wantShifts(t, r, "2026-11-02 09:00", "2026-11-09 09:00",
		"Mon 02 09:00 UTC – Wed 04 09:00 UTC alex (calendar a)",
		"Wed 04 09:00 UTC – Wed 04 10:00 UTC kim (calendar a)",
		"Wed 04 10:00 UTC – Thu 05 09:00 UTC sam (calendar a)",
		"Thu 05 09:00 UTC – Sat 07 09:00 UTC alex (calendar a)",
		"Sat 07 09:00 UTC – Sun 08 09:00 UTC sam (calendar b.ics)",
		"Sun 08 09:00 UTC – Mon 09 09:00 UTC alex (calendar a)")
	var got []string
	for _, o := range r.Overlaps("backend", now.AddDate(0, -2, 0), now) {
		got = append(got, fmt.Sprintf("%s %s %s>%s", o.From.Format("02 15:04"), o.To.Format("02 15:04"), o.Winner.User.ID, o.Loser.User.ID))
	}
	want := []string{"04 09:00 05 09:00 sam>alex", "04 09:00 04 10:00 kim>sam", "04 09:00 04 10:00 kim>alex"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if o := r.Overlaps("backend", now, now.AddDate(1, 0, 0)); o != nil {
		t.Errorf("overlaps of later times: %v", o)
	}
}

// TestEvilCalendars keep a program busy only for a moment.
func TestEvilCalendars(t *testing.T) {
	began := time.Now()
	evil := func(lines ...string) string {
		return ev(append([]string{"SUMMARY:alex", "DURATION:PT1M"}, lines...)...)
	}
	for name, text := range map[string]string{
		"since the year 1":     strings.Repeat(evil("DTSTART:00010101T000000Z", "RRULE:FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11;BYMINUTE=0,30"), 5000),
		"never":                strings.Repeat(evil("DTSTART:19000101T000000Z", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), 5000),
		"never, day by day":    strings.Repeat(evil("DTSTART:19000101T000000Z", "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31"), 5000),
		"never in a month":     strings.Repeat(evil("DTSTART:20260101T000000Z", "RRULE:FREQ=MONTHLY;BYDAY=53MO"), 5000),
		"never in a week":      strings.Repeat(evil("DTSTART:20260101T000000Z", "RRULE:FREQ=WEEKLY;BYMONTH=2;BYMONTHDAY=30"), 5000),
		"never every 7th day":  strings.Repeat(evil("DTSTART:20260101T000000Z", "RRULE:FREQ=DAILY;INTERVAL=7;BYDAY=MO"), 5000),
		"long rules":           strings.Repeat(evil("DTSTART:20260101T000000Z", "RRULE:FREQ=DAILY;BYDAY="+strings.Repeat("MO,", 300)+"MO"), 5000),
		"all at once":          strings.Repeat(evil("DTSTART:20260101T000000Z", "RRULE:FREQ=DAILY;COUNT=400"), 5000),
		"one line":             evil("DTSTART;X="+strings.Repeat(`"a",`, 1_000_000)+"b:20260101T000000Z", "RRULE:FREQ=DAILY"),
		"one folded character": "BEGIN:VEVENT\nSUMMARY:" + strings.Repeat("\n x", 1_000_000) + "\nEND:VEVENT\n",
		"many exceptions":      evil("DTSTART:20260101T000000Z", "RRULE:FREQ=DAILY", "EXDATE:"+strings.Repeat("20260101T000000Z,", 250_000)+"20260101T000000Z"),
	} {
		c, err := parseCalendar([]byte(cal(text)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		x := expansion{calendar: c, loc: time.UTC, names: namesOf(map[string]*User{"alex": {ID: "alex"}}), window: span{now.Unix() - expanded, now.Unix() + expanded}}
		list, _ := x.claims()
		flatten(list)
		if took := time.Since(began); took > 2*time.Minute {
			t.Errorf("%s: %s", name, took)
		}
		t.Log(name, time.Since(began))
		began = time.Now()
	}
}

func FuzzCalendar(f *testing.F) {
	f.Add(cal(ev("UID:1", "SUMMARY:alex", "DTSTART;TZID=Europe/Berlin:20261102T090000", "DURATION:P1W", "RRULE:FREQ=WEEKLY;WKST=SU;BYDAY=MO,-1FR;COUNT=9", "EXDATE:20261109T080000Z")))
	f.Add(cal(ev("UID:1", "SUMMARY:sam", "DTSTART;VALUE=DATE:20261102", "RRULE:FREQ=YEARLY;BYWEEKNO=53;BYYEARDAY=-1;BYSETPOS=1", "RDATE:20261103") + ev("UID:1", "RECURRENCE-ID:20261103", "DTSTART:20261104")))
	f.Add(cal("BEGIN:VTIMEZONE\nTZID:x\nBEGIN:STANDARD\nDTSTART:16010101T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:-0100\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\nEND:STANDARD\nEND:VTIMEZONE\n" +
		ev("ATTENDEE:mailto:a@x", "DTSTART;TZID=x:20261102T090000", "DTEND:20261103T090000Z")))
	u := &User{ID: "alex", Email: "a@x"}
	n := namesOf(map[string]*User{"alex": u, "sam": {ID: "sam"}})
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCalendar([]byte(text))
		if err != nil {
			return
		}
		w := span{now.Unix() - expanded, now.Unix() + expanded}
		x := expansion{calendar: c, loc: time.UTC, names: n, window: w}
		list, _ := x.claims()
		flat, _ := flatten(list)
		last := never
		for _, p := range flat {
			if p.from < last || p.from >= p.to || p.user == nil {
				t.Fatalf("pieces are out of order: %+v", flat)
			}
			last = p.to
		}
	})
}
