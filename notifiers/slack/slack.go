package slack

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/notify"
	amslack "github.com/prometheus/alertmanager/notify/slack"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/watchtower-hub/watchtower/playbooks"
)

// Options are what New needs. Only DB is required.
type Options struct {
	// APIURL is the base of the Slack Web API, such as the local inbox; empty: Slack's own.
	APIURL string
	// Token of the bot. It appears in no error, log or table. With an APIURL it
	// may be empty.
	Token string
	// AppToken (xapp-…) opens Socket Mode, SigningSecret checks what comes to
	// Interactions. With one of them the pages have buttons that answer.
	AppToken, SigningSecret string
	// AllowedGroups are the IDs of the user groups whose members may press them;
	// empty: everybody in the workspace.
	AllowedGroups []string
	// DefaultChannel gets what names no channel; empty: #oncall.
	DefaultChannel string
	// StormLimit is how many new incidents a minute a channel gets one message each
	// for; more share one. 0: any number.
	StormLimit int
	// HTTPClient calls APIURL; nil: a client with Go's defaults.
	HTTPClient *http.Client
	// DB holds the outbox and the memory of pages. It is not closed here.
	DB *sql.DB
	// Playbook finds what to do by the labels that the alerts of a group share.
	// An annotation playbook is among them when there is no such label. nil: none.
	Playbook func(labels map[string]string) (playbooks.Playbook, bool)
	// Query answers the queries in playbooks; nil: they stay as they are written.
	Query playbooks.Query
	// Evidence says what the store knows about alerts with these labels that fire
	// since then. What it does not know is left empty. It must end with its context.
	Evidence func(ctx context.Context, labels map[string]string, since, at time.Time) (Evidence, error)
	// OnCall tells who is on call for a team, and who is next.
	OnCall func(team string, at time.Time) (now, next Shift, ok bool)
	// Assign finds the person whom a playbook names for a role: a user, a team, on_call or
	// next_on_call of the team given. nil: roles are taken by command alone.
	Assign func(who, team string, at time.Time) (Shift, bool)
	// OnCallCommand answers /watchtower oncall and override: the Deed's Kind is the word,
	// its Text what follows. The answer is mrkdwn.
	OnCallCommand func(ctx context.Context, asked Deed) (string, error)
	// StakeholderChannel gets updates in plain words; empty: there is none.
	StakeholderChannel string
	// Bulletin returns the ts of the message there about the open incident of an alert
	// group, "" without one: updates follow in its thread. nil: there never is one.
	Bulletin func(groupKey string) (ts string)
	// Silence sets a silence and returns its ID; nil: the page says that it cannot.
	Silence func(ctx context.Context, s Silence) (id string, err error)
	// Tell hears what people did at the page of an alert group. It must not call back.
	Tell func(groupKey string, d Deed)
	// Posted finds the page that a peer has posted for an alert group since a time,
	// by the place of the slack_config in its receiver; nil: there are no peers. After
	// a start it does not answer before the peers have told what they know.
	Posted func(ctx context.Context, receiver string, index int, groupKey string, since time.Time) (channelID, ts string, ok bool)
	// ExternalURL is where people open this server; empty: pages have no links to it.
	ExternalURL string
	Logger      *slog.Logger
	Registerer  prometheus.Registerer
}

// Slack sends pages and answers those who press their buttons. It is safe for
// concurrent use.
type Slack struct {
	opts         Options
	logger       *slog.Logger
	metrics      *metrics
	ownWorkspace *workspace
	outbox       *outbox
	members      *members
	people       people
	state        socketState
	looking      chan struct{} // one slot for each incident whose evidence is gathered
	background   crew          // what Run waits for before it returns
}

// New prepares the tables in opts.DB and loads what they remember. Nothing is
// sent before Run.
func New(opts Options) (*Slack, error) {
	if opts.DB == nil {
		return nil, errors.New("slack: Options.DB is required")
	}
	opts.DefaultChannel = cmp.Or(opts.DefaultChannel, DefaultConfig().DefaultChannel)
	opts.ExternalURL = strings.TrimRight(opts.ExternalURL, "/")
	if opts.HTTPClient == nil {
		// A redirect would carry the token to another host.
		stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		opts.HTTPClient = &http.Client{CheckRedirect: stay}
	}
	opts.Logger = cmp.Or(opts.Logger, slog.New(slog.DiscardHandler))
	if opts.APIURL != "" {
		// The local inbox and most gateways want a token, but any will do.
		opts.Token = cmp.Or(opts.Token, "xoxb-none")
	}
	logger := opts.Logger.With("component", "slack")
	s := &Slack{
		opts: opts, logger: logger, people: people{known: map[string]named{}}, looking: make(chan struct{}, evidenceAtOnce),
		ownWorkspace: newWorkspace(ownWorkspace, base(opts.APIURL), opts.HTTPClient, constant(opts.Token)),
	}
	s.members = &members{groups: opts.AllowedGroups, list: func(ctx context.Context, group string) ([]string, *fault) { return s.own().membersOf(ctx, group) }}
	s.outbox = &outbox{
		disk: disk{opts.DB}, logger: logger, wake: make(chan struct{}, 1), storm: opts.StormLimit, posted: s.posted(),
		workspaces: map[string]*workspace{ownWorkspace: s.ownWorkspace},
		records:    map[string]*record{}, lanes: map[string]*lane{},
	}
	s.metrics = newMetrics(opts.Registerer,
		func() float64 { return float64(s.Stats().Depth) },
		func() float64 { return s.Stats().Oldest.Seconds() })
	s.outbox.metrics = s.metrics
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.outbox.disk.migrate(ctx); err != nil {
		return nil, fmt.Errorf("prepare Slack outbox: %w", err)
	}
	if err := s.outbox.load(ctx); err != nil {
		return nil, fmt.Errorf("load Slack outbox: %w", err)
	}
	return s, nil
}

