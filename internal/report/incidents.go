package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Incident is one that was open in the period. Times that have not come are zero.
type Incident struct {
	Number   int64  `json:"number"`
	Group    string `json:"group,omitempty"` // The same for one that comes again.
	Title    string `json:"title"`
	Service  string `json:"service,omitempty"`
	Team     string `json:"team,omitempty"`
	Severity string `json:"severity,omitempty"`
	Owner    string `json:"owner,omitempty"` // Who had it last.
	Pages    bool   `json:"pages"`           // It called somebody.
	// Objectives are the IDs of those it was about.
	Objectives []string `json:"objectives,omitempty"`
	// ActedOn tells that people did something about it beyond having it: a step of the playbook, a note, a role. Silenced
	// tells that somebody silenced it.
	ActedOn  bool `json:"acted_on"`
	Silenced bool `json:"silenced"`
	// Called are those whom the escalation policy called by name.
	Called []string `json:"called,omitempty"`

	OpenedAt       time.Time `json:"opened_at"`
	AcknowledgedAt time.Time `json:"acknowledged_at,omitzero"`
	ResolvedAt     time.Time `json:"resolved_at,omitzero"`
}

// about tells whether an incident was about an objective, or about a group of it.
func (in Incident) about(id string) bool {
	return slices.ContainsFunc(in.Objectives, func(o string) bool { return o == id || strings.HasPrefix(o, id+":") })
}

// Answers is how much came in the period, and how fast it was answered. Pages, Night and the means are about incidents that
// began in it.
type Answers struct {
	Incidents    int `json:"incidents"` // Those that began in it.
	Before       int `json:"before"`    // Those that began in the period before.
	Earlier      int `json:"earlier"`   // Those that began before it and went on.
	Pages        int `json:"pages"`
	Night        int `json:"night_pages"` // Pages between 22:00 and 08:00, in the time zone of the team's schedule.
	Acknowledged int `json:"acknowledged"`
	Resolved     int `json:"resolved"`
	// MTTA and MTTR are the mean times from the beginning to the first acknowledgment and to the end, in seconds, over those
	// that came to it; nil without one.
	MTTA *float64 `json:"mtta_seconds"`
	MTTR *float64 `json:"mttr_seconds"`

	noun string
}

// began tells whether an incident began within a period.
func (p Period) began(in Incident) bool {
	return !in.OpenedAt.Before(p.From) && in.OpenedAt.Before(p.To)
}

// addIncidents adds those that were open in the period.
func (r *Report) addIncidents(list []Incident, z zones) {
	r.Incidents, r.Answers = []Incident{}, &Answers{noun: r.Kind.Noun()}
	var acknowledging, resolving time.Duration
	for _, in := range list {
		switch {
		case r.Span().began(in):
			r.Answers.add(in, z)
			if !in.AcknowledgedAt.IsZero() {
				acknowledging += max(0, in.AcknowledgedAt.Sub(in.OpenedAt))
			}
			if !in.ResolvedAt.IsZero() {
				resolving += max(0, in.ResolvedAt.Sub(in.OpenedAt))
			}
		case r.Span().Step(-1).began(in):
			r.Answers.Before++
		}
		if !in.OpenedAt.Before(r.To) || !in.ResolvedAt.IsZero() && in.ResolvedAt.Before(r.From) {
			continue
		}
		if in.OpenedAt.Before(r.From) {
			r.Answers.Earlier++
		}
		in.Title, in.Owner, in.OpenedAt = oneLine(in.Title), oneLine(in.Owner), in.OpenedAt.In(r.From.Location())
		r.Incidents = append(r.Incidents, in)
	}
	slices.SortFunc(r.Incidents, func(a, b Incident) int {
		return cmp.Or(a.OpenedAt.Compare(b.OpenedAt), cmp.Compare(a.Number, b.Number))
	})
	if n := r.Answers.Acknowledged; n > 0 {
		r.Answers.MTTA = new(acknowledging.Seconds() / float64(n))
	}
	if n := r.Answers.Resolved; n > 0 {
		r.Answers.MTTR = new(resolving.Seconds() / float64(n))
	}
}

