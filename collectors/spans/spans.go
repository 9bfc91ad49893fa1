// Package spans is a Collector processor that hands spans to a func before they go on.
//
// It runs before spans are counted into metrics: if the func fails the sender repeats the spans, and spans that were
// counted already would then be counted twice.
package spans

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
)

// Type names the processor in a configuration.
const Type = "spans"

// unknownService is what OpenTelemetry calls a service that does not say its name.
const unknownService = "unknown_service"

// Options of the processor.
type Options struct {
	// Take is given all spans as they arrive; nil takes nothing. It must not keep or change them.
	Take func(context.Context, ptrace.Traces) error
	// Accepted is told how many spans went through; nil tells nobody.
	Accepted func(spans int)
}

type config struct{}

// NewFactory makes the processor known to a Collector.
func NewFactory(options Options) processor.Factory {
	return processor.NewFactory(
		component.MustNewType(Type),
		func() component.Config { return &config{} },
		processor.WithTraces(func(_ context.Context, _ processor.Settings, _ component.Config, next consumer.Traces) (processor.Traces, error) {
			return &traces{options: options, next: next}, nil
		}, component.StabilityLevelStable),
	)
}

type traces struct {
	options Options
	next    consumer.Traces
}

// Start does nothing.
func (*traces) Start(context.Context, component.Host) error { return nil }

// Shutdown does nothing.
func (*traces) Shutdown(context.Context) error { return nil }

// Capabilities says that the spans are changed: a missing service name is put in.
func (*traces) Capabilities() consumer.Capabilities { return consumer.Capabilities{MutatesData: true} }

// ConsumeTraces gives the spans to Take, then passes them on.
func (t *traces) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	nameServices(td)
	if t.options.Take != nil {
		if err := t.options.Take(ctx, td); err != nil {
			return err
		}
	}
	// The next may take the data as its own: count before.
	count := td.SpanCount()
	if err := t.next.ConsumeTraces(ctx, td); err != nil {
		return err
	}
	if t.options.Accepted != nil {
		t.options.Accepted(count)
	}
	return nil
}

// nameServices puts in a service name where a resource has none: such spans would not be counted at all.
func nameServices(td ptrace.Traces) {
	for _, resource := range td.ResourceSpans().All() {
		attributes := resource.Resource().Attributes()
		if _, ok := attributes.Get("service.name"); !ok {
			attributes.PutStr("service.name", unknownService)
		}
	}
}
