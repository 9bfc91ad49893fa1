package deadline

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"google.golang.org/grpc/tap"
)

func TestOpenRequestsEndAfterTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeadline(Config{Handshake: time.Second, Grace: 2 * time.Second})
		ctx, err := d.tap(t.Context(), &tap.Info{FullMethodName: "/Export"})
		if err != nil {
			t.Fatal(err)
		}
		ended, cancel := context.WithCancel(t.Context())
		short, err := d.tap(ended, &tap.Info{FullMethodName: "/Export"})
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		synctest.Wait()
		if short.Err() == nil {
			t.Error("a request does not end with its stream")
		}

		if err := d.NotReady(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1999 * time.Millisecond)
		synctest.Wait()
		if ctx.Err() != nil {
			t.Error("an open request ended within its grace")
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if ctx.Err() == nil {
			t.Error("an open request goes on after its grace")
		}
		if err := d.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestFactory(t *testing.T) {
	factory := NewFactory()
	built, err := factory.Create(t.Context(), extension.Settings{ID: component.NewID(factory.Type())}, factory.CreateDefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	d, ok := built.(*deadline)
	if !ok {
		t.Fatalf("the factory builds %T", built)
	}
	options, err := d.GetGRPCServerOptions(t.Context())
	if err != nil || len(options) != 2 {
		t.Errorf("%d server options (%v), want two", len(options), err)
	}
	if err := errors.Join(d.Start(t.Context(), nil), d.Ready(), d.NotReady(), d.Shutdown(t.Context())); err != nil {
		t.Error(err)
	}
}
