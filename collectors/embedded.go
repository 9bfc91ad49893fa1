package collectors

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/service"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/watchtower-hub/watchtower/collectors/zaplog"
)

const (
	// drain is how long open HTTP requests may take when the Collector stops.
	drain = 2 * time.Second
	// abandon is when a Collector that does not stop is left behind.
	abandon = 10 * time.Second
)

// plan is a Collector configuration that has been read, checked and found fit to run.
type plan struct {
	factories otelcol.Factories
	graph     section
	// settled is the configuration with all references resolved: two plans with equal settled run alike.
	settled map[string]any
}

// plan reads and checks the embedded Collector's part of c. It is nil if there is nothing to run.
func (c Config) plan(ctx context.Context, h hooks) (*plan, error) {
	graph, err := c.graph()
	if err != nil || graph == nil {
		return nil, err
	}
	factories, err := h.factories()
	if err != nil {
		return nil, err
	}
	settled, err := settle(ctx, graph)
	if err != nil {
		return nil, sentence(err)
	}
	p := &plan{factories: factories, graph: graph, settled: settled}
	config, err := p.read(ctx)
	if err != nil {
		return nil, sentence(err)
	}
	if err := confmap.Validate(config); err != nil {
		return nil, sentence(err)
	}
	if err := service.Validate(ctx, p.settings(config), config.Service); err != nil {
		return nil, sentence(err)
	}
	return p, nil
}

// read makes the configurations of the components. They serve for one use: receivers of several signals are found
// again by them, so one that a check has made must not be met by the service.
func (p *plan) read(ctx context.Context) (*otelcol.Config, error) {
	provider, err := otelcol.NewConfigProvider(otelcol.ConfigProviderSettings{ResolverSettings: resolver(p.graph)})
	if err != nil {
		return nil, err
	}
	return provider.Get(ctx, p.factories)
}

// dryRun checks the embedded Collector's part without starting anything.
func (c Config) dryRun() error {
	_, err := c.plan(context.Background(), hooks{})
	return err
}

// sentence makes one line of a Collector's error, which is laid out over several.
func sentence(err error) error {
	return fmt.Errorf("collectors.otelcol: %w", lineError{err})
}

// lineError is an error whose text is one line.
type lineError struct{ error }

func (e lineError) Error() string {
	text := strings.NewReplacer(":\n\n", ": ", "\n\n", "; ", "\n", "; ").Replace(strings.TrimSpace(e.error.Error()))
	return strings.Join(strings.Fields(text), " ")
}

func (e lineError) Unwrap() error { return e.error }

func (p *plan) settings(config *otelcol.Config) service.Settings {
	return service.Settings{
		ReceiversConfigs:    config.Receivers,
		ReceiversFactories:  p.factories.Receivers,
		ProcessorsConfigs:   config.Processors,
		ProcessorsFactories: p.factories.Processors,
		ExportersConfigs:    config.Exporters,
		ExportersFactories:  p.factories.Exporters,
		ConnectorsConfigs:   config.Connectors,
		ConnectorsFactories: p.factories.Connectors,
		ExtensionsConfigs:   config.Extensions,
		ExtensionsFactories: p.factories.Extensions,
		TelemetryFactory:    p.factories.Telemetry,
	}
}

// embedded is a running Collector. Signals, global loggers and reloading are not its business, so it is the service
// without the otelcol.Collector around it, which would take SIGHUP for itself.
type embedded struct {
	service *service.Service

	mu         sync.Mutex
	grpc, http string
}

// startEmbedded starts a Collector after a plan. What goes wrong while it runs is sent to fatal, which must have room.
func startEmbedded(ctx context.Context, p *plan, options Options, fatal chan error) (*embedded, error) {
	// Components keep the context they are started with.
	ctx = context.WithoutCancel(ctx)
	config, err := p.read(ctx)
	if err != nil {
		return nil, sentence(err)
	}
	e := &embedded{}
	set := p.settings(config)
	set.BuildInfo = component.BuildInfo{Command: "watchtower", Description: "Watchtower", Version: options.Version}
	set.AsyncErrorChannel = fatal
	core := zaplog.NewCore(zaplog.Options{Logger: options.Logger.With("part", "otelcol"), Watch: e.watch})
	set.BuildZapLogger = func(cfg zap.Config, opts ...zap.Option) (*zap.Logger, error) {
		return cfg.Build(append(opts, zap.WrapCore(func(zapcore.Core) zapcore.Core { return core }))...)
	}
	built, err := service.New(ctx, set, config.Service)
	if err != nil {
		return nil, sentence(err)
	}
	e.service = built
	if err := built.Start(ctx); err != nil {
		return nil, errors.Join(startError(err), e.stop())
	}
	return e, nil
}

