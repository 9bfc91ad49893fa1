package app

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	slackapi "github.com/slack-go/slack"

	"github.com/watchtower-hub/watchtower/internal/selfwatch"
	"github.com/watchtower-hub/watchtower/internal/web"
)

// What /status says of the heartbeat, and whether it calls for a look.
func TestHeartbeatFact(t *testing.T) {
	justNow := time.Now().Add(-10 * time.Second)
	for what, c := range map[string]struct {
		status selfwatch.HeartbeatStatus
		value  string
		note   string
		level  web.Level
	}{
		"none":     {selfwatch.HeartbeatStatus{}, "none", "selfwatch.heartbeat", web.Plain},
		"taken":    {selfwatch.HeartbeatStatus{Configured: true, Interval: time.Minute, SentAt: justNow}, "taken 10s ago", "every 1m0s", web.Plain},
		"held":     {selfwatch.HeartbeatStatus{Configured: true, Interval: time.Minute, Held: true}, "held back; last taken never", "every check below", web.Plain},
		"in vain":  {selfwatch.HeartbeatStatus{Configured: true, SentAt: justNow, Trouble: "HTTP 500"}, "last taken 10s ago", "HTTP 500", web.Bad},
		"and held": {selfwatch.HeartbeatStatus{Configured: true, Held: true, Trouble: "HTTP 500"}, "last taken never", "HTTP 500", web.Bad},
	} {
		f := heartbeatFact(c.status)
		if f.Value != c.value || !strings.Contains(f.Note, c.note) || f.Level != c.level {
			t.Errorf("%s: %+v, want %q, %q, %q", what, f, c.value, c.note, c.level)
		}
	}
}

// A look at Slack tells in Slack's words what is wrong, and never the token or where it
// was asked.
func TestSlackTrouble(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	limited := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
	}
	for what, c := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"fine":          {answer(http.StatusOK, `{"ok":true,"user_id":"U1","team":"T","bot_id":"B1"}`), ""},
		"asks to wait":  {limited, ""},
		"token revoked": {answer(http.StatusOK, `{"ok":false,"error":"token_revoked"}`), "Slack says token_revoked"},
		"an essay":      {answer(http.StatusOK, `{"ok":false,"error":"`+strings.Repeat("xoxb ", 100)+`"}`), "Slack says xoxb xoxb"},
		"down":          {answer(http.StatusBadGateway, "xoxb-5ecret"), "Slack answers HTTP 502"},
		"a portal":      {answer(http.StatusOK, "<html>xoxb-5ecret"), "what Slack answers makes no sense"},
	} {
		server := httptest.NewServer(c.handler)
		client := slackapi.New("xoxb-5ecret", slackapi.OptionAPIURL(server.URL+"/5ecret/"))
		_, err := client.AuthTestContext(t.Context())
		got := slackTrouble(t.Context(), err)
		if got != c.want && (c.want == "" || !strings.HasPrefix(got, c.want)) || len(got) > 80 {
			t.Errorf("%s: %q (of %v), want %q", what, got, err, c.want)
		}
		if strings.Contains(got, "5ecret") || strings.Contains(got, server.URL) {
			t.Errorf("%s: it tells a secret: %s", what, got)
		}
		server.Close()
		if what != "fine" {
			continue
		}
		_, err = client.AuthTestContext(t.Context())
		if got := slackTrouble(t.Context(), err); !strings.HasPrefix(got, "Slack is not reached: ") || strings.Contains(got, "5ecret") {
			t.Errorf("a closed port: %q (of %v)", got, err)
		}
	}
	late, cancel := context.WithCancel(t.Context())
	cancel()
	if got := slackTrouble(late, &net.OpError{Op: "read", Err: errors.New("i/o timeout")}); got != "Slack does not answer in time" {
		t.Errorf("out of time: %q", got)
	}
}
