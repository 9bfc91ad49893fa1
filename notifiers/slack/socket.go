package slack

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	slackapi "github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

// socketState is how the connection that brings clicks is doing.
type socketState struct {
	mu        sync.Mutex
	connected bool
	trouble   string
	at        time.Time
}

func (st *socketState) set(connected bool, trouble string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.connected, st.trouble, st.at = connected, trouble, time.Now()
}

// listen keeps a Socket Mode connection open until ctx ends: clicks come in over
// it, so that no address of ours has to be reachable from Slack.
func (s *Slack) listen(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; failures++ {
		began := time.Now()
		trouble := s.socket(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > time.Minute {
			failures = 0
		}
		s.state.set(false, trouble)
		s.logger.Warn("socket mode is down, buttons are not answered until it is back", "reason", trouble)
		pause := time.NewTimer(backoff(failures + 1))
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
}

// socket serves one client of Socket Mode until it gives up, and says why in words
// without secrets.
func (s *Slack) socket(ctx context.Context) (trouble string) {
	w := s.own()
	token, err := w.token()
	if err != nil {
		return err.Error()
	}
	api := slackapi.New(token, slackapi.OptionAppLevelToken(s.opts.AppToken), slackapi.OptionAPIURL(w.apiURL),
		slackapi.OptionHTTPClient(&recorder{client: &http.Client{Transport: w.client.Transport, Timeout: callTimeout}}))
	dialer := *websocket.DefaultDialer
	if w.proxy != nil {
		dialer.Proxy = w.proxy
	}
	client := socketmode.New(api, socketmode.OptionDialer(&dialer))
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err = client.RunContext(ctx)
	}()
	var answering sync.WaitGroup
	defer func() {
		cancel()
		<-ended
		answering.Wait()
	}()
	for {
		select {
		case <-ended:
			if err == nil {
				return "the connection was closed"
			}
			return judge(err, 0, hider(append(w.hidden, token, s.opts.AppToken)...)).text
		case ev := <-client.Events:
			s.hear(ctx, client, ev, &answering)
		}
	}
}

// hear handles what comes over the socket. Every envelope is acknowledged.
func (s *Slack) hear(ctx context.Context, client *socketmode.Client, ev socketmode.Event, answering *sync.WaitGroup) {
	switch ev.Type {
	case socketmode.EventTypeHello, socketmode.EventTypeConnected:
		s.state.set(true, "")
	case socketmode.EventTypeDisconnect:
		s.state.set(false, "Slack renews the connection")
	case socketmode.EventTypeConnectionError, socketmode.EventTypeInvalidAuth, socketmode.EventTypeIncomingError:
		s.state.set(false, string(ev.Type))
	case socketmode.EventTypeInteractive:
		cb, ok := ev.Data.(slackapi.InteractionCallback)
		if !ok || ev.Request == nil {
			return
		}
		answering.Go(func() {
			s.acknowledge(ctx, client, ev.Request, s.interact(ctx, &cb))
		})
	case socketmode.EventTypeSlashCommand:
		if c, ok := ev.Data.(slackapi.SlashCommand); ok && ev.Request != nil {
			answering.Go(func() { s.acknowledge(ctx, client, ev.Request, s.command(ctx, &c)) })
		}
	case socketmode.EventTypeEventsAPI:
		var outer struct{ Event json.RawMessage }
		if ev.Request != nil && json.Unmarshal(ev.Request.Payload, &outer) == nil {
			s.acknowledge(ctx, client, ev.Request, nil)
			s.event(outer.Event)
		}
	default:
		if ev.Request != nil {
			s.acknowledge(ctx, client, ev.Request, nil)
		}
	}
}

// acknowledge answers an envelope; without, Slack sends it again.
func (s *Slack) acknowledge(ctx context.Context, client *socketmode.Client, to *socketmode.Request, answer any) {
	if err := client.AckCtx(ctx, to.EnvelopeID, answer); err != nil && ctx.Err() == nil {
		s.logger.Warn("slack was not answered over the socket", "err", err)
	}
}
