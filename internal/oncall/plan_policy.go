package oncall

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/watchtower-hub/watchtower/internal/oncall/escalation"
)

// Bounds of policies: beyond them nobody is helped, and the log of an incident has an
// entry for each step of each round.
const (
	maxPolicySteps = 20
	maxRepeat      = 20
	maxAfter       = 7 * 24 * time.Hour
	minAgain       = time.Minute // between rounds, and for acknowledgements
)

// readPolicies reads what teams and other policies may name by then: users and teams.
func (r *planReader) readPolicies(node *yaml.Node) {
	for key, value := range r.entries(node, "policies") {
		id, ok := r.id(key, "policy")
		if !ok {
			continue
		}
		what := "policy " + id
		f := r.fields(value, what, "match", "repeat", "every", "acknowledge_timeout", "steps")
		p := escalation.Policy{Name: id, Line: key.Line, Match: r.readMatches(f["match"], what)}
		steps := r.list(f["steps"], what+": steps")
		switch {
		case len(steps) == 0:
			r.fault(key, "%s has no steps: say whom it notifies, as steps: [{notify: on_call}, {after: 10m, notify: next_on_call}]", what)
		case len(steps) > maxPolicySteps:
			r.fault(f["steps"], "%s has %d steps; %d are allowed", what, len(steps), maxPolicySteps)
		default:
			p.Steps = r.readSteps(steps, what)
		}
		if !absent(f["acknowledge_timeout"]) {
			p.AckTimeout = r.duration(f["acknowledge_timeout"], what+": acknowledge_timeout", minAgain)
		}
		r.readRounds(&p, f, what)
		r.plan.policies[id] = p
	}
}

// readRounds reads repeat and every.
func (r *planReader) readRounds(p *escalation.Policy, f map[string]*yaml.Node, what string) {
	if !absent(f["repeat"]) {
		n, err := strconv.Atoi(r.text(f["repeat"], what+": repeat"))
		if err != nil || n < 0 || n > maxRepeat {
			r.fault(f["repeat"], "%s: repeat: write how many times the steps are gone through again, from 0 to %d", what, maxRepeat)
			return
		}
		p.Repeat = n
	}
	switch {
	case p.Repeat == 0 && !absent(f["every"]):
		r.fault(f["every"], "%s: every has no effect without repeat: say how many times the steps are gone through again, or remove it", what)
	case p.Repeat == 0 || len(p.Steps) == 0:
	case absent(f["every"]):
		p.Every = interval(p.Steps)
		if p.Every < minAgain {
			r.fault(f["repeat"], "%s: repeat: nothing says how long a round lasts: write, for instance, every: 15m", what)
		}
	default:
		p.Every = r.duration(f["every"], what+": every", minAgain)
		if last := p.Steps[len(p.Steps)-1]; p.Every > 0 && p.Every <= last.After {
			r.fault(f["every"], "%s: every: a round of %s would be over before its last step, which comes after %s", what, escalation.Words(p.Every), escalation.Words(last.After))
		}
	}
}

// interval is how long a round lasts if the file does not say: the last step has as
// much time to have an effect as the one before had.
func interval(steps []escalation.Step) time.Duration {
	last := len(steps) - 1
	for before := last - 1; before >= 0; before-- {
		if wait := steps[last].After - steps[before].After; wait > 0 {
			return steps[last].After + wait
		}
	}
	return 2 * steps[last].After
}

