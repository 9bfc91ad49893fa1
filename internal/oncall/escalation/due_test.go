package escalation

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var start = time.Date(2026, 11, 2, 3, 0, 0, 0, time.UTC)

// ladder is a policy of three levels, gone through twice.
func ladder() Policy {
	return Policy{
		Name: "page", Repeat: 1, Every: 40 * time.Minute, AckTimeout: 30 * time.Minute,
		Steps: []Step{
			{Notify: Target{Means: OnCall}, If: Always()},
			{After: 5 * time.Minute, Notify: Target{Means: DirectMessage}, If: Always()},
			{After: 20 * time.Minute, Notify: Target{Means: Receiver, Name: "pagerduty"}, If: Always()},
		},
	}
}

// life is an incident whose actions are carried out at once and, unless failing says
// otherwise, well.
type life struct {
	t       *testing.T
	policy  Policy
	in      Incident
	failing map[Means]bool
	nobody  map[Means]bool // reach nobody
	told    []string
}

func newLife(t *testing.T, p Policy) *life {
	t.Helper()
	return &life{t: t, policy: p, in: Incident{Severity: "page"}, failing: map[Means]bool{}, nobody: map[Means]bool{}}
}

func (l *life) event(k Kind, after time.Duration) {
	l.in.Events = append(l.in.Events, Event{Kind: k, At: start.Add(after), Policy: l.policy.Name})
}

// until carries out what is due until an instant, and nothing but what Due asks for:
// it sleeps until next.
func (l *life) until(from, to time.Duration) {
	l.t.Helper()
	now := start.Add(from)
	for range 1000 {
		actions, next := l.policy.Due(l.in, now)
		for _, a := range actions {
			l.carryOut(a, now)
		}
		if len(actions) > 0 {
			continue
		}
		if next.IsZero() || next.After(start.Add(to)) {
			return
		}
		if !next.After(now) {
			l.t.Fatalf("at %s asks to be asked at %s", now.Sub(start), next.Sub(start))
		}
		now = next
	}
	l.t.Fatal("it does not come to an end")
}

func (l *life) carryOut(a Action, now time.Time) {
	say := fmt.Sprintf("%s %s", now.Sub(start), a.Act)
	add := func(k Kind) {
		l.in.Events = append(l.in.Events, Event{Kind: k, At: now, Policy: l.policy.Name, Action: a.ID, Nobody: k == PassedOver && a.Why == ""})
	}
	switch a.Act {
	case Begin:
		add(Begun)
	case Pause:
		add(Paused)
	case Resume:
		add(Resumed)
	case PassOver:
		add(PassedOver)
		say += fmt.Sprintf(" %d %s: %s", a.Round, a.Target, a.Why)
	case Remind, End, Notify:
		if a.Act != Remind {
			say += fmt.Sprintf(" %d %s", a.Round, a.Target)
		}
		if a.Act == Remind {
			l.in.Events = append(l.in.Events, Event{Kind: TimedOut, At: a.At})
		}
		switch {
		case l.nobody[a.Target.Means]:
			add(PassedOver)
			say += " nobody"
		case l.failing[a.Target.Means]:
			if a.Attempt == 0 {
				add(Attempted)
			}
			add(Failed)
			say += " failed"
		default:
			if a.Attempt == 0 {
				add(Attempted)
			}
			add(Done)
		}
	}
	l.told = append(l.told, say)
}

