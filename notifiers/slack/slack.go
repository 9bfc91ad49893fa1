package slack

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
	"time"

	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/watchtower-hub/watchtower/playbooks"
)

// Options are what New needs. DB is required.
type Options struct {
	APIURL         string
	Token          string
	DefaultChannel string
	HTTPClient     *http.Client
	DB             *sql.DB
	Playbook       func(labels map[string]string) (playbooks.Playbook, bool)
	ExternalURL    string
	Logger         *slog.Logger
	Registerer     prometheus.Registerer
}

// Slack sends pages. It is safe for concurrent use.
type Slack struct{}

// Stats is what /status shows of the outbox.
type Stats struct {
	Depth       int
	Oldest      time.Duration
	LastError   string
	LastErrorAt time.Time
	Sent        int64
	Failed      int64
}

// New prepares the tables in opts.DB and loads what they remember.
func New(opts Options) (*Slack, error) {
	if opts.DB == nil {
		return nil, errors.New("slack: Options.DB is required")
	}
	return &Slack{}, nil
}

// Run delivers the outbox until ctx ends.
func (s *Slack) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Notifier returns the notifier of one slack_config.
func (s *Slack) Notifier(conf *amconfig.SlackConfig, receiver string, tmpl *template.Template) (notify.Notifier, error) {
	return nil, errors.New("slack: not built yet")
}

// Stats returns the state of the outbox.
func (s *Slack) Stats() Stats { return Stats{} }

// Finish marks the pages of incidents resolved whose group does not fire.
func (s *Slack) Finish(ctx context.Context, stillFiring func(groupKey string) bool) {}
