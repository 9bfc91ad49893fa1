// Package app wires Watchtower's parts together in one straight line: open the
// stores, build each part on those before it, run them all, stop in reverse.
//
//	a, err := app.Open(ctx, app.Options{ConfigFile: "watchtower.yaml"})
//	…
//	defer a.Close()
//	err = a.Run(ctx)
//
// It is the only package that knows all others; what one part needs of another is
// passed in here as a function or as one of Prometheus' or Alertmanager's types.
package app

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	promcollectors "github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/prometheus/discovery"
	promrules "github.com/prometheus/prometheus/rules"

	"github.com/watchtower-hub/watchtower/collectors"
	"github.com/watchtower-hub/watchtower/internal/config"
	"github.com/watchtower-hub/watchtower/internal/inbox"
	"github.com/watchtower-hub/watchtower/internal/oncall"
	"github.com/watchtower-hub/watchtower/internal/selfwatch"
	"github.com/watchtower-hub/watchtower/internal/store"
	"github.com/watchtower-hub/watchtower/internal/web"
	"github.com/watchtower-hub/watchtower/notifiers"
	"github.com/watchtower-hub/watchtower/notifiers/incidents"
	"github.com/watchtower-hub/watchtower/notifiers/slack"
	"github.com/watchtower-hub/watchtower/playbooks"
	"github.com/watchtower-hub/watchtower/rules"
)

// Options say what to open.
type Options struct {
	ConfigFile string       // watchtower.yaml; empty: defaults
	Version    string       // shown on pages and by the API
	Logger     *slog.Logger // nil: discarded
	// LocalSlack keeps every message in the local inbox, whatever token the
	// configuration or the environment holds.
	LocalSlack bool
}

// App is one Watchtower. Open makes it, Run runs it, Close releases its files.
type App struct {
	options  Options
	logger   *slog.Logger
	registry *prometheus.Registry
	started  time.Time

	listener net.Listener
	external *url.URL

	store  *store.Store
	ledger *store.Ledger
	state  *sql.DB

	discovery *discovery.SDMetrics // of scrape targets and Alertmanagers

	oncall      *oncall.Keeper // nil where no file says who is on call
	slack       *slack.Slack
	incidentLog *incidents.Log
	inbox       *inbox.Inbox // nil when Slack itself is used
	pipeline    *notifiers.Pipeline
	alerting    *notifiers.Alerting // to Alertmanagers outside
	engine      *rules.Engine
	promRules   *rules.PromRules
	escalator   *escalator // nil where no file says who is on call
	reports     *reports
	spokesman   *spokesman // nil where stakeholders have no channel, or are told by hand
	collectors  *collectors.Collectors
	boards      boards
	flow        flow
	site        http.Handler
	stopping    chan struct{} // closed when the pages are about to close
	selfwatch   *selfwatch.Watch

	opened  config.Config                // the configuration that Open found
	current atomic.Pointer[config.Files] // the configuration in force
	ready   chan struct{}
	closers []func() error // in the order of opening

	reloading  sync.Mutex // one reload at a time; guards lastReload
	lastReload reloadOutcome
}

// Open reads the configuration and opens everything it names: files are locked and
// the web address is bound, but nothing runs. After an error nothing is left open.
func Open(ctx context.Context, o Options) (a *App, err error) {
	logger := cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	files, playbookFaults, err := config.Read(o.ConfigFile)
	if err != nil {
		return nil, err
	}
	a = &App{options: o, logger: logger, registry: prometheus.NewRegistry(), started: time.Now(), ready: make(chan struct{}), stopping: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
			a = nil
		}
	}()
	if playbookFaults != nil {
		// They must not keep the others from being attached to a page.
		logger.Error("some playbooks cannot be used", "err", playbookFaults)
	}
	a.opened = files.Config
	a.current.Store(&files)
	a.registry.MustRegister(
		promcollectors.NewGoCollector(),
		promcollectors.NewProcessCollector(promcollectors.ProcessCollectorOpts{}),
		buildInfo(o.Version),
	)
	for _, open := range []func(context.Context, config.Files) error{
		a.listen, a.openStores, a.openOnCall, a.openIncidents, a.openSlack, a.openPipeline, a.openAlerting, a.openRules, a.openEscalation, a.openStakeholders, a.openReports, a.openCollectors, a.openSite, a.openSelfWatch,
	} {
		if err := open(ctx, files); err != nil {
			return a, err
		}
	}
	return a, nil
}

