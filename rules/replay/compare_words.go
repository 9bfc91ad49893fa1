package replay

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// Write tells people what differs: in words first, then the alerts that differ. Times
// are in zone.
func (c Comparison) Write(w io.Writer, zone *time.Location) error {
	t := &teller{w: w, zone: zone, span: c.To.Sub(c.From)}
	t.sayf("A is %s and B is %s, both from %s to %s (%s).\n", c.A, c.B, t.clock(c.From), t.clockZone(c.To), length(t.span))
	for _, d := range c.Objectives {
		t.sayf("\n")
		t.difference(d)
	}
	return t.err
}

func (t *teller) difference(d Difference) {
	switch {
	case d.A == nil:
		t.sayf("%s is only in B: %s; %s.\n", d.B.Objective, t.sent(d.B), t.budget(d.B))
		return
	case d.B == nil:
		t.sayf("%s is only in A: %s; %s.\n", d.A.Objective, t.sent(d.A), t.budget(d.A))
		return
	case d.A.Objective != d.B.Objective:
		t.sayf("%s (A) and %s (B)\n", d.A.Objective, d.B.Objective)
	default:
		t.sayf("%s\n", d.A.Objective)
	}
	t.sayf("  A: %s; %s.\n", t.sent(d.A), t.budget(d.A))
	t.sayf("  B: %s; %s.\n", t.sent(d.B), t.budget(d.B))
	if len(d.Alerts) == 0 {
		t.sayf("  Neither sends an alert.\n")
		return
	}
	for _, said := range []string{d.tally(rules.Page).words("Pages"), d.tally(rules.Ticket).words("Tickets")} {
		if said != "" {
			t.sayf("  %s\n", said)
		}
	}
	t.moved(d)
}

// words says how the alerts of a severity differ, "" if there are none.
func (t tally) words(what string) string {
	var said []string
	if both := t.same + t.earlier + t.later; both > 0 {
		said = append(said, fmt.Sprintf("%d in both (%s)", both, t.moves(both)))
	}
	if t.onlyA > 0 {
		said = append(said, fmt.Sprintf("%d only in A", t.onlyA))
	}
	if t.onlyB > 0 {
		said = append(said, fmt.Sprintf("%d only in B", t.onlyB))
	}
	if len(said) == 0 {
		return ""
	}
	return what + ": " + strings.Join(said, ", ") + "."
}

// moves says how those in both moved: "2 earlier with B, by 3m on average; 1 at the same
// time".
func (t tally) moves(both int) string {
	var said []string
	add := func(n int, by time.Duration, how string) {
		switch {
		case n == 0:
		case both == 1:
			said = append(said, fmt.Sprintf("%s %s with B", span(by), how))
		case n == 1:
			said = append(said, fmt.Sprintf("1 is %s %s with B", span(by), how))
		case n == both:
			said = append(said, fmt.Sprintf("all %s with B, by %s on average", how, span(by/time.Duration(n))))
		default:
			said = append(said, fmt.Sprintf("%d are %s with B, by %s on average", n, how, span(by/time.Duration(n))))
		}
	}
	add(t.earlier, t.earlierBy, "earlier")
	add(t.later, t.laterBy, "later")
	switch t.same {
	case 0:
	case both:
		said = append(said, "at the same time")
	case 1:
		said = append(said, "1 is at the same time")
	default:
		said = append(said, fmt.Sprintf("%d are at the same time", t.same))
	}
	return strings.Join(said, "; ")
}

// moved is the table of the alerts that differ.
func (t *teller) moved(d Difference) {
	if t.err != nil {
		return
	}
	tab := tabwriter.NewWriter(t.w, 0, 4, 2, ' ', 0)
	rows := 0
	for _, p := range d.Alerts {
		if p.A != nil && p.B != nil && p.Earlier == 0 {
			continue
		}
		if rows++; rows == 1 {
			_, _ = fmt.Fprintln(tab, "\n  ALERT\tSEVERITY\tA FIRED\tB FIRED\tDIFFERENCE") // Flush tells the error.
		}
		a := p.first()
		_, _ = fmt.Fprintf(tab, "  %s\t%s\t%s\t%s\t%s\n", a.title(), a.Severity, t.firedOr(p.A), t.firedOr(p.B), p.how())
	}
	t.err = tab.Flush()
}

func (t *teller) firedOr(a *Alert) string {
	if a == nil {
		return "-"
	}
	return t.clock(a.FiredAt)
}

func (p Pairing) how() string {
	switch by := time.Duration(p.Earlier); {
	case p.B == nil:
		return "only in A"
	case p.A == nil:
		return "only in B"
	case by > 0:
		return "B " + span(by) + " earlier"
	default:
		return "B " + span(-by) + " later"
	}
}
