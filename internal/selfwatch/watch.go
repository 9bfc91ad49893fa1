package selfwatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	lookEvery = 5 * time.Second
	// tellAgain is how often an alarm is told while it lasts; whoever takes it lets it
	// end when it is not heard of for longer. retryTell is the pause after an error.
	tellAgain = time.Minute
	retryTell = 10 * time.Second
	tellFor   = time.Minute
	// lastLook is how long the end of the watch waits for looks under way.
	lastLook = 5 * time.Second
)

// Options are what New needs. Checks and Tell are required.
type Options struct {
	Checks []Check
	// Heartbeat is valid as Config.Validate has it.
	Heartbeat Heartbeat
	// Tell passes an alarm on. It is called again every minute while the alarm lasts,
	// and for its end until it returns nil; also once when a check is found ok for the
	// first time, with a Since of zero, because an earlier process may have told of an
	// alarm. Calls for one check never overlap.
	Tell func(ctx context.Context, a Alarm) error
	// Version is told to the receiver of the heartbeat.
	Version    string
	Logger     *slog.Logger          // nil: discarded
	Registerer prometheus.Registerer // nil: metrics are not exported
}

// Watch looks, beats and tells. It is safe for concurrent use.
type Watch struct {
	tell    func(ctx context.Context, a Alarm) error
	logger  *slog.Logger
	metrics *metrics
	kept    []*kept
	heart   *heart // nil: no heartbeat
	changed chan struct{}

	mu sync.Mutex // guards the standings in kept, and the state of heart
}

// kept is a check with what is known of it.
type kept struct {
	check   Check
	changed chan struct{} // of capacity 1: there is something to tell

	st   standing
	said bool // the log tells that it fails; look alone uses it
	// owed is set until the end of an alarm was told, and before anything was seen.
	owed bool
}

// New prepares a watch; nothing is looked at before Run.
func New(o Options) (*Watch, error) {
	if len(o.Checks) == 0 || o.Tell == nil {
		return nil, errors.New("selfwatch: Checks and Tell are required")
	}
	w := &Watch{
		tell: o.Tell, logger: cmp.Or(o.Logger, slog.New(slog.DiscardHandler)).With("component", "selfwatch"),
		metrics: newMetrics(o.Registerer), changed: make(chan struct{}, 1),
	}
	named := map[string]bool{}
	for _, c := range o.Checks {
		if c.Name == "" || c.Look == nil || named[c.Name] {
			return nil, fmt.Errorf("selfwatch: check %q needs a name of its own and something to look at", c.Name)
		}
		named[c.Name] = true
		c.Every = cmp.Or(c.Every, lookEvery)
		w.kept = append(w.kept, &kept{check: c, changed: make(chan struct{}, 1), owed: true})
		w.metrics.ok.WithLabelValues(c.Name).Set(0)
	}
	if o.Heartbeat.Configured() {
		client, err := newClient(o.Heartbeat)
		if err != nil {
			return nil, fmt.Errorf("selfwatch.heartbeat.http_config: %w", err)
		}
		w.heart = &heart{conf: o.Heartbeat, client: client, agent: "Watchtower/" + cmp.Or(o.Version, "unknown")}
	}
	return w, nil
}

// Run watches until ctx ends, and returns when all it started has stopped; a look that
// ignores its context is waited for 5 s and no longer.
func (w *Watch) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, k := range w.kept {
		running.Go(func() { w.look(ctx, k) })
		running.Go(func() { w.herald(ctx, k) })
	}
	if w.heart != nil {
		running.Go(func() { w.beat(ctx) })
	}
	running.Wait()
	if w.heart != nil {
		w.heart.client.CloseIdleConnections()
	}
	return nil
}

// look looks at a check until ctx ends.
func (w *Watch) look(ctx context.Context, k *kept) {
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		if !w.await(ctx, k, k.check.ask(ctx)) {
			return
		}
		next.Reset(k.check.Every)
	}
}

// await notes what a look saw, or that it does not come back; false once ctx has ended.
func (w *Watch) await(ctx context.Context, k *kept, saw <-chan sighting) bool {
	began := time.Now()
	late := time.NewTimer(hangs + time.Second) // a look that ends with its context is in time
	defer late.Stop()
	for {
		select {
		case s := <-saw:
			if ctx.Err() == nil { // else the end of the process is what it saw
				w.note(k, s)
			}
			return ctx.Err() == nil
		case <-late.C:
			w.note(k, silent(began))
			late.Reset(k.check.Every)
		case <-ctx.Done():
			late.Reset(lastLook)
			select {
			case <-saw:
			case <-late.C:
			}
			return false
		}
	}
}

