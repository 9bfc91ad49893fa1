package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/golang/snappy"
	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/prompb"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// maxWriteBytes bounds a write request, as it arrives and unpacked. It is the
	// limit of Prometheus' own receivers.
	maxWriteBytes = 32 << 20
	// maxConcurrentWrites bounds the memory that write requests may take together.
	maxConcurrentWrites = 32
	// maxWriteWait is how long a write request waits for its turn.
	maxWriteWait = time.Second
	// retryAfterSeconds tells a refused sender when to come back.
	retryAfterSeconds = "1"
)

// writeRequest holds the transactions that a request over HTTP has open, so that
// none stays open if its handler panics: the TSDB cannot compact behind an open one.
type writeRequest struct {
	source source

	mu   sync.Mutex
	open map[*transaction]struct{}
}

type writeRequestKey struct{}

// openWriteRequest notes the transaction in the request that ctx belongs to, if
// it belongs to one. Prometheus' handlers pass nothing else from the request to
// the appender.
func openWriteRequest(ctx context.Context, tx *transaction) *writeRequest {
	wr, ok := ctx.Value(writeRequestKey{}).(*writeRequest)
	if !ok {
		return nil
	}
	wr.mu.Lock()
	defer wr.mu.Unlock()
	wr.open[tx] = struct{}{}
	return wr
}

func (wr *writeRequest) close(tx *transaction) {
	wr.mu.Lock()
	defer wr.mu.Unlock()
	delete(wr.open, tx)
}

func (wr *writeRequest) abort() error {
	wr.mu.Lock()
	open := wr.open
	wr.open = map[*transaction]struct{}{}
	wr.mu.Unlock()
	var errs []error
	for tx := range open {
		errs = append(errs, tx.Rollback())
	}
	return errors.Join(errs...)
}

// guard turns a panic into an answer: of a write into 400, because only its body
// can be at fault, of anything else into 500.
func (h *apiHandler) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wr := &writeRequest{source: sourceOf(r.URL.Path), open: map[*transaction]struct{}{}}
		defer func() {
			reason := recover()
			if err := wr.abort(); err != nil {
				h.store.logger.Error("transaction not rolled back", "path", r.URL.Path, "err", err)
			}
			if reason == nil {
				return
			}
			if err, ok := reason.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(reason)
			}
			h.store.logger.Error("request broke its handler", "path", r.URL.Path, "reason", fmt.Sprint(reason), "stack", string(debug.Stack()))
			if r.Method == http.MethodPost && isWrite(r.URL.Path) {
				h.refuse(w, http.StatusBadRequest, "malformed", "the body of the request makes no sense; nothing of it was stored")
				return
			}
			respondError(w, http.StatusInternalServerError, "internal", "the request broke its handler; the log says where")
		}()
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), writeRequestKey{}, wr)))
	})
}

func isWrite(path string) bool {
	return path == apiPrefix+"/write" || path == apiPrefix+"/otlp/v1/metrics"
}

// whenReady answers 503 until the server is ready.
func (h *apiHandler) whenReady(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !h.options.Ready() {
			w.Header().Set("Retry-After", retryAfterSeconds)
			respondError(w, http.StatusServiceUnavailable, "unavailable", "the server is starting; try again in a moment")
			return
		}
		next(w, r)
	}
}

// refuse answers a write request that is not stored, in plain text as senders log it.
func (h *apiHandler) refuse(w http.ResponseWriter, status int, reason, sentence string) {
	h.store.metrics.refused.WithLabelValues(reason).Inc()
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfterSeconds)
	}
	http.Error(w, sentence, status)
}

// admit reads the body of a write request when its turn has come. It has answered
// already if ok is false; done frees the place.
func (h *apiHandler) admit(w http.ResponseWriter, r *http.Request) (body []byte, done func(), ok bool) {
	wait := time.NewTimer(maxWriteWait)
	defer wait.Stop()
	select {
	case h.writes <- struct{}{}:
	case <-wait.C:
		h.refuse(w, http.StatusServiceUnavailable, "overload", fmt.Sprintf("%d write requests are in progress, which is as many as this server takes; try again in a second", maxConcurrentWrites))
		return nil, nil, false
	case <-r.Context().Done():
		return nil, nil, false
	}
	done = func() { <-h.writes }
	body, err := readBody(w, r)
	if err != nil {
		done()
		h.refuseBody(w, err)
		return nil, nil, false
	}
	return body, done, true
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxWriteBytes))
}

func (h *apiHandler) refuseBody(w http.ResponseWriter, err error) {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		h.refuse(w, http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("the request is larger than %d MiB; send smaller batches", maxWriteBytes>>20))
		return
	}
	h.refuse(w, http.StatusBadRequest, "malformed", fmt.Sprintf("cannot read the body of the request: %v", err))
}

