package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/rules/replay"
)

// ReplayRequest asks which alerts objectives would have sent over the past.
type ReplayRequest struct {
	// Spec is the text of a spec, File its name for errors. An empty spec asks for the objectives that run.
	Spec string `json:"spec,omitempty"`
	File string `json:"file,omitempty"`
	// Objectives are the IDs to replay; all when there are none.
	Objectives []string  `json:"objectives,omitempty"`
	From       time.Time `json:"from"`
	To         time.Time `json:"to"`
	Timezone   string    `json:"timezone,omitempty"` // Says when it is night; UTC when empty.
}

// Replay runs objectives over the history in the store. Errors that wrap ErrReplay are the caller's fault and sentences.
type Replay func(ctx context.Context, r ReplayRequest) (replay.Result, error)

// ErrReplay is wrapped by errors of a Replay that the caller can mend.
var ErrReplay = errors.New("the replay was refused")

// Bounds of a replay in a server: its telemetry and its pages come first.
const (
	maxSpec         = 1 << 20
	maxReplay       = 100 * 24 * time.Hour
	maxReplayTaking = 2 * time.Minute
)

// apiReplay replays objectives for as long as the client waits, one replay at a time. Like everything that is sent to this
// site it is refused when another web site is behind it.
func (s *site) apiReplay(w http.ResponseWriter, r *http.Request) error {
	if s.o.Replay == nil {
		return fault{http.StatusNotImplemented, "This server has no history to replay.", nil}
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return fault{http.StatusUnsupportedMediaType, "Send JSON, with Content-Type: application/json.", nil}
	}
	var ask ReplayRequest
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxSpec))
	d.DisallowUnknownFields()
	if err := d.Decode(&ask); err != nil {
		return fault{http.StatusBadRequest, "The request cannot be read: " + strings.TrimPrefix(err.Error(), "json: ") + ".", err}
	}
	switch {
	case ask.From.IsZero() || ask.To.IsZero():
		return fault{http.StatusBadRequest, "Give from and to, as in 2026-11-19T14:00:00Z.", nil}
	case ask.To.Sub(ask.From) > maxReplay:
		return fault{http.StatusBadRequest, fmt.Sprintf("A server replays %d days at most: ask for fewer, or replay its TSDB directory with --tsdb.", maxReplay/(24*time.Hour)), nil}
	case ask.To.After(s.o.Now().Add(time.Minute)):
		return fault{http.StatusBadRequest, "The time to replay ends in the future.", nil}
	}
	if !s.replaying.TryLock() {
		return fault{http.StatusTooManyRequests, "Another replay runs here. Try again when it is done.", nil}
	}
	defer s.replaying.Unlock()
	ctx, cancel := context.WithTimeout(r.Context(), maxReplayTaking)
	defer cancel()
	result, err := s.o.Replay(ctx, ask)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fault{http.StatusGatewayTimeout, fmt.Sprintf("The replay took longer than %s: ask for a shorter time or fewer objectives, or replay the TSDB directory with --tsdb.", maxReplayTaking), err}
	case errors.Is(err, ErrReplay):
		return fault{http.StatusBadRequest, upperFirst(strings.TrimPrefix(err.Error(), ErrReplay.Error()+": ")), err}
	case err != nil:
		return err
	}
	return writeJSON(w, r, http.StatusOK, result)
}
