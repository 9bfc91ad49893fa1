package admission

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
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
)

func delay(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

func newTestGate(t *testing.T, cfg Config) (*gate, *[]error) {
	t.Helper()
	var deferred []error
	g, err := newGate(&cfg, func(_ int, err error) { deferred = append(deferred, err) })
	if err != nil {
		t.Fatal(err)
	}
	return g, &deferred
}

func TestWhatDoesNotFitIsDeferred(t *testing.T) {
	g, deferred := newTestGate(t, Config{MaxInFlightBytes: 100, MaxInFlightItems: 10, RetryDelay: time.Second})
	pass := func() error { return nil }
	check := func(bytes, items int, want codes.Code) {
		t.Helper()
		err := g.admit(bytes, items, pass)
		if status.Code(err) != want {
			t.Errorf("%d bytes, %d items: %v, want %v", bytes, items, err, want)
		}
		if want == codes.ResourceExhausted && (delay(err) < time.Second || delay(err) >= 2*time.Second) {
			t.Errorf("delay %s, want 1 to 2 s", delay(err))
		}
	}
	err := g.admit(60, 6, func() error {
		check(40, 4, codes.OK)
		check(41, 1, codes.ResourceExhausted)
		check(1, 5, codes.ResourceExhausted)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if len(*deferred) != 2 {
		t.Errorf("told of %v, want two", *deferred)
	}
	// What is larger than the limits goes when it is alone.
	check(1000, 1000, codes.OK)
	if g.bytes != 0 || g.items != 0 {
		t.Errorf("%d bytes and %d items are left in flight", g.bytes, g.items)
	}
}

func TestRefusalsFromBelow(t *testing.T) {
	g, deferred := newTestGate(t, Config{MaxInFlightBytes: 1, MaxInFlightItems: 1, RetryDelay: time.Second})
	for _, test := range []struct {
		name    string
		err     error
		want    codes.Code
		delayed bool
	}{
		{"nothing wrong", nil, codes.OK, false},
		{"memory limiter", errors.New("data refused due to high memory usage"), codes.ResourceExhausted, true},
		{"any error", errors.New("disk full"), codes.Unavailable, true},
		{"unavailable without a delay", status.Error(codes.Unavailable, "store closed"), codes.Unavailable, true},
		{"a wrapped status", fmt.Errorf("store: %w", status.Error(codes.Unavailable, "closed")), codes.Unavailable, true},
		{"invalid", status.Error(codes.InvalidArgument, "too old"), codes.InvalidArgument, false},
		{"permanent", consumererror.NewPermanent(errors.New("never")), codes.Unknown, false},
		{"canceled", context.Canceled, codes.Unavailable, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			*deferred = nil
			err := g.admit(1, 1, func() error { return test.err })
			if status.Code(err) != test.want || (delay(err) >= time.Second) != test.delayed {
				t.Errorf("answer %v with delay %s, want %v, delayed %t", err, delay(err), test.want, test.delayed)
			}
			if test.delayed && (len(*deferred) != 1 || !strings.Contains(err.Error(), "send the same data again in ")) {
				t.Errorf("told of %v; answer %v", *deferred, err)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	err := (&Config{}).Validate()
	for _, want := range []string{"max_in_flight_bytes", "max_in_flight_items", "retry_delay"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s in it", err, want)
		}
	}
	cfg, ok := NewFactory(nil).CreateDefaultConfig().(*Config)
	if !ok || cfg.Validate() != nil {
		t.Errorf("defaults %+v are not valid", cfg)
	}
}

func TestSignals(t *testing.T) {
	factory := NewFactory(nil)
	busy := errors.New("data refused due to high memory usage")
	noMetrics, err := consumer.NewMetrics(func(context.Context, pmetric.Metrics) error { return busy })
	if err != nil {
		t.Fatal(err)
	}
	noTraces, err := consumer.NewTraces(func(context.Context, ptrace.Traces) error { return busy })
	if err != nil {
		t.Fatal(err)
	}
	set := processor.Settings{ID: component.NewID(factory.Type())}
	metrics, err := factory.CreateMetrics(t.Context(), set, factory.CreateDefaultConfig(), noMetrics)
	if err != nil {
		t.Fatal(err)
	}
	traces, err := factory.CreateTraces(t.Context(), set, factory.CreateDefaultConfig(), noTraces)
	if err != nil {
		t.Fatal(err)
	}
	for signal, err := range map[string]error{
		"metrics": metrics.ConsumeMetrics(t.Context(), pmetric.NewMetrics()),
		"traces":  traces.ConsumeTraces(t.Context(), ptrace.NewTraces()),
	} {
		if status.Code(err) != codes.ResourceExhausted || delay(err) == 0 {
			t.Errorf("%s: answer %v, want ResourceExhausted with a delay", signal, err)
		}
	}
	if err := errors.Join(metrics.Start(t.Context(), nil), metrics.Shutdown(t.Context())); err != nil {
		t.Error(err)
	}
}
