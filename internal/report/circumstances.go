package report

import (
	"slices"
	"time"
)

// Circumstances are what is known around a period that no ledger counts. They are as of its end.
type Circumstances struct {
	// Incidents were open in it, or began in the period before. What came after the end has not come.
	Incidents []Incident `json:"incidents"`
	// Shifts are who was on call, in order. Zones are those of the teams' schedules.
	Shifts []Shift           `json:"shifts"`
	Zones  map[string]string `json:"zones"`
	// Why says where the bad events of an objective's worst hour came from, by its ID.
	Why       map[string]string `json:"why"`
	FollowUps []FollowUp        `json:"follow_ups"`
}

// Shift is who was on call for a team; nobody, where Who is empty.
type Shift struct {
	Team string    `json:"team"`
	Who  string    `json:"who"`
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// FollowUp is what a post-mortem left to do and nobody has ticked off.
type FollowUp struct {
	Title string `json:"title"`
	// Of is the post-mortem, URL where the work is tracked; both may be empty.
	Of   string `json:"of,omitempty"`
	URL  string `json:"url,omitempty"`
	Team string `json:"team,omitempty"`
}

// of are the circumstances of one team.
func (c Circumstances) of(team string) Circumstances {
	c.Incidents = slices.DeleteFunc(slices.Clone(c.Incidents), func(in Incident) bool { return in.Team != team })
	c.Shifts = slices.DeleteFunc(slices.Clone(c.Shifts), func(s Shift) bool { return s.Team != team })
	c.FollowUps = slices.DeleteFunc(slices.Clone(c.FollowUps), func(f FollowUp) bool { return f.Team != team })
	return c
}

// Tell adds to the report what is known around its period.
func (r *Report) Tell(c Circumstances) {
	r.whole = &c
	zones := zonesOf(c.Zones, r.From.Location())
	r.addIncidents(c.Incidents, zones)
	var missed []string
	for _, row := range r.Rows() {
		if row.Outcome == Missed {
			missed = append(missed, row.ID)
		}
	}
	r.Quality = qualityOf(c.Incidents, r.Span(), missed)
	r.OnCall = loadsOf(c, r.Span(), zones)
	r.FollowUps = c.FollowUps
	for i := range r.Burned {
		r.Burned[i].explain(&c)
	}
}

// zones are the time zones of the teams' nights.
type zones struct {
	teams map[string]*time.Location
	other *time.Location
}

func zonesOf(names map[string]string, other *time.Location) zones {
	z := zones{map[string]*time.Location{}, other}
	for team, name := range names {
		if zone, err := time.LoadLocation(name); err == nil {
			z.teams[team] = zone
		}
	}
	return z
}

// Night begins and ends at these hours.
const (
	nightFrom = 22
	nightTo   = 8
)

// night tells whether it was night for a team.
func (z zones) night(team string, at time.Time) bool {
	zone := z.teams[team]
	if zone == nil {
		zone = z.other
	}
	hour := at.In(zone).Hour()
	return hour >= nightFrom || hour < nightTo
}
