package app

import (
	"context"
	"time"

	"github.com/watchtower-hub/watchtower/internal/web"
)

const (
	// settle is how long after the start an alert that still fires has had time to
	// be sent again, by our rules and by any outside Prometheus: only then is a page
	// whose alert does not fire known to be over.
	settle = 2 * time.Minute
	// sweep is how often open pages are compared with what fires: Alertmanager tells
	// nobody when an alert ends while it is silenced.
	sweep = time.Minute
)

// Run serves until ctx ends and returns when everything has stopped. Parts start
// in this order and stop in the reverse one: telemetry first, so that the ledger
// has counted what was acknowledged; the pages last.
func (a *App) Run(ctx context.Context) error {
	return runParts(ctx, []part{
		{"web", a.serveWeb},
		{"on call", a.keepOnCall},
		{"incidents", a.incidentLog.Run},
		{"slack", a.slack.Run},
		{"notifiers", a.pipeline.Run},
		{"alerting", a.alerting.Run},
		{"rules", a.engine.Run},
		{"prometheus rules", a.promRules.Run},
		{"unfinished pages", a.finishPages},
		{"unfinished incidents", a.reconcileIncidents},
		{"silences", a.noteSilences},
		{"escalation", a.escalate},
		{"stakeholders", a.informStakeholders},
		{"reports", a.postReports},
		{"past reports", a.keepReports},
		{"collectors", a.collect},
		{"ready", a.announce},
		{"watch over itself", a.selfwatch.Run},
		{"own metrics", a.storeOwnMetrics},
		{"inflow", a.measureFlow},
	})
}

func (a *App) serveWeb(ctx context.Context) error {
	// Open pages that wait for news would keep the server from closing.
	defer context.AfterFunc(ctx, func() { close(a.stopping) })()
	if a.inbox != nil {
		defer context.AfterFunc(ctx, a.inbox.Close)()
	}
	return web.Serve(ctx, a.listener, a.site, a.opened.Web.ConfigFile, a.logger)
}

// collect takes telemetry once the ledger has counted what it missed.
func (a *App) collect(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-a.engine.Ready():
	}
	return a.collectors.Run(ctx)
}

// announce closes the ready channel when everything is up.
func (a *App) announce(ctx context.Context) error {
	for _, up := range []<-chan struct{}{a.pipeline.Ready(), a.engine.Ready(), a.collectors.Ready()} {
		select {
		case <-ctx.Done():
			return nil
		case <-up:
		}
	}
	grpc, http := a.collectors.OTLPAddrs()
	a.logger.Info("ready", "url", a.URL(), "otlp_grpc", grpc, "otlp_http", http, "after", time.Since(a.started).Round(time.Millisecond))
	close(a.ready)
	<-ctx.Done()
	return nil
}

// finishPages marks the pages of incidents that ended while we were away, or
// while they were silenced, and keeps the figures of the others current.
func (a *App) finishPages(ctx context.Context) error {
	if !a.restored(ctx) {
		return nil
	}
	timer := time.NewTimer(settle)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			a.slack.Finish(ctx, a.pipeline.Firing)
			a.slack.Refresh(ctx, a.annotations())
			timer.Reset(sweep)
		}
	}
}

// restored waits until objectives are judged again: before that, what does not fire is not
// known to be over. It is false if ctx ends first.
func (a *App) restored(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-a.engine.Ready():
		return true
	}
}

// isReady tells whether the server takes telemetry.
func (a *App) isReady() bool {
	select {
	case <-a.ready:
		return true
	default:
		return false
	}
}
