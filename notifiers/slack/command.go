package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	slackapi "github.com/slack-go/slack"

	"github.com/watchtower-hub/watchtower/playbooks"
)

// commandHelp is the answer to a command that is not known.
const commandHelp = "*What you can type*\n" +
	"• `/watchtower note TEXT`: add to the timeline of the newest incident in this channel\n" +
	"• `/watchtower role commander|communications`: say that you have this role\n" +
	"• `/watchtower update TEXT`: tell the stakeholders in plain words; without TEXT a draft is suggested\n" +
	"• `/watchtower oncall [TEAM]`: who is on call, and who is next\n" +
	"• `/watchtower override TEAM @USER FOR [REASON]`: put somebody on call, such as `backend @sam 2h dentist`, or `backend @sam 8h from 2026-12-05 18:00`\n" +
	"• `/watchtower override cancel TEAM`: take the last one back"

// Commands serves what people type after /watchtower, to the path that the Slack app
// names for the command. Requests are checked as those to Interactions.
func (s *Slack) Commands() http.Handler {
	return s.signedOnly(func(ctx context.Context, body []byte) (any, error) {
		form, err := url.ParseQuery(string(body))
		if err != nil || form.Get("command") == "" {
			return nil, errors.New("this is not a slash command")
		}
		return s.command(ctx, &slackapi.SlashCommand{
			Text: form.Get("text"), UserID: form.Get("user_id"), UserName: form.Get("user_name"),
			ChannelID: form.Get("channel_id"), TriggerID: form.Get("trigger_id"),
		}), nil
	})
}

// command does what was typed, and returns the answer that only the one who typed it
// sees.
func (s *Slack) command(ctx context.Context, c *slackapi.SlashCommand) any {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	word, rest, _ := strings.Cut(strings.TrimSpace(clean(c.Text)), " ")
	rest = strings.TrimSpace(rest)
	who := s.whoIs(ctx, &slackapi.InteractionCallback{User: slackapi.User{ID: c.UserID, Name: c.UserName}})
	text, err := s.obey(ctx, c, who, strings.ToLower(word), rest)
	outcome := "done"
	if err != nil {
		outcome, text = "refused", "⚠️ "+clean(err.Error())+"."
	}
	s.metrics.clicks.WithLabelValues("command", outcome).Inc()
	return map[string]string{"response_type": "ephemeral", "text": cutMrkdwn(text, maxSection)}
}

func (s *Slack) obey(ctx context.Context, c *slackapi.SlashCommand, who deed, word, rest string) (string, error) {
	switch word {
	case "oncall", "override":
		if s.opts.OnCallCommand == nil {
			return "", errors.New("nobody is on call by a file here: set notifiers.oncall")
		}
		if word == "override" {
			if err := s.allowed(ctx, c.UserID); err != nil {
				return "", err
			}
		}
		return s.opts.OnCallCommand(ctx, Deed{Kind: word, By: who.person(), ByID: who.By, At: who.At, Text: rest})
	case "note", "role", "update":
		if err := s.allowed(ctx, c.UserID); err != nil {
			return "", err
		}
		return s.atIncident(ctx, c, who, word, rest)
	default:
		return commandHelp, nil
	}
}

// atIncident does what was typed about the newest incident of a channel.
func (s *Slack) atIncident(ctx context.Context, c *slackapi.SlashCommand, who deed, word, rest string) (string, error) {
	newest, err := s.outbox.newestIn(c.ChannelID)
	if err != nil {
		return s.afterIncident(c, who, word, rest, err)
	}
	in := newest.incident
	about := "*" + escaped(in.headline(), 200) + "*"
	at := clicked{record: newest.record, who: who, id: "command/" + c.TriggerID}
	if c.TriggerID == "" {
		at.id = ""
	}
	var change func(*incident) (said, bool, error)
	switch word {
	case "note":
		if rest == "" {
			return "", errors.New("say what to note: `/watchtower note TEXT`")
		}
		change = who.note(rest)
	case "role":
		change = who.take(strings.ToLower(rest))
	case "update":
		if rest == "" {
			return "A draft, to be sent by `/watchtower update TEXT`:\n> " + escape(in.draft()), nil
		}
		if err := s.toStakeholders(ctx, newest.groupKey, &in, who, rest); err != nil {
			return "", err
		}
		change = who.communicate(rest, s.opts.StakeholderChannel)
	}
	h, err := s.outbox.handle(at, change)
	if err != nil {
		return "", err
	}
	s.tell(h, at)
	return "Done, for " + about + ".", nil
}

// afterIncident notes what was typed about the incident of a channel that ended last.
// nothing is the error if that cannot be meant.
func (s *Slack) afterIncident(c *slackapi.SlashCommand, who deed, word, rest string, nothing error) (string, error) {
	if word != "note" || rest == "" {
		return "", nothing
	}
	over, ok, err := s.outbox.pastAt(answered{channelID: c.ChannelID})
	if err != nil {
		return "", err
	}
	if !ok {
		return "", nothing
	}
	s.noteAfter(over, clicked{who: who, id: "command/" + c.TriggerID}, rest)
	return "Done, for *" + escaped(over.headline, 200) + "*, which is over.", nil
}

