package notifiers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/alert"
	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/nflog/nflogpb"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/common/model"
)

const (
	// reasonAnnotation is the annotation that alerts carry to a fallback receiver: why they arrive there. Most
	// templates show all annotations.
	reasonAnnotation = "watchtower_fallback"

	// storedRecovered marks in the notification log that the receiver was reached again since the fallback was told.
	storedRecovered = "recovered"

	// forgetOutage is how long an outage is remembered without another attempt. While a group waits to be delivered there
	// are several a minute; none for longer means that nobody had to be told.
	forgetOutage = 5 * time.Minute
)

// validateFallback finds what is wrong without knowing alertmanager.yml.
func (c Config) validateFallback() error {
	var faults []error
	for i, name := range c.Fallback {
		if name == "" {
			faults = append(faults, fmt.Errorf("notifiers.fallback[%d]: is empty; name a receiver of alertmanager.yml", i))
		} else if slices.Index(c.Fallback, name) < i {
			faults = append(faults, fmt.Errorf("notifiers.fallback[%d]: %q is named twice", i, name))
		}
	}
	return errors.Join(faults...)
}

// CheckFallback returns an error for every fallback receiver that conf, which Load has read, does not have or that
// reaches nobody.
func (c Config) CheckFallback(conf *amconfig.Config) error {
	var faults []error
	for i, name := range c.Fallback {
		if err := CheckReceiver(conf, c.Alertmanager, name); err != nil {
			faults = append(faults, fmt.Errorf("notifiers.fallback[%d]: %w", i, err))
		}
	}
	return errors.Join(faults...)
}

// target is one integration of a fallback receiver.
type target struct {
	notify.Integration
	receiver string
}

// standIns wraps every integration of pl that a fallback receiver can stand in for.
func (p *Pipeline) standIns(pl *plan, c Config) {
	var all []target
	for _, name := range c.Fallback {
		for _, i := range pl.receivers[name] {
			all = append(all, target{i, name})
		}
	}
	pl.backed, pl.fallbacks = map[string][]*backed{}, all
	for name, integrations := range pl.receivers {
		// The other integrations of a receiver are told anyway.
		others := slices.DeleteFunc(slices.Clone(all), func(t target) bool { return t.receiver == name })
		if len(others) == 0 {
			continue
		}
		// What all holds is not wrapped: a fallback does not fall back.
		for n, i := range integrations {
			g := &backed{inner: i, receiver: name, targets: others, after: time.Duration(c.FallbackAfter), pipeline: p}
			pl.backed[name] = append(pl.backed[name], g)
			integrations[n] = notify.NewIntegration(g, &i, i.Name(), i.Index(), name)
		}
	}
}

// backed is an integration that fallback receivers stand in for:
//
//   - When it fails for good, they are told at once.
//   - When it fails in a way that may pass, they are told once the group could not be delivered for a while.
//   - When a fallback was told that something fires, it is told of the end too, by ended.
//
// What they were told is in the notification log, so that it survives a restart and peers know.
type backed struct {
	inner    notify.Integration
	receiver string
	targets  []target
	after    time.Duration // Zero: for ever.
	pipeline *Pipeline
}

var _ notify.Notifier = (*backed)(nil)

// Notify implements notify.Notifier.
func (g *backed) Notify(ctx context.Context, alerts ...*alert.Alert) (bool, error) {
	group, ok := notify.GroupKey(ctx)
	if !ok {
		return g.inner.Notify(ctx, alerts...)
	}
	since := g.pipeline.outages.since(g.key(), group)
	n := notice{group: group, alerts: alerts}
	stopWatching := g.watch(ctx, n, since)
	retry, err := g.inner.Notify(ctx, alerts...)
	stopWatching()
	switch {
	case err == nil:
		g.pipeline.outages.end(g.key(), group)
		g.recovered(n)
		return false, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return retry, err // This process stops or reloads; that says nothing of the receiver.
	case retry || ctx.Err() != nil:
		g.pipeline.outages.since(g.key(), group) // Met just now, however long the attempt took.
		if g.after > 0 && time.Since(since) >= g.after {
			g.late(ctx, n, since)
		}
		return retry, err
	}
	return g.failed(ctx, n, err)
}

// key names the integration, as in the status.
func (g *backed) key() string { return deliveryKey(g.receiver, g.inner) }

// notice is what fallback receivers are told.
type notice struct {
	group  string
	alerts []*alert.Alert
	reason string
}

