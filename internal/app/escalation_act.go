package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/internal/oncall"
	"github.com/watchtower-hub/watchtower/internal/oncall/escalation"
	"github.com/watchtower-hub/watchtower/notifiers"
	"github.com/watchtower-hub/watchtower/notifiers/incidents"
	"github.com/watchtower-hub/watchtower/notifiers/slack"
)

// act carries out one action: it says so in the log, does it, and says there what came
// of it. What the log cannot write is in force in memory, so that nobody stays uncalled
// because a disk is full.
func (e *escalator) act(ctx context.Context, c climb, a escalation.Action) {
	switch a.Act {
	case escalation.Begin:
		c.tell(ctx, e, a, incidents.Event{
			At: a.At, Kind: incidents.PolicyChecked, Data: map[string]string{dataClock: "begun"},
			Text: fmt.Sprintf("The escalation policy %s begins", c.policy.Name),
		})
	case escalation.Pause:
		c.tell(ctx, e, a, incidents.Event{
			At: a.At, Kind: incidents.PolicyChecked, Data: map[string]string{dataClock: "paused"},
			Text: fmt.Sprintf("The escalation policy %s waits: nobody is to be notified of this now", c.policy.Name),
		})
	case escalation.Resume:
		c.tell(ctx, e, a, incidents.Event{
			At: a.At, Kind: incidents.PolicyChecked, Data: map[string]string{dataClock: "resumed"},
			Text: fmt.Sprintf("The escalation policy %s goes on", c.policy.Name),
		})
	case escalation.PassOver:
		c.passOver(ctx, e, a, a.Why, nil)
	case escalation.Remind:
		e.remind(ctx, c, a)
	case escalation.Notify:
		e.step(ctx, c, a)
	case escalation.End:
		e.try(ctx, c, a, "told that it is over: "+a.Target.Name, func(ctx context.Context) error {
			return e.notify(ctx, a.Target.Name, c.notice(a, true))
		})
	}
}

// tell adds an event about an action to the log.
func (c *climb) tell(ctx context.Context, e *escalator, a escalation.Action, event incidents.Event) {
	data := map[string]string{dataPolicy: c.policy.Name, dataAction: a.ID}
	maps.Copy(data, event.Data)
	event.Data, event.Incident = data, c.incident.ID
	event.ID = c.incident.ID + "/" + cmp.Or(event.ID, a.ID)
	if event.At.IsZero() {
		event.At = time.Now()
	}
	// What is done cannot be undone: a stop does not keep it from being written down.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	if err := e.log.Add(ctx, event); err != nil {
		e.logger.Error("an escalation could not be written down", "incident", c.incident.Number, "event", event.ID, "err", err)
	}
}

// count counts an action.
func (e *escalator) count(a escalation.Action, outcome string) {
	e.steps.WithLabelValues(string(a.Act), string(a.Target.Means), outcome).Inc()
}

func (c *climb) passOver(ctx context.Context, e *escalator, a escalation.Action, why string, data map[string]string) {
	e.count(a, "passed_over")
	c.tell(ctx, e, a, incidents.Event{
		ID: a.ID + "/passed", Kind: incidents.PolicyChecked, Data: data,
		Text: fmt.Sprintf("%s is passed over: %s", c.called(a), why),
	})
}

// called names a step for people.
func (c *climb) called(a escalation.Action) string {
	s := fmt.Sprintf("Step %d of the escalation policy %s (%s)", a.Step+1, c.policy.Name, a.Target)
	if a.Round > 0 {
		s += fmt.Sprintf(", round %d,", a.Round+1)
	}
	return s
}

// try does something and tells what came of it. what is a participle: what was done to
// whom.
func (e *escalator) try(ctx context.Context, c climb, a escalation.Action, what string, do func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	err := do(ctx)
	switch {
	case err == nil:
		e.count(a, "done")
		c.tell(ctx, e, a, incidents.Event{ID: a.ID + "/done", Kind: incidents.Notified, Text: "Escalation: " + what})
	case errors.Is(ctx.Err(), context.Canceled):
		// This program stops: whoever runs next finds that it was begun.
	default:
		e.count(a, "failed")
		e.logger.Warn("an escalation failed, and is tried again", "incident", c.incident.Number, "action", a.ID, "attempt", a.Attempt+1, "err", err)
		c.tell(ctx, e, a, incidents.Event{
			ID: a.ID + "/failed/" + strconv.Itoa(a.Attempt), Kind: incidents.NotNotified, Text: fmt.Sprintf("Escalation: not %s: %v", what, err),
		})
	}
}