// remoteWrite serves remote write 1.0 and 2.0 by Prometheus' own handler.
func (h *apiHandler) remoteWrite(upstream http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, done, ok := h.admit(w, r)
		if !ok {
			return
		}
		defer done()
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := &writeAnswer{ResponseWriter: w}
		upstream.ServeHTTP(answer, r)
		switch {
		case answer.status >= http.StatusInternalServerError:
			h.refuse(w, answer.status, "store", answer.sentence())
		case answer.status >= http.StatusBadRequest:
			h.refuse(w, answer.status, "malformed", answer.sentence())
		case isRemoteWriteV1(r.Header.Get("Content-Type")):
			h.store.keepMetadataV1(body)
		}
	}
}

// writeAnswer passes a good answer on and holds a bad one back.
type writeAnswer struct {
	http.ResponseWriter
	status int
	text   bytes.Buffer
}

// WriteHeader implements http.ResponseWriter.
func (w *writeAnswer) WriteHeader(status int) {
	w.status = status
	if status < http.StatusBadRequest {
		w.ResponseWriter.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
func (w *writeAnswer) Write(b []byte) (int, error) {
	if w.status >= http.StatusBadRequest {
		return w.text.Write(b)
	}
	return w.ResponseWriter.Write(b)
}

// sentence is the text of a bad answer, for people.
func (w *writeAnswer) sentence() string {
	text := strings.TrimSpace(w.text.String())
	switch {
	case strings.HasPrefix(text, "s2: "), strings.HasPrefix(text, "snappy: "):
		return "the body is not compressed with snappy, as remote write demands: " + text
	case strings.HasPrefix(text, "proto: "), text == io.ErrUnexpectedEOF.Error():
		return "the body is not a remote write message: " + text
	}
	return text
}

func isRemoteWriteV1(contentType string) bool {
	if contentType == "" {
		return true
	}
	msg, err := remoteapi.ParseProtoMsg(contentType)
	return err == nil && msg == remoteapi.WriteV1MessageType
}

// keepMetadataV1 keeps the metadata of a remote write 1.0 request, which
// Prometheus' handler skips. The request is known to be well formed.
func (s *Store) keepMetadataV1(body []byte) {
	const metadataField = 3 // prompb.WriteRequest.metadata
	raw, err := snappy.Decode(nil, body)
	if err != nil {
		return
	}
	for len(raw) > 0 {
		field, wire, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return
		}
		raw = raw[n:]
		size := protowire.ConsumeFieldValue(field, wire, raw)
		if size < 0 {
			return
		}
		if field == metadataField && wire == protowire.BytesType {
			message, _ := protowire.ConsumeBytes(raw)
			var m prompb.MetricMetadata
			if err := m.Unmarshal(message); err == nil && m.MetricFamilyName != "" {
				s.meta.put(m.MetricFamilyName, metadata.Metadata{Type: metricTypeV1(m.Type), Unit: m.Unit, Help: clip(m.Help, maxHelp)})
			}
		}
		raw = raw[size:]
	}
}

func metricTypeV1(t prompb.MetricMetadata_MetricType) model.MetricType {
	switch t {
	case prompb.MetricMetadata_COUNTER:
		return model.MetricTypeCounter
	case prompb.MetricMetadata_GAUGE:
		return model.MetricTypeGauge
	case prompb.MetricMetadata_HISTOGRAM:
		return model.MetricTypeHistogram
	case prompb.MetricMetadata_GAUGEHISTOGRAM:
		return model.MetricTypeGaugeHistogram
	case prompb.MetricMetadata_SUMMARY:
		return model.MetricTypeSummary
	case prompb.MetricMetadata_INFO:
		return model.MetricTypeInfo
	case prompb.MetricMetadata_STATESET:
		return model.MetricTypeStateset
	default:
		return model.MetricTypeUnknown
	}
}

// unpack undoes gzip within the limit. It returns the body as it is without one.
func unpack(body []byte, encoding string) ([]byte, error) {
	switch encoding {
	case "", "identity":
		return body, nil
	case "gzip":
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("it is not gzip, as its Content-Encoding says: %w", err)
		}
		unpacked, err := io.ReadAll(io.LimitReader(z, maxWriteBytes+1))
		if err != nil {
			return nil, fmt.Errorf("its gzip is broken: %w", err)
		}
		if len(unpacked) > maxWriteBytes {
			return nil, &http.MaxBytesError{Limit: maxWriteBytes}
		}
		return unpacked, nil
	default:
		return nil, fmt.Errorf("its Content-Encoding %q is not supported: use gzip or none", encoding)
	}
}

func mediaType(r *http.Request) string {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return r.Header.Get("Content-Type")
	}
	return t
}

// respondError answers in the shape of the Prometheus API.
func respondError(w http.ResponseWriter, status int, kind, sentence string) {
	respond(w, status, map[string]any{"status": "error", "errorType": kind, "error": sentence})
}

func respond(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // the client went away: nobody to tell
}
