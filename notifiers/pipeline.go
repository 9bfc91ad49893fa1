package notifiers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/alertmanager/api"
	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/featurecontrol"
	"github.com/prometheus/alertmanager/marker"
	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/nflog/nflogpb"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/provider/mem"
	"github.com/prometheus/alertmanager/silence"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/watchtower-hub/watchtower/notifiers/cluster"
	"github.com/watchtower-hub/watchtower/notifiers/slack"
)

// The intervals of the Alertmanager program.
const (
	retention             = 120 * time.Hour
	maintenanceInterval   = 15 * time.Minute
	alertGCInterval       = 30 * time.Minute
	resetNativeHistograms = time.Hour
)

// SlackBuilder returns the notifier of one slack_config of a receiver; index is its place among them. conf has neither
// URL nor token where the file gives none: the Slack that Watchtower is connected to is meant.
type SlackBuilder func(conf *amconfig.SlackConfig, receiver string, index int, tmpl *template.Template) (notify.Notifier, error)

var _ SlackBuilder = (*slack.Slack)(nil).Notifier

// Options are what New needs. Dir and Slack are required.
type Options struct {
	// Config is the section notifiers of watchtower.yaml.
	Config Config
	// Dir is where silences and the notification log are kept. It is created.
	Dir string
	// ExternalURL is where people reach this server, for links in notifications.
	ExternalURL *url.URL
	// ExternalLabels are added to every alert that lacks them.
	ExternalLabels labels.Labels
	// Slack serves slack_configs.
	Slack SlackBuilder
	// Flushed is told of every group when it is due, by the goroutine that then notifies. Nil: nobody.
	Flushed func(context.Context, Flush)
	// Delivered is told what became of every attempt to notify. Nil: nobody.
	Delivered func(context.Context, Delivery)
	// Logger is silent if nil.
	Logger *slog.Logger
	// Registerer gets the metrics of this pipeline until it has stopped. None if nil.
	Registerer prometheus.Registerer
}

// Pipeline is an Alertmanager inside this process. All methods are safe for concurrent use.
type Pipeline struct {
	opts    Options
	logger  *slog.Logger
	builder planBuilder
	metrics *metrics
	reg     *prometheus.Registry

	alerts            *mem.Alerts
	silences          *silence.Silences
	silencer          *silence.Silencer
	notifications     *journaledLog
	silenceJournal    *journal
	silencing         sync.Mutex // Held from looking for a silence to making it.
	groupMarker       marker.GroupMarker
	stages            *notify.PipelineBuilder
	dispatcherMetrics *dispatch.DispatcherMetrics
	api               *api.API
	handler           http.Handler
	deliveries        *deliveries
	outages           *outages

	peer     *cluster.Peer // Nil without a cluster.
	shared   []*shared
	received chan struct{} // Holds one request to write what peers told.

	ready     chan struct{}
	closeOnce sync.Once
	closeErr  error
	live      atomic.Pointer[generation] // Nil before Run and after it.

	swap  sync.Mutex // Before mu. Held while generations are replaced, which waits for notifications under way.
	state runState   // Guarded by swap.

	mu          sync.Mutex // Held briefly.
	plan        *plan
	reloadErr   error
	reloadErrAt time.Time
}

type runState int

const (
	notStarted runState = iota
	started
	stopped
)

