package app

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/model"
	promconfig "github.com/prometheus/prometheus/config"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"

	"github.com/watchtower-hub/watchtower/docs"
	"github.com/watchtower-hub/watchtower/internal/config"
	"github.com/watchtower-hub/watchtower/internal/store"
	"github.com/watchtower-hub/watchtower/internal/web"
	"github.com/watchtower-hub/watchtower/notifiers"
	"github.com/watchtower-hub/watchtower/playbooks"
)

// metricsSince is how far back a metric must have been seen to be found.
const metricsSince = 24 * time.Hour

// openSite builds the pages and mounts every API beside them.
func (a *App) openSite(_ context.Context, files config.Files) error {
	zone, err := files.Config.Reports.Weekly.Location()
	if err != nil {
		return err
	}
	a.site, err = web.New(web.Options{
		Engine:      a.engine,
		Courses:     a.engine,
		Corrector:   a.engine,
		Replay:      a.replay,
		Match:       a.playbookID,
		Status:      a.statusPage,
		Incidents:   a.incidents,
		History:     a.history(),
		Reports:     web.Reports{Build: a.report, Slack: a.slackReport},
		OnCall:      a.onCallPages(),
		Marks:       a.serviceMarks,
		Playbooks:   a.rememberedPlaybooks(),
		Metrics:     a.metricNames,
		Paging:      a.pagingPages(),
		Primer:      playbooks.HTML(docs.Primer),
		Dashboards:  a.dashboardPages(zone),
		Handlers:    a.handlers(),
		Viewers:     files.Config.Web.Viewers,
		Reload:      a.Reload,
		Ready:       a.isReady,
		Stopping:    a.stopping,
		Starting:    func() string { return a.engine.Restoring().String() },
		ExternalURL: a.URL(),
		Zone:        zone,
		Version:     a.options.Version,
		Logger:      a.logger,
		Registerer:  a.registry,
		Now:         time.Now,
	})
	return err
}

// handlers are the APIs beside the pages, by the path at which they are mounted.
func (a *App) handlers() map[string]http.Handler {
	handlers := map[string]http.Handler{
		"/api/v1/":                        a.prometheusAPI(),
		"/api/v2/":                        a.pipeline.API(),
		"/api/watchtower/v1/page/preview": http.HandlerFunc(a.servePreview),
		incidentsPath:                     http.HandlerFunc(a.serveIncidents),
		annotationsPath:                   http.HandlerFunc(a.serveAnnotations),
		"/graph":                          http.HandlerFunc(showQuery),
		"/metrics":                        promhttp.InstrumentMetricHandler(a.registry, promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})),
	}
	maps.Copy(handlers, a.slackHandlers())
	if a.inbox != nil {
		handlers["/inbox"] = a.inbox.Handler()
	}
	return handlers
}

// showQuery answers the links that Prometheus rules' alerts carry: there is no
// expression browser here, so they lead to the query's present answer.
func showQuery(w http.ResponseWriter, r *http.Request) {
	query := url.Values{"query": {r.URL.Query().Get("g0.expr")}}
	http.Redirect(w, r, "/api/v1/query?"+query.Encode(), http.StatusFound)
}

// prometheusAPI is the Prometheus HTTP API over the store, the rules and the scrape targets.
func (a *App) prometheusAPI() http.Handler {
	return a.store.API(store.APIOptions{
		Rules:         allRules{a},
		Targets:       a.collectors.Targets(),
		ScrapePools:   a.collectors.Targets(),
		Alertmanagers: a.alerting,
		Config:        a.prometheusConfig,
		ExternalURL:   a.external,
		Version:       a.options.Version,
		Ready:         a.isReady,
		Registerer:    a.registry,
		Gatherer:      a.registry,
	})
}

// prometheusConfig is the part of our configuration that Prometheus has too.
func (a *App) prometheusConfig() promconfig.Config {
	c := a.current.Load().Config
	conf := promconfig.DefaultConfig
	conf.GlobalConfig = c.Collectors.Global
	conf.ScrapeConfigs = c.Collectors.ScrapeConfigs
	conf.RuleFiles = c.Rules.Prometheus
	conf.AlertingConfig = c.Notifiers.Alerting
	return conf
}

// allRules shows the objectives' alerts beside those of the rule files.
type allRules struct{ app *App }

// RuleGroups implements the Prometheus API's RulesRetriever.
func (r allRules) RuleGroups() []*promrules.Group {
	return append(r.app.engine.RuleGroups(), r.app.promRules.RuleGroups()...)
}

// AlertingRules implements the Prometheus API's RulesRetriever.
func (r allRules) AlertingRules() []*promrules.AlertingRule {
	return append(r.app.engine.AlertingRules(), r.app.promRules.AlertingRules()...)
}

// playbookID names the playbook that an alert with these labels gets.
func (a *App) playbookID(of map[string]string) (string, bool) {
	p, ok := a.playbook(of)
	return p.ID, ok
}

// metricNames are the names of the metrics that have lately been stored, in order.
func (a *App) metricNames(ctx context.Context, most int) ([]string, error) {
	now := time.Now()
	q, err := a.store.Querier(now.Add(-metricsSince).UnixMilli(), now.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("names of metrics: %w", err)
	}
	defer q.Close()
	names, _, err := q.LabelValues(ctx, model.MetricNameLabel, &storage.LabelHints{Limit: most})
	if err != nil {
		return nil, fmt.Errorf("names of metrics: %w", err)
	}
	// The names live in the store's memory, which is gone when q is closed.
	out := make([]string, min(most, len(names)))
	for i := range out {
		out[i] = strings.Clone(names[i])
	}
	slices.Sort(out)
	return out, nil
}

// incidents are the open alert groups as the pages show them.
func (a *App) incidents() []web.Incident {
	open := a.pipeline.Incidents()
	pages := make([]web.Incident, len(open))
	for i, in := range open {
		pages[i] = a.incidentPage(in)
	}
	a.numbered(pages)
	return pages
}

func (a *App) incidentPage(in notifiers.Incident) web.Incident {
	page := web.Incident{
		ID:        in.GroupKey,
		Title:     cmp.Or(in.Annotations["summary"], in.Labels["alertname"], "Several alerts"),
		Detail:    in.Annotations["description"],
		Severity:  in.Labels["severity"],
		State:     incidentState(in),
		Service:   in.Labels["service"],
		Team:      in.Labels["team"],
		Objective: in.Labels["sloth_id"],
		Since:     in.StartsAt,
	}
	if h := a.slack.Handled(in.GroupKey); h.AcknowledgedBy != "" {
		if page.State == "firing" {
			page.State = "acknowledged"
		}
		page.Owner, page.AcknowledgedAt = h.AcknowledgedBy, &h.AcknowledgedAt
	}
	page.Playbook, _ = a.playbookID(in.Labels)
	for _, alert := range in.Alerts {
		page.Alerts = append(page.Alerts, web.Alert{
			Name: alert.Labels["alertname"], Severity: alert.Labels["severity"], State: string(alert.State),
			Since: &alert.StartsAt, Labels: alert.Labels,
		})
	}
	return page
}

// incidentState says in the pages' words whether anybody hears of an incident.
func incidentState(in notifiers.Incident) string {
	switch {
	case in.State == notifiers.Active:
		return "firing"
	case len(in.SilencedBy) > 0 || len(in.MutedBy) > 0:
		return "silenced"
	default:
		return "inhibited"
	}
}
