package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/rules/replay"
)

const replayPath = "/api/watchtower/v1/replay"

// replayBody asks for the hours before noon.
const replayBody = `{"from": "2026-11-19T10:00:00Z", "to": "2026-11-19T14:00:00Z", "objectives": ["share-requests"], "timezone": "Europe/Berlin"}`

func TestReplayByAPI(t *testing.T) {
	var asked ReplayRequest
	site := newSite(t, func(o *Options) {
		o.Replay = func(ctx context.Context, r ReplayRequest) (replay.Result, error) {
			if d, ok := ctx.Deadline(); !ok || time.Until(d) > maxReplayTaking {
				t.Error("a replay without end")
			}
			asked = r
			return replay.Result{From: r.From, To: r.To, Alerts: []replay.Alert{{Name: "ShareBroken", Delay: replay.Seconds(90 * time.Second)}}}, nil
		}
	})
	w := ask(t, site, "POST "+replayPath, replayBody, isJSON, "Sec-Fetch-Site: same-origin")
	var got replay.Result
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK || len(got.Alerts) != 1 || time.Duration(got.Alerts[0].Delay) != 90*time.Second {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	if asked.Timezone != "Europe/Berlin" || len(asked.Objectives) != 1 || asked.To.Sub(asked.From) != 4*time.Hour {
		t.Errorf("asked %+v", asked)
	}
}

func TestReplayRefused(t *testing.T) {
	fails := func(err error) Replay {
		return func(context.Context, ReplayRequest) (replay.Result, error) { return replay.Result{}, err }
	}
	for name, c := range map[string]struct {
		replay  Replay
		body    string
		headers []string
		status  int
		says    string
	}{
		"no history":         {nil, replayBody, []string{isJSON}, http.StatusNotImplemented, "no history"},
		"another site":       {fails(nil), replayBody, []string{isJSON, "Sec-Fetch-Site: cross-site"}, http.StatusForbidden, "another web site"},
		"a form":             {fails(nil), replayBody, nil, http.StatusUnsupportedMediaType, "Content-Type"},
		"unknown key":        {fails(nil), `{"form": 1}`, []string{isJSON}, http.StatusBadRequest, `unknown field \"form\"`},
		"no time":            {fails(nil), `{}`, []string{isJSON}, http.StatusBadRequest, "Give from and to"},
		"too long":           {fails(nil), strings.Replace(replayBody, "2026-11-19T10", "2025-11-19T10", 1), []string{isJSON}, http.StatusBadRequest, "100 days at most"},
		"the future":         {fails(nil), strings.Replace(replayBody, "T14:00", "T15:00", 1), []string{isJSON}, http.StatusBadRequest, "in the future"},
		"a large spec":       {fails(nil), `{"spec": "` + strings.Repeat("x", maxSpec) + `"}`, []string{isJSON}, http.StatusBadRequest, "too large"},
		"the caller's fault": {fails(fmt.Errorf("%w: there is no objective \"x\"", ErrReplay)), replayBody, []string{isJSON}, http.StatusBadRequest, `There is no objective \"x\"`},
		"our fault":          {fails(errors.New("disk")), replayBody, []string{isJSON}, http.StatusInternalServerError, "our side"},
		"takes too long":     {fails(context.DeadlineExceeded), replayBody, []string{isJSON}, http.StatusGatewayTimeout, "took longer"},
	} {
		t.Run(name, func(t *testing.T) {
			w := ask(t, newSite(t, func(o *Options) { o.Replay = c.replay }), "POST "+replayPath, c.body, c.headers...)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
}

// Only one replay runs at a time, and it ends when its client has gone.
func TestOneReplayAtATime(t *testing.T) {
	runs := make(chan struct{})
	site := newSite(t, func(o *Options) {
		o.Replay = func(ctx context.Context, _ ReplayRequest) (replay.Result, error) {
			close(runs)
			<-ctx.Done()
			return replay.Result{}, ctx.Err()
		}
	})
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan int)
	go func() {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, replayPath, strings.NewReader(replayBody))
		if err != nil {
			t.Error(err)
		}
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		ended <- w.Code
	}()
	<-runs
	if w := ask(t, site, "POST "+replayPath, replayBody, isJSON); w.Code != http.StatusTooManyRequests {
		t.Errorf("a second replay: %d %s", w.Code, w.Body)
	}
	leave()
	if code := <-ended; code != http.StatusServiceUnavailable {
		t.Errorf("the first one ended with %d", code)
	}
}