// duration reads one from least to maxAfter; 0 if it is none, which is a fault.
func (r *planReader) duration(node *yaml.Node, what string, least time.Duration) time.Duration {
	text := r.text(node, what)
	if text == "0" {
		text = "0s"
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > maxAfter || d%time.Second != 0 {
		r.fault(node, "%s: %q: write a duration from %s to %s, as 30s, 5m or 1h30m", what, shown(node.Value), escalation.Words(least), escalation.Words(maxAfter))
		return 0
	}
	return d
}

// readMatches reads one set of labels or a list of them.
func (r *planReader) readMatches(node *yaml.Node, what string) []escalation.Match {
	if absent(node) {
		return nil
	}
	what += ": match"
	nodes := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		nodes = node.Content
	}
	var sets []escalation.Match
	for _, n := range nodes {
		set := escalation.Match{}
		for key, value := range r.entries(n, what) {
			text := r.text(value, what+": "+shown(key.Value))
			if strings.HasPrefix(text, "!") || text == "" || text == "=~" {
				r.fault(value, `%s: %s: write the value that the label must have, or "=~a|b" for a regular expression`, what, shown(key.Value))
				continue
			}
			v, err := escalation.ParseValue(text)
			if err != nil {
				r.fault(value, "%s: %s: %w", what, shown(key.Value), err)
				continue
			}
			set[key.Value] = v
		}
		if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
			r.fault(n, "%s names no label: write one, as {severity: page}, or leave match out and name the policy at teams", what)
		}
		sets = append(sets, set)
	}
	if len(nodes) == 0 {
		r.fault(node, "%s is empty: give at least one set of labels, or leave match out", what)
	}
	return sets
}

func (r *planReader) readSteps(nodes []*yaml.Node, what string) []escalation.Step {
	var steps []escalation.Step
	var after time.Duration // of the step before
	for n, node := range nodes {
		what := what + ": step " + strconv.Itoa(n+1)
		f := r.fields(node, what, "after", "notify", "if")
		s := escalation.Step{Line: node.Line, If: r.readCondition(f["if"], what)}
		if !absent(f["after"]) {
			s.After = r.duration(f["after"], what+": after", 0)
		}
		if s.After < after && !absent(node) {
			r.fault(node, "%s: after: it comes before the step above it, which waits %s: all waits are counted from the page, so put the steps in order", what, escalation.Words(after))
		}
		after = max(after, s.After)
		if absent(f["notify"]) {
			r.fault(node, "%s lacks notify: %s", what, waysToNotify)
		} else {
			s.Notify = r.readTarget(f["notify"], what+": notify")
		}
		steps = append(steps, s)
	}
	return steps
}

const waysToNotify = "write channel, on_call, direct_message, next_on_call, user_group, {user_group: S0123ABCD}, {user: ID}, {team: ID} or {receiver: NAME}"

func (r *planReader) readTarget(node *yaml.Node, what string) escalation.Target {
	if node.Kind == yaml.ScalarNode {
		t := escalation.Target{Means: escalation.Means(r.text(node, what))}
		switch t.Means {
		case escalation.Channel, escalation.OnCall, escalation.DirectMessage, escalation.NextOnCall, escalation.UserGroup:
		default:
			r.fault(node, "%s: %q is no way to notify: %s", what, shown(node.Value), waysToNotify)
		}
		return t
	}
	f := r.fields(node, what, string(escalation.UserGroup), string(escalation.User), string(escalation.Team), string(escalation.Receiver))
	if len(f) != 1 {
		if node.Kind == yaml.MappingNode {
			r.fault(node, "%s: name exactly one: %s", what, waysToNotify)
		}
		return escalation.Target{}
	}
	var t escalation.Target
	for key, value := range f {
		t = escalation.Target{Means: escalation.Means(key), Name: r.text(value, what+": "+key)}
		r.checkTarget(t, value, what+": "+key)
	}
	return t
}

// checkTarget finds names that nobody has. What receivers there are is not known here.
func (r *planReader) checkTarget(t escalation.Target, node *yaml.Node, what string) {
	switch t.Means {
	case escalation.UserGroup:
		if !slackGroup.MatchString(t.Name) {
			r.fault(node, "%s: %q is no user group's ID of Slack: it looks like S0123ABCD", what, shown(t.Name))
		}
	case escalation.User:
		r.user(node, what)
	case escalation.Team:
		if _, known := r.plan.teams[t.Name]; !known {
			r.fault(node, "%s: there is no team %q: teams has %s", what, shown(t.Name), several(sortedKeys(r.plan.teams)))
		}
	default: // The others have no name, or one of another file.
	}
	if t.Name == "" {
		r.fault(node, "%s is empty: name one", what)
	}
}

