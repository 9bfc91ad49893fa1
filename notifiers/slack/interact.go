package slack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	slackapi "github.com/slack-go/slack"

	"github.com/watchtower-hub/watchtower/playbooks"
)

const (
	// answerWithin is how long a click may take: Slack gives three seconds.
	answerWithin = 2500 * time.Millisecond
	// whisperTimeout bounds a message to the one who clicked, which comes after.
	whisperTimeout = 10 * time.Second
	// escalateAgain is how long one call for help counts for all.
	escalateAgain = time.Minute
)

// interact does what somebody asked for by a click or a form, however it reached
// us. It returns what Slack is to be answered, nil for an empty answer. A refusal is
// a message that only the one who clicked sees.
func (s *Slack) interact(ctx context.Context, cb *slackapi.InteractionCallback) any {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	switch cb.Type {
	case slackapi.InteractionTypeBlockActions:
		for _, a := range cb.ActionCallback.BlockActions {
			if a != nil && !strings.HasPrefix(a.ActionID, actionOpen) {
				s.press(ctx, cb, a)
			}
		}
	case slackapi.InteractionTypeViewSubmission:
		if cb.View.CallbackID == viewSilence {
			return s.submitSilence(ctx, cb)
		}
	default: // a closed form, and what other apps of the workspace do
	}
	return nil
}

// press handles one button.
func (s *Slack) press(ctx context.Context, cb *slackapi.InteractionCallback, a *slackapi.BlockAction) {
	c := clicked{
		record: a.Value, at: answered{cmp.Or(cb.Channel.ID, cb.Container.ChannelID), cmp.Or(cb.Container.MessageTs, cb.Message.Timestamp)},
		who: s.whoIs(ctx, cb),
	}
	if a.ActionTs != "" {
		c.id = a.ActionID + "/" + cb.User.ID + "/" + a.ActionTs
	}
	err := s.allowed(ctx, cb.User.ID)
	if err == nil {
		err = s.act(ctx, cb, a, c)
	}
	outcome := "done"
	if err != nil {
		outcome = "refused"
		s.whisper(cb, err)
	}
	s.metrics.clicks.WithLabelValues(actionName(a.ActionID), outcome).Inc()
}

// actionName keeps the label of a metric to what we know.
func actionName(id string) string {
	id, _, _ = strings.Cut(id, ":")
	switch id {
	case actionAcknowledge, actionTake, actionEscalate, actionSilence, actionStep, actionUndo, actionAll, viewSilence:
		return id
	}
	return "other"
}

// act does what a button says. The error is for the person who pressed it.
func (s *Slack) act(ctx context.Context, cb *slackapi.InteractionCallback, a *slackapi.BlockAction, c clicked) error {
	action, stepID, _ := strings.Cut(a.ActionID, ":")
	change := func(*incident) (said, bool, error) {
		return said{}, false, errors.New("this button is not known here: the page may be from another version of Watchtower")
	}
	switch action {
	case actionAcknowledge:
		change = c.who.acknowledge
	case actionTake:
		change = c.who.takeOver
	case actionEscalate:
		change = c.who.escalate
	case actionStep:
		change = func(in *incident) (said, bool, error) { return c.who.finish(in, stepID) }
	case actionUndo:
		change = func(in *incident) (said, bool, error) { return c.who.undo(in, stepID) }
	case actionAll:
		all, err := s.outbox.acknowledgeStorm(c)
		for _, h := range all {
			s.tell(h, c)
		}
		return err
	case actionSilence:
		return s.openSilence(ctx, cb, c)
	}
	h, err := s.outbox.handle(c, change)
	if err == nil {
		s.tell(h, c)
	}
	return err
}

func (d deed) acknowledge(in *incident) (said, bool, error) {
	switch was := in.Handling.Acknowledged; {
	case was == nil:
	case was.By == d.By:
		return said{}, false, nil
	default:
		return said{}, false, fmt.Errorf("%s has had this since %s. Press Take over to make it yours", was.mention(), clock(was.At))
	}
	in.Handling.Acknowledged = &d
	return said{kind: "acknowledged", msg: reply(fmt.Sprintf("🟡 %s acknowledged this after %s.", d.mention(), lasting(late(d.At, in.since()))), nil)}, true, nil
}

// stillAfter is how long after an acknowledgement the same person may give it again.
const stillAfter = time.Minute

