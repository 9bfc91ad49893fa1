package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// A part is something that runs until its context ends and returns once all it
// started has stopped.
type part struct {
	name string
	run  func(ctx context.Context) error
}

// runParts runs the parts until ctx ends or one of them returns, then stops them
// one by one in reverse order: a part may rely on all that stand before it until
// it has itself returned. The error names the part that failed.
func runParts(ctx context.Context, parts []part) error {
	type stopper struct {
		cancel context.CancelFunc
		done   chan struct{}
		err    error
	}
	returned := make(chan struct{}, len(parts))
	running := make([]*stopper, 0, len(parts))
	for _, p := range parts {
		// Detached, because the end of ctx must reach the parts in order.
		pctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		s := &stopper{cancel: cancel, done: make(chan struct{})}
		running = append(running, s)
		go func() {
			defer func() { close(s.done); returned <- struct{}{} }()
			if err := p.run(pctx); err != nil && !errors.Is(err, context.Canceled) {
				s.err = fmt.Errorf("%s: %w", p.name, err)
			}
		}()
	}
	select {
	case <-ctx.Done():
	case <-returned:
	}
	var errs []error
	for _, s := range slices.Backward(running) {
		s.cancel()
		<-s.done
		errs = append(errs, s.err)
	}
	return errors.Join(errs...)
}
