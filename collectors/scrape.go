package collectors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	commonconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	promconfig "github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	_ "github.com/prometheus/prometheus/discovery/dns"        // The dns_sd_configs of scrape configs.
	_ "github.com/prometheus/prometheus/discovery/file"       // The file_sd_configs of scrape configs.
	_ "github.com/prometheus/prometheus/discovery/http"       // The http_sd_configs of scrape configs.
	_ "github.com/prometheus/prometheus/discovery/kubernetes" // The kubernetes_sd_configs of scrape configs.
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/logging"
)

// scraper is Prometheus' scraping: discovery finds the targets, the manager scrapes them into the store.
type scraper struct {
	logger     *slog.Logger
	registerer prometheus.Registerer
	sdMetrics  *discovery.SDMetrics
	manager    *scrape.Manager

	// discovery lives as long as a run.
	discovery *discovery.Manager
	// applied is whether a configuration with scrapes was ever applied: looking up the host name, as applying does, is
	// not worth the wait when there is nothing to scrape.
	applied bool
}

func newScraper(o Options, store storage.AppendableV2) (*scraper, error) {
	sdMetrics := o.Discovery
	if sdMetrics == nil {
		var err error
		if sdMetrics, err = discovery.CreateAndRegisterSDMetrics(o.Registerer); err != nil {
			return nil, fmt.Errorf("register discovery metrics: %w", err)
		}
	}
	manager, err := scrape.NewManager(&scrape.Options{
		// A target found is a target scraped: not five seconds later.
		DiscoveryReloadOnStartup: true,
		DiscoveryReloadInterval:  model.Duration(time.Second),
		AppendMetadata:           true,
		ParseST:                  true,
	}, o.Logger.With("part", "scrape"), logging.NewJSONFileLogger, nil, store, o.Registerer)
	if err != nil {
		return nil, fmt.Errorf("build scrape manager: %w", err)
	}
	return &scraper{logger: o.Logger, registerer: o.Registerer, sdMetrics: sdMetrics, manager: manager}, nil
}

// start begins discovery and scraping. The returned func waits until both have stopped after ctx is done.
func (s *scraper) start(ctx context.Context, cfg *promconfig.Config) (wait func(), err error) {
	s.discovery = discovery.NewManager(ctx, s.logger.With("part", "discovery"), s.registerer, s.sdMetrics, discovery.Name("scrape"))
	if s.discovery == nil {
		return nil, errors.New("build discovery manager: its metrics are registered already")
	}
	if err := s.apply(cfg); err != nil {
		return nil, err
	}
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.discovery.Run(); err != nil && !errors.Is(err, context.Canceled) {
			s.logger.Error("discovery stopped", "err", err)
		}
	})
	running.Go(func() {
		if err := s.manager.Run(s.discovery.SyncCh()); err != nil {
			s.logger.Error("scraping stopped", "err", err)
		}
	})
	return func() {
		<-ctx.Done()
		s.manager.Stop()
		running.Wait()
		s.discovery.UnregisterMetrics()
	}, nil
}

// apply replaces what is scraped. Targets that stay the same are not disturbed.
func (s *scraper) apply(cfg *promconfig.Config) error {
	if len(cfg.ScrapeConfigs) == 0 && !s.applied {
		return nil
	}
	s.applied = true
	if err := s.manager.ApplyConfig(cfg); err != nil {
		return fmt.Errorf("apply scrape_configs: %w", err)
	}
	found := make(map[string]discovery.Configs, len(cfg.ScrapeConfigs))
	for _, job := range cfg.ScrapeConfigs {
		found[job.JobName] = job.ServiceDiscoveryConfigs
	}
	if err := s.discovery.ApplyConfig(found); err != nil {
		return fmt.Errorf("apply discovery of scrape_configs: %w", err)
	}
	return nil
}

// checkClient finds what only building the HTTP client of a job would: unreadable certificates, credentials, CA files.
func checkClient(job *promconfig.ScrapeConfig) error {
	client, err := commonconfig.NewClientFromConfig(job.HTTPClientConfig, job.JobName)
	if err != nil {
		return fmt.Errorf("HTTP client: %w", err)
	}
	client.CloseIdleConnections()
	return nil
}