// Close releases what Open opened, last first. Run must have returned.
func (a *App) Close() error {
	var errs []error
	for _, release := range slices.Backward(a.closers) {
		errs = append(errs, release())
	}
	a.closers = nil
	return errors.Join(errs...)
}

// onClose adds something to release.
func (a *App) onClose(f func() error) { a.closers = append(a.closers, f) }

// listen binds the web address, so that a port in use is known before a file is
// touched, and settles where people reach the server.
func (a *App) listen(ctx context.Context, files config.Files) error {
	addr := files.Config.Web.Listen
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w (is another Watchtower running? set web.listen to another address)", addr, err)
	}
	a.listener = ln
	a.onClose(func() error {
		if err := ln.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	external := files.Config.Web.ExternalURL
	if external == web.DefaultConfig().ExternalURL {
		// Nobody set it: links must lead to the port that is really bound.
		external = "http://localhost:" + portOf(ln.Addr())
	}
	a.external, err = url.Parse(external)
	if err != nil {
		return fmt.Errorf("web.external_url: %w", err)
	}
	return nil
}

// portOf is the port of a bound address.
func portOf(addr net.Addr) string {
	_, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "0"
	}
	return port
}

func (a *App) openStores(_ context.Context, files config.Files) error {
	dir := files.Config.DataDir
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("data_dir: %w (name a folder that this user may write to)", err)
	}
	var err error
	a.store, err = store.Open(store.Options{Dir: dir, Config: files.Config.Store, Logger: a.logger, Registerer: a.registry})
	if err != nil {
		return err
	}
	a.onClose(a.store.Close)
	a.ledger, err = store.OpenLedger(filepath.Join(dir, "ledger"), a.logger, a.registry)
	if err != nil {
		return err
	}
	a.onClose(a.ledger.Close)
	a.state, err = store.OpenState(filepath.Join(dir, "state.db"))
	if err != nil {
		return err
	}
	a.onClose(a.state.Close)
	return nil
}

func (a *App) openPipeline(_ context.Context, files config.Files) error {
	var err error
	a.pipeline, err = notifiers.New(notifiers.Options{
		Config:         files.Config.Notifiers,
		Dir:            filepath.Join(files.Config.DataDir, "alertmanager"),
		ExternalURL:    a.external,
		ExternalLabels: files.Config.Collectors.ExternalLabels(),
		Slack:          a.slack.Notifier,
		Flushed:        a.flushed,
		Delivered:      a.delivered,
		Logger:         a.logger,
		Registerer:     a.registry,
	})
	if err != nil {
		return err
	}
	a.onClose(a.pipeline.Close)
	a.shareIncidents()
	if files.Config.Notifiers.Cluster.Enabled() {
		a.slack.ShareWith(instanceName(files.Config.DataDir), a.pipeline.AddState(pagesState, a.slack).Broadcast)
	}
	return nil
}

// openAlerting prepares sending to Alertmanagers outside.
func (a *App) openAlerting(_ context.Context, files config.Files) error {
	var err error
	if a.discovery, err = discovery.CreateAndRegisterSDMetrics(a.registry); err != nil {
		return fmt.Errorf("register discovery metrics: %w", err)
	}
	a.alerting, err = notifiers.NewAlerting(notifiers.Options{
		Config:         files.Config.Notifiers,
		ExternalURL:    a.external,
		ExternalLabels: files.Config.Collectors.ExternalLabels(),
		Logger:         a.logger,
		Registerer:     a.registry,
	}, a.discovery)
	if err != nil {
		return err
	}
	a.onClose(a.alerting.Close)
	return nil
}

