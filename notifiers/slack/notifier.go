package slack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	amalert "github.com/prometheus/alertmanager/alert"
	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"

	"github.com/watchtower-hub/watchtower/playbooks"
)

// Keys in the notification log's store, which peers share, under which it says where
// a page is; Alertmanager's own notifier uses the same.
const (
	StoreTS      = "threadTs"
	StoreChannel = "channelId"
)

// firstSteps is how many steps that are not done yet the page shows.
const firstSteps = 4

// notifier serves one slack_config.
type notifier struct {
	slack     *Slack
	conf      *amconfig.SlackConfig
	receiver  string
	index     int
	tmpl      *template.Template
	workspace *workspace
}

var _ notify.Notifier = (*notifier)(nil)

// Notify puts the state of the group into the outbox and waits until Slack has
// taken it. It returns (true, error) when ctx ends first, and (false, error)
// when Slack refuses for good.
func (n *notifier) Notify(ctx context.Context, alerts ...*amalert.Alert) (bool, error) {
	groupKey, ok := notify.GroupKey(ctx)
	if !ok {
		return false, errors.New("notify Slack: the context has no group key")
	}
	if len(alerts) == 0 {
		return false, nil
	}
	if n.conf.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, n.conf.Timeout)
		defer cancel()
	}
	req := n.request(ctx, groupKey, alerts)
	soon, late := n.gather(ctx, &req.incident)
	if soon != nil {
		soon.add(&req.incident)
		req.picture = soon.file()
	}
	w := n.slack.outbox.submit(req)
	if w.opened {
		n.tellAssigned(groupKey, &req.incident)
	}
	n.slack.follow(req.key, req.incident.At, late)
	select {
	case d := <-w.done:
		return n.finish(ctx, req.channel, d)
	case <-ctx.Done():
	}
	select {
	case d := <-w.done: // both at once
		return n.finish(ctx, req.channel, d)
	default:
	}
	text := "the page is kept in the outbox and is sent as soon as Slack takes it"
	if trouble := n.slack.outbox.forget(req.key, w); trouble != "" {
		text += " (last try: " + trouble + ")"
	}
	reason := notify.ContextDeadlineExceededReason
	if errors.Is(ctx.Err(), context.Canceled) {
		reason = notify.ContextCanceledReason
	}
	return true, notify.NewErrorWithReason(reason, fmt.Errorf("slack channel %q: %s: %w", req.channel, text, ctx.Err()))
}

// finish tells the notification log where the page is.
func (n *notifier) finish(ctx context.Context, channel string, d delivery) (bool, error) {
	if d.fault != nil {
		return false, notify.NewErrorWithReason(d.fault.reason, fmt.Errorf("slack channel %q: %w", channel, d.fault))
	}
	if store, ok := notify.NflogStore(ctx); ok && store != nil && d.ts != "" {
		store.SetStr(StoreTS, d.ts)
		store.SetStr(StoreChannel, d.channelID)
	}
	return false, nil
}

// request gathers all that the outbox needs to know.
func (n *notifier) request(ctx context.Context, groupKey string, alerts []*amalert.Alert) *request {
	now := time.Now()
	groupLabels, _ := notify.GroupLabels(ctx)
	in := incident{
		Receiver: n.receiver, GroupLabels: cleanMap(groupLabels), At: now,
		ExternalURL: n.slack.opts.ExternalURL, Alerts: make([]alert, 0, len(alerts)),
	}
	for _, a := range alerts {
		in.Alerts = append(in.Alerts, alert{
			ID: a.Fingerprint().String(), Labels: cleanMap(a.Labels), Annotations: cleanMap(a.Annotations),
			StartsAt: a.StartsAt, EndsAt: a.EndsAt, Resolved: a.ResolvedAt(now), URL: clean(a.GeneratorURL),
		})
	}
	texts := n.texts(ctx, alerts)
	req := &request{
		workspace: n.workspace, channel: texts.channel, groupKey: groupKey,
		sendResolved: n.conf.SendResolved(), look: texts.look, reason: notify.ReasonUnknown, index: n.index,
		interactive: n.interactive(),
	}
	req.key = keyOf(n.receiver, n.workspace.id, req.channel, groupKey)
	in.Custom = texts.custom
	var roles map[string]string
	in.Playbook, roles = n.playbook(&in)
	in.Assigned = n.assigned(roles, &in)
	in.NoPlaybook = in.Playbook == nil && n.slack.opts.Playbook != nil
	in.OnCall = n.onCall(&in)
	req.incident = in
	req.reason, _ = notify.NotificationReason(ctx)
	req.repeat, _ = notify.RepeatInterval(ctx)
	if store, ok := notify.NflogStore(ctx); ok && store != nil {
		ts, _ := store.GetStr(StoreTS)
		if channelID, _ := store.GetStr(StoreChannel); channelID != "" && ts != "" {
			req.known = answered{channelID, ts}
		}
	}
	return req
}

