package rules

import (
	"context"
	"strings"
	"testing"
	"time"
)

// ceasing is a world whose objective asks for a page after five minutes without
// events, after two hours of traffic.
func ceasing(t *testing.T, edit ...func(*Objective)) *world {
	t.Helper()
	w := newWorld(t, shareObjective(append(edit, func(o *Objective) { o.Alerting.NoTrafficFor = 5 * time.Minute })...))
	w.traffic(2*time.Hour, 15*time.Second, 10, 0)
	return w
}

func (w *world) ceased() bool { return w.alert(share, alertNoTraffic).firing }

func TestNoTrafficPages(t *testing.T) {
	t.Parallel()
	w := ceasing(t)
	stopped := w.now
	for !w.ceased() {
		w.traffic(15*time.Second, 15*time.Second, 0, 0)
		if w.now.Sub(stopped) > 6*time.Minute {
			t.Fatal("no traffic for six minutes, and NoTraffic does not fire")
		}
	}
	if took := w.now.Sub(stopped); took < 5*time.Minute-15*time.Second {
		t.Errorf("fires after %s, want five minutes", took)
	}
	var page string
	for _, a := range w.sent {
		page += a.Labels.String()
	}
	if !strings.Contains(page, `alertname="NoTraffic"`) || !strings.Contains(page, `severity="page"`) || !strings.Contains(page, `slo="requests"`) {
		t.Errorf("sent %s", page)
	}
	// Longer than the hour in which events must have flowed.
	w.traffic(3*time.Hour, 15*time.Second, 0, 0)
	if !w.ceased() {
		t.Error("ended although nobody came back")
	}
	w.traffic(90*time.Second, 15*time.Second, 1, 0)
	if w.ceased() {
		t.Error("events flow, and it still fires")
	}
}

func TestNoTrafficNeedsTrafficBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shareObjective(func(o *Objective) { o.Alerting.NoTrafficFor = 5 * time.Minute }))
	w.traffic(3*time.Hour, 15*time.Second, 0, 0)
	if w.ceased() {
		t.Error("a service nobody has used yet pages")
	}
}

func TestNoTrafficIsNotBlindness(t *testing.T) {
	t.Parallel()
	w := ceasing(t)
	w.silence(time.Hour, 15*time.Second)
	if w.ceased() || !w.alert(share, alertLost).firing {
		t.Error("lost telemetry is TelemetryLost and not NoTraffic")
	}
	// Telemetry is back, and so is traffic that flowed in the dark.
	w.traffic(10*time.Minute, 15*time.Second, 10, 0)
	if w.ceased() {
		t.Error("fires although events flow")
	}
	w.traffic(6*time.Minute, 15*time.Second, 0, 0)
	if !w.ceased() {
		t.Fatal("does not fire after traffic ceased again")
	}
	w.silence(time.Hour, 15*time.Second)
	if !w.ceased() {
		t.Error("blindness ended it")
	}
	if s, _ := w.engine.Status(share); !strings.Contains(summaryOf(s, AlertNoTraffic), "no requests have reached share for") {
		t.Errorf("the status says %q", summaryOf(s, AlertNoTraffic))
	}
	w.traffic(2*time.Minute, 15*time.Second, 10, 0)
	if w.ceased() {
		t.Error("not frozen by blindness: events flow, and it still fires")
	}
}

func summaryOf(s Status, k AlertKind) string {
	for _, a := range s.Alerts {
		if a.Kind == k {
			return a.Summary
		}
	}
	return ""
}

func TestNoTrafficOverRestartAndKill(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *world){
		"restart": func(w *world) { w.stop() },
		"kill":    func(w *world) { w.engine.save(w.now.UnixMilli(), 0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := ceasing(t)
			w.traffic(10*time.Minute, 15*time.Second, 0, 0)
			before := w.alert(share, alertNoTraffic)
			end(w)
			w.now = w.now.Add(10 * time.Minute)
			w.start()
			w.tick()
			if after := w.alert(share, alertNoTraffic); !after.firing || after.activeAt != before.activeAt {
				t.Errorf("after it: %+v, want %+v", after, before)
			}
		})
	}
}

// A ratio does not tell whether there are events: the alert is not there, and the
// status says why.
func TestNoTrafficOfARatio(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shareObjective(func(o *Objective) {
		o.SLI = SLI{ErrorRatioQuery: `1 - avg_over_time(probe_success[{{.window}}])`}
		o.Alerting.NoTrafficFor, o.Confidence = 5*time.Minute, 0.98
	}))
	w.engine.poll(context.Background(), w.now.UnixMilli())
	s, _ := w.engine.Status(share)
	for _, a := range s.Alerts {
		if a.Kind == AlertNoTraffic {
			t.Error("the objective has an alert that can never fire")
		}
	}
	if !strings.Contains(s.Reason, "NoTraffic cannot fire") || !strings.Contains(s.Reason, "confidence is not used") {
		t.Errorf("the status does not say why: %s", s.Reason)
	}
}