func (a *Answers) add(in Incident, z zones) {
	a.Incidents++
	if in.Pages {
		a.Pages++
		if z.night(in.Team, in.OpenedAt) {
			a.Night++
		}
	}
	if !in.AcknowledgedAt.IsZero() {
		a.Acknowledged++
	}
	if !in.ResolvedAt.IsZero() {
		a.Resolved++
	}
}

// Words says the answers in sentences: "3 incidents began, 2 of them called somebody, 1 at night. 2 were acknowledged, after
// 4 minutes on average. 3 are over, after 32 minutes on average.".
func (a Answers) Words() string {
	if a.Incidents+a.Earlier == 0 {
		return "There was no incident" + a.than() + "."
	}
	s := begun(a.Incidents) + a.than()
	night := ", none at night"
	if a.Night > 0 {
		night = fmt.Sprintf(", %d at night", a.Night)
	}
	switch {
	case a.Pages > 0 && a.Incidents == 1:
		s += ", and called somebody" + map[bool]string{true: " at night"}[a.Night > 0]
	case a.Pages > 0 && a.Pages == a.Incidents:
		s += ", all of them called somebody" + night
	case a.Pages > 0:
		s += fmt.Sprintf(", %d of them called somebody", a.Pages) + night
	case a.Incidents > 0:
		s += ", none called anybody"
	}
	s += "."
	if a.MTTA != nil {
		s += fmt.Sprintf(" %d %s acknowledged, after %s on average.", a.Acknowledged, wereAre(a.Acknowledged, "was", "were"), lasted(*a.MTTA))
	} else if a.Incidents > 0 {
		s += " Nobody acknowledged any."
	}
	if a.MTTR != nil {
		s += fmt.Sprintf(" %d %s over, after %s on average.", a.Resolved, wereAre(a.Resolved, "is", "are"), lasted(*a.MTTR))
	}
	if a.Earlier > 0 {
		s += fmt.Sprintf(" %d went on from the %s before.", a.Earlier, cmp.Or(a.noun, "week"))
	}
	return s
}

// than compares with the period before: " (5 the week before)".
func (a Answers) than() string {
	if a.Before == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d the %s before)", a.Before, cmp.Or(a.noun, "week"))
}

func begun(n int) string {
	switch n {
	case 0:
		return "No incident began"
	case 1:
		return "1 incident began"
	default:
		return fmt.Sprintf("%d incidents began", n)
	}
}

func wereAre(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

// lasted is a length of time in words that people say: "40 seconds", "4 minutes", "3 hours", "2 days".
func lasted(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := int(d.Round(unit.length) / unit.length); d >= unit.length*2 || n > 0 && d >= unit.length || unit.length == time.Second {
			if n == 1 {
				return "1 " + unit.name
			}
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	return ""
}

// Began is when it began, in words: "Thu 19 Nov 14:05".
func (in Incident) Began() string { return in.OpenedAt.Format("Mon 2 Jan 15:04") }

// AnsweredWords says how long it took until somebody acknowledged it.
func (in Incident) AnsweredWords() string {
	if in.AcknowledgedAt.IsZero() {
		return "nobody did"
	}
	return lasted(max(0, in.AcknowledgedAt.Sub(in.OpenedAt)).Seconds())
}

// LastedWords says how long it lasted.
func (in Incident) LastedWords() string {
	if in.ResolvedAt.IsZero() {
		return "still open"
	}
	return lasted(max(0, in.ResolvedAt.Sub(in.OpenedAt)).Seconds())
}

// incidentsMarkdown writes the part of the report about incidents.
func (r Report) incidentsMarkdown(b *strings.Builder) {
	if r.Answers == nil {
		return
	}
	fmt.Fprintf(b, "\n## Incidents\n\n%s\n", r.Answers.Words())
	if len(r.Incidents) > 0 {
		b.WriteString("\n| Incident | Team | Began | Acknowledged after | Lasted | Who had it |\n| --- | --- | --- | --- | --- | --- |\n")
	}
	for _, in := range r.Incidents {
		fmt.Fprintf(b, "| #%d %s | %s | %s | %s | %s | %s |\n", in.Number, escape(in.Title), escape(cmp.Or(in.Team, "–")), in.Began(),
			in.AnsweredWords(), in.LastedWords(), escape(cmp.Or(in.Owner, "–")))
	}
}
