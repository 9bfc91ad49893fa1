package store

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/grafana/regexp"
	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/route"
	promconfig "github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/features"
	"github.com/prometheus/prometheus/util/notifications"
	v1 "github.com/prometheus/prometheus/web/api/v1"
)

const (
	apiPrefix = "/api/v1"
	// Remote read, as Prometheus limits it.
	readSampleLimit     = 50_000_000
	readConcurrency     = 10
	readMaxBytesInFrame = 1 << 20
)

// APIOptions of the Prometheus HTTP API. Every field may be left zero: what is
// not there answers with an empty list.
type APIOptions struct {
	Rules         v1.RulesRetriever
	Targets       v1.TargetRetriever
	ScrapePools   v1.ScrapePoolsRetriever
	Alertmanagers v1.AlertmanagerRetriever

	// Config is shown at /api/v1/status/config; its otlp section directs the
	// translation of OTLP, its external labels are those of remote read.
	Config func() promconfig.Config
	// ExternalURL is the address under which users reach this server.
	ExternalURL *url.URL
	// Version of this program. What /api/v1/status/buildinfo gives as version is
	// that of the Prometheus whose API this is: clients decide by it what they may ask.
	Version string
	// Ready says whether to answer yet; until then every path answers 503.
	Ready func() bool
	// Registerer takes the metrics of the handlers.
	Registerer prometheus.Registerer
	// Gatherer is what /api/v1/status/self_metrics shows. Default: the store's own metrics.
	Gatherer prometheus.Gatherer
	// Flags are shown at /api/v1/status/flags, beside those of the store.
	Flags map[string]string
}

// API returns the Prometheus HTTP API. It serves the paths under /api/v1/, given
// in full. Call it once for a store and its registerer.
func (s *Store) API(o APIOptions) http.Handler {
	h := &apiHandler{store: s, options: withDefaults(o, s), writes: make(chan struct{}, maxConcurrentWrites)}

	registry := prometheus.NewRegistry()
	if _, err := export(o.Registerer, registry); err != nil {
		s.logger.Warn("metrics of the HTTP API are not exported", "err", err)
	}
	router := route.New()
	h.newAPI(registry).Register(router)
	upstream := http.StripPrefix(apiPrefix, router)

	mux := http.NewServeMux()
	mux.Handle(apiPrefix+"/", upstream)
	mux.Handle("GET "+apiPrefix+"/metadata", h.whenReady(h.metadata))
	mux.Handle("GET "+apiPrefix+"/status/config", h.whenReady(h.shownConfig))
	mux.Handle("GET "+apiPrefix+"/openapi.yaml", h.whenReady(h.openAPI()))
	mux.Handle("POST "+apiPrefix+"/write", h.whenReady(h.remoteWrite(upstream)))
	mux.Handle("POST "+apiPrefix+"/otlp/v1/metrics", h.whenReady(h.otlp(newOTLPHandler(s, h.options.Config, registry))))
	return h.guard(mux)
}

type apiHandler struct {
	store   *Store
	options APIOptions
	writes  chan struct{} // one place for each write request in progress
}

func withDefaults(o APIOptions, s *Store) APIOptions {
	if o.Rules == nil {
		o.Rules = nothing{}
	}
	if o.Targets == nil {
		o.Targets = nothing{}
	}
	if o.ScrapePools == nil {
		o.ScrapePools = nothing{}
	}
	if o.Alertmanagers == nil {
		o.Alertmanagers = nothing{}
	}
	configured := o.Config
	o.Config = func() promconfig.Config {
		c := promconfig.DefaultConfig
		if configured != nil {
			c = configured()
		}
		if c.OTLPConfig.TranslationStrategy == "" {
			c.OTLPConfig = promconfig.DefaultOTLPConfig
		}
		return c
	}
	if o.ExternalURL == nil {
		o.ExternalURL = &url.URL{Scheme: "http", Host: "localhost"}
	}
	if o.Ready == nil {
		o.Ready = func() bool { return true }
	}
	if o.Gatherer == nil {
		o.Gatherer = s.registry
	}
	return o
}

