package oncall

import (
	"maps"
	"slices"
	"time"

	"github.com/watchtower-hub/watchtower/internal/oncall/escalation"
)

// User returns a user by its ID.
func (r *Roster) User(id string) (User, bool) {
	if r == nil || r.users[id] == nil {
		return User{}, false
	}
	return *r.users[id], true
}

// The words that name whoever is on call for a team, or follows there.
const (
	OnCall     = "on_call"
	NextOnCall = "next_on_call"
)

// Names tells whether Who can find somebody by a name at all.
func (r *Roster) Names(who string) bool {
	if who == OnCall || who == NextOnCall {
		return true
	}
	_, user := r.User(who)
	if r == nil || user {
		return user
	}
	_, team := r.Team(who)
	return team
}

// Who finds the person whom a name means at an instant: a user by its ID; whoever is on
// call for a team by the team's; or OnCall and NextOnCall of the team that is given. A
// user comes before a team of the same name; the shift of a user has no bounds.
func (r *Roster) Who(who, team string, t time.Time) (Shift, bool) {
	if u, ok := r.User(who); ok {
		return Shift{User: u}, true
	}
	switch {
	case r == nil:
		return Shift{}, false
	case who == NextOnCall:
		return r.Next(team, t)
	case who != OnCall:
		team = who
	}
	return r.At(team, t)
}

// Policies returns all escalation policies in order of their names.
func (r *Roster) Policies() []escalation.Policy {
	if r == nil {
		return nil
	}
	out := make([]escalation.Policy, 0, len(r.policies))
	for _, name := range slices.Sorted(maps.Keys(r.policies)) {
		out = append(out, r.policies[name])
	}
	return out
}

// Policy returns a policy by its name.
func (r *Roster) Policy(name string) (escalation.Policy, bool) {
	if r == nil {
		return escalation.Policy{}, false
	}
	p, ok := r.policies[name]
	return p, ok
}

// PolicyFor returns the policy of what a team is alerted of with these labels: the one
// that the team names, if it matches or matches nothing in particular; else the one
// that matches most specifically, as playbooks are found.
func (r *Roster) PolicyFor(team string, labels map[string]string) (escalation.Policy, bool) {
	if r == nil {
		return escalation.Policy{}, false
	}
	var none escalation.Rank
	if own, ok := r.policies[r.teams[team].Policy]; ok && (len(own.Match) == 0 || own.Fits(labels) != none) {
		return own, true
	}
	var best escalation.Policy
	var rank escalation.Rank
	for _, p := range r.Policies() {
		if fit := p.Fits(labels); fit.Above(rank) {
			best, rank = p, fit
		}
	}
	return best, rank != none
}
