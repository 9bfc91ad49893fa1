package replay

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// week is the time from which on rates a week are told.
const week = 7 * 24 * time.Hour

// Write tells people what a replay found: its alerts in order, then each objective in a
// sentence or two. Times are in zone.
func (r Result) Write(w io.Writer, zone *time.Location) error {
	out := &teller{w: w, zone: zone, span: r.To.Sub(r.From), several: len(r.Objectives) > 1}
	out.sayf("Replayed %s to %s (%s).", out.clock(r.From), out.clockZone(r.To), length(out.span))
	out.history(r)
	out.sayf("\n")
	if len(r.Alerts) > 0 {
		out.sayf("\n")
		out.alerts(r)
	}
	for i := range r.Objectives {
		out.sayf("\n")
		out.objective(r, &r.Objectives[i])
	}
	return out.err
}

// teller writes for people and remembers the first error.
type teller struct {
	w       io.Writer
	zone    *time.Location
	span    time.Duration
	several bool
	err     error
}

func (t *teller) sayf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

// history says what is not known.
func (t *teller) history(r Result) {
	var longest time.Duration
	for _, o := range r.Objectives {
		longest = max(longest, time.Duration(o.Period))
	}
	switch {
	case r.Begins.IsZero():
		for _, o := range r.Objectives {
			if o.Total > 0 {
				return // It was asked for by PromQL.
			}
		}
		t.sayf(" There is no sample of it in this history.")
	case r.Begins.After(r.From.Add(time.Hour)):
		t.sayf(" The history begins only at %s.", t.clock(r.Begins))
	case r.Begins.After(r.From.Add(time.Hour - longest)):
		t.sayf(" The history begins at %s: until it is %s long, budgets rest on what was seen.", t.clock(r.Begins), length(longest))
	}
}

// alerts is the table of alerts.
func (t *teller) alerts(r Result) {
	if t.err != nil {
		return
	}
	tab := tabwriter.NewWriter(t.w, 0, 4, 2, ' ', 0)
	head := "FIRED\tALERT\tSEVERITY\tAFTER\tBURN\tBUDGET LEFT\tFOR"
	if t.several {
		head = "FIRED\tOBJECTIVE\tALERT\tSEVERITY\tAFTER\tBURN\tBUDGET LEFT\tFOR"
	}
	_, _ = fmt.Fprintln(tab, head) // Flush tells the error.
	for i := range r.Alerts {
		a := &r.Alerts[i]
		cells := []string{t.fired(a)}
		if t.several {
			cells = append(cells, a.Objective)
		}
		cells = append(cells, a.title(), string(a.Severity), a.after(), a.burn(), Percent(a.BudgetRemaining), lasted(a))
		_, _ = fmt.Fprintln(tab, strings.Join(cells, "\t"))
	}
	t.err = tab.Flush()
}

func (t *teller) fired(a *Alert) string {
	if a.Before {
		return "before"
	}
	return t.clock(a.FiredAt)
}

// title is the alert's name and what tells it from its like.
func (a *Alert) title() string {
	switch {
	case a.Limit == "":
		return a.Name
	case a.Kind == rules.AlertBudgetGoneSoon:
		return a.Name + " (within " + a.Limit + ")"
	default:
		return a.Name + " (" + a.Limit + ")"
	}
}

func (a *Alert) after() string {
	if a.Began.IsZero() || a.Before {
		return "-"
	}
	return about(time.Duration(a.Delay))
}

// about writes a delay as finely as it is known: what began long ago is known less
// finely.
func about(d time.Duration) string {
	if d > 10*time.Minute {
		d = d.Round(time.Minute)
	}
	return span(d)
}

func (a *Alert) burn() string {
	if a.Windows == "" {
		return "-"
	}
	return number(a.Burn) + "x in " + strings.Fields(a.Windows)[0]
}

func lasted(a *Alert) string {
	if a.ResolvedAt.IsZero() {
		return "still firing"
	}
	return span(a.ResolvedAt.Sub(a.FiredAt))
}

// objective tells one objective in a few sentences.
func (t *teller) objective(r Result, s *Summary) {
	t.sayf("%s: %s.\n", s.Objective, t.sent(s))
	if s.Total == 0 {
		t.sayf("It saw no event: %s.\n", s.Reason)
		return
	}
	if first, slowest := delays(r, s); first != nil {
		which := "The first page"
		if s.Pages == 1 {
			which = "The page"
		}
		t.sayf("%s came %s after the %s began", which, about(time.Duration(first.Delay)), first.cause())
		if slowest.Delay > first.Delay {
			t.sayf(", the slowest after %s", about(time.Duration(slowest.Delay)))
		}
		t.sayf(". ")
	}
	t.sayf("The budget ended at %s.\n", Percent(s.BudgetRemaining))
}

