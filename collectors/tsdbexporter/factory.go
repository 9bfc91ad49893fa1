package tsdbexporter

import (
	"context"
	"fmt"
	"slices"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Type names the exporter in a configuration.
const Type = "watchtower"

// Config of the exporter.
type Config struct {
	// ResourceAttributes are kept, all others are removed before storing; empty keeps all.
	ResourceAttributes []string `mapstructure:"resource_attributes"`
}

// NewFactory makes the exporter known to a Collector. A nil exporter serves to check configurations only.
func NewFactory(e *Exporter) exporter.Factory {
	return exporter.NewFactory(
		component.MustNewType(Type),
		func() component.Config { return &Config{} },
		exporter.WithMetrics(func(_ context.Context, _ exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
			conf, ok := cfg.(*Config)
			if !ok {
				return nil, fmt.Errorf("build exporter: unexpected configuration %T", cfg)
			}
			return &metrics{Exporter: e, kept: conf.ResourceAttributes}, nil
		}, component.StabilityLevelStable),
		exporter.WithLogs(func(context.Context, exporter.Settings, component.Config) (exporter.Logs, error) {
			return &logs{Exporter: e}, nil
		}, component.StabilityLevelStable),
	)
}

// metrics is the exporter in one pipeline.
type metrics struct {
	lifeless
	*Exporter

	kept []string
}

// Capabilities says that metrics are changed: deltas become cumulative.
func (*metrics) Capabilities() consumer.Capabilities { return consumer.Capabilities{MutatesData: true} }

// ConsumeMetrics stores the metrics.
func (m *metrics) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	if len(m.kept) > 0 {
		for _, resource := range md.ResourceMetrics().All() {
			resource.Resource().Attributes().RemoveIf(func(key string, _ pcommon.Value) bool {
				return !slices.Contains(m.kept, key)
			})
		}
	}
	return m.Exporter.ConsumeMetrics(ctx, md)
}

// logs refuses log records.
type logs struct {
	lifeless
	*Exporter
}

// Capabilities says that log records are not changed.
func (*logs) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeLogs refuses the records and says where they can go.
func (l *logs) ConsumeLogs(_ context.Context, ld plog.Logs) error {
	err := status.Error(codes.Unimplemented, "log records are not stored here: Watchtower keeps metrics and counts spans. "+
		"Send logs elsewhere, or forward them with a logs pipeline in collectors.otelcol")
	l.options.LogsRefused(ld.LogRecordCount(), err)
	return err
}

// lifeless is a component that neither starts nor stops anything: the Exporter has a life of its own.
type lifeless struct{}

// Start does nothing.
func (lifeless) Start(context.Context, component.Host) error { return nil }

// Shutdown does nothing.
func (lifeless) Shutdown(context.Context) error { return nil }
