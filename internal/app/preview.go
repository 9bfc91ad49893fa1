package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/common/model"

	"github.com/watchtower-hub/watchtower/internal/config"
	"github.com/watchtower-hub/watchtower/internal/store"
	"github.com/watchtower-hub/watchtower/notifiers"
	"github.com/watchtower-hub/watchtower/notifiers/slack"
	"github.com/watchtower-hub/watchtower/playbooks"
)

// maxPreview bounds the body of a request for a preview, previewTime what it takes.
const (
	maxPreview  = 1 << 20
	previewTime = 30 * time.Second
)

// PreviewRequest asks for the page that alerts would produce.
type PreviewRequest struct {
	// Alerts in the form of Alertmanager's API v2: labels, annotations, startsAt,
	// endsAt, generatorURL. The first decides the route.
	Alerts []PreviewAlert `json:"alerts"`
	// Post sends the page to Channel, or to where it would go if that is empty.
	Post    bool   `json:"post,omitempty"`
	Channel string `json:"channel,omitempty"`
}

// PreviewAlert is an alert as Alertmanager's API takes it.
type PreviewAlert struct {
	Labels       model.LabelSet `json:"labels" yaml:"labels"`
	Annotations  model.LabelSet `json:"annotations,omitempty" yaml:"annotations"`
	StartsAt     time.Time      `json:"startsAt,omitzero" yaml:"startsAt"`
	EndsAt       time.Time      `json:"endsAt,omitzero" yaml:"endsAt"`
	GeneratorURL string         `json:"generatorURL,omitempty" yaml:"generatorURL"`
}

// alerts checks and completes the alerts of a request.
func (r PreviewRequest) alerts(now time.Time) ([]*alert.Alert, error) {
	if len(r.Alerts) == 0 {
		return nil, errors.New("there is no alert: give its labels")
	}
	out := make([]*alert.Alert, 0, len(r.Alerts))
	var faults []error
	for i, p := range r.Alerts {
		a := &alert.Alert{UpdatedAt: now, Alert: model.Alert{
			Labels: p.Labels, Annotations: p.Annotations, StartsAt: p.StartsAt, EndsAt: p.EndsAt, GeneratorURL: p.GeneratorURL,
		}}
		if a.StartsAt.IsZero() {
			a.StartsAt = now
		}
		if a.EndsAt.IsZero() {
			a.EndsAt = now.Add(time.Hour)
		}
		if err := a.Validate(); err != nil {
			faults = append(faults, fmt.Errorf("alert %d: %w", i+1, err))
		}
		out = append(out, a)
	}
	return out, errors.Join(faults...)
}

// Preview returns the pages that alerts would produce by a configuration, without a
// running server: what only a server knows (where it burns, the picture, answers to
// queries) is left out. A page is posted to Slack where the request says so.
func Preview(ctx context.Context, configFile string, req PreviewRequest) ([]*slack.Preview, error) {
	files, _, err := config.Read(configFile)
	if err != nil {
		return nil, err
	}
	alerts, err := req.alerts(time.Now())
	if err != nil {
		return nil, err
	}
	secrets, err := files.Config.Slack()
	if err != nil {
		return nil, err
	}
	conf := files.Config.Notifiers.Slack
	if req.Post && secrets.BotToken == "" && conf.APIURL == "" {
		return nil, errors.New("there is no Slack to post to: set notifiers.slack.bot_token_file or SLACK_BOT_TOKEN, or name a running server with --url, which posts to its inbox")
	}
	external, err := url.Parse(files.Config.Web.ExternalURL)
	if err != nil {
		return nil, fmt.Errorf("web.external_url: %w", err)
	}
	dir, err := os.MkdirTemp("", "watchtower-preview")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the preview: %w", err)
	}
	defer os.RemoveAll(dir)
	state, err := store.OpenState(filepath.Join(dir, "state.db"))
	if err != nil {
		return nil, err
	}
	defer state.Close()
	s, err := slack.New(slack.Options{
		APIURL: conf.APIURL, Token: secrets.BotToken, AppToken: secrets.AppToken, SigningSecret: secrets.SigningSecret,
		DefaultChannel: conf.DefaultChannel, DB: state, ExternalURL: external.String(), Logger: slog.New(slog.DiscardHandler),
		Playbook: func(labels map[string]string) (playbooks.Playbook, bool) {
			p, ok := files.Playbooks.Match(labels)
			return p.Fill(labels), ok
		},
	})
	if err != nil {
		return nil, err
	}
	pages, err := notifiers.Preview(ctx, files.Config.Notifiers.Alertmanager, external, s, alerts...)
	if err != nil {
		return nil, err
	}
	return pages, post(ctx, s, pages, req)
}

// post sends previews where a request says so.
func post(ctx context.Context, s *slack.Slack, pages []*slack.Preview, req PreviewRequest) error {
	if !req.Post {
		return nil
	}
	for _, p := range pages {
		if err := s.Post(ctx, p, req.Channel); err != nil {
			return err
		}
	}
	return nil
}

// servePreview answers POST /api/watchtower/v1/page/preview with the pages that the
// alerts of a request would produce now.
func (a *App) servePreview(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		answerJSON(w, http.StatusMethodNotAllowed, map[string]string{"error": "post the alerts to preview"})
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPreview))
	if err != nil {
		answerJSON(w, http.StatusRequestEntityTooLarge, map[string]string{"error": "the request is too large"})
		return
	}
	var req PreviewRequest
	if err := json.Unmarshal(body, &req); err != nil {
		answerJSON(w, http.StatusBadRequest, map[string]string{"error": "the request is not JSON with alerts: " + err.Error()})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), previewTime)
	defer cancel()
	pages, err := a.preview(ctx, req)
	if err != nil {
		answerJSON(w, http.StatusUnprocessableEntity, map[string]string{"error": err.Error()})
		return
	}
	answerJSON(w, http.StatusOK, map[string]any{"pages": pages})
}

func (a *App) preview(ctx context.Context, req PreviewRequest) ([]*slack.Preview, error) {
	alerts, err := req.alerts(time.Now())
	if err != nil {
		return nil, err
	}
	pages, err := a.pipeline.Preview(ctx, a.slack, alerts...)
	if err != nil {
		return nil, err
	}
	return pages, post(ctx, a.slack, pages, req)
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that went away needs no answer
}
