package selfwatch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A course is what was seen of a check, one sign every ten seconds: . is ok, x is not,
// and w is not and has been so for a minute already. The states that follow are written
// the same way: . ok, ? failing, ! alarming.
func states(course string, patience time.Duration) (string, standing) {
	var st standing
	var out strings.Builder
	at := time.Date(2026, 11, 2, 3, 0, 0, 0, time.UTC)
	for i, sign := range course {
		s := sighting{ok: sign == '.', why: fmt.Sprint("look ", i)}
		if sign == 'w' {
			s.since = at.Add(-time.Minute)
		}
		st = st.after(s, at, patience)
		out.WriteString(map[State]string{OK: ".", Failing: "?", Alarming: "!"}[st.state])
		at = at.Add(10 * time.Second)
	}
	return out.String(), st
}

func TestAnAlarmTakesPatience(t *testing.T) {
	for _, c := range []struct {
		seen     string
		patience time.Duration
		want     string
	}{
		{"....", 30 * time.Second, "...."},
		{".xx.x", 30 * time.Second, ".??.?"},           // each failure begins anew
		{".xxxxx..", 30 * time.Second, ".???!!.."},     // at 30 s, not before
		{"xxxx", 30 * time.Second, "???!"},             // also from the start on
		{".x.", 0, ".!."},                              // no patience at all
		{".w", 30 * time.Second, ".?"},                 // patience counts from the first look that failed
		{"xxxx.xxxx.", 30 * time.Second, "???!.???!."}, // two alarms
		{"xxxx.x.", 30 * time.Second, "???!.?."},
	} {
		if got, _ := states(c.seen, c.patience); got != c.want {
			t.Errorf("%s with %s: %s, want %s", c.seen, c.patience, got, c.want)
		}
	}
}

func TestAnAlarmKnowsItsTimes(t *testing.T) {
	clock := func(st standing) string {
		short := func(at time.Time) string {
			if at.IsZero() {
				return "-"
			}
			return at.Format("04:05")
		}
		return short(st.since) + " " + short(st.began) + " " + short(st.over) + " " + st.why
	}
	for _, c := range []struct{ seen, want string }{
		{".x", "00:10 - - look 1"},
		{".xxxx", "00:10 00:10 - look 4"},
		{".wxxx", "59:10 59:10 - look 4"},      // what failed says since when
		{".xxxxw", "59:50 00:10 - look 5"},     // but an alarm keeps its beginning
		{".xxxx..", "- 00:10 00:50 "},          // over at the first look that is ok
		{".xxxx.x.", "- 00:10 00:50 "},         // a short failure later is none of its business
		{".xxxx.xxxx", "01:00 01:00 - look 9"}, // a second alarm has its own beginning
		{".xxxx.xxxx.", "- 01:00 01:40 "},
	} {
		if _, st := states(c.seen, 30*time.Second); clock(st) != c.want {
			t.Errorf("%s: %q, want %q", c.seen, clock(st), c.want)
		}
	}
}

func TestAnAlarmSpeaksPlainly(t *testing.T) {
	a := Alarm{
		Check: Check{
			Name: "outbox", Title: "Messages do not reach Slack", Meaning: "Nobody is paged in Slack while this lasts.",
			Advice: "Look at /status.",
		},
		Since: time.Date(2026, 11, 2, 3, 4, 5, 0, time.UTC), Why: "12 messages wait",
	}
	wantLabels := map[string]string{
		"alertname": "WatchtowerStalled", "check": "outbox", "instance": "eu-1:9911", "service": "watchtower", "severity": "page",
	}
	if diff := cmp.Diff(wantLabels, a.Labels("eu-1:9911")); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	want := map[string]string{
		"summary":     "Watchtower eu-1:9911: Messages do not reach Slack",
		"description": "Since 03:04:05 UTC: 12 messages wait. Nobody is paged in Slack while this lasts. Look at /status.",
	}
	if diff := cmp.Diff(want, a.Annotations("eu-1:9911")); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	// The end of what an earlier process told of has neither a beginning nor a reason.
	if got := (Alarm{Check: a.Check, Over: time.Now()}).Annotations("eu-1:9911")["description"]; got != "Nobody is paged in Slack while this lasts. Look at /status." {
		t.Errorf("description without a reason: %s", got)
	}
}
