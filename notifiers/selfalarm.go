package notifiers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/common/model"
)

// directGroup begins the group keys of what fallback receivers are told directly.
const directGroup = "{}/{watchtower=\"direct\"}:"

// TellFallbacks tells the fallback receivers of an alert about the pipeline itself: it passes by routes, silences,
// inhibition and the other receivers, which may be what is broken. It is safe to call again and again: each integration is
// told once that the alert fires, and once that it is over if it was told that it fired, also across a restart.
//
// told is how many integrations know, those that knew before included. The error joins those of the integrations that
// could not be told; without a fallback receiver there is none, and told is zero.
func (p *Pipeline) TellFallbacks(ctx context.Context, a model.Alert) (told int, err error) {
	// The alert is one of a kind: what an integration was told last of it is all there is to know.
	notice := Notice{ID: "fires", GroupKey: directGroup + a.Labels.String(), Group: stringMap(a.Labels), Over: a.Resolved()}
	if notice.Over {
		notice.ID = "is over"
	}
	ctx, cancel := context.WithTimeout(ctx, notify.MinTimeout)
	defer cancel()
	var telling sync.WaitGroup
	var mu sync.Mutex
	var faults []error
	for _, t := range p.currentPlan().fallbacks {
		telling.Go(func() {
			own := alert.Alert{Alert: a, UpdatedAt: time.Now()}
			o := outOfTurn{pipeline: p, receiver: t.receiver, notice: notice, alerts: []*alert.Alert{&own}}
			err := o.tell(ctx, t.Integration)
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
