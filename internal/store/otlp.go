package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	deltatocumulative "github.com/open-telemetry/opentelemetry-collector-contrib/processor/deltatocumulativeprocessor"
	"github.com/prometheus/client_golang/prometheus"
	promconfig "github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/storage/remote/otlptranslator/prometheusremotewrite"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/metric/noop"
)

const (
	protobufType = "application/x-protobuf"
	jsonType     = "application/json"
	// maxAhead is how far the clock of a sender may be ahead of ours.
	maxAhead = 10 * time.Minute
)

// otlpHandler does what remote.NewOTLPWriteHandler does, with three differences:
// a request whose Commit fails is not answered with 200, what the sender did wrong
// is never answered with a 5xx that has it try again for ever, and the conversion
// of delta temporality can be stopped.
type otlpHandler struct {
	store      *Store
	config     func() promconfig.Config
	converters sync.Pool // of *prometheusremotewrite.PrometheusConverter
	warnings   *prometheus.CounterVec
	exemplars  prometheus.Counter
	deltas     consumer.Metrics
}

func newOTLPHandler(s *Store, config func() promconfig.Config, reg prometheus.Registerer) *otlpHandler {
	h := &otlpHandler{
		store:  s,
		config: config,
		warnings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "prometheus_api_otlp_translation_warnings_total",
			Help: "The total number of warnings produced while translating OTLP metrics to the Prometheus model, by category.",
		}, []string{"category"}),
		exemplars: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "prometheus_api_otlp_out_of_order_exemplars_total",
			Help: "The total number of received OTLP exemplars which were rejected because they were out of order.",
		}),
	}
	reg.MustRegister(h.warnings, h.exemplars)
	deltas, err := s.deltas.start(h.keep)
	if err != nil {
		// Cumulative metrics are taken all the same; delta is refused with a sentence.
		s.logger.Error("delta temporality cannot be converted", "err", err)
	} else {
		h.deltas = deltas
	}
	return h
}

// errCommit marks a failure of the store, which the sender is to try again.
var errCommit = errors.New("the store could not write its log")

// otlp serves POST /api/v1/otlp/v1/metrics.
func (h *apiHandler) otlp(metrics *otlpHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		media := mediaType(r)
		if media != protobufType && media != jsonType {
			h.refuse(w, http.StatusUnsupportedMediaType, "malformed", fmt.Sprintf("the Content-Type %q is not supported: send OTLP metrics as %s or %s", media, protobufType, jsonType))
			return
		}
		body, done, ok := h.admit(w, r)
		if !ok {
			return
		}
		defer done()
		body, err := unpack(body, r.Header.Get("Content-Encoding"))
		if err != nil {
			h.refuseBody(w, err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.Header.Del("Content-Encoding")
		r.Header.Set("Content-Type", media)
		request, err := remote.DecodeOTLPWriteRequest(r)
		if err != nil {
			h.refuse(w, http.StatusBadRequest, "malformed", fmt.Sprintf("the body is not an OTLP metrics request as %s: %v", media, err))
			return
		}
		if err := metrics.consume(r.Context(), request.Metrics()); err != nil {
			h.refuseOTLP(w, err)
			return
		}
		w.Header().Set("Content-Type", media)
		if media == jsonType {
			_, _ = io.WriteString(w, "{}") // the client went away: nobody to tell
		}
	}
}

func (h *apiHandler) refuseOTLP(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, errCommit):
		h.store.logger.Error("metrics over OTLP not stored", "err", err)
		h.refuse(w, http.StatusServiceUnavailable, "store", "nothing of the request was stored: "+oneLine(err))
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		h.refuse(w, http.StatusServiceUnavailable, "canceled", "the request took too long; nothing of it was stored")
	default:
		h.refuse(w, http.StatusBadRequest, "malformed", "nothing of the request was stored: "+oneLine(err))
	}
}

func (h *otlpHandler) consume(ctx context.Context, md pmetric.Metrics) error {
	// The converter of deltas takes cumulative metrics as well, but one request at a time.
	if h.deltas != nil && hasDelta(md) {
		return h.deltas.ConsumeMetrics(ctx, md)
	}
	return h.keep(ctx, md)
}