func (n notice) firing() bool {
	return slices.ContainsFunc(n.alerts, func(a *alert.Alert) bool { return !a.Resolved() })
}

// because returns n with the reason on copies of its alerts.
func (n notice) because(reason string) notice {
	n.reason = reason
	copies := make([]*alert.Alert, len(n.alerts))
	for i, a := range n.alerts {
		c := *a
		c.Annotations = maps.Clone(a.Annotations)
		if c.Annotations == nil {
			c.Annotations = model.LabelSet{}
		}
		c.Annotations[reasonAnnotation] = model.LabelValue(reason)
		copies[i] = &c
	}
	n.alerts = copies
	return n
}

// watch tells the fallback receivers while the integration is being called, if it has not been reached by then. The
// function that it returns ends that.
func (g *backed) watch(ctx context.Context, n notice, since time.Time) (stop func()) {
	left := g.after - time.Since(since)
	if g.after == 0 || left <= 0 {
		return func() {}
	}
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		due := time.NewTimer(left)
		defer due.Stop()
		select {
		case <-due.C:
			g.late(ctx, n, since)
		case <-ctx.Done():
		case <-done:
		}
	})
	return func() {
		close(done)
		watching.Wait()
	}
}

// late tells the fallback receivers, once until the integration is reached again, that it could not be reached.
func (g *backed) late(ctx context.Context, n notice, since time.Time) {
	if !n.firing() {
		return
	}
	reason := fmt.Sprintf("%s of receiver %q has not been reached since %s", g.inner.String(), g.receiver, since.UTC().Format("15:04 UTC"))
	if s := g.pipeline.deliveries.status(g.receiver, g.inner); s.Failing() {
		reason += ": " + s.LastError
	}
	g.tellAll(ctx, n.because(reason), func(e entry) bool { return !e.told })
}

// failed tells the fallback receivers what the integration refuses for good.
func (g *backed) failed(ctx context.Context, n notice, err error) (bool, error) {
	reason := fmt.Sprintf("%s of receiver %q: %v", g.inner.String(), g.receiver, err)
	took, retry, faults := g.tellAll(ctx, n.because(reason), func(e entry) bool { return n.firing() || e.owed })
	if took > 0 {
		// Somebody knows. An error would send all of this again every group_interval, with the same result; the
		// failure stays visible in status, metrics and log.
		g.pipeline.outages.end(g.key(), n.group)
		return false, nil
	}
	return retry, errors.Join(append([]error{err}, faults...)...)
}

// recovered is called when the integration has been told. Fallback receivers may be told again in the next outage.
func (g *backed) recovered(n notice) {
	if !n.firing() {
		return
	}
	for _, t := range g.targets {
		if e := g.entry(t, n.group); e.told {
			e.store.SetInt(storedRecovered, 1)
			g.log(t, n, e.store)
		}
	}
}

// ended tells the fallback receivers of the end of what they were told. It is called after each flush of a group of which
// nothing fires any more, because Alertmanager does not call an integration for the end of what it never knew of.
func (g *backed) ended(ctx context.Context, n notice) error {
	reason := fmt.Sprintf("told in place of %s of receiver %q", g.inner.String(), g.receiver)
	_, _, faults := g.tellAll(ctx, n.because(reason), func(e entry) bool { return e.owed })
	return errors.Join(faults...)
}

// endFallbacks is ended for all integrations of the receiver that ctx is about.
func (p *plan) endFallbacks(ctx context.Context, alerts []*alert.Alert) error {
	receiver, _ := notify.ReceiverName(ctx)
	group, _ := notify.GroupKey(ctx)
	n := notice{group: group, alerts: alerts}
	if n.firing() || errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	var faults []error
	for _, g := range p.backed[receiver] {
		faults = append(faults, g.ended(ctx, n))
	}
	return errors.Join(faults...)
}

// tellAll tells those fallback receivers at the same time that want says true for, and returns how many took it, whether
// it may help to try the others again, and their errors.
func (g *backed) tellAll(ctx context.Context, n notice, want func(entry) bool) (took int, retry bool, faults []error) {
	ctx, cancel := grace(ctx)
	defer cancel()
	var mu sync.Mutex
	var telling sync.WaitGroup
	asked, silent := 0, 0
	for _, t := range g.targets {
		e := g.entry(t, n.group)
		if !want(e) {
			continue
		}
		if !n.firing() && !t.SendResolved() {
			silent++
			g.log(t, n, e.store)
			continue
		}
		asked++
		telling.Go(func() {
			again, err := g.tell(ctx, t, n, e.store)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				retry = retry || again
				faults = append(faults, fmt.Errorf("fallback %s of receiver %q: %w", t.String(), t.receiver, err))
				return
			}
			took++
		})
	}
	telling.Wait()
	if asked > 0 {
		g.account(n, took, errors.Join(faults...))
	}
	return took + silent, retry, faults
}