// keyOf names the thread of incidents that a group has in a channel.
func keyOf(receiver, workspaceID, channel, groupKey string) string {
	sum := sha256.Sum256([]byte(receiver + "\x00" + laneKey(workspaceID, channel) + "\x00" + groupKey))
	return hex.EncodeToString(sum[:16])
}

// interactive reports that a press on a button of the page would reach us: only
// the app of our own workspace sends its clicks here.
func (n *notifier) interactive() bool {
	return n.slack.interactive() && n.workspace.id == ownWorkspace
}

// playbook finds what to do, by the labels that all alerts share, and who has which
// role.
func (n *notifier) playbook(in *incident) (pinned *playbook, roles map[string]string) {
	if n.slack.opts.Playbook == nil {
		return nil, nil
	}
	labels := maps.Clone(common(in.subject(), labelsOf))
	if named := common(in.subject(), annotationsOf)[playbooks.Label]; named != "" && labels[playbooks.Label] == "" {
		labels[playbooks.Label] = named
	}
	p, ok := n.slack.opts.Playbook(labels)
	if !ok {
		return nil, nil
	}
	return n.slack.pin(p), p.Roles
}

// texts are the executed templates of a slack_config.
type texts struct {
	custom
	look
	channel string
}

// texts executes the templates that the author of the slack_config wrote.
// Those that Alertmanager fills in by default say nothing of their own, and the
// page is better without them. A template that fails does not lose the page:
// the log says so, and the page goes out with our own words in its place.
func (n *notifier) texts(ctx context.Context, alerts []*amalert.Alert) texts {
	data := notify.GetTemplateData(ctx, n.tmpl, alerts, n.slack.logger)
	run := func(name, text, byDefault string) string {
		if text == "" || text == byDefault {
			return ""
		}
		out, err := n.tmpl.ExecuteTextString(text, data)
		if err != nil {
			n.slack.logger.Error("a template of slack_configs fails, the page is sent without it", "receiver", n.receiver, "field", name, "err", err)
			return ""
		}
		return strings.TrimSpace(clean(out))
	}
	c, std := n.conf, &amconfig.DefaultSlackConfig
	t := texts{
		channel: run("channel", c.Channel, ""),
		look: look{
			Username:  run("username", c.Username, std.Username),
			IconEmoji: run("icon_emoji", c.IconEmoji, std.IconEmoji),
			IconURL:   run("icon_url", c.IconURL, std.IconURL),
			LinkNames: c.LinkNames,
		},
		custom: custom{
			Title:    run("title", c.Title, std.Title),
			Text:     run("text", c.Text, std.Text),
			Fallback: run("fallback", c.Fallback, std.Fallback),
			Footer:   run("footer", c.Footer, std.Footer),
			ImageURL: run("image_url", c.ImageURL, ""),
		},
	}
	if t.channel == "" {
		t.channel = n.slack.opts.DefaultChannel
	}
	t.fill(c, std, run)
	return t
}

// fill adds the parts of a slack_config that are lists.
func (t *custom) fill(c, std *amconfig.SlackConfig, run func(name, text, byDefault string) string) {
	for _, s := range []string{run("message_text", c.MessageText, ""), run("pretext", c.Pretext, std.Pretext)} {
		if s != "" {
			t.Opening = append(t.Opening, s)
		}
	}
	for _, f := range c.Fields {
		title, value := run("fields", f.Title, ""), run("fields", f.Value, "")
		if s := strings.TrimSpace("*" + title + "*\n" + value); title+value != "" {
			t.Fields = append(t.Fields, s)
		}
	}
	if u := run("title_link", c.TitleLink, std.TitleLink); u != "" {
		t.Links = append(t.Links, anchor{"Details", u})
	}
	for _, a := range c.Actions {
		if text, u := run("actions", a.Text, ""), run("actions", a.URL, ""); text != "" && u != "" {
			t.Links = append(t.Links, anchor{text, u})
		}
	}
	t.Text, t.Footer = wellFormed(t.Text), wellFormed(t.Footer)
	for _, texts := range [][]string{t.Opening, t.Fields} {
		for i, s := range texts {
			texts[i] = wellFormed(s)
		}
	}
	t.Mentions = mentionsIn(append([]string{t.Text}, t.Opening...)...)
}
