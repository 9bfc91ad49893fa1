package oncall

import (
	"maps"
	"slices"
	"time"

	"github.com/watchtower-hub/watchtower/internal/oncall/escalation"
)

// User is a person who can be on call.
type User struct {
	// ID is the name that schedules use.
	ID string
	// Name is for people; it is the ID if the file gives none.
	Name string
	// Slack is the user's ID in Slack, as U0123ABCD; "" if the file gives none.
	Slack string
	// Email is "" if the file gives none. It names the user in calendars.
	Email string
	// Zone is where the user lives; nil if the file does not say.
	Zone *time.Location
}

// Team is who is asked for: alerts carry its ID in the label team.
type Team struct {
	ID       string
	Schedule string
	// SlackGroup is a user group's ID in Slack, as S0123ABCD; "" if there is none.
	SlackGroup string
	// Channel is the team's channel in Slack; "" if the file gives none.
	Channel string
	// Policy is the escalation policy that the team names; "" if it names none.
	Policy string
}

// Shift is a stretch of time [From, To) in which a user is on call for one reason.
// Times are in the schedule's zone.
type Shift struct {
	User User
	// From and To are zero where no beginning, or no end, lies within a year of the
	// time that was asked for.
	From, To time.Time
	// Why is the layer, the calendar or the override that decided.
	Why string
}

// Span is a stretch of time [From, To).
type Span struct{ From, To time.Time }

// Overlap is where two claims of the same rank name different users: two overrides,
// or two events of one calendar. Layers do not overlap: the later one wins by design.
type Overlap struct {
	Span
	// Winner is on call unless a higher layer says otherwise. Both have their own
	// beginnings and ends.
	Winner, Loser Shift
}

// Roster says who is on call. It is immutable and safe for concurrent use; the nil
// Roster knows no teams.
type Roster struct {
	path      string
	users     map[string]*User
	teams     map[string]Team
	schedules map[string]*schedule
	policies  map[string]escalation.Policy
	known     span
	warnings  []error
}

// At returns who is on call for a team at an instant. It is not ok in a gap, whose
// bounds the shift then has, and for a team that does not exist.
func (r *Roster) At(team string, t time.Time) (now Shift, ok bool) {
	s := r.schedule(team)
	if s == nil {
		return Shift{}, false
	}
	p := s.around(t.Unix())
	return s.shift(p), p.user != nil
}

// Next returns the next hand-over after an instant: the first shift of another user
// than the one on call, or of the same one after a gap. It is not ok if there is none
// within a year.
func (r *Roster) Next(team string, t time.Time) (Shift, bool) {
	s := r.schedule(team)
	if s == nil {
		return Shift{}, false
	}
	at := t.Unix()
	p, ok := s.next(s.ahead(s.at(at), at+horizon), at+horizon)
	if !ok {
		return Shift{}, false
	}
	return s.shift(p), true
}

// Shifts returns the shifts of a team within [from, to), in order and cut to that
// time, which is taken in whole seconds. With the gaps they tile it.
func (r *Roster) Shifts(team string, from, to time.Time) []Shift {
	var out []Shift
	r.walk(team, from, to, func(s *schedule, p piece) {
		if p.user != nil {
			out = append(out, s.shift(p))
		}
	})
	return out
}

// Gaps returns where nobody is on call for a team within [from, to), in order and cut
// to that time.
func (r *Roster) Gaps(team string, from, to time.Time) []Span {
	var out []Span
	r.walk(team, from, to, func(s *schedule, p piece) {
		if p.user == nil {
			out = append(out, Span{s.time(p.from), s.time(p.to)})
		}
	})
	return out
}

// Overlaps returns the overlaps in a team's schedule that touch [from, to), at most
// 100 for each calendar and for the overrides.
func (r *Roster) Overlaps(team string, from, to time.Time) []Overlap {
	s := r.schedule(team)
	if s == nil {
		return nil
	}
	var out []Overlap
	for _, o := range s.overlaps {
		if o.From.Before(to) && o.To.After(from) {
			out = append(out, o)
		}
	}
	return out
}

// Teams returns all teams in order of their IDs.
func (r *Roster) Teams() []Team {
	if r == nil {
		return nil
	}
	out := make([]Team, 0, len(r.teams))
	for _, id := range slices.Sorted(maps.Keys(r.teams)) {
		out = append(out, r.teams[id])
	}
	return out
}

// Team returns a team by its ID.
func (r *Roster) Team(id string) (Team, bool) {
	if r == nil {
		return Team{}, false
	}
	team, ok := r.teams[id]
	return team, ok
}

// Users returns all users in order of their IDs.
func (r *Roster) Users() []User {
	if r == nil {
		return nil
	}
	out := make([]User, 0, len(r.users))
	for _, id := range slices.Sorted(maps.Keys(r.users)) {
		out = append(out, *r.users[id])
	}
	return out
}

// Zone is the time zone of a team's schedule; UTC for a team that does not exist.
func (r *Roster) Zone(team string) *time.Location {
	if s := r.schedule(team); s != nil {
		return s.loc
	}
	return time.UTC
}

// Where is the line of the file on which a team's schedule begins.
func (r *Roster) Where(team string) (file string, line int) {
	if s := r.schedule(team); s != nil {
		return r.path, s.line
	}
	return "", 0
}

// Missing names the calendars of a team's schedule that were never read, so that the
// answers may lack what they say.
func (r *Roster) Missing(team string) []string {
	if s := r.schedule(team); s != nil {
		return slices.Clone(s.missing)
	}
	return nil
}

// Known is the time for which events of calendars are known; outside, calendars claim
// nothing.
func (r *Roster) Known() Span {
	if r == nil {
		return Span{}
	}
	return Span{time.Unix(r.known.from, 0).UTC(), time.Unix(r.known.to, 0).UTC()}
}

// Warnings are what did not keep the roster from being made: events of calendars that
// name nobody or cannot be read, and stored overrides of users who are gone. Each
// reads "file:line: sentence".
func (r *Roster) Warnings() []error {
	if r == nil {
		return nil
	}
	return slices.Clone(r.warnings)
}

func (r *Roster) schedule(team string) *schedule {
	if r == nil {
		return nil
	}
	t, ok := r.teams[team]
	if !ok {
		return nil
	}
	return r.schedules[t.Schedule]
}

func (r *Roster) walk(team string, from, to time.Time, visit func(*schedule, piece)) {
	s := r.schedule(team)
	if s == nil {
		return
	}
	for _, p := range s.pieces(from.Unix(), to.Unix()) {
		visit(s, p)
	}
}

// shift is a piece as others see it; the zero Shift but for its bounds if it is a gap.
func (s *schedule) shift(p piece) Shift {
	out := Shift{From: s.time(p.from), To: s.time(p.to), Why: p.why}
	if p.user != nil {
		out.User = *p.user
	}
	return out
}

func (s *schedule) time(t int64) time.Time {
	if t == never || t == forever {
		return time.Time{}
	}
	return time.Unix(t, 0).In(s.loc)
}
