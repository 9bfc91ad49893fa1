package app

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql"

	"github.com/watchtower-hub/watchtower/internal/config"
	"github.com/watchtower-hub/watchtower/internal/inbox"
	"github.com/watchtower-hub/watchtower/notifiers"
	"github.com/watchtower-hub/watchtower/notifiers/slack"
	"github.com/watchtower-hub/watchtower/playbooks"
)

// interactionsPath is where Slack posts what people press.
const interactionsPath = "/slack/interactions"

// pagesState is the key under which peers of a cluster share the pages in Slack.
const pagesState = "watchtower_pages"

// instanceName tells this instance from its peers, over restarts too: no two run on
// one folder.
func instanceName(dataDir string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost" // the folder still tells instances of one machine apart
	}
	if abs, err := filepath.Abs(dataDir); err == nil {
		dataDir = abs
	}
	return host + ":" + dataDir
}

// openSlack connects to Slack where a token or another address is configured, and
// to the local inbox otherwise.
func (a *App) openSlack(_ context.Context, files config.Files) error {
	conf := files.Config.Notifiers.Slack
	secrets, err := files.Config.Slack()
	if err != nil {
		return err
	}
	if a.options.LocalSlack {
		secrets, conf.APIURL = config.SlackSecrets{}, ""
	}
	o := slack.Options{
		APIURL: conf.APIURL, Token: secrets.BotToken, AppToken: secrets.AppToken, SigningSecret: secrets.SigningSecret,
		AllowedGroups: conf.AllowedUserGroups, DefaultChannel: conf.DefaultChannel, StormLimit: conf.StormLimit, DB: a.state,
		Playbook: a.playbook, Query: a.ask, Evidence: a.evidence, OnCall: a.onDuty, Assign: a.assign, Silence: a.silence, Tell: a.tellIncident,
		OnCallCommand: a.onCallCommand, StakeholderChannel: conf.StakeholderChannel, Bulletin: a.bulletinOf,
		ExternalURL: a.external.String(), Logger: a.logger, Registerer: a.registry,
	}
	if files.Config.Notifiers.Cluster.Enabled() {
		o.Posted = a.posted
	}
	local := secrets.BotToken == "" && conf.APIURL == ""
	if local {
		if err := a.openInbox(&o); err != nil {
			return err
		}
		if files.Config.Web.ConfigFile != "" {
			// TLS and passwords are for people: a guarded inbox is asked in-process.
			o.HTTPClient = &http.Client{Transport: inProcess{a.inbox.Handler()}}
		}
	}
	a.slack, err = slack.New(o)
	if err != nil {
		return err
	}
	if local {
		// Slack would come from outside; the inbox is in this process.
		client := &http.Client{Transport: inProcess{a.slack.Interactions()}}
		a.inbox.Connect(inbox.App{URL: a.external.String() + interactionsPath, SigningSecret: o.SigningSecret, Client: client})
	}
	return nil
}

// openInbox puts the local inbox in Slack's place.
func (a *App) openInbox(o *slack.Options) error {
	var err error
	a.inbox, err = inbox.New(inbox.Options{DB: a.state, Logger: a.logger, ExternalURL: a.external.String()})
	if err != nil {
		return err
	}
	a.onClose(func() error { a.inbox.Close(); return nil })
	o.Token, o.AppToken, o.SigningSecret = inboxToken, "", rand.Text()
	o.APIURL = "http://" + dialable(a.listener.Addr()) + "/inbox/api/"
	return nil
}

// ask answers a query of a playbook from the store.
func (a *App) ask(ctx context.Context, expr string, at time.Time) ([]playbooks.Sample, error) {
	vector, err := a.store.QueryFunc()(ctx, expr, at)
	if err != nil {
		return nil, err
	}
	return samples(vector), nil
}

func samples(vector promql.Vector) []playbooks.Sample {
	out := make([]playbooks.Sample, len(vector))
	for i, s := range vector {
		out[i] = playbooks.Sample{Labels: s.Metric.Map(), Value: s.F}
	}
	return out
}

// silence sets a silence that somebody asked for on a page.
func (a *App) silence(ctx context.Context, s slack.Silence) (string, error) {
	return a.pipeline.Silence(ctx, notifiers.NewSilence{
		Matchers: s.Matchers, Duration: s.Duration, Author: s.Author, Comment: s.Comment, Key: s.Key,
	})
}

// peerClock is how far the clocks of two peers may be apart.
const peerClock = 30 * time.Second

// posted asks the notification log, which the peers of a cluster share, for a page
// that a peer has posted since the incident began. A page that waited while this process
// was down waits until the peers have told what they did meanwhile.
func (a *App) posted(ctx context.Context, receiver string, index int, groupKey string, since time.Time) (channelID, ts string, ok bool) {
	if err := a.pipeline.Settled(ctx); err != nil {
		return "", "", false // ctx has ended, and nothing is sent either
	}
	page, ok := a.pipeline.Posted(receiver, index, groupKey)
	return page.ChannelID, page.TS, ok && !page.At.Before(since.Add(-peerClock))
}

// annotations are those of all firing alerts at present, by group key and
// fingerprint.
func (a *App) annotations() map[string]map[string]map[string]string {
	out := map[string]map[string]map[string]string{}
	for _, in := range a.pipeline.Incidents() {
		out[in.GroupKey] = map[string]map[string]string{}
		for _, al := range in.Alerts {
			out[in.GroupKey][al.Fingerprint] = al.Annotations
		}
	}
	return out
}

// slackHandlers serve what Slack posts to us.
func (a *App) slackHandlers() map[string]http.Handler {
	notHere := func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "Watchtower has no "+strings.TrimPrefix(r.URL.Path, "/slack/")+" for Slack: interactions, commands and events are served.", http.StatusNotFound)
	}
	return map[string]http.Handler{
		interactionsPath: a.slack.Interactions(), "/slack/commands": a.slack.Commands(), "/slack/events": a.slack.Events(),
		"/slack/": http.HandlerFunc(notHere),
	}
}
