// Package relay is a Collector connector that passes telemetry on without passing failures back.
//
// It stands between the built-in pipelines and whatever else a user wants the telemetry sent to. If that fails, the
// senders must not hear of it: they would repeat what is already stored, and spans would be counted twice. A copy
// that could not be passed on is logged and counted.
package relay

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Type names the connector in a configuration.
const Type = "relay"

type config struct{}

// NewFactory makes the connector known to a Collector. The func failed, if not nil, is told of each copy that could
// not be passed on.
func NewFactory(failed func(items int, err error)) connector.Factory {
	if failed == nil {
		failed = func(int, error) {}
	}
	return connector.NewFactory(
		component.MustNewType(Type),
		func() component.Config { return &config{} },
		connector.WithMetricsToMetrics(func(_ context.Context, _ connector.Settings, _ component.Config, next consumer.Metrics) (connector.Metrics, error) {
			return &metrics{failed: failed, next: next}, nil
		}, component.StabilityLevelStable),
		connector.WithTracesToTraces(func(_ context.Context, _ connector.Settings, _ component.Config, next consumer.Traces) (connector.Traces, error) {
			return &traces{failed: failed, next: next}, nil
		}, component.StabilityLevelStable),
	)
}

type metrics struct {
	lifeless

	failed func(items int, err error)
	next   consumer.Metrics
}

// Capabilities are those of what follows.
func (m *metrics) Capabilities() consumer.Capabilities { return m.next.Capabilities() }

// ConsumeMetrics passes the data on and keeps failures to itself.
func (m *metrics) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	count := md.DataPointCount()
	if err := m.next.ConsumeMetrics(ctx, md); err != nil {
		m.failed(count, err)
	}
	return nil
}

type traces struct {
	lifeless

	failed func(items int, err error)
	next   consumer.Traces
}

// Capabilities are those of what follows.
func (t *traces) Capabilities() consumer.Capabilities { return t.next.Capabilities() }

// ConsumeTraces passes the spans on and keeps failures to itself.
func (t *traces) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	count := td.SpanCount()
	if err := t.next.ConsumeTraces(ctx, td); err != nil {
		t.failed(count, err)
	}
	return nil
}

// lifeless is a component that neither starts nor stops anything.
type lifeless struct{}

// Start does nothing.
func (lifeless) Start(context.Context, component.Host) error { return nil }

// Shutdown does nothing.
func (lifeless) Shutdown(context.Context) error { return nil }
