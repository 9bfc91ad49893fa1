package collectors

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/storage"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// retryDelay is how long an answer asks the sender to wait; 0 if it does not say.
func retryDelay(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

// slowStore commits when it is let to.
type slowStore struct {
	storage.AppendableV2

	gate    chan struct{}
	waiting atomic.Int32
	failure atomic.Pointer[error]
}

func (s *slowStore) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return &slowAppender{AppenderV2: s.AppendableV2.AppenderV2(ctx), store: s}
}

type slowAppender struct {
	storage.AppenderV2

	store *slowStore
}

func (a *slowAppender) Commit() error {
	if failure := a.store.failure.Load(); failure != nil {
		return errors.Join(*failure, a.Rollback())
	}
	a.store.waiting.Add(1)
	<-a.store.gate
	return a.AppenderV2.Commit()
}

func TestOverloadIsAnsweredWithADelayAndLosesNothing(t *testing.T) {
	db := openStore(t)
	slow := &slowStore{AppendableV2: db, gate: make(chan struct{})}
	cfg := loopback()
	cfg.Otelcol = section{"processors": section{"admission": section{"max_in_flight_items": 2}}}
	c := start(t, Options{Config: cfg, Store: slow})
	grpcAddr, httpAddr := c.OTLPAddrs()
	client := pmetricotlp.NewGRPCClient(dial(t, grpcAddr))
	now := time.Now()
	export := func(i int) error {
		_, err := client.Export(context.Background(), pmetricotlp.NewExportRequestFromMetrics(gaugeMetric(fmt.Sprintf("sent.%d", i), now, 1)))
		return err
	}

	const senders = 20
	var (
		running  sync.WaitGroup
		deferred atomic.Int32
		again    = make(chan struct{})
	)
	for i := range senders {
		running.Go(func() {
			for err := export(i); err != nil; err = export(i) {
				if status.Code(err) != codes.ResourceExhausted || retryDelay(err) < time.Second {
					t.Errorf("answer %v (delay %s), want ResourceExhausted and at least 1 s", err, retryDelay(err))
					return
				}
				deferred.Add(1)
				<-again
			}
		})
	}
	eventually(t, "two requests are being stored and the others deferred", func() bool {
		return slow.waiting.Load() == 2 && deferred.Load() == senders-2
	})
	resp, text := post(t, "http://"+httpAddr+"/v1/metrics", encode(t, gaugeMetric("over.http", now, 1)))
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" || resp.Header.Get("Retry-After") == "0" || !strings.Contains(text, "busy") {
		t.Errorf("HTTP answer %s, Retry-After %q, %q; want 429, at least 1 and why", resp.Status, resp.Header.Get("Retry-After"), text)
	}
	if got := c.Status(); got.Deferred != senders-2+1 || !strings.Contains(got.LastError, "busy") {
		t.Errorf("status %+v, want %d deferred requests", got, senders-1)
	}

	close(slow.gate)
	close(again)
	running.Wait()
	for i := range senders {
		if len(stored(t, db, selector(fmt.Sprintf("sent_%d", i))...)) != 1 {
			t.Errorf("what sender %d sent is lost", i)
		}
	}
}

func TestShortMemoryIsAnsweredWithADelay(t *testing.T) {
	cfg := loopback()
	// The Collector's limiter races with the start of its pipelines if it finds memory
	// short before they all run.
	cfg.Otelcol = section{"processors": section{"memory_limiter": section{"limit_mib": 1, "check_interval": "2s"}}}
	c := start(t, Options{Config: cfg, Store: openStore(t)})
	grpcAddr, _ := c.OTLPAddrs()
	client := pmetricotlp.NewGRPCClient(dial(t, grpcAddr))
	eventually(t, "memory is short", func() bool {
		_, err := client.Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(gaugeMetric("level", time.Now(), 1)))
		return status.Code(err) == codes.ResourceExhausted && retryDelay(err) >= time.Second && strings.Contains(err.Error(), "memory is short")
	})
}

func TestStoreTroubleIsRetryable(t *testing.T) {
	db := openStore(t)
	slow := &slowStore{AppendableV2: db, gate: make(chan struct{})}
	close(slow.gate)
	full := errors.New("no space left on device")
	slow.failure.Store(&full)
	c := start(t, Options{Config: loopback(), Store: slow})
	grpcAddr, httpAddr := c.OTLPAddrs()
	client := pmetricotlp.NewGRPCClient(dial(t, grpcAddr))
	now := time.Now()

	_, err := client.Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(gaugeMetric("kept", now, 1)))
	if status.Code(err) != codes.Unavailable || retryDelay(err) < time.Second || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("answer %v (delay %s), want Unavailable with a delay", err, retryDelay(err))
	}
	if resp, text := post(t, "http://"+httpAddr+"/v1/metrics", encode(t, gaugeMetric("kept", now, 1))); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("HTTP answer %s %q, want 503 with Retry-After", resp.Status, text)
	}
	slow.failure.Store(nil)
	if _, err := client.Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(gaugeMetric("kept", now, 1))); err != nil {
		t.Fatal(err)
	}
	if len(stored(t, db, selector("kept")...)) != 1 {
		t.Error("what was repeated is not stored")
	}
}

func TestRefusedSamplesAreAnsweredOnce(t *testing.T) {
	db := openStore(t)
	c := start(t, Options{Config: loopback(), Store: db})
	_, httpAddr := c.OTLPAddrs()
	now := time.Now()
	send := func(at time.Time, value float64, further ...string) (int, string) {
		md := gaugeMetric("level", at, value)
		for _, name := range further {
			gaugeMetric(name, now, 1).ResourceMetrics().MoveAndAppendTo(md.ResourceMetrics())
		}
		resp, text := post(t, "http://"+httpAddr+"/v1/metrics", encode(t, md))
		return resp.StatusCode, text
	}
	if code, text := send(now, 1); code != http.StatusOK {
		t.Fatal(text)
	}
	if code, text := send(now, 1); code != http.StatusOK {
		t.Errorf("the same sample again is answered with %d %s", code, text)
	}
	if code, text := send(now, 2, "beside"); code != http.StatusBadRequest || !strings.Contains(text, "1 of 2 samples refused") || !strings.Contains(text, "duplicate sample") {
		t.Errorf("another value at the same time is answered with %d %s, want 400 and why", code, text)
	}
	if len(stored(t, db, selector("beside")...)) != 1 {
		t.Error("the sample beside a refused one is not stored")
	}
	if code, text := send(now.Add(-time.Second), 3); code != http.StatusBadRequest || !strings.Contains(text, "out of order") {
		t.Errorf("an older sample is answered with %d %s, want 400 and why", code, text)
	}
	if code, text := send(now.Add(time.Hour), 3); code != http.StatusBadRequest || !strings.Contains(text, "future") {
		t.Errorf("a sample of the future is answered with %d %s, want 400 and why", code, text)
	}
	if got := c.Status(); got.Refused != 3 || got.Deferred != 0 {
		t.Errorf("status %+v, want 3 refused samples", got)
	}
}
