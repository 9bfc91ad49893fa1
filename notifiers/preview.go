package notifiers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/prometheus/alertmanager/alert"
	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/common/model"

	"github.com/watchtower-hub/watchtower/notifiers/slack"
)

// Preview returns the Slack pages that alerts would produce by the alertmanager.yml at file, without notifying anybody:
// one for each slack_config of each receiver that the first of the alerts is routed to. An empty file is the built-in
// configuration. The error says why there is none.
func Preview(ctx context.Context, file string, external *url.URL, s *slack.Slack, alerts ...*alert.Alert) ([]*slack.Preview, error) {
	pl, err := planBuilder{externalURL: external, logger: slog.New(slog.DiscardHandler)}.build(file)
	if err != nil {
		return nil, err
	}
	return pl.preview(ctx, s, alerts)
}

// Preview returns the Slack pages that alerts would produce by the configuration in force.
func (p *Pipeline) Preview(ctx context.Context, s *slack.Slack, alerts ...*alert.Alert) ([]*slack.Preview, error) {
	return p.currentPlan().preview(ctx, s, alerts)
}

func (p *plan) preview(ctx context.Context, s *slack.Slack, alerts []*alert.Alert) ([]*slack.Preview, error) {
	if len(alerts) == 0 {
		return nil, errors.New("a page needs an alert")
	}
	var pages []*slack.Preview
	var faults []error
	for _, r := range p.route.Match(alerts[0].Labels) {
		conf := p.receiver(r.RouteOpts.Receiver)
		if conf == nil || len(conf.SlackConfigs) == 0 {
			faults = append(faults, fmt.Errorf("receiver %q has no slack_configs: nothing of this alert goes to Slack there", r.RouteOpts.Receiver))
			continue
		}
		for i, c := range conf.SlackConfigs {
			page, err := s.Preview(groupContext(ctx, r, alerts[0]), ownSlackConfig(c), conf.Name, p.tmpl, alerts)
			if err != nil {
				faults = append(faults, fmt.Errorf("receiver %q, slack_configs[%d]: %w", conf.Name, i, err))
				continue
			}
			pages = append(pages, page)
		}
	}
	if len(pages) > 0 {
		return pages, nil
	}
	return nil, errors.Join(faults...)
}

func (p *plan) receiver(name string) *amconfig.Receiver {
	for i := range p.conf.Receivers {
		if p.conf.Receivers[i].Name == name {
			return &p.conf.Receivers[i]
		}
	}
	return nil
}

// groupContext is the context in which a group of this route notifies for the first time.
func groupContext(ctx context.Context, r *dispatch.Route, a *alert.Alert) context.Context {
	group := model.LabelSet{}
	for name, value := range a.Labels {
		if _, ok := r.RouteOpts.GroupBy[name]; ok || r.RouteOpts.GroupByAll {
			group[name] = value
		}
	}
	ctx = notify.WithGroupKey(ctx, fmt.Sprintf("%s:%s", r.Key(), group))
	ctx = notify.WithGroupLabels(ctx, group)
	ctx = notify.WithReceiverName(ctx, r.RouteOpts.Receiver)
	ctx = notify.WithRepeatInterval(ctx, r.RouteOpts.RepeatInterval)
	ctx = notify.WithNow(ctx, time.Now())
	return notify.WithNotificationReason(ctx, notify.ReasonFirstNotification)
}
