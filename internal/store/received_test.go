package store

import (
	"net/http"
	"testing"
	"time"
)

// What rules write must not look like telemetry: else nobody would notice that none
// arrives.
func TestReceivedAtIsOfTelemetryAlone(t *testing.T) {
	s := serve(t, APIOptions{})
	begun := time.Now()
	nothing := func(what string) {
		t.Helper()
		if at := s.store.ReceivedAt(); !at.IsZero() {
			t.Errorf("%s: telemetry at %s", what, at)
		}
	}
	nothing("an empty store")
	add(t, s.store, series("recorded"), 1, 1)
	nothing("a recording rule")
	commit(t, s.store.AppenderV2(t.Context()))
	nothing("a transaction without samples")
	undone := s.store.AppenderV2(t.Context())
	add2(t, undone, series("undone"), 0, 1, 1)
	if err := undone.Rollback(); err != nil {
		t.Fatal(err)
	}
	nothing("a transaction that was rolled back")
	s.write(v1Type, []byte("no snappy")).expectStatus(t, http.StatusBadRequest, "")
	nothing("a request that makes no sense")

	s.write(v1Type, pack(t, writeV1())).expectStatus(t, http.StatusNoContent, "")
	written := s.store.ReceivedAt()
	if written.Before(begun) || written.After(time.Now()) {
		t.Errorf("remote write at %s, want between %s and now", written, begun)
	}
	scrape := s.store.AppenderV2(t.Context())
	add2(t, scrape, series("up"), 0, 5000, 1)
	commit(t, scrape)
	if at := s.store.ReceivedAt(); !at.After(written) {
		t.Errorf("after a scrape: %s, want after %s", at, written)
	}
}
