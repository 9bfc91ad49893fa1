package notifiers

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/config/receiver"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/alertmanager/timeinterval"
)

// plan is everything an alertmanager.yml asks for, built and not yet running. Building it has no effect on what runs.
type plan struct {
	file      string
	loadedAt  time.Time
	conf      *amconfig.Config
	tmpl      *template.Template
	route     *dispatch.Route
	receivers map[string][]notify.Integration // Of the receivers that a route, a fallback or an escalation uses.
	intervals map[string][]timeinterval.TimeInterval
	backed    map[string][]*backed // Integrations that fallback receivers stand in for, by receiver.
	fallbacks []target             // The integrations of all fallback receivers.
}

// planBuilder turns files into plans.
type planBuilder struct {
	externalURL *url.URL
	logger      *slog.Logger
	// slack serves slack_configs. If nil, the plan has none: enough to check a file, not to run it.
	slack SlackBuilder
	// needed names receivers that are built even if no route uses them.
	needed []string
	// observe wraps every integration. If nil, they stay as they are.
	observe func(receiverName string, i notify.Integration) notify.Integration
}

// build reads file, or the built-in configuration if it is empty, and builds all that can fail. The error joins all
// faults it finds.
func (b planBuilder) build(file string) (*plan, error) {
	dir, err := directory(file)
	if err != nil {
		return nil, err
	}
	src, err := readSource(file)
	if err != nil {
		return nil, err
	}
	conf, err := parseConfig(src, dir)
	if err != nil {
		return nil, err
	}
	p := &plan{
		file:      file,
		loadedAt:  time.Now(),
		conf:      conf,
		route:     dispatch.NewRoute(conf.Route, nil),
		receivers: map[string][]notify.Integration{},
		intervals: map[string][]timeinterval.TimeInterval{},
	}
	if p.tmpl, err = template.FromGlobs(conf.Templates); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", src.name, topLevelLine(src.text, "templates"), err)
	}
	p.tmpl.ExternalURL = b.externalURL
	if p.tmpl.ExternalURL == nil {
		p.tmpl.ExternalURL = &url.URL{}
	}
	used := map[string]bool{}
	p.route.Walk(func(r *dispatch.Route) { used[r.RouteOpts.Receiver] = true })
	for _, name := range b.needed {
		used[name] = true
	}
	var faults []error
	for _, r := range conf.Receivers {
		if !used[r.Name] {
			b.logger.Info("receiver is used by no route", "receiver", r.Name)
			continue
		}
		integrations, err := b.integrations(r, p)
		if err != nil {
			line := faultLine(src.text, fmt.Sprintf("name %q", r.Name))
			faults = append(faults, fmt.Errorf("%s:%d: receiver %q: %w", src.name, line, r.Name, err))
		}
		p.receivers[r.Name] = integrations
	}
	for _, t := range conf.MuteTimeIntervals {
		p.intervals[t.Name] = t.TimeIntervals
	}
	for _, t := range conf.TimeIntervals {
		p.intervals[t.Name] = t.TimeIntervals
	}
	return p, errors.Join(faults...)
}

// integrations builds one receiver: slack_configs by our own Slack, the others as Alertmanager does.
func (b planBuilder) integrations(r amconfig.Receiver, p *plan) ([]notify.Integration, error) {
	others := r
	others.SlackConfigs = nil
	all, err := receiver.BuildReceiverIntegrations(others, p.tmpl, b.logger)
	faults := []error{err}
	all = contain(others, all, b.logger)
	for i, c := range r.SlackConfigs {
		if b.slack == nil {
			break
		}
		c = ownSlackConfig(c)
		n, err := b.slack(c, r.Name, i, p.tmpl)
		if err != nil {
			faults = append(faults, fmt.Errorf("slack_configs[%d]: %w", i, err))
			continue
		}
		all = append(all, notify.NewIntegration(n, c, "slack", i, r.Name))
	}
	if b.observe != nil {
		for i := range all {
			all[i] = b.observe(r.Name, all[i])
		}
	}
	return all, errors.Join(faults...)
}

// warn logs what is allowed and probably not meant, as Alertmanager does.
func (p *plan) warn(logger *slog.Logger, retention time.Duration) {
	p.route.Walk(func(r *dispatch.Route) {
		o := r.RouteOpts
		if o.RepeatInterval > retention {
			logger.Warn("repeat_interval is longer than the notification log remembers: notifications may repeat earlier",
				"route", r.Key(), "repeat_interval", o.RepeatInterval, "retention", retention)
		}
		if o.RepeatInterval < o.GroupInterval {
			logger.Warn("repeat_interval is shorter than group_interval: notifications repeat at group_interval",
				"route", r.Key(), "repeat_interval", o.RepeatInterval, "group_interval", o.GroupInterval)
		}
	})
	for _, r := range p.conf.Receivers {
		for _, name := range p.undefined(r) {
			logger.Warn("a receiver uses a template that nothing defines: its notifications fail or are empty",
				"receiver", r.Name, "template", name, "file", p.file)
		}
	}
	if p.conf.TracingConfig.Endpoint != "" {
		logger.Warn("tracing in alertmanager.yml has no effect here", "file", p.file)
	}
}
