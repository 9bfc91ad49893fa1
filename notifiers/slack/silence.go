package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	slackapi "github.com/slack-go/slack"
)

// Names of the form for a silence.
const (
	viewSilence   = "silence_form"
	fieldDuration = "duration"
	fieldReason   = "reason"
)

// Silence is a silence that somebody asks for.
type Silence struct {
	// Matchers are labels with the values they must have.
	Matchers map[string]string
	Duration time.Duration
	// Author is the person's name, Comment the reason and where it was given.
	Author, Comment string
	// Key is the same for a form that is delivered twice.
	Key string
}

// durations that the form offers.
func durations() []time.Duration {
	return []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 24 * time.Hour, 72 * time.Hour}
}

// silenceForm is what the form remembers between its opening and its submission.
type silenceForm struct {
	Record  string `json:"record"`
	Channel string `json:"channel"`
	TS      string `json:"ts"`
}

// toSilence is what a silence of the whole incident matches: the labels its group
// is made of, else those that its alerts share.
func (in *incident) toSilence() map[string]string {
	for _, set := range []map[string]string{in.GroupLabels, common(in.subject(), labelsOf)} {
		out := maps.Clone(set)
		maps.DeleteFunc(out, func(_, v string) bool { return v == "" })
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// openSilence shows the form at once: the click's trigger lives for three seconds.
func (s *Slack) openSilence(ctx context.Context, cb *slackapi.InteractionCallback, c clicked) error {
	in, err := s.outbox.peek(c)
	if err != nil {
		return err
	}
	if s.opts.Silence == nil {
		return errors.New("this Watchtower sets no silences")
	}
	if len(in.toSilence()) == 0 {
		return errors.New("the alerts of this incident share no label that a silence could match: set one with amtool")
	}
	view, err := in.silenceView(silenceForm{Record: c.record, Channel: c.at.channelID, TS: c.at.ts})
	if err != nil {
		return err
	}
	f := s.own().call(ctx, func(ctx context.Context, api *slackapi.Client) error {
		_, err := api.OpenViewContext(ctx, cb.TriggerID, view)
		return err
	})
	if f != nil {
		return fmt.Errorf("the form could not be opened (%s): press the button again", f.text)
	}
	return nil
}

// silenceView is the form: how long, and why.
func (in *incident) silenceView(form silenceForm) (slackapi.ModalViewRequest, error) {
	metadata, err := json.Marshal(form)
	if err != nil {
		return slackapi.ModalViewRequest{}, fmt.Errorf("write form: %w", err)
	}
	var options []*slackapi.OptionBlockObject
	for _, d := range durations() {
		options = append(options, slackapi.NewOptionBlockObject(d.String(), plain(lasting(d)), nil))
	}
	choice := slackapi.NewOptionsSelectBlockElement(slackapi.OptTypeStatic, plain("How long"), fieldDuration, options...)
	choice.InitialOption = options[1]
	reason := slackapi.NewPlainTextInputBlockElement(plain("Why is it right that nobody hears of this?"), fieldReason)
	reason.Multiline, reason.MaxLength = true, 1000
	var labels []string
	matchers := in.toSilence()
	for _, k := range slices.Sorted(maps.Keys(matchers)) {
		labels = append(labels, code(k+"="+matchers[k], 200))
	}
	about := fmt.Sprintf("*%s*\nNobody is notified of any alert with these labels while the silence lasts: %s\nAcknowledging is different: it only says that you have it.",
		escaped(in.headline(), 300), strings.Join(labels, " "))
	return slackapi.ModalViewRequest{
		Type: slackapi.VTModal, CallbackID: viewSilence, PrivateMetadata: string(metadata),
		Title: plain("Silence the alerts"), Submit: plain("Silence"), Close: plain("Cancel"),
		Blocks: slackapi.Blocks{BlockSet: []slackapi.Block{
			slackapi.NewSectionBlock(styled(cutMrkdwn(about, maxSection)), nil, nil),
			slackapi.NewInputBlock(fieldDuration, plain("For how long?"), nil, choice),
			slackapi.NewInputBlock(fieldReason, plain("Reason"), plain("It is kept with the silence and shown on the page."), reason),
		}},
	}, nil
}

// submitSilence sets the silence of a form. A fault is shown in the form, under the
// field it is about.
func (s *Slack) submitSilence(ctx context.Context, cb *slackapi.InteractionCallback) any {
	field, err := s.silence(ctx, cb)
	if err != nil {
		s.metrics.clicks.WithLabelValues(viewSilence, "refused").Inc()
		return slackapi.NewErrorsViewSubmissionResponse(map[string]string{field: cut(withoutMentions(clean(err.Error())), maxFormError)})
	}
	s.metrics.clicks.WithLabelValues(viewSilence, "done").Inc()
	return nil
}

// withoutMentions turns mrkdwn into the plain text that a form shows.
func withoutMentions(s string) string {
	s = regexp.MustCompile(`<!subteam\^(\w+)>`).ReplaceAllString(s, "the user group $1")
	return regexp.MustCompile(`<!date\^[^|>]*\|([^>]*)>`).ReplaceAllString(s, "$1")
}

func (s *Slack) silence(ctx context.Context, cb *slackapi.InteractionCallback) (field string, err error) {
	var form silenceForm
	if err := json.Unmarshal([]byte(cb.View.PrivateMetadata), &form); err != nil {
		return fieldReason, errors.New("this form is not one of this Watchtower's")
	}
	if err := s.allowed(ctx, cb.User.ID); err != nil {
		return fieldReason, err
	}
	filled, field, err := filledIn(cb.View.State)
	if err != nil {
		return field, err
	}
	duration, reason := filled.duration, filled.reason
	c := clicked{record: form.Record, at: answered{form.Channel, form.TS}, who: s.whoIs(ctx, cb), id: viewSilence + "/" + cb.View.ID}
	in, err := s.outbox.peek(c)
	if err != nil {
		return fieldReason, err
	}
	if s.opts.Silence == nil {
		return fieldReason, errors.New("this Watchtower sets no silences")
	}
	id, err := s.opts.Silence(ctx, Silence{
		Matchers: in.toSilence(), Duration: duration, Author: c.who.person(), Key: c.id,
		Comment: reason + " (set from the page in Slack)",
	})
	if err != nil {
		s.logger.Error("a silence asked for in Slack could not be set", "err", err)
		return fieldReason, fmt.Errorf("the silence could not be set: %w", err)
	}
	set := silenced{deed: c.who, ID: id, Until: c.who.At.Add(duration), Reason: reason}
	h, err := s.outbox.handle(c, func(in *incident) (said, bool, error) {
		in.Handling.Silence = &set
		return said{kind: "silenced", text: reason, data: map[string]string{"silence": id, "until": set.Until.UTC().Format(time.RFC3339)}, msg: reply(fmt.Sprintf("🔕 %s silenced this until %s: %s", set.mention(), clock(set.Until), escaped(oneLine(reason), maxAbout)), nil)}, true, nil
	})
	s.tell(h, c)
	if err != nil && !errors.Is(err, errOver) { // the silence holds whatever became of the page
		s.logger.Warn("the page does not show its silence", "silence", id, "err", err)
	}
	return "", nil
}

// silenceAnswers are what somebody filled into the form.
type silenceAnswers struct {
	duration time.Duration
	reason   string
}

// filledIn reads the form; an error is about the field that is named. Slack has
// checked that nothing is missing; a forged or future form may still lack it.
func filledIn(state *slackapi.ViewState) (a silenceAnswers, field string, err error) {
	if state == nil {
		return a, fieldReason, errors.New("the form is empty")
	}
	a.duration, err = time.ParseDuration(state.Values[fieldDuration][fieldDuration].SelectedOption.Value)
	if err != nil || a.duration <= 0 || a.duration > 31*24*time.Hour {
		return a, fieldDuration, errors.New("choose how long")
	}
	a.reason = cut(strings.TrimSpace(clean(state.Values[fieldReason][fieldReason].Value)), 1000)
	if a.reason == "" {
		return a, fieldReason, errors.New("say why: whoever wonders tomorrow reads it")
	}
	return a, "", nil
}