// keep stores cumulative metrics: all of them, or none.
func (h *otlpHandler) keep(ctx context.Context, md pmetric.Metrics) error {
	converter, ok := h.converters.Get().(*prometheusremotewrite.PrometheusConverter)
	if !ok {
		converter = prometheusremotewrite.NewPrometheusConverter(nil)
	}
	app := &otlpAppender{
		AppenderV2: h.store.AppenderV2(ctx),
		exemplars:  h.exemplars,
		maxTime:    timestamp.FromTime(time.Now().Add(maxAhead)),
	}
	converter.Reset(app)
	c := h.config().OTLPConfig
	warnings, err := converter.FromMetrics(ctx, md, prometheusremotewrite.Settings{
		AddMetricSuffixes:                    c.TranslationStrategy.ShouldAddSuffixes(),
		AllowUTF8:                            !c.TranslationStrategy.ShouldEscape(),
		PromoteResourceAttributes:            prometheusremotewrite.NewPromoteResourceAttributes(c),
		KeepIdentifyingResourceAttributes:    c.KeepIdentifyingResourceAttributes,
		ConvertHistogramsToNHCB:              c.ConvertHistogramsToNHCB,
		PromoteScopeMetadata:                 c.PromoteScopeMetadata,
		LookbackDelta:                        queryLookback,
		LabelNameUnderscoreSanitization:      c.LabelNameUnderscoreSanitization,
		LabelNamePreserveMultipleUnderscores: c.LabelNamePreserveMultipleUnderscores,
	})
	for category, count := range prometheusremotewrite.CountWarningsByCategory(warnings) {
		h.warnings.WithLabelValues(string(category)).Add(float64(count))
	}
	if err != nil {
		err = errors.Join(err, app.Rollback())
	} else if err = app.Commit(); err != nil {
		err = fmt.Errorf("%w: %w", errCommit, err)
	}
	converter.Reset(nil)
	h.converters.Put(converter)
	return err
}

func hasDelta(md pmetric.Metrics) bool {
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				if temporality(m) == pmetric.AggregationTemporalityDelta {
					return true
				}
			}
		}
	}
	return false
}

func temporality(m pmetric.Metric) pmetric.AggregationTemporality {
	switch m.Type() {
	case pmetric.MetricTypeSum:
		return m.Sum().AggregationTemporality()
	case pmetric.MetricTypeHistogram:
		return m.Histogram().AggregationTemporality()
	case pmetric.MetricTypeExponentialHistogram:
		return m.ExponentialHistogram().AggregationTemporality()
	default:
		return pmetric.AggregationTemporalityUnspecified
	}
}

// otlpAppender refuses samples from the future, and takes a sample whose exemplars
// are refused.
type otlpAppender struct {
	storage.AppenderV2
	exemplars prometheus.Counter
	maxTime   int64
}

// Append implements storage.AppenderV2.
func (a *otlpAppender) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AOptions) (storage.SeriesRef, error) {
	if t > a.maxTime {
		return 0, fmt.Errorf("%w: the sample of %s is more than %s ahead of this server's clock", storage.ErrOutOfBounds, ls, maxAhead)
	}
	ref, err := a.AppenderV2.Append(ref, ls, st, t, v, h, fh, opts)
	if partial, ok := errors.AsType[*storage.AppendPartialError](err); ok {
		a.exemplars.Add(float64(len(partial.ExemplarErrors)))
		return ref, nil
	}
	if err != nil {
		return 0, fmt.Errorf("%w (series %s)", err, ls)
	}
	return ref, nil
}

// deltas owns the converters from delta to cumulative temporality, each of which
// runs a goroutine that forgets streams after five silent minutes.
type deltas struct {
	mu      sync.Mutex
	running []processor.Metrics
}

type consumeFunc func(context.Context, pmetric.Metrics) error

// ConsumeMetrics implements consumer.Metrics.
func (f consumeFunc) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error { return f(ctx, md) }

// Capabilities implements consumer.Metrics.
func (consumeFunc) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (d *deltas) start(next consumeFunc) (consumer.Metrics, error) {
	factory := deltatocumulative.NewFactory()
	ctx := context.Background() // the converter lives until stop
	p, err := factory.CreateMetrics(ctx, processor.Settings{
		ID:                component.NewID(factory.Type()),
		TelemetrySettings: component.TelemetrySettings{MeterProvider: noop.NewMeterProvider()},
	}, factory.CreateDefaultConfig(), next)
	if err != nil {
		return nil, fmt.Errorf("create delta converter: %w", err)
	}
	if err := p.Start(ctx, nil); err != nil {
		return nil, fmt.Errorf("start delta converter: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running = append(d.running, p)
	return p, nil
}

func (d *deltas) stop() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, p := range d.running {
		if err := p.Shutdown(context.Background()); err != nil {
			errs = append(errs, fmt.Errorf("stop delta converter: %w", err))
		}
	}
	d.running = nil
	return errors.Join(errs...)
}
