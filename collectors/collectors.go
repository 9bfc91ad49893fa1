package collectors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	promconfig "github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/watchtower-hub/watchtower/collectors/spans"
	"github.com/watchtower-hub/watchtower/collectors/tsdbexporter"
)

// Options of Collectors.
type Options struct {
	// Config is where telemetry comes from.
	Config Config
	// Store takes it. Required.
	Store storage.AppendableV2
	// Spans is given all spans as they arrive, before they are counted; nil keeps none. If it fails the sender is
	// asked to send them again. It must not keep or change what it is given.
	Spans func(context.Context, ptrace.Traces) error
	// Logger receives warnings of all parts; nil discards.
	Logger *slog.Logger
	// Registerer receives the metrics, Prometheus' scrape and discovery metrics among them; nil keeps them apart.
	Registerer prometheus.Registerer
	// Discovery are the metrics of service discovery, which a process registers once; nil registers them with Registerer.
	Discovery *discovery.SDMetrics
	// Version is what the embedded Collector says it is.
	Version string
}

// Collectors receive and scrape telemetry. Build them with New and run them once. They are safe for concurrent use.
type Collectors struct {
	options  Options
	meter    *meter
	exporter *tsdbexporter.Exporter
	scraper  *scraper
	ready    chan struct{}
	fatal    chan error

	// mu guards what a reload replaces, and makes starting, reloading and stopping wait for each other.
	mu       sync.Mutex
	state    state
	current  setup
	embedded *embedded
}

// setup is a configuration with everything fallible done.
type setup struct {
	lines  pipelines
	plan   *plan
	scrape *promconfig.Config
}

type state int

const (
	idle state = iota
	running
	stopped
)

// New checks the configuration and builds what Run starts.
func New(options Options) (*Collectors, error) {
	if options.Store == nil {
		return nil, errors.New("build collectors: no store given")
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	options.Logger = options.Logger.With("component", "collectors")
	if options.Registerer == nil {
		options.Registerer = prometheus.NewRegistry()
	}
	c := &Collectors{
		options: options,
		ready:   make(chan struct{}),
		// Every part may fail once without anybody listening yet.
		fatal: make(chan error, 64),
	}
	var err error
	if c.meter, err = newMeter(options.Registerer); err != nil {
		return nil, fmt.Errorf("build collectors: %w", err)
	}
	if c.exporter, err = tsdbexporter.New(tsdbexporter.Options{
		Store:       options.Store,
		Logger:      options.Logger,
		Stored:      c.meter.stored,
		LogsRefused: c.meter.logsRefused,
	}); err != nil {
		return nil, err
	}
	if c.current, err = c.prepare(options.Config); err != nil {
		return nil, err
	}
	if c.scraper, err = newScraper(options, counted{options.Store, c.meter.scrapeStored}); err != nil {
		return nil, err
	}
	return c, nil
}

// prepare does everything that can fail without a socket.
func (c *Collectors) prepare(cfg Config) (setup, error) {
	scrapeConfig, scrapeErr := cfg.scrapeConfig()
	planned, planErr := cfg.plan(context.Background(), c.hooks())
	if err := errors.Join(cfg.OTLP.validate(), scrapeErr, planErr); err != nil {
		return setup{}, err
	}
	prepared := setup{plan: planned, scrape: scrapeConfig}
	if planned == nil {
		return prepared, nil
	}
	user, err := cfg.userSection()
	if err != nil {
		return setup{}, err
	}
	prepared.lines, err = cfg.pipelines(user)
	return prepared, err
}

func (c *Collectors) hooks() hooks {
	return hooks{
		exporter:    c.exporter,
		spans:       spans.Options{Take: c.options.Spans, Accepted: c.meter.spansAccepted},
		deferred:    c.meter.requestDeferred,
		relayFailed: c.meter.relayDropped,
	}
}

// Run receives and scrapes until ctx is done, and returns when everything it started has stopped. It fails if an
// address cannot be listened on, or if a receiver breaks while running.
func (c *Collectors) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	// The exporter goes on until no receiver is left.
	storing, stopStoring := context.WithCancel(context.WithoutCancel(ctx))
	var exporting sync.WaitGroup
	exporting.Go(func() {
		if err := c.exporter.Run(storing); err != nil {
			c.fatal <- err
		}
	})
	defer exporting.Wait()
	defer stopStoring()

	waitScraper, err := c.start(ctx)
	if err != nil {
		return err
	}
	close(c.ready)
	var broken error
	select {
	case <-ctx.Done():
	case err := <-c.fatal:
		broken = fmt.Errorf("run receivers: %w", err)
	}
	cancel()
	err = c.stopEmbedded()
	waitScraper()
	return errors.Join(broken, err)
}