// note takes in what was seen of a check.
func (w *Watch) note(k *kept, s sighting) {
	w.mu.Lock()
	before := k.st
	k.st = k.st.after(s, time.Now(), k.check.Patience)
	now := k.st
	if now.state == Alarming {
		k.owed = true
	}
	w.mu.Unlock()

	is := 0.0
	if now.state == OK {
		is = 1
	}
	w.metrics.ok.WithLabelValues(k.check.Name).Set(is)
	if now.state == before.state {
		return
	}
	if now.state == Alarming {
		w.metrics.alarms.WithLabelValues(k.check.Name).Inc()
	}
	w.say(k, before.state, now)
	signal(k.changed)
	signal(w.changed)
}

// say logs a change. What is not ok from the start on is starting: that is no news.
func (w *Watch) say(k *kept, before State, now standing) {
	switch {
	case now.state == Alarming:
		w.logger.Error("watchtower stalls", "check", k.check.Name, "what", k.check.Title, "since", now.since, "why", now.why)
	case now.state == Failing && before != Unknown:
		w.logger.Warn("a check of watchtower itself fails", "check", k.check.Name, "what", k.check.Title, "since", now.since, "why", now.why)
	case now.state == OK && k.said:
		w.logger.Info("a check of watchtower itself is ok again", "check", k.check.Name)
	}
	k.said = now.state == Alarming || now.state == Failing && before != Unknown
}

// herald tells of a check's alarms and of their ends.
func (w *Watch) herald(ctx context.Context, k *kept) {
	again := time.NewTimer(tellAgain)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.changed:
		case <-again.C:
		}
		again.Reset(tellAgain)
		alarm, due := w.alarm(k)
		if !due {
			continue
		}
		err := w.telling(ctx, alarm)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			w.logger.Error("an alarm about watchtower itself is not told, trying again", "check", k.check.Name, "over", !alarm.Over.IsZero(), "err", err)
			again.Reset(retryTell)
		case !alarm.Over.IsZero():
			w.mu.Lock()
			k.owed = k.st.state == Alarming
			w.mu.Unlock()
		}
	}
}

func (w *Watch) telling(ctx context.Context, a Alarm) error {
	ctx, cancel := context.WithTimeout(ctx, tellFor)
	defer cancel()
	return w.tell(ctx, a)
}

// alarm is what is to be told of a check now, if anything is.
func (w *Watch) alarm(k *kept) (a Alarm, due bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a = Alarm{Check: k.check, Since: k.st.began, Over: k.st.over, Why: k.st.why}
	if k.st.state == OK && a.Over.IsZero() {
		a.Over = time.Now() // of an alarm that only an earlier process knows of
	}
	return a, k.st.state == Alarming || k.st.state == OK && k.owed
}

// healthy tells whether every check has been looked at and is ok.
func (w *Watch) healthy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range w.kept {
		if k.st.state != OK {
			return false
		}
	}
	return true
}

// Status is what /status shows.
type Status struct {
	Checks    []CheckStatus
	Heartbeat HeartbeatStatus
}

// CheckStatus is how a check stands. Since and Why are set while it is not ok.
type CheckStatus struct {
	Check Check
	State State
	Since time.Time
	Why   string
}

// HeartbeatStatus is how the heartbeat fares.
type HeartbeatStatus struct {
	Configured bool
	Interval   time.Duration
	// SentAt is when a beat was last taken; zero: not yet.
	SentAt time.Time
	// Trouble is why the last beat was not taken, "" if it was. It holds no secret.
	Trouble string
	// Held tells that no beat is sent because a check is not ok.
	Held bool
}

// Status returns how all stands.
func (w *Watch) Status() Status {
	held := !w.healthy()
	w.mu.Lock()
	defer w.mu.Unlock()
	var s Status
	for _, k := range w.kept {
		c := CheckStatus{Check: k.check, State: k.st.state}
		if c.State == Failing || c.State == Alarming {
			c.Since, c.Why = k.st.since, k.st.why
		}
		s.Checks = append(s.Checks, c)
	}
	if w.heart != nil {
		s.Heartbeat = HeartbeatStatus{
			Configured: true, Interval: time.Duration(w.heart.conf.Interval), Held: held,
			SentAt: w.heart.sentAt, Trouble: w.heart.trouble,
		}
	}
	return s
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