// remind takes an acknowledgement back that has run out, and tells whoever gave it.
func (e *escalator) remind(ctx context.Context, c climb, a escalation.Action) {
	var owner incidents.Event
	for _, event := range c.incident.Events {
		if event.Kind == incidents.Acknowledged || event.Kind == incidents.TakenOver {
			owner = event
		}
	}
	after := escalation.Words(c.policy.AckTimeout)
	name := cmp.Or(owner.By, "somebody")
	if a.Attempt == 0 {
		c.tell(ctx, e, a, incidents.Event{
			At: a.At, Kind: incidents.AckTimedOut, Text: fmt.Sprintf("The acknowledgement of %s no longer counts: it was given %s ago", name, after),
		})
		e.release(c.incident.GroupKey)
	}
	say := slack.Call{
		ID: c.incident.ID + "/" + a.ID, Mention: mention(owner.ByID),
		Text: fmt.Sprintf("it is %s since you acknowledged this, and it still fires. Acknowledge it again if you are at it: the escalation policy goes on.", after),
	}
	if say.Mention == "" {
		say.Text = fmt.Sprintf("It is %s since %s acknowledged this, and it still fires. The escalation policy goes on.", after, name)
	}
	e.try(ctx, c, a, "reminded "+name, func(ctx context.Context) error { return e.call(ctx, c.incident.GroupKey, say) })
}

// pageTime is how long the step that mentions who is on call at once waits for the page,
// which does the same.
const pageTime = time.Minute

// step carries out a step of the policy.
func (e *escalator) step(ctx context.Context, c climb, a escalation.Action) {
	w, nobody := c.whom(a.Target)
	switch {
	case nobody != "":
		c.passOver(ctx, e, a, nobody+": the next step comes at once", map[string]string{dataNobody: "1"})
		return
	case c.pageDoes(a):
		c.tell(ctx, e, a, incidents.Event{ID: a.ID + "/done", Kind: incidents.Notified, Text: "Escalation: the page mentions " + w.name})
		return
	}
	begun := incidents.Event{Kind: incidents.Escalated, Text: fmt.Sprintf("%s calls %s", c.called(a), w.name)}
	if a.Attempt > 0 {
		begun.ID, begun.Text = a.ID+"/try/"+strconv.Itoa(a.Attempt), fmt.Sprintf("%s calls %s, try %d", c.called(a), w.name, a.Attempt+1)
	}
	if w.because != "" {
		begun.Data = map[string]string{dataCalled: w.name}
	}
	c.tell(ctx, e, a, begun)
	late := escalation.Words(max(time.Minute, c.now.Sub(c.incident.OpenedAt).Truncate(time.Minute)))
	if a.Target.Means == escalation.Receiver {
		n := c.notice(a, false)
		n.Reason = fmt.Sprintf("nobody has acknowledged this for %s (step %d of the escalation policy %s)", late, a.Step+1, c.policy.Name)
		e.try(ctx, c, a, "told "+w.name, func(ctx context.Context) error { return e.notify(ctx, a.Target.Name, n) })
		return
	}
	say := slack.Call{
		ID: c.incident.ID + "/" + a.ID, Mention: w.mention, DirectTo: w.direct,
		Text:      fmt.Sprintf("nobody has acknowledged this for %s (step %d of the escalation policy %s).", late, a.Step+1, c.policy.Name),
		Broadcast: w.direct == "" && a.Target.Means != escalation.OnCall,
	}
	if w.direct != "" {
		say.Text = fmt.Sprintf("Nobody has acknowledged this for %s. You are asked because you are %s.", late, w.because)
	}
	e.try(ctx, c, a, "called "+w.name, func(ctx context.Context) error { return e.call(ctx, c.incident.GroupKey, say) })
}

