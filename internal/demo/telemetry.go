package demo

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
)

// telemetry is one service's OpenTelemetry SDK: metrics by OTLP over gRPC every
// second, traces by OTLP over HTTP.
type telemetry struct {
	metrics *metric.MeterProvider
	traces  *trace.TracerProvider
}

func newTelemetry(ctx context.Context, service string, to otlp) (*telemetry, error) {
	me, err := otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithInsecure(), otlpmetricgrpc.WithEndpoint(to.grpc))
	if err != nil {
		return nil, err
	}
	te, err := otlptracehttp.New(ctx, otlptracehttp.WithInsecure(), otlptracehttp.WithEndpoint(to.http))
	if err != nil {
		return nil, errors.Join(err, me.Shutdown(ctx))
	}
	res := resource.NewSchemaless(
		attribute.String("service.name", service),
		attribute.String("service.instance.id", service+"-1"),
		attribute.String("deployment.environment.name", "demo"),
	)
	return &telemetry{
		metrics: metric.NewMeterProvider(metric.WithResource(res),
			metric.WithReader(metric.NewPeriodicReader(me, metric.WithInterval(time.Second)))),
		traces: trace.NewTracerProvider(trace.WithResource(res),
			trace.WithBatcher(te, trace.WithBatchTimeout(500*time.Millisecond))),
	}, nil
}

// options are the otelhttp options that every handler and client of the service uses.
func (t *telemetry) options() []otelhttp.Option {
	return []otelhttp.Option{
		otelhttp.WithMeterProvider(t.metrics),
		otelhttp.WithTracerProvider(t.traces),
		otelhttp.WithPropagators(propagator()),
	}
}

// shutdown flushes both providers.
func (t *telemetry) shutdown(ctx context.Context) error {
	return errors.Join(t.traces.Shutdown(ctx), t.metrics.Shutdown(ctx))
}