func (d deed) takeOver(in *incident) (said, bool, error) {
	was := in.Handling.Acknowledged
	if was == nil {
		return d.acknowledge(in)
	}
	if was.By == d.By {
		if late(d.At, was.At) < stillAfter {
			return said{}, false, nil
		}
		in.Handling.Acknowledged = &d // It does not run out while they are at it.
		return said{kind: "acknowledged", msg: reply(fmt.Sprintf("🟡 %s is still on it.", d.mention()), nil)}, true, nil
	}
	in.Handling.Acknowledged = &d
	return said{kind: "taken_over", msg: reply(fmt.Sprintf("🟡 %s took this over from %s.", d.mention(), was.mention()), nil)}, true, nil
}

func (d deed) escalate(in *incident) (said, bool, error) {
	if was := in.Handling.Escalated; was != nil && late(d.At, was.At) < escalateAgain {
		if was.By == d.By {
			return said{}, false, nil
		}
		return said{}, false, fmt.Errorf("%s has called for help already, at %s", was.mention(), clock(was.At))
	}
	in.Handling.Escalated = &d
	return said{kind: "escalated", msg: in.escalation(d), broadcast: true}, true, nil
}

// escalation calls for help.
func (in *incident) escalation(by deed) message {
	call := in.helpers(by.By)
	sentence := fmt.Sprintf("🚨 %s: %s needs help: %s", call, by.mention(), escaped(in.headline(), 200))
	var lines []string
	if bad := oneLine(in.howBad()); bad != "" && !in.blind() {
		lines = append(lines, escaped(bad, maxAbout))
	}
	return reply(sentence, append(lines, "It has been going on for "+lasting(late(in.At, in.since()))+"."))
}

// helpers are whom a call for help mentions: whoever is next on call, or on call now
// if that is another; else those the first message was for, else everybody in the
// channel.
func (in *incident) helpers(caller string) string {
	for _, s := range in.callable() {
		if s.SlackID != caller {
			return s.mention()
		}
	}
	if len(in.Custom.Mentions) > 0 {
		return cutMrkdwn(strings.Join(in.Custom.Mentions, " "), maxFact)
	}
	return "<!channel>"
}

func (d deed) finish(in *incident, stepID string) (said, bool, error) {
	st := in.step(stepID)
	if st == nil {
		return said{}, false, errors.New("this step is not in the playbook that the incident began with")
	}
	if in.Handling.Done[stepID] != nil {
		return said{}, false, nil
	}
	in.Handling.Done[stepID] = &d
	return said{
		kind: "step_done", text: stepTitle(*st), data: map[string]string{"step": stepID},
		msg: reply(fmt.Sprintf("☑️ %s did: %s", d.mention(), escape(stepTitle(*st))), nil),
	}, true, nil
}

func (d deed) undo(in *incident, stepID string) (said, bool, error) {
	st := in.step(stepID)
	if st == nil || in.Handling.Done[stepID] == nil {
		return said{}, false, nil
	}
	delete(in.Handling.Done, stepID)
	return said{
		kind: "step_undone", text: stepTitle(*st), data: map[string]string{"step": stepID},
		msg: reply(fmt.Sprintf("↩️ %s says this is not done: %s", d.mention(), escape(stepTitle(*st))), nil),
	}, true, nil
}

func (in *incident) step(id string) *playbooks.Step {
	if in.Playbook == nil {
		return nil
	}
	for i := range in.Playbook.Steps {
		if in.Playbook.Steps[i].ID == id {
			return &in.Playbook.Steps[i]
		}
	}
	return nil
}

// whisper tells the one who clicked why nothing happened. It does not keep Slack
// waiting.
func (s *Slack) whisper(cb *slackapi.InteractionCallback, why error) {
	text := cutMrkdwn("⚠️ "+clean(why.Error())+".", maxSection)
	s.background.run(func() {
		ctx, cancel := context.WithTimeout(context.Background(), whisperTimeout)
		defer cancel()
		if f := s.own().whisper(ctx, cb, text); f != nil {
			s.logger.Warn("the reason for a refused click was not delivered", "reason", text, "err", f)
		}
	})
}

// whisper sends a message that only one person sees.
func (w *workspace) whisper(ctx context.Context, cb *slackapi.InteractionCallback, text string) *fault {
	return w.call(ctx, func(ctx context.Context, api *slackapi.Client) error {
		channel := cmp.Or(cb.Channel.ID, cb.Container.ChannelID)
		if channel == "" {
			return errors.New("the click names no channel")
		}
		opts := []slackapi.MsgOption{slackapi.MsgOptionText(text, false)}
		if thread := cmp.Or(cb.Message.ThreadTimestamp, cb.Container.ThreadTs); thread != "" && thread != cb.Message.Timestamp {
			opts = append(opts, slackapi.MsgOptionTS(thread))
		}
		_, err := api.PostEphemeralContext(ctx, channel, cb.User.ID, opts...)
		return err
	})
}