func (l *life) want(want ...string) {
	l.t.Helper()
	if diff := cmp.Diff(want, l.told); diff != "" {
		l.t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUnacknowledgedClimbsAndBeginsAgain(t *testing.T) {
	l := newLife(t, ladder())
	l.until(0, 3*time.Hour)
	l.want("0s begin", "0s notify 0 on_call", "5m0s notify 0 direct_message", "20m0s notify 0 receiver pagerduty",
		"40m0s notify 1 on_call", "45m0s notify 1 direct_message", "1h0m0s notify 1 receiver pagerduty")
}

func TestAcknowledgedStops(t *testing.T) {
	p := ladder()
	p.AckTimeout = 0
	l := newLife(t, p)
	l.until(0, 7*time.Minute)
	l.event(Acknowledged, 7*time.Minute)
	l.until(7*time.Minute, 24*time.Hour)
	l.want("0s begin", "0s notify 0 on_call", "5m0s notify 0 direct_message")
}

func TestAcknowledgementTimesOutAndTheClockGoesOn(t *testing.T) {
	l := newLife(t, ladder())
	l.until(0, 7*time.Minute)
	l.event(Acknowledged, 7*time.Minute)
	l.event(Acknowledged, 17*time.Minute) // somebody takes it over: their time begins anew
	l.until(17*time.Minute, 50*time.Minute)
	// It read 7 minutes when it was acknowledged: 13 are left to the third step.
	l.until(50*time.Minute, 61*time.Minute)
	l.want("0s begin", "0s notify 0 on_call", "5m0s notify 0 direct_message", "47m0s remind", "1h0m0s notify 0 receiver pagerduty")
	l.event(Acknowledged, 61*time.Minute)
	l.until(61*time.Minute, 92*time.Minute)
	if last := l.told[len(l.told)-1]; last != "1h31m0s remind" || len(l.told) != 6 {
		t.Errorf("the second acknowledgement: %q", l.told)
	}
}

// TestAcknowledgedAtTheLastMoment acknowledges anew at the instant at which the old
// acknowledgement runs out.
func TestAcknowledgedAtTheLastMoment(t *testing.T) {
	l := newLife(t, ladder())
	l.until(0, 0)
	l.event(Acknowledged, 0)
	l.event(TimedOut, 30*time.Minute)
	l.event(Acknowledged, 30*time.Minute)
	l.until(30*time.Minute, 59*time.Minute)
	l.want("0s begin", "0s notify 0 on_call")
}

func TestSilencedWaits(t *testing.T) {
	l := newLife(t, ladder())
	l.until(0, 3*time.Minute)
	l.in.Muted = true
	l.until(3*time.Minute, 2*time.Hour)
	l.in.Muted = false
	l.until(2*time.Hour, 2*time.Hour+10*time.Minute)
	// 2 of 5 minutes were left. Nothing of what came due meanwhile comes at once.
	l.want("0s begin", "0s notify 0 on_call", "3m0s pause", "2h0m0s resume", "2h2m0s notify 0 direct_message")
}

func TestSilencedIsNotReminded(t *testing.T) {
	l := newLife(t, ladder())
	l.until(0, time.Minute)
	l.event(Acknowledged, time.Minute)
	l.in.Muted = true
	l.until(time.Minute, time.Hour)
	l.until(40*time.Minute, time.Hour)
	l.want("0s begin", "0s notify 0 on_call", "1m0s pause")
}

func TestResolvedEndsAndTellsReceivers(t *testing.T) {
	l := newLife(t, ladder())
	l.until(0, 61*time.Minute) // pagerduty was told twice
	l.in.Resolved = start.Add(62 * time.Minute)
	before := len(l.told)
	l.failing[Receiver] = true
	l.until(62*time.Minute, 62*time.Minute+10*time.Second)
	l.failing[Receiver] = false
	l.until(62*time.Minute+10*time.Second, 24*time.Hour)
	l.told = l.told[before:]
	l.want("1h2m0s end 0 receiver pagerduty failed", "1h2m15s end 0 receiver pagerduty")
}

func TestFailingStepIsTriedAgainAndOthersGoOn(t *testing.T) {
	l := newLife(t, ladder())
	l.failing[DirectMessage] = true
	l.until(0, 21*time.Minute)
	l.want("0s begin", "0s notify 0 on_call", "5m0s notify 0 direct_message failed", "5m15s notify 0 direct_message failed", "5m45s notify 0 direct_message failed",
		"6m45s notify 0 direct_message failed", "8m45s notify 0 direct_message failed", "12m45s notify 0 direct_message failed",
		"17m45s notify 0 direct_message failed", "20m0s notify 0 receiver pagerduty")
	l.told = nil
	l.until(21*time.Minute, 40*time.Minute)
	l.want("22m45s notify 0 direct_message failed", "22m45s pass_over 0 direct_message: it failed 8 times", "40m0s notify 1 on_call")
}

func TestRosterGapGoesToTheNextStepAtOnce(t *testing.T) {
	l := newLife(t, ladder())
	l.nobody[DirectMessage] = true
	l.until(0, 41*time.Minute)
	l.want("0s begin", "0s notify 0 on_call", "5m0s notify 0 direct_message nobody", "5m0s notify 0 receiver pagerduty", "40m0s notify 1 on_call")
}

// TestDownForLong carries out what is due in the present round alone, once each.
func TestDownForLong(t *testing.T) {
	l := newLife(t, ladder())
	l.until(0, time.Minute)
	l.until(70*time.Minute, 5*time.Hour)
	const over = "its round was over before it could be carried out"
	l.want("0s begin", "0s notify 0 on_call", "1h10m0s pass_over 0 direct_message: "+over, "1h10m0s pass_over 0 receiver pagerduty: "+over,
		"1h10m0s notify 1 on_call", "1h10m0s notify 1 direct_message", "1h10m0s notify 1 receiver pagerduty")
}

// TestSomebodyDiedWhileTheyNotified leaves a step that was begun to others after Lease.
func TestSomebodyDiedWhileTheyNotified(t *testing.T) {
	l := newLife(t, ladder())
	l.until(0, time.Minute)
	id := "page/0/direct_message@5m"
	l.in.Events = append(l.in.Events, Event{Kind: Attempted, At: start.Add(5 * time.Minute), Action: id})
	if actions, next := l.policy.Due(l.in, start.Add(5*time.Minute+59*time.Second)); len(actions) != 0 || !next.Equal(start.Add(6*time.Minute)) {
		t.Errorf("within the lease: %v, %v", actions, next)
	}
	actions, _ := l.policy.Due(l.in, start.Add(6*time.Minute))
	if len(actions) != 1 || actions[0].ID != id || actions[0].Act != Notify {
		t.Errorf("after the lease: %+v", actions)
	}
}

func TestConditions(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	night := Always()
	night.Hours = &Hours{From: 18 * time.Hour, To: 8 * time.Hour, Zone: berlin}
	severe := Always()
	severe.Severity = []string{"page", "critical"}
	storm := Always()
	storm.MoreThan, storm.Within = 2, 10*time.Minute
	spent := Always()
	spent.BudgetExhausted = true
	at := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	began := func(ago ...time.Duration) Incident {
		var in Incident
		for _, d := range ago {
			in.Alerts = append(in.Alerts, at.Add(-d))
		}
		return in
	}
	for _, tc := range []struct {
		name string
		c    Condition
		in   Incident
		want string
	}{
		{"always", Always(), Incident{}, ""},
		{"severity", severe, Incident{Severity: "critical"}, ""},
		{"other severity", severe, Incident{Severity: "ticket"}, `its severity is "ticket", not page or critical`},
		{"day", night, Incident{}, "it was not within the hours 18:00-08:00 Europe/Berlin"},
		{"storm", storm, began(0, time.Minute, 9*time.Minute, time.Hour), ""},
		{"no storm", storm, began(0, time.Minute, 10*time.Minute, -time.Minute), "2 of its alerts began within 10m, not more than 2"},
		{"spent", spent, Incident{BudgetExhausted: true}, ""},
		{"not spent", spent, Incident{}, "its error budget is not exhausted"},
	} {
		if got := tc.c.unmet(tc.in, at); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestHoursAcrossChangesOfClocks(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	night := Hours{From: 2 * time.Hour, To: 3*time.Hour + 30*time.Minute, Zone: berlin}
	// How many minutes of these days lie within 02:00-03:30.
	for day, want := range map[string]int{
		"2026-03-28": 90,
		"2026-03-29": 30, // from 02:00 clocks go to 03:00
		"2026-10-25": 150,
		"2026-10-26": 90,
	} {
		begin, err := time.ParseInLocation(time.DateOnly, day, berlin)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for at := begin; at.Before(begin.AddDate(0, 0, 1)); at = at.Add(time.Minute) {
			if night.Hold(at) {
				n++
			}
		}
		if n != want {
			t.Errorf("%s: %d minutes, want %d", day, n, want)
		}
	}
	day := Hours{From: 8 * time.Hour, To: 24 * time.Hour, Zone: time.UTC}
	if day.Hold(time.Date(2026, 1, 1, 7, 59, 59, 0, time.UTC)) || !day.Hold(time.Date(2026, 1, 1, 23, 59, 59, 0, time.UTC)) {
		t.Error("08:00-24:00 holds at other times")
	}
}

// TestStepsPassedOver says why, looks once, and looks again in the next round.
func TestStepsPassedOver(t *testing.T) {
	p := ladder()
	p.Steps[1].If.BudgetExhausted = true
	l := newLife(t, p)
	l.until(0, 30*time.Minute)
	l.in.BudgetExhausted = true
	l.until(30*time.Minute, 50*time.Minute)
	l.want("0s begin", "0s notify 0 on_call", "5m0s pass_over 0 direct_message: its error budget is not exhausted", "20m0s notify 0 receiver pagerduty",
		"40m0s notify 1 on_call", "45m0s notify 1 direct_message")
}

// TestOrderAndRepetitionOfEventsDoNotMatter is what lets peers exchange them.
func TestOrderAndRepetitionOfEventsDoNotMatter(t *testing.T) {
	l := newLife(t, ladder())
	l.until(0, 7*time.Minute)
	l.event(Acknowledged, 7*time.Minute)
	l.until(7*time.Minute, 37*time.Minute)
	now := start.Add(38 * time.Minute)
	want, wantNext := l.policy.Due(l.in, now)
	slices.Reverse(l.in.Events)
	got, next := l.policy.Due(l.in, now)
	if diff := cmp.Diff(want, got); diff != "" || !next.Equal(wantNext) || !next.Equal(start.Add(50*time.Minute)) {
		t.Errorf("reversed: next %v, before %v (-want +got)\n%s", next, wantNext, diff)
	}
}

// TestEditedPolicy adds a step while an incident is open: what was done is not done
// again.
func TestEditedPolicy(t *testing.T) {
	l := newLife(t, ladder())
	l.until(0, 6*time.Minute)
	l.policy.Steps = slices.Insert(l.policy.Steps, 1, Step{After: 2 * time.Minute, Notify: Target{Means: NextOnCall}, If: Always()})
	l.told = nil
	l.until(6*time.Minute, 10*time.Minute)
	l.want("6m0s notify 0 next_on_call")
}

func TestFits(t *testing.T) {
	set := func(pairs ...string) Match {
		m := Match{}
		for _, pair := range pairs {
			name, text, _ := strings.Cut(pair, "=")
			v, err := ParseValue(text)
			if err != nil {
				t.Fatal(err)
			}
			m[name] = v
		}
		return m
	}
	p := Policy{Match: []Match{set("severity=page"), set("severity==~page|critical", "team=media")}}
	for _, tc := range []struct {
		labels map[string]string
		want   Rank
	}{
		{map[string]string{"severity": "ticket"}, Rank{}},
		{map[string]string{"severity": "page"}, Rank{1, 1}},
		{map[string]string{"severity": "critical"}, Rank{}},
		{map[string]string{"severity": "page", "team": "media"}, Rank{2, 1}},
	} {
		if got := p.Fits(tc.labels); got != tc.want {
			t.Errorf("%v: %+v, want %+v", tc.labels, got, tc.want)
		}
	}
	if _, err := ParseValue("=~("); err == nil {
		t.Error("a broken expression is taken")
	}
}

func TestWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 10 * time.Second: "10s", 5 * time.Minute: "5m", 90 * time.Minute: "1h30m", time.Hour: "1h",
		20*time.Minute + 10*time.Second: "20m10s", 168 * time.Hour: "168h",
	} {
		if got := Words(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// BenchmarkDue is an incident in its last round of the longest policy.
func BenchmarkDue(b *testing.B) {
	p := Policy{Name: "long", Repeat: 20, Every: time.Hour}
	for i := range 20 {
		p.Steps = append(p.Steps, Step{After: time.Duration(i) * time.Minute, Notify: Target{Means: Channel}, If: Always()})
	}
	in := Incident{Events: []Event{{Kind: Begun, At: start, Policy: "long"}}}
	for range 20 {
		actions, _ := p.Due(in, start.Add(20*time.Hour))
		for _, a := range actions {
			in.Events = append(in.Events, Event{Kind: Done, At: start, Action: a.ID})
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Due(in, start.Add(20*time.Hour+5*time.Minute))
	}
}

// TestSecondTryIsLeftToWhoeverIsAtIt holds the lease after a failure, too.
func TestSecondTryIsLeftToWhoeverIsAtIt(t *testing.T) {
	l := newLife(t, ladder())
	l.until(0, time.Minute)
	id := "page/0/direct_message@5m"
	l.in.Events = append(l.in.Events,
		Event{Kind: Attempted, At: start.Add(5 * time.Minute), Action: id},
		Event{Kind: Failed, At: start.Add(5 * time.Minute), Action: id},
		Event{Kind: Attempted, At: start.Add(5*time.Minute + 15*time.Second), Action: id},
	)
	if actions, next := l.policy.Due(l.in, start.Add(5*time.Minute+30*time.Second)); len(actions) != 0 || !next.Equal(start.Add(6*time.Minute+15*time.Second)) {
		t.Errorf("while somebody tries again: %v, %v", actions, next)
	}
	if actions, _ := l.policy.Due(l.in, start.Add(6*time.Minute+15*time.Second)); len(actions) != 1 || actions[0].Attempt != 1 {
		t.Errorf("after the lease: %+v", actions)
	}
}
