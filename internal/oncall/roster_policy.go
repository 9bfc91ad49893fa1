package oncall

import (
	"maps"
	"slices"

	"github.com/watchtower-hub/watchtower/internal/oncall/escalation"
)

// User returns a user by its ID.
func (r *Roster) User(id string) (User, bool) {
	if r == nil || r.users[id] == nil {
		return User{}, false
	}
	return *r.users[id], true
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