// send hands alerts of the rules to the own pipeline and to the Alertmanagers outside.
func (a *App) send(ctx context.Context, expr string, alerts ...*promrules.Alert) {
	a.pipeline.Send(ctx, expr, alerts...)
	a.alerting.Send(ctx, expr, alerts...)
}

func (a *App) openRules(_ context.Context, files config.Files) error {
	cfg := files.Config
	var err error
	a.engine, err = rules.NewEngine(rules.EngineOptions{
		Objectives:       files.Objectives,
		Interval:         time.Duration(cfg.Rules.EvaluationInterval),
		Store:            a.store,
		Query:            a.store.QueryFunc(),
		Ledger:           a.ledger,
		DB:               a.state,
		SnapshotPath:     filepath.Join(cfg.DataDir, "ledger.snapshot"),
		Send:             a.send,
		ExternalURL:      a.external.String(),
		OutOfOrderWindow: time.Duration(cfg.Store.OutOfOrderWindow),
		Rewatch:          func() { a.store.SetObserver(a.engine) },
		Logger:           a.logger,
		Registerer:       a.registry,
	})
	if err != nil {
		return err
	}
	a.store.SetObserver(a.engine)
	a.promRules, err = rules.NewPromRules(rules.PromRulesOptions{
		Patterns:       cfg.Rules.Prometheus,
		Interval:       time.Duration(cfg.Collectors.Global.EvaluationInterval),
		Appendable:     a.store,
		Queryable:      a.store,
		Query:          a.store.QueryFunc(),
		Send:           a.send,
		ExternalURL:    a.external,
		ExternalLabels: cfg.Collectors.ExternalLabels().Map(),
		Logger:         a.logger,
		Registerer:     a.registry,
	})
	return err
}

func (a *App) openCollectors(_ context.Context, files config.Files) error {
	var err error
	a.collectors, err = collectors.New(collectors.Options{
		Config: files.Config.Collectors, Store: a.store, Logger: a.logger, Registerer: a.registry, Discovery: a.discovery,
		Version: a.options.Version,
	})
	return err
}

// URL is where this server answers, for people on this machine.
func (a *App) URL() string { return a.external.String() }

// OTLPAddrs are the bound addresses of the OTLP receivers, once Ready.
func (a *App) OTLPAddrs() (overGRPC, overHTTP string) { return a.collectors.OTLPAddrs() }

// Ready is closed when the server has restored its state and takes telemetry.
func (a *App) Ready() <-chan struct{} { return a.ready }

// Status is what an objective looks like as of the last evaluation.
func (a *App) Status(id string) (rules.Status, bool) { return a.engine.Status(id) }

// Statuses are all objectives as of the last evaluation.
func (a *App) Statuses() []rules.Status { return a.engine.Statuses() }

// Inbox is the local Slack, nil when Slack itself is used.
func (a *App) Inbox() *inbox.Inbox { return a.inbox }

// Samples is how many samples have been stored since the start.
func (a *App) Samples() uint64 { return a.store.Stats().Samples }

// Spans is how many spans have been counted since the start.
func (a *App) Spans() uint64 { return a.collectors.Status().Spans }

// playbook finds the playbook for an alert in the library in force, with the
// alert's own labels in its commands and queries.
func (a *App) playbook(labels map[string]string) (playbooks.Playbook, bool) {
	p, ok := a.current.Load().Playbooks.Match(labels)
	return p.Fill(labels), ok
}

// buildInfo is the metric that says which version runs.
func buildInfo(version string) prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "watchtower_build_info", Help: "Always 1; the label says which version runs.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	g.Set(1)
	return g
}
