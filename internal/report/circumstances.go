package report

import (
	"slices"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
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
	// Promised are the objectives and their groups, as they were worded then. Nil: the present ones are asked for.
	Promised []Promised `json:"promised,omitempty"`
}

// Promised is an objective as it was at the end of a period, or when it was removed in it.
type Promised struct {
	ID      string    `json:"id"`
	Record  string    `json:"record"` // As [rules.Objective.Record] writes it.
	Removed time.Time `json:"removed,omitzero"`
}

// PromisedNow are the objectives of a source, those too that were removed in a period that is over.
func PromisedNow(src Source, p Period) ([]Promised, error) {
	all := []Promised{}
	add := func(o rules.Objective, removed time.Time) error {
		text, err := o.Record()
		all = append(all, Promised{o.ID, text, removed})
		return err
	}
	for _, s := range src.Statuses() {
		if err := add(s.Objective, time.Time{}); err != nil {
			return nil, err
		}
	}
	for _, gone := range src.Removed(p.From) {
		if gone.At.After(p.To) {
			gone.At = time.Time{}
		}
		if err := add(gone.Objective, gone.At); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// promisedThen is a source that knows the objectives of another time.
type promisedThen struct {
	Source

	all []Promised
	end time.Time
}

// Then returns a source with the objectives of c, for the period that it is about; src itself where c says nothing of them.
func (c Circumstances) Then(src Source, p Period) Source {
	if c.Promised == nil {
		return src
	}
	return promisedThen{src, c.Promised, p.To}
}

// Statuses implements Source.
func (p promisedThen) Statuses() []rules.Status {
	var out []rules.Status
	for _, o := range p.all {
		if o.Removed.IsZero() {
			out = append(out, rules.Status{Objective: rules.Recall(o.ID, o.Record), UpdatedAt: p.end})
		}
	}
	return out
}

// Removed implements Source.
func (p promisedThen) Removed(since time.Time) []rules.Removed {
	var out []rules.Removed
	for _, o := range p.all {
		if o.Removed.After(since) {
			out = append(out, rules.Removed{Objective: rules.Recall(o.ID, o.Record), At: o.Removed})
		}
	}
	return out
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
