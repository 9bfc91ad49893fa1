package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	slackapi "github.com/slack-go/slack"
)

// noteTime bounds the reading of a message that somebody marked as a note.
const noteTime = 10 * time.Second

// noteEmoji marks a reply in the thread of a page as a note for the timeline.
const noteEmoji = "memo"

// Events serves what Slack tells of the channels the app is in: a reply marked with
// :memo: becomes a note of the incident. Requests are checked as those to Interactions.
func (s *Slack) Events() http.Handler {
	return s.signedOnly(func(_ context.Context, body []byte) (any, error) {
		var outer struct {
			Type, Challenge string
			Event           json.RawMessage
		}
		if err := json.Unmarshal(body, &outer); err != nil {
			return nil, errors.New("this is not an event")
		}
		if outer.Type == "url_verification" {
			return map[string]string{"challenge": outer.Challenge}, nil
		}
		s.event(outer.Event)
		return nil, nil
	})
}

// reaction is the event of an emoji under a message.
type reaction struct {
	Type     string
	User     string
	Reaction string
	Item     struct {
		Type, Channel string
		TS            string `json:"ts"`
	}
}

// asClick is where to answer the one who marked a message.
func (r *reaction) asClick() *slackapi.InteractionCallback {
	cb := &slackapi.InteractionCallback{User: slackapi.User{ID: r.User}}
	cb.Channel.ID = r.Item.Channel
	return cb
}

// event handles an event. Slack is answered at once: what has to be asked of it comes
// after.
func (s *Slack) event(raw json.RawMessage) {
	var r reaction
	if json.Unmarshal(raw, &r) != nil || r.Type != "reaction_added" || r.Reaction != noteEmoji || r.Item.Type != "message" {
		return
	}
	s.background.run(func() {
		ctx, cancel := context.WithTimeout(context.Background(), noteTime)
		defer cancel()
		outcome := "done"
		switch err := s.noteOf(ctx, r); {
		case errors.Is(err, errUnknown):
			return // people mark messages elsewhere too
		case err != nil:
			outcome = "refused"
			s.logger.Warn("a reply was not noted", "channel", r.Item.Channel, "err", err)
			s.whisper(r.asClick(), fmt.Errorf("the reply that you marked was not noted: %w", err))
		}
		s.metrics.clicks.WithLabelValues("note", outcome).Inc()
	})
}

// noteOf makes a note of the message that somebody marked.
func (s *Slack) noteOf(ctx context.Context, r reaction) error {
	var found []slackapi.Message
	f := s.own().call(ctx, func(ctx context.Context, api *slackapi.Client) error {
		var err error
		found, _, _, err = api.GetConversationRepliesContext(ctx, &slackapi.GetConversationRepliesParameters{
			ChannelID: r.Item.Channel, Timestamp: r.Item.TS, Oldest: r.Item.TS, Latest: r.Item.TS, Inclusive: true, Limit: 1,
		})
		return err
	})
	if f != nil {
		return f
	}
	for i := range found {
		m := &found[i]
		if m.Timestamp != r.Item.TS || m.ThreadTimestamp == "" || m.BotID != "" || m.Text == "" {
			continue // a message outside any thread; what we said ourselves is in the timeline
		}
		c := clicked{at: answered{r.Item.Channel, m.ThreadTimestamp}, id: "note/" + r.Item.Channel + "/" + r.Item.TS}
		c.who = s.whoIs(ctx, &slackapi.InteractionCallback{User: slackapi.User{ID: m.User}})
		if err := s.noteFor(ctx, c, r.User, m.Text); err != nil {
			return err
		}
	}
	return nil
}

// noteFor makes a note of a reply below a page, whether its incident is over or not.
func (s *Slack) noteFor(ctx context.Context, c clicked, marker, text string) error {
	_, err := s.outbox.peek(c)
	var over past
	if errors.Is(err, errOver) || errors.Is(err, errUnknown) {
		var known bool
		if over, known, err = s.outbox.pastAt(c.at); err == nil && !known {
			return errUnknown
		}
	}
	if err != nil {
		return err
	}
	if err := s.allowed(ctx, marker); err != nil {
		return err
	}
	if over.groupKey != "" {
		s.noteAfter(over, c, unescape(clean(text)))
		return nil
	}
	h, err := s.outbox.handle(c, c.who.noted(text))
	if err != nil {
		return err
	}
	if h.groupKey == "" {
		return errStorm
	}
	s.tell(h, c)
	return nil
}

// noted is a note that stands in the thread already.
func (d deed) noted(text string) func(*incident) (said, bool, error) {
	return func(*incident) (said, bool, error) {
		return said{kind: "note", text: unescape(clean(text)), quiet: true}, true, nil
	}
}
