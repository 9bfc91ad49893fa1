package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	slackapi "github.com/slack-go/slack"
)

const (
	// callTimeout ends a call that Slack does not answer.
	callTimeout = 10 * time.Second
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 8 << 20
	// eventType names our metadata on a message; the payload is {id: UUID}.
	eventType = "watchtower_message"
	// historyPages and historyPage bound a search of the history.
	historyPages = 5
	historyPage  = 200
	// maxPlain is the most of a text that is sent when Slack refuses the blocks.
	maxPlain = 3000
)

// look is how the author of a slack_config wants new messages to appear.
type look struct {
	Username  string `json:"username,omitempty"`
	IconEmoji string `json:"icon_emoji,omitempty"`
	IconURL   string `json:"icon_url,omitempty"`
	LinkNames bool   `json:"link_names,omitempty"`
}

// place is where a message is, or is to be.
type place struct {
	channel  string // name or ID
	ts       string // of the message to edit
	threadTS string // of the page to reply to
}

// post is one message to send.
type post struct {
	id        string // UUID, sent as metadata
	msg       message
	look      look
	broadcast bool
	bare      bool // only text: Slack refused the blocks or the metadata
}

// answered is what Slack says of a message it took.
type answered struct{ channelID, ts string }

// rawBlock is a block that already is JSON.
type rawBlock struct{ json.RawMessage }

var _ slackapi.Block = rawBlock{}

// BlockType implements slackapi.Block.
func (rawBlock) BlockType() slackapi.MessageBlockType { return "" }

// ID implements slackapi.Block.
func (rawBlock) ID() string { return "" }

// recorder sends requests, bounds the answers and keeps Retry-After, which
// slack-go drops unless the status is 429.
type recorder struct {
	client     *http.Client
	retryAfter time.Duration
}

