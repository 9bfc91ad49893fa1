package rules

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	promrules "github.com/prometheus/prometheus/rules"
)

const (
	// recordStep is how often recorded series and slices are written: often enough
	// for dashboards, rarely enough to cost nothing.
	recordStep = 15 * time.Second
	// replayMemory is how long after a restore the times of replayed samples are
	// kept, to tell a late sample from one that was counted already.
	replayMemory = time.Minute
	// gather is how long an early judgement waits for the other samples of the
	// request that made it urgent.
	gather = 50 * time.Millisecond
)

// Run restores the ledger and evaluates until ctx ends; then it saves a snapshot.
func (e *Engine) Run(ctx context.Context) error {
	snap, err := readSnapshot(e.snapPath)
	if err != nil {
		e.logger.Error("snapshot is not used: counting again from slices and samples", "path", e.snapPath, "err", err)
	}
	e.births.open(e.horizon())
	e.started.Store(e.now().UnixMilli())
	var wg sync.WaitGroup
	restored := make(chan struct{})
	wg.Go(func() {
		e.restoreAll(ctx, snap)
		close(restored)
		// A snapshot that claims to be clean must not be used a second time.
		if snap != nil && snap.clean && ctx.Err() == nil {
			_ = os.Remove(e.snapPath)
			e.save(e.now().UnixMilli(), 0)
		}
		e.restoreLater(ctx)
	})
	wg.Go(func() { e.evaluateAlways(ctx, restored) })
	wg.Go(func() { e.keepHouse(ctx, restored) })
	wg.Go(func() { e.pollAlways(ctx, restored) })
	wg.Wait()
	e.leave(context.WithoutCancel(ctx))
	return nil
}

// restoreLater restores what reloads bring.
func (e *Engine) restoreLater(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.wake:
			e.restoreAll(ctx, nil)
		}
	}
}

func (e *Engine) evaluateAlways(ctx context.Context, restored <-chan struct{}) {
	select {
	case <-ctx.Done():
		return
	case <-restored:
	}
	tick := time.NewTicker(e.interval)
	defer tick.Stop()
	e.Evaluate(ctx)
	close(e.ready)
	var soon <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			e.Evaluate(ctx)
		case <-e.urgent:
			if soon == nil {
				soon = time.After(gather)
			}
		case <-soon:
			soon = nil
			e.evaluate(ctx, func(tr *track) bool { return tr.hot })
		}
	}
}

// Evaluate judges every objective once, now, and sends the alerts that are due.
// Run calls it at every interval; nothing else needs to.
func (e *Engine) Evaluate(ctx context.Context) {
	began := time.Now()
	e.evaluate(ctx, func(*track) bool { return true })
	e.pace.note(time.UnixMilli(e.clock.Load()), time.Since(began))
}

// evaluate judges the objectives that wanted says true for; it is asked under
// their locks.
func (e *Engine) evaluate(ctx context.Context, wanted func(*track) bool) {
	began := time.Now()
	now := e.now().UnixMilli()
	e.clock.Store(now)
	started := e.started.Load()
	var out []outgoing
	firing := 0
	for _, tr := range e.all() {
		tr.mu.Lock()
		if !tr.restoring {
			tr.listen()
			if wanted(tr) && tr.decide(now, started) {
				out = tr.collect(out, now, e.url, e.interval)
			}
			for i := range tr.alerts {
				if tr.alerts[i].firing {
					firing++
				}
			}
		}
		tr.mu.Unlock()
	}
	e.metrics.evaluations.Inc()
	e.metrics.evaluation.Observe(time.Since(began).Seconds())
	e.metrics.firing.Set(float64(firing))
	for _, o := range out {
		e.logger.Info("alert is sent", "objective", o.id, "alert", o.alert.Labels.Get(labels.AlertName), "state", o.alert.State.String(), "first", o.first)
		e.metrics.sent.Inc()
		e.send(ctx, o.expr, o.alert)
	}
}

// outgoing is an alert on its way.
type outgoing struct {
	id, expr string
	first    bool
	alert    *promrules.Alert
}

