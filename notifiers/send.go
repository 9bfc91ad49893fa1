package notifiers

import (
	"context"
	"net/url"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/util/strutil"
)

// objectiveLabel is the label that names the objective an alert belongs to.
const objectiveLabel = "sloth_id"

var _ promrules.NotifyFunc = (*Pipeline)(nil).Send

// Send takes alerts from the rules, as Prometheus would send them to an Alertmanager: firing until ValidUntil unless
// sent again, resolved at ResolvedAt. When it returns they are on their way to their groups. An alert of an objective
// links to the objective's page, any other to expr.
func (p *Pipeline) Send(ctx context.Context, expr string, alerts ...*promrules.Alert) {
	now := time.Now()
	converted := make([]*alert.Alert, 0, len(alerts))
	for _, a := range alerts {
		c := p.convert(a, expr, now)
		if err := c.Validate(); err != nil {
			p.metrics.invalid.Inc()
			p.logger.Error("alert is invalid and was refused", "alert", a.Labels.String(), "err", err)
			continue
		}
		p.metrics.received.WithLabelValues(string(c.StatusAt(now))).Inc()
		converted = append(converted, c)
	}
	if len(converted) == 0 {
		return
	}
	if err := p.alerts.Put(ctx, converted...); err != nil {
		p.logger.Error("alerts could not be stored", "alerts", len(converted), "err", err)
	}
}

func (p *Pipeline) convert(a *promrules.Alert, expr string, now time.Time) *alert.Alert {
	c := &alert.Alert{
		Alert: model.Alert{
			Labels:       labelSet(a.Labels),
			Annotations:  labelSet(a.Annotations),
			StartsAt:     a.FiredAt,
			EndsAt:       a.ValidUntil,
			GeneratorURL: generatorURL(p.opts.ExternalURL, a.Labels, expr),
		},
		UpdatedAt: now,
	}
	p.opts.ExternalLabels.Range(func(l labels.Label) {
		if name := model.LabelName(l.Name); c.Labels[name] == "" {
			c.Labels[name] = model.LabelValue(l.Value)
		}
	})
	if !a.ResolvedAt.IsZero() {
		c.EndsAt = a.ResolvedAt
	}
	if c.StartsAt.IsZero() {
		c.StartsAt = now
		if !c.EndsAt.IsZero() && c.EndsAt.Before(now) {
			c.StartsAt = c.EndsAt
		}
	}
	if c.EndsAt.IsZero() {
		c.Timeout = true
		c.EndsAt = now.Add(time.Duration(p.currentPlan().conf.Global.ResolveTimeout))
	}
	return c
}

// generatorURL is where an alert with these labels is explained on the server at external.
func generatorURL(external *url.URL, lset labels.Labels, expr string) string {
	base := ""
	if external != nil {
		base = external.String()
	}
	if objective := lset.Get(objectiveLabel); objective != "" {
		return base + "/objectives/" + url.PathEscape(objective)
	}
	return base + strutil.TableLinkForExpression(expr)
}

// labelSet copies labels without the empty ones, which mean the same as absent ones.
func labelSet(from labels.Labels) model.LabelSet {
	set := make(model.LabelSet, from.Len())
	from.Range(func(l labels.Label) {
		if l.Value != "" {
			set[model.LabelName(l.Name)] = model.LabelValue(l.Value)
		}
	})
	return set
}
