package report

import (
	"fmt"
	"time"
)

// Kind is how long a report looks back.
type Kind string

// The kinds of reports.
const (
	Weekly    Kind = "weekly"
	Monthly   Kind = "monthly"
	Quarterly Kind = "quarterly"
)

// Kinds returns all kinds, the shortest first.
func Kinds() []Kind { return []Kind{Weekly, Monthly, Quarterly} }

// Noun returns what a kind is about: "week".
func (k Kind) Noun() string {
	switch k {
	case Monthly:
		return "month"
	case Quarterly:
		return "quarter"
	default:
		return "week"
	}
}

// Period is what a report is about: from midnight, inclusive, to midnight, exclusive, in the time zone of From. In a zone
// whose clocks change it may be an hour longer or shorter than others.
type Period struct {
	Kind     Kind
	From, To time.Time
}

// Around returns the period of a kind that holds at, in at's time zone.
func (k Kind) Around(at time.Time) Period { return k.after(at, 0) }

// Last returns the last period that was over at now, in now's time zone.
func (k Kind) Last(now time.Time) Period { return k.after(now, -1) }

// after returns the period that begins n periods after the one that holds at.
func (k Kind) after(at time.Time, n int) Period {
	begin := func(n int) time.Time {
		switch k {
		case Monthly:
			return midnight(at.Year(), at.Month()+time.Month(n), 1, at.Location())
		case Quarterly:
			return midnight(at.Year(), (at.Month()-1)/3*3+1+time.Month(3*n), 1, at.Location())
		default:
			sinceMonday := (int(at.Weekday()) + 6) % 7
			return midnight(at.Year(), at.Month(), at.Day()-sinceMonday+7*n, at.Location())
		}
	}
	return Period{k, begin(n), begin(n + 1)}
}

// midnight returns when a day begins. Where clocks skip its midnight that is when they have.
func midnight(year int, month time.Month, day int, zone *time.Location) time.Time {
	noon := time.Date(year, month, day, 12, 0, 0, 0, zone)
	begin := time.Date(noon.Year(), noon.Month(), noon.Day(), 0, 0, 0, 0, zone)
	if begin.Day() != noon.Day() {
		return begin.Add(time.Hour)
	}
	return begin
}

// Step returns the period so many later, or earlier.
func (p Period) Step(n int) Period {
	// Noon of its first day, so that no change of clocks leads elsewhere.
	return p.Kind.after(p.From.Add(12*time.Hour), n)
}

// Name returns what a period is called in addresses: "2026-W47" (ISO 8601), "2026-11", "2026-Q4".
func (p Period) Name() string {
	switch p.Kind {
	case Monthly:
		return p.From.Format("2006-01")
	case Quarterly:
		return fmt.Sprintf("%04d-Q%d", p.From.Year(), (p.From.Month()-1)/3+1)
	default:
		year, week := p.From.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	}
}

// Dates returns its days in words: "16 to 22 November 2026".
func (p Period) Dates() string {
	first, last := p.From, p.To.Add(-time.Minute)
	switch {
	case p.Kind == Monthly:
		return first.Format("January 2006")
	case first.Year() != last.Year():
		return first.Format("2 January 2006") + " to " + last.Format("2 January 2006")
	case first.Month() != last.Month():
		return first.Format("2 January") + " to " + last.Format("2 January 2006")
	default:
		return first.Format("2") + " to " + last.Format("2 January 2006")
	}
}

// Parse returns the period that spec names, of any kind, in now's time zone. The error is a sentence for the person who
// wrote spec.
func Parse(spec string, now time.Time) (Period, error) {
	p, ok := named(spec, now.Location())
	switch {
	case !ok:
		return Period{}, fmt.Errorf("%q is not a week, month or quarter; write it as %s, %s or %s", spec,
			Weekly.Last(now).Name(), Monthly.Last(now).Name(), Quarterly.Last(now).Name())
	case p.Kind == Weekly && p.Name() != spec:
		return Period{}, fmt.Errorf("%s has no week %s; its last one is %s-W52", spec[:4], spec[6:], spec[:4])
	case p.From.After(now):
		return Period{}, fmt.Errorf("%s %s has not begun; it starts on %s", p.Kind.Noun(), spec, p.From.Format("Monday 2 January 2006"))
	}
	return p, nil
}

// ParseAs is Parse for one kind; an empty spec is the last period that was over at now.
func (k Kind) ParseAs(spec string, now time.Time) (Period, error) {
	if spec == "" {
		return k.Last(now), nil
	}
	if p, ok := named(spec, now.Location()); !ok || p.Kind != k {
		return Period{}, fmt.Errorf("%q is not a %s; write it as %s", spec, k.Noun(), k.Last(now).Name())
	}
	return Parse(spec, now)
}

// named reads a name. A week that the year does not have becomes one of the next.
func named(spec string, zone *time.Location) (Period, bool) {
	var year, n int
	switch {
	case len(spec) == len("2026-W47") && spec[4:6] == "-W" && digits(spec[:4], &year) && digits(spec[6:], &n) && n >= 1 && n <= 53 && year >= 1:
		// The fourth of January is always in week one.
		return Weekly.after(time.Date(year, time.January, 4, 12, 0, 0, 0, zone), n-1), true
	case len(spec) == len("2026-Q4") && spec[4:6] == "-Q" && digits(spec[:4], &year) && digits(spec[6:], &n) && n >= 1 && n <= 4 && year >= 1:
		return Quarterly.Around(time.Date(year, time.Month(3*n), 1, 12, 0, 0, 0, zone)), true
	case len(spec) == len("2026-11") && spec[4] == '-' && digits(spec[:4], &year) && digits(spec[5:], &n) && n >= 1 && n <= 12 && year >= 1:
		return Monthly.Around(time.Date(year, time.Month(n), 1, 12, 0, 0, 0, zone)), true
	default:
		return Period{}, false
	}
}

// digits reads a number that is written in digits alone.
func digits(s string, n *int) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
		*n = 10**n + int(c-'0')
	}
	return true
}