// collect adds the alerts that are due, in full text. The lock is held.
func (tr *track) collect(out []outgoing, now int64, url string, interval time.Duration) []outgoing {
	for i := range tr.alerts {
		a := &tr.alerts[i]
		if !a.due(now) {
			continue
		}
		first := a.lastSent < max(a.activeAt, a.resolvedAt)
		out = append(out, outgoing{tr.id, tr.expression(i), first, tr.alert(i, url, interval)})
		a.lastSent = now
	}
	return out
}

// keepHouse does what may take its time: late samples, slices, recorded series,
// snapshots.
func (e *Engine) keepHouse(ctx context.Context, restored <-chan struct{}) {
	select {
	case <-ctx.Done():
		return
	case <-restored:
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var recorded, idle time.Time
	saved := e.now()
	for {
		now := e.now()
		for _, tr := range e.all() {
			e.tend(ctx, tr, now.UnixMilli())
		}
		e.reoffer()
		if now.Sub(recorded) >= recordStep {
			recorded = now
			e.write(ctx, now.UnixMilli())
			e.births.tidy(e.horizon())
		}
		if now.Sub(idle) >= time.Hour {
			idle = now
			e.forgetIdle(now.UnixMilli())
		}
		if now.Sub(saved) >= e.snapshotEvery() {
			saved = now
			e.save(now.UnixMilli(), 0)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tend does for one objective what waits: late samples, a message, missing marks.
func (e *Engine) tend(ctx context.Context, tr *track, now int64) {
	if tr.settle(now) {
		e.recount(ctx, tr)
	}
	e.blame(tr)
	if !tr.isUncut() {
		return
	}
	if err := e.cut(ctx, tr); err != nil {
		e.fault("mark", err)
	}
}

// blame logs once that an objective's selectors match too many series.
func (e *Engine) blame(tr *track) {
	tr.mu.Lock()
	news := tr.crowded && !tr.blamed
	tr.blamed = tr.crowded
	tr.mu.Unlock()
	if news {
		e.logger.Warn("an objective matches too many series: nothing is said about it until its selectors are narrower", "objective", tr.id, "max_series", maxSeries)
	}
}

// settle forgets what a restore left behind and tells whether late samples wait.
func (tr *track) settle(now int64) bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.resumedAt > 0 && now-tr.resumedAt > replayMemory.Milliseconds() {
		tr.resumedAt = 0
		for _, list := range tr.sources {
			for _, s := range list {
				s.replayed = nil
			}
		}
	}
	return tr.dirty
}

func (tr *track) isUncut() bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.uncut && !tr.restoring
}

// snapshotEvery is a minute, and longer for many objectives: a thousand of them
// write 40 MB.
func (e *Engine) snapshotEvery() time.Duration {
	return time.Minute * time.Duration(1+len(e.all())/200)
}

func (e *Engine) write(ctx context.Context, now int64) {
	if err := e.record(ctx, now); err != nil && ctx.Err() == nil {
		e.fault("record", err)
	}
	for _, tr := range e.all() {
		if err := e.persist(ctx, tr, now); err != nil && ctx.Err() == nil {
			e.fault("persist", err)
			return
		}
	}
}

// fault notes that a task beside the evaluation went wrong; it is tried again.
func (e *Engine) fault(task string, err error) {
	e.metrics.failures.WithLabelValues(task).Inc()
	e.logger.Error("task is tried again later", "task", task, "err", err)
}

func (e *Engine) save(now int64, clean byte) {
	if e.snapPath == "" {
		return
	}
	if err := e.writeSnapshot(e.snapPath, now, clean); err != nil {
		e.fault("snapshot", err)
		return
	}
	e.metrics.snapshots.Inc()
}

// leave saves everything before the end. Late samples that are not worked in yet
// leave the snapshot unclean, so that the next start counts their time again.
func (e *Engine) leave(ctx context.Context) {
	now := e.now().UnixMilli()
	clean := byte(1)
	for _, tr := range e.all() {
		if !tr.settle(now) {
			continue
		}
		e.recount(ctx, tr)
		e.recount(ctx, tr)
		if tr.settle(now) {
			clean = 0
		}
	}
	for _, tr := range e.all() {
		if err := e.persist(ctx, tr, now); err != nil {
			e.fault("persist", err)
			break
		}
	}
	e.save(now, clean)
}

func (e *Engine) pollAlways(ctx context.Context, restored <-chan struct{}) {
	select {
	case <-ctx.Done():
		return
	case <-restored:
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		e.poll(ctx, e.now().UnixMilli())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