func (r *planReader) readCondition(node *yaml.Node, what string) escalation.Condition {
	c := escalation.Always()
	if absent(node) {
		return c
	}
	what += ": if"
	f := r.fields(node, what, "severity", "hours", "timezone", "more_than", "within", "budget")
	if node.Kind == yaml.MappingNode && len(node.Content) == 0 {
		r.fault(node, "%s is empty: remove it, or say when the step is taken", what)
	}
	c.Severity = r.words(f["severity"], what+": severity")
	if absent(f["hours"]) != absent(f["timezone"]) {
		r.fault(node, `%s: hours and timezone go together, as hours: "18:00-08:00", timezone: Europe/Berlin`, what)
	} else if !absent(f["hours"]) {
		c.Hours = r.readDayHours(f["hours"], what+": hours")
		if zone := r.zone(f["timezone"], what); zone != nil && c.Hours != nil {
			c.Hours.Zone = zone
		}
	}
	if absent(f["more_than"]) != absent(f["within"]) {
		r.fault(node, "%s: more_than and within go together: more_than: 5, within: 10m", what)
	} else if !absent(f["more_than"]) {
		n, err := strconv.Atoi(r.text(f["more_than"], what+": more_than"))
		if err != nil || n < 0 || n > 1_000_000 {
			r.fault(f["more_than"], "%s: more_than: write a number of alerts", what)
		}
		c.MoreThan, c.Within = n, r.duration(f["within"], what+": within", time.Second)
	}
	if !absent(f["budget"]) {
		c.BudgetExhausted = r.text(f["budget"], what+": budget") == "exhausted"
		if !c.BudgetExhausted {
			r.fault(f["budget"], "%s: budget: %q is none of its states that can be asked for: write exhausted", what, shown(f["budget"].Value))
		}
	}
	return c
}

// words reads one word, or a list of them.
func (r *planReader) words(node *yaml.Node, what string) []string {
	if absent(node) {
		return nil
	}
	nodes := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		nodes = node.Content
	}
	var out []string
	for _, n := range nodes {
		if s := r.text(n, what); s != "" {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		r.fault(node, "%s is empty: name one, or remove it", what)
	}
	return out
}

// readDayHours reads "18:00-08:00", in UTC; nil if it is none, which is a fault.
func (r *planReader) readDayHours(node *yaml.Node, what string) *escalation.Hours {
	text := r.text(node, what)
	first, last, _ := strings.Cut(text, "-")
	from, err := parseClock(strings.TrimSpace(first))
	to, errTo := parseClock(strings.TrimSpace(last))
	if err != nil || errTo != nil || from == day {
		r.fault(node, `%s: %q: write two times of day, as "18:00-08:00"`, what, shown(text))
		return nil
	}
	if from == to {
		r.fault(node, "%s: %q begins and ends at the same time: for the whole day leave hours out", what, shown(text))
		return nil
	}
	return &escalation.Hours{From: time.Duration(from) * time.Second, To: time.Duration(to) * time.Second, Zone: time.UTC}
}

// checkPolicies checks the policies that teams name.
func (r *planReader) checkPolicies(named map[string]*yaml.Node) {
	for _, id := range sortedKeys(named) {
		name := r.plan.teams[id].Policy
		if _, known := r.plan.policies[name]; known || absent(named[id]) {
			continue
		}
		if len(r.plan.policies) == 0 {
			r.fault(named[id], "team %s: policy: there is no policy %q, nor any other", id, shown(name))
			continue
		}
		r.fault(named[id], "team %s: policy: there is no policy %q: there is %s", id, shown(name), several(sortedKeys(r.plan.policies)))
	}
}

// unused names the policies that no incident can have.
func (p *plan) unused() []escalation.Policy {
	var out []escalation.Policy
	for _, name := range sortedKeys(p.policies) {
		policy := p.policies[name]
		named := slices.ContainsFunc(sortedKeys(p.teams), func(id string) bool { return p.teams[id].Policy == name })
		if len(policy.Match) == 0 && !named {
			out = append(out, policy)
		}
	}
	return out
}
