package slack

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics of the outbox.
type metrics struct {
	requests  *prometheus.CounterVec
	failures  *prometheus.CounterVec
	collapsed prometheus.Counter
	lookups   *prometheus.CounterVec
	disk      prometheus.Counter
	delivery  prometheus.Histogram
	evidence  *prometheus.CounterVec
	clicks    *prometheus.CounterVec
	storms    prometheus.Counter
	refreshed prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, depth, oldest func() float64) *metrics {
	factory := promauto.With(reg)
	factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "watchtower_slack_outbox_messages",
		Help: "Revisions and thread messages that Slack has not confirmed yet.",
	}, depth)
	factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "watchtower_slack_outbox_oldest_seconds",
		Help: "Age of the oldest message in the outbox; 0 when it is empty.",
	}, oldest)
	return &metrics{
		requests: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "watchtower_slack_requests_total",
			Help: "Calls of Slack's API by method and outcome (ok, rate_limited, retryable, permanent, gone).",
		}, []string{"method", "outcome"}),
		failures: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "watchtower_slack_permanent_errors_total",
			Help: "Messages that Slack refused for good, by its error code.",
		}, []string{"code"}),
		collapsed: factory.NewCounter(prometheus.CounterOpts{
			Name: "watchtower_slack_collapsed_total",
			Help: "Revisions that were replaced by a later one before they were sent.",
		}),
		lookups: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "watchtower_slack_lookups_total",
			Help: "Searches for a message that may have been sent already, by result (found, absent, unreadable; peer: a peer has posted it).",
		}, []string{"result"}),
		disk: factory.NewCounter(prometheus.CounterOpts{
			Name: "watchtower_slack_store_errors_total",
			Help: "Writes of the outbox to its database that failed; the message is sent all the same.",
		}),
		delivery: factory.NewHistogram(prometheus.HistogramOpts{
			Name:    "watchtower_slack_delivery_seconds",
			Help:    "Time from the notification to Slack's ok.",
			Buckets: prometheus.ExponentialBuckets(0.01, 3, 12),
		}),
		evidence: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "watchtower_slack_evidence_total",
			Help: "Pages by what became of their evidence (soon: in the first message, late: by an edit, failed, none: not in time).",
		}, []string{"outcome"}),
		clicks: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "watchtower_slack_interactions_total",
			Help: "Buttons and forms by what was asked for and whether it was done or refused.",
		}, []string{"action", "outcome"}),
		refreshed: factory.NewCounter(prometheus.CounterOpts{
			Name: "watchtower_slack_refreshed_total",
			Help: "Pages that were edited because their figures had changed.",
		}),
		storms: factory.NewCounter(prometheus.CounterOpts{
			Name: "watchtower_slack_storms_total",
			Help: "Storms: times when so many incidents began in a channel that they share one message.",
		}),
	}
}

// Stats is what /status shows of the outbox.
type Stats struct {
	// Depth counts the messages that Slack has not confirmed yet; Oldest is the
	// age of the first of them.
	Depth  int
	Oldest time.Duration
	// Sent counts messages and edits that Slack confirmed, Failed those it
	// refused for good, since the start.
	Sent   int64
	Failed int64
	// LastSentAt is zero before the first confirmation.
	LastSentAt time.Time
	// LastError is the last refusal or failed try, for people, without secrets.
	LastError   string
	LastErrorAt time.Time
	// PausedUntil is set while Slack is not called, because it asked for a pause or does not answer.
	PausedUntil time.Time
	// Buttons is how presses on buttons reach us. ButtonsTrouble says why they do not
	// at present, "" if they do.
	Buttons        Buttons
	ButtonsTrouble string
}

// Buttons is a way for presses on buttons to reach us.
type Buttons string

// The ways.
const (
	ButtonsOff    Buttons = "off"    // pages have none
	ButtonsSocket Buttons = "socket" // Socket Mode: we connect to Slack
	ButtonsHTTP   Buttons = "http"   // Slack posts to Interactions
)

// Failing reports whether the last thing that happened was an error.
func (s Stats) Failing() bool { return s.LastErrorAt.After(s.LastSentAt) }
