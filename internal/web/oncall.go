package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/internal/report/postmortem"
)

// OnCall is who is on call for a team.
type OnCall struct {
	Team, Channel string
	Zone          *time.Location // Of the team's schedule; nil: the site's.
	Now           Shift          // Without a user: a gap.
	Next          Shift          // Of another user, or of the same one after a gap; without a user: nobody within a year.
	Coming        []Shift        // The next four weeks without a hole: where nobody is on call is a shift without a user.
	Overrides     []Override     // That are not over.
	Warnings      []string       // What may be missing: calendars that were never read.
}

// Shift is a stretch of time in which one user, or nobody, is on call. A zero time is further off than a year.
type Shift struct {
	User     string
	Why      string // The layer, calendar or override that decided.
	From, To time.Time
}

// Override puts a user on call for a while.
type Override struct {
	User, Reason, Author string
	From, To             time.Time
}

// onCallBody is the page of all teams.
type onCallBody struct {
	Is       condition
	Answer   string
	Sentence string
	Told     bool // A file says who is on call.
	Teams    []teamPanel
}

type teamPanel struct {
	Team, Channel, Zone string
	ID                  string // For anchors.
	Is                  condition
	Now                 string // "Alex Kim", "Nobody".
	Until, Why          string
	Next                string
	Coming              []shiftRow
	Summary             string // "5 shifts, 1 gap".
	Open                bool   // The table is shown from the start.
	Overrides           []overrideRow
	Warnings            []string
}

type shiftRow struct {
	Who, From, To, Lasts, Why string
	Gap, Current              bool
}

type overrideRow struct{ Who, From, To, Reason, Author string }

// openTables is up to how many teams the tables are shown from the start.
const openTables = 3

func (s *site) onCall(w http.ResponseWriter, r *http.Request) error {
	b := onCallBody{Told: s.o.OnCall != nil, Is: unknown, Answer: "Nothing says who is on call."}
	if b.Told {
		s.fillOnCall(&b, s.o.OnCall())
	}
	return s.render(w, r, http.StatusOK, page{Template: "oncall", Title: "On call", Nav: "/oncall", Is: b.Is, Refresh: 30, Body: b})
}

func (s *site) fillOnCall(b *onCallBody, teams []OnCall) {
	var alone, gaps []string
	for i, t := range teams {
		p := s.teamPanel(t)
		p.ID, p.Open = strconv.Itoa(i), len(teams) <= openTables
		b.Teams = append(b.Teams, p)
		switch {
		case t.Now.User == "":
			alone = append(alone, t.Team)
		case p.Is != fine:
			gaps = append(gaps, t.Team)
		}
	}
	switch {
	case len(teams) == 0:
		b.Answer, b.Sentence = "There are no teams.", "The file that notifiers.oncall names has none."
	case len(alone) > 0:
		b.Is, b.Answer = broken, "Nobody is on call for "+named(alone)+"."
		b.Sentence = "A page for them reaches their channel and nobody in person."
	case len(gaps) > 0:
		b.Is, b.Answer = risk, "Somebody is on call for every team."
		b.Sentence = "In the next 4 weeks there are gaps for " + named(gaps) + "."
	default:
		b.Is, b.Answer, b.Sentence = fine, "Somebody is on call for every team.", "There is no gap in the next 4 weeks."
	}
}

// named joins names for a sentence, and counts those that are too many to name.
func named(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more teams", strings.Join(names[:most], ", "), len(names)-most)
	}
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}

const nobody = "Nobody"

func (s *site) teamPanel(t OnCall) teamPanel {
	zone, now := t.Zone, s.o.Now()
	if zone == nil {
		zone = s.o.Zone
	}
	p := teamPanel{Team: t.Team, Channel: t.Channel, Zone: zone.String(), Is: fine, Now: t.Now.User, Why: t.Now.Why, Warnings: t.Warnings}
	if p.Now == "" {
		p.Is, p.Now, p.Why = broken, nobody, ""
	}
	p.Until = "no end in sight"
	if !t.Now.To.IsZero() {
		p.Until = "until " + turn(t.Now.To, zone) + ", for " + postmortem.Lasting(t.Now.To.Sub(now).Round(time.Minute))
	}
	p.Next = "nobody within a year"
	if t.Next.User != "" {
		p.Next = t.Next.User + " from " + turn(t.Next.From, zone)
	}
	gaps := 0
	for _, sh := range t.Coming {
		row := shiftRow{Who: sh.User, From: turn(sh.From, zone), To: turn(sh.To, zone), Lasts: postmortem.Lasting(sh.To.Sub(sh.From)), Why: sh.Why}
		row.Current = !sh.From.After(now) && sh.To.After(now)
		if sh.User == "" {
			row.Who, row.Gap = nobody, true
			gaps++
		}
		p.Coming = append(p.Coming, row)
	}
	p.Summary = plural(len(t.Coming)-gaps, "shift")
	if gaps > 0 {
		p.Summary += ", " + plural(gaps, "gap")
		if p.Is == fine {
			p.Is = risk
		}
	}
	for _, o := range t.Overrides {
		p.Overrides = append(p.Overrides, overrideRow{o.User, turn(o.From, zone), turn(o.To, zone), o.Reason, o.Author})
	}
	return p
}

// turn is an end of a shift on the clocks of the team.
func turn(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return "–"
	}
	return t.In(zone).Format("Mon 2 Jan, 15:04 MST")
}
