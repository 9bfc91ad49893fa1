package postmortem

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// slow is after how long without an acknowledgement a page is a follow-up.
	slow = 5 * time.Minute
	// before is how long before an incident a deploy is worth a look.
	before = time.Hour
)

// Fact is something in a word and a sentence.
type Fact struct{ What, Words string }

// Summary tells the incident in a few plain sentences.
func (in Incident) Summary(now time.Time, zone *time.Location) string {
	title := strings.TrimRight(cmp.Or(visible(in.Title), "Something was wrong"), ".!?")
	since := "from " + dated(in.OpenedAt, zone)
	if in.ResolvedAt.IsZero() {
		since = "and counting, since " + dated(in.OpenedAt, zone)
	}
	worst, ok := in.Worst()
	if !ok {
		return fmt.Sprintf("%s: for %s %s. %s", title, Lasting(in.Lasted(now)), since, in.response(now))
	}
	s := fmt.Sprintf("For %s %s, this promise was broken: “%s”. In that time %s",
		Lasting(in.Lasted(now)), since, strings.TrimRight(cmp.Or(worst.Promise, worst.Objective), "."), worst.Words)
	if worst.Spent != nil && *worst.Spent > 0 {
		s += ", which took " + strings.Replace(worst.SpentWords(), " of ", " of the error budget of ", 1)
	}
	more := -1
	for _, i := range in.Impacts {
		if i.Problem == "" && i.Bad > 0 {
			more++
		}
	}
	if more > 0 {
		s += fmt.Sprintf("; %s hit as well", counted(more, "more promise was", "more promises were"))
	}
	return s + ". " + in.response(now)
}

// response says in a sentence who dealt with it.
func (in Incident) response(now time.Time) string {
	after, ok := in.AcknowledgedAfter()
	first := in.Of(Acknowledge)
	var s string
	switch {
	case ok && len(first) > 0 && after > 0:
		s = fmt.Sprintf("%s acknowledged it after %s", first[0].Who(), Lasting(after))
	case ok:
		s = cmp.Or(in.Owner, "Somebody") + " acknowledged it at once"
	case in.ResolvedAt.IsZero():
		s = fmt.Sprintf("Nobody has acknowledged it for %s", Lasting(in.Lasted(now)))
	default:
		s = "It ended before anybody acknowledged it"
	}
	if done := in.done(); done > 0 {
		s += fmt.Sprintf(", and %s done", counted(done, "step of the playbook was", "steps of the playbook were"))
	}
	return s + "."
}

func (in Incident) done() (n int) {
	for _, s := range in.Progress() {
		if !s.Done.IsZero() {
			n++
		}
	}
	return n
}

// Noticed says who noticed the incident when, first to last.
func (in Incident) Noticed(zone *time.Location) []Fact {
	at := func(t time.Time) string { return t.In(zone).Format("15:04:05") }
	words := "Watchtower, when the first alert began at " + at(in.OpenedAt)
	if first := in.Of(Fired); len(first) > 0 && first[0].Detail() != "" {
		words += ": " + first[0].Detail()
	}
	facts := []Fact{{"Noticed by", words}}
	if told := in.Of(Notified); len(told) > 0 {
		facts = append(facts, Fact{"First told", joined(" ", cmp.Or(told[0].Data["receiver"], told[0].Detail()), "at "+at(told[0].At)+",", sinceStart(told[0].At.Sub(in.OpenedAt)))})
	} else {
		facts = append(facts, Fact{"First told", "nobody, as far as is known"})
	}
	after, ok := in.AcknowledgedAfter()
	if !ok {
		return append(facts, Fact{"Acknowledged", "by nobody"})
	}
	who := in.Owner
	if first := in.Of(Acknowledge); len(first) > 0 {
		who = first[0].Who()
	}
	return append(facts, Fact{"Acknowledged", fmt.Sprintf("by %s at %s, %s", cmp.Or(who, "somebody"), at(in.AcknowledgedAt), sinceStart(after))})
}

func sinceStart(d time.Duration) string { return Lasting(d) + " after the start" }

// Findings are what a reader looks at first for a cause: where it failed, and what
// went out shortly before and during the incident.
func (in Incident) Findings() []string {
	found := append([]string{}, in.Where...)
	for _, e := range in.Of(Deployed) {
		what := strings.TrimSuffix(joined(" by ", cmp.Or(e.Detail(), "A deploy"), e.By), ".")
		switch early := in.OpenedAt.Sub(e.At); {
		case early > before:
		case early > 0:
			found = append(found, fmt.Sprintf("Deploy %s before the start: %s.", Lasting(early), what))
		default:
			found = append(found, fmt.Sprintf("Deploy %s after the start: %s.", Lasting(-early), what))
		}
	}
	return found
}

// FollowUps are what is left to do: what notes beginning with "todo:" or "follow-up:"
// say, then what the incident itself shows to be missing.
func (in Incident) FollowUps(now time.Time) []string {
	var out []string
	for _, e := range in.Of(Noted) {
		if text, ok := isFollowUp(e.Detail()); ok {
			out = append(out, joined(", says ", capital(strings.TrimSuffix(text, ".")), e.By)+".")
		}
	}
	out = append(out, in.aboutPaging(now)...)
	switch {
	case in.Playbook == nil:
		out = append(out, "No playbook matched: write one for this kind of failure.")
	case len(in.Playbook.Steps) > 0 && in.done() == 0:
		out = append(out, "No step of the playbook was marked as done: find out whether it helped, and correct it if not.")
	}
	for _, i := range in.Impacts {
		if i.Left != nil && *i.Left <= 0 {
			out = append(out, fmt.Sprintf("The error budget of “%s” is spent: agree on what comes before new features.", cmp.Or(i.Promise, i.Objective)))
		}
		if i.Problem != "" {
			out = append(out, fmt.Sprintf("What this cost “%s” is not known: %s", cmp.Or(i.Promise, i.Objective), i.Problem))
		}
	}
	return out
}

// aboutPaging is what went wrong between the alert and the people.
func (in Incident) aboutPaging(now time.Time) []string {
	var out []string
	after, ok := in.AcknowledgedAfter()
	switch {
	case ok && after > slow:
		out = append(out, fmt.Sprintf("The page was acknowledged after %s: find out what kept it from being seen.", Lasting(after)))
	case !ok && in.Lasted(now) > slow:
		out = append(out, fmt.Sprintf("Nobody acknowledged it in %s: find out whether the page reached anybody.", Lasting(in.Lasted(now))))
	}
	if n := len(in.Of(AckTimedOut)); n > 0 {
		out = append(out, fmt.Sprintf("An acknowledgement timed out %s: hand over before you leave.", often(n)))
	}
	refused := map[string]int{}
	var receivers []string
	failed := 0 // calls of an escalation policy, which name no receiver
	for _, e := range in.Of(NotNotified) {
		name := e.Data["receiver"]
		if name == "" {
			failed++
			continue
		}
		if refused[name]++; refused[name] == 1 {
			receivers = append(receivers, name)
		}
	}
	if failed > 0 {
		out = append(out, fmt.Sprintf("A call of the escalation policy failed %s: find out why in the timeline.", often(failed)))
	}
	for _, name := range receivers {
		out = append(out, fmt.Sprintf("The receiver “%s” took no notification, %s: repair that way.", name, often(refused[name])))
	}
	return out
}

func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

func capital(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[size:]
}