// newAPI gives Prometheus' own API its 43 arguments.
func (h *apiHandler) newAPI(reg prometheus.Registerer) *v1.API {
	s, o := h.store, h.options
	version := prometheusVersion()
	s.features.Enable(features.API, "remote_write_receiver")
	s.features.Enable(features.API, "otlp_write_receiver")
	s.features.Enable(features.OTLPReceiver, "delta_conversion")
	for _, name := range []string{"label_values_match", "query_warnings", "query_stats", "time_range_series", "time_range_labels", "exclude_alerts", "openapi_3.1", "openapi_3.2"} {
		s.features.Enable(features.API, name)
	}
	return v1.NewAPI(
		s.engine, s, s, s, s,
		func(context.Context) v1.ScrapePoolsRetriever { return o.ScrapePools },
		func(context.Context) v1.TargetRetriever { return o.Targets },
		func(context.Context) v1.AlertmanagerRetriever { return o.Alertmanagers },
		o.Config,
		h.flags(),
		v1.GlobalURLOptions{ListenAddress: hostPort(o.ExternalURL), Host: o.ExternalURL.Host, Scheme: o.ExternalURL.Scheme},
		h.whenReady,
		admin{s},
		s.dir,
		false, // admin API: deleting is not for an unauthenticated port
		false, // experimental search API
		0,
		s.logger.With("component", "api"),
		func(context.Context) v1.RulesRetriever { return o.Rules },
		readSampleLimit, readConcurrency, readMaxBytesInFrame,
		false,                        // not an agent
		regexp.MustCompile(`^\b\B$`), // no script of another origin may read: matches nothing
		h.runtimeInfo,
		&v1.PrometheusVersion{Version: version, Revision: o.Version, Branch: "watchtower", GoVersion: runtime.Version()},
		func() []notifications.Notification { return []notifications.Notification{} },
		func() (<-chan notifications.Notification, func(), bool) { return nil, nil, false },
		o.Gatherer,
		reg,
		nil,
		true, // remote write
		remoteapi.MessageTypes{remoteapi.WriteV1MessageType, remoteapi.WriteV2MessageType},
		false, true, false, // OTLP: ours, see otlp.go; it converts delta to cumulative as well
		true, // start times: our appender turns them into the start times of samples
		queryLookback,
		false, // type and unit as labels
		true,  // metadata of remote write 2.0: our appender keeps it in memory
		nil,
		s.features,
		v1.OpenAPIOptions{IncludePaths: []string{"none"}}, // see openAPI
		s.parser,
	)
}

// openAPI serves the description of the API, which it writes on first use:
// NewAPI would spend a tenth of a second and 80 MB on it at each start.
func (h *apiHandler) openAPI() http.HandlerFunc {
	build := sync.OnceValue(func() *v1.OpenAPIBuilder {
		return v1.NewOpenAPIBuilder(v1.OpenAPIOptions{ExternalURL: h.options.ExternalURL.String(), Version: prometheusVersion()}, h.store.logger)
	})
	return func(w http.ResponseWriter, r *http.Request) { build().ServeOpenAPI(w, r) }
}

func (h *apiHandler) flags() map[string]string {
	c := h.store.config
	flags := map[string]string{
		"storage.tsdb.path":                      h.store.dir,
		"storage.tsdb.retention.time":            c.Retention.String(),
		"storage.tsdb.out-of-order-time-window":  c.OutOfOrderWindow.String(),
		"query.timeout":                          queryTimeout.String(),
		"query.max-samples":                      fmt.Sprint(queryMaxSamples),
		"query.max-concurrency":                  fmt.Sprint(queryConcurrency),
		"query.lookback-delta":                   queryLookback.String(),
		"storage.remote.read-sample-limit":       fmt.Sprint(readSampleLimit),
		"storage.remote.read-concurrent-limit":   fmt.Sprint(readConcurrency),
		"storage.remote.read-max-bytes-in-frame": fmt.Sprint(readMaxBytesInFrame),
		"web.enable-admin-api":                   "false",
		"web.enable-otlp-receiver":               "true",
		"web.enable-remote-write-receiver":       "true",
		"web.external-url":                       h.options.ExternalURL.String(),
	}
	maps.Copy(flags, h.options.Flags)
	return flags
}