// New reads the configuration, the silences and the notification log. The pipeline accepts alerts at once and handles
// them once Run is called. A pipeline that never runs is released by Close.
func New(opts Options) (*Pipeline, error) {
	if opts.Dir == "" {
		return nil, errors.New("notifiers: Options.Dir is required")
	}
	if opts.Slack == nil {
		return nil, errors.New("notifiers: Options.Slack is required")
	}
	logger := opts.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	p := &Pipeline{
		opts:        opts,
		logger:      logger.With("component", "notifiers"),
		reg:         prometheus.NewRegistry(),
		groupMarker: marker.NewGroupMarker(),
		deliveries:  newDeliveries(),
		outages:     newOutages(),
		received:    make(chan struct{}, 1),
		ready:       make(chan struct{}),
	}
	p.metrics = newMetrics(p.reg)
	p.builder = planBuilder{externalURL: opts.ExternalURL, logger: p.logger, slack: opts.Slack, observe: p.observe}
	pl, err := p.build(opts.Config)
	if err != nil {
		return nil, err
	}
	if err := p.open(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	p.adopt(pl)
	return p, nil
}

// open builds what outlives a reload: the state on disk, the alerts in memory, the API.
func (p *Pipeline) open() error {
	if err := os.MkdirAll(p.opts.Dir, 0o750); err != nil {
		return fmt.Errorf("create directory of silences and notification log: %w", err)
	}
	if err := p.openState(); err != nil {
		return err
	}
	if err := p.openCluster(); err != nil {
		return err
	}
	recorder, flags := eventrecorder.NopRecorder(), featurecontrol.NoopFlags{}
	p.silencer = silence.NewSilencer(p.silences, p.logger, recorder)
	p.stages = notify.NewPipelineBuilder(p.reg, flags, recorder)
	p.dispatcherMetrics = dispatch.NewDispatcherMetrics(false, p.reg, flags)
	var err error
	p.alerts, err = mem.NewAlerts(context.Background(), alertGCInterval, 0, p.silencer, p.logger, recorder, p.reg, flags)
	if err != nil {
		return fmt.Errorf("create alert store: %w", err)
	}
	p.api, err = api.New(api.Options{
		Alerts:          p.alerts,
		Silences:        p.silences,
		GroupMutedFunc:  p.groupMarker.Muted,
		GroupFunc:       p.groups,
		Peer:            p.apiPeer(),
		Logger:          p.logger.With("component", "api"),
		Registry:        p.reg,
		RequestDuration: p.metrics.requests,
	})
	if err != nil {
		return fmt.Errorf("create Alertmanager API: %w", err)
	}
	p.handler = p.newHandler()
	if p.opts.Registerer != nil {
		if err := p.opts.Registerer.Register(p.reg); err != nil {
			return fmt.Errorf("register metrics of the notifiers: %w", err)
		}
	}
	return nil
}

// openState reads silences and notification log, and from then on writes every change behind what was read.
func (p *Pipeline) openState() error {
	var err error
	path := filepath.Join(p.opts.Dir, "nflog")
	logJournal, err := openJournal(path, readNotification, p.logger)
	if err != nil {
		return fmt.Errorf("open notification log: %w", err)
	}
	p.notifications = &journaledLog{journal: logJournal, failures: p.metrics.journalErrors.WithLabelValues("nflog")}
	p.notifications.log, err = nflog.New(nflog.Options{
		SnapshotFile: path,
		Retention:    retention,
		Logger:       p.logger.With("component", "nflog"),
		Metrics:      p.reg,
	})
	if err != nil {
		return fmt.Errorf("read notification log %s: %w", path, err)
	}
	p.notifications.log.SetBroadcast(logJournal.add)

	path = filepath.Join(p.opts.Dir, "silences")
	if p.silenceJournal, err = openJournal(path, readSilence, p.logger); err != nil {
		return fmt.Errorf("open silences: %w", err)
	}
	p.silences, err = silence.New(silence.Options{
		SnapshotFile:  path,
		Retention:     retention,
		Logger:        p.logger.With("component", "silences"),
		Metrics:       p.reg,
		EventRecorder: eventrecorder.NopRecorder(),
	})
	if err != nil {
		return fmt.Errorf("read silences %s: %w", path, err)
	}
	p.silences.SetBroadcast(p.silenceJournal.add)
	return nil
}

// Run notifies until ctx ends and returns when everything it started has stopped and is on disk. It may be called once.
func (p *Pipeline) Run(ctx context.Context) error {
	p.swap.Lock()
	if p.state != notStarted {
		p.swap.Unlock()
		return errors.New("notifiers: the pipeline has been run already")
	}
	p.state = started
	p.live.Store(p.start(p.currentPlan()))
	p.swap.Unlock()

	stop := make(chan struct{})
	var maintenance sync.WaitGroup
	if p.peer != nil {
		maintenance.Go(func() { p.peer.Join(ctx) })
		maintenance.Go(func() { p.flushReceived(stop) })
	}
	maintenance.Go(func() {
		p.notifications.log.Maintenance(maintenanceInterval, p.notifications.journal.path, stop, func() (int64, error) {
			_, err := p.notifications.log.GC()
			size, compactErr := p.notifications.journal.compact(p.notifications.log.Snapshot)
			return size, errors.Join(err, compactErr)
		})
	})
	maintenance.Go(func() {
		p.silences.Maintenance(maintenanceInterval, p.silenceJournal.path, stop, func() (int64, error) {
			_, err := p.silences.GC()
			size, compactErr := p.silenceJournal.compact(p.silences.Snapshot)
			return size, errors.Join(err, compactErr)
		})
	})
	close(p.ready)
	<-ctx.Done()

	p.swap.Lock()
	p.state = stopped
	p.live.Swap(nil).stop()
	p.swap.Unlock()
	close(stop)
	maintenance.Wait()
	return p.Close()
}

// Ready is closed when alerts are being dispatched.
func (p *Pipeline) Ready() <-chan struct{} { return p.ready }

// Close releases a pipeline that is not running. Run does it at its end.
func (p *Pipeline) Close() error {
	p.closeOnce.Do(func() {
		if p.opts.Registerer != nil {
			p.opts.Registerer.Unregister(p.reg)
		}
		p.leaveCluster()
		if p.alerts != nil {
			p.alerts.Close()
		}
		if p.notifications != nil {
			p.closeErr = p.notifications.journal.close()
		}
		if p.silenceJournal != nil {
			p.closeErr = errors.Join(p.closeErr, p.silenceJournal.close())
		}
	})
	return p.closeErr
}

// build builds the plan of a configuration, fallback receivers included.
func (p *Pipeline) build(c Config) (*plan, error) {
	b := p.builder
	b.needed = slices.Concat(c.Fallback, c.Escalation)
	pl, err := b.build(c.Alertmanager)
	if err != nil {
		return nil, err
	}
	if err := c.CheckFallback(pl.conf); err != nil {
		return nil, err
	}
	p.standIns(pl, c)
	return pl, nil
}

// Reload replaces alertmanager.yml by file, the built-in configuration if file is empty; all else stays as it was given
// to New. Otherwise it is Apply.
func (p *Pipeline) Reload(file string) error {
	c := p.opts.Config
	c.Alertmanager = file
	return p.Apply(c)
}

// Apply puts the parts of c in force that need no restart: Alertmanager, Fallback, FallbackAfter and Escalation. After an
// error, which joins all faults found, the previous configuration is still in force.
func (p *Pipeline) Apply(c Config) error {
	p.swap.Lock()
	defer p.swap.Unlock()
	if p.state == stopped {
		return errors.New("notifiers: reload after the pipeline has stopped")
	}
	pl, err := p.build(c)
	if err != nil {
		p.refuse(err)
		return err
	}
	// Nothing below can fail.
	p.adopt(pl)
	if old := p.live.Load(); old != nil {
		old.stop()
		p.live.Store(p.start(pl))
	}
	return nil
}

func (p *Pipeline) refuse(err error) {
	p.metrics.reloadOK.Set(0)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reloadErr, p.reloadErrAt = err, time.Now()
}

func (p *Pipeline) currentPlan() *plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.plan
}

