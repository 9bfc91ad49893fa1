package notifiers

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/inhibit"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/timeinterval"
)

const (
	// dispatchMaintenance is how often groups without alerts are removed, as in the Alertmanager program.
	dispatchMaintenance = 30 * time.Second

	// settle is how long a group that is due waits for the inhibitor, which hears of the same alerts in its own
	// goroutine: after a restart a page and the ticket it mutes arrive together, both too old to wait for group_wait.
	settle = 50 * time.Millisecond
)

var errStopped = errors.New("this configuration has been replaced")

// generation is a running plan. A reload replaces it as a whole.
type generation struct {
	plan       *plan
	inhibitor  *inhibit.Inhibitor
	dispatcher *dispatch.Dispatcher
	gate       *gate
	running    sync.WaitGroup
}

// start runs pl. The order is Alertmanager's: the inhibitor knows all alerts before the dispatcher starts.
func (p *Pipeline) start(pl *plan) *generation {
	g := &generation{plan: pl}
	recorder := eventrecorder.NopRecorder()
	g.inhibitor = inhibit.NewInhibitor(p.alerts, pl.conf.InhibitRules, p.logger, recorder)
	stages := p.stages.New(
		pl.receivers,
		p.wait,
		g.inhibitor,
		p.silencer,
		timeinterval.NewIntervener(pl.intervals),
		p.groupMarker,
		p.notifications,
		p.notifyPeer(),
	)
	g.gate = &gate{next: stages, after: pl.endFallbacks, hearer: &hearer{
		flushed: p.opts.Flushed, inhibitor: g.inhibitor, silencer: p.silencer, intervals: timeinterval.NewIntervener(pl.intervals),
	}}
	if len(pl.conf.InhibitRules) > 0 {
		g.gate.settle = settle
	}
	g.dispatcher = dispatch.NewDispatcher(
		p.alerts,
		pl.route,
		g.gate,
		p.groupMarker,
		p.patience,
		dispatchMaintenance,
		nil,
		p.logger,
		recorder,
		p.dispatcherMetrics,
		pl.tmpl,
	)
	g.running.Go(g.inhibitor.Run)
	g.inhibitor.WaitForLoading()
	g.running.Go(func() { g.dispatcher.Run(time.Now()) })
	g.dispatcher.WaitForLoading()
	return g
}

// stop cancels notifications under way and returns when nothing of g notifies or writes any more.
func (g *generation) stop() {
	g.inhibitor.Stop()
	g.dispatcher.Stop()
	g.gate.close()
	g.running.Wait()
}

// gate is the first stage of a generation. Groups are flushed by goroutines that the dispatcher does not wait for; the
// gate does, so that the notification log is complete when it is closed.
type gate struct {
	next   notify.Stage
	hearer *hearer
	after  func(ctx context.Context, alerts []*alert.Alert) error
	settle time.Duration

	mu       sync.Mutex
	closed   bool
	underWay sync.WaitGroup // Grows only while closed is false.
}

var _ notify.Stage = (*gate)(nil)

// Exec implements notify.Stage.
func (g *gate) Exec(ctx context.Context, l *slog.Logger, alerts ...*alert.Alert) (context.Context, []*alert.Alert, error) {
	if g.settle > 0 {
		wait := time.NewTimer(g.settle)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
			return ctx, nil, ctx.Err()
		}
	}
	if !g.enter() {
		return ctx, nil, errStopped
	}
	defer g.underWay.Done()
	g.hearer.hear(ctx, alerts)
	ctx, sent, err := g.next.Exec(ctx, l, alerts...)
	return ctx, sent, errors.Join(err, g.after(ctx, alerts))
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.underWay.Add(1)
	return true
}

// close waits for the flushes under way and refuses later ones.
func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.underWay.Wait()
}