func (h *apiHandler) runtimeInfo() (v1.RuntimeInfo, error) {
	s := h.store
	sums := gather(s.registry)
	info := v1.RuntimeInfo{
		StartTime:           s.started,
		ServerTime:          time.Now().UTC(),
		ReloadConfigSuccess: true,
		LastConfigTime:      s.started,
		CorruptionCount:     int64(sums["prometheus_tsdb_wal_corruptions_total"]),
		GoroutineCount:      runtime.NumGoroutine(),
		GOMAXPROCS:          runtime.GOMAXPROCS(0),
		GOMEMLIMIT:          debug.SetMemoryLimit(-1),
		GOGC:                os.Getenv("GOGC"),
		GODEBUG:             os.Getenv("GODEBUG"),
		StorageRetention:    s.config.Retention.String(),
	}
	var err error
	if info.CWD, err = os.Getwd(); err != nil {
		return info, fmt.Errorf("find the working directory: %w", err)
	}
	if info.Hostname, err = os.Hostname(); err != nil {
		return info, fmt.Errorf("find the name of the host: %w", err)
	}
	return info, nil
}

// prometheusVersion turns the version of the library, v0.315.0, into that of the
// server, 3.15.0.
func prometheusVersion() string {
	const fallback = "3.15.0"
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return fallback
	}
	for _, m := range build.Deps {
		if m.Path != "github.com/prometheus/prometheus" {
			continue
		}
		var major, minor, patch int
		if _, err := fmt.Sscanf(m.Version, "v0.%1d%2d.%d", &major, &minor, &patch); err != nil {
			return fallback
		}
		return fmt.Sprintf("%d.%d.%d", major, minor, patch)
	}
	return fallback
}

func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	port := "80"
	if strings.EqualFold(u.Scheme, "https") {
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// admin is what the API needs to know of the TSDB. It implements v1.TSDBAdminStats.
type admin struct{ store *Store }

var _ v1.TSDBAdminStats = admin{}

// CleanTombstones implements v1.TSDBAdminStats.
func (a admin) CleanTombstones() error { return a.store.db.CleanTombstones() }

// Delete implements v1.TSDBAdminStats.
func (a admin) Delete(ctx context.Context, mint, maxt int64, ms ...*labels.Matcher) error {
	return a.store.db.Delete(ctx, mint, maxt, ms...)
}

// Snapshot implements v1.TSDBAdminStats.
func (a admin) Snapshot(dir string, withHead bool) error { return a.store.db.Snapshot(dir, withHead) }

// Stats implements v1.TSDBAdminStats.
func (a admin) Stats(statsByLabelName string, limit int) (*tsdb.Stats, error) {
	return a.store.db.Head().Stats(statsByLabelName, limit), nil
}

// WALReplayStatus implements v1.TSDBAdminStats.
func (a admin) WALReplayStatus() (tsdb.WALReplayStatus, error) {
	return a.store.dbStats.Head.WALReplayStatus.GetWALReplayStatus(), nil
}

// BlockMetas implements v1.TSDBAdminStats.
func (a admin) BlockMetas() ([]tsdb.BlockMeta, error) { return a.store.db.BlockMetas(), nil }

// nothing stands in for the retrievers that are not there.
type nothing struct{}

var (
	_ v1.RulesRetriever        = nothing{}
	_ v1.TargetRetriever       = nothing{}
	_ v1.ScrapePoolsRetriever  = nothing{}
	_ v1.AlertmanagerRetriever = nothing{}
)

// RuleGroups implements v1.RulesRetriever.
func (nothing) RuleGroups() []*promrules.Group { return nil }

// AlertingRules implements v1.RulesRetriever.
func (nothing) AlertingRules() []*promrules.AlertingRule { return nil }

// TargetsActive implements v1.TargetRetriever.
func (nothing) TargetsActive() map[string][]*scrape.Target { return nil }

// TargetsDropped implements v1.TargetRetriever.
func (nothing) TargetsDropped() map[string][]*scrape.Target { return nil }

// TargetsDroppedCounts implements v1.TargetRetriever.
func (nothing) TargetsDroppedCounts() map[string]int { return map[string]int{} }

// ScrapePoolConfig implements v1.TargetRetriever.
func (nothing) ScrapePoolConfig(pool string) (*promconfig.ScrapeConfig, error) {
	return nil, fmt.Errorf("scrape pool %q not found", pool)
}

// ScrapePools implements v1.ScrapePoolsRetriever.
func (nothing) ScrapePools() []string { return []string{} }

// Alertmanagers implements v1.AlertmanagerRetriever.
func (nothing) Alertmanagers() []*url.URL { return nil }

// DroppedAlertmanagers implements v1.AlertmanagerRetriever.
func (nothing) DroppedAlertmanagers() []*url.URL { return nil }
