package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
)

// parts makes parts that record the order in which they stop.
func recordStops(names ...string) (parts []part, stopped func() []string) {
	var mu sync.Mutex
	var order []string
	for _, name := range names {
		parts = append(parts, part{name, func(ctx context.Context) error {
			<-ctx.Done()
			mu.Lock()
			defer mu.Unlock()
			order = append(order, name)
			return ctx.Err()
		}})
	}
	return parts, func() []string { mu.Lock(); defer mu.Unlock(); return order }
}

func TestPartsStopInReverse(t *testing.T) {
	parts, stopped := recordStops("store", "engine", "web")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := runParts(ctx, parts); err != nil {
		t.Fatal(err)
	}
	if got, want := stopped(), []string{"web", "engine", "store"}; !slices.Equal(got, want) {
		t.Errorf("stopped %v, want %v", got, want)
	}
}

func TestPartFailureStopsTheOthers(t *testing.T) {
	parts, stopped := recordStops("store", "engine")
	parts = append(parts, part{"web", func(context.Context) error { return errors.New("address in use") }})
	err := runParts(t.Context(), parts)
	if err == nil || !strings.Contains(err.Error(), "web: address in use") {
		t.Fatalf("error %v, want the part and its reason", err)
	}
	if got, want := stopped(), []string{"engine", "store"}; !slices.Equal(got, want) {
		t.Errorf("stopped %v, want %v", got, want)
	}
}
