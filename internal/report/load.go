package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Load is what being on call meant to a person, or to nobody, where Who is empty: hours in which nobody was on call.
type Load struct {
	Who   string   `json:"who"`
	Teams []string `json:"teams"`
	Hours float64  `json:"hours"` // On call, for any of the teams.
	// Pages are those that began while the person was on call for their team, or that called the person by name; Night are
	// those between 22:00 and 08:00.
	Pages int `json:"pages"`
	Night int `json:"night_pages"`
}

// loadsOf sums up the shifts of a period, the busiest first. It is nil where nobody says who is on call.
func loadsOf(c Circumstances, p Period, z zones) []Load {
	people := map[string]*Load{}
	of := func(who, team string) *Load {
		l := people[who]
		if l == nil {
			l = &Load{Who: who}
			people[who] = l
		}
		if team != "" && !slices.Contains(l.Teams, team) {
			l.Teams = append(l.Teams, team)
		}
		return l
	}
	spans := map[string][]Shift{}
	for _, s := range c.Shifts {
		from, to := maxTime(s.From, p.From), minTime(s.To, p.To)
		if from.Before(to) {
			of(s.Who, s.Team)
			spans[s.Who] = append(spans[s.Who], Shift{From: from, To: to})
		}
	}
	for who, s := range spans {
		people[who].Hours = together(s).Hours()
	}
	for _, in := range c.Incidents {
		if !in.Pages || !p.began(in) {
			continue
		}
		for _, who := range paged(in, c.Shifts) {
			l := of(who, "")
			l.Pages++
			if z.night(in.Team, in.OpenedAt) {
				l.Night++
			}
		}
	}
	var out []Load
	for _, l := range people {
		slices.Sort(l.Teams)
		out = append(out, *l)
	}
	slices.SortFunc(out, func(a, b Load) int {
		return cmp.Or(cmp.Compare(b.Pages, a.Pages), cmp.Compare(b.Hours, a.Hours), strings.Compare(a.Who, b.Who))
	})
	return out
}

// together is how long shifts are that may overlap.
func together(shifts []Shift) time.Duration {
	slices.SortFunc(shifts, func(a, b Shift) int { return a.From.Compare(b.From) })
	var sum time.Duration
	var until time.Time
	for _, s := range shifts {
		if from := maxTime(s.From, until); from.Before(s.To) {
			sum += s.To.Sub(from)
			until = s.To
		}
	}
	return sum
}

// paged are the people whom an incident called: who was on call for its team when it began, and whom the escalation
// called. Where nobody was on call, nobody is one of them.
func paged(in Incident, shifts []Shift) []string {
	var out []string
	for _, s := range shifts {
		if s.Team == in.Team && !in.OpenedAt.Before(s.From) && in.OpenedAt.Before(s.To) {
			out = append(out, s.Who)
			break
		}
	}
	for _, who := range in.Called {
		if !slices.Contains(out, who) {
			out = append(out, who)
		}
	}
	return out
}

// Name returns the person, or words for nobody.
func (l Load) Name() string { return cmp.Or(l.Who, "nobody") }

// HoursWords says how long somebody was on call: "84 hours".
func (l Load) HoursWords() string { return count(int(l.Hours+0.5), "hour") }

// Words says it in a sentence without its end: "Ada: 84 hours on call, 3 pages, 1 of them at night".
func (l Load) Words() string {
	if l.Who == "" {
		s := "For " + l.HoursWords() + " nobody was on call for " + list(l.Teams)
		if l.Pages > 0 {
			s += ", and " + count(l.Pages, "page") + " came then"
		}
		return s
	}
	s := l.Who + ": " + l.HoursWords() + " on call, " + cmp.Or(map[bool]string{true: "no page"}[l.Pages == 0], count(l.Pages, "page"))
	switch {
	case l.Night > 0 && l.Pages == 1:
		s += ", at night"
	case l.Night > 0:
		s += fmt.Sprintf(", %d of them at night", l.Night)
	}
	return s
}
