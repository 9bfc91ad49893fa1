package spans

import (
	"context"
	"errors"
	"testing"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
)

func TestOrder(t *testing.T) {
	var (
		steps       []string
		taken, next error
	)
	factory := NewFactory(Options{
		Take: func(_ context.Context, td ptrace.Traces) error {
			name, _ := td.ResourceSpans().At(0).Resource().Attributes().Get("service.name")
			steps = append(steps, "take "+name.AsString())
			return taken
		},
		Accepted: func(spans int) {
			if spans != 1 {
				t.Errorf("%d spans accepted, want 1", spans)
			}
			steps = append(steps, "accepted")
		},
	})
	following, err := consumer.NewTraces(func(context.Context, ptrace.Traces) error {
		steps = append(steps, "next")
		return next
	})
	if err != nil {
		t.Fatal(err)
	}
	traces, err := factory.CreateTraces(t.Context(), processor.Settings{ID: component.NewID(factory.Type())}, factory.CreateDefaultConfig(), following)
	if err != nil {
		t.Fatal(err)
	}
	failure := errors.New("disk full")
	for _, test := range []struct {
		name        string
		taken, next error
		want        []string
	}{
		{"all is well", nil, nil, []string{"take unknown_service", "next", "accepted"}},
		{"cannot be taken: must not be counted", failure, nil, []string{"take unknown_service"}},
		{"cannot be counted", nil, failure, []string{"take unknown_service", "next"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			steps, taken, next = nil, test.taken, test.next
			td := ptrace.NewTraces()
			td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
			err := traces.ConsumeTraces(t.Context(), td)
			if wantErr := test.taken != nil || test.next != nil; errors.Is(err, failure) != wantErr {
				t.Errorf("answer %v", err)
			}
			if len(steps) != len(test.want) {
				t.Fatalf("steps %q, want %q", steps, test.want)
			}
			for i := range steps {
				if steps[i] != test.want[i] {
					t.Errorf("steps %q, want %q", steps, test.want)
				}
			}
		})
	}
}
