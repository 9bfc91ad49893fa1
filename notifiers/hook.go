package notifiers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/inhibit"
	"github.com/prometheus/alertmanager/marker"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/timeinterval"
)

// Flush is an alert group at the moment in which it is due, before anything is left out
// or anybody is told.
type Flush struct {
	GroupKey, Receiver string
	At                 time.Time
	Alerts             []FlushedAlert
}

// FlushedAlert is one alert of a flush.
type FlushedAlert struct {
	Fingerprint         string
	Labels, Annotations map[string]string
	// EndsAt is zero while it fires.
	StartsAt, EndsAt time.Time
	// Muted says that a silence, another alert or a time interval keeps people from being
	// told of it now.
	Muted bool
}

// Delivery is one attempt to notify somebody.
type Delivery struct {
	GroupKey, Receiver string
	// Integration is the kind and the place among those of its kind: slack[0].
	Integration string
	At          time.Time
	Err         error // Nil if it was taken.
}

// hearer tells Options.Flushed what a generation flushes.
type hearer struct {
	flushed   func(context.Context, Flush)
	inhibitor *inhibit.Inhibitor
	silencer  notify.Muter
	intervals *timeinterval.Intervener
}

// hear tells of a group that is due.
func (h *hearer) hear(ctx context.Context, alerts []*alert.Alert) {
	if h == nil || h.flushed == nil {
		return
	}
	key, _ := notify.GroupKey(ctx)
	receiver, _ := notify.ReceiverName(ctx)
	now, ok := notify.Now(ctx)
	if !ok {
		now = time.Now()
	}
	f := Flush{GroupKey: key, Receiver: receiver, At: now, Alerts: make([]FlushedAlert, 0, len(alerts))}
	muted := h.outsideHours(ctx, now)
	for _, a := range alerts {
		fa := FlushedAlert{
			Fingerprint: a.Fingerprint().String(), Labels: stringMap(a.Labels), Annotations: stringMap(a.Annotations),
			StartsAt: a.StartsAt, EndsAt: a.EndsAt, Muted: muted || h.mutes(ctx, a), // The dispatcher clears the end of what fires.
		}
		f.Alerts = append(f.Alerts, fa)
	}
	h.flushed(ctx, f)
}

// mutes reports whether an alert is silenced or inhibited. The marker of ctx is that of
// the group and is left alone: the stages behind fill it.
func (h *hearer) mutes(ctx context.Context, a *alert.Alert) bool {
	ctx = marker.WithContext(ctx, marker.NewAlertMarker())
	return h.inhibitor.Mutes(ctx, a.Labels) || h.silencer.Mutes(ctx, a.Labels)
}

// outsideHours reports whether time intervals mute the whole group.
func (h *hearer) outsideHours(ctx context.Context, now time.Time) bool {
	if names, ok := notify.MuteTimeIntervalNames(ctx); ok && len(names) > 0 {
		if muted, _, err := h.intervals.Mutes(names, now); err == nil && muted {
			return true
		}
	}
	names, ok := notify.ActiveTimeIntervalNames(ctx)
	if !ok || len(names) == 0 {
		return false
	}
	active, _, err := h.intervals.Mutes(names, now)
	return err == nil && !active
}

// delivered tells Options.Delivered what became of an attempt.
func (p *Pipeline) delivered(ctx context.Context, receiver string, i notify.Integration, err error) {
	key, ok := notify.GroupKey(ctx)
	if p.opts.Delivered == nil || !ok || err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return // A stop or a reload says nothing of the receiver.
	}
	p.opts.Delivered(ctx, Delivery{
		GroupKey: key, Receiver: receiver, Integration: fmt.Sprintf("%s[%d]", i.Name(), i.Index()), At: time.Now(), Err: err,
	})
}