// grace is what telling the fallback receivers may take: enough even if the time of the notification is used up, and not
// so long that it keeps the receiver itself from being tried again.
func grace(ctx context.Context) (context.Context, context.CancelFunc) {
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), notify.MinTimeout)
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			cancel()
		}
	})
	return own, func() { stop(); cancel() }
}

// tell passes n on as Alertmanager would if t were the receiver.
func (g *backed) tell(ctx context.Context, t target, n notice, store *nflog.Store) (bool, error) {
	ctx = notify.WithNflogStore(notify.WithReceiverName(ctx, t.receiver), store)
	alerts := n.alerts
	if !t.SendResolved() {
		alerts = slices.DeleteFunc(slices.Clone(alerts), func(a *alert.Alert) bool { return a.Resolved() })
	}
	if retry, err := t.Notify(ctx, alerts...); err != nil {
		return retry, err
	}
	store.Delete(storedRecovered)
	g.log(t, n, store)
	return false, nil
}

// account makes visible what became of a notification in the hands of the fallback receivers.
func (g *backed) account(n notice, took int, err error) {
	p := g.pipeline
	logger := p.logger.With("receiver", g.receiver, "integration", g.inner.String(), "group", n.group)
	outcome := "delivered"
	if took == 0 {
		outcome = "failed"
		logger.Error("no fallback receiver could be told", "reason", n.reason, "err", err)
	} else {
		p.deliveries.fellBack(g.key())
		logger.Warn("fallback receivers were told", "told", took, "reason", n.reason, "err", err)
	}
	p.metrics.fallbacks.WithLabelValues(g.receiver, g.inner.String(), outcome).Inc()
}

// entry is what the notification log knows of a group at a target.
type entry struct {
	// told: it knows that something fires, and the integration has not been reached since. owed: it has to hear of
	// the end.
	told, owed bool
	store      *nflog.Store
}

func (g *backed) entry(t target, group string) entry {
	found, err := g.pipeline.notifications.Query(nflog.QGroupKey(group), nflog.QReceiver(g.logged(t)))
	if err != nil || len(found) == 0 || len(found[0].FiringAlerts) == 0 {
		return entry{store: nflog.NewStore(nil)}
	}
	store := nflog.NewStore(found[0])
	_, recovered := store.GetInt(storedRecovered)
	return entry{told: !recovered, owed: true, store: store}
}

// logged is the name of t in the notification log when it stands in for g.
func (g *backed) logged(t target) *nflogpb.Receiver {
	return &nflogpb.Receiver{GroupName: t.receiver, Integration: t.Name() + " for " + g.key(), Idx: uint32(t.Index())}
}

func (g *backed) log(t target, n notice, store *nflog.Store) {
	var firing, resolved []uint64
	for _, a := range n.alerts {
		if a.Resolved() {
			resolved = append(resolved, uint64(a.Fingerprint()))
		} else {
			firing = append(firing, uint64(a.Fingerprint()))
		}
	}
	if err := g.pipeline.notifications.Log(g.logged(t), n.group, firing, resolved, store, 0); err != nil {
		// It was told all the same; after a restart it may be told again.
		g.pipeline.logger.Error("what a fallback receiver was told could not be logged", "receiver", t.receiver, "err", err)
	}
}

// outages remembers since when groups could not be delivered, by integration and group. It survives reloads.
type outages struct {
	mu     sync.Mutex
	begins map[string]outage
}

type outage struct{ since, met time.Time }

func newOutages() *outages { return &outages{begins: map[string]outage{}} }

// since returns the begin of an outage, which is now if none is known.
func (o *outages) since(key, group string) time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(o.begins, func(_ string, e outage) bool { return now.Sub(e.met) > forgetOutage })
	e, ok := o.begins[key+" "+group]
	if !ok {
		e.since = now
	}
	e.met = now
	o.begins[key+" "+group] = e
	return e.since
}

// end forgets an outage.
func (o *outages) end(key, group string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.begins, key+" "+group)
}