// adopt makes pl the plan to run. The caller holds swap, or is New.
func (p *Pipeline) adopt(pl *plan) {
	p.mu.Lock()
	p.plan, p.reloadErr = pl, nil
	p.mu.Unlock()
	p.api.Update(pl.conf, p.markMuted)
	pl.warn(p.logger, retention)
	n := 0
	for _, integrations := range pl.receivers {
		n += len(integrations)
	}
	p.metrics.receivers.Set(float64(len(pl.receivers)))
	p.metrics.integrations.Set(float64(n))
	p.metrics.inhibitRules.Set(float64(len(pl.conf.InhibitRules)))
	p.metrics.reloadOK.Set(1)
	p.metrics.reloadSuccess.Set(float64(pl.loadedAt.Unix()))
}

// journaledLog is a notification log whose entries are on disk before a notification counts as sent.
type journaledLog struct {
	log      *nflog.Log
	journal  *journal
	failures prometheus.Counter
}

var _ notify.NotificationLog = (*journaledLog)(nil)

// Log implements notify.NotificationLog. An entry that cannot be written is in force all the same until the process ends.
//
//nolint:revive // argument-limit: Alertmanager's interface takes six.
func (l *journaledLog) Log(
	r *nflogpb.Receiver, group string, firing, resolved []uint64, store *nflog.Store, expiry time.Duration,
) error {
	if err := l.log.Log(r, group, firing, resolved, store, expiry); err != nil {
		return err
	}
	if err := l.flush(); err != nil {
		return fmt.Errorf("log notification: %w", err)
	}
	return nil
}

// flush writes what was logged or has come from peers.
func (l *journaledLog) flush() error {
	err := l.journal.flush()
	if err != nil {
		l.failures.Inc()
	}
	return err
}

// Query implements notify.NotificationLog.
func (l *journaledLog) Query(params ...nflog.QueryParam) ([]*nflogpb.Entry, error) {
	return l.log.Query(params...)
}