// cause is what the alert is about, in a word.
func (a *Alert) cause() string {
	switch a.Kind {
	case rules.AlertTelemetryLost:
		return "silence"
	case rules.AlertNoTraffic:
		return "lull"
	default:
		return "burn"
	}
}

// delays returns the first page that has a beginning, and the one that took longest.
func delays(r Result, s *Summary) (first, slowest *Alert) {
	for _, a := range r.of(s) {
		if a.Severity != rules.Page || a.Began.IsZero() {
			continue
		}
		if first == nil {
			first, slowest = a, a
		}
		if a.Delay > slowest.Delay {
			slowest = a
		}
	}
	return first, slowest
}

// sent says how many alerts there were: a week, if the time is that long.
func (t *teller) sent(s *Summary) string {
	night := ""
	switch {
	case s.NightPages > 0 && s.NightPages == s.Pages:
		night = "at night"
	case s.NightPages > 0:
		night = fmt.Sprintf("%d at night", s.NightPages)
	}
	return t.rate(s.Pages, s.PagesPerWeek, "page", night) + ", " + t.rate(s.Tickets, s.TicketsPerWeek, "ticket", "")
}

// rate says how many there were: "2.1 pages a week (9 in 30d, 4 at night)".
func (t *teller) rate(n int, perWeek float64, what, besides string) string {
	if n == 0 {
		return "no " + what
	}
	if t.span < week {
		out := fmt.Sprintf("%d %s", n, plural(n, what))
		if besides != "" {
			out += " (" + besides + ")"
		}
		return out
	}
	if besides != "" {
		besides = ", " + besides
	}
	rounded := math.Round(perWeek*10) / 10
	many := what + "s"
	if rounded == 1 {
		many = what
	}
	return fmt.Sprintf("%s %s a week (%d in %s%s)", number(rounded), many, n, length(t.span), besides)
}

func plural(n int, what string) string {
	if n == 1 {
		return what
	}
	return what + "s"
}

// budget says what was left at the end.
func (t *teller) budget(s *Summary) string {
	if s.Total == 0 {
		return "nothing is known of the budget"
	}
	return "the budget ended at " + Percent(s.BudgetRemaining)
}

// clock writes a time as people say it.
func (t *teller) clock(at time.Time) string { return at.In(t.zone).Format("Mon 2 Jan 15:04:05") }

func (t *teller) clockZone(at time.Time) string {
	return at.In(t.zone).Format("Mon 2 Jan 15:04:05 2006 MST")
}

// Percent writes a ratio: 0.032 is "3.2%".
func Percent(ratio float64) string {
	digits := 1
	if p := math.Abs(ratio * 100); p >= 100 || p == math.Trunc(p) {
		digits = 0
	}
	out := strconv.FormatFloat(ratio*100, 'f', digits, 64)
	if out == "-0.0" {
		out = "0"
	}
	return out + "%"
}

// number writes a figure with as many digits as people read.
func number(v float64) string {
	if v >= 100 {
		return strconv.FormatFloat(math.Round(v), 'f', -1, 64)
	}
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

// length writes a long time: "30d", "2h".
func length(d time.Duration) string {
	if d >= week {
		return fmt.Sprintf("%dd", d.Round(24*time.Hour)/(24*time.Hour))
	}
	return span(d)
}

// span writes a duration in its two largest units: "4m30s".
func span(d time.Duration) string {
	d = d.Round(time.Second)
	two := func(a time.Duration, unit string, b time.Duration, rest string) string {
		if b == 0 {
			return fmt.Sprintf("%d%s", a, unit)
		}
		return fmt.Sprintf("%d%s%d%s", a, unit, b, rest)
	}
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return two(d/time.Minute, "m", d%time.Minute/time.Second, "s")
	case d < 48*time.Hour:
		d = d.Round(time.Minute)
		return two(d/time.Hour, "h", d%time.Hour/time.Minute, "m")
	default:
		d = d.Round(time.Hour)
		return two(d/(24*time.Hour), "d", d%(24*time.Hour)/time.Hour, "h")
	}
}