// pageDoes tells whether the page does what a step asks for: it mentions who is on call
// when it comes.
func (c *climb) pageDoes(a escalation.Action) bool {
	s := c.policy.Steps[a.Step]
	return s.Notify.Means == escalation.OnCall && s.After == 0 && a.Round == 0 && a.Attempt == 0 && c.paged()
}

// awaitsPage tells whether an action is to wait for the page, which may make it
// needless.
func (c *climb) awaitsPage(a escalation.Action) bool {
	if a.Act != escalation.Notify || a.Attempt > 0 || c.paged() || !a.At.Add(pageTime).After(c.now) {
		return false
	}
	s := c.policy.Steps[a.Step]
	_, nobody := c.whom(s.Notify)
	return s.Notify.Means == escalation.OnCall && s.After == 0 && a.Round == 0 && nobody == ""
}

// notice is what a receiver is told of an incident.
func (c *climb) notice(a escalation.Action, over bool) notifiers.Notice { //nolint:revive // The beginning or the end.
	n := notifiers.Notice{ID: c.incident.ID + "/" + a.ID, GroupKey: c.incident.GroupKey, Group: c.incident.Labels, Over: over}
	if c.fires && !over {
		n.Group, n.Alerts = c.group.Group, c.group.Alerts
		return n
	}
	for _, e := range c.incident.Events {
		if e.Kind != incidents.Fired {
			continue
		}
		alert := notifiers.IncidentAlert{Labels: map[string]string{}, StartsAt: e.At}
		for k, v := range e.Data {
			if name, isLabel := strings.CutPrefix(k, incidents.DataLabel); isLabel {
				alert.Labels[name] = v
			}
		}
		n.Alerts = append(n.Alerts, alert)
	}
	return n
}

// whom is who a target means now.
type whom struct {
	// name and because are for people: "Alex Kim", "on call for backend".
	name, because string
	mention       string
	direct        string // the ID of a user who gets a direct message
}

// whom finds who a target means now. nobody says why there is nobody, "" if there is
// somebody.
func (c *climb) whom(t escalation.Target) (w whom, nobody string) {
	team := cmp.Or(c.incident.Team, c.incident.Labels["team"])
	switch t.Means {
	case escalation.Channel:
		return whom{name: "everybody in the channel", mention: "<!channel>"}, ""
	case escalation.Receiver:
		return whom{name: "the receiver " + t.Name}, ""
	case escalation.User:
		u, _ := c.roster.User(t.Name)
		return reach(u, "named in the escalation policy")
	case escalation.UserGroup:
		if t.Name == "" {
			known, _ := c.roster.Team(team)
			t.Name = known.SlackGroup
		}
		if t.Name == "" {
			return whom{}, fmt.Sprintf("the team %q has no group in Slack", team)
		}
		return whom{name: "the group " + t.Name, mention: "<!subteam^" + t.Name + ">"}, ""
	case escalation.Team:
		team = t.Name
	case escalation.OnCall, escalation.DirectMessage, escalation.NextOnCall:
	}
	if team == "" {
		return whom{}, "its alerts have no label team, so that it is not known who is on call"
	}
	shift, ok := c.roster.At(team, c.now)
	if t.Means == escalation.NextOnCall {
		shift, ok = c.roster.Next(team, c.now)
		if !ok {
			return whom{}, "nobody is on call next for " + team
		}
		return reach(shift.User, "on call next for "+team)
	}
	if !ok {
		return whom{}, "nobody is on call for " + team
	}
	w, nobody = reach(shift.User, "on call for "+team)
	if t.Means == escalation.DirectMessage {
		w.direct, w.mention = shift.User.Slack, ""
	}
	return w, nobody
}

// reach finds how a user is reached.
func reach(u oncall.User, because string) (w whom, nobody string) {
	name := cmp.Or(u.Name, u.ID)
	if u.Slack == "" {
		return whom{}, fmt.Sprintf("the ID in Slack of %s, who is %s, is not given", name, because)
	}
	return whom{name: name, because: because, mention: mention(u.Slack)}, ""
}

func mention(slackID string) string {
	if slackID == "" {
		return ""
	}
	return "<@" + slackID + ">"
}
