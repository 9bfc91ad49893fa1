package notifiers

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
)

// IntegrationStatus is one way to reach a receiver and what became of the last attempts. It survives reloads.
type IntegrationStatus struct {
	// Name is the kind, such as slack or webhook, and Index its position among the receiver's configs of that kind.
	Name         string
	Index        int
	SendResolved bool
	// Attempts counts calls, Failures those that failed.
	Attempts, Failures int64
	LastSuccessAt      time.Time
	// LastError is the last failure, also if a later attempt succeeded.
	LastError   string
	LastErrorAt time.Time
	// Fallbacks counts notifications that fallback receivers took in its place, FallbackAt is when they did last.
	Fallbacks  int64
	FallbackAt time.Time
}

// Failing reports whether the last attempt failed.
func (s IntegrationStatus) Failing() bool { return s.LastErrorAt.After(s.LastSuccessAt) }

// deliveries remembers what became of notifications, by integration.
type deliveries struct {
	mu   sync.Mutex
	last map[string]IntegrationStatus
}

func newDeliveries() *deliveries {
	return &deliveries{last: map[string]IntegrationStatus{}}
}

func deliveryKey(receiverName string, i notify.Integration) string {
	return fmt.Sprintf("%s/%s[%d]", receiverName, i.Name(), i.Index())
}

func (d *deliveries) record(key string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.last[key]
	s.Attempts++
	if err != nil {
		s.Failures++
		s.LastError, s.LastErrorAt = err.Error(), time.Now()
	} else {
		s.LastSuccessAt = time.Now()
	}
	d.last[key] = s
}

// fellBack records that fallback receivers took a notification.
func (d *deliveries) fellBack(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.last[key]
	s.Fallbacks++
	s.FallbackAt = time.Now()
	d.last[key] = s
}

func (d *deliveries) status(receiverName string, i notify.Integration) IntegrationStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.last[deliveryKey(receiverName, i)]
	s.Name, s.Index, s.SendResolved = i.Name(), i.Index(), i.SendResolved()
	return s
}

// observe wraps an integration so that its outcomes and the delay of first notifications are recorded.
func (p *Pipeline) observe(receiverName string, i notify.Integration) notify.Integration {
	o := &observed{inner: i, receiver: receiverName, key: deliveryKey(receiverName, i), pipeline: p}
	return notify.NewIntegration(o, &i, i.Name(), i.Index(), receiverName)
}

type observed struct {
	inner    notify.Integration
	receiver string
	key      string
	pipeline *Pipeline
}

var _ notify.Notifier = (*observed)(nil)

// Notify implements notify.Notifier.
func (o *observed) Notify(ctx context.Context, alerts ...*alert.Alert) (bool, error) {
	if reason, ok := notify.NotificationReason(ctx); ok && reason == notify.ReasonFirstNotification && len(alerts) > 0 {
		oldest := alerts[0].StartsAt
		for _, a := range alerts {
			if a.StartsAt.Before(oldest) {
				oldest = a.StartsAt
			}
		}
		o.pipeline.metrics.firstNotify.Observe(time.Since(oldest).Seconds())
	}
	retry, err := o.inner.Notify(ctx, alerts...)
	o.pipeline.deliveries.record(o.key, err)
	o.pipeline.delivered(ctx, o.receiver, o.inner, err)
	return retry, err
}
