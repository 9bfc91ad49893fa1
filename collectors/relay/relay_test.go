package relay

import (
	"context"
	"errors"
	"testing"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestFailuresStayHere(t *testing.T) {
	var failed []int
	factory := NewFactory(func(items int, err error) {
		if err == nil {
			t.Error("told of a failure that is none")
		}
		failed = append(failed, items)
	})
	set := connector.Settings{ID: component.NewID(factory.Type())}
	var answer error
	nextMetrics, err := consumer.NewMetrics(func(context.Context, pmetric.Metrics) error { return answer })
	if err != nil {
		t.Fatal(err)
	}
	nextTraces, err := consumer.NewTraces(func(context.Context, ptrace.Traces) error { return answer }, consumer.WithCapabilities(consumer.Capabilities{MutatesData: true}))
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := factory.CreateMetricsToMetrics(t.Context(), set, factory.CreateDefaultConfig(), nextMetrics)
	if err != nil {
		t.Fatal(err)
	}
	traces, err := factory.CreateTracesToTraces(t.Context(), set, factory.CreateDefaultConfig(), nextTraces)
	if err != nil {
		t.Fatal(err)
	}
	if metrics.Capabilities().MutatesData || !traces.Capabilities().MutatesData {
		t.Error("capabilities are not those of what follows")
	}

	md := pmetric.NewMetrics()
	md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty()
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	spans.AppendEmpty()
	spans.AppendEmpty()
	send := func() error {
		return errors.Join(metrics.ConsumeMetrics(t.Context(), md), traces.ConsumeTraces(t.Context(), td))
	}
	if err := send(); err != nil || len(failed) != 0 {
		t.Errorf("without failure: %v, told of %v", err, failed)
	}
	answer = errors.New("connection refused")
	if err := send(); err != nil {
		t.Errorf("a failure is passed back: %v", err)
	}
	if len(failed) != 2 || failed[0] != 1 || failed[1] != 2 {
		t.Errorf("told of %v, want 1 data point and 2 spans", failed)
	}
}
