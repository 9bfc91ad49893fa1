package notifiers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	promconfig "github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/notifier"
	promrules "github.com/prometheus/prometheus/rules"
)

const (
	// alertQueue is how many alerts may wait for one outside Alertmanager, as in Prometheus; the oldest make room.
	alertQueue = 10_000
	// alertDrain is how long a stop waits for what is queued to be sent.
	alertDrain = 5 * time.Second
	// maxAnswer bounds what is read of an outside Alertmanager's answer.
	maxAnswer = 4 << 10
)

// Alerting sends every alert to Alertmanagers outside of this process, as Prometheus does: by its own notifier and
// discovery, without waiting for an answer and without trying again, because the rules send what fires every minute and
// each time say for how long it is valid. All methods are safe for concurrent use.
type Alerting struct {
	opts    Options
	logger  *slog.Logger
	reg     *prometheus.Registry
	found   *discovery.SDMetrics
	manager *notifier.Manager
	abandon context.CancelFunc // Ends requests under way.
	grace   time.Duration      // For what is queued at the end.

	closeOnce sync.Once

	mu        sync.Mutex // Held while a configuration is applied.
	state     runState
	conf      promconfig.AlertingConfig
	discovery *discovery.Manager // Nil unless running.

	outcomes *outcomes
}

// NewAlerting checks opts.Config.Alerting. Of opts it uses ExternalURL, ExternalLabels, Logger and Registerer too, each of
// which may be left out. found are the metrics of discovery, which a process registers once; nil makes them anew. Nothing
// is sent before Run. Close releases what never runs.
func NewAlerting(opts Options, found *discovery.SDMetrics) (*Alerting, error) {
	if err := validateAlerting(opts.Config.Alerting); err != nil {
		return nil, fmt.Errorf("notifiers: %w", err)
	}
	logger := cmp.Or(opts.Logger, slog.New(slog.DiscardHandler)).With("component", "alerting")
	sending, abandon := context.WithCancel(context.Background())
	a := &Alerting{
		opts: opts, logger: logger, reg: prometheus.NewRegistry(), found: found, abandon: abandon, grace: alertDrain,
		conf: opts.Config.Alerting, outcomes: newOutcomes(),
	}
	a.manager = notifier.NewManager(&notifier.Options{
		QueueCapacity: alertQueue,
		// Draining inside the manager would keep the rules from sending while an Alertmanager that is gone does not
		// answer: Run drains instead, with a limit.
		DrainOnShutdown: false,
		Do: func(ctx context.Context, client *http.Client, req *http.Request) (*http.Response, error) {
			ctx, stop := context.WithCancel(ctx)
			defer stop()
			defer context.AfterFunc(sending, stop)()
			return a.outcomes.post(ctx, client, req)
		},
		Registerer: a.reg,
	}, model.UTF8Validation, logger)
	if err := a.register(); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *Alerting) register() error {
	if a.found == nil {
		var err error
		if a.found, err = discovery.CreateAndRegisterSDMetrics(a.reg); err != nil {
			return fmt.Errorf("register metrics of the discovery of Alertmanagers: %w", err)
		}
	}
	if a.opts.Registerer == nil {
		return nil
	}
	if err := a.opts.Registerer.Register(a.reg); err != nil {
		return fmt.Errorf("register metrics of alerting: %w", err)
	}
	return nil
}

// Close releases what does not run. Run does it at its end.
func (a *Alerting) Close() error {
	a.closeOnce.Do(func() {
		a.abandon()
		if a.opts.Registerer != nil {
			a.opts.Registerer.Unregister(a.reg)
		}
	})
	return nil
}

// Run sends until ctx ends, then what is queued, for five seconds at most. It may be called once.
func (a *Alerting) Run(ctx context.Context) error {
	discovering, stopDiscovering := context.WithCancel(context.WithoutCancel(ctx))
	defer stopDiscovering()
	found, err := a.start(discovering)
	if err != nil {
		return errors.Join(err, a.Close())
	}
	var running sync.WaitGroup
	running.Go(func() {
		if err := found.Run(); err != nil && !errors.Is(err, context.Canceled) {
			a.logger.Error("discovery of Alertmanagers stopped", "err", err)
		}
	})
	running.Go(func() { a.manager.Run(found.SyncCh()) })
	<-ctx.Done()

	a.mu.Lock()
	a.state, a.discovery = stopped, nil
	a.mu.Unlock()
	a.drain(a.grace)
	a.abandon()
	a.manager.Stop()
	stopDiscovering()
	running.Wait()
	a.outcomes.wait()
	found.UnregisterMetrics()
	return a.Close()
}

