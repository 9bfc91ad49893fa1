package bulletin

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const every = 30 * time.Minute

// begin is when the tests begin.
func begin() time.Time { return time.Date(2026, 11, 28, 3, 12, 0, 0, time.UTC) }

// newsroom tells what is due at once, as it says, and remembers what was told.
type newsroom struct {
	t         *testing.T
	incidents []*Incident
	now       time.Time
	messages  int
	said      []string
}

func newNewsroom(t *testing.T) *newsroom {
	t.Helper()
	return &newsroom{t: t, now: begin()}
}

// breaks opens an incident about promises.
func (n *newsroom) breaks(id string, promises ...Promise) *Incident {
	in := &Incident{ID: id, OpenedAt: n.now, Broken: promises}
	n.incidents = append(n.incidents, in)
	return in
}

// until tells all that falls due until an instant, and wakes only when Due asks for it.
func (n *newsroom) until(after time.Duration) {
	n.t.Helper()
	end := begin().Add(after)
	for range 1000 {
		list := make([]Incident, len(n.incidents))
		for i, in := range n.incidents {
			list[len(list)-1-i] = *in
		}
		due, next := Due(list, every, n.now)
		for _, u := range due {
			n.tell(u)
		}
		if len(due) > 0 {
			continue
		}
		if next.IsZero() || next.After(end) {
			n.now = end
			return
		}
		if !next.After(n.now) {
			n.t.Fatalf("at %s it asks to be asked at %s", n.now, next)
		}
		n.now = next
	}
	n.t.Fatal("it does not come to an end")
}

func (n *newsroom) tell(u Update) {
	if u.At.After(n.now) {
		n.t.Errorf("%s is due in the future", u.ID)
	}
	message := u.Message
	if message == "" {
		n.messages++
		message = fmt.Sprint("m", n.messages)
	}
	for _, in := range n.incidents {
		for _, id := range u.Incidents {
			if in.ID == id {
				in.Told = append(in.Told, Told{Stage: u.Stage, At: n.now, Message: message})
			}
		}
	}
	s := n.now.Format("15:04 ") + message
	if u.Aloud {
		s += " aloud"
	}
	n.said = append(n.said, s+": "+u.Text.String())
	if u.Instead != nil {
		n.said = append(n.said, "  now: "+u.Instead.String())
	}
}

func (n *newsroom) want(want ...string) {
	n.t.Helper()
	if diff := cmp.Diff(want, n.said); diff != "" {
		n.t.Errorf("(-want +got):\n%s", diff)
	}
}

func sharing() Promise {
	return Promise{Objective: "share", Text: "Sharing a post works.", Meaning: "Posts stay with their authors", Ratio: 0.048}
}

func TestAnIncidentIsTold(t *testing.T) {
	n := newNewsroom(t)
	in := n.breaks("a", sharing())
	n.until(2 * time.Minute)
	in.Owner, in.OwnedAt, in.Spokesman = "Alex Kim", n.now, "Kim Park"
	in.Broken[0].Ratio = 0.13
	n.until(40 * time.Minute)
	in.Told = append(in.Told, Told{Stage: ByHand, At: n.now})
	n.until(65 * time.Minute)
	in.ResolvedAt, in.Broken[0].Bad, in.Broken[0].Total = n.now, 2449, 130_912
	n.until(10 * time.Hour)
	n.want(
		"03:12 m1: 🔴 “Sharing a post works” does not hold at the moment Since 03:12 UTC about 1 in 21 attempts fails. Posts stay with their authors. The people on call have been paged. Next update by 03:42 UTC.",
		"03:14 m1: 👤 Alex Kim is working on it Kim Park answers your questions.",
		"03:44 m1: 🔴 After 32 minutes it is still so • “Sharing a post works”: about 1 in 8 attempts fails. Alex Kim is working on it. Next update by 04:14 UTC.",
		"04:17 m1 aloud: ✅ “Sharing a post works” holds again, since 04:17 UTC It did not hold for 1 hour and 5 minutes; about 2,400 of 130,000 attempts failed.",
		"  now: ✅ “Sharing a post works” holds again It did not hold for 1 hour and 5 minutes; about 2,400 of 130,000 attempts failed.",
	)
}

// TestNobodyTakesIt says that more people are called, and goes on.
func TestNobodyTakesIt(t *testing.T) {
	n := newNewsroom(t)
	n.breaks("a", Promise{Objective: "feed", Text: "The feed is fast", Slow: true, Ratio: 0.6})
	n.until(61 * time.Minute)
	const more = "Nobody has taken it yet: more people are called. Next update by "
	n.want(
		"03:12 m1: 🔴 “The feed is fast” does not hold at the moment Since 03:12 UTC about 1 in 2 attempts takes too long. The people on call have been paged. Next update by 03:42 UTC.",
		"03:42 m1: 🔴 After 30 minutes it is still so • “The feed is fast”: about 1 in 2 attempts takes too long. "+more+"04:12 UTC.",
		"04:12 m1: 🔴 After 1 hour it is still so • “The feed is fast”: about 1 in 2 attempts takes too long. "+more+"04:42 UTC.",
	)
}

