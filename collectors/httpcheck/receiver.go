package httpcheck

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/zap"
)

// NewFactory makes the receiver known to a Collector.
func NewFactory() receiver.Factory {
	return receiver.NewFactory(
		component.MustNewType(Type),
		func() component.Config { return &Config{CollectionInterval: defaultInterval} },
		receiver.WithMetrics(func(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
			conf, ok := cfg.(*Config)
			if !ok {
				return nil, fmt.Errorf("build http_check: unexpected configuration %T", cfg)
			}
			return &checker{cfg: *conf, logger: set.Logger, next: next}, nil
		}, component.StabilityLevelStable),
	)
}

// checker runs the checks, each target in a loop of its own.
type checker struct {
	cfg    Config
	logger *zap.Logger
	next   consumer.Metrics

	stop    context.CancelFunc
	running sync.WaitGroup
}

// Start begins to check; the first check of each target is made at once.
func (c *checker) Start(ctx context.Context, _ component.Host) error {
	ctx, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	for _, target := range c.cfg.Targets {
		c.running.Go(func() { c.loop(ctx, target.withDefaults(c.cfg.CollectionInterval)) })
	}
	return nil
}

// Shutdown ends the checks and waits for them.
func (c *checker) Shutdown(context.Context) error {
	if c.stop != nil {
		c.stop()
	}
	c.running.Wait()
	return nil
}

func (c *checker) loop(ctx context.Context, target Target) {
	// A transport for each target: what is measured is reaching the endpoint, connection included.
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	client := &http.Client{Transport: transport}
	defer client.CloseIdleConnections()

	ticker := time.NewTicker(target.Interval)
	defer ticker.Stop()
	seen := newSeries(target)
	for {
		found := check(ctx, client, target)
		if ctx.Err() != nil {
			return
		}
		if err := c.next.ConsumeMetrics(ctx, seen.metrics(found)); err != nil {
			c.logger.Warn("check not stored", zap.String("endpoint", seen.url), zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
