// Package deadline is a Collector extension that keeps a gRPC server from waiting for its clients for ever.
//
// A gRPC server that stops gracefully waits for connections in their handshake (up to two minutes) and for requests
// whose body never ends (without limit). As a middleware of the server the extension bounds both: the handshake by a
// timeout of its own, open requests by canceling them a grace period after the pipelines began to stop.
package deadline

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"google.golang.org/grpc"
	"google.golang.org/grpc/tap"
)

// Type names the extension in a configuration.
const Type = "deadline"

// Config of the extension.
type Config struct {
	// Handshake bounds how long a new connection may take to become usable.
	Handshake time.Duration `mapstructure:"handshake"`
	// Grace is how long requests that are open when the pipelines stop may still take.
	Grace time.Duration `mapstructure:"grace"`
}

// NewFactory makes the extension known to a Collector.
func NewFactory() extension.Factory {
	return extension.NewFactory(
		component.MustNewType(Type),
		func() component.Config { return &Config{Handshake: 3 * time.Second, Grace: 2 * time.Second} },
		func(_ context.Context, _ extension.Settings, cfg component.Config) (extension.Extension, error) {
			conf, ok := cfg.(*Config)
			if !ok {
				conf = &Config{}
			}
			return newDeadline(*conf), nil
		},
		component.StabilityLevelStable,
	)
}

type deadline struct {
	cfg Config
	// over ends when open requests have had their grace.
	over context.Context //nolint:containedctx // It is the extension's own life, not a caller's.
	end  context.CancelFunc

	mu    sync.Mutex
	timer *time.Timer
}

var (
	_ extension.Extension                   = (*deadline)(nil)
	_ extensionmiddleware.GRPCServer        = (*deadline)(nil)
	_ extensioncapabilities.PipelineWatcher = (*deadline)(nil)
)

func newDeadline(cfg Config) *deadline {
	over, end := context.WithCancel(context.Background())
	return &deadline{cfg: cfg, over: over, end: end}
}

// Start does nothing: the extension acts through the servers that name it.
func (*deadline) Start(context.Context, component.Host) error { return nil }

// Ready does nothing: deadlines matter when pipelines stop.
func (*deadline) Ready() error { return nil }

// NotReady is called when the pipelines begin to stop: open requests have their grace from now.
func (d *deadline) NotReady() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.timer = time.AfterFunc(d.cfg.Grace, d.end)
	return nil
}

// Shutdown is called when all pipelines have stopped.
func (d *deadline) Shutdown(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
	d.end()
	return nil
}

// GetGRPCServerOptions gives the options of a server that keeps the deadlines.
func (d *deadline) GetGRPCServerOptions(context.Context) ([]grpc.ServerOption, error) {
	return []grpc.ServerOption{
		grpc.ConnectionTimeout(d.cfg.Handshake),
		grpc.InTapHandle(d.tap),
	}, nil
}

// tap gives each request a context that ends when the grace is over, even while its body is still awaited.
func (d *deadline) tap(ctx context.Context, _ *tap.Info) (context.Context, error) {
	bounded, cancel := context.WithCancel(ctx)
	release := context.AfterFunc(d.over, cancel)
	context.AfterFunc(bounded, func() { release() })
	return bounded, nil
}