// startError says in one line why a Collector did not start.
func startError(err error) error {
	var op *net.OpError
	if errors.Is(err, syscall.EADDRINUSE) && errors.As(err, &op) {
		return fmt.Errorf("listen on %s: the port is in use by another program; stop it, or change collectors.otlp or collectors.otelcol.receivers", op.Addr)
	}
	return sentence(err)
}

// watch takes the addresses that the OTLP receiver listens on from its log: with port 0 they are nowhere else.
func (e *embedded) watch(message string, fields map[string]any) {
	if id, _ := fields["otelcol.component.id"].(string); id != otlpReceiver {
		return
	}
	address, _ := fields["endpoint"].(string)
	e.mu.Lock()
	defer e.mu.Unlock()
	switch message {
	case "Starting GRPC server":
		e.grpc = address
	case "Starting HTTP server":
		e.http = address
	}
}

func (e *embedded) addresses() (grpc, http string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.grpc, e.http
}

// stop ends the Collector. Clients that hold on to a connection get a few seconds, not more.
func (e *embedded) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- e.service.Shutdown(ctx) }()
	late := time.NewTimer(abandon)
	defer late.Stop()
	select {
	case err := <-stopped:
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("stop receivers: %w", err)
		}
		return nil
	case <-late.C:
		return errors.New("stop receivers: a client holds a connection open; it is left behind")
	}
}

// settle resolves the references in a configuration.
func settle(ctx context.Context, graph section) (map[string]any, error) {
	r, err := confmap.NewResolver(resolver(graph))
	if err != nil {
		return nil, err
	}
	conf, err := r.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	return conf.ToStringMap(), nil
}

const memoryScheme = "watchtower"

// resolver reads the configuration from memory, and ${env:NAME} and ${file:PATH} where it refers to them.
func resolver(graph section) confmap.ResolverSettings {
	return confmap.ResolverSettings{
		URIs:          []string{memoryScheme + ":otelcol"},
		DefaultScheme: "env",
		ProviderFactories: []confmap.ProviderFactory{
			provide(memoryScheme, func(string) (*confmap.Retrieved, error) { return confmap.NewRetrieved(graph) }),
			provide("env", func(name string) (*confmap.Retrieved, error) {
				name, fallback, _ := strings.Cut(name, ":-")
				value, ok := os.LookupEnv(name)
				if !ok {
					value = fallback
				}
				return confmap.NewRetrievedFromYAML([]byte(value))
			}),
			provide("file", func(path string) (*confmap.Retrieved, error) {
				content, err := os.ReadFile(path)
				if err != nil {
					return nil, err
				}
				return confmap.NewRetrievedFromYAML(content)
			}),
		},
	}
}

// source is a confmap provider that is one func.
type source struct {
	scheme   string
	retrieve func(name string) (*confmap.Retrieved, error)
}

var _ confmap.Provider = source{}

func provide(scheme string, retrieve func(string) (*confmap.Retrieved, error)) confmap.ProviderFactory {
	return confmap.NewProviderFactory(func(confmap.ProviderSettings) confmap.Provider {
		return source{scheme: scheme, retrieve: retrieve}
	})
}

// Retrieve reads what a URI of the scheme names.
func (s source) Retrieve(_ context.Context, uri string, _ confmap.WatcherFunc) (*confmap.Retrieved, error) {
	return s.retrieve(strings.TrimPrefix(uri, s.scheme+":"))
}

// Scheme is what a URI begins with.
func (s source) Scheme() string { return s.scheme }

// Shutdown does nothing: nothing is watched.
func (source) Shutdown(context.Context) error { return nil }