// openPage is an open page, and whose it is.
type openPage struct {
	record, groupKey string
	incident         incident
}

// newestIn is the open page of a channel that began last.
func (o *outbox) newestIn(channelID string) (openPage, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var newest *record
	for _, rec := range o.records {
		if rec.channelID != channelID || rec.state != firing || rec.memory.Storm != nil || rec.ts == "" {
			continue
		}
		if newest == nil || rec.openedAt.After(newest.openedAt) {
			newest = rec
		}
	}
	if newest == nil {
		return openPage{}, errors.New("there is no open incident in this channel: type it in the channel of the page")
	}
	return openPage{newest.id, newest.memory.GroupKey, newest.memory.Incident}, nil
}

func (d deed) note(text string) func(*incident) (said, bool, error) {
	return func(*incident) (said, bool, error) {
		return said{kind: "note", text: text, quiet: true, msg: reply("📝 "+d.mention()+": "+escaped(oneLine(text), maxAbout), nil)}, true, nil
	}
}

// take gives somebody a role.
func (d deed) take(role string) func(*incident) (said, bool, error) {
	return func(in *incident) (said, bool, error) {
		if role != playbooks.RoleCommander && role != playbooks.RoleCommunications {
			return said{}, false, errors.New("the roles are `commander` and `communications`")
		}
		if was := in.Handling.Roles[role]; was != nil && was.By == d.By {
			return said{}, false, nil
		}
		in.Handling.Roles[role] = &d
		return said{
			kind: "role", text: role, data: map[string]string{"role": role}, msg: reply(fmt.Sprintf("🧭 %s is %s.", d.mention(), roleName(role)), nil),
		}, true, nil
	}
}

func roleName(role string) string {
	if role == playbooks.RoleCommander {
		return "incident commander"
	}
	return "in charge of communications"
}

func (d deed) communicate(text, channel string) func(*incident) (said, bool, error) {
	return func(*incident) (said, bool, error) {
		return said{
			kind: "communicated", text: text, data: map[string]string{"channel": channel}, quiet: true,
			msg: reply(fmt.Sprintf("📣 %s told %s: %s", d.mention(), escaped(channel, 100), escaped(oneLine(text), maxAbout)), nil),
		}, true, nil
	}
}

// toStakeholders posts an update in plain words to the channel of those who are not
// engineers, below the bulletin if there is one.
func (s *Slack) toStakeholders(ctx context.Context, groupKey string, in *incident, who deed, text string) error {
	channel := s.opts.StakeholderChannel
	if channel == "" {
		return errors.New("no channel for stakeholders is set: name one in notifiers.slack.stakeholder_channel")
	}
	c := newComposer(escaped(oneLine(text), maxFallback))
	c.section(escaped(text, maxSection-100), maxSection)
	c.context([]string{"From " + who.mention(), "about: " + escaped(in.headline(), 200), "since " + clock(in.since())}, maxAbout)
	at := place{channel: channel}
	if s.opts.Bulletin != nil {
		at.threadTS = s.opts.Bulletin(groupKey)
	}
	if _, f := s.own().send(ctx, at, post{id: newID(), msg: c.message(), broadcast: true}); f != nil {
		return fmt.Errorf("the update was not sent to %s: %s", channel, f.text)
	}
	return nil
}

// draft is an update in plain words: what does not work, for how many, since when.
func (in *incident) draft() string {
	a := common(in.subject(), annotationsOf)
	what := strings.TrimSuffix(oneLine(a["promise"]), ".")
	if what == "" {
		return in.headline() + ", since " + shortUTC(in.since(), in.At) + ". We are working on it. Next update at HH:MM."
	}
	howMany := "some attempts fail"
	if percent, ok := numberIn(a["error_ratio"]); ok && percent > 0 {
		howMany = fmt.Sprintf("about 1 in %.0f attempts fails", max(1, 100/percent))
	}
	return fmt.Sprintf("“%s” does not hold at the moment: since %s %s. We are working on it. Next update at HH:MM.", what, shortUTC(in.since(), in.At), howMany)
}

// signedOnly serves requests that Slack has signed: do gets the body, its answer is
// sent as JSON, nil as an empty answer. An error of do is a bad request.
func (s *Slack) signedOnly(do func(ctx context.Context, body []byte) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "Slack posts here.", http.StatusMethodNotAllowed)
			return
		}
		body, status := s.signed(w, r)
		if status != http.StatusOK {
			s.metrics.clicks.WithLabelValues("request", "refused").Inc()
			http.Error(w, http.StatusText(status), status)
			return
		}
		answer, err := do(r.Context(), body)
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
		case answer == nil:
			w.WriteHeader(http.StatusOK)
		default:
			w.Header().Set("Content-Type", "application/json")
			if err := json.NewEncoder(w).Encode(answer); err != nil {
				s.logger.Warn("slack was not answered", "err", err)
			}
		}
	})
}
