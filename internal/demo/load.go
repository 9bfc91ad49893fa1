package demo

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// maxInFlight bounds the load generator: a backend that hangs must not make it
// grow without end.
const maxInFlight = 512

// load drives the backend as people do: most look at the feed, some share, a few
// log in.
type load struct {
	backend *backend
	rate    func() float64 // requests a second, right now
	client  *http.Client

	sent, failed, skipped atomic.Int64
}

// run sends requests until ctx ends and returns when the last has been answered.
func (l *load) run(ctx context.Context) {
	const tick = 20 * time.Millisecond
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	slots := make(chan struct{}, maxInFlight)
	var wg sync.WaitGroup
	defer wg.Wait()
	for owed := 0.0; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for owed += l.rate() * tick.Seconds(); owed >= 1; owed-- {
			select {
			case slots <- struct{}{}:
			default:
				l.skipped.Add(1)
				continue
			}
			wg.Go(func() {
				defer func() { <-slots }()
				l.request(ctx)
			})
		}
	}
}

// request sends one request on behalf of a user.
func (l *load) request(ctx context.Context) {
	service, method, route := pickRequest(rand.Float64())
	req, err := http.NewRequestWithContext(ctx, method, "http://"+l.backend.addrs[service]+route, http.NoBody)
	if err != nil {
		return
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	l.sent.Add(1)
	if resp.StatusCode >= http.StatusInternalServerError {
		l.failed.Add(1)
	}
}

// pickRequest turns a number in 0–1 into what a user does.
func pickRequest(x float64) (service, method, route string) {
	switch {
	case x < 0.60:
		return "feed", http.MethodGet, "/feed"
	case x < 0.90:
		return "share", http.MethodPost, "/share"
	default:
		return "auth", http.MethodPost, "/login"
	}
}