// TestStormIsOneBulletin has what begins within a minute of the first share the second.
func TestStormIsOneBulletin(t *testing.T) {
	n := newNewsroom(t)
	first := n.breaks("a", sharing())
	n.until(0)
	for i := range 10 {
		n.now = begin().Add(time.Duration(i) * time.Second)
		n.breaks(fmt.Sprint("b", i), Promise{Objective: fmt.Sprint("o", i), Text: fmt.Sprint("Part ", i, " works")})
	}
	n.until(90 * time.Second)
	if len(n.said) != 2 || !strings.HasPrefix(n.said[1], "03:13 m2: 🔴 10 promises do not hold at the moment • “Part 0 works”: since 03:12 UTC some attempts fail.") ||
		!strings.Contains(n.said[1], "“Part 7 works”") || strings.Contains(n.said[1], "“Part 8 works”") || !strings.Contains(n.said[1], "• and 2 more The people on call") {
		t.Fatalf("said %q", n.said)
	}
	n.said = nil
	n.now = begin().Add(5 * time.Minute)
	for i, in := range n.incidents {
		if in != first && i != 3 {
			in.ResolvedAt = n.now
		}
	}
	n.until(6 * time.Minute)
	if len(n.said) != 18 || strings.Contains(strings.Join(n.said, "\n"), "aloud") || !strings.HasPrefix(n.said[17], "  now: 🔴 1 of 10 promises do not hold at the moment ✅ “Part 0 works” did not hold for 5 minutes.") {
		t.Fatalf("said %q", n.said)
	}
	n.said = nil
	n.incidents[3].ResolvedAt = n.now
	n.until(7 * time.Minute)
	if len(n.said) != 2 || !strings.HasPrefix(n.said[0], "03:18 m2 aloud: ✅ “Part 2 works” holds again") || !strings.HasPrefix(n.said[1], "  now: ✅ 10 promises hold again") {
		t.Fatalf("said %q", n.said)
	}
}

// TestWhatIsKnownIsNotToldAgain: alerts that go to two receivers are two incidents.
func TestWhatIsKnownIsNotToldAgain(t *testing.T) {
	n := newNewsroom(t)
	a := n.breaks("a", sharing())
	b := n.breaks("b", sharing())
	n.until(time.Minute)
	if len(n.said) != 1 {
		t.Fatalf("said %q", n.said)
	}
	a.ResolvedAt = n.now // and the other goes on
	n.until(5 * time.Minute)
	if len(n.said) != 1 {
		t.Fatalf("said %q", n.said)
	}
	b.ResolvedAt = n.now
	n.until(6 * time.Minute)
	if len(n.said) != 3 || n.said[1] != "03:17 m1 aloud: ✅ “Sharing a post works” holds again, since 03:17 UTC It did not hold for 5 minutes." {
		t.Fatalf("said %q", n.said)
	}
}

func TestNothingToTell(t *testing.T) {
	n := newNewsroom(t)
	n.breaks("engineers") // breaks no promise
	n.breaks("short", Promise{Objective: "x", Text: "X works"}).ResolvedAt = n.now.Add(time.Second)
	n.until(time.Hour)
	n.want()
	if due, next := Due(nil, every, begin()); due != nil || !next.IsZero() {
		t.Errorf("of nothing: %v, %v", due, next)
	}
}

func TestWords(t *testing.T) {
	for ratio, want := range map[float64]string{
		0: "some attempts fail", 0.00001: "about 1 in 100,000 attempts fails", 0.33: "about 1 in 3 attempts fails",
		0.5: "about 1 in 2 attempts fails", 0.7: "most attempts fail", 0.95: "nearly all attempts fail", 3: "nearly all attempts fail",
	} {
		if got := (Promise{Ratio: ratio}).HowMany(); got != want {
			t.Errorf("%v: %q, want %q", ratio, got, want)
		}
	}
	for n, want := range map[int64]string{1: "1", 99: "99", 104: "100", 105: "110", 2449: "2,400", 2450: "2,500", 999: "1,000"} {
		if got := About(n); got != want {
			t.Errorf("About(%d) = %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		time.Second: "1 minute", 59 * time.Minute: "59 minutes", time.Hour: "1 hour", 61 * time.Minute: "1 hour and 1 minute",
		49 * time.Hour: "2 days and 1 hour",
	} {
		if got := lasting(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
	if got := clock(begin(), begin().Add(24*time.Hour)); got != "28 Nov 03:12 UTC" {
		t.Errorf("yesterday: %q", got)
	}
}

// TestBreaksAgainBeforeItsEndIsForgotten: what began before the end of another incident,
// and was seen only after that was told, is news.
func TestBreaksAgainBeforeItsEndIsForgotten(t *testing.T) {
	n := newNewsroom(t)
	a := n.breaks("a", sharing())
	n.until(5 * time.Minute)
	a.ResolvedAt = n.now
	n.until(6 * time.Minute)
	late := n.breaks("b", sharing())
	late.OpenedAt = begin().Add(4 * time.Minute)
	n.until(8 * time.Minute)
	if len(n.said) != 4 || !strings.HasPrefix(n.said[3], "03:18 m2: 🔴 “Sharing a post works” does not hold") {
		t.Errorf("said %q", n.said)
	}
}

// TestTogetherOverIsSaidAloudOnce has both incidents of a bulletin end at the same time.
func TestTogetherOverIsSaidAloudOnce(t *testing.T) {
	n := newNewsroom(t)
	a := n.breaks("a", sharing())
	b := n.breaks("b", Promise{Objective: "feed", Text: "The feed loads"})
	n.until(time.Minute)
	a.ResolvedAt, b.ResolvedAt = n.now, n.now
	n.until(2 * time.Minute)
	if got := strings.Count(strings.Join(n.said, "\n"), " aloud: "); got != 1 {
		t.Errorf("%d are aloud: %q", got, n.said)
	}
}
