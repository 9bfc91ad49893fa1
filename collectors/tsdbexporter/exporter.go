// Package tsdbexporter is a Collector exporter that writes metrics into a Prometheus store.
//
// It translates with Prometheus' own OTLP translator under the settings of Prometheus' own OTLP endpoint, deltas made
// cumulative, so the same request gives the same series here and there. It returns when the store has committed.
//
// What the store can never take (samples too old, duplicates with another value, metrics that cannot be translated) is
// counted and answered as an invalid argument, which senders do not repeat; the rest of the request is stored. Any
// other trouble of the store rolls the request back and is answered as unavailable, which senders repeat. Spans are
// counted elsewhere, and log records are refused: there is no store for them.
package tsdbexporter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/deltatocumulativeprocessor"
	promconfig "github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/storage/remote/otlptranslator/prometheusremotewrite"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/metric/noop"
	"golang.org/x/time/rate"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// lookback is the look-back of the query engine: the interval at which target_info is repeated between samples.
	lookback = 5 * time.Minute
	// ahead is how far a sample may lie in the future.
	ahead = 10 * time.Minute
)

// Options of an Exporter.
type Options struct {
	// Store receives the samples. Required.
	Store storage.AppendableV2
	// Logger is told, at most every ten seconds, what was refused; nil discards.
	Logger *slog.Logger
	// Stored is told after each request what became of its samples; nil tells nobody.
	Stored func(Result)
	// LogsRefused is told how many log records were refused; nil tells nobody.
	LogsRefused func(records int, err error)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Result is what became of a request.
type Result struct {
	// Samples were committed, Refused can never be stored, Exemplars were refused while their samples were stored.
	Samples, Refused, Exemplars int
	// Err is what the sender was answered, nil if everything was stored.
	Err error
}

// Exporter writes metrics into a store. It outlives the Collectors that use it, so that sums made of deltas go on
// where they were. It is safe for concurrent use.
type Exporter struct {
	options  Options
	settings prometheusremotewrite.Settings
	deltas   processor.Metrics
	spare    sync.Pool
	complain rate.Sometimes
}

// New builds an exporter.
func New(options Options) (*Exporter, error) {
	if options.Store == nil {
		return nil, errors.New("build exporter: no store given")
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.Stored == nil {
		options.Stored = func(Result) {}
	}
	if options.LogsRefused == nil {
		options.LogsRefused = func(int, error) {}
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	e := &Exporter{
		options:  options,
		settings: translation(promconfig.DefaultOTLPConfig),
		spare:    sync.Pool{New: func() any { return prometheusremotewrite.NewPrometheusConverter(nil) }},
		complain: rate.Sometimes{First: 1, Interval: 10 * time.Second},
	}
	deltas, err := newDeltas(e.store)
	if err != nil {
		return nil, err
	}
	e.deltas = deltas
	return e, nil
}

// translation is how Prometheus' OTLP endpoint translates under a configuration.
func translation(otlp promconfig.OTLPConfig) prometheusremotewrite.Settings {
	return prometheusremotewrite.Settings{
		AddMetricSuffixes:                    otlp.TranslationStrategy.ShouldAddSuffixes(),
		AllowUTF8:                            !otlp.TranslationStrategy.ShouldEscape(),
		PromoteResourceAttributes:            prometheusremotewrite.NewPromoteResourceAttributes(otlp),
		KeepIdentifyingResourceAttributes:    otlp.KeepIdentifyingResourceAttributes,
		ConvertHistogramsToNHCB:              otlp.ConvertHistogramsToNHCB,
		PromoteScopeMetadata:                 otlp.PromoteScopeMetadata,
		LookbackDelta:                        lookback,
		LabelNameUnderscoreSanitization:      otlp.LabelNameUnderscoreSanitization,
		LabelNamePreserveMultipleUnderscores: otlp.LabelNamePreserveMultipleUnderscores,
	}
}

// newDeltas gives the processor that makes deltas cumulative, as Prometheus' OTLP endpoint uses it.
func newDeltas(next consumer.ConsumeMetricsFunc) (processor.Metrics, error) {
	factory := deltatocumulativeprocessor.NewFactory()
	cumulative, err := consumer.NewMetrics(next)
	if err != nil {
		return nil, fmt.Errorf("build delta conversion: %w", err)
	}
	deltas, err := factory.CreateMetrics(context.Background(), processor.Settings{
		ID:                component.NewID(factory.Type()),
		TelemetrySettings: component.TelemetrySettings{MeterProvider: noop.NewMeterProvider()},
	}, factory.CreateDefaultConfig(), cumulative)
	if err != nil {
		return nil, fmt.Errorf("build delta conversion: %w", err)
	}
	return deltas, nil
}

// Run forgets delta series that have gone quiet, until ctx is done.
func (e *Exporter) Run(ctx context.Context) error {
	if err := e.deltas.Start(context.WithoutCancel(ctx), nil); err != nil {
		return fmt.Errorf("start delta conversion: %w", err)
	}
	<-ctx.Done()
	if err := e.deltas.Shutdown(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("stop delta conversion: %w", err)
	}
	return nil
}

// ConsumeMetrics stores the metrics and returns after the commit. The error carries the gRPC status that a sender is
// to be answered with.
func (e *Exporter) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	// Conversion keeps state under a lock: only requests that need it go through it.
	if hasDelta(md) {
		return e.deltas.ConsumeMetrics(ctx, md)
	}
	return e.store(ctx, md)
}

// store translates and commits metrics that are all cumulative.
func (e *Exporter) store(ctx context.Context, md pmetric.Metrics) error {
	result := e.append(ctx, md)
	e.options.Stored(result)
	if result.Err != nil {
		e.complain.Do(func() {
			e.options.Logger.Warn("metrics not stored in full", "stored", result.Samples, "refused", result.Refused, "err", result.Err)
		})
	}
	return result.Err
}

func (e *Exporter) append(ctx context.Context, md pmetric.Metrics) Result {
	app := &appender{
		AppenderV2: e.options.Store.AppenderV2(ctx),
		latest:     e.options.Now().Add(ahead).UnixMilli(),
	}
	converter, ok := e.spare.Get().(*prometheusremotewrite.PrometheusConverter)
	if !ok {
		converter = prometheusremotewrite.NewPrometheusConverter(nil)
	}
	converter.Reset(app)
	defer func() {
		converter.Reset(nil)
		e.spare.Put(converter)
	}()

	_, translateErr := converter.FromMetrics(ctx, md, e.settings)
	if trouble := errors.Join(app.trouble, ctx.Err()); trouble != nil {
		return Result{Err: unavailable(errors.Join(trouble, rollback(app)))}
	}
	if err := app.Commit(); err != nil {
		return Result{Err: unavailable(fmt.Errorf("commit: %w", err))}
	}
	return Result{
		Samples:   app.samples,
		Refused:   app.refused,
		Exemplars: app.exemplars,
		Err:       invalid(app, translateErr),
	}
}

func rollback(app *appender) error {
	if err := app.Rollback(); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

func unavailable(err error) error {
	return status.Error(codes.Unavailable, "the store did not take the metrics: "+err.Error())
}

// invalid is the answer for what can never be stored; nil if there was none.
func invalid(app *appender, translateErr error) error {
	switch {
	case app.refused > 0:
		return status.Errorf(codes.InvalidArgument, "%d of %d samples refused, the others are stored; the first: %v",
			app.refused, app.refused+app.samples, errors.Join(app.first, translateErr))
	case translateErr != nil:
		return status.Errorf(codes.InvalidArgument, "some metrics cannot be translated to Prometheus, the others are stored: %v", translateErr)
	default:
		return nil
	}
}

// hasDelta says whether any metric is a difference since the sender's last request.
func hasDelta(md pmetric.Metrics) bool {
	for _, resource := range md.ResourceMetrics().All() {
		for _, scope := range resource.ScopeMetrics().All() {
			for _, metric := range scope.Metrics().All() {
				if temporality(metric) == pmetric.AggregationTemporalityDelta {
					return true
				}
			}
		}
	}
	return false
}

func temporality(metric pmetric.Metric) pmetric.AggregationTemporality {
	switch metric.Type() {
	case pmetric.MetricTypeSum:
		return metric.Sum().AggregationTemporality()
	case pmetric.MetricTypeHistogram:
		return metric.Histogram().AggregationTemporality()
	case pmetric.MetricTypeExponentialHistogram:
		return metric.ExponentialHistogram().AggregationTemporality()
	default:
		return pmetric.AggregationTemporalityUnspecified
	}
}
