package oncall

import (
	"errors"
	"net/mail"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/watchtower-hub/watchtower/internal/oncall/escalation"
)

// plan is what a file says, without the calendars it names.
type plan struct {
	path      string
	users     map[string]*User
	teams     map[string]Team
	schedules map[string]*stack
	policies  map[string]escalation.Policy
}

// stack is a schedule of the file.
type stack struct {
	id        string
	line      int
	loc       *time.Location
	rotations []layer
	sources   []source
	overrides []piece
}

// maxFile bounds the file.
const maxFile = 1 << 20

// readPlan reads the file at path. The error joins every fault, each as "file:line:
// sentence".
func readPlan(path string) (*plan, error) {
	text, err := readBounded(path, maxFile)
	if err != nil {
		return nil, err
	}
	return parsePlan(path, text)
}

func parsePlan(path string, text []byte) (*plan, error) {
	r := &planReader{reader: reader{path: path}, plan: &plan{
		path: path, users: map[string]*User{}, teams: map[string]Team{}, schedules: map[string]*stack{},
		policies: map[string]escalation.Policy{},
	}}
	root := r.parse(text)
	top := r.fields(root, "the file", "users", "teams", "schedules", "policies")
	// Users first: schedules name them, as teams name schedules, and policies both.
	r.readUsers(top["users"])
	for key, value := range r.entries(top["schedules"], "schedules") {
		r.readSchedule(key, value)
	}
	named := map[string]*yaml.Node{} // the policies, by team
	for key, value := range r.entries(top["teams"], "teams") {
		r.readTeam(key, value, named)
	}
	r.readPolicies(top["policies"])
	r.checkPolicies(named)
	if len(r.faults) == 0 && len(r.plan.teams) == 0 {
		r.fault(&yaml.Node{Line: 1}, "no teams: nobody can be asked for; add teams, each with a schedule")
	}
	return r.plan, errors.Join(r.faults...)
}

// planReader fills a plan.
type planReader struct {
	reader
	plan *plan
}

var (
	slackUser    = regexp.MustCompile(`^[UW][A-Z0-9]{4,20}$`)
	slackGroup   = regexp.MustCompile(`^S[A-Z0-9]{4,20}$`)
	slackChannel = regexp.MustCompile(`^(#[^\s#]+|[CG][A-Z0-9]{4,20})$`)
)

func (r *planReader) readUsers(node *yaml.Node) {
	emails := map[string]string{}
	for key, value := range r.entries(node, "users") {
		id, ok := r.id(key, "user")
		if !ok {
			continue
		}
		what := "user " + id
		f := r.fields(value, what, "name", "slack", "email", "timezone")
		u := &User{
			ID: id, Name: r.text(f["name"], what+": name"), Email: r.text(f["email"], what+": email"),
			Slack: r.text(f["slack"], what+": slack"), Zone: r.zone(f["timezone"], what),
		}
		if u.Name == "" {
			u.Name = id
		}
		if u.Slack != "" && !slackUser.MatchString(u.Slack) {
			r.fault(f["slack"], "%s: slack: %q is no user ID of Slack: it looks like U0123ABCD (profile, ⋮, Copy member ID)", what, shown(u.Slack))
		}
		if u.Email != "" {
			lower := strings.ToLower(u.Email)
			if a, err := mail.ParseAddress(u.Email); err != nil || a.Address != u.Email {
				r.fault(f["email"], "%s: email: %q is no address", what, shown(u.Email))
			} else if other := emails[lower]; other != "" {
				r.fault(f["email"], "%s: email: %s has the same: calendars could not tell them apart", what, other)
			}
			emails[lower] = id
		}
		r.plan.users[id] = u
	}
}

func (r *planReader) readTeam(key, value *yaml.Node, policies map[string]*yaml.Node) {
	id, ok := r.id(key, "team")
	if !ok {
		return
	}
	what := "team " + id
	f := r.fields(value, what, "schedule", "slack_group", "channel", "policy")
	policies[id] = f["policy"]
	team := Team{
		ID: id, Schedule: r.text(f["schedule"], what+": schedule"), SlackGroup: r.text(f["slack_group"], what+": slack_group"),
		Channel: r.text(f["channel"], what+": channel"), Policy: r.text(f["policy"], what+": policy"),
	}
	known := sortedKeys(r.plan.schedules)
	switch {
	case team.Schedule == "":
		r.fault(key, "%s has no schedule: name one of those below schedules", what)
	case r.plan.schedules[team.Schedule] == nil && len(known) == 0:
		r.fault(f["schedule"], "%s: there is no schedule %q, nor any other", what, shown(team.Schedule))
	case r.plan.schedules[team.Schedule] == nil:
		r.fault(f["schedule"], "%s: there is no schedule %q: there is %s", what, shown(team.Schedule), several(known))
	}
	if team.SlackGroup != "" && !slackGroup.MatchString(team.SlackGroup) {
		r.fault(f["slack_group"], "%s: slack_group: %q is no user group's ID of Slack: it looks like S0123ABCD", what, shown(team.SlackGroup))
	}
	if team.Channel != "" && !slackChannel.MatchString(team.Channel) {
		r.fault(f["channel"], `%s: channel: %q is no channel: write "#backend" or its ID`, what, shown(team.Channel))
	}
	r.plan.teams[id] = team
}

// zone reads a time zone; nil if there is none.
func (r *planReader) zone(node *yaml.Node, what string) *time.Location {
	name := r.text(node, what+": timezone")
	if name == "" {
		return nil
	}
	loc, err := loadZone(name)
	if err != nil {
		r.fault(node, "%s: timezone: there is no zone %q: use a name such as Europe/Berlin or UTC", what, shown(name))
		return nil
	}
	return loc
}

// loadZone finds a zone of the time zone database. "Local" is none: it would differ
// from machine to machine.
func loadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, errors.New("no zone")
	}
	return time.LoadLocation(name)
}

// user reads the ID of a user of the file; nil if it is none, which is a fault.
func (r *planReader) user(node *yaml.Node, what string) *User {
	id := r.text(node, what)
	if id == "" {
		return nil
	}
	u := r.plan.users[id]
	if u == nil {
		r.fault(node, "%s: there is no user %q: users has %s", what, shown(id), several(sortedKeys(r.plan.users)))
	}
	return u
}

// moment reads a time. A date alone is its midnight where dates is set.
func (r *planReader) moment(node *yaml.Node, what string, loc *time.Location) (t int64, dateOnly bool) {
	s := r.text(node, what)
	if s == "" {
		return 0, false
	}
	t, err := parseMoment(s, loc)
	if err != nil && !errors.Is(err, errNoTime) {
		r.fault(node, "%s: %w", what, err)
	}
	return t, errors.Is(err, errNoTime)
}

// end reads a time at which something ends; a date alone could mean both its
// midnights.
func (r *planReader) end(node *yaml.Node, what string, loc *time.Location) int64 {
	t, dateOnly := r.moment(node, what, loc)
	if dateOnly {
		day, _ := time.Parse(time.DateOnly, node.Value)
		r.fault(node, `%s: a date alone does not say whether that day is part of it: write "%s 00:00" if it is, else "%s 00:00"`,
			what, day.AddDate(0, 0, 1).Format(time.DateOnly), day.Format(time.DateOnly))
	}
	return t
}