// Do implements slack-go's HTTP client.
func (r *recorder) Do(req *http.Request) (*http.Response, error) {
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	if seconds, err := strconv.Atoi(strings.TrimSpace(resp.Header.Get("Retry-After"))); err == nil && seconds > 0 {
		r.retryAfter = min(time.Duration(seconds)*time.Second, time.Hour)
	} else if resp.StatusCode == http.StatusTooManyRequests {
		// slack-go makes a parse error of a Retry-After that is not a number.
		resp.Header.Del("Retry-After")
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

// call does one request of the API; nil is success.
func (w *workspace) call(ctx context.Context, do func(context.Context, *slackapi.Client) error) *fault {
	token, err := w.token()
	if err != nil {
		return &fault{verdict: retryable, code: "token_file", text: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	rec := &recorder{client: w.client}
	api := slackapi.New(token, slackapi.OptionAPIURL(w.apiURL), slackapi.OptionHTTPClient(rec))
	if err := do(ctx, api); err != nil {
		return judge(err, rec.retryAfter, hider(append(w.hidden, token)...))
	}
	return nil
}

// send posts a message.
func (w *workspace) send(ctx context.Context, at place, p post) (answered, *fault) {
	opts, err := options(p)
	if err != nil {
		return answered{}, &fault{verdict: tooRich, code: "our_blocks", text: err.Error()}
	}
	if at.threadTS != "" {
		opts = append(opts, slackapi.MsgOptionTS(at.threadTS))
	}
	if p.broadcast && at.threadTS != "" {
		opts = append(opts, slackapi.MsgOptionBroadcast())
	}
	var got answered
	f := w.call(ctx, func(ctx context.Context, api *slackapi.Client) error {
		channel, ts, err := api.PostMessageContext(ctx, at.channel, opts...)
		got = answered{channel, ts}
		return complete(got, err)
	})
	return got, f
}

// edit replaces the content of a message.
func (w *workspace) edit(ctx context.Context, at place, p post) (answered, *fault) {
	p.look = look{LinkNames: p.look.LinkNames} // an edit cannot change the sender
	opts, err := options(p)
	if err != nil {
		return answered{}, &fault{verdict: tooRich, code: "our_blocks", text: err.Error()}
	}
	var got answered
	f := w.call(ctx, func(ctx context.Context, api *slackapi.Client) error {
		channel, ts, _, err := api.UpdateMessageContext(ctx, at.channel, at.ts, opts...)
		got = answered{channel, ts}
		return complete(got, err)
	})
	return got, f
}

// complete refuses an ok that lacks what we have to remember.
func complete(got answered, err error) error {
	if err == nil && (got.channelID == "" || got.ts == "") {
		return fmt.Errorf("%w: no channel or no ts", errAnswer)
	}
	return err
}

func options(p post) ([]slackapi.MsgOption, error) {
	opts := []slackapi.MsgOption{
		slackapi.MsgOptionText(cutMrkdwn(p.msg.Text, maxPlain), false),
		slackapi.MsgOptionDisableLinkUnfurl(),
		slackapi.MsgOptionDisableMediaUnfurl(),
	}
	if !p.bare {
		metadata := slackapi.SlackMetadata{EventType: eventType, EventPayload: map[string]any{"id": p.id}}
		opts = append(opts, slackapi.MsgOptionMetadata(metadata))
	}
	blocks := []slackapi.Block{}
	if !p.bare && len(p.msg.Blocks) > 0 {
		var raws []json.RawMessage
		if err := json.Unmarshal(p.msg.Blocks, &raws); err != nil {
			return nil, fmt.Errorf("read blocks from the outbox: %w", err)
		}
		for _, raw := range raws {
			blocks = append(blocks, rawBlock{raw})
		}
	}
	// An edit without blocks has to clear those of the message.
	opts = append(opts, slackapi.MsgOptionBlocks(blocks...))
	if p.look.Username != "" {
		opts = append(opts, slackapi.MsgOptionUsername(p.look.Username))
	}
	if p.look.IconEmoji != "" {
		opts = append(opts, slackapi.MsgOptionIconEmoji(p.look.IconEmoji))
	}
	if p.look.IconURL != "" {
		opts = append(opts, slackapi.MsgOptionIconURL(p.look.IconURL))
	}
	if p.look.LinkNames {
		opts = append(opts, slackapi.MsgOptionLinkNames(true))
	}
	return opts, nil
}

// found is a message in the history.
type found struct {
	answered
	text string
}

// find looks for the message with the given UUID, sent not before since. ok is
// false when it is not there. The fault says that it cannot be known.
func (w *workspace) find(ctx context.Context, at place, id string, since time.Time) (hit found, ok bool, f *fault) {
	channelID := at.channel
	if !isChannelID(channelID) {
		if channelID, f = w.channelID(ctx, at.channel); f != nil {
			return found{}, false, f
		}
	}
	// Slack's clock may be behind ours.
	oldest := fmt.Sprintf("%d.000000", since.Add(-2*time.Minute).Unix())
	cursor := ""
	for range historyPages {
		var messages []slackapi.Message
		f := w.call(ctx, func(ctx context.Context, api *slackapi.Client) error {
			var err error
			messages, cursor, err = history(ctx, api, place{channel: channelID, threadTS: at.threadTS}, oldest, cursor)
			return err
		})
		if f != nil {
			return found{}, false, f
		}
		for i := range messages {
			m := &messages[i]
			if m.Metadata.EventType == eventType && m.Metadata.EventPayload["id"] == id {
				return found{answered{channelID, m.Timestamp}, m.Text}, true, nil
			}
		}
		if cursor == "" {
			break
		}
	}
	return found{}, false, nil
}

// history reads one page of a channel, or of a thread.
func history(ctx context.Context, api *slackapi.Client, at place, oldest, cursor string) ([]slackapi.Message, string, error) {
	if at.threadTS != "" {
		messages, _, next, err := api.GetConversationRepliesContext(ctx, &slackapi.GetConversationRepliesParameters{
			ChannelID: at.channel, Timestamp: at.threadTS, Oldest: oldest, Cursor: cursor,
			Limit: historyPage, IncludeAllMetadata: true,
		})
		return messages, next, err
	}
	answer, err := api.GetConversationHistoryContext(ctx, &slackapi.GetConversationHistoryParameters{
		ChannelID: at.channel, Oldest: oldest, Cursor: cursor, Limit: historyPage, IncludeAllMetadata: true,
	})
	if err != nil {
		return nil, "", err
	}
	return answer.Messages, answer.ResponseMetaData.NextCursor, nil
}

// channelID looks a channel's name up. It is needed only for the first message
// ever sent to a channel, when it is not known whether Slack took it.
func (w *workspace) channelID(ctx context.Context, name string) (string, *fault) {
	name = strings.TrimLeft(name, "#")
	cursor := ""
	for range historyPages {
		var channels []slackapi.Channel
		f := w.call(ctx, func(ctx context.Context, api *slackapi.Client) error {
			var err error
			channels, cursor, err = api.GetConversationsContext(ctx, &slackapi.GetConversationsParameters{
				Cursor: cursor, ExcludeArchived: true, Limit: 1000, Types: []string{"public_channel", "private_channel"},
			})
			return err
		})
		if f != nil {
			return "", f
		}
		for i := range channels {
			if channels[i].Name == name {
				return channels[i].ID, nil
			}
		}
		if cursor == "" {
			break
		}
	}
	return "", &fault{verdict: permanent, code: "channel_not_found", text: "Slack lists no channel " + strconv.Quote(name)}
}

// isChannelID tells C0123ABCD from a name: names have no capital letters.
func isChannelID(s string) bool {
	return regexp.MustCompile(`^[CDG][A-Z0-9]{6,}$`).MatchString(s)
}
