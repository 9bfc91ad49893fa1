// Package inbox is a local Slack: the Web API methods a bot uses, with Slack's
// limits and errors, kept in SQLite and shown as a chat at /inbox, where people
// click, fill in modals and read what only they are told. It takes Slack's place
// where no token is configured, and in tests.
//
// Its words are Slack's. A channel has a name and an ID; a name that is posted
// to for the first time becomes a channel, and its ID is a function of its name.
// A message is known by its channel and its ts, which is unique and increasing
// within the channel. A reply names its parent's ts as thread_ts.
//
// slack-go is pointed at it by the URL alone:
//
//	box, err := inbox.New(inbox.Options{DB: db})
//	mux.Handle("/inbox/", box.Handler())
//	client := slack.New("xoxb-local", slack.OptionAPIURL("http://localhost:9911/inbox/api/"))
//
// Any token that is not empty is accepted, and for Socket Mode any that begins with
// xapp-. Whoever reaches the page can read it, and be anyone in it.
//
// # Clicks
//
// What people do reaches the app as Slack delivers it: over a socket while one is
// open (apps.connections.open), else as a signed POST to where Connect says. The
// app has three seconds. Tests do what people do by [Inbox.Click], [Inbox.Submit]
// and [Inbox.CloseView], and wait for what comes of it by [Inbox.Wait]:
//
//	box.Connect(inbox.App{URL: app.URL + "/slack/interactions", SigningSecret: secret})
//	err := box.Click(ctx, inbox.Click{Channel: "oncall", TS: ts, ActionID: "silence", User: "U0PRIYA"})
//	view, open := box.OpenView("U0PRIYA")
//	wrong, err := box.Submit(ctx, view.ID, map[string][]string{"reason": {"deploy"}}, "U0PRIYA")
//
// Messages, files and response URLs are in the database. Triggers, open views and
// what somebody chose in a message but did not send last as long as the process.
//
// # A broken Slack
//
// [Inbox.Fail] lets calls go wrong. So does a shell, to rehearse an outage:
//
//	curl localhost:9911/inbox/faults -d '{"method": "chat.postMessage", "status": 503, "times": 3}'
//	curl localhost:9911/inbox/faults -d '{"method": "chat.update", "status": 429, "retry_after": 30}'
//	curl localhost:9911/inbox/faults -d '[{"method": "*", "delay": "4s", "times": -1}]'
//	curl localhost:9911/inbox/faults
//	curl -X DELETE localhost:9911/inbox/faults
//
// The method * stands for every method; response_url and upload_url are the two
// addresses that are no methods. A fault has a status (429 comes with retry_after),
// or Slack's word for an error, or a delay, or several of these; performed carries
// the call out and loses the answer; times is 1 unless it is given, and -1 is until
// healed. The page says at its top what is still to come.
package inbox

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options say where an inbox keeps its messages and how it behaves. Only DB is required.
type Options struct {
	// DB is an open SQLite database. The inbox creates its own tables, all named inbox_….
	DB *sql.DB
	// Logger takes what goes wrong; nil logs nothing.
	Logger *slog.Logger
	// ExternalURL begins the permalinks, as http://localhost:9911; empty uses the address of the request.
	ExternalURL string
	// Channels, when not empty, are the only channels: any other is answered with channel_not_found.
	// Empty: a name that is posted to becomes a channel.
	Channels []string
	// People are who may use the inbox; the first is who you are until you choose another. Empty: two, You and Sam, and
	// every ID of a user's form is someone.
	People []Person
	// Groups are the user groups: the members' IDs by the group's handle. A group's ID is a function of its handle, unless
	// the handle is itself of an ID's form, as S0ONCALL1.
	Groups map[string][]string
	// FileDelay is for how long after an upload is complete its file cannot be shown by an image block, as on Slack, which
	// first processes it.
	FileDelay time.Duration
	// Unlimited turns Slack's rates off, for tests that post a lot.
	Unlimited bool
	// Location is the time zone of the page; nil is the server's.
	Location *time.Location
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Inbox is a local Slack. Its methods are safe for concurrent use.
type Inbox struct {
	archive   archive
	logger    *slog.Logger
	external  string
	channels  []string
	location  *time.Location
	fileDelay time.Duration
	now       func() time.Time
	methods   map[string]method
	rates     *rates
	faults    *faults
	people    directory
	board     *switchboard
	sockets   *sockets
	changes   *changes
	templates *template.Template
	render    renderer
	handler   http.Handler
	closing   chan struct{} // closed by Close
	closeOnce sync.Once
}

// New opens an inbox on opts.DB and brings its tables up to date.
func New(opts Options) (*Inbox, error) {
	if opts.DB == nil {
		return nil, errors.New("open inbox: no database was given")
	}
	emoji, err := readEmoji(emojiFile)
	if err != nil {
		return nil, fmt.Errorf("open inbox: %w", err)
	}
	b := &Inbox{
		archive:   archive{db: opts.DB, room: maxFiles},
		logger:    cmp.Or(opts.Logger, slog.New(slog.DiscardHandler)),
		external:  strings.TrimRight(opts.ExternalURL, "/"),
		location:  cmp.Or(opts.Location, time.Local),
		fileDelay: opts.FileDelay,
		now:       opts.Now,
		people:    newDirectory(opts.People, opts.Groups),
		board:     newSwitchboard(),
		sockets:   newSockets(),
		changes:   newChanges(),
		closing:   make(chan struct{}),
	}
	b.faults = newFaults(b.changes.publish)
	b.render = renderer{emoji: emoji, markdown: newMarkdown(), people: b.people}
	if b.now == nil {
		b.now = time.Now
	}
	for _, name := range opts.Channels {
		b.channels = append(b.channels, channelName(name))
	}
	if !opts.Unlimited {
		b.rates = newRates()
	}
	if b.templates, err = parseTemplates(); err != nil {
		return nil, fmt.Errorf("open inbox: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := b.archive.migrate(ctx); err != nil {
		return nil, fmt.Errorf("open inbox: %w", err)
	}
	for _, name := range b.channels {
		if _, err := b.archive.create(ctx, name, b.now()); err != nil {
			return nil, fmt.Errorf("open inbox: %w", err)
		}
	}
	b.methods = b.apiMethods()
	b.handler = b.routes()
	return b, nil
}

// Handler serves the page at /inbox and below, and the Slack Web API at /inbox/api/{method}.
func (b *Inbox) Handler() http.Handler { return b.handler }

// Close ends the live updates of open pages and the open sockets, so that a server that shuts down need not wait for
// them. Everything else goes on working. The database stays open: it is its owner's to close.
func (b *Inbox) Close() { b.closeOnce.Do(func() { close(b.closing) }) }

// Message is one message as Slack keeps it. Blocks, Attachments and Metadata are JSON, empty when there are none.
type Message struct {
	Channel  string // its channel's ID
	TS       string // unique and increasing within the channel, as 1700000000.000100
	ThreadTS string // the parent's ts; empty outside a thread, and for the parent itself
	// Broadcast is a reply that the channel shows as well.
	Broadcast bool
	// Text is the fallback: what a phone's lock screen shows.
	Text        string
	Blocks      []byte
	Attachments []byte
	Metadata    []byte
	// Files are the IDs of those that were shared with it.
	Files []string
	// User is the name it is shown under.
	User string
	// Ephemeral is the ID of the only user who sees it; empty: all do.
	Ephemeral string
	Posted    time.Time
	Edited    time.Time // zero: never
	Edits     int       // how often it was edited
	Deleted   bool
	Reactions []Reaction

	icon string
}

// Reaction is an emoji under a message.
type Reaction struct {
	Name  string
	Users []string // IDs, in the order they reacted
}

// Channel is a channel, or a direct message: then its name is @ and the user.
type Channel struct {
	ID      string
	Name    string // without #
	Created time.Time
	// Latest is the ts of its newest message; empty: it has none.
	Latest string
	// Firing counts its messages whose header says that something is on fire.
	Firing int
}

// Messages returns every message of a channel, named by name or ID, oldest first: replies, ephemeral and deleted ones too.
// A channel that does not exist has no messages.
func (b *Inbox) Messages(ctx context.Context, channel string) ([]Message, error) {
	c, err := b.archive.find(ctx, channel)
	if errors.Is(err, errNoChannel) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read messages of %s: %w", channel, err)
	}
	rows, err := b.archive.messages(ctx, c.id, selection{})
	if err != nil {
		return nil, fmt.Errorf("read messages of %s: %w", channel, err)
	}
	reactions, err := b.archive.reactions(ctx, c.id, span(rows))
	if err != nil {
		return nil, fmt.Errorf("read messages of %s: %w", channel, err)
	}
	messages := make([]Message, 0, len(rows))
	for _, m := range rows {
		messages = append(messages, m.public(reactions[m.ts]))
	}
	return messages, nil
}

// Channels returns every channel, sorted by name.
func (b *Inbox) Channels(ctx context.Context) ([]Channel, error) {
	rows, err := b.archive.channels(ctx)
	if err != nil {
		return nil, fmt.Errorf("read channels: %w", err)
	}
	channels := make([]Channel, 0, len(rows))
	for _, c := range rows {
		channels = append(channels, Channel{ID: c.id, Name: c.name, Created: c.created.time(), Latest: c.latest.String(), Firing: c.firing})
	}
	return channels, nil
}

// Wait returns the first message of the channel, oldest first, for which ok says true, and waits for one until ctx ends.
// It looks again after every change, edits and deletions included; ok must not call the inbox.
func (b *Inbox) Wait(ctx context.Context, channel string, ok func(Message) bool) (Message, error) {
	for {
		changed, _ := b.changes.next()
		messages, err := b.Messages(ctx, channel)
		if err != nil {
			return Message{}, err
		}
		if i := slices.IndexFunc(messages, ok); i >= 0 {
			return messages[i], nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Message{}, fmt.Errorf("wait for a message in %s: %w", channel, ctx.Err())
		}
	}
}

// Delete removes a message as if a person had deleted it in the chat. The channel is a name or an ID.
func (b *Inbox) Delete(ctx context.Context, channel, ts string) error {
	c, err := b.archive.find(ctx, channel)
	if err != nil {
		return fmt.Errorf("delete message %s in %s: %w", ts, channel, err)
	}
	at, ok := parseStamp(ts)
	if !ok {
		return fmt.Errorf("delete message %q in %s: that is no ts", ts, channel)
	}
	if err := b.archive.remove(ctx, c.id, at, stampOf(b.now())); err != nil {
		return fmt.Errorf("delete message %s in %s: %w", ts, channel, err)
	}
	b.changes.publish()
	return nil
}

// changes tells everyone who waits that something was written. Its zero value is not usable.
type changes struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced on every change
	count   uint64
	start   string // of this process: a restart looks like a change
}

func newChanges() *changes {
	return &changes{changed: make(chan struct{}), start: strconv.FormatInt(time.Now().UnixNano(), 36)}
}

// next returns a channel that is closed at the next change, and the version of what is there now.
func (c *changes) next() (<-chan struct{}, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed, c.start + "." + strconv.FormatUint(c.count, 36)
}

func (c *changes) publish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	close(c.changed)
	c.changed = make(chan struct{})
}