// posted asks Options.Posted as the outbox does.
func (s *Slack) posted() func(context.Context, pageKey) (answered, bool) {
	if s.opts.Posted == nil {
		return nil
	}
	return func(ctx context.Context, k pageKey) (answered, bool) {
		channelID, ts, ok := s.opts.Posted(ctx, k.receiver, k.index, k.groupKey, k.since)
		return answered{channelID, ts}, ok && channelID != "" && ts != ""
	}
}

// Run delivers the outbox and, with an app token, listens for clicks until ctx
// ends, and returns when every call has ended. It is to be called once; its error is
// always nil.
func (s *Slack) Run(ctx context.Context) error {
	if s.opts.AppToken != "" {
		s.background.run(func() { s.listen(ctx) })
	}
	s.outbox.run(ctx)
	s.background.stop()
	return nil
}

// own is the workspace of Options, through the proxy that a slack_config names.
func (s *Slack) own() *workspace {
	s.outbox.mu.Lock()
	defer s.outbox.mu.Unlock()
	return s.outbox.workspaces[ownWorkspace]
}

// interactive reports that somebody answers the buttons of our own pages.
func (s *Slack) interactive() bool { return s.opts.AppToken != "" || s.opts.SigningSecret != "" }

// Notifier returns the notifier of one slack_config of a receiver, its index among them. One without
// URL and token uses the workspace of Options.
func (s *Slack) Notifier(conf *amconfig.SlackConfig, receiver string, index int, tmpl *template.Template) (notify.Notifier, error) {
	if conf == nil || tmpl == nil {
		return nil, errors.New("slack: a notifier needs a slack_config and templates")
	}
	if tmpl.ExternalURL == nil { // its Data would panic
		t := *tmpl
		t.ExternalURL = &url.URL{}
		tmpl = &t
	}
	to, err := s.destinationOf(conf)
	if err != nil {
		return nil, fmt.Errorf("receiver %q: %w", receiver, err)
	}
	if to.webhook != "" {
		return s.webhookNotifier(conf, tmpl, to.webhook)
	}
	s.outbox.register(to.workspace)
	return &notifier{slack: s, conf: conf, receiver: receiver, index: index, tmpl: tmpl, workspace: to.workspace}, nil
}

func (s *Slack) webhookNotifier(conf *amconfig.SlackConfig, tmpl *template.Template, rawURL string) (notify.Notifier, error) {
	c := *conf
	if c.HTTPConfig == nil {
		c.HTTPConfig = plainHTTPConfig()
	}
	next, err := amslack.New(&c, tmpl, s.logger)
	if err != nil {
		return nil, fmt.Errorf("build incoming webhook: %s", hider(rawURL)(err.Error()))
	}
	return newWebhook(next, rawURL), nil
}

// Stats returns the state of the outbox and of the buttons.
func (s *Slack) Stats() Stats {
	stats := s.outbox.snapshot(time.Now())
	stats.Buttons = ButtonsOff
	switch {
	case s.opts.AppToken != "":
		s.state.mu.Lock()
		defer s.state.mu.Unlock()
		stats.Buttons, stats.ButtonsTrouble = ButtonsSocket, s.state.trouble
		if !s.state.connected && stats.ButtonsTrouble == "" {
			stats.ButtonsTrouble = "not connected yet"
		}
	case s.opts.SigningSecret != "":
		stats.Buttons = ButtonsHTTP
	}
	return stats
}

// Finish marks resolved the pages of groups that are over, so that none stays
// red because the server was down, or the alert silenced, when it ended.
//
// stillFiring gets Alertmanager's group key and must say true while the group
// holds any alert: one that fires, silenced or inhibited or not, and one that
// has ended but whose end Alertmanager has not sent yet. (If such a group were
// finished here and fired again before its next flush, Alertmanager would see
// no change, and the page would stay green.) Call it once what fires is known
// again, that is, after the rules were evaluated and their alerts grouped; it
// may be called again at any time. It queues the edits and does not wait for
// Slack. Pages of slack_configs with send_resolved: false stay.
func (s *Slack) Finish(ctx context.Context, stillFiring func(groupKey string) bool) {
	if ctx.Err() != nil {
		return
	}
	if n := s.outbox.finish(time.Now(), stillFiring); n > 0 {
		s.logger.Info("finishing pages whose alerts do not fire any more", "pages", n)
	}
}
