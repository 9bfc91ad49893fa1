package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	promrules "github.com/prometheus/prometheus/rules"

	"github.com/watchtower-hub/watchtower/internal/config"
	"github.com/watchtower-hub/watchtower/internal/selfwatch"
	"github.com/watchtower-hub/watchtower/internal/web"
)

// selfAlarmFor is how long an alarm about ourselves holds without being told again.
const selfAlarmFor = 4 * time.Minute

// openSelfWatch prepares the watch over all that was opened before.
func (a *App) openSelfWatch(_ context.Context, files config.Files) error {
	checks, err := a.selfChecks(files)
	if err != nil {
		return err
	}
	t := &selfTeller{app: a, instance: a.instance(), routing: make(chan struct{}, 1), firing: map[string]bool{}}
	a.selfwatch, err = selfwatch.New(selfwatch.Options{
		Checks: checks, Heartbeat: files.Config.SelfWatch.Heartbeat, Tell: t.tell,
		Version: a.options.Version, Logger: a.logger, Registerer: a.registry,
	})
	return err
}

// instance is what alarms about ourselves call us: two that share an external URL, or a
// machine, must not be taken for each other.
func (a *App) instance() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	return host + ":" + portOf(a.listener.Addr())
}

// selfTeller tells people of alarms about ourselves.
type selfTeller struct {
	app      *App
	instance string
	routing  chan struct{} // of capacity 1: an alarm is being given to the pipeline

	mu     sync.Mutex
	firing map[string]bool // by check: the pipeline was told of an alarm that lasts
}

// tell passes an alarm on: to the fallback receivers where the normal way may be what is
// broken, and by the normal way in any case.
func (t *selfTeller) tell(ctx context.Context, alarm selfwatch.Alarm) error {
	var direct error
	if alarm.Check.Direct {
		direct = t.tellDirectly(ctx, alarm)
	}
	return errors.Join(direct, t.route(ctx, alarm))
}

func (t *selfTeller) tellDirectly(ctx context.Context, alarm selfwatch.Alarm) error {
	annotations := alarm.Annotations(t.instance)
	annotations["runbook_url"] = t.app.external.String() + "/playbooks/watchtower-stalled"
	_, err := t.app.pipeline.TellFallbacks(ctx, model.Alert{
		Labels: labelSetOf(alarm.Labels(t.instance)), Annotations: labelSetOf(annotations),
		StartsAt: alarm.Since, EndsAt: alarm.Over, GeneratorURL: t.app.external.String() + "/status",
	})
	return err
}

func labelSetOf(m map[string]string) model.LabelSet {
	set := make(model.LabelSet, len(m))
	for name, value := range m {
		set[model.LabelName(name)] = model.LabelValue(value)
	}
	return set
}

// route sends an alarm as the rules send theirs. A pipeline that takes nothing any more
// blocks whoever sends: then it is waited for until ctx ends, and again the next time.
func (t *selfTeller) route(ctx context.Context, alarm selfwatch.Alarm) error {
	over := !alarm.Over.IsZero()
	t.mu.Lock()
	known := t.firing[alarm.Check.Name]
	t.mu.Unlock()
	if over && !known {
		return nil // What an earlier process sent, the pipeline ends by itself.
	}
	select {
	case t.routing <- struct{}{}:
	case <-ctx.Done():
		return errors.New("the pipeline does not take alerts")
	}
	sent := make(chan struct{})
	go func() {
		t.app.send(context.WithoutCancel(ctx), fmt.Sprintf("watchtower_selfwatch_check_ok{check=%q} == 0", alarm.Check.Name), t.alert(alarm))
		t.mu.Lock()
		t.firing[alarm.Check.Name] = !over
		t.mu.Unlock()
		close(sent)
		<-t.routing
	}()
	select {
	case <-sent:
		return nil
	case <-ctx.Done():
		return errors.New("the pipeline does not take alerts")
	}
}

func (t *selfTeller) alert(alarm selfwatch.Alarm) *promrules.Alert {
	alert := &promrules.Alert{
		State:  promrules.StateFiring,
		Labels: labels.FromMap(alarm.Labels(t.instance)), Annotations: labels.FromMap(alarm.Annotations(t.instance)),
		ActiveAt: alarm.Since, FiredAt: alarm.Since, ValidUntil: time.Now().Add(selfAlarmFor),
	}
	if !alarm.Over.IsZero() {
		alert.State, alert.ResolvedAt = promrules.StateInactive, alarm.Over
	}
	return alert
}

// selfwatchSection says whether we ourselves work, and who hears when we do not.
func (a *App) selfwatchSection() web.Section {
	st := a.selfwatch.Status()
	table := &web.Table{Title: "Checks of Watchtower itself", Columns: []string{"Check", "State", "Since", "Why"}}
	for _, c := range st.Checks {
		row := web.TableRow{Cells: []string{c.Check.Name, "not looked at yet", "", ""}}
		switch c.State {
		case selfwatch.OK:
			row.Cells[1] = "ok"
		case selfwatch.Failing:
			row.Level = web.Warn
			row.Cells = []string{c.Check.Name, "fails", ago(c.Since), c.Why}
		case selfwatch.Alarming:
			row.Level = web.Bad
			row.Cells = []string{c.Check.Name, c.Check.Title, ago(c.Since), c.Why}
		default:
		}
		table.Rows = append(table.Rows, row)
	}
	told := web.Fact{Name: "Told when Slack fails too", Value: strings.Join(a.pipeline.Fallbacks(), ", ")}
	if told.Value == "" {
		told.Value, told.Note = "nobody", "name receivers in notifiers.fallback"
	}
	return web.Section{Title: "Watching itself", Facts: []web.Fact{heartbeatFact(st.Heartbeat), told}, Table: table}
}

func heartbeatFact(h selfwatch.HeartbeatStatus) web.Fact {
	f := web.Fact{Name: "Heartbeat"}
	switch {
	case !h.Configured:
		f.Value, f.Note = "none", "with selfwatch.heartbeat another service raises the alarm when this process or its machine dies"
	case h.Trouble != "":
		f.Value, f.Note, f.Level = "last taken "+ago(h.SentAt), h.Trouble, web.Bad
	case h.Held:
		f.Value, f.Note = "held back; last taken "+ago(h.SentAt), "it is sent while every check below is ok"
	default:
		f.Value, f.Note = "taken "+ago(h.SentAt), "every "+h.Interval.String()+" while every check below is ok"
	}
	return f
}