func (c *Collectors) start(ctx context.Context) (waitScraper func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != idle {
		return nil, errors.New("run collectors: they were run before")
	}
	c.state = running
	if err := c.startEmbedded(c.current.plan); err != nil {
		c.state = stopped
		return nil, err
	}
	waitScraper, err = c.scraper.start(ctx, c.current.scrape)
	if err != nil {
		c.state = stopped
		return nil, errors.Join(err, c.embedded.stopIfAny())
	}
	return waitScraper, nil
}

// startEmbedded starts a Collector after the plan; a nil plan starts none. The caller holds mu.
func (c *Collectors) startEmbedded(p *plan) error {
	if p == nil {
		c.embedded = nil
		return nil
	}
	started, err := startEmbedded(context.Background(), p, c.options, c.fatal)
	if err != nil {
		return err
	}
	c.embedded = started
	return nil
}

func (c *Collectors) stopEmbedded() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = stopped
	return c.embedded.stopIfAny()
}

// Ready is closed when the receivers listen and scraping runs.
func (c *Collectors) Ready() <-chan struct{} { return c.ready }

// Reload replaces the configuration. All of cfg is checked before anything changes; if the new receivers do not start
// the old ones are started again. Receivers are restarted only if their configuration changed.
func (c *Collectors) Reload(cfg Config) error {
	next, err := c.prepare(cfg)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.state {
	case idle:
		c.current = next
		return nil
	case stopped:
		return errors.New("reload collectors: they have stopped")
	case running:
	}
	if err := c.scraper.apply(next.scrape); err != nil {
		return errors.Join(err, c.scraper.apply(c.current.scrape))
	}
	if err := c.swap(next.plan); err != nil {
		return errors.Join(err, c.scraper.apply(c.current.scrape))
	}
	c.current = next
	return nil
}

// swap replaces the running Collector. The caller holds mu.
func (c *Collectors) swap(next *plan) error {
	if reflect.DeepEqual(next.settledIfAny(), c.current.plan.settledIfAny()) {
		return nil
	}
	if err := c.embedded.stopIfAny(); err != nil {
		c.options.Logger.Warn("old receivers did not stop cleanly", "err", err)
	}
	err := c.startEmbedded(next)
	if err == nil {
		return nil
	}
	if again := c.startEmbedded(c.current.plan); again != nil {
		again = fmt.Errorf("start the old receivers again: %w", again)
		c.fatal <- again
		return errors.Join(err, again)
	}
	return fmt.Errorf("%w; the old receivers run on", err)
}

// Targets gives what is scraped, in the form of the Prometheus API.
func (c *Collectors) Targets() *scrape.Manager { return c.scraper.manager }

// OTLPAddrs are the addresses that OTLP is received on, with the real port where port 0 was configured. They are empty
// before Ready, and for a protocol that is closed.
func (c *Collectors) OTLPAddrs() (grpc, http string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.embedded == nil {
		return "", ""
	}
	return c.embedded.addresses()
}

// Status sums up what comes in.
func (c *Collectors) Status() Status {
	status := c.meter.snapshot()
	status.GRPC, status.HTTP = c.OTLPAddrs()
	c.mu.Lock()
	status.Pipelines = c.current.lines.sorted()
	c.mu.Unlock()
	active := c.scraper.manager.TargetsActive()
	status.Jobs = c.meter.jobs(active)
	status.Failing, status.FailingCount = failing(active)
	return status
}

func (e *embedded) stopIfAny() error {
	if e == nil {
		return nil
	}
	return e.stop()
}

func (p *plan) settledIfAny() map[string]any {
	if p == nil {
		return nil
	}
	return p.settled
}
