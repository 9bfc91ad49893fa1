package notifiers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	// escalationAnnotation is the annotation that alerts carry to a receiver that is told out of turn: why they arrive
	// there.
	escalationAnnotation = "watchtower_escalation"

	// storedNotice is the ID of the last notice that an integration took, in the notification log.
	storedNotice = "notice"
)

// Notice is what a receiver is told out of turn: because somebody decided so, and not because a route leads to it.
type Notice struct {
	// ID makes a notice repeatable: an integration that took it is not told again.
	ID string
	// GroupKey is that of the incident, so that the receiver knows it as the same that a route would bring. Group are
	// the labels that the group has in common.
	GroupKey string
	Group    map[string]string
	// Alerts are those that fire; of a notice that is Over, those that did.
	Alerts []IncidentAlert
	// Over tells of the end, which integrations hear that were told of the beginning and want to know.
	Over bool
	// Reason says why, in the annotation watchtower_escalation of every alert. Empty: there is none.
	Reason string
}

// NotifyReceiver tells every integration of a receiver of alertmanager.yml. Routes, silences and inhibition are not asked;
// fallback receivers stand in as they do elsewhere. The error joins those of the integrations that could not be told:
// called again with the same notice, only they are tried again.
func (p *Pipeline) NotifyReceiver(ctx context.Context, receiver string, n Notice) error {
	pl := p.currentPlan()
	integrations := pl.receivers[receiver]
	switch {
	case len(integrations) == 0:
		return fmt.Errorf("receiver %q reaches nobody: name one of %s that has an integration", receiver, sourceName(pl.file))
	case len(n.Alerts) == 0:
		return fmt.Errorf("receiver %q: no alert is known of the group %s", receiver, n.GroupKey)
	}
	o := outOfTurn{pipeline: p, receiver: receiver, notice: n, alerts: n.alerts(time.Now())}
	var telling sync.WaitGroup
	var mu sync.Mutex
	var faults []error
	for _, i := range integrations {
		telling.Go(func() {
			if err := o.tell(ctx, i); err != nil {
				mu.Lock()
				defer mu.Unlock()
				faults = append(faults, fmt.Errorf("%s of receiver %q: %w", i.String(), receiver, err))
			}
		})
	}
	telling.Wait()
	if n.Over {
		faults = append(faults, pl.endFallbacks(o.context(ctx, nflog.NewStore(nil)), o.alerts))
	}
	return errors.Join(faults...)
}

// CheckReceiver says what is wrong with a receiver of conf, which Load has read from file, that is to be told out of turn
// or in place of others: it does not exist, or reaches nobody. Nil: nothing is.
func CheckReceiver(conf *amconfig.Config, file, name string) error {
	names := make([]string, len(conf.Receivers))
	for i, r := range conf.Receivers {
		names[i] = r.Name
	}
	i := slices.Index(names, name)
	switch {
	case i < 0:
		return fmt.Errorf("there is no receiver %q in %s; there are %s", name, sourceName(file), strings.Join(names, ", "))
	case integrationCount(conf.Receivers[i]) == 0:
		return fmt.Errorf("receiver %q of %s has no integration, so that nobody would hear", name, sourceName(file))
	}
	return nil
}

// sourceName names an alertmanager.yml for people.
func sourceName(file string) string {
	if file == "" {
		return "the built-in route (name a file in notifiers.alertmanager)"
	}
	return file
}

// alerts are the notice's as Alertmanager has them.
func (n Notice) alerts(now time.Time) []*alert.Alert {
	out := make([]*alert.Alert, len(n.Alerts))
	for i, a := range n.Alerts {
		out[i] = &alert.Alert{UpdatedAt: now, Alert: model.Alert{
			Labels: labelsOf(a.Labels), Annotations: labelsOf(a.Annotations), StartsAt: a.StartsAt, GeneratorURL: a.GeneratorURL,
		}}
		if n.Reason != "" {
			out[i].Annotations[escalationAnnotation] = model.LabelValue(n.Reason)
		}
		if n.Over {
			out[i].EndsAt = now
		}
	}
	return out
}

func labelsOf(m map[string]string) model.LabelSet {
	set := make(model.LabelSet, len(m)+1)
	for name, value := range m {
		set[model.LabelName(name)] = model.LabelValue(strings.ToValidUTF8(value, "�"))
	}
	return set
}

// outOfTurn is a notice on its way to the integrations of a receiver.
type outOfTurn struct {
	pipeline *Pipeline
	receiver string
	notice   Notice
	alerts   []*alert.Alert
}

// tell tells one integration what it does not know yet. What it knows is in the notification log, so that it survives a
// restart and peers know.
func (o outOfTurn) tell(ctx context.Context, i notify.Integration) error {
	store, fires := nflog.NewStore(nil), false
	found, err := o.pipeline.notifications.Query(nflog.QGroupKey(o.notice.GroupKey), nflog.QReceiver(o.logged(i)))
	if err == nil && len(found) > 0 {
		known := nflog.NewStore(found[0])
		if id, ok := known.GetStr(storedNotice); ok && id == o.notice.ID && id != "" {
			return nil
		}
		// As in Alertmanager: what an integration remembers of a group goes when nothing of it fires any more.
		if fires = len(found[0].FiringAlerts) > 0; fires {
			store = known
		}
	}
	if o.notice.Over && (!fires || !i.SendResolved()) {
		if fires {
			o.log(i, store)
		}
		return nil
	}
	if _, err := i.Notify(o.context(ctx, store), o.alerts...); err != nil {
		return err
	}
	o.log(i, store)
	return nil
}

// context is what integrations and templates ask for.
func (o outOfTurn) context(ctx context.Context, store *nflog.Store) context.Context {
	ctx = notify.WithReceiverName(notify.WithGroupKey(ctx, o.notice.GroupKey), o.receiver)
	ctx = notify.WithNow(notify.WithGroupLabels(ctx, labelsOf(o.notice.Group)), time.Now())
	// A first notification would count as late among those of the routes.
	reason := notify.ReasonRepeatIntervalElapsed
	if o.notice.Over {
		reason = notify.ReasonAllAlertsResolved
	}
	ctx = notify.WithRepeatInterval(notify.WithNotificationReason(ctx, reason), retention)
	firing, resolved := o.fingerprints()
	return notify.WithNflogStore(notify.WithResolvedAlerts(notify.WithFiringAlerts(ctx, firing), resolved), store)
}

func (o outOfTurn) fingerprints() (firing, resolved []uint64) {
	all := make([]uint64, len(o.alerts))
	for i, a := range o.alerts {
		all[i] = uint64(a.Fingerprint())
	}
	slices.Sort(all)
	if o.notice.Over {
		return nil, all
	}
	return all, nil
}

// logged is the name of an integration in the notification log when it is told out of turn.
func (o outOfTurn) logged(i notify.Integration) *nflogpb.Receiver {
	return &nflogpb.Receiver{GroupName: o.receiver, Integration: i.Name() + " out of turn", Idx: uint32(i.Index())}
}

func (o outOfTurn) log(i notify.Integration, store *nflog.Store) {
	store.SetStr(storedNotice, o.notice.ID)
	firing, resolved := o.fingerprints()
	if err := o.pipeline.notifications.Log(o.logged(i), o.notice.GroupKey, firing, resolved, store, 0); err != nil {
		// It was told all the same; after a restart it may be told again.
		o.pipeline.logger.Error("what a receiver was told out of turn could not be logged", "receiver", o.receiver, "err", err)
	}
}