func (a *Alerting) start(ctx context.Context) (*discovery.Manager, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state != notStarted {
		return nil, errors.New("notifiers: alerting has been run already")
	}
	a.state = started
	a.discovery = discovery.NewManager(ctx, a.logger.With("part", "discovery"), a.reg, a.found, discovery.Name("notify"))
	if a.discovery == nil {
		return nil, errors.New("build discovery of Alertmanagers: its metrics are registered already")
	}
	return a.discovery, a.applyLocked(a.conf)
}

// Reload replaces the section alerting. After an error, which joins all faults found, the previous one is in force. An
// Alertmanager whose entry stays as it is keeps its queue.
func (a *Alerting) Reload(c promconfig.AlertingConfig) error {
	if err := validateAlerting(c); err != nil {
		return fmt.Errorf("notifiers: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.state == stopped:
		return errors.New("notifiers: reload after alerting has stopped")
	case a.discovery == nil:
		a.conf = c
		return nil
	}
	err := a.applyLocked(c)
	if err != nil {
		// A file was changed after it was checked. The manager may have given up queues halfway: it begins anew.
		return errors.Join(err, a.applyLocked(promconfig.AlertingConfig{}), a.applyLocked(a.conf))
	}
	a.conf = c
	return nil
}

// applyLocked hands c to the managers: first to the one that must know an entry before Alertmanagers are found for it.
func (a *Alerting) applyLocked(c promconfig.AlertingConfig) error {
	if sameExceptSecrets(a.conf.AlertmanagerConfigs, c.AlertmanagerConfigs) {
		if err := a.manager.ApplyConfig(notifierConfig(promconfig.AlertingConfig{}, a.opts.ExternalLabels)); err != nil {
			return fmt.Errorf("apply alerting: %w", err)
		}
	}
	if err := a.manager.ApplyConfig(notifierConfig(c, a.opts.ExternalLabels)); err != nil {
		return fmt.Errorf("apply alerting: %w", err)
	}
	if err := a.discovery.ApplyConfig(discoveryOf(c)); err != nil {
		return fmt.Errorf("apply discovery of Alertmanagers: %w", err)
	}
	return nil
}

var _ promrules.NotifyFunc = (*Alerting)(nil).Send

// Send takes alerts from the rules and returns at once. They are queued for every Alertmanager that is known now.
func (a *Alerting) Send(_ context.Context, expr string, alerts ...*promrules.Alert) {
	converted := make([]*notifier.Alert, len(alerts))
	for i, from := range alerts {
		converted[i] = &notifier.Alert{
			Labels:       from.Labels,
			Annotations:  from.Annotations,
			StartsAt:     from.FiredAt,
			EndsAt:       from.ValidUntil,
			GeneratorURL: generatorURL(a.opts.ExternalURL, from.Labels, expr),
		}
		if !from.ResolvedAt.IsZero() {
			converted[i].EndsAt = from.ResolvedAt
		}
	}
	a.manager.Send(converted...)
}

// drain waits until nothing is queued or under way. A batch is neither for the moment in which it is encoded, so it is
// looked for three times.
func (a *Alerting) drain(grace time.Duration) {
	if len(a.manager.Alertmanagers()) == 0 {
		return
	}
	deadline, tick := time.NewTimer(grace), time.NewTicker(10*time.Millisecond)
	defer deadline.Stop()
	defer tick.Stop()
	for calm := 0; calm < 3; {
		select {
		case <-deadline.C:
			a.logger.Warn("alerts were not sent to every Alertmanager before the stop", "waited", grace)
			return
		case <-tick.C:
			calm++
			if a.pending() > 0 {
				calm = 0
			}
		}
	}
}

// pending counts alerts in queues and requests under way.
func (a *Alerting) pending() int {
	n := a.outcomes.inFlight()
	for _, counts := range a.counts() {
		n += counts.Queued
	}
	return n
}

// AlertmanagerStatus is an Alertmanager outside of this process and what became of the alerts for it.
type AlertmanagerStatus struct {
	URL string
	// Sent, Failed and Dropped count alerts: Dropped those that were not sent because of a failure or a full queue.
	Sent, Failed, Dropped int64
	// Queued counts the alerts that wait now.
	Queued        int
	LastSuccessAt time.Time
	// LastError is the last failure, also if a later attempt succeeded.
	LastError   string
	LastErrorAt time.Time
}

// Failing reports whether the last attempt failed.
func (s AlertmanagerStatus) Failing() bool { return s.LastErrorAt.After(s.LastSuccessAt) }

// Status returns the Alertmanagers found now, by URL.
func (a *Alerting) Status() []AlertmanagerStatus {
	var urls []string
	for _, u := range a.Alertmanagers() {
		urls = append(urls, u.String())
	}
	slices.Sort(urls)
	counts := a.counts()
	var all []AlertmanagerStatus
	for _, u := range slices.Compact(urls) {
		s := a.outcomes.of(u)
		c := counts[u]
		s.URL, s.Sent, s.Failed, s.Dropped, s.Queued = u, c.Sent, c.Failed, c.Dropped, c.Queued
		all = append(all, s)
	}
	return all
}

// Alertmanagers are the push addresses of the Alertmanagers found now, as Prometheus' API shows them.
func (a *Alerting) Alertmanagers() []*url.URL { return a.manager.Alertmanagers() }

// DroppedAlertmanagers are those that were found and that relabel_configs dropped.
func (a *Alerting) DroppedAlertmanagers() []*url.URL { return a.manager.DroppedAlertmanagers() }

// counts reads the manager's metrics, the only place where it says what became of alerts.
func (a *Alerting) counts() map[string]AlertmanagerStatus {
	counts := map[string]AlertmanagerStatus{}
	families, err := a.reg.Gather()
	if err != nil {
		a.logger.Error("metrics of alerting could not be read", "err", err)
	}
	for _, family := range families {
		kind, ours := strings.CutPrefix(family.GetName(), "prometheus_notifications_")
		if !ours {
			continue
		}
		for _, m := range family.GetMetric() {
			if len(m.GetLabel()) != 1 {
				continue
			}
			to := m.GetLabel()[0].GetValue()
			s := counts[to]
			switch kind {
			case "sent_total":
				s.Sent = int64(m.GetCounter().GetValue())
			case "errors_total":
				s.Failed = int64(m.GetCounter().GetValue())
			case "dropped_total":
				s.Dropped = int64(m.GetCounter().GetValue())
			case "queue_length":
				s.Queued = int(m.GetGauge().GetValue())
			}
			counts[to] = s
		}
	}
	return counts
}

// outcomes sends requests and remembers the last result by address.
type outcomes struct {
	mu       sync.Mutex
	returned *sync.Cond // Signaled when underWay shrinks.
	underWay int
	last     map[string]AlertmanagerStatus
}

func newOutcomes() *outcomes {
	o := &outcomes{last: map[string]AlertmanagerStatus{}}
	o.returned = sync.NewCond(&o.mu)
	return o
}

// post sends a request and returns when the answer is read.
func (o *outcomes) post(ctx context.Context, client *http.Client, req *http.Request) (*http.Response, error) {
	o.enter()
	resp, text, err := exchange(client, req.WithContext(ctx))
	switch to := req.URL.String(); {
	case err != nil:
		o.leave(to, err.Error())
	case resp.StatusCode/100 != 2:
		o.leave(to, strings.TrimSpace(resp.Status+" "+text))
	default:
		o.leave(to, "")
	}
	return resp, err
}

// exchange returns an answer whose body has been read.
func exchange(client *http.Client, req *http.Request) (*http.Response, string, error) {
	resp, err := client.Do(req)
	if err != nil {
		return nil, "", err
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, "", fmt.Errorf("read the answer: %w", err)
	}
	resp.Body = http.NoBody
	return resp, string(text), nil
}

func (o *outcomes) enter() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.underWay++
}

// maxOutcomes bounds how many addresses are remembered: Alertmanagers in containers get new ones again and again.
const maxOutcomes = 1000

// leave records a result, a failure unless it is empty.
func (o *outcomes) leave(to, failure string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.last) >= maxOutcomes {
		clear(o.last)
	}
	s := o.last[to]
	if failure != "" {
		s.LastError, s.LastErrorAt = failure, time.Now()
	} else {
		s.LastSuccessAt = time.Now()
	}
	o.last[to] = s
	o.underWay--
	o.returned.Broadcast()
}

func (o *outcomes) inFlight() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.underWay
}

// wait returns when nothing is under way.
func (o *outcomes) wait() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.underWay > 0 {
		o.returned.Wait()
	}
}

func (o *outcomes) of(to string) AlertmanagerStatus {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last[to]
}
