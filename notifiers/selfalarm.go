package notifiers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/nflog/nflogpb"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/common/model"
)

// directGroup begins the group keys of what fallback receivers are told directly.
const directGroup = "{}/{watchtower=\"direct\"}:"

// TellFallbacks tells the fallback receivers of an alert about the pipeline itself: it passes by routes, silences,
// inhibition and the other receivers, which may be what is broken. It is safe to call again and again: each receiver is
// told once that the alert fires, and once that it is over if it was told that it fired, also across a restart.
//
// told is how many receivers know, those that knew before included. The error joins those of the receivers that could
// not be told; without a fallback receiver there is none, and told is zero.
func (p *Pipeline) TellFallbacks(ctx context.Context, a model.Alert) (told int, err error) {
	d := direct{pipeline: p, alert: &alert.Alert{Alert: a, UpdatedAt: time.Now()}}
	d.group = directGroup + a.Labels.String()
	var telling sync.WaitGroup
	var mu sync.Mutex
	var faults []error
	for _, t := range p.currentPlan().fallbacks {
		telling.Go(func() {
			err := d.tell(ctx, t)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				faults = append(faults, fmt.Errorf("fallback %s of receiver %q: %w", t.String(), t.receiver, err))
				return
			}
			told++
		})
	}
	telling.Wait()
	return told, errors.Join(faults...)
}

// Fallbacks returns the names of the receivers that TellFallbacks tells.
func (p *Pipeline) Fallbacks() []string {
	var names []string
	for _, t := range p.currentPlan().fallbacks {
		if len(names) == 0 || names[len(names)-1] != t.receiver {
			names = append(names, t.receiver)
		}
	}
	return names
}

// direct is an alert on its way to fallback receivers alone.
type direct struct {
	pipeline *Pipeline
	alert    *alert.Alert
	group    string
}

// tell tells one integration what it does not know yet.
func (d direct) tell(ctx context.Context, t target) error {
	over := d.alert.Resolved()
	store, knows := d.known(t)
	switch {
	case knows != over: // It knows already that it fires, or never heard of it.
		return nil
	case over && !t.SendResolved():
		d.log(t, store)
		return nil
	}
	reason := notify.ReasonFirstNotification
	if over {
		reason = notify.ReasonAllAlertsResolved
	}
	ctx, cancel := context.WithTimeout(ctx, notify.MinTimeout)
	defer cancel()
	now := time.Now()
	ctx = notify.WithNow(notify.WithGroupKey(notify.WithReceiverName(ctx, t.receiver), d.group), now)
	ctx = notify.WithRepeatInterval(notify.WithGroupLabels(ctx, d.alert.Labels), retention)
	ctx = notify.WithNotificationReason(notify.WithNflogStore(ctx, store), reason)
	fingerprint := []uint64{uint64(d.alert.Fingerprint())}
	if over {
		ctx = notify.WithResolvedAlerts(notify.WithFiringAlerts(ctx, nil), fingerprint)
	} else {
		ctx = notify.WithResolvedAlerts(notify.WithFiringAlerts(ctx, fingerprint), nil)
	}
	if _, err := t.Notify(ctx, d.alert); err != nil {
		return err
	}
	d.log(t, store)
	return nil
}

// known tells whether t was told that the alert fires and not yet that it is over.
func (d direct) known(t target) (*nflog.Store, bool) {
	found, err := d.pipeline.notifications.Query(nflog.QGroupKey(d.group), nflog.QReceiver(d.logged(t)))
	if err != nil || len(found) == 0 || len(found[0].FiringAlerts) == 0 {
		return nflog.NewStore(nil), false
	}
	return nflog.NewStore(found[0]), true
}

// logged is the name of t in the notification log when it is told directly.
func (d direct) logged(t target) *nflogpb.Receiver {
	return &nflogpb.Receiver{GroupName: t.receiver, Integration: t.Name() + " directly", Idx: uint32(t.Index())}
}

// log notes what t knows now. A disk that takes no writes is one of the things that alerts are told about: what cannot
// be written is in force all the same until the process ends.
func (d direct) log(t target, store *nflog.Store) {
	var firing, resolved []uint64
	fingerprint := uint64(d.alert.Fingerprint())
	if d.alert.Resolved() {
		resolved = append(resolved, fingerprint)
	} else {
		firing = append(firing, fingerprint)
	}
	if err := d.pipeline.notifications.Log(d.logged(t), d.group, firing, resolved, store, 0); err != nil {
		d.pipeline.logger.Error("what a fallback receiver was told could not be logged", "receiver", t.receiver, "err", err)
	}
}

// Unrouted returns the fingerprints of alerts that fire and that the dispatcher has put into no group. One that has just
// been sent is among them for a moment; one that stays was lost between the rules and the receivers. There are none
// while the pipeline does not run.
func (p *Pipeline) Unrouted() []string {
	if p.live.Load() == nil {
		return nil
	}
	pending := p.alerts.GetPending()
	defer pending.Close()
	firing := map[model.Fingerprint]bool{}
	now := time.Now()
	for a := range pending.Next() {
		if !a.Data.ResolvedAt(now) {
			firing[a.Data.Fingerprint()] = true
		}
	}
	for _, g := range p.firingGroups() {
		for _, a := range g.Alerts {
			delete(firing, a.Fingerprint())
		}
	}
	lost := make([]string, 0, len(firing))
	for fingerprint := range firing {
		lost = append(lost, fingerprint.String())
	}
	return lost
}
