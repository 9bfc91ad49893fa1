// Package admission is a Collector processor that bounds what is being stored at one time and says when to come back.
//
// It stands first in a pipeline. What does not fit is answered at once with a retryable status that carries a delay
// (gRPC RESOURCE_EXHAUSTED with RetryInfo, over HTTP 429 with Retry-After); so is every refusal from further down that
// a retry can cure, among them the memory limiter's, which carries no delay of its own. Senders then keep the data and
// send it again, so overload delays telemetry but does not lose it.
package admission

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Type names the processor in a configuration.
const Type = "admission"

// Config of the processor. Each pipeline that uses it has these limits for itself.
type Config struct {
	// MaxInFlightBytes bounds the encoded size of what is being stored at one time.
	MaxInFlightBytes int `mapstructure:"max_in_flight_bytes"`
	// MaxInFlightItems bounds the data points, or spans, being stored at one time.
	MaxInFlightItems int `mapstructure:"max_in_flight_items"`
	// RetryDelay is the least a sender is asked to wait, at least a second. Up to as much again is added at random, so
	// that senders do not come back all at once.
	RetryDelay time.Duration `mapstructure:"retry_delay"`
}

// Validate reports limits that would admit nothing.
func (c *Config) Validate() error {
	var faults []error
	if c.MaxInFlightBytes <= 0 {
		faults = append(faults, errors.New("max_in_flight_bytes must be greater than zero"))
	}
	if c.MaxInFlightItems <= 0 {
		faults = append(faults, errors.New("max_in_flight_items must be greater than zero"))
	}
	if c.RetryDelay < time.Second {
		faults = append(faults, errors.New("retry_delay must be at least 1s: HTTP counts it in whole seconds"))
	}
	return errors.Join(faults...)
}

// NewFactory makes the processor known to a Collector. The func deferred, if not nil, is told of each request that a
// sender was asked to repeat.
func NewFactory(deferred func(items int, err error)) processor.Factory {
	if deferred == nil {
		deferred = func(int, error) {}
	}
	return processor.NewFactory(
		component.MustNewType(Type),
		func() component.Config {
			return &Config{MaxInFlightBytes: 64 << 20, MaxInFlightItems: 500_000, RetryDelay: time.Second}
		},
		processor.WithMetrics(func(_ context.Context, _ processor.Settings, cfg component.Config, next consumer.Metrics) (processor.Metrics, error) {
			g, err := newGate(cfg, deferred)
			return &metrics{gate: g, next: next}, err
		}, component.StabilityLevelStable),
		processor.WithTraces(func(_ context.Context, _ processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
			g, err := newGate(cfg, deferred)
			return &traces{gate: g, next: next}, err
		}, component.StabilityLevelStable),
	)
}

// gate counts what is in flight.
type gate struct {
	cfg      Config
	deferred func(items int, err error)

	mu           sync.Mutex
	bytes, items int
}

func newGate(cfg component.Config, deferred func(int, error)) (*gate, error) {
	conf, ok := cfg.(*Config)
	if !ok {
		return nil, fmt.Errorf("build admission: unexpected configuration %T", cfg)
	}
	return &gate{cfg: *conf, deferred: deferred}, nil
}

// admit runs store if there is room for so many bytes and items. A single request larger than the limits is admitted
// when it is alone: it would find no room later either.
func (g *gate) admit(bytes, items int, store func() error) error {
	if err := g.enter(bytes, items); err != nil {
		g.deferred(items, err)
		return err
	}
	defer g.leave(bytes, items)
	err := g.delayed(store())
	if retryable(err) {
		g.deferred(items, err)
	}
	return err
}

func (g *gate) enter(bytes, items int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	alone := g.bytes == 0 && g.items == 0
	if !alone && (g.bytes+bytes > g.cfg.MaxInFlightBytes || g.items+items > g.cfg.MaxInFlightItems) {
		return g.comeBack(codes.ResourceExhausted, fmt.Sprintf("busy: %d items (%d bytes) are being stored and %d more do not fit", g.items, g.bytes, items))
	}
	g.bytes += bytes
	g.items += items
	return nil
}

func (g *gate) leave(bytes, items int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bytes -= bytes
	g.items -= items
}

// delayed adds a status with a delay to an error that a retry can cure and that has no status yet.
func (g *gate) delayed(err error) error {
	if err == nil || consumererror.IsPermanent(err) {
		return err
	}
	if answer, ok := status.FromError(err); ok {
		if answer.Code() == codes.Unavailable && len(answer.Details()) == 0 {
			return g.comeBack(codes.Unavailable, answer.Message())
		}
		return err
	}
	// The memory limiter's error is in an internal package: it is known by its words.
	if strings.Contains(err.Error(), "high memory usage") {
		return g.comeBack(codes.ResourceExhausted, "busy: memory is short")
	}
	return g.comeBack(codes.Unavailable, err.Error())
}

func (g *gate) comeBack(code codes.Code, reason string) error {
	delay := g.cfg.RetryDelay + rand.N(g.cfg.RetryDelay)
	answer := status.New(code, reason+"; send the same data again in "+delay.Round(100*time.Millisecond).String())
	detailed, err := answer.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
	if err != nil {
		return answer.Err()
	}
	return detailed.Err()
}

func retryable(err error) bool {
	if err == nil {
		return false
	}
	code := status.Code(err)
	return code == codes.Unavailable || code == codes.ResourceExhausted
}

type metrics struct {
	lifeless
	*gate

	next  consumer.Metrics
	sizer pmetric.ProtoMarshaler
}

// ConsumeMetrics passes the data on, or says when to send it again.
func (m *metrics) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	return m.admit(m.sizer.MetricsSize(md), md.DataPointCount(), func() error { return m.next.ConsumeMetrics(ctx, md) })
}

type traces struct {
	lifeless
	*gate

	next  consumer.Traces
	sizer ptrace.ProtoMarshaler
}

// ConsumeTraces passes the spans on, or says when to send them again.
func (t *traces) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	return t.admit(t.sizer.TracesSize(td), td.SpanCount(), func() error { return t.next.ConsumeTraces(ctx, td) })
}

// lifeless is a component that neither starts nor stops anything and reads only.
type lifeless struct{}

// Start does nothing.
func (lifeless) Start(context.Context, component.Host) error { return nil }

// Shutdown does nothing.
func (lifeless) Shutdown(context.Context) error { return nil }

// Capabilities says that the data is not changed.
func (lifeless) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }
