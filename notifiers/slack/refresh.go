package slack

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// refreshMuch is how soon a page whose figures changed much is edited again,
	// refreshLittle one where they changed at all.
	refreshMuch   = time.Minute
	refreshLittle = 10 * time.Minute
)

// Refresh edits the pages whose figures have changed since they were written:
// Alertmanager notifies when alerts come and go, and says nothing while a small fire
// becomes a large one. current are the present annotations of firing alerts, by group
// key and fingerprint. Nobody is pinged. Call it every minute.
func (s *Slack) Refresh(ctx context.Context, current map[string]map[string]map[string]string) {
	now := time.Now()
	for _, key := range s.outbox.stale(now) {
		in, ok := s.outbox.renewed(key, now, current)
		if !ok || ctx.Err() != nil {
			continue
		}
		lookCtx, cancel := context.WithTimeout(ctx, evidenceLate)
		f := s.look(lookCtx, &in)
		cancel()
		f.add(&in)
		s.outbox.refresh(key, &in)
	}
}

// stale lists the incidents whose page is old enough to be looked at.
func (o *outbox) stale(now time.Time) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var keys []string
	for key, rec := range o.records {
		ours := rec.memory.Owner == o.self || rec.memory.Owner == "" // written before there was a cluster
		idle := rec.ts != "" && len(rec.rows) == 0 && rec.state == firing && rec.memory.Storm == nil && ours
		if idle && now.Sub(rec.memory.Incident.At) >= refreshMuch {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// renewed is the incident with its alerts' present annotations, if they say
// something new that is worth an edit by now.
func (o *outbox) renewed(key string, now time.Time, current map[string]map[string]map[string]string) (incident, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	rec := o.records[key]
	if rec == nil {
		return incident{}, false
	}
	in, notes := rec.memory.Incident, current[rec.memory.GroupKey]
	before, age := in.figures(), now.Sub(in.At)
	in.Alerts = slices.Clone(in.Alerts)
	for i := range in.Alerts {
		a := &in.Alerts[i]
		if news := notes[a.ID]; news != nil && !a.Resolved {
			a.Annotations = map[string]string{}
			for k, v := range news {
				a.Annotations[clean(k)] = clean(v)
			}
		}
	}
	after := in.figures()
	if maps.Equal(before, after) || age < refreshLittle && !changedMuch(before, after) {
		return incident{}, false
	}
	in.At = now
	return in, true
}

// refresh edits a page quietly, unless something happened to it meanwhile.
func (o *outbox) refresh(key string, in *incident) {
	o.mu.Lock()
	defer o.mu.Unlock()
	rec := o.records[key]
	if rec == nil || rec.state != firing || len(rec.rows) > 0 || rec.memory.Incident.At.After(in.At) ||
		!slices.Equal(rec.memory.Incident.firingIDs(), in.firingIDs()) {
		return
	}
	o.metrics.refreshed.Inc()
	o.revise(rec, in, false)
}

// figures are the numbers that a page shows of its alerts.
func (in *incident) figures() map[string]string {
	out := map[string]string{}
	for _, a := range in.alerts(firing) {
		for _, k := range []string{"error_ratio", "burn_rate", "budget_remaining", "budget_gone"} {
			if v := a.Annotations[k]; v != "" {
				out[a.ID+"/"+k] = v
			}
		}
	}
	return out
}

// changedMuch reports a figure that is half as much again, or two thirds of what it
// was, or a budget that is spent now.
func changedMuch(before, after map[string]string) bool {
	for k, now := range after {
		was, ok := before[k]
		if !ok || was == now {
			continue
		}
		if strings.HasSuffix(k, "/budget_gone") {
			if now == "already spent" {
				return true
			}
			continue
		}
		a, aOK := numberIn(was)
		b, bOK := numberIn(now)
		if aOK && bOK && (b >= 1.5*a && b > 0 || b <= a/1.5 && a > 0) {
			return true
		}
	}
	return false
}

// numberIn reads the figure of "3.2%" or "32x".
func numberIn(s string) (float64, bool) {
	v, err := strconv.ParseFloat(strings.TrimRight(strings.ReplaceAll(s, ",", ""), "%x× "), 64)
	return v, err == nil
}
